//! `cargo xtask bench`: times whole commands of a release build beside other programs that do the same work, counts their
//! instructions, and shows how the work for many trees grows.
//!
//! The rounds of all cases are interleaved, so that other load affects all of them equally. A ratio is the median of the ratios
//! of each round, so that a slow phase of the machine cancels out.
//!
//! The binary is copied first, as an installation does: Linux keeps a file that a linker wrote in smaller pages, and a start from
//! it takes a tenth longer. No file is removed before the end: ext4 does not reuse an inode that was freed in the last minutes,
//! and a search past many of them multiplies the time of each new file. For the same reason, wait five minutes
//! between two benches.

mod fleet;
mod instructions;
mod peers;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, run as execute, top};
use peers::Tool;

/// A timed command.
#[derive(Clone, Copy, PartialEq)]
enum BenchAction {
    /// Nothing but the start.
    Version,
    Init,
    /// This command, on an existing tree.
    OnTree(&'static [&'static str]),
    /// What `init` does, or the check, by a program of another project.
    Other(Tool),
}

struct BenchCase {
    algorithm: &'static str,
    action: BenchAction,
    /// What it is compared with.
    peers: &'static [Tool],
    times: Vec<Duration>,
}

const ALGORITHMS: [&str; 2] = ["RSA-2048", "ECDSA-P256"];

/// Each action with those that it is compared with.
const ACTIONS: [(BenchAction, &[Tool]); 9] = [
    (BenchAction::Version, &[]),
    (
        BenchAction::Init,
        &[Tool::Openssl, Tool::Cfssl, Tool::KubeadmInit],
    ),
    (
        BenchAction::OnTree(&["check-expiration"]),
        &[Tool::KubeadmCheck],
    ),
    (BenchAction::OnTree(&["renew", "all"]), &[Tool::Openssl]),
    (BenchAction::OnTree(&["renew", "all", "--reuse-key"]), &[]),
    (BenchAction::Other(Tool::Openssl), &[]),
    (BenchAction::Other(Tool::Cfssl), &[]),
    (BenchAction::Other(Tool::KubeadmInit), &[]),
    (BenchAction::Other(Tool::KubeadmCheck), &[]),
];

/// The arguments that every tree is made with.
const INIT: [&str; 3] = [
    "init",
    "--node-name=cp-1",
    "--apiserver-advertise-address=192.0.2.11",
];

/// Times each case `rounds` times, and prints one row per case. Builds the release binary unless another one is given.
pub(crate) fn run(binary: Option<&Path>, rounds: usize) -> Result<ExitCode> {
    ensure!(rounds > 0, "at least one round is needed");
    let built = match binary {
        Some(binary) => fs::canonicalize(binary)
            .with_context(|| format!("cannot find `{}`", binary.display()))?,
        None => {
            execute(&mut cargo(&["build", "--release", "--package", "pki"])?)?;
            top()?.join("target/release/pki")
        }
    };
    let folder = top()?
        .join("target/bench")
        .join(std::process::id().to_string());
    fs::create_dir_all(&folder)?;
    let pki = folder.join("pki");
    fs::copy(&built, &pki).with_context(|| format!("cannot copy `{}`", built.display()))?;
    let mut cases = cases();
    for round in 0..rounds {
        for (index, case) in cases.iter_mut().enumerate() {
            let folder = folder.join(format!("round-{round}/{index}"));
            fs::create_dir_all(&folder)?;
            let time = case.time(&pki, &folder).with_context(|| case.name())?;
            case.times.push(time);
        }
    }
    print(&cases, rounds);
    instructions::run(&pki, &folder.join("instructions"))?;
    fleet::run(&pki, &folder.join("fleet"), rounds)?;
    fs::remove_dir_all(&folder)?;
    Ok(ExitCode::SUCCESS)
}

fn cases() -> Vec<BenchCase> {
    let mut cases = vec![];
    for algorithm in ALGORITHMS {
        for (action, peers) in ACTIONS {
            let is_possible = match action {
                BenchAction::Other(tool) => tool.can_do(algorithm),
                _ => true,
            };
            if is_possible {
                cases.push(BenchCase {
                    algorithm,
                    action,
                    peers,
                    times: vec![],
                });
            }
        }
    }
    cases
}

fn print(cases: &[BenchCase], rounds: usize) {
    println!(
        "{:<44} {:>9} {:>9} {:>9}  ratio to",
        format!("milliseconds, {rounds} rounds"),
        "fastest",
        "median",
        "slowest"
    );
    for case in cases {
        let mut times: Vec<_> = case.times.iter().map(Duration::as_secs_f64).collect();
        times.sort_by(f64::total_cmp);
        let time = |index: usize| times.get(index).map_or(f64::NAN, |time| time * 1000.0);
        let ratios: Vec<_> = case
            .peers
            .iter()
            .filter_map(|peer| Some(format!("{} {:.2}", peer.name(), case.ratio(cases, *peer)?)))
            .collect();
        println!(
            "{:<44} {:>9.1} {:>9.1} {:>9.1}  {}",
            case.name(),
            time(0),
            time(rounds / 2),
            time(rounds - 1),
            ratios.join(", ")
        );
    }
}

impl BenchCase {
    fn name(&self) -> String {
        let what = match self.action {
            BenchAction::Version => "pki --version".to_owned(),
            BenchAction::Init => "pki init".to_owned(),
            BenchAction::OnTree(arguments) => format!("pki {}", arguments.join(" ")),
            BenchAction::Other(tool) => tool.description().to_owned(),
        };
        format!("{what}, {}", self.algorithm)
    }

    /// Returns the median of the ratios to another program, round by round.
    fn ratio(&self, cases: &[BenchCase], peer: Tool) -> Option<f64> {
        let other = cases.iter().find(|case| {
            case.algorithm == self.algorithm && case.action == BenchAction::Other(peer)
        })?;
        let mut ratios: Vec<_> = self
            .times
            .iter()
            .zip(&other.times)
            .map(|(own, other)| own.as_secs_f64() / other.as_secs_f64())
            .collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied()
    }

    /// Returns the time of one round in an empty folder, without its preparation.
    fn time(&self, pki: &Path, folder: &Path) -> Result<Duration> {
        let needs_tree = matches!(
            self.action,
            BenchAction::OnTree(_) | BenchAction::Other(Tool::KubeadmCheck)
        );
        if needs_tree {
            init(pki, self.algorithm, folder)?;
        }
        let start = Instant::now();
        match self.action {
            BenchAction::Version => quietly(Command::new(pki).arg("--version"))?,
            BenchAction::Init => init(pki, self.algorithm, folder)?,
            BenchAction::OnTree(arguments) => {
                let mut command = Command::new(pki);
                quietly(command.args(arguments).arg("--rootfs").arg(folder))?;
            }
            BenchAction::Other(tool) => tool.run(folder, self.algorithm)?,
        }
        Ok(start.elapsed())
    }
}

fn init(pki: &Path, algorithm: &str, folder: &Path) -> Result<()> {
    let mut command = Command::new(pki);
    command
        .args(INIT)
        .args(["--encryption-algorithm", algorithm])
        .arg("--rootfs")
        .arg(folder);
    quietly(&mut command)
}

fn quietly(command: &mut Command) -> Result<()> {
    crate::command::output(command.stdin(Stdio::null())).map(drop)
}
