//! The part of `cargo xtask bench` about many trees: 10,000 certificates in 1,000 copies of a tree.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::command::{command, find, output};

const TREES: usize = 1000;

/// How many certificates each tree has in files of their own.
const CERTIFICATES: usize = 10;

const CASES: [(&str, &[&str]); 4] = [
    ("dates, directories", &["-o", "jsonl", "--dates-only"]),
    ("signatures, directories", &["-o", "jsonl"]),
    ("metrics, directories", &["-o", "prometheus"]),
    ("dates, tar.gz", &["-o", "jsonl", "--dates-only"]),
];

/// Times `check-expiration` on many trees without kubeconfigs, `rounds` times each.
pub(crate) fn run(pki: &Path, folder: &Path, rounds: usize) -> Result<()> {
    let (directories, archives) = make(pki, folder)?;
    println!(
        "\n{:<44} {:>9} {:>9} {:>9}",
        format!("{TREES} trees, {} certificates", TREES * CERTIFICATES),
        "median ms",
        "CPU us*",
        "MiB"
    );
    for (name, arguments) in CASES {
        let trees = match name.ends_with("tar.gz") {
            true => &archives,
            false => &directories,
        };
        let mut times = Vec::new();
        for _ in 0..rounds {
            times.push(time(pki, arguments, trees)?);
        }
        times.sort();
        let median = times.get(rounds / 2).copied().unwrap_or_default();
        let (cpu, memory) = usage(pki, arguments, trees, &folder.join("usage"))?;
        println!(
            "{name:<44} {:>9.1} {:>9} {:>9}",
            median.as_secs_f64() * 1000.0,
            cpu.map_or("-".to_owned(), |cpu| format!("{cpu:.1}")),
            memory.map_or("-".to_owned(), |memory| format!("{memory:.1}"))
        );
    }
    println!("* per certificate, of all threads");
    verification_cost()
}

/// Makes the trees as directories and as archives, and returns their paths.
fn make(pki: &Path, folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let model = folder.join("model");
    fs::create_dir_all(&model)?;
    let flags = [
        "init",
        "--node-name=cp-1",
        "--apiserver-advertise-address=192.0.2.11",
        "--rootfs",
    ];
    output(Command::new(pki).args(flags).arg(&model))?;
    let source = model.join("etc/kubernetes/pki");
    let archive = folder.join("model.tar.gz");
    let mut tar = Command::new("tar");
    tar.arg("-czf").arg(&archive).arg("-C");
    output(tar.arg(model.join("etc/kubernetes")).arg("pki"))?;
    let (mut directories, mut archives) = (Vec::new(), Vec::new());
    for number in 0..TREES {
        let tree = folder.join(format!("trees/{number:04}"));
        let copy = tree.join("pki");
        fs::create_dir_all(copy.join("etcd"))?;
        copy_files(&source, &copy)?;
        copy_files(&source.join("etcd"), &copy.join("etcd"))?;
        directories.push(tree);
        let file = folder.join(format!("trees/{number:04}.tar.gz"));
        fs::copy(&archive, &file)?;
        archives.push(file);
    }
    Ok((directories, archives))
}

fn copy_files(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn check(program: &mut Command, arguments: &[&str], trees: &[PathBuf]) -> Result<()> {
    let status = program
        .arg("check-expiration")
        .args(arguments)
        .args(trees)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .with_context(|| format!("cannot run {program:?}"))?;
    // The kubeconfigs are missing.
    ensure!(status.code() == Some(5), "it ended with {status}");
    Ok(())
}

fn time(pki: &Path, arguments: &[&str], trees: &[PathBuf]) -> Result<Duration> {
    let start = Instant::now();
    check(&mut Command::new(pki), arguments, trees)?;
    Ok(start.elapsed())
}

/// Returns the processor time for each certificate in microseconds, and the largest memory in MiB, if GNU time is installed.
fn usage(
    pki: &Path,
    arguments: &[&str],
    trees: &[PathBuf],
    file: &Path,
) -> Result<(Option<f64>, Option<f64>)> {
    let Some(program) = find("time") else {
        return Ok((None, None));
    };
    let mut timed = Command::new(program);
    timed.args(["-f", "%U %S %M", "-o"]).arg(file);
    check(timed.arg(pki), arguments, trees)?;
    let text = fs::read_to_string(file)?;
    let numbers: Vec<f64> = text
        .lines()
        .last()
        .unwrap_or_default()
        .split(' ')
        .filter_map(|number| number.parse().ok())
        .collect();
    let [user, system, kilobytes] = numbers.as_slice() else {
        return Ok((None, None));
    };
    let certificates = f64::from(u32::try_from(TREES * CERTIFICATES)?);
    let cpu = (user + system) * 1_000_000.0 / certificates;
    Ok((Some(cpu), Some(kilobytes / 1024.0)))
}

/// Prints what one RSA-2048 verification costs in openssl.
fn verification_cost() -> Result<()> {
    if find("openssl").is_none() {
        return Ok(());
    }
    let speed = ["speed", "-mr", "-seconds", "1", "rsa2048"];
    let text = output(&mut command("openssl", &speed)?)?;
    // `+F2:NUMBER:BITS:SECONDS TO SIGN:SECONDS TO VERIFY`
    let seconds = text
        .lines()
        .find_map(|line| line.strip_prefix("+F2:")?.rsplit(':').next()?.parse().ok());
    if let Some(seconds) = seconds.map(|seconds: f64| seconds * 1_000_000.0) {
        println!("openssl, one RSA-2048 verification: {seconds:.1} us");
    }
    Ok(())
}
