//! Tables of configurations and flags that are refused or accepted.

use std::{fmt::Write as _, fs, path::PathBuf};

use crate::support::{TestTree, pki, run_with_input, safe};

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
    folder: TestTree,
    failures: String,
    rows: usize,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench {
            folder: TestTree::empty(),
            failures: String::new(),
            rows: 0,
        }
    }

    /// Returns a path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.root().join(name)
    }

    /// Tries a row, and remembers what it does not keep to.
    pub(super) fn row(&mut self, name: &str, row: &Row) {
        self.rows += 1;
        if let Some(bytes) = &row.file {
            fs::write(self.path("cluster.yaml"), bytes).unwrap();
        }
        let before = self.folder.snapshot();
        let mut command = pki();
        command
            .current_dir(self.folder.root())
            .args(&row.arguments)
            .arg("--rootfs")
            .arg(self.folder.root());
        let run = safe(run_with_input(&mut command, &row.input));
        let changes = before.changes(&self.folder.snapshot());
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
            (
                changes.is_empty(),
                format!("should change nothing: {changes:?}"),
            ),
        ];
        let broken = promises.iter().filter(|(kept, _)| !kept);
        let broken: String = broken.map(|(_, promise)| format!("{promise}\n")).collect();
        if !broken.is_empty() {
            writeln!(self.failures, "== {name}: {broken}{run}").unwrap();
        }
    }

    /// Fails if any row did not keep a promise, or if rows were lost.
    #[track_caller]
    pub(super) fn assert_kept(self, rows: usize) {
        assert!(self.failures.is_empty(), "\n{}", self.failures);
        assert!(self.rows >= rows, "only {} rows were tried", self.rows);
    }
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
