//! How much work the commands do, in instructions that valgrind counts. Unlike times, they are the same in every run, however
//! loaded the machine is.
//!
//! The limits are for the development build, and a sixth above what was measured, because compilers differ. A limit that a
//! change breaks is a question: is what it adds worth that much? `cargo xtask bench` prints the figures of the release build.

use std::{path::Path, process::Command};

use crate::support::{TestTree, peer, run};

/// Millions of instructions, at most.
const INIT: u64 = 84;
const CHECK: u64 = 43;
const RENEW: u64 = 147;

#[test]
fn commands_take_no_more_instructions_than_before() {
    let Some(valgrind) = peer("valgrind") else {
        return;
    };
    let tree = TestTree::empty();
    let counted = |arguments: &[&str]| instructions(&valgrind, &tree, arguments);
    let init = counted(&[
        "init",
        "--node-name=cp-1",
        "--apiserver-advertise-address=192.0.2.11",
        "--encryption-algorithm=ECDSA-P256",
    ]);
    let check = counted(&["check-expiration"]);
    let renew = counted(&["renew", "all", "--reuse-key"]);
    let is_plausible = |count: u64, limit: u64| count <= limit && count > limit / 3;
    assert!(
        is_plausible(init, INIT) && is_plausible(check, CHECK) && is_plausible(renew, RENEW),
        "millions of instructions: init {init}, check-expiration {check}, renew {renew}; limits {INIT}, {CHECK}, {RENEW}"
    );
}

/// Runs `pki` on a tree and returns how many millions of instructions it took.
fn instructions(valgrind: &Path, tree: &TestTree, arguments: &[&str]) -> u64 {
    let pki = tree.command(arguments);
    let mut command = Command::new(valgrind);
    command
        .env_clear()
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(pki.get_program())
        .args(pki.get_args());
    let counted = run(&mut command).ok();
    let line = counted
        .stderr
        .lines()
        .find_map(|line| line.split_once("refs:"));
    let count: String = line
        .unwrap()
        .1
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    count.parse::<u64>().unwrap() / 1_000_000
}
