//! What a command says: data on standard output, everything else on standard error, errors with their hints, and a progress
//! bar on a terminal.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use time::OffsetDateTime;

use super::exit::Exit;
use super::failure::Failure;
use super::interrupts::Interrupts;
use crate::execute::Progress;
use crate::plan::Plan;
use crate::store::outcome::TreeState;
use crate::util::escape::tame;

/// What a command gets from the process it runs in.
#[derive(Debug)]
pub struct Console {
    /// The one time of this run, whole seconds.
    pub now: OffsetDateTime,
}

impl Console {
    /// Returns the environment of a run at `now`.
    pub fn new(now: OffsetDateTime) -> Console {
        Console { now }
    }

    /// Prints an error with its chain on standard error, and returns its exit code.
    pub fn report(&self, error: &anyhow::Error) -> Exit {
        let failure = Failure::of(error);
        let mut lines = failure.lines.iter().peekable();
        while let Some(line) = lines.next() {
            self.talk(AnsiColor::Red.on_default().bold(), "error", &line.message);
            // Several problems may have the same remedy.
            let is_last = lines.peek().is_none_or(|next| next.hint != line.hint);
            if let (Some(hint), true) = (&line.hint, is_last) {
                self.talk(AnsiColor::Cyan.on_default().bold(), "hint", hint);
            }
        }
        if let Some(state) = failure.state {
            self.note(&format!("note: {state}"));
        }
        failure.exit
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

    /// Writes a report to standard output. A reader that has closed the pipe has seen enough.
    ///
    /// # Errors
    /// If it could not be written.
    pub(super) fn print(&self, text: &str) -> Result<()> {
        match write_out(text) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("writing to standard output"),
        }
    }

    /// Writes the report of a command that has changed the tree.
    ///
    /// # Errors
    /// If it could not be written, which must not look as if the change had failed.
    pub(super) fn print_done(&self, text: &str) -> Result<()> {
        self.print(text)
            .context("writing the report")
            .context(TreeState::Changed)
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

/// A bar on standard error; nothing at all where that is not a terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    interrupts: Interrupts,
}

impl Bar {
    pub(super) fn new(interrupts: Interrupts) -> Bar {
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
            interrupts,
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
        self.interrupts.signal().is_some()
    }
}
