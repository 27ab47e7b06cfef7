//! `cargo xtask fuzz`: builds the targets of `xtask/fuzz` with libFuzzer, and runs them.
//!
//! Stable Rust is enough: LLVM itself has the instrumentation pass, and a crate contains the C++ source of libFuzzer.
//! AWS-LC, which the C compiler builds, is not instrumented. All files are in `target/fuzz` and are not committed.

use std::{
    env, fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode},
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use pki_fuzz::{FuzzTarget, TARGETS};

use crate::{
    command::{cargo, find, output, run as execute, top},
    peers,
};

/// The instrumentation for libFuzzer: inline counters of edges, a table of their addresses, and traced comparisons.
const INSTRUMENTATION: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg=fuzzing",
];

/// The limits for any input of at most 64 KiB: seconds, and memory of the whole process.
const BOUNDS: [&str; 3] = ["-max_len=65536", "-timeout=5", "-rss_limit_mb=512"];

/// One mutation at a time, because a second one usually destroys the effect of the first. Inputs grow slowly, which is
/// libFuzzer's default only for targets without a custom mutator.
const MUTATION: [&str; 2] = ["-mutate_depth=1", "-len_control=100"];

/// The fewest edges that an instrumented fuzzer reaches. Reading an empty file already takes hundreds.
const LEAST_EDGES: u64 = 500;

/// How many lines of a log are shown when a target failed.
const SHOWN_LINES: usize = 40;

/// Runs the named targets, or all targets, for `seconds` each.
pub(crate) fn run(seconds: u32, names: &[&str]) -> Result<ExitCode> {
    ensure!(seconds > 0, "at least one second is needed");
    let targets = select(names)?;
    let fuzzer = build()?;
    for target in &targets {
        prepare(target)?;
    }

    let workers = thread::available_parallelism()?.get();
    let waiting = Mutex::new(targets.iter());
    let work = || -> Result<bool> {
        let mut is_good = true;
        while let Some(target) = {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.next()
        } {
            is_good &= FuzzRun::start(&fuzzer, target, seconds)?.finish()?;
        }
        Ok(is_good)
    };
    let outcomes: Vec<Result<bool>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| bail!("a worker panicked"))
        };
        threads.into_iter().map(join).collect()
    });
    let outcomes = outcomes.into_iter().collect::<Result<Vec<bool>>>()?;
    Ok(if outcomes.into_iter().all(|is_good| is_good) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn select(names: &[&str]) -> Result<Vec<&'static FuzzTarget>> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let find = |name: &&str| {
        pki_fuzz::find(name).with_context(|| {
            let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            format!("there is no target `{name}`, want {}", known.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// Builds the fuzzer, and returns its path.
fn build() -> Result<PathBuf> {
    if find("c++").is_none() {
        println!("installing a C++ compiler for libFuzzer");
        peers::install_packages(&["g++"])
            .context("libFuzzer needs a C++ compiler (Debian package g++)")?;
    }
    // With `--target`, cargo does not instrument build scripts and macros, which would not link.
    let host = host()?;
    let folder = top()?.join("target/fuzz");
    let mut command = cargo(&["build", "--locked", "--package", "pki-fuzz", "--bin"])?;
    command
        .args(["pki-fuzz", "--profile", "fuzz", "--target", &host])
        .arg("--target-dir")
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\x1f"));
    execute(&mut command)?;
    Ok(folder.join(host).join("fuzz/pki-fuzz"))
}

fn host() -> Result<String> {
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(Command::new(rustc).arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc names no host")?.to_owned())
}

/// Returns the folder of a target's files of one kind.
fn folder(kind: &str, target: &FuzzTarget) -> Result<PathBuf> {
    let folder = top()?.join("target/fuzz").join(kind).join(target.name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    Ok(folder)
}

/// Writes the seeds and the dictionary.
fn prepare(target: &FuzzTarget) -> Result<()> {
    let corpus = folder("corpus", target)?;
    for (name, bytes) in target.seeds()? {
        let path = corpus.join(format!("seed-{name}"));
        fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let path = dictionary(target)?;
    fs::write(&path, dictionary_text(&(target.dictionary)()))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

fn dictionary(target: &FuzzTarget) -> Result<PathBuf> {
    Ok(folder("dictionary", target)?.join("words"))
}

/// Returns words in libFuzzer's format: one per line, quoted, every byte in hexadecimal.
fn dictionary_text(words: &[Vec<u8>]) -> String {
    let line = |word: &Vec<u8>| {
        let escaped: String = word.iter().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{escaped}\"\n")
    };
    words.iter().map(line).collect()
}

/// A running target.
struct FuzzRun {
    target: &'static FuzzTarget,
    child: Child,
    log: PathBuf,
    started: Instant,
}

impl FuzzRun {
    fn start(fuzzer: &Path, target: &'static FuzzTarget, seconds: u32) -> Result<FuzzRun> {
        let log = folder("logs", target)?.join("log");
        let artifacts = folder("artifacts", target)?;
        let child = Command::new(fuzzer)
            .env("PKI_FUZZ_TARGET", target.name)
            .env("RUST_BACKTRACE", "0")
            .arg(folder("corpus", target)?)
            .args(BOUNDS)
            .args(MUTATION)
            .arg(format!("-max_total_time={seconds}"))
            .arg("-print_final_stats=1")
            .arg(format!("-dict={}", dictionary(target)?.display()))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .spawn()
            .with_context(|| format!("cannot run `{}`", fuzzer.display()))?;
        Ok(FuzzRun {
            target,
            child,
            log,
            started: Instant::now(),
        })
    }

    /// Waits for its end, prints the result, and returns whether it succeeded.
    fn finish(&mut self) -> Result<bool> {
        let success = self.child.wait()?.success();
        let log = String::from_utf8_lossy(&fs::read(&self.log)?).into_owned();
        let figures = Figures::of(&log);
        let name = self.target.name;
        let seconds = self.started.elapsed().as_secs();
        println!("{name}: {figures}, {seconds} s");
        // Without counters, it would run forever and find nothing.
        ensure!(
            !success || figures.edges > LEAST_EDGES,
            "`{name}` reached {} edges only, so that it is hardly instrumented: see `{}`",
            figures.edges,
            self.log.display()
        );
        if !success {
            for line in last_lines(&log) {
                println!("{name}| {line}");
            }
            match log
                .lines()
                .find_map(|line| line.split_once("Test unit written to "))
            {
                Some((_, path)) => println!(
                    "`{name}` failed; the input is `{path}`, and `cargo run --package pki-fuzz -- {name} {path}` replays it"
                ),
                None => println!("`{name}` failed; the log is `{}`", self.log.display()),
            }
        }
        Ok(success)
    }
}

/// Returns the lines of a failed target's log that say why: from the panic on where there is one, else the last ones.
fn last_lines(log: &str) -> Vec<&str> {
    let lines: Vec<_> = log.lines().collect();
    let start = lines
        .iter()
        .position(|line| line.contains(" panicked at "))
        .unwrap_or(lines.len().saturating_sub(SHOWN_LINES));
    lines.into_iter().skip(start).take(SHOWN_LINES).collect()
}

/// The statistics that libFuzzer prints.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    executions: u64,
    edges: u64,
    inputs: u64,
}

impl Figures {
    /// Parses the last status line, such as `#2 INITED cov: 1 ft: 2 corp: 3/4b exec/s: 0 rss: 30Mb`.
    fn of(log: &str) -> Figures {
        let is_status = |line: &&str| line.starts_with('#') && line.contains(" cov: ");
        let Some(line) = log.lines().rev().find(is_status) else {
            return Figures::default();
        };
        let mut words = line.split_whitespace();
        let executions = words.next().and_then(|word| word.get(1..));
        let mut figures = Figures {
            executions: number(executions.unwrap_or_default()),
            ..Figures::default()
        };
        while let Some(word) = words.next() {
            match word {
                "cov:" => figures.edges = number(words.next().unwrap_or_default()),
                "corp:" => figures.inputs = number(words.next().unwrap_or_default()),
                _ => {}
            }
        }
        figures
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} executions, {} edges, {} inputs",
            self.executions, self.edges, self.inputs
        )
    }
}

/// Returns the number at the beginning of a word.
fn number(word: &str) -> u64 {
    let digits = word.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_status_line_gives_the_figures() {
        let log = "INFO: Running with entropic power schedule (0xFF, 100).\n\
            #3\tINITED cov: 512 ft: 600 corp: 2/9b exec/s: 0 rss: 40Mb\n\
            #4096\tpulse  cov: 2345 ft: 4567 corp: 89/12Kb lim: 4096 exec/s: 2048 rss: 55Mb\n\
            Done 4099 runs in 2 second(s)\n";
        let figures = Figures {
            executions: 4096,
            edges: 2345,
            inputs: 89,
        };
        assert_eq!(Figures::of(log), figures);
        assert_eq!(Figures::of("error: no such option"), Figures::default());
    }

    #[test]
    fn a_failure_is_shown_from_its_panic_on() {
        let noise = "#3\tNEW cov: 512\n".repeat(SHOWN_LINES);
        let panic = "thread 'main' (3) panicked at src/key.rs:3:5:\nassertion failed: is_same\n";
        let log = format!("{noise}{panic}{noise}");
        let shown = last_lines(&log);
        let panic: Vec<_> = panic.lines().collect();
        assert!(shown.starts_with(&panic));
        assert_eq!(shown.len(), SHOWN_LINES);
        let without_panic = format!("{noise}SUMMARY\n");
        assert_eq!(last_lines(&without_panic).last(), Some(&"SUMMARY"));
    }

    #[test]
    fn words_are_written_byte_by_byte() {
        let words = [b"a\"".to_vec(), vec![0, 255]];
        assert_eq!(dictionary_text(&words), "\"\\x61\\x22\"\n\"\\x00\\xff\"\n");
    }

    #[test]
    fn a_target_is_named_as_it_is_or_refused() {
        assert_eq!(select(&[]).unwrap().len(), TARGETS.len());
        assert_eq!(select(&["key"]).unwrap().first().unwrap().name, "key");
        let error = select(&["keys"]).err().unwrap().to_string();
        assert!(
            error.contains("`keys`") && error.contains("certificate, key"),
            "{error}"
        );
    }
}
