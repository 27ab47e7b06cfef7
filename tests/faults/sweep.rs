//! The sweep over every file-system call of a command.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    FLAGS, everything, fresh_tree, generations,
    judge::{Judge, Selection, State, Verdict},
    scratch, spread,
    tracer::{Ended, Fault, FaultAction, Tracer},
};
use crate::support::{copy, pki, run, say};

/// A way for a call to go wrong, with what the system says then.
struct Mode {
    name: &'static str,
    fault: Fault,
    reason: &'static str,
}

const fn mode(name: &'static str, action: FaultAction, class: &'static str, sticky: bool) -> Mode {
    let reason = match class.as_bytes() {
        b"EIO" => "input/output error",
        b"EACCES" => "permission denied",
        b"EROFS" => "read-only file system",
        _ => "no space left on device",
    };
    Mode {
        name,
        fault: Fault {
            action,
            class,
            sticky,
        },
        reason,
    }
}

const MODES: [Mode; 9] = [
    mode("kill", FaultAction::Kill, "change", false),
    mode("short", FaultAction::Short, "write", false),
    mode("short, then full", FaultAction::Short, "write", true),
    mode("ENOSPC", FaultAction::Fail, "ENOSPC", false),
    mode("ENOSPC from then on", FaultAction::Fail, "ENOSPC", true),
    mode("EIO", FaultAction::Fail, "EIO", false),
    mode("EACCES", FaultAction::Fail, "EACCES", false),
    mode("EROFS", FaultAction::Fail, "EROFS", false),
    mode("EROFS from then on", FaultAction::Fail, "EROFS", true),
];

/// How many points of each mode but `kill` run if not all do.
const SELECTED: usize = 7;

/// How many violations are printed at the end.
const SHOWN: usize = 30;

#[test]
fn a_fault_at_any_call_of_init_leaves_nothing_or_everything() {
    let empty = scratch();
    let mut arguments = vec!["init"];
    arguments.extend(FLAGS);
    sweep("init", &arguments, empty.path(), &Selection::Init);
}

#[test]
fn a_fault_at_any_call_of_renew_all_leaves_the_old_or_the_new_tree() {
    let tree = fresh_tree();
    sweep("renew all", &["renew", "all"], tree.path(), &Selection::All);
}

#[test]
fn a_fault_at_any_call_of_renew_apiserver_leaves_the_old_or_the_new_pair() {
    let (_, tree) = renewed_tree();
    // A mode that is restricted, and a generation that has to go.
    let key = tree.path().join("etc/kubernetes/pki/apiserver.key");
    fs::set_permissions(key, std::os::unix::fs::PermissionsExt::from_mode(0o604)).unwrap();
    sweep(
        "renew apiserver",
        &["renew", "apiserver", "--keep", "1"],
        tree.path(),
        &Selection::Apiserver,
    );
}

/// No file is written beside it, so that nothing else makes its name durable.
#[test]
fn a_state_directory_that_a_renewal_makes_survives_a_power_cut() {
    let Some(mut tracer) = Tracer::start() else {
        return;
    };
    let tree = fresh_tree();
    fs::remove_dir_all(tree.path().join("etc/kubernetes/.pki")).unwrap();
    let arguments = ["renew", "apiserver"].map(str::to_owned);
    let ended = tracer.clean(&arguments, tree.path());
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    assert_eq!(lost_in_a_power_cut(&ended), Vec::<String>::new());
}

#[test]
fn a_fault_at_any_call_of_rollback_leaves_one_tree_or_the_other() {
    let (first, tree) = renewed_tree();
    let [generation] = &generations(tree.path())[..] else {
        panic!("a renewal keeps one generation");
    };
    let selection = Selection::Tree(first.path().to_owned());
    // By its name: without one a second run would put back what the first one had replaced.
    sweep(
        "rollback",
        &["rollback", generation],
        tree.path(),
        &selection,
    );
}

#[test]
fn a_fault_at_any_call_of_csr_generate_leaves_a_new_key_with_its_request_or_neither() {
    let tree = fresh_tree();
    sweep(
        "csr generate",
        &["csr", "generate", "apiserver", "--new-key"],
        tree.path(),
        &Selection::Request,
    );
}

#[test]
fn a_fault_at_any_call_of_csr_import_leaves_the_old_or_the_new_pair() {
    let (tree, beside, imported) = (fresh_tree(), scratch(), scratch());
    let pki = |tree: &Path, arguments: &[&str]| {
        run(pki().args(arguments).arg("--rootfs").arg(tree))
            .ok()
            .stdout
    };
    pki(tree.path(), &["csr", "generate", "apiserver", "--new-key"]);
    let request = tree.path().join("etc/kubernetes/pki/apiserver.csr");
    let certificate = beside.path().join("apiserver.crt");
    let signed = pki(tree.path(), &["csr", "sign", request.to_str().unwrap()]);
    fs::write(&certificate, signed).unwrap();
    let import = ["csr", "import", certificate.to_str().unwrap()];
    copy(tree.path(), imported.path());
    pki(imported.path(), &import);
    let selection = Selection::Tree(imported.path().to_owned());
    sweep("csr import", &import, tree.path(), &selection);
}

#[test]
fn a_fault_at_any_call_of_download_certs_leaves_the_lost_files_lost_or_restored() {
    let (source, beside, tree) = (fresh_tree(), scratch(), scratch());
    let [key, secret] = ["key", "secret.yaml"].map(|name| beside.path().join(name));
    fs::write(&key, "0f1e2d3c4b5a69788796a5b4c3d2e1f0".repeat(2)).unwrap();
    let given = ["--certificate-key-file", key.to_str().unwrap()];
    let mut upload = pki();
    upload.arg("upload-certs").args(given);
    let uploaded = run(upload.arg("--rootfs").arg(source.path())).ok();
    fs::write(&secret, uploaded.stdout).unwrap();
    copy(source.path(), tree.path());
    for file in ["sa.pub", "etcd/ca.crt", "front-proxy-ca.key"] {
        fs::remove_file(tree.path().join("etc/kubernetes/pki").join(file)).unwrap();
    }
    let download = [
        "download-certs",
        secret.to_str().unwrap(),
        given[0],
        given[1],
    ];
    let selection = Selection::Lost(source.path().to_owned());
    sweep("download-certs", &download, tree.path(), &selection);
}

/// Returns a tree as it was made, and with everything renewed.
fn renewed_tree() -> (TempDir, TempDir) {
    let (first, tree) = (fresh_tree(), scratch());
    copy(first.path(), tree.path());
    run(pki().args(["renew", "all", "--rootfs"]).arg(tree.path())).ok();
    (first, tree)
}

fn sweep(name: &str, arguments: &[&str], template: &Path, selection: &Selection) {
    let (Some(tracer), Some(judge)) = (Tracer::start(), Judge::start()) else {
        return;
    };
    let mut sweep = Sweep {
        tracer,
        judge,
        arguments: arguments.iter().map(|&text| text.to_owned()).collect(),
        template: template.to_owned(),
        selection,
        tolerated: BTreeMap::new(),
    };
    let (clean, mut violations) = sweep.clean();
    let (mut points, mut all, mut summary) = (0, 0, String::new());
    for mode in &MODES {
        let calls = clean.calls(mode.fault.class);
        let total = calls.len();
        let mut selected = match mode.fault.action {
            FaultAction::Kill => (0..total).collect(),
            _ => spread(total, SELECTED),
        };
        // A failure on the brink of the commit, of the kinds that a failing disk gives.
        if mode.fault.sticky || mode.fault.class == "EIO" {
            selected.extend(commit_point(&calls));
        }
        selected.sort_unstable();
        selected.dedup();
        points += selected.len();
        all += total;
        summary += &format!(", {} {} of {total}", mode.name, selected.len());
        for at in selected {
            let wrong = sweep.point(mode, at);
            // The whole sweep takes minutes.
            if everything() {
                wrong.iter().for_each(|what| say(&format!("{what}\n")));
            }
            violations.extend(wrong);
        }
    }
    say(&format!(
        "fault sweep of `{name}`: {points} of {all} points, {} violations{summary}; failures that changed nothing: {:?}\n",
        violations.len(),
        sweep.tolerated,
    ));
    assert!(
        violations.is_empty(),
        "{} violations:\n{}",
        violations.len(),
        violations[..violations.len().min(SHOWN)].join("\n")
    );
}

/// Returns the calls that make the journal, the sync that follows them, and those that take it away.
fn commit_point(calls: &[&str]) -> Vec<usize> {
    let changes = |call: &str| {
        ["create", "write", "fsync", "rename", "unlink"]
            .iter()
            .any(|name| call.starts_with(name))
    };
    let of_journal = |call: &str| changes(call) && call.contains("journal");
    (0..calls.len())
        .filter(|&at| {
            of_journal(calls[at])
                || calls[at].starts_with("fsync") && at > 0 && of_journal(calls[at - 1])
        })
        .collect()
}

struct Sweep<'a> {
    tracer: Tracer,
    judge: Judge,
    arguments: Vec<String>,
    template: PathBuf,
    selection: &'a Selection,
    /// Calls whose failure the run got over, by name.
    tolerated: BTreeMap<String, usize>,
}

impl Sweep<'_> {
    /// Runs the command without a fault.
    fn clean(&mut self) -> (Ended, Vec<String>) {
        let tree = self.tree();
        let ended = self.tracer.clean(&self.arguments, tree.path());
        self.judge.expect(State::New, tree.path(), self.selection);
        let violations = lost_in_a_power_cut(&ended);
        (ended, violations)
    }

    /// Makes a new tree, which the judge takes for the old one.
    fn tree(&mut self) -> TempDir {
        let tree = scratch();
        copy(&self.template, tree.path());
        self.judge.remember(tree.path());
        tree
    }

    /// Injects a fault at one call, judges, runs the command again and judges again. Returns what was wrong.
    fn point(&mut self, mode: &Mode, at: usize) -> Vec<String> {
        let tree = self.tree();
        let ended = self
            .tracer
            .faulty(&self.arguments, tree.path(), mode.fault, at);
        let succeeded = ended.exit == Some(0);
        // What housekeeping could not remove is named, and left for the next run.
        let is_settled = succeeded && !failed_in_housekeeping(&ended) && !kept_holder(&ended);
        let verdict = self.judge.judge(tree.path(), self.selection, is_settled);
        let mut wrong = verdict.problems.clone();
        wrong.extend(match mode.fault.action {
            FaultAction::Kill if ended.signal != Some(9) => Some("it was not killed".to_owned()),
            FaultAction::Kill if verdict.state == State::Some => {
                Some("some rows are new".to_owned())
            }
            FaultAction::Kill => None,
            FaultAction::Short if !mode.fault.sticky && !succeeded => {
                Some("a short write is no failure".to_owned())
            }
            _ if succeeded => self.success(mode, &ended, &verdict),
            _ => failure(mode, tree.path(), &ended, &verdict),
        });
        wrong.extend(self.check(tree.path(), &verdict));
        wrong.extend(self.again(tree.path(), &verdict));
        let call = ended.hit.as_deref().unwrap_or("not reached");
        wrong
            .into_iter()
            .map(|what| {
                format!(
                    "{}, call {at} ({call}), exit {:?}, then {:?}: {what}",
                    mode.name, ended.exit, verdict.state
                )
            })
            .collect()
    }

    /// Returns whether an import has done its work, and could not make the removal of the request durable after it.
    fn failed_to_remove_request(&self, ended: &Ended) -> bool {
        let hit = ended.hit.as_deref().unwrap_or_default();
        self.arguments
            .starts_with(&["csr".to_owned(), "import".to_owned()])
            && hit == "fsync etc/kubernetes/pki"
            && ended.stderr.contains("warning: syncing the directory")
    }

    /// Judges a run that ended well in spite of the fault.
    fn success(&mut self, mode: &Mode, ended: &Ended, verdict: &Verdict) -> Option<String> {
        let name = ended.hit.as_deref()?.split(' ').next()?.to_owned();
        if verdict.state != State::New {
            return Some(format!("exit code 0, and the tree is {:?}", verdict.state));
        }
        let may_not_be_ignored = ["create", "write", "fsync", "rename", "ftruncate"];
        if mode.fault.action != FaultAction::Short
            && !failed_in_housekeeping(ended)
            && !self.failed_to_remove_request(ended)
            && !names_no_holder(ended)
            && may_not_be_ignored
                .iter()
                .any(|known| name.starts_with(known))
        {
            return Some(format!("a failed {name} ended in exit code 0"));
        }
        if mode.fault.action == FaultAction::Fail {
            *self.tolerated.entry(name).or_default() += 1;
        }
        None
    }

    /// A command that only reads copes with whatever is there.
    fn check(&self, tree: &Path, verdict: &Verdict) -> Vec<String> {
        let ran = run(pki().args(["check-expiration", "--rootfs"]).arg(tree));
        let mut wrong = Vec::new();
        let expected: &[i32] = match verdict.state {
            // Something is missing.
            State::Old if matches!(self.selection, Selection::Init | Selection::Lost(_)) => &[5],
            // Something is to be done soon.
            state if state.is_pending() => &[0, 4],
            _ => &[0],
        };
        if !ran.code.is_some_and(|code| expected.contains(&code)) {
            wrong.push(format!("check-expiration, want {expected:?}: {ran}"));
        }
        if ran.stderr.contains("was interrupted") != verdict.state.is_pending() {
            wrong.push(format!("check-expiration on what is pending: {ran}"));
        }
        wrong
    }

    /// The same command, without a fault, finishes the work.
    fn again(&mut self, tree: &Path, verdict: &Verdict) -> Vec<String> {
        let ran = run(pki().args(&self.arguments).arg("--rootfs").arg(tree));
        let mut wrong = Vec::new();
        if ran.code != Some(0) {
            wrong.push(format!("run again: {ran}"));
        }
        if matches!(verdict.state, State::Commit | State::Renamed)
            && !ran.stderr.contains("interrupted after its commit")
        {
            wrong.push("run again, it does not say that it finished something".to_owned());
        }
        let after = self.judge.judge(tree, self.selection, true);
        if after.state != State::New {
            wrong.push(format!("run again, the tree is {:?}", after.state));
        }
        wrong.extend(
            after
                .problems
                .into_iter()
                .map(|problem| format!("run again, {problem}")),
        );
        wrong
    }
}

/// Returns whether a run could not remove the file that names the holder of the lock; it is not the lock, and the next run removes it.
fn kept_holder(ended: &Ended) -> bool {
    let hit = ended.hit.as_deref().unwrap_or_default();
    hit.starts_with("unlinkat ") && hit.ends_with("/.pki-lock")
}

/// Returns what a run did not make durable.
fn lost_in_a_power_cut(ended: &Ended) -> Vec<String> {
    let unsynced = ended.unsynced.iter();
    unsynced
        // Says who holds the lock, and no lock outlives a power cut.
        .filter(|what| !what.contains("/.pki-lock"))
        .map(|what| format!("a power cut would lose {what}"))
        .collect()
}

/// Returns whether a run could not write who holds the lock, which it holds all the same.
fn names_no_holder(ended: &Ended) -> bool {
    let hit = ended.hit.as_deref().unwrap_or_default();
    ["create ", "write "]
        .iter()
        .any(|call| hit.starts_with(call))
        && hit.ends_with("/.pki-lock")
}

/// Returns whether a run has done its work, and could not prune generations or merge the ledger after it.
fn failed_in_housekeeping(ended: &Ended) -> bool {
    let hit = ended.hit.as_deref().unwrap_or_default();
    let is_state =
        hit.contains("/.pki/ledger") || hit.contains("/.pki/generations") || hit.ends_with("/.pki");
    is_state && ended.exit == Some(0) && ended.stderr.contains("warning: ")
}

/// Judges a run that failed: it says what failed, why, and what the tree is like now.
fn failure(mode: &Mode, tree: &Path, ended: &Ended, verdict: &Verdict) -> Option<String> {
    let said = format!("{}{}", ended.stderr, ended.stdout);
    let claimed = if said.contains("a commit is pending") {
        // All the renames may have been done, and could be neither synced nor undone.
        vec![State::Commit, State::Renamed, State::Undo]
    } else if said.contains("a commit may be pending") && mode.fault.sticky {
        // Not even the journal can be looked at any more.
        vec![
            State::Commit,
            State::Renamed,
            State::Undo,
            State::Old,
            State::New,
        ]
    } else if said.contains("the new files are all in place") {
        vec![State::New, State::Renamed]
    } else if ended.exit == Some(5) {
        // Only the look at what was renewed failed, or a row that could not be read was left out.
        vec![State::New, State::Some]
    } else {
        vec![State::Old]
    };
    let hit = ended.hit.as_deref()?;
    let once = !mode.fault.sticky && !hit.starts_with("unlink");
    let quoted: String = said.lines().take(6).collect::<Vec<_>>().join(" | ");
    if !matches!(ended.exit, Some(1 | 3 | 5)) {
        Some(format!("ended with {:?}: {quoted}", ended.signal))
    } else if !said.contains(mode.reason) {
        Some(format!("does not say {:?}: {quoted}", mode.reason))
    } else if !said.contains(tree.to_str()?) {
        Some(format!("names no file: {quoted}"))
    } else if !claimed.contains(&verdict.state) {
        Some(format!("says otherwise: {quoted}"))
    } else if once && verdict.state == State::Old && !verdict.leftovers.is_empty() {
        Some(format!("left {:?} behind", verdict.leftovers))
    } else {
        None
    }
}
