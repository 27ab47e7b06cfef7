//! Runs a table of inputs that are refused, or accepted, and holds every row to the same promises.

use std::{
    fmt::Write as _,
    fs,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use super::specimen::{Snapshot, Specimen, differences};
use crate::support::{Run, pki, run_with_input};

/// The most time that judging one input takes.
const TIME_LIMIT: Duration = Duration::from_secs(1);

/// One row: a command line, what is given to it, and what has to come of it.
pub(super) struct Row {
    /// The file `cluster.yaml` in the working directory, if there is one.
    pub(super) file: Option<Vec<u8>>,
    /// Standard input.
    pub(super) input: String,
    /// The command line, to which `--rootfs` is added.
    pub(super) arguments: Vec<String>,
    /// What is said on standard error, line by line.
    pub(super) says: Vec<String>,
    /// How it ends, and what is then on standard output.
    pub(super) ends: Ends,
}

/// How a row ends.
#[derive(Clone)]
pub(super) enum Ends {
    /// With exit code 3 and nothing on standard output.
    Refused,
    /// With exit code 0 and this on standard output.
    Accepted(Vec<String>),
}

/// Where every row is tried: an empty folder, which is the working directory and the root of the tree.
pub(super) struct Bench {
    specimen: Specimen,
    failures: String,
    rows: usize,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench {
            specimen: Specimen::empty(),
            failures: String::new(),
            rows: 0,
        }
    }

    /// Returns a path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.specimen.folder().join(name)
    }

    /// Tries a row, and remembers what it does not keep to.
    pub(super) fn row(&mut self, name: &str, row: &Row) {
        self.rows += 1;
        let file = self.path("cluster.yaml");
        if let Some(bytes) = &row.file {
            fs::write(&file, bytes).unwrap();
        }
        let before = self.specimen.snapshot();
        let mut command = pki();
        command
            .current_dir(self.specimen.folder())
            .args(&row.arguments)
            .arg("--rootfs")
            .arg(self.specimen.folder());
        let broken = self.judge(&mut command, row, &before);
        if !broken.is_empty() {
            writeln!(self.failures, "== {name}: {broken}").unwrap();
        }
    }

    /// Returns the promises that a run breaks.
    fn judge(&self, command: &mut Command, row: &Row, before: &Snapshot) -> String {
        let mut timed = || {
            let started = Instant::now();
            // It fails by itself if a private key is printed.
            let run = run_with_input(command, &row.input);
            (run, started.elapsed())
        };
        let (mut run, mut time) = timed();
        // Something else may have the processors just then, but not each time; no row writes anything.
        for _ in 0..2 {
            if time >= TIME_LIMIT {
                (run, time) = timed();
            }
        }
        let wanted: String = row.says.iter().map(|line| format!("{line}\n")).collect();
        let (code, stdout) = match &row.ends {
            Ends::Refused => (3, &[][..]),
            Ends::Accepted(stdout) => (0, &stdout[..]),
        };
        let promises = [
            (run.code == Some(code), format!("should exit with {code}")),
            (run.stderr == wanted, format!("should say\n{wanted}")),
            (
                stdout.iter().all(|text| run.stdout.contains(text)),
                format!("should print {stdout:?}"),
            ),
            (
                code == 0 || run.stdout.is_empty(),
                "should print nothing".to_owned(),
            ),
            (is_tame(&run), "steers the terminal".to_owned()),
            (!run.stderr.contains("panicked"), "panicked".to_owned()),
            (time < TIME_LIMIT, format!("took {time:?}")),
        ];
        let mut broken: String = promises
            .into_iter()
            .filter(|(kept, _)| !kept)
            .map(|(_, promise)| format!("{promise}\n"))
            .collect();
        broken += &differences(before, &self.specimen.snapshot());
        if !broken.is_empty() {
            write!(broken, "{run}").unwrap();
        }
        broken
    }

    /// Fails if any row did not keep a promise, or if rows were lost.
    #[track_caller]
    pub(super) fn assert_kept(self, rows: usize) {
        assert!(self.failures.is_empty(), "\n{}", self.failures);
        assert!(self.rows >= rows, "only {} rows were tried", self.rows);
    }
}

/// Returns whether nothing in the output is acted upon by a terminal, or hidden by it.
fn is_tame(run: &Run) -> bool {
    let is_tame = |c: char| {
        let hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        c == '\n' || !(c.is_control() || hides)
    };
    [&run.stdout, &run.stderr]
        .iter()
        .all(|text| text.chars().all(is_tame))
}

/// Returns the rows of a table, what is given and what is said, in a line each: `=>` stands between the two, and for what
/// a line cannot show `¶` (a line end), `␛` (escape) and `␂` (a byte-order mark).
pub(super) fn rows(table: &str) -> impl Iterator<Item = (String, String)> {
    table.lines().filter(|line| !line.is_empty()).map(|line| {
        let (given, says) = line.split_once(" => ").expect(line);
        let given = given
            .replace('¶', "\n")
            .replace('␛', "\u{1b}")
            .replace('␂', "\u{feff}");
        (given, says.to_owned())
    })
}

/// Returns the arguments of a command line that is written as one.
pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Returns lines of standard error, each of which an error.
pub(super) fn errors(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| format!("error: {line}")).collect()
}

/// Returns lines of standard error, each of which a warning.
pub(super) fn warnings(lines: &[&str]) -> Vec<String> {
    lines
        .iter()
        .map(|line| format!("warning: {line}"))
        .collect()
}
