//! What lies in a tree and is not what it should be: for each case, what `init`, `check-expiration` and `renew all` make of it.
//!
//! The cases are the tables of the modules below; a row is a test. Whatever its verdicts are, each of its runs ends within a
//! second, without a panic, tells no key, and changes nothing that it does not say.

mod authorities;
mod certificates;
mod chains;
mod config;
mod forge;
mod hints;
mod keys;
mod kubeconfigs;
mod names;
pub(crate) mod specimen;
mod table;
mod trees;

use std::{fs, path::Path, process::Command, rc::Rc, time::Duration};

use tempfile::TempDir;

use crate::support::{Run, peer, run};
use specimen::{AUTHORITIES, LEAVES, Snapshot, Specimen, What, differences, files_of};

/// What `init` is expected to do.
enum Init {
    /// Everything is there and usable.
    Keeps,
    /// The same, and this is said.
    KeepsSaying(&'static str),
    /// Exit code 3, with this in the message; nothing is written, not even state.
    Refuses(&'static str),
    /// It refuses or it warns, and writes nothing; this is said in any case.
    Mentions(&'static str),
    /// Exit code 0: these rows are made, and nothing else is touched.
    Makes(&'static [&'static str]),
    /// Exit code 5: these rows are made, these are not and are named, and nothing else is touched.
    Lacks(&'static [&'static str], &'static [&'static str]),
}

/// What `check-expiration` is expected to do.
enum Check {
    /// Exit code 0: what expires is all right.
    Healthy,
    /// Exit code 4: the row expires soon.
    Due(&'static str),
    /// Exit code 5: the row is shown as missing or broken, and every other one is shown as usual.
    Shows(&'static str),
    /// The same for several rows.
    ShowsAll(&'static [&'static str]),
    /// Exit code 5: the row is shown with its dates, and this is said of it.
    Attention(&'static str, &'static str),
    /// Exit code 5: the row is shown as broken, with or without dates.
    Fails(&'static str),
    /// Exit code 5: this is said, and every row is shown as usual.
    Says(&'static str),
    /// It gets to its end.
    Reads(&'static str),
    /// The same for several rows.
    AttentionAll(&'static [&'static str], &'static str),
    /// Exit code 0: nothing in it expires; it is no row, and that is said.
    LeavesOut(&'static str),
    /// This exit code: the first rows are marked, the second ones are not listed, and all others are shown as usual.
    Lists(i32, &'static [&'static str], &'static [&'static str]),
}

/// What `renew all` is expected to do.
enum Renew {
    /// Everything is renewed, this row too, and the tree is usable afterwards.
    Heals(&'static str),
    /// Everything is renewed; this row ends with its CA, which is soon: exit code 4.
    HealsForNow(&'static str),
    /// Everything is renewed; what is wrong is none of it, and stays as it is.
    Besides,
    /// The same for something that makes the row useless, so the exit code is 5 and this is said of it.
    BesidesSaying(&'static str, &'static str),
    /// The row stays byte for byte and is named with the reason; every other one is renewed; exit code 5.
    LeavesOut(&'static str, &'static str),
    /// The row is not `pki`'s to renew: as [`Renew::LeavesOut`], with exit code 0.
    Skips(&'static str, &'static str),
    /// The same for several rows.
    SkipsAll(&'static [&'static str], &'static str),
    /// This exit code: the first rows are left out and named, the second ones are not mentioned, all others are renewed.
    Lists(i32, &'static [&'static str], &'static [&'static str]),
    /// What this CA signs is left out with this reason; every other row is renewed; exit code 5.
    Stops(&'static str, &'static str),
}

/// Returns the rows that a CA signs.
fn signed_by(ca: &str) -> Vec<&'static str> {
    let is_signed = |row: &&&str| {
        let signer = pki::catalog::find(row).and_then(|row| row.signer());
        signer.is_some_and(|signer| signer.name == ca)
    };
    LEAVES.iter().filter(is_signed).copied().collect()
}

/// Spoils a tree and holds the three commands to their verdicts.
#[track_caller]
fn judge(spoil: impl Fn(&Specimen), init: Init, check: Check, renew: Renew) {
    if peer("openssl").is_none() {
        return;
    }
    let spoiled = Spoiled::new(spoil);
    judge_init(&spoiled, init);
    judge_check(&spoiled, check);
    judge_renewal(&spoiled, renew);
}

/// What has a spoiled tree for every trial.
trait Source {
    fn tree(&self) -> Rc<Specimen>;
}

/// A tree is made for each one.
impl<F: Fn(&Specimen)> Source for F {
    fn tree(&self) -> Rc<Specimen> {
        let specimen = Specimen::new();
        self(&specimen);
        Rc::new(specimen)
    }
}

/// The tree is spoiled once, since `openssl` takes its time, and is brought back to that for each one, in its place.
struct Spoiled {
    specimen: Rc<Specimen>,
    saved: TempDir,
}

impl Spoiled {
    fn new(spoil: impl Fn(&Specimen)) -> Spoiled {
        let specimen = spoil.tree();
        let saved = Specimen::place();
        copy(specimen.folder(), saved.path());
        Spoiled { specimen, saved }
    }
}

impl Source for Spoiled {
    fn tree(&self) -> Rc<Specimen> {
        let folder = self.specimen.folder();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_folder = path.symlink_metadata().unwrap().is_dir();
            if is_folder {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            }
            .unwrap();
        }
        copy(self.saved.path(), folder);
        self.specimen.begin();
        Rc::clone(&self.specimen)
    }
}

/// Copies what is in a folder into another one, attributes and all.
fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from.join(".")).arg(to)).ok();
}

/// A run on a tree that was spoiled for it.
struct Trial {
    specimen: Rc<Specimen>,
    before: Snapshot,
    run: Run,
}

/// How long no command may take.
const LIMIT: Duration = Duration::from_secs(1);

/// Runs a command on a spoiled tree; `prepare` returns its arguments.
#[track_caller]
fn trial(source: &impl Source, prepare: impl Fn(&Specimen) -> Vec<String>) -> Trial {
    // Something else may have the processors just then, but not each time.
    for _ in 0..3 {
        let specimen = source.tree();
        let arguments = prepare(&specimen);
        let before = specimen.snapshot();
        let run = specimen.pki(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        if specimen.slowest() < LIMIT.mul_f64(load()) {
            assert_named(&run);
            return Trial {
                specimen,
                before,
                run,
            };
        }
    }
    panic!("each of three runs took more than {LIMIT:?}");
}

/// Returns how many processes share a processor: where there are many, a second is longer.
fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap();
    let running: f64 = text.split(' ').next().unwrap().parse().unwrap();
    let processors = std::thread::available_parallelism().unwrap().get();
    (running / processors as f64).max(1.0)
}

/// Every error names what it is about.
#[track_caller]
fn assert_named(run: &Run) {
    let nameless = |line: &&str| line.starts_with("error: ") && !line.contains('`');
    let line = run.stderr.lines().find(nameless);
    assert!(line.is_none(), "{line:?} names nothing: {run}");
}

fn plainly(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&word| word.to_owned()).collect()
}

#[track_caller]
fn judge_init(source: &impl Source, init: Init) {
    match init {
        Init::Keeps => {
            let Trial {
                specimen,
                before,
                run,
            } = trial(source, |_| plainly(&["init"]));
            assert_eq!(run.code, Some(0), "init should keep it: {run}");
            specimen.assert_unchanged(&before, &run);
        }
        Init::KeepsSaying(what) => {
            let Trial {
                specimen,
                before,
                run,
            } = trial(source, |_| plainly(&["init"]));
            assert_eq!(run.code, Some(0), "init should keep it: {run}");
            assert!(run.stderr.contains(what), "init should say {what:?}: {run}");
            specimen.assert_unchanged(&before, &run);
        }
        Init::Refuses(reason) => {
            let Trial {
                specimen,
                before,
                run,
            } = trial(source, without_state);
            assert_eq!(run.code, Some(3), "init should refuse: {run}");
            assert!(
                run.stderr.contains(reason),
                "init should say {reason:?}: {run}"
            );
            assert_eq!(run.stdout, "", "a refusal is not data: {run}");
            specimen.assert_unchanged(&before, &run);
        }
        Init::Mentions(what) => {
            let Trial {
                specimen,
                before,
                run,
            } = trial(source, |_| plainly(&["init"]));
            assert!(matches!(run.code, Some(0 | 3)), "{run}");
            assert!(
                run.stderr.contains(what),
                "init should mention {what:?}: {run}"
            );
            specimen.assert_unchanged(&before, &run);
        }
        Init::Makes(rows) => judge_completion(source, rows, &[]),
        Init::Lacks(rows, lacking) => judge_completion(source, rows, lacking),
    }
}

/// Takes the state away, so that any that appears is seen; the configuration goes beside the tree.
fn without_state(specimen: &Specimen) -> Vec<String> {
    let config = specimen.folder().join("config.yaml");
    fs::rename(specimen.path(".pki/cluster.yaml"), &config).unwrap();
    fs::remove_dir_all(specimen.path(".pki")).unwrap();
    plainly(&["init", "--config", config.to_str().unwrap()])
}

#[track_caller]
fn judge_completion(source: &impl Source, rows: &[&str], lacking: &[&str]) {
    let Trial {
        specimen,
        before,
        run,
    } = trial(source, |_| plainly(&["init"]));
    let code = if lacking.is_empty() { 0 } else { 5 };
    assert_eq!(run.code, Some(code), "init should complete it: {run}");
    assert_eq!(run.marked('+'), rows, "init should make: {run}");
    for row in lacking {
        let is_named = |line: &str| {
            line.split(|c: char| !(c.is_alphanumeric() || ".-".contains(c)))
                .any(|word| word == *row)
                && line.contains("external")
        };
        let said = run.stderr.lines().chain(run.stdout.lines()).any(is_named);
        assert!(said, "{row} should be named with the reason: {run}");
    }
    let after = specimen.snapshot();
    let mine: Vec<_> = rows.iter().flat_map(|row| files_of(row)).collect();
    for name in &mine {
        assert!(specimen.path(name).is_file(), "{name} is not there: {run}");
    }
    let is_mine =
        |path: &Path| mine.iter().any(|name| path == Path::new(name)) || path.starts_with(".pki");
    assert_eq!(
        differences(&others(&before, is_mine), &others(&after, is_mine)),
        "",
        "{run}"
    );
    if lacking.is_empty() {
        specimen.pki(&["init"]).ok();
    }
}

/// Returns everything but directories and what a command may change; `is_mine` judges a path below `etc/kubernetes`.
fn others(snapshot: &Snapshot, is_mine: impl Fn(&Path) -> bool) -> Snapshot {
    let kept = snapshot.iter().filter(|(path, entry)| {
        let below = path.strip_prefix("etc/kubernetes").unwrap_or(path);
        !is_mine(below) && entry.what != What::Directory
    });
    kept.map(|(path, entry)| (path.clone(), entry.clone()))
        .collect()
}

#[track_caller]
fn judge_check(source: &impl Source, check: Check) {
    let Trial {
        specimen,
        before,
        run,
    } = trial(source, |_| plainly(&["check-expiration"]));
    specimen.assert_unchanged(&before, &run);
    let (code, marked, unmarked): (_, &[&str], &[&str]) = match &check {
        Check::Healthy => (0, &[], &[]),
        Check::LeavesOut(row) => (0, &[], &[*row]),
        Check::Says(_) => (5, &[], &[]),
        Check::Reads(row) => (run.code.unwrap(), &[], &[*row]),
        Check::Fails(row) => (5, &[*row], &[]),
        Check::Due(row) => (4, &[], &[*row]),
        Check::Shows(row) => (5, &[*row], &[]),
        Check::ShowsAll(rows) => (5, *rows, &[]),
        Check::Lists(code, marked, absent) => (*code, *marked, *absent),
        Check::Attention(row, _) => (5, &[], &[*row]),
        Check::AttentionAll(rows, _) => (5, &[], *rows),
    };
    assert_eq!(run.code, Some(code), "the check should end so: {run}");
    for row in marked {
        assert!(shown(&run, row).1, "the check should mark {row}: {run}");
        // A healthy node need not have it, so there is nothing to be said.
        let is_said = run.stderr.contains(row) || *row == "super-admin.conf";
        assert!(code == 0 || is_said, "and say why: {run}");
    }
    for row in LEAVES
        .into_iter()
        .chain(AUTHORITIES)
        .filter(|row| !marked.contains(row) && !unmarked.contains(row))
    {
        assert_eq!(shown(&run, row), (true, false), "{row}: {run}");
    }
    match check {
        Check::Attention(row, reason) => assert_attention(&run, row, reason),
        Check::AttentionAll(rows, reason) => rows
            .iter()
            .for_each(|row| assert_attention(&run, row, reason)),
        Check::Due(row) => assert_attention(&run, row, "expires on"),
        Check::Says(reason) => {
            assert!(
                run.stderr.contains(reason),
                "it should say {reason:?}: {run}"
            );
        }
        Check::LeavesOut(row) => {
            assert_eq!(shown(&run, row), (false, false), "{row} is no row: {run}");
            assert!(run.stderr.contains(row), "and that is said: {run}");
        }
        Check::Lists(_, _, absent) => {
            for row in absent {
                assert_eq!(shown(&run, row), (false, false), "{row} is no row: {run}");
            }
        }
        Check::Healthy
        | Check::Reads(_)
        | Check::Fails(_)
        | Check::Shows(_)
        | Check::ShowsAll(_) => {}
    }
}

/// Returns whether a check has shown a row as usual, and whether with a mark.
fn shown(run: &Run, row: &str) -> (bool, bool) {
    let lines = || run.stdout.lines().map(|line| line.split_whitespace());
    let usual = lines().any(|mut words| words.next() == Some(row));
    let marked = lines().any(|mut words| {
        words.next().is_some_and(|mark| mark.starts_with('!')) && words.next() == Some(row)
    });
    (usual, marked)
}

/// The row is shown with its dates, and a warning gives the reason.
#[track_caller]
fn assert_attention(run: &Run, row: &str, reason: &str) {
    let is_dated = |line: &str| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| word.starts_with('!'));
        words.next() == Some(row) && line.contains(" UTC ")
    };
    assert!(
        run.stdout.lines().any(is_dated),
        "{row} should be shown with its dates: {run}"
    );
    let is_said =
        |line: &str| line.starts_with("warning: ") && line.contains(row) && line.contains(reason);
    assert!(
        run.stderr.lines().any(is_said),
        "the check should say {reason:?} of {row}: {run}"
    );
}

#[track_caller]
fn judge_renewal(source: &impl Source, renew: Renew) {
    let Trial {
        specimen,
        before,
        run,
    } = trial(source, |_| plainly(&["renew", "all"]));
    let after = specimen.snapshot();
    let is_as_before = |row: &&str| {
        files_of(row).iter().all(|name| {
            let path = Path::new("etc/kubernetes").join(name);
            before.get(&path).map(|entry| &entry.what) == after.get(&path).map(|entry| &entry.what)
        })
    };
    let untouched: Vec<_> = LEAVES.into_iter().filter(is_as_before).collect();
    let nothing: &[&str] = &[];
    let signed = match &renew {
        Renew::Stops(ca, _) => signed_by(ca),
        _ => Vec::new(),
    };
    let (code, left, silent, reason) = match &renew {
        Renew::Stops(_, reason) => (5, signed.as_slice(), nothing, *reason),
        Renew::Heals(_) | Renew::Besides => (0, nothing, nothing, ""),
        Renew::HealsForNow(row) => {
            assert!(LEAVES.contains(row), "{row}");
            (4, nothing, nothing, "")
        }
        Renew::BesidesSaying(row, reason) => {
            let is_said = |line: &str| line.contains(row) && line.contains(reason);
            assert!(
                run.stderr.lines().any(is_said),
                "renew should say {reason:?} of {row}: {run}"
            );
            (5, nothing, nothing, "")
        }
        Renew::LeavesOut(row, reason) => (5, std::slice::from_ref(row), nothing, *reason),
        Renew::Skips(row, reason) => (0, std::slice::from_ref(row), nothing, *reason),
        Renew::Lists(code, left, silent) => (*code, *left, *silent, ""),
        Renew::SkipsAll(rows, reason) => (0, *rows, nothing, *reason),
    };
    assert_eq!(run.code, Some(code), "renew should end so: {run}");
    let expected: Vec<_> = LEAVES
        .into_iter()
        .filter(|row| left.contains(row) || silent.contains(row))
        .collect();
    assert_eq!(untouched, expected, "all others should be renewed: {run}");
    for row in silent {
        assert!(
            run.reason_for_skipping(row).is_none(),
            "{row} is no row: {run}"
        );
    }
    for row in left {
        let said = run.reason_for_skipping(row);
        assert!(
            said.is_some_and(|said| said.contains(reason)),
            "renew should name {row} and say {reason:?}: {run}"
        );
    }
    let is_mine = |path: &Path| {
        let mut names = LEAVES.into_iter().flat_map(files_of);
        names.any(|name| path == Path::new(&name)) || path.starts_with(".pki")
    };
    assert_eq!(
        differences(&others(&before, is_mine), &others(&after, is_mine)),
        "",
        "{run}"
    );
    if let Renew::Heals(row) = renew {
        assert!(
            LEAVES.contains(&row) && run.marked('~').contains(&row),
            "{run}"
        );
        specimen.pki(&["check-expiration"]).ok();
        specimen.pki(&["init"]).ok();
    }
}

/// Makes a test of each row: what is spoiled => what `init`, `check-expiration` and `renew all` do.
macro_rules! cases {
    ($($(#[$attribute:meta])* $name:ident: $spoil:expr => $init:expr, $check:expr, $renew:expr;)*) => {
        $($(#[$attribute])* #[test] fn $name() { $crate::inputs::judge($spoil, $init, $check, $renew); })*
    };
}
use cases;
