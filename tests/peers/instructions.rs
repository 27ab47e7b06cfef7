//! How much work the commands do, in instructions that valgrind counts. Unlike times, they are the same in every run, however
//! loaded the machine is.
//!
//! The limits are for the development build, and a sixth above what was measured, because compilers differ. A limit that a
//! change breaks is a question: is what it adds worth that much? `cargo xtask bench` prints the figures of the release build.

use std::{path::Path, process::Command};

use crate::support::{TestTree, peer, run};

/// Millions of instructions, at most.
const INIT: u64 = 64;
const CHECK: u64 = 34;
const RENEW: u64 = 122;

/// Instructions for a start that does nothing, at most: it takes 1.5 million, and 3.5 if the arguments of all commands are built.
const START: u64 = 1_760_000;

/// Instructions for the first random byte, at most: the kernel's random bytes take 66 thousand.
const RANDOM_BYTE: u64 = 1_000_000;

#[test]
fn commands_take_no_more_instructions_than_before() {
    let Some(valgrind) = peer("valgrind") else {
        return;
    };
    let tree = TestTree::empty();
    let counted =
        |arguments: &[&str]| instructions(&valgrind, &tree.command(arguments)) / 1_000_000;
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

/// AWS-LC can collect entropy from the jitter of the CPU, which takes 37 to 67 ms: build.rs keeps that out of the binary.
#[test]
fn a_start_and_the_first_random_byte_are_cheap() {
    let Some(valgrind) = peer("valgrind") else {
        return;
    };
    let counted = |argument| {
        let mut pki = Command::new(env!("CARGO_BIN_EXE_pki"));
        instructions(&valgrind, pki.arg(argument))
    };
    let (without, with) = (counted("--version"), counted("certificate-key"));
    assert!(without < START, "instructions of a start: {without}");
    assert!(
        with > without && with - without < RANDOM_BYTE,
        "instructions: {without} without random bytes, {with} with them"
    );
}

/// Runs a command of `pki` and returns how many instructions it took.
fn instructions(valgrind: &Path, pki: &Command) -> u64 {
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
    count.parse().unwrap()
}
