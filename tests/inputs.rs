//! What lies in a tree and is not what it should be: for each case, what `init`, `check-expiration` and `renew all` make of it.
//!
//! The cases are the tables of the modules below; a row is a test.

mod certificates;
mod hints;
mod keys;
mod kubeconfigs;
pub(crate) mod specimen;

use std::{fs, path::Path};

use crate::support::peer;
use specimen::{LEAVES, Specimen};

/// What `init` is expected to do.
enum Init {
    /// Everything is there and usable.
    Keeps,
    /// Exit code 3, with this in the message; nothing is written, not even state.
    Refuses(&'static str),
}

/// What `renew all` is expected to do.
enum Renew {
    /// Everything is renewed, this row too, and the tree is usable afterwards.
    Heals(&'static str),
    /// Everything is renewed; what is wrong is none of it, and stays as it is.
    Besides,
    /// The row stays byte for byte and is named with the reason; every other one is renewed; exit code 5.
    LeavesOut(&'static str, &'static str),
    /// Exit code 3, with this in the message; nothing is written.
    Refuses(&'static str),
}

/// What `check-expiration` is expected to do.
enum Check {
    /// Exit code 0: what expires is all right.
    Healthy,
    /// Exit code 5: the row is shown as missing or broken, and every other one is shown as usual.
    Shows(&'static str),
    /// Exit code 5: the row is shown with its dates, and this is said of it.
    Attention(&'static str, &'static str),
}

/// Spoils a tree and holds the three commands to their verdicts.
#[track_caller]
fn judge(spoil: impl Fn(&Specimen), init: Init, check: Check, renew: Renew) {
    if peer("openssl").is_none() {
        return;
    }
    judge_init(&spoil, init);
    let specimen = Specimen::new();
    spoil(&specimen);
    judge_check(&specimen, check);
    judge_renewal(&specimen, renew);
}

#[track_caller]
fn judge_init(spoil: &impl Fn(&Specimen), init: Init) {
    let specimen = Specimen::new();
    spoil(&specimen);
    match init {
        Init::Keeps => {
            let before = specimen.snapshot();
            let run = specimen.pki(&["init"]).ok();
            specimen.assert_unchanged(&before, &run);
        }
        Init::Refuses(reason) => {
            // Without state, so that any that appears is seen.
            let config = specimen.folder().join("config.yaml");
            fs::rename(specimen.path(".pki/cluster.yaml"), &config).unwrap();
            fs::remove_dir_all(specimen.path(".pki")).unwrap();
            let before = specimen.snapshot();
            let run = specimen.pki(&["init", "--config", config.to_str().unwrap()]);
            assert_eq!(run.code, Some(3), "init should refuse: {run}");
            assert!(
                run.stderr.contains(reason),
                "init should say {reason:?}: {run}"
            );
            assert_eq!(run.stdout, "", "a refusal is not data: {run}");
            specimen.assert_unchanged(&before, &run);
        }
    }
}

#[track_caller]
fn judge_check(specimen: &Specimen, check: Check) {
    let before = specimen.snapshot();
    let run = specimen.pki(&["check-expiration"]);
    specimen.assert_unchanged(&before, &run);
    let shown = |row: &str| {
        let lines = || run.stdout.lines();
        let words = |line: &str| {
            line.split_whitespace()
                .take(2)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let bad = lines().any(
            |line| matches!(&words(line)[..], [mark, name] if mark.starts_with('!') && name == row),
        );
        let good = lines().any(|line| words(line).first().is_some_and(|name| name == row));
        (good, bad)
    };
    match check {
        Check::Healthy => {
            assert_eq!(run.code, Some(0), "the check should find nothing: {run}");
            for row in LEAVES {
                assert_eq!(shown(row), (true, false), "{row}: {run}");
            }
        }
        Check::Attention(row, reason) => {
            assert_eq!(run.code, Some(5), "the check should fail: {run}");
            assert!(run.stderr.contains(&format!("`{row}` {reason}")), "{run}");
            for row in LEAVES {
                assert_eq!(shown(row), (true, false), "{row}: {run}");
            }
        }
        Check::Shows(bad) => {
            assert_eq!(run.code, Some(5), "the check should fail: {run}");
            assert!(shown(bad).1, "the check should mark {bad}: {run}");
            assert!(run.stderr.contains(bad), "and say why: {run}");
            for row in LEAVES.into_iter().filter(|row| *row != bad) {
                assert_eq!(shown(row), (true, false), "{row}: {run}");
            }
        }
    }
}

#[track_caller]
fn judge_renewal(specimen: &Specimen, renew: Renew) {
    let before = specimen.snapshot();
    let leaves = specimen.leaves();
    let run = specimen.pki(&["renew", "all"]);
    let untouched: Vec<_> = {
        let after = specimen.leaves();
        LEAVES
            .into_iter()
            .filter(|row| leaves[row] == after[row])
            .collect()
    };
    match renew {
        Renew::Refuses(reason) => {
            assert_eq!(run.code, Some(3), "renew should refuse: {run}");
            assert!(
                run.stderr.contains(reason),
                "renew should say {reason:?}: {run}"
            );
            specimen.assert_unchanged(&before, &run);
        }
        Renew::LeavesOut(row, reason) => {
            assert_eq!(run.code, Some(5), "something asked for was not done: {run}");
            let named = |line: &str| {
                line.starts_with(&format!("not renewed: {row}: ")) && line.contains(reason)
            };
            assert!(
                run.stdout.lines().any(named),
                "renew should name {row} and say {reason:?}: {run}"
            );
            assert_eq!(untouched, [row], "{run}");
        }
        Renew::Besides => {
            assert_eq!(run.code, Some(0), "renew should succeed: {run}");
            assert_eq!(untouched, [""; 0], "{run}");
            for name in ["pki/sa.key", "pki/sa.pub"] {
                let name = Path::new("etc/kubernetes").join(name);
                assert_eq!(
                    before.get(&name),
                    specimen.snapshot().get(&name),
                    "{}",
                    name.display()
                );
            }
        }
        Renew::Heals(row) => {
            assert_eq!(run.code, Some(0), "renew should succeed: {run}");
            assert_eq!(untouched, [""; 0], "{run}");
            assert!(
                LEAVES.contains(&row) && run.stdout.contains(&format!("\n{row} ")),
                "{run}"
            );
            specimen.pki(&["check-expiration"]).ok();
            specimen.pki(&["init"]).ok();
        }
    }
}

/// Makes a test of each row: what is spoiled => what `init`, `check-expiration` and `renew all` do.
macro_rules! cases {
    ($($(#[$attribute:meta])* $name:ident: $spoil:expr => $init:expr, $check:expr, $renew:expr;)*) => {
        $($(#[$attribute])* #[test] fn $name() { $crate::inputs::judge($spoil, $init, $check, $renew); })*
    };
}
use cases;
