//! The part of `cargo xtask bench` about many trees: 10,000 certificates in 1,000 copies of a tree.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::available_parallelism,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::command::{command, find, output};

const TREES: usize = 1000;

/// How many certificates each tree has in files of their own.
const CERTIFICATES: usize = 10;

const JSONL: [&str; 2] = ["-o", "jsonl"];

const CASES: [(&str, &[&str]); 4] = [
    ("dates, directories", &["-o", "jsonl", "--dates-only"]),
    ("signatures, directories", &JSONL),
    ("metrics, directories", &["-o", "prometheus"]),
    ("dates, tar.gz", &["-o", "jsonl", "--dates-only"]),
];

/// Times `check-expiration` on many trees without kubeconfigs, `rounds` times each.
pub(super) fn run(pki: &Path, folder: &Path, rounds: usize) -> Result<()> {
    let (directories, archives) = make(pki, folder)?;
    let measure = |name: &str, arguments: &[&str], trees: &[PathBuf], cores: Option<usize>| {
        let run = FleetRun {
            arguments,
            trees,
            cores,
        };
        run.print(name, pki, rounds, &folder.join("usage"))
    };
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
        measure(name, arguments, trees, None)?;
    }
    println!("\nsignatures, directories: how the work grows");
    for count in [1, 10, 100, TREES] {
        let trees = directories.get(..count).unwrap_or_default();
        measure(&format!("{count} trees"), &JSONL, trees, None)?;
    }
    for cores in [1, 2, 4] {
        let has_cores = available_parallelism().is_ok_and(|found| found.get() >= cores);
        if has_cores && find("taskset").is_some() {
            measure(
                &format!("{TREES} trees, cores: {cores}"),
                &JSONL,
                &directories,
                Some(cores),
            )?;
        }
    }
    println!("* per certificate, of all threads");
    reading_cost(&directories, rounds)?;
    verification_cost()
}

/// A check of some trees.
struct FleetRun<'a> {
    arguments: &'a [&'a str],
    trees: &'a [PathBuf],
    /// How many processors it may use, if not all.
    cores: Option<usize>,
}

impl FleetRun<'_> {
    /// Prints a row with the median of `rounds` runs.
    fn print(&self, name: &str, pki: &Path, rounds: usize, usage_file: &Path) -> Result<()> {
        let mut times = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            self.check(self.command(pki))?;
            times.push(start.elapsed());
        }
        let (cpu, memory) = self.usage(pki, usage_file)?;
        println!(
            "{name:<44} {:>9.1} {:>9} {:>9}",
            median(&mut times).as_secs_f64() * 1000.0,
            cpu.map_or("-".to_owned(), |cpu| format!("{cpu:.1}")),
            memory.map_or("-".to_owned(), |memory| format!("{memory:.1}"))
        );
        Ok(())
    }

    fn command(&self, program: &Path) -> Command {
        let Some(cores) = self.cores else {
            return Command::new(program);
        };
        let mut command = Command::new("taskset");
        command
            .arg("-c")
            .arg(format!("0-{}", cores - 1))
            .arg(program);
        command
    }

    fn check(&self, mut program: Command) -> Result<()> {
        let status = program
            .arg("check-expiration")
            .args(self.arguments)
            .args(self.trees)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .with_context(|| format!("cannot run {program:?}"))?;
        // The kubeconfigs are missing.
        ensure!(status.code() == Some(5), "it ended with {status}");
        Ok(())
    }

    /// Returns the processor time for each certificate in microseconds, and the largest memory in MiB, if GNU time is installed.
    fn usage(&self, pki: &Path, file: &Path) -> Result<(Option<f64>, Option<f64>)> {
        let Some(program) = find("time") else {
            return Ok((None, None));
        };
        let mut timed = self.command(&program);
        timed.args(["-f", "%U %S %M", "-o"]).arg(file).arg(pki);
        self.check(timed)?;
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
        let certificates = f64::from(u32::try_from(self.trees.len() * CERTIFICATES)?);
        let cpu = (user + system) * 1_000_000.0 / certificates;
        Ok((Some(cpu), Some(kilobytes / 1024.0)))
    }
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

/// Prints how long one thread takes to open, read and close the files with certificates.
fn reading_cost(trees: &[PathBuf], rounds: usize) -> Result<()> {
    let mut files = vec![];
    for tree in trees {
        for folder in [tree.join("pki"), tree.join("pki/etcd")] {
            for entry in fs::read_dir(folder)? {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "crt") {
                    files.push(path);
                }
            }
        }
    }
    let mut times = vec![];
    for _ in 0..rounds {
        let start = Instant::now();
        for file in &files {
            fs::read(file)?;
        }
        times.push(start.elapsed());
    }
    println!(
        "opening, reading and closing {} files, one thread: {:.1} ms",
        files.len(),
        median(&mut times).as_secs_f64() * 1000.0
    );
    Ok(())
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Prints what one RSA-2048 verification costs in openssl.
fn verification_cost() -> Result<()> {
    if find("openssl").is_none() {
        return Ok(());
    }
    let speed = ["speed", "-mr", "-seconds", "1", "rsa2048"];
    let text = output(&mut command("openssl", &speed)?)?;
    // `+F2:NUMBER:BITS:SIGNATURES A SECOND:VERIFICATIONS A SECOND`
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("+F2:")?.rsplit(':').next()?.parse().ok());
    if let Some(microseconds) = rate.map(|rate: f64| 1_000_000.0 / rate) {
        println!("openssl, one RSA-2048 verification: {microseconds:.1} us");
    }
    Ok(())
}
