//! The programs of others that make and check a release, installed in target/dist-tools or with apt-get.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, ensure};

use crate::{
    command::{find, top},
    peers,
};

/// The programs that are packages of Debian, with the package of each.
const PROGRAMS: [(&str, &str); 10] = [
    ("buildah", "buildah"),
    ("busybox", "busybox-static"),
    ("dpkg", "dpkg"),
    ("git", "git"),
    ("lintian", "lintian"),
    ("qemu-aarch64", "qemu-user"),
    ("readelf", "binutils"),
    ("rpm", "rpm"),
    ("systemd-analyze", "systemd"),
    ("xz", "xz-utils"),
];

/// Python packages with programs that registries have nowhere else.
const REQUIREMENTS: &str = "xtask/package/requirements.txt";

/// Where the tools are.
#[derive(Debug)]
pub(super) struct Tools {
    folder: PathBuf,
}

impl Tools {
    /// Installs what is missing: from Debian as root, else it has to be there.
    pub(super) fn prepare() -> Result<Self> {
        let missing: Vec<_> = PROGRAMS
            .iter()
            .filter(|(program, _)| find(program).is_none())
            .map(|(_, package)| *package)
            .collect();
        if !missing.is_empty() {
            ensure!(
                peers::may_install()?,
                "install first, as Debian names them: {}",
                missing.join(" ")
            );
            peers::install_packages(&missing)?;
        }
        let folder = top()?.join("target/dist-tools");
        peers::create_environment(&folder.join("venv"), REQUIREMENTS)?;
        Ok(Self { folder })
    }

    /// Returns a search path with these tools first.
    pub(super) fn path(&self) -> Result<OsString> {
        let own = self.folder.join("venv/bin");
        let path = env::var_os("PATH").unwrap_or_default();
        Ok(env::join_paths(
            std::iter::once(own).chain(env::split_paths(&path)),
        )?)
    }

    /// Returns a command of one of these tools, in a folder.
    pub(super) fn command(&self, program: &str, folder: &Path) -> Result<Command> {
        let own = self.folder.join("venv/bin").join(program);
        let program = if own.is_file() { own } else { program.into() };
        let mut command = Command::new(program);
        command.current_dir(folder).env("PATH", self.path()?);
        Ok(command)
    }
}
