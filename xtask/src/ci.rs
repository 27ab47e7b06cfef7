//! `cargo xtask ci`: the checks that a change must pass. The tests come last, so that their summary is the last line.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    command::{cargo, run as execute},
    fuzz, generate, test,
};

/// How long each target is fuzzed: long enough to find a defect near the seeds.
const FUZZING_SECONDS: u32 = 10;

/// Runs all checks, and stops at the first failure.
pub(crate) fn run() -> Result<ExitCode> {
    step("format", &["fmt", "--all", "--check"])?;
    step(
        "lints",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ],
    )?;
    println!("== generated text");
    generate::run(generate::Mode::Check)?;
    println!("== dependencies");
    if cargo(&["deny", "--version"])?.output()?.status.success() {
        execute(&mut cargo(&[
            "deny",
            "check",
            "--config",
            "xtask/deny.toml",
        ])?)?;
    } else {
        println!(
            "skipped: cargo-deny is not installed, so advisories and licences were not checked"
        );
    }
    println!("== fuzzing");
    let outcome = fuzz::run(FUZZING_SECONDS, &[])?;
    if outcome != ExitCode::SUCCESS {
        return Ok(outcome);
    }
    println!("== tests");
    test::run(true, &[])
}

fn step(name: &str, arguments: &[&str]) -> Result<()> {
    println!("== {name}");
    execute(&mut cargo(arguments)?)
}
