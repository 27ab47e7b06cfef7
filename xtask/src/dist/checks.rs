//! Checks what was packed: the binary runs, and the packages are accepted, installed and removed without a trace.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use super::{
    ReleaseFiles,
    build::{BuildTarget, Release},
    tools::Tools,
};
use crate::command::{find, output, run as execute};

/// Fails at the first defect.
pub(super) fn run(
    files: &ReleaseFiles,
    work: &Path,
    target: &BuildTarget,
    release: &Release,
    tools: &Tools,
) -> Result<()> {
    let binary = files.stage.join("usr/bin/pki");
    is_static_and_relocatable(&binary)?;
    runs(&binary, work, target, release)?;
    units(&files.stage, work)?;
    lintian(&files.deb, tools)?;
    deb(&files.deb, work)?;
    rpm(&files.rpm, work)?;
    println!("checked: binary, units, packages");
    Ok(())
}

/// A static binary names no program that loads its libraries. The kernel loads it at a random address if its type is DYN.
fn is_static_and_relocatable(binary: &Path) -> Result<()> {
    let headers = output(
        Command::new("readelf")
            .args(["--file-header", "--program-headers", "--wide"])
            .arg(binary),
    )?;
    ensure!(
        !headers.contains("INTERP"),
        "the binary is not static:\n{headers}"
    );
    ensure!(
        headers.contains("DYN (Position-Independent Executable file)"),
        "the binary has a fixed address:\n{headers}"
    );
    Ok(())
}

/// Makes and checks a tree with the binary, in QEMU where this machine has another architecture.
fn runs(binary: &Path, work: &Path, target: &BuildTarget, release: &Release) -> Result<()> {
    let pki = |arguments: &[&str]| {
        let mut command = match target.machine == env::consts::ARCH {
            true => Command::new(binary),
            false => {
                let mut emulator = Command::new(format!("qemu-{}", target.machine));
                emulator.arg(binary);
                emulator
            }
        };
        command.args(arguments).current_dir(work);
        command
    };
    let version = output(&mut pki(&["--version", "--verbose"]))?;
    for wanted in [
        release.version.as_str(),
        release.commit.as_str(),
        target.triple,
    ] {
        ensure!(version.contains(wanted), "no `{wanted}` in:\n{version}");
    }
    print!("{version}");
    let tree = work.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    let address = "--apiserver-advertise-address=192.0.2.1";
    execute(&mut pki(&[
        "init",
        "--rootfs",
        "tree",
        "--node-name",
        "cp1",
        address,
        "--quiet",
    ]))?;
    execute(&mut pki(&[
        "check-expiration",
        "--rootfs",
        "tree",
        "--quiet",
    ]))
}

/// Judges the units below a root with the targets and slices of this system, on which every unit depends.
fn units(stage: &Path, work: &Path) -> Result<()> {
    let root = scratch_root(work)?;
    let units = root.join("usr/lib/systemd/system");
    execute(
        Command::new("cp")
            .arg("--archive")
            .arg(stage.join("usr"))
            .arg(&root),
    )?;
    let mut analyze = Command::new("systemd-analyze");
    // The root has no program that shows manual pages.
    analyze.args(["verify", "--man=no", "--root"]).arg(&root);
    for entry in fs::read_dir(stage.join("usr/lib/systemd/system"))? {
        analyze.arg(entry?.file_name());
    }
    for entry in fs::read_dir("/usr/lib/systemd/system")? {
        let path = entry?.path();
        let is_needed = |extension: &OsStr| extension == "target" || extension == "slice";
        if path.is_file() && path.extension().is_some_and(is_needed) {
            fs::copy(&path, units.join(path.file_name().context("no name")?))?;
        }
    }
    execute(&mut analyze)
}

/// Every tag that lintian knows is an error; those that do not apply are in xtask/package/lintian-overrides, with the reason.
fn lintian(deb: &Path, tools: &Tools) -> Result<()> {
    let mut lintian = tools.command("lintian", deb.parent().context("no folder")?)?;
    lintian
        .args(["--display-info", "--pedantic", "--tag-display-limit", "0"])
        .args(["--fail-on", "error,warning,info,pedantic"])
        // It takes pieces of machine code, such as `wTH`, for words, and other ones in each build.
        .args(["--suppress-tags", "spelling-error-in-binary"])
        .arg("--allow-root")
        .arg(deb);
    execute(&mut lintian)
}

/// Installs and removes the package below a root that only has a shell.
fn deb(package: &Path, work: &Path) -> Result<()> {
    let root = scratch_root(work)?;
    let state = root.join("var/lib/dpkg");
    for folder in ["info", "updates", "triggers", "parts"] {
        fs::create_dir_all(state.join(folder))?;
    }
    for file in ["status", "available"] {
        fs::write(state.join(file), "")?;
    }
    let dpkg = |arguments: &[&str]| {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", root.display()));
        dpkg.args(["--force-architecture", "--log=/dev/null"])
            .args(arguments);
        dpkg
    };
    let before = listing(&root)?;
    execute(dpkg(&["--install"]).arg(package))?;
    installed(&root, &before)?;
    execute(&mut dpkg(&["--purge", "pki"]))?;
    removed(&root, &before)
}

fn rpm(package: &Path, work: &Path) -> Result<()> {
    let root = scratch_root(work)?;
    let rpm = |arguments: &[&str]| {
        let mut rpm = Command::new("rpm");
        rpm.arg("--root").arg(&root);
        rpm.args(["--dbpath", "/var/lib/rpm"]).args(arguments);
        rpm
    };
    execute(&mut rpm(&["--initdb"]))?;
    let before = listing(&root)?;
    execute(rpm(&["--install", "--ignorearch", "--nosignature"]).arg(package))?;
    installed(&root, &before)?;
    execute(&mut rpm(&["--erase", "pki"]))?;
    removed(&root, &before)
}

/// Returns a new root with a shell, which the scripts of packages need.
fn scratch_root(work: &Path) -> Result<PathBuf> {
    let root = work.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    let busybox = find("busybox").context("busybox is not installed")?;
    for folder in ["bin", "usr", "etc", "tmp"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::copy(busybox, root.join("bin/busybox"))?;
    symlink("busybox", root.join("bin/sh"))?;
    Ok(root)
}

fn installed(root: &Path, before: &BTreeSet<PathBuf>) -> Result<()> {
    let after = listing(root)?;
    for path in [
        "usr/bin/pki",
        "usr/share/man/man1/pki.1.gz",
        "usr/lib/systemd/system/pki-renew.timer",
    ] {
        ensure!(after.contains(Path::new(path)), "{path} was not installed");
    }
    let enabled = after
        .difference(before)
        .find(|path| path.starts_with("etc"));
    ensure!(
        enabled.is_none(),
        "the package changes settings: {enabled:?}"
    );
    Ok(())
}

fn removed(root: &Path, before: &BTreeSet<PathBuf>) -> Result<()> {
    let after = listing(root)?;
    let left: Vec<_> = after.difference(before).collect();
    ensure!(left.is_empty(), "not removed with the package: {left:?}");
    ensure!(
        before.is_subset(&after),
        "the package removed files of others"
    );
    Ok(())
}

/// Returns every path below a root, without the package manager's own.
fn listing(root: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut paths = BTreeSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            let relative = path.strip_prefix(root)?.to_owned();
            if relative.starts_with("var") {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else {
                paths.insert(relative);
            }
        }
    }
    Ok(paths)
}
