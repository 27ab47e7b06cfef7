//! What a command says: data on standard output, everything else on standard error, errors with their hints, and a progress
//! bar on a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use time::OffsetDateTime;

use super::Standing;
use super::exit::{Exit, exit_of};
use crate::execute::Progress;
use crate::plan::Plan;
use crate::util::escape::tame;

/// What a command gets from the process it runs in.
#[derive(Debug)]
pub struct Console {
    /// The one time of this run, whole seconds.
    pub now: OffsetDateTime,
}

/// Lines of an error's text that begin so say what to do, or in what state the tree is.
const HINT: &str = "hint: ";
const NOTE: &str = "note: ";

/// Standard output was closed by whoever reads it: not an error.
#[derive(Debug)]
struct ClosedPipe;

impl Console {
    /// Returns the environment of a run at `now`.
    pub fn new(now: OffsetDateTime) -> Console {
        Console { now }
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
    pub(super) fn warn(&self, text: &str) {
        self.talk(AnsiColor::Yellow.on_default().bold(), "warning", text);
    }

    /// Writes the warnings of a plan to standard error.
    pub(super) fn warn_of(&self, plan: &Plan) {
        for warning in &plan.warnings {
            self.warn(warning);
        }
    }

    /// Writes a plain line to standard error.
    pub(super) fn note(&self, text: &str) {
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
    pub(super) fn print(&self, text: &str) -> Result<()> {
        write_out(text).map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => anyhow::Error::new(ClosedPipe),
            _ => anyhow::Error::new(error).context("writing to standard output"),
        })
    }

    /// Writes the report of a command that has changed the tree.
    ///
    /// # Errors
    /// If it could not be written, which must not look as if the change had failed.
    pub(super) fn print_done(&self, text: &str) -> Result<()> {
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

impl std::fmt::Display for ClosedPipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("standard output is closed")
    }
}

impl std::error::Error for ClosedPipe {}

/// A bar on standard error; nothing at all where that is not a terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
}

impl Bar {
    pub(super) fn new(interrupted: Arc<AtomicBool>) -> Bar {
        let target = if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template("making keys [{bar:30}] {pos} of {len}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        Bar {
            bar: ProgressBar::with_draw_target(None, target)
                .with_style(style.progress_chars("=> ")),
            interrupted,
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn keys(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
