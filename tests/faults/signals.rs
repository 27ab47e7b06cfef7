//! Signals that ask a run to stop.

use super::{
    fresh_tree,
    judge::{Judge, Selection, State},
    scratch, spread,
    tracer::{Fault, FaultAction, Tracer},
};
use crate::support::{copy, say};

const SIGNALS: [(&str, i32); 3] = [("SIGHUP", 1), ("SIGINT", 2), ("SIGTERM", 15)];

/// How many calls are interrupted by each signal, if not all are.
const SELECTED: usize = 20;

#[test]
fn a_signal_leaves_the_old_tree_or_the_new_one_and_the_exit_code_says_which() {
    let (Some(mut tracer), Some(mut judge)) = (Tracer::start(), Judge::start()) else {
        return;
    };
    let template = fresh_tree();
    let arguments = ["renew", "all"].map(str::to_owned);
    let probe = scratch();
    copy(template.path(), probe.path());
    let clean = tracer.clean(&arguments, probe.path());
    let calls = clean.calls("any");
    // The run begins to write when it has the lock; before, a signal may simply end it.
    let lock = calls
        .iter()
        .position(|call| call.starts_with("flock"))
        .unwrap();
    let (mut ended_early, mut old, mut new) = (0, 0, 0);
    for (name, number) in SIGNALS {
        for at in spread(calls.len(), SELECTED) {
            let tree = scratch();
            copy(template.path(), tree.path());
            judge.remember(tree.path());
            let fault = Fault {
                action: FaultAction::Signal(number),
                class: "any",
                sticky: false,
            };
            let ended = tracer.faulty(&arguments, tree.path(), fault, at);
            let verdict = judge.judge(tree.path(), &Selection::All, true);
            let what = format!(
                "{name} at call {at} ({:?}): {ended:?}, {verdict:?}",
                ended.hit
            );
            assert!(verdict.problems.is_empty(), "{what}");
            match (verdict.state, ended.exit) {
                (State::Old, None) if at <= lock && ended.signal == Some(number) => {
                    ended_early += 1;
                }
                (State::Old, Some(code)) if code == 128 + number => {
                    assert!(ended.stderr.contains("interrupted by a signal"), "{what}");
                    assert!(ended.stderr.contains("no file was changed"), "{what}");
                    old += 1;
                }
                (State::New, Some(0)) => new += 1,
                _ => panic!("{what}"),
            }
        }
    }
    say(&format!(
        "signals during `renew all`: {old} rolled back, {new} committed, {ended_early} ended before anything was written\n"
    ));
    assert!(old > 0 && new > 0, "the signals came at the wrong time");
}
