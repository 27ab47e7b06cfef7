//! File systems that are hostile, full, read-only, or simply odd.

mod clock;
mod directories;
mod hostile;
mod kept;
mod limits;
mod links;
mod modes;
mod mounts;
mod pending;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::support::{Run, TestTree, peer, peers, pki, run};

/// Returns whether a command succeeds that needs rights; if it does not, the test is recorded as skipped.
fn allowed(what: &str, command: &mut Command) -> bool {
    let program = command.get_program().to_str().unwrap().to_owned();
    if peer(&program).is_none() {
        return false;
    }
    let done = run(command).code == Some(0);
    done || peers([what]).is_some()
}

/// Returns whether this is root, who alone gives files away; if not, the test is recorded as skipped.
fn is_root() -> bool {
    rustix::process::geteuid().is_root() || peers(["the rights of root"]).is_some()
}

/// Our binary at a path where every user can run it, and the command that runs it as the user `nobody`.
struct Unprivileged {
    setpriv: PathBuf,
    folder: TempDir,
}

/// Prepares for running as another user; none, and recorded as skipped, if that is not possible.
fn unprivileged() -> Option<Unprivileged> {
    let setpriv = peer("setpriv").filter(|_| is_root())?;
    // The build's folder may be below a home that is closed to others.
    let folder = TempDir::new().unwrap();
    fs::copy(pki().get_program(), folder.path().join("pki")).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Some(Unprivileged { setpriv, folder })
}

impl Unprivileged {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.setpriv);
        command
            .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
            .arg(self.folder.path().join("pki"))
            .env_clear();
        command
    }

    /// Runs it on a tree.
    fn on(&self, tree: &TestTree, arguments: &[&str]) -> Run {
        let mut command = self.command();
        command.args(arguments).arg("--rootfs").arg(tree.root());
        tree.watch(&mut command)
    }
}
