//! `cargo xtask test`: runs all tests of the workspace, and prints a summary in the last line.

use std::{
    collections::BTreeSet,
    env,
    fmt::{Display, Formatter},
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{ExitCode, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{
    command::{cargo, top},
    peers,
};

/// The number of tests by result.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Display for Totals {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

/// Splits the arguments at `--`.
pub(crate) fn split<'a, 'b>(arguments: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    match arguments.iter().position(|argument| *argument == "--") {
        Some(position) => {
            let (own, rest) = arguments.split_at(position);
            (own, rest.get(1..).unwrap_or_default())
        }
        None => (arguments, &[]),
    }
}

/// Runs the tests and shows their output. The last line is the sum over all test programs.
pub(crate) fn run(install: bool, arguments: &[&str]) -> Result<ExitCode> {
    peers::prepare(install)?;
    let skipped = top()?.join(format!("target/peers/skipped-{}", std::process::id()));
    let outcome = run_cargo(arguments, &skipped);
    let names = skipped_tests(&skipped);
    let (mut totals, success) = outcome?;

    // Test programs count a test that skipped itself as passed.
    totals.passed = totals.passed.saturating_sub(names.len());
    totals.skipped += names.len();
    // No test program printed a failure, so one did not compile or was killed.
    if !success && totals.failed == 0 {
        totals.failed = 1;
    }
    for name in &names {
        println!("{name}");
    }
    let good = totals.failed == 0 && totals.passed > 0;
    if totals.passed + totals.failed == 0 {
        println!("no test ran");
    }
    println!("{totals}");
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs the tests that need a control plane.
pub(crate) fn live() -> Result<ExitCode> {
    let folder = env::var_os(KUBERNETES).with_context(|| {
        format!("{KUBERNETES} is not set, want the directory of kube-apiserver, kube-controller-manager and kubeadm")
    })?;
    for program in ["kube-apiserver", "kube-controller-manager", "kubeadm"] {
        let path = Path::new(&folder).join(program);
        ensure!(path.is_file(), "`{}` does not exist", path.display());
    }
    run(true, &["--ignored", "peers::live"])
}

const KUBERNETES: &str = "PKI_KUBERNETES_BIN";

fn run_cargo(arguments: &[&str], skipped: &Path) -> Result<(Totals, bool)> {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast", "--"])?;
    command
        .args(arguments)
        .env("PKI_SKIPPED_FILE", skipped)
        .stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let stdout = child
        .stdout
        .take()
        .context("cargo has no standard output")?;
    let mut totals = Totals::default();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        totals.add(&line);
    }
    Ok((totals, child.wait()?.success()))
}

/// Returns the distinct lines that tests wrote to the file, and removes the file.
fn skipped_tests(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    // The file does not exist if no test was skipped.
    drop(fs::remove_file(path));
    text.lines().map(str::to_owned).collect()
}

impl Totals {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; ...`.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let (_, counts) = result.split_once(". ").unwrap_or_default();
        for count in counts.split("; ") {
            let Some((number, word)) = count.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<usize>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_of_all_test_programs_are_summed_up() {
        let mut totals = Totals::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test a ... ok",
            "test result: FAILED. 14 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 45.49s",
        ] {
            totals.add(line);
        }
        assert_eq!(totals.to_string(), "17 passed, 3 failed, 1 skipped");
    }

    #[test]
    fn arguments_after_two_dashes_are_passed_on() {
        assert_eq!(
            split(&["--no-install", "--", "etcd"]),
            (&["--no-install"][..], &["etcd"][..])
        );
        assert_eq!(split(&["--no-install"]), (&["--no-install"][..], &[][..]));
        assert_eq!(split(&["--"]), (&[][..], &[][..]));
    }
}
