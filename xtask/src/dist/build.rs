//! Compiles the binary so that the same commit gives the same bytes in every folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use super::tools::Tools;
use crate::command::{find, output, run as execute};

/// A target that is published. musl makes the binary static, so that it runs on every distribution.
#[derive(Debug)]
pub(super) struct BuildTarget {
    pub(super) triple: &'static str,
    /// Debian's and Go's name of the architecture.
    pub(super) architecture: &'static str,
    /// The name of the architecture in a `.rpm`, and in QEMU.
    pub(super) machine: &'static str,
}

pub(super) const TARGETS: [BuildTarget; 2] = [
    BuildTarget {
        triple: "x86_64-unknown-linux-musl",
        architecture: "amd64",
        machine: "x86_64",
    },
    BuildTarget {
        triple: "aarch64-unknown-linux-musl",
        architecture: "arm64",
        machine: "aarch64",
    },
];

impl BuildTarget {
    /// Checks that the toolchain has the standard library of this target, and installs it with rustup if it has not.
    pub(super) fn prepare(&self) -> Result<()> {
        if self.is_installed()? {
            return Ok(());
        }
        if find("rustup").is_some() {
            // It says why if it fails.
            drop(
                Command::new("rustup")
                    .args(["target", "add", self.triple])
                    .status(),
            );
        }
        if !self.is_installed()? {
            bail!("the Rust toolchain has no standard library for it, see `rustup target add`");
        }
        Ok(())
    }

    fn is_installed(&self) -> Result<bool> {
        Ok(sysroot()?
            .join("lib/rustlib")
            .join(self.triple)
            .join("lib")
            .is_dir())
    }
}

fn sysroot() -> Result<PathBuf> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(sysroot.trim()))
}

/// What is released: a commit of the sources.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) version: String,
    /// The hash of the commit, with `-modified` if files are not committed.
    pub(super) commit: String,
    /// The time of the commit in Unix seconds: the time of every file that is made.
    pub(super) epoch: String,
    /// The date of the commit as `YYYY-MM-DD`, in UTC.
    pub(super) date: String,
    pub(super) source: PathBuf,
}

impl Release {
    /// Looks at the sources in a folder. Where they are not from git, `PKI_COMMIT` and `SOURCE_DATE_EPOCH` have to be set.
    pub(super) fn of(source: &Path) -> Result<Self> {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            let printed = output(git.args(arguments).current_dir(source))?;
            Ok::<_, anyhow::Error>(printed.trim().to_owned())
        };
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let commit = match set("PKI_COMMIT") {
            Some(commit) => commit,
            None => {
                let commit = git(&["rev-parse", "HEAD"])
                    .context("without git, set PKI_COMMIT and SOURCE_DATE_EPOCH")?;
                match git(&["status", "--porcelain"])?.is_empty() {
                    true => commit,
                    false => format!("{commit}{MODIFIED}"),
                }
            }
        };
        let epoch = match set("SOURCE_DATE_EPOCH") {
            Some(epoch) => epoch,
            None => {
                git(&["log", "-1", "--format=%ct"]).context("without git, set SOURCE_DATE_EPOCH")?
            }
        };
        let date =
            output(Command::new("date").args(["--utc", "+%F", "--date", &format!("@{epoch}")]))?;
        Ok(Self {
            version: version(source)?,
            commit,
            epoch,
            date: date.trim().to_owned(),
            source: source.to_owned(),
        })
    }

    pub(super) fn is_modified(&self) -> bool {
        self.commit.ends_with(MODIFIED)
    }

    /// Writes the files of the commit into a folder.
    pub(super) fn export(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let mut archive = Command::new("git")
            .args(["archive", "--format=tar", &self.commit])
            .current_dir(&self.source)
            .stdout(Stdio::piped())
            .spawn()?;
        let files = archive
            .stdout
            .take()
            .context("git has no standard output")?;
        execute(
            Command::new("tar")
                .args(["--extract", "--directory"])
                .arg(folder)
                .stdin(files),
        )?;
        ensure!(archive.wait()?.success(), "git archive failed");
        Ok(())
    }
}

const MODIFIED: &str = "-modified";

/// Returns the version from a package identifier of cargo: the text after `#`, or after `@` if it contains the name.
fn version(source: &Path) -> Result<String> {
    let id = output(
        Command::new(cargo())
            .args(["pkgid", "--package", "pki"])
            .current_dir(source),
    )?;
    let (_, version) = id
        .trim()
        .rsplit_once(['#', '@'])
        .context("cargo names no version")?;
    Ok(version.to_owned())
}

pub(super) fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Compiles the binary, and returns its path.
///
/// zig is the C compiler of every target: its version is pinned, so AWS-LC is the same wherever this runs, and it needs no
/// headers of the target. No path of this machine is left in the binary: rustc and the C compiler replace the beginnings.
pub(super) fn compile(
    source: &Path,
    folder: &Path,
    target: &BuildTarget,
    release: &Release,
    tools: &Tools,
) -> Result<PathBuf> {
    let cargo_home = match env::var_os("CARGO_HOME") {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cargo"),
    };
    let replaced = [
        (source.display().to_string(), "/pki"),
        (folder.display().to_string(), "/build"),
        (cargo_home.display().to_string(), "/cargo"),
    ];
    let flags = |option: &str, separator: &str| {
        replaced
            .iter()
            .map(|(path, name)| format!("{option}={path}={name}"))
            .collect::<Vec<_>>()
            .join(separator)
    };
    let mut cargo = tools.command("cargo-zigbuild", source)?;
    cargo
        .args(["rustc", "--release", "--locked", "--package", "pki"])
        .args(["--bin", "pki", "--target", target.triple, "--target-dir"])
        .arg(folder)
        // zig links static programs at a fixed address unless it is told otherwise; rustc has compiled for any address.
        .args(["--", "-Clink-arg=-pie"])
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags("--remap-path-prefix", "\u{1f}"),
        )
        .env(
            format!("CFLAGS_{}", target.triple.replace('-', "_")),
            // Debug information would name the headers of zig by their paths, also those that are not in the sources.
            format!("-g0 {}", flags("-ffile-prefix-map", " ")),
        )
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", &release.epoch)
        .env("PKI_COMMIT", &release.commit)
        // An AWS-LC that happens to be installed here is not what others build with.
        .env("AWS_LC_SYS_USE_SYSTEM", "0");
    execute(&mut cargo)?;
    Ok(folder.join(target.triple).join("release/pki"))
}
