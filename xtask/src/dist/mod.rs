//! `cargo xtask dist`: makes what users download, in target/dist: for each target an archive, a `.deb`, a `.rpm`, a container
//! image and a list of its libraries (SBOM), and the checksums of all. Everything is checked before it is left there.
//!
//! `build` compiles, `sbom` lists the libraries, `stage` lays out the files as a system has them, `package` packs them, and `checks` installs, runs and
//! removes what was packed. `man` makes the manual pages, `tools` finds the programs of others.

mod build;
mod checks;
mod man;
mod package;
mod sbom;
mod stage;
mod tools;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail, ensure};

use crate::command::top;
use build::{BuildTarget, Release, TARGETS};
use tools::Tools;

/// What the command line asks for.
struct Request {
    targets: Vec<&'static BuildTarget>,
    twice: bool,
}

/// Builds, packs and checks. A target that cannot be built here is left out, and makes the exit code 1 unless `--target`
/// names others.
pub(crate) fn run(arguments: &[&str]) -> Result<ExitCode> {
    let request = parse(arguments)?;
    let release = Release::of(top()?)?;
    ensure!(
        !request.twice || !release.is_modified(),
        "--check-reproducible builds the last commit, but files are not committed"
    );
    let tools = Tools::prepare()?;
    let folder = top()?.join("target/dist");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;

    let mut left_out = Vec::new();
    for target in request.targets {
        if let Err(reason) = target.prepare() {
            left_out.push(format!("{}: {reason:#}", target.triple));
            continue;
        }
        println!("== {}", target.triple);
        let work = top()?.join("target/dist-work").join(target.triple);
        let files = make(top()?, &work, target, &release, &tools)?;
        let now = Release::of(top()?)?;
        ensure!(
            now.commit == release.commit,
            "the sources changed during the build, from commit {} to {}",
            release.commit,
            now.commit
        );
        if request.twice {
            compare_with_second_build(&files, target, &release, &tools)?;
        }
        checks::run(&files, &work, target, &release, &tools)?;
        for file in &files.all {
            fs::copy(file, folder.join(file.file_name().context("no file name")?))?;
        }
    }
    print!("{}", package::checksums(&folder)?);
    println!("in {}", folder.display());
    for target in &left_out {
        println!("left out, {target}");
    }
    Ok(match left_out.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn parse(arguments: &[&str]) -> Result<Request> {
    let mut request = Request {
        targets: TARGETS.iter().collect(),
        twice: false,
    };
    let mut named = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match *argument {
            "--check-reproducible" => request.twice = true,
            "--target" => {
                let name = rest.next().context("--target needs a target")?;
                let known = TARGETS.iter().find(|target| target.triple == *name);
                named.push(known.with_context(|| {
                    let known = TARGETS.map(|target| target.triple).join(", ");
                    format!("there is no target `{name}`; the targets are: {known}")
                })?);
            }
            _ => bail!("unexpected argument `{argument}`"),
        }
    }
    if !named.is_empty() {
        request.targets = named;
    }
    Ok(request)
}

/// What was made for one target.
struct ReleaseFiles {
    /// The root of the files as they are installed.
    stage: PathBuf,
    deb: PathBuf,
    rpm: PathBuf,
    /// Everything that is published.
    all: Vec<PathBuf>,
}

/// Makes everything for one target from the sources in a folder.
fn make(
    source: &Path,
    work: &Path,
    target: &BuildTarget,
    release: &Release,
    tools: &Tools,
) -> Result<ReleaseFiles> {
    let output = work.join("output");
    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    fs::create_dir_all(&output)?;
    let binary = build::compile(source, &work.join("build"), target, release, tools)?;
    let sbom = output.join(format!(
        "pki-{}-{}.cdx.json",
        release.version, target.triple
    ));
    fs::write(&sbom, sbom::list(source, target, release)?)?;
    let stage = work.join("stage");
    stage::lay_out(&stage, source, &binary, &sbom, release)?;
    let (deb, rpm) = package::packages(source, &stage, &output, target, release, tools)?;
    let archive = package::archive(&stage, &output, target, release)?;
    let image = package::image(source, &stage, &output, target, release)?;
    let all = vec![archive, sbom, deb.clone(), rpm.clone(), image.clone()];
    Ok(ReleaseFiles {
        stage,
        deb,
        rpm,
        all,
    })
}

/// Makes everything again from a copy of the sources in another folder, and fails if a file differs.
fn compare_with_second_build(
    first: &ReleaseFiles,
    target: &BuildTarget,
    release: &Release,
    tools: &Tools,
) -> Result<()> {
    let again = top()?.join("target/dist-again").join(target.triple);
    if again.exists() {
        fs::remove_dir_all(&again)?;
    }
    // A longer path than that of the sources, in which cargo finds the same settings.
    let source = again.join("the/same/sources");
    release.export(&source)?;
    let second = make(&source, &again.join("work"), target, release, tools)?;
    let mut different = Vec::new();
    for (one, other) in first.all.iter().zip(&second.all) {
        if fs::read(one)? != fs::read(other)? {
            different.push(format!("{} {}", one.display(), other.display()));
        }
    }
    ensure!(
        different.is_empty(),
        "the second build differs:\n{}",
        different.join("\n")
    );
    println!("built twice: {} files are the same", first.all.len());
    fs::remove_dir_all(&again)?;
    Ok(())
}
