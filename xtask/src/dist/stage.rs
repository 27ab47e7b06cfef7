//! Lays out the files of a release as a system has them, below a root that the packages and the archive are made from.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use clap::CommandFactory;
use clap_complete::Shell;
use pki::cli::Cli;

use super::{build::Release, man};
use crate::command::{command, run as execute};

/// The units that `pki template` prints, for the paths of a package and kubeadm's directories.
const UNITS: [&str; 4] = [
    "pki-check.service",
    "pki-check.timer",
    "pki-renew.service",
    "pki-renew.timer",
];

const UNIT_VALUES: [(&str, &str); 4] = [
    ("{{pki}}", "/usr/bin/pki"),
    ("{{arguments}}", ""),
    ("{{certificates}}", "/etc/kubernetes/pki"),
    ("{{kubeconfigs}}", "/etc/kubernetes"),
];

/// Where each shell looks for completions. Elvish and PowerShell have no folder for packages, so users load those files.
const COMPLETIONS: [(Shell, &str); 5] = [
    (Shell::Bash, "usr/share/bash-completion/completions/pki"),
    (Shell::Zsh, "usr/share/zsh/site-functions/_pki"),
    (Shell::Fish, "usr/share/fish/vendor_completions.d/pki.fish"),
    (Shell::Elvish, "usr/share/doc/pki/completions/pki.elv"),
    (Shell::PowerShell, "usr/share/doc/pki/completions/pki.ps1"),
];

/// Writes all files below the root.
pub(super) fn lay_out(
    root: &Path,
    source: &Path,
    binary: &Path,
    sbom: &Path,
    release: &Release,
) -> Result<()> {
    if root.exists() {
        fs::remove_dir_all(root)?;
    }
    write(root, "usr/bin/pki", &fs::read(binary)?)?;
    fs::set_permissions(root.join("usr/bin/pki"), PermissionsExt::from_mode(0o755))?;
    for page in man::pages(&release.date)? {
        let (_, section) = page.file.rsplit_once('.').context("no section")?;
        let path = format!("usr/share/man/man{section}/{}", page.file);
        write_compressed(root, &path, page.text.as_bytes())?;
    }
    for (shell, path) in COMPLETIONS {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "pki", &mut script);
        write(root, path, &script)?;
    }
    for name in UNITS {
        let template = fs::read_to_string(source.join("templates/systemd").join(name))?;
        write(
            root,
            &format!("usr/lib/systemd/system/{name}"),
            unit(&template)?.as_bytes(),
        )?;
    }
    let documentation = [
        ("LICENSE", "usr/share/doc/pki/LICENSE"),
        ("README.md", "usr/share/doc/pki/README.md"),
        ("xtask/package/copyright", "usr/share/doc/pki/copyright"),
    ];
    for (file, path) in documentation {
        write(root, path, &fs::read(source.join(file))?)?;
    }
    write(root, "usr/share/doc/pki/pki.cdx.json", &fs::read(sbom)?)?;
    let changes = fs::read(source.join("CHANGELOG.md"))?;
    write_compressed(root, "usr/share/doc/pki/changelog", &changes)
}

/// Returns a unit with the paths and the manual of a package, without the comment that tells where to install it.
fn unit(template: &str) -> Result<String> {
    let mut text: String = template
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("# Install it as "))
        .collect();
    for (placeholder, value) in UNIT_VALUES {
        text = text.replace(placeholder, value);
    }
    text = text.replace("[Unit]\n", "[Unit]\nDocumentation=man:pki(1)\n");
    ensure!(
        !text.contains("{{"),
        "a unit has an unknown placeholder: {text}"
    );
    Ok(text)
}

fn write(root: &Path, path: &str, content: &[u8]) -> Result<PathBuf> {
    let path = root.join(path);
    let folder = path.parent().context("no folder")?;
    fs::create_dir_all(folder)?;
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644))?;
    Ok(path)
}

/// Writes a file and compresses it, without its name and time.
fn write_compressed(root: &Path, path: &str, content: &[u8]) -> Result<()> {
    let path = write(root, path, content)?;
    execute(command("gzip", &["--no-name", "--best", "--force"])?.arg(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn units_of_a_package_have_its_paths() {
        let renew = unit(include_str!("../../../templates/systemd/pki-renew.service")).unwrap();
        assert!(
            renew.contains("\nExecStart=/usr/bin/pki renew --due 30d --quiet\n"),
            "{renew}"
        );
        assert!(
            renew.contains("\nReadWritePaths=/etc/kubernetes/pki /etc/kubernetes\n"),
            "{renew}"
        );
        assert!(!renew.contains("Install it"), "{renew}");
        assert!(unit("ExecStart={{other}}").is_err());
    }
}
