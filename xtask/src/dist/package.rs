//! Packs the files of a release: archive, packages, container image, checksums.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;
use serde_json::json;

use super::{
    build::{BuildTarget, Release},
    tools::Tools,
};
use crate::command::{output, run as execute};

/// The folder of the sources with what packers read.
const PACKAGE: &str = "xtask/package";

/// The maintainer of the packages; `PKI_MAINTAINER` names another one.
const MAINTAINER: &str = "pki maintainers <maintainers@pki.invalid>";

/// Makes the `.deb` and the `.rpm`, and returns their paths.
pub(super) fn packages(
    source: &Path,
    stage: &Path,
    output: &Path,
    target: &BuildTarget,
    release: &Release,
    tools: &Tools,
) -> Result<(PathBuf, PathBuf)> {
    let folder = output.with_file_name("package");
    fs::create_dir_all(&folder)?;
    for file in ["nfpm.yaml", "preremove.sh", "lintian-overrides"] {
        fs::copy(source.join(PACKAGE).join(file), folder.join(file))?;
    }
    let maintainer = env::var("PKI_MAINTAINER").unwrap_or_else(|_| MAINTAINER.to_owned());
    // A Debian package has a changelog of its own beside that of the program.
    let changelog = json!([{
        "semver": release.version,
        "date": format!("{}T00:00:00Z", release.date),
        "packager": maintainer,
        "deb": {"urgency": "medium", "distributions": ["unstable"]},
        "changes": [{"note": format!("Release {}, see changelog.gz.", release.version)}],
    }]);
    // JSON is YAML.
    fs::write(folder.join("changelog.yaml"), changelog.to_string())?;
    let make = |packager: &str, file: &str| {
        let path = output.join(file);
        let mut nfpm = tools.command("nfpm", &folder)?;
        nfpm.args([
            "package",
            "--config",
            "nfpm.yaml",
            "--packager",
            packager,
            "--target",
        ])
        .arg(&path)
        .env("ARCHITECTURE", target.architecture)
        .env("VERSION", &release.version)
        .env("MAINTAINER", &maintainer)
        .env("STAGE", stage)
        .env("SOURCE_DATE_EPOCH", &release.epoch);
        execute(&mut nfpm)?;
        Ok::<_, anyhow::Error>(path)
    };
    let deb = format!("pki_{}-1_{}.deb", release.version, target.architecture);
    let rpm = format!("pki-{}-1.{}.rpm", release.version, target.machine);
    Ok((make("deb", &deb)?, make("rpm", &rpm)?))
}

/// Packs everything for hosts without a package manager.
pub(super) fn archive(
    stage: &Path,
    output: &Path,
    target: &BuildTarget,
    release: &Release,
) -> Result<PathBuf> {
    let name = format!("pki-{}-{}", release.version, target.triple);
    let path = output.join(format!("{name}.tar"));
    tar(stage, &path, Some(&name), release)?;
    execute(
        Command::new("gzip")
            .args(["--no-name", "--best", "--force"])
            .arg(&path),
    )?;
    Ok(path.with_extension("tar.gz"))
}

/// Packs a folder, so that the same files give the same archive. Their paths begin with `name`, if there is one.
fn tar(folder: &Path, archive: &Path, name: Option<&str>, release: &Release) -> Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--format=ustar"])
        .args(["--numeric-owner", "--owner=0", "--group=0"])
        .arg("--mode=u=rwX,go=rX")
        .arg(format!("--mtime=@{}", release.epoch));
    if let Some(name) = name {
        tar.arg(format!("--transform=s,^,{name}/,"));
    }
    tar.arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(folder);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.sort();
    execute(tar.args(names))
}

/// Makes the container image as an archive that `podman load` and `ctr images import` read. Needs no daemon.
pub(super) fn image(
    source: &Path,
    stage: &Path,
    output: &Path,
    target: &BuildTarget,
    release: &Release,
) -> Result<PathBuf> {
    // As the DaemonSet names it.
    let name = format!("localhost/pki:{}", release.version);
    // The storage of images is below the output, so nothing is left on the system.
    let storage = output.with_file_name("images");
    let buildah = |arguments: &[&str]| {
        let mut buildah = Command::new("buildah");
        buildah
            .args(["--storage-driver", "vfs", "--root"])
            .arg(storage.join("root"))
            .arg("--runroot")
            .arg(storage.join("run"))
            .args(arguments);
        buildah
    };
    let recipe = source.join(PACKAGE).join("Containerfile");
    let context = stage.join("usr/bin");
    let mut build = buildah(&["build", "--quiet", "--isolation", "chroot", "--platform"]);
    build
        .arg(format!("linux/{}", target.architecture))
        // The label names the version of buildah.
        .args(["--identity-label=false", "--timestamp", &release.epoch])
        .args(["--tag", &name, "--file"])
        .arg(recipe)
        .arg(context);
    execute(&mut build)?;
    let layout = storage.join("layout");
    let destination = format!("oci:{}:{name}", layout.display());
    execute(&mut buildah(&["push", "--quiet", &name, &destination]))?;
    let path = output.join(format!("pki-{}-{}.oci.tar", release.version, target.triple));
    tar(&layout, &path, None, release)?;
    fs::remove_dir_all(&storage)?;
    Ok(path)
}

/// Writes the checksums of all files of a folder into it, and returns them.
pub(super) fn checksums(folder: &Path) -> Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name());
    }
    names.sort();
    if names.is_empty() {
        return Ok(String::new());
    }
    let sums = output(Command::new("sha256sum").args(&names).current_dir(folder))?;
    fs::write(folder.join("SHA256SUMS"), &sums)?;
    Ok(sums)
}
