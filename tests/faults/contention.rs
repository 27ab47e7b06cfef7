//! Several runs on one tree.

use std::{path::Path, thread};

use super::{
    everything, fresh_tree,
    judge::{Judge, Selection, State},
    tracer::Tracer,
};
use crate::support::{Run, pki, run};

const RUNS: usize = 8;

fn renew() -> Vec<String> {
    ["renew", "apiserver"].map(str::to_owned).to_vec()
}

fn renew_once(tree: &Path) -> Run {
    run(pki().args(renew()).arg("--rootfs").arg(tree))
}

fn check_once(tree: &Path) -> Run {
    run(pki().args(["check-expiration", "--rootfs"]).arg(tree))
}

fn renew_at_once(tree: &Path, runs: usize) -> Vec<Run> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..runs)
            .map(|_| scope.spawn(|| renew_once(tree)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

#[test]
fn while_one_run_works_all_others_say_so_and_give_up() {
    let (Some(mut tracer), Some(mut judge)) = (Tracer::start(), Judge::start()) else {
        return;
    };
    let tree = fresh_tree();
    let clean = tracer.clean(&renew(), tree.path());
    // Between the renames of the key and of its certificate.
    let between = clean
        .calls("change")
        .iter()
        .position(|call| call.starts_with("rename") && call.ends_with("/apiserver.crt"))
        .unwrap();
    judge.remember(tree.path());
    let before = judge
        .expect(State::Old, tree.path(), &Selection::Apiserver)
        .ledger
        .unwrap();

    let holder = tracer.hold(&renew(), tree.path(), between);
    for refused in renew_at_once(tree.path(), RUNS - 1) {
        assert_eq!(refused.code, Some(6), "{refused}");
        let named = format!("`pki renew apiserver`, process {holder}, since ");
        assert!(refused.stderr.contains(&named), "{refused}");
    }
    // A reader sees the tree as it is going to be.
    assert_eq!(check_once(tree.path()).code, Some(0));
    assert_eq!(tracer.let_go().exit, Some(0));
    let verdict = judge.expect(State::New, tree.path(), &Selection::Apiserver);
    assert_eq!(verdict.ledger, Some(before + 1));

    // The lock dies with its holder, and what that one had promised is kept.
    tracer.hold(&renew(), tree.path(), between);
    assert_eq!(tracer.kill().signal, Some(9));
    assert_eq!(check_once(tree.path()).code, Some(4));
    let next = renew_once(tree.path()).ok();
    assert!(
        next.stderr.contains("interrupted after its commit"),
        "{next}"
    );
    let verdict = judge.expect(State::New, tree.path(), &Selection::Apiserver);
    assert_eq!(verdict.ledger, Some(before + 3));
}

#[test]
fn of_eight_runs_at_once_those_that_got_the_lock_renew_and_the_others_do_nothing() {
    let Some(mut judge) = Judge::start() else {
        return;
    };
    let rounds = if everything() { 50 } else { 12 };
    let tree = fresh_tree();
    judge.remember(tree.path());
    let mut issued = judge
        .expect(State::Old, tree.path(), &Selection::Apiserver)
        .ledger
        .unwrap();
    for round in 0..rounds {
        for ended in renew_at_once(tree.path(), RUNS) {
            match ended.code {
                Some(0) => issued += 1,
                Some(6) => assert!(
                    ended
                        .stderr
                        .contains("another `pki` run holds the lock of this tree"),
                    "{ended}"
                ),
                _ => panic!("round {round}: {ended}"),
            }
        }
        let verdict = judge.expect(State::New, tree.path(), &Selection::Apiserver);
        assert_eq!(verdict.ledger, Some(issued), "round {round}");
    }
}

#[test]
fn a_reader_beside_renewals_sees_whole_trees_and_no_interrupted_run() {
    let tree = fresh_tree();
    let renewals = || {
        for _ in 0..40 {
            run(pki().args(["renew", "all", "--rootfs"]).arg(tree.path())).ok();
        }
    };
    thread::scope(|scope| {
        let renewals = scope.spawn(renewals);
        let mut checks = 0;
        while !renewals.is_finished() {
            let checked = run(pki()
                .args(["check-expiration", "--rootfs"])
                .arg(tree.path()));
            let checked = checked.exits(0);
            assert!(!checked.stderr.contains("interrupted"), "{checked}");
            checks += 1;
        }
        assert!(checks > 10, "{checks}");
    });
}
