//! `cargo xtask ci`: the checks that a change must pass. The tests come last, so that their summary is the last line.
//!
//! It does not fuzz. `cargo xtask fuzz` builds everything once more, with instrumentation, which takes many minutes. The tests
//! replay the seeds and regressions of every target; `.github/workflows/nightly.yml` fuzzes for longer every night.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    command::{cargo, run as execute},
    generate, test,
};

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
    println!("== tests");
    test::run(true, &[])
}

fn step(name: &str, arguments: &[&str]) -> Result<()> {
    println!("== {name}");
    execute(&mut cargo(arguments)?)
}
