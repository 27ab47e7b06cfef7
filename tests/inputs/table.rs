//! Tables of configurations and flags that are refused or accepted.

use std::{
    cell::RefCell,
    fmt::Write as _,
    fs,
    io::{self, Write},
    path::PathBuf,
    rc::Rc,
};

use anstream::StripStream;
use clap::Parser;
use pki::{
    cli::Cli,
    cmd::{self, Console, Exit},
};

use crate::support::{NOW, Run, TestTree, pki, run_with_input, safe};

/// One row: a command line, its input, and the expected result.
pub(super) struct Row {
    /// The file `cluster.yaml` in the working directory, if there is one.
    pub(super) file: Option<Vec<u8>>,
    /// Standard input.
    pub(super) input: String,
    /// The command line, to which `--rootfs` is added.
    pub(super) arguments: Vec<String>,
    /// The lines on standard error.
    pub(super) says: Vec<String>,
    /// The exit code and standard output.
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

/// The place where rows run: an empty folder, which is both the working directory and the root of the tree.
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

    /// Runs a row, and records its differences from the expected result.
    pub(super) fn row(&mut self, name: &str, row: &Row) {
        self.rows += 1;
        if let Some(bytes) = &row.file {
            fs::write(self.path("cluster.yaml"), bytes).unwrap();
        }
        let before = self.folder.snapshot();
        let run = safe(self.run(row));
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

    /// Runs a row in this process, unless it reads standard input, which only a process has of its own.
    fn run(&self, row: &Row) -> Run {
        let root = self.folder.root().to_str().unwrap();
        if row.arguments.iter().any(|word| word == "-") {
            let mut command = pki();
            command.current_dir(root).args(&row.arguments);
            return run_with_input(command.args(["--rootfs", root]), &row.input);
        }
        let mut is_path = false;
        let words = row.arguments.iter().map(|word| {
            let is_relative = std::mem::replace(&mut is_path, word == "--config");
            match is_relative {
                true => self.path(word).to_str().unwrap().to_owned(),
                false => word.clone(),
            }
        });
        let words: Vec<_> = words
            .chain(["--rootfs".to_owned(), root.to_owned()])
            .collect();
        let cli = Cli::try_parse_from(["pki".to_owned()].iter().chain(&words));
        let cli = cli.unwrap_or_else(|error| panic!("{words:?}: {error}"));
        let [output, messages] = [Sink::default(), Sink::default()];
        let console = Console::to(NOW, Box::new(output.clone()), Box::new(messages.clone()));
        let exit = cmd::run(cli, &console).unwrap_or_else(|error| console.report(&error));
        // As if the command had been typed in the directory.
        let config = row.arguments.iter().skip_while(|word| *word != "--config");
        let text = |sink: &Sink| match config.clone().nth(1) {
            Some(config) => sink
                .text()
                .replace(self.path(config).to_str().unwrap(), config),
            None => sink.text(),
        };
        Run {
            command: format!("pki {}", words.join(" ")),
            code: match exit {
                Exit::Done => Some(0),
                Exit::Invalid => Some(3),
                _ => Some(-1),
            },
            stdout: text(&output),
            stderr: text(&messages),
            changes: None,
        }
    }

    /// Fails if a row had another result than expected, or if rows were lost.
    #[track_caller]
    pub(super) fn assert_kept(self, rows: usize) {
        assert!(self.failures.is_empty(), "\n{}", self.failures);
        assert!(self.rows >= rows, "only {} rows were tried", self.rows);
    }
}

/// The text that is written to a stream, without styles as on a pipe.
#[derive(Clone)]
struct Sink(Rc<RefCell<StripStream<Vec<u8>>>>);

impl Default for Sink {
    fn default() -> Sink {
        Sink(Rc::new(RefCell::new(StripStream::new(Vec::new()))))
    }
}

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().as_inner().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
