//! The next run finishes or undoes the commit of a killed run, and may be killed too.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{
    FLAGS, fresh_tree,
    judge::{Judge, Selection, State, Verdict},
    scratch, spread,
    tracer::{Ended, Fault, FaultAction, Tracer},
};
use crate::support::{copy, pki, run, say};

/// How many points of each kind run if not all do.
const SELECTED: usize = 8;

const KILL: Fault = Fault {
    action: FaultAction::Kill,
    class: "change",
    sticky: false,
};

/// From one call on nothing can be written any more.
const READ_ONLY: Fault = Fault {
    action: FaultAction::Fail,
    class: "EROFS",
    sticky: true,
};

/// Which way the tree goes that a killed run has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    New,
    Old,
}

struct Bench {
    tracer: Tracer,
    judge: Judge,
    template: TempDir,
    /// The call of `renew all` that renames the first file into place, and how many do.
    first: usize,
    renames: usize,
}

impl Bench {
    fn new() -> Option<Bench> {
        let (mut tracer, judge) = (Tracer::start()?, Judge::start()?);
        let (template, probe) = (fresh_tree(), scratch());
        copy(template.path(), probe.path());
        let clean = tracer.clean(&renew("all"), probe.path());
        let renames: Vec<_> = clean
            .calls("change")
            .iter()
            .enumerate()
            .filter(|(_, call)| {
                call.starts_with("rename")
                    && !call.contains("/.pki-journal")
                    && !call.contains("/generations/")
            })
            .map(|(at, _)| at)
            .collect();
        Some(Bench {
            first: renames[0],
            renames: renames.len(),
            tracer,
            judge,
            template,
        })
    }

    /// Returns a tree whose renewal was killed after that many renames.
    fn pending(&mut self, promise: Promise, renamed: usize) -> TempDir {
        let tree = scratch();
        copy(self.template.path(), tree.path());
        self.judge.remember(tree.path());
        let ended = self
            .tracer
            .faulty(&renew("all"), tree.path(), KILL, self.first + renamed);
        assert_eq!(ended.signal, Some(9), "{ended:?}");
        if promise == Promise::Old {
            // What a run does first when a rename has failed.
            let pki = tree.path().join("etc/kubernetes/pki");
            fs::rename(
                pki.join(".pki-journal.commit"),
                pki.join(".pki-journal.undo"),
            )
            .unwrap();
        }
        let verdict = self.judge.judge(tree.path(), &Selection::All, false);
        let expected = match promise {
            Promise::New => State::Commit,
            Promise::Old => State::Undo,
        };
        assert_eq!(verdict.state, expected, "{verdict:?}");
        assert!(verdict.problems.is_empty(), "{verdict:?}");
        tree
    }

    /// Renews the API server's pair, which has to finish or undo the other renewal first, and judges.
    #[track_caller]
    fn settle(&mut self, promise: Promise, tree: &Path) {
        run(pki().args(renew("apiserver")).arg("--rootfs").arg(tree)).ok();
        let selection = match promise {
            Promise::New => Selection::All,
            Promise::Old => Selection::Apiserver,
        };
        self.judge.expect(State::New, tree, &selection);
    }
}

fn renew(what: &str) -> Vec<String> {
    ["renew", what].map(str::to_owned).to_vec()
}

#[test]
fn commands_with_nothing_to_do_finish_what_a_killed_run_has_promised() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let init = [&["init"][..], &FLAGS].concat();
    for arguments in [&init[..], &["renew", "--due", "1h"]] {
        // With the first rename still to do, one in the middle, and none.
        for renamed in [0, bench.renames / 2, bench.renames] {
            let tree = scratch();
            copy(bench.template.path(), tree.path());
            bench.judge.remember(tree.path());
            let at = bench.first + renamed;
            bench.tracer.faulty(&renew("all"), tree.path(), KILL, at);
            let ended = run(pki().args(arguments).arg("--rootfs").arg(tree.path())).ok();
            assert!(
                ended.stderr.contains("interrupted after its commit"),
                "{ended}"
            );
            bench.judge.expect(State::New, tree.path(), &Selection::All);
        }
    }
}

#[test]
fn an_undone_renewal_is_undone_to_the_end_wherever_it_stopped() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    for renamed in 0..bench.renames {
        let tree = bench.pending(Promise::Old, renamed);
        // Who reads sees the tree that will be.
        let ended = run(pki()
            .args(["check-expiration", "--rootfs"])
            .arg(tree.path()));
        assert!(matches!(ended.code, Some(0 | 4)), "{ended}");
        assert!(ended.stderr.contains("was interrupted"), "{ended}");
        bench.settle(Promise::Old, tree.path());
    }
}

#[test]
fn a_killed_discard_is_ended_by_the_next_run() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let discard = ["recover", "--discard"].map(str::to_owned).to_vec();
    let half = bench.renames / 2;
    let tree = bench.pending(Promise::New, half);
    let clean = bench.tracer.clean(&discard, tree.path());
    for at in spread(clean.calls("change").len(), SELECTED) {
        let tree = bench.pending(Promise::New, half);
        bench.tracer.faulty(&discard, tree.path(), KILL, at);
        let journal = tree.path().join("etc/kubernetes/pki/.pki-journal.commit");
        let promise = match journal.exists() {
            true => Promise::New,
            false => Promise::Old,
        };
        bench.settle(promise, tree.path());
    }
}

/// It is the end of a commit, and no state to stop in.
#[test]
fn a_signal_does_not_stop_it() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    for how in ["--finish", "--discard"] {
        let recover = ["recover", how].map(str::to_owned).to_vec();
        let half = bench.renames / 2;
        let tree = bench.pending(Promise::New, half);
        let signal = Fault {
            action: FaultAction::Signal(15),
            ..KILL
        };
        let ended = bench.tracer.faulty(&recover, tree.path(), signal, 3);
        assert_eq!((ended.exit, ended.signal), (Some(0), None), "{ended:?}");
        let verdict = bench.judge.judge(tree.path(), &Selection::All, false);
        assert!(!verdict.state.is_pending(), "{verdict:?}");
    }
}

#[test]
fn a_fault_while_another_run_is_finished_or_undone_loses_nothing() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let (mut summary, mut violations) = (Vec::new(), Vec::new());
    for promise in [Promise::New, Promise::Old] {
        let half = bench.renames / 2;
        let tree = bench.pending(promise, half);
        let clean = bench.tracer.clean(&renew("apiserver"), tree.path());
        for fault in [KILL, READ_ONLY] {
            let total = recovery(&clean, fault.class);
            let mut selected = spread(total, SELECTED);
            // The last calls follow the end of the other transaction.
            selected.extend(total - 2..total);
            selected.sort_unstable();
            selected.dedup();
            summary.push(format!(
                "{promise:?} {:?} {} of {total}",
                fault.action,
                selected.len()
            ));
            for at in selected {
                let tree = bench.pending(promise, half);
                let ended = bench
                    .tracer
                    .faulty(&renew("apiserver"), tree.path(), fault, at);
                let verdict = bench.judge.judge(tree.path(), &Selection::All, false);
                violations.extend(judged(promise, fault, &ended, &verdict).map(|what| {
                    let call = ended.hit.as_deref().unwrap_or("not reached");
                    format!(
                        "{promise:?}, {:?} at call {at} ({call}), then {:?}: {what}",
                        fault.action, verdict.state
                    )
                }));
                bench.settle(promise, tree.path());
            }
        }
    }
    say(&format!(
        "faults in recovery: {}; {} violations\n",
        summary.join(", "),
        violations.len()
    ));
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

/// Returns what is wrong after a recovery that was interrupted.
fn judged(promise: Promise, fault: Fault, ended: &Ended, verdict: &Verdict) -> Option<String> {
    let expected: &[State] = match promise {
        Promise::New => &[State::Commit, State::Renamed, State::New],
        Promise::Old => &[State::Undo, State::Old],
    };
    if !verdict.problems.is_empty() {
        return Some(verdict.problems.join(", "));
    }
    if !expected.contains(&verdict.state) {
        return Some("not what was promised".to_owned());
    }
    if fault.action == FaultAction::Kill {
        return None;
    }
    let said = &ended.stderr;
    let contradicts = |text: &str, states: &[State]| {
        (said.contains(text) && !states.contains(&verdict.state))
            .then(|| format!("says otherwise: {said}"))
    };
    if !matches!(ended.exit, Some(1 | 3)) || !said.contains("read-only file system") {
        return Some(format!("exit {:?}: {said}", ended.exit));
    }
    // Whether the journal is gone for good is not known if its removal could not be made durable.
    let hit = ended.hit.as_deref().unwrap_or_default();
    let may_be_pending = hit.contains("/.pki-journal") || hit.ends_with("/pki");
    let pending = [State::Commit, State::Renamed, State::Undo];
    contradicts(
        "a commit is pending",
        if may_be_pending { expected } else { &pending },
    )
    .or_else(|| contradicts("no file was changed", &expected[..1]))
    .or_else(|| {
        contradicts(
            "the new files are all in place",
            &[State::New, State::Renamed],
        )
    })
    .or_else(|| contradicts("the pending commit is undone", &[State::Old]))
}

/// Returns how many calls of a class a run makes before it makes its own first file.
fn recovery(clean: &Ended, class: &str) -> usize {
    clean
        .calls(class)
        .iter()
        .position(|call| {
            call.contains("/ledger.jsonl")
                || call.starts_with("create") && call.ends_with("/.pki-lock")
        })
        .unwrap()
}
