//! The commands: each resolves its arguments, calls the library and hands the result to a renderer.
//!
//! Only this module chooses a stream; `main` alone turns an error into an exit code, through [`Env::report`].

mod apply;
mod check_expiration;
mod config;
mod history;
mod init;
mod ledger;
mod progress;
mod renew;
mod rollback;
mod target;
mod template;

use std::io::{self, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, setrlimit};
use time::{Duration, OffsetDateTime};

use crate::check::expiry::{self, Thresholds, Urgency};
use crate::cli::{Cli, Command};
use crate::config::{Cluster, Problems};
use crate::fs::file::FileError;
use crate::plan::{Plan, Refusal};
use crate::report::text;
use crate::store::outcome::TransactionError;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::layout::Layout;
use crate::tree::overlay::Tree;
use crate::util::escape::tame;
use crate::x509::verify::VerifyError;

/// What a command gets from the process it runs in.
#[derive(Debug)]
pub struct Env {
    /// The one time of this run, whole seconds.
    pub now: OffsetDateTime,
}

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; or checked, and nothing needs attention.
    Done = 0,
    /// Failed; the message says in what state the tree is.
    Failed = 1,
    /// Invalid configuration or input; nothing was touched.
    Invalid = 3,
    /// Something expires within the warning time.
    Due = 4,
    /// Something is expired, missing or broken.
    Critical = 5,
    /// Another run holds the lock.
    Busy = 6,
}

/// Lines of an error's text that begin so say what to do, or in what state the tree is.
const HINT: &str = "hint: ";
const NOTE: &str = "note: ";

/// What a failure outside the transaction leaves; context of an error, printed after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It came before the commit.
    Unchanged,
    /// It came after the commit, and must not look as if the change had failed.
    Changed,
}

/// What the command line or standard input asks for is not possible; nothing was touched.
#[derive(Debug)]
struct Invalid(String);

/// Standard output was closed by whoever reads it: not an error.
#[derive(Debug)]
struct ClosedPipe;

/// Runs a command.
///
/// # Errors
/// Whatever went wrong, for [`Env::report`].
pub fn run(cli: Cli, env: &Env) -> Result<Exit> {
    // Certificates express 1950 to 9999; whoever is near either end has no working clock.
    if !(1971..9999).contains(&env.now.year()) {
        let what = format!(
            "the clock says {}: is it right?\n{NOTE}no file was changed",
            env.now.date()
        );
        return Err(Invalid(what).into());
    }
    // A core dump would hold the keys.
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none).context("turning core dumps off")?;
    match cli.command {
        Command::Init(args) => init::run(&args, env),
        Command::CheckExpiration(args) => check_expiration::run(&args, env),
        Command::Renew(args) => renew::run(&args, env),
        Command::History(args) => history::run(&args, env),
        Command::Rollback(args) => rollback::run(&args, env),
        Command::Ledger(args) => ledger::run(&args, env),
        Command::Config(args) => config::run(&args, env),
        Command::Template(args) => template::run(&args, env),
    }
}

impl Env {
    /// Returns the environment of a run at `now`.
    pub fn new(now: OffsetDateTime) -> Env {
        Env { now }
    }

    /// Prints an error with its chain on standard error, and returns its exit code.
    pub fn report(&self, error: &anyhow::Error) -> Exit {
        if error.is::<ClosedPipe>() {
            return Exit::Failed;
        }
        let standing = error.downcast_ref::<Standing>().map(Standing::to_string);
        let causes: Vec<_> = error
            .chain()
            .map(ToString::to_string)
            .filter(|cause| Some(cause) != standing.as_ref())
            .collect();
        let text = causes.join(": ");
        let mut after = Vec::new();
        for line in text.lines() {
            if line.starts_with(HINT) || line.starts_with(NOTE) {
                // Several problems may have the same remedy.
                if !after.contains(&line) {
                    after.push(line);
                }
            } else {
                self.talk(AnsiColor::Red.on_default().bold(), "error", line);
            }
        }
        if let Some(standing) = standing {
            self.note(&standing);
        }
        for line in after {
            match line.strip_prefix(HINT) {
                Some(hint) => self.talk(AnsiColor::Cyan.on_default().bold(), "hint", hint),
                None => self.note(line),
            }
        }
        exit_of(error)
    }

    /// Writes a warning to standard error.
    fn warn(&self, text: &str) {
        self.talk(AnsiColor::Yellow.on_default().bold(), "warning", text);
    }

    /// Writes the warnings of a plan to standard error.
    fn warn_of(&self, plan: &Plan) {
        for warning in &plan.warnings {
            self.warn(warning);
        }
    }

    /// Writes a plain line to standard error.
    fn note(&self, text: &str) {
        let mut stream = anstream::stderr().lock();
        // There is nobody left to tell if standard error is closed.
        let _closed = writeln!(stream, "{text}");
    }

    fn talk(&self, style: Style, label: &str, text: &str) {
        self.note(&format!("{style}{label}:{style:#} {}", shown(text)));
    }

    /// Writes a report to standard output.
    ///
    /// # Errors
    /// If it could not be written; a reader that has closed the pipe knows why, and is told nothing.
    fn print(&self, text: &str) -> Result<()> {
        write_out(text).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => anyhow::Error::new(ClosedPipe),
            _ => anyhow::Error::new(error).context("writing to standard output"),
        })
    }

    /// Writes the report of a command that has changed the tree.
    ///
    /// # Errors
    /// If it could not be written, which must not look as if the change had failed.
    fn print_done(&self, text: &str) -> Result<()> {
        write_out(text).map_err(|error| {
            anyhow::Error::new(error)
                .context("writing the report to standard output")
                .context(Standing::Changed)
        })
    }
}

/// How many characters are shown of the beginning and of the end of a message that is too long.
const SHOWN: (usize, usize) = (500, 200);

/// Returns one line that can neither steer a terminal nor fill the screen, whatever of a file is quoted in it.
fn shown(text: &str) -> String {
    let line: Vec<char> = tame(text).chars().collect();
    let (first, last) = SHOWN;
    match (line.get(..first), line.len().checked_sub(last)) {
        (Some(beginning), Some(rest)) if rest > first => beginning
            .iter()
            .chain(&['…'])
            .chain(line.iter().skip(rest))
            .collect(),
        _ => line.into_iter().collect(),
    }
}

fn write_out(text: &str) -> io::Result<()> {
    let mut stream = io::stdout().lock();
    stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Standing::Unchanged => "note: no file was changed",
            Standing::Changed => "note: the new files are all in place",
        })
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

impl std::fmt::Display for ClosedPipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard output is closed")
    }
}

impl std::error::Error for ClosedPipe {}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

impl From<Urgency> for Exit {
    fn from(urgency: Urgency) -> Self {
        match urgency {
            Urgency::Healthy => Exit::Done,
            Urgency::Due => Exit::Due,
            Urgency::Critical => Exit::Critical,
        }
    }
}

/// Checks what a command has left: says what needs attention, and returns the exit code.
///
/// # Errors
/// If the tree cannot be read any more, which must not look as if the change had failed.
fn verdict(layout: &Layout, declared: Option<&Cluster>, env: &Env) -> Result<Exit> {
    let tree = Tree::open(layout)
        .context("checking the result")
        .context(Standing::Changed)?;
    let inventory = Inventory::read(&tree, |_| Depth::Certificates);
    let thresholds = Thresholds {
        warn: Duration::days(30),
        critical: Duration::ZERO,
    };
    let expiry = expiry::check(&expiry::rows(declared, &inventory), &inventory, env.now);
    for line in text::verdicts(&expiry, thresholds) {
        env.warn(&line);
    }
    Ok(expiry.urgency(thresholds).into())
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if error.downcast_ref() == Some(&Standing::Changed) {
        return Exit::Failed;
    }
    match error.downcast_ref::<TransactionError>() {
        Some(TransactionError::Busy(_)) => return Exit::Busy,
        Some(TransactionError::Refused(_)) => return Exit::Invalid,
        Some(TransactionError::Interrupted | TransactionError::Failed { .. }) => {
            return Exit::Failed;
        }
        None => {}
    }
    // A file that cannot be read is input like any other: nothing has been written when that is found out.
    // A CA that cannot sign what is wanted is input too: that is found out before anything is written.
    let is_unverifiable = error.chain().any(|cause| cause.is::<VerifyError>());
    let is_input = is_unverifiable
        || error.is::<Problems>()
        || error.is::<Refusal>()
        || error.is::<FileError>()
        || error.is::<Invalid>();
    if is_input {
        Exit::Invalid
    } else {
        Exit::Failed
    }
}
