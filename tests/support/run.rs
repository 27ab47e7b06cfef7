//! A program's run: what it printed, how it ended, and what it changed.

use std::{
    fmt::{self, Display},
    io::Write,
    process::{Command, Stdio},
    thread,
};

use super::rows;

/// Returns a command that runs our binary and inherits nothing.
pub(crate) fn pki() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pki"));
    command.env_clear().env("TZ", "UTC");
    command
}

/// Has a program of another project trust none of the CAs that the machine trusts, because no test wants them.
///
/// `openssl x509` and others read all of them before they do their work, which takes ten times as long as the work itself.
pub(super) fn trusting_nobody(command: &mut Command) -> &mut Command {
    match command.get_program() == env!("CARGO_BIN_EXE_pki") {
        true => command,
        false => command.env("SSL_CERT_FILE", "/dev/null"),
    }
}

/// What a program printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The command line.
    pub(crate) command: String,
    /// Exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
    /// The changes of files and directories, such as `etc/kubernetes/admin.conf: made`; `None` if no tree was watched.
    pub(crate) changes: Option<Vec<String>>,
}

impl Run {
    /// The exit code is this one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The exit code is 0.
    #[track_caller]
    pub(crate) fn ok(self) -> Run {
        self.exits(0)
    }

    /// It failed without a signal and printed `reason` on either stream.
    #[track_caller]
    pub(crate) fn refused(self, reason: &str) -> Run {
        assert!(
            self.code.is_some_and(|code| code != 0),
            "should have failed: {self}"
        );
        assert!(
            self.stdout.contains(reason) || self.stderr.contains(reason),
            "should have failed with {reason:?}: {self}"
        );
        self
    }

    /// Standard error contains this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Run {
        let elsewhere = match self.stdout.contains(text) {
            true => "standard output does",
            false => "standard output does not either",
        };
        assert!(
            self.stderr.contains(text),
            "standard error should contain {text:?}; {elsewhere}: {self}"
        );
        self
    }

    /// Standard error is exactly these lines.
    #[track_caller]
    pub(crate) fn says_only(self, lines: &[&str]) -> Run {
        assert_eq!(self.stderr.lines().collect::<Vec<_>>(), lines, "{self}");
        self
    }

    /// Standard error is empty.
    #[track_caller]
    pub(crate) fn says_nothing(self) -> Run {
        self.says_only(&[])
    }

    /// Standard output contains this.
    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Run {
        let elsewhere = match self.stderr.contains(text) {
            true => "standard error does",
            false => "standard error does not either",
        };
        assert!(
            self.stdout.contains(text),
            "standard output should contain {text:?}; {elsewhere}: {self}"
        );
        self
    }

    /// Standard output is empty.
    #[track_caller]
    pub(crate) fn prints_nothing(self) -> Run {
        assert_eq!(self.stdout, "", "{self}");
        self
    }

    /// Asserts that neither stream contains this.
    #[track_caller]
    pub(crate) fn does_not_say(self, text: &str) -> Run {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "should not say {text:?}: {self}"
        );
        self
    }

    /// No file or directory below the root was made, removed, changed or written again.
    #[track_caller]
    pub(crate) fn changed_nothing(self) -> Run {
        assert_eq!(*self.changes(), [""; 0], "{self}");
        self
    }

    /// Every file and directory below the root is what it was, the times of directories aside.
    #[track_caller]
    pub(crate) fn restored_everything(self) -> Run {
        let is_time_of_directory = |change: &String| change.ends_with("/: written again");
        let changes = self.changes().iter();
        let left: Vec<_> = changes.filter(|one| !is_time_of_directory(one)).collect();
        assert_eq!(left, [""; 0], "{self}");
        self
    }

    /// These files changed, below `etc/kubernetes`, and no other one; what `pki` keeps in `.pki` and directories aside.
    #[track_caller]
    pub(crate) fn changed_files(self, files: &[impl AsRef<str>]) -> Run {
        let mut wanted: Vec<_> = files.iter().map(|file| file.as_ref().to_owned()).collect();
        wanted.sort();
        assert_eq!(self.files_changed(), wanted, "{self}");
        self
    }

    /// Every file of these rows changed, and no other one; what `pki` keeps in `.pki` and directories aside.
    #[track_caller]
    pub(crate) fn changed_rows(self, rows: &[&str]) -> Run {
        let files: Vec<_> = rows.iter().flat_map(|row| rows::files_of(row)).collect();
        self.changed_files(&files)
    }

    /// The report marks these rows with `+`, `~`, `=` or `!`, and no others.
    #[track_caller]
    pub(crate) fn marks(self, mark: char, rows: &[&str]) -> Run {
        assert_eq!(self.marked(mark), rows, "marked with {mark}: {self}");
        self
    }

    /// The report says that a row is skipped, for a reason that begins so.
    #[track_caller]
    pub(crate) fn skips(self, row: &str, reason: &str) -> Run {
        let found = self.reason_for_skipping(row);
        assert!(
            found.is_some_and(|found| found.starts_with(reason)),
            "{row} should be skipped because {reason:?}: {self}"
        );
        self
    }

    /// Returns the rows that the report marks with `+`, `~`, `=` or `!`.
    pub(crate) fn marked(&self, mark: char) -> Vec<&str> {
        self.stdout
            .lines()
            .filter_map(|line| line.strip_prefix(mark)?.strip_prefix(' '))
            .filter_map(|line| line.split(' ').next())
            .collect()
    }

    /// Returns why the report says that a row is skipped.
    pub(crate) fn reason_for_skipping(&self, row: &str) -> Option<&str> {
        let skipped = self.stdout.lines().skip_while(|line| *line != "skipped:");
        skipped
            .skip(1)
            .map_while(|line| line.strip_prefix("    ")?.split_once(": "))
            .find(|(names, _)| names.split(", ").any(|name| name == row))
            .map(|(_, reason)| reason)
    }

    /// Returns the facts that the report lists of a row below its table.
    pub(crate) fn facts(&self, row: &str) -> Vec<&str> {
        let mut is_about_row = false;
        let mut facts = Vec::new();
        for line in self.stdout.lines() {
            if let Some(fact) = line.strip_prefix("        ") {
                facts.extend(is_about_row.then_some(fact));
            } else {
                let names = line.strip_prefix("    ").unwrap_or_default();
                is_about_row = names.split(", ").any(|name| name == row);
            }
        }
        facts
    }

    /// Returns the paths of the files that changed, below `etc/kubernetes`, without those in `.pki`, sorted.
    #[track_caller]
    pub(crate) fn files_changed(&self) -> Vec<String> {
        let mut files: Vec<_> = self
            .changes()
            .iter()
            .filter_map(|change| {
                let (path, _) = change.rsplit_once(": ").unwrap();
                let is_directory = path.ends_with('/');
                let path = path.strip_prefix("etc/kubernetes/").unwrap_or(path);
                (!is_directory && !path.starts_with(".pki/")).then(|| path.to_owned())
            })
            .collect();
        files.sort();
        files
    }

    #[track_caller]
    fn changes(&self) -> &Vec<String> {
        let changes = self.changes.as_ref();
        changes.unwrap_or_else(|| panic!("no tree was watched by {}", self.command))
    }
}

impl Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run {
            command,
            code,
            stdout,
            stderr,
            changes,
        } = self;
        write!(
            f,
            "{command}\nexit code: {code:?}\nstdout:\n{stdout}\nstderr:\n{stderr}"
        )?;
        match changes {
            Some(changes) => write!(f, "\nchanges:\n{}", changes.join("\n")),
            None => Ok(()),
        }
    }
}

/// Runs a program to its end, without input.
pub(crate) fn run(command: &mut Command) -> Run {
    run_with_input(command, "")
}

/// Runs a program to its end with `input` as standard input; no output may hold a private key.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> Run {
    let line = format!("{command:?}");
    trusting_nobody(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        // A program may end without having read its input.
        scope.spawn(move || drop(stdin.write_all(input.as_bytes())));
        child.wait_with_output().unwrap()
    });
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(
        ![&stdout, &stderr]
            .iter()
            .any(|text| text.contains("PRIVATE KEY-----")),
        "{line}: printed a private key"
    );
    Run {
        command: line,
        code: output.status.code(),
        stdout,
        stderr,
        changes: None,
    }
}
