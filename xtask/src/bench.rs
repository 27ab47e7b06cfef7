//! `cargo xtask bench`: prints the median times of whole commands in a release build. The rounds of all cases are
//! interleaved, so that other load affects all cases equally.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::command::{cargo, find, run as execute, top};
use crate::fleet;

/// A timed command, with its own folder.
#[derive(Clone, Copy)]
enum BenchAction {
    Init,
    /// Nothing but the start.
    Version,
    /// This command, on an existing tree.
    OnTree(&'static [&'static str]),
    Openssl,
}

struct BenchCase {
    algorithm: &'static str,
    action: BenchAction,
    folder: PathBuf,
    times: Vec<Duration>,
}

const ALGORITHMS: [&str; 2] = ["RSA-2048", "ECDSA-P256"];

const ACTIONS: [BenchAction; 6] = [
    BenchAction::Version,
    BenchAction::Init,
    BenchAction::Openssl,
    BenchAction::OnTree(&["check-expiration"]),
    BenchAction::OnTree(&["renew", "all"]),
    BenchAction::OnTree(&["renew", "all", "--reuse-key"]),
];

/// Times each case `rounds` times, and prints one row per case.
pub(crate) fn run(rounds: usize) -> Result<ExitCode> {
    ensure!(rounds > 0, "at least one round is needed");
    execute(&mut cargo(&["build", "--release", "--package", "pki"])?)?;
    let pki = top()?.join("target/release/pki");
    let folder = top()?
        .join("target/bench")
        .join(std::process::id().to_string());
    let mut cases = cases(&folder);
    for _ in 0..rounds {
        for case in &mut cases {
            fs::create_dir_all(&case.folder)?;
            let time = case.time(&pki).with_context(|| case.name())?;
            case.times.push(time);
            fs::remove_dir_all(&case.folder)?;
        }
    }

    println!(
        "{:<44} {:>9} {:>9} {:>9}",
        format!("milliseconds, {rounds} rounds"),
        "median",
        "fastest",
        "slowest"
    );
    for case in &mut cases {
        case.times.sort();
        let time = |index: usize| {
            case.times
                .get(index)
                .map_or(f64::NAN, |time| time.as_secs_f64() * 1000.0)
        };
        println!(
            "{:<44} {:>9.1} {:>9.1} {:>9.1}",
            case.name(),
            time(rounds / 2),
            time(0),
            time(rounds - 1)
        );
    }
    fleet::run(&pki, &folder.join("fleet"), rounds)?;
    fs::remove_dir_all(&folder)?;
    Ok(ExitCode::SUCCESS)
}

fn cases(folder: &Path) -> Vec<BenchCase> {
    let mut cases = vec![];
    for algorithm in ALGORITHMS {
        for action in ACTIONS {
            if matches!(action, BenchAction::Openssl) && find("openssl").is_none() {
                continue;
            }
            let folder = folder.join(cases.len().to_string());
            cases.push(BenchCase {
                algorithm,
                action,
                folder,
                times: vec![],
            });
        }
    }
    cases
}

impl BenchCase {
    fn name(&self) -> String {
        let what = match self.action {
            BenchAction::Version => "pki --version".to_owned(),
            BenchAction::Init => "pki init".to_owned(),
            BenchAction::OnTree(arguments) => format!("pki {}", arguments.join(" ")),
            BenchAction::Openssl => "openssl, as many pairs".to_owned(),
        };
        format!("{what}, {}", self.algorithm)
    }

    /// Returns the time of one round, without its preparation.
    fn time(&self, pki: &Path) -> Result<Duration> {
        if let BenchAction::OnTree(_) = self.action {
            self.init(pki)?;
        }
        let start = Instant::now();
        match self.action {
            BenchAction::Version => quietly(Command::new(pki).arg("--version"))?,
            BenchAction::Init => self.init(pki)?,
            BenchAction::OnTree(arguments) => quietly(
                Command::new(pki)
                    .args(arguments)
                    .arg("--rootfs")
                    .arg(&self.folder),
            )?,
            BenchAction::Openssl => openssl(&self.folder, self.algorithm)?,
        }
        Ok(start.elapsed())
    }

    fn init(&self, pki: &Path) -> Result<()> {
        let flags = [
            "--node-name",
            "cp-1",
            "--apiserver-advertise-address",
            "192.0.2.11",
        ];
        let mut command = Command::new(pki);
        command
            .args(["init", "--encryption-algorithm", self.algorithm])
            .args(flags);
        quietly(command.arg("--rootfs").arg(&self.folder))
    }
}

/// Makes the keys and certificates of a tree with one openssl process per pair: 3 CAs, 12 leaves and one plain key.
fn openssl(folder: &Path, algorithm: &str) -> Result<()> {
    let new_key: &[&str] = match algorithm.strip_prefix("RSA-") {
        Some(bits) => &["-newkey", &format!("rsa:{bits}")],
        None => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    };
    let request = |name: &str, ca: Option<&str>| -> Result<()> {
        let file =
            |name: &str, extension: &str| -> PathBuf { folder.join(format!("{name}.{extension}")) };
        let mut command = Command::new("openssl");
        command
            .args([
                "req",
                "-x509",
                "-nodes",
                "-sha256",
                "-days",
                "365",
                "-subj",
                &format!("/CN={name}"),
            ])
            .args(new_key);
        command
            .arg("-keyout")
            .arg(file(name, "key"))
            .arg("-out")
            .arg(file(name, "crt"));
        if let Some(ca) = ca {
            command
                .arg("-CA")
                .arg(file(ca, "crt"))
                .arg("-CAkey")
                .arg(file(ca, "key"));
        }
        quietly(&mut command)
    };
    for (ca, leaves) in [("ca", 7), ("front-proxy-ca", 1), ("etcd-ca", 4)] {
        request(ca, None)?;
        for leaf in 0..leaves {
            request(&format!("{ca}-leaf-{leaf}"), Some(ca))?;
        }
    }
    // The service-account pair. It needs no certificate, but making one takes almost no time.
    request("sa", None)
}

fn quietly(command: &mut Command) -> Result<()> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?} failed: {}\n{}",
        output.status,
        complaint.trim()
    );
    Ok(())
}
