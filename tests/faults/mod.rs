//! The state of the tree after a run that was killed, failed, was interrupted, or ran at the same time as others.
//!
//! Every file-system call of `init`, `renew all`, `renew apiserver` and `rollback` that concerns the tree is a point at
//! which the process is killed before the call takes effect, or at which the call fails once, or from then on, or writes
//! only half. After each, `judge.py` says what the tree is, `check-expiration` has to cope with it, and the same command
//! run again has to bring it to its end; [`pairs`] does the same for the files of `ca new`. The judge reads with the Python packages cryptography and PyYAML and shares no
//! code with what writes; it is seen to refuse in [`judge`].
//!
//! # Why a tracer
//!
//! `tracer.py` runs the binary that operators get and injects the faults from outside, by ptrace and a seccomp filter.
//! Fail points in the store would be quicker, and would prove less: they stand where their author expected a call to fail,
//! cover only what goes through them, and have to be compiled in. strace injects faults as well, but counts calls for each
//! thread and each name apart, while the files of a transaction are synced by several threads; its Nth call is none that can
//! be told in advance, and it cannot make everything fail from one call on. The price is that the tests are skipped where
//! tracing is not permitted; where peers are required they fail there.
//!
//! # How many faults run
//!
//! Killing at a call that changes nothing leaves the same tree as killing at the next one that does, so these are the
//! calls to kill at, and every one of them is a point of every run. Of the others a fixed, evenly spread selection runs, and
//! those that make the journal, which is the commit, or take it away. All of them, which takes ten minutes or more, run every night, and
//! with `PKI_FAULT_POINTS=all` in the environment, as in `PKI_FAULT_POINTS=all cargo xtask test -- faults`. Each sweep says how
//! many of how many points it ran.

mod contention;
mod judge;
mod mounts;
mod outputs;
mod pairs;
mod recovery;
mod signals;
mod sweep;
mod tracer;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::support::{TestTree, copy};

/// What the trees are made with; the judge knows the address.
const FLAGS: [&str; 6] = [
    "--node-name",
    "cp-1",
    "--apiserver-advertise-address",
    "192.0.2.11",
    "--encryption-algorithm",
    "ECDSA-P256",
];

/// Returns whether nothing is to be left out.
fn everything() -> bool {
    env::var("PKI_FAULT_POINTS").is_ok_and(|value| value == "all")
}

/// Returns `count` numbers below `total`, evenly spread, or all of them.
fn spread(total: usize, count: usize) -> Vec<usize> {
    let count = if everything() {
        total
    } else {
        count.min(total)
    };
    (0..count)
        .map(|index| (2 * index + 1) * total / (2 * count))
        .collect()
}

/// A folder of its own, in memory where that is possible: thousands of trees are made and synced in it.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    TempDir::new_in(memory).or_else(|_| TempDir::new()).unwrap()
}

/// Makes a tree in a scratch folder.
fn fresh_tree() -> TempDir {
    let tree = TestTree::made_now(&FLAGS);
    let folder = scratch();
    copy(tree.root(), folder.path());
    folder
}

/// Returns the names of the tree's generations, in order.
fn generations(tree: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(tree.join("etc/kubernetes/.pki/generations"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Returns the path of a script in this folder.
fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/faults")
        .join(name)
}
