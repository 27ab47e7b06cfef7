//! `cargo xtask dist`: builds the release binary and its checksum. The binary is static if the toolchain supports it.

use std::{fs, path::Path, process::ExitCode};

use anyhow::{Context, Result};

use crate::command::{cargo, command, output, run as execute, top};

const STATIC: &str = "x86_64-unknown-linux-musl";
const DYNAMIC: &str = "x86_64-unknown-linux-gnu";

/// Builds the binary and puts it into target/dist, named after version and target, with its checksum.
pub(crate) fn run() -> Result<ExitCode> {
    let target = if is_installed(STATIC)? {
        STATIC
    } else {
        DYNAMIC
    };
    execute(&mut cargo(&[
        "build",
        "--release",
        "--locked",
        "--package",
        "pki",
        "--target",
        target,
    ])?)?;

    let folder = top()?.join("target/dist");
    fs::create_dir_all(&folder)?;
    let name = format!("pki-{}-{target}", version()?);
    let built = top()?.join("target").join(target).join("release/pki");
    fs::copy(&built, folder.join(&name))
        .with_context(|| format!("cannot copy {}", built.display()))?;

    let sums = output(command("sha256sum", &[&name])?.current_dir(&folder))?;
    fs::write(folder.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    println!("in {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

fn is_installed(target: &str) -> Result<bool> {
    let sysroot = output(&mut command("rustc", &["--print", "sysroot"])?)?;
    Ok(Path::new(sysroot.trim())
        .join("lib/rustlib")
        .join(target)
        .join("lib")
        .is_dir())
}

/// Returns the version from a package identifier of cargo: the text after `#`, or after `@` if it contains the name.
fn version() -> Result<String> {
    let id = output(&mut cargo(&["pkgid", "--package", "pki"])?)?;
    let (_, version) = id
        .trim()
        .rsplit_once(['#', '@'])
        .context("cargo names no version")?;
    Ok(version.to_owned())
}
