//! Prints data on standard output; messages, errors with their hints, and a progress bar on standard error.
//!
//! Handlers print only through a [`Console`], so that a test or a run over many trees can collect the output.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, IsTerminal, Read, Write};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::{Result, anyhow};
use clap::builder::StyledStr;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::termios::tcgetwinsize;
use serde_json::Value;
use time::OffsetDateTime;

use super::exit::Exit;
use super::failure::{Failure, FailureLine};
use super::interrupts::Interrupts;
use crate::cli::{ManifestFormat, OutputFormat};
use crate::execute::Progress;
use crate::fs::error::describe;
use crate::fs::spool::Spool;
use crate::plan::Plan;
use crate::report::findings::TreeArguments;
use crate::report::render::{self, Report, TextTarget};
use crate::store::outcome::TreeState;
use crate::util::escape::escape_line;

/// The output streams and the time of a run.
pub struct Console {
    /// The time of this run, whole seconds.
    pub now: OffsetDateTime,
    output: RefCell<Box<dyn Write>>,
    messages: RefCell<Box<dyn Write>>,
    text_target: TextTarget,
    /// Whether the reader has closed standard output.
    is_closed: Cell<bool>,
    /// What the commands in hints need.
    arguments: RefCell<TreeArguments>,
    /// Whether this run has finished or undone the commit of an earlier one.
    has_recovered: Cell<bool>,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

impl Console {
    /// Returns the console of a process: its standard streams.
    pub fn new(now: OffsetDateTime) -> Console {
        let stdout = io::stdout();
        let width = tcgetwinsize(&stdout).map_or(0, |size| usize::from(size.ws_col));
        // Only what goes to a terminal has colours, and may have to be rid of them.
        let (text_target, output): (_, Box<dyn Write>) = match stdout.is_terminal() {
            true => (TextTarget::terminal(width), Box::new(anstream::stdout())),
            false => (TextTarget::PIPE, Box::new(stdout)),
        };
        Console {
            now,
            output: RefCell::new(output),
            messages: RefCell::new(Box::new(anstream::stderr())),
            text_target,
            is_closed: Cell::new(false),
            arguments: RefCell::default(),
            has_recovered: Cell::new(false),
        }
    }

    /// Returns a console that writes to `output` and `messages`, without colours.
    pub fn to(now: OffsetDateTime, output: Box<dyn Write>, messages: Box<dyn Write>) -> Console {
        Console {
            now,
            output: RefCell::new(output),
            messages: RefCell::new(messages),
            text_target: TextTarget::PIPE,
            is_closed: Cell::new(false),
            arguments: RefCell::default(),
            has_recovered: Cell::new(false),
        }
    }

    /// Returns a console with the same messages that prints into a spool.
    pub(super) fn printing_into(&self, output: &SpooledOutput) -> Console {
        Console {
            messages: RefCell::new(Box::new(anstream::stderr())),
            ..Console::to(self.now, Box::new(output.clone()), Box::new(io::sink()))
        }
    }

    /// Sets the arguments that commands in the hints of errors need to be about the same tree.
    pub(super) fn set_arguments(&self, arguments: TreeArguments) {
        self.arguments.replace(arguments);
    }

    /// Records that this run has finished or undone the commit of an earlier one, and so has changed files.
    pub(super) fn set_recovered(&self) {
        self.has_recovered.set(true);
    }

    /// Prints an error with its hints on standard error, and returns its exit code.
    pub fn report(&self, error: &anyhow::Error) -> Exit {
        let failure = Failure::of(error, &self.arguments.borrow());
        let lines = by_hint(failure.lines);
        let mut lines = lines.iter().peekable();
        while let Some(line) = lines.next() {
            self.message(ERROR, "error", &line.message);
            // Several problems may have the same remedy.
            let is_last = lines.peek().is_none_or(|next| next.hint != line.hint);
            if let (Some(hint), true) = (&line.hint, is_last) {
                self.message(HINT, "hint", hint);
            }
        }
        match failure.state {
            Some(TreeState::Unchanged) if self.has_recovered.get() => {
                self.note("no other file was changed");
            }
            Some(state) => self.note(&state.to_string()),
            None => {}
        }
        failure.exit
    }

    /// Writes a warning to standard error.
    pub(super) fn warn(&self, text: &str) {
        self.message(WARNING, "warning", text);
    }

    /// Writes the warnings of a plan to standard error.
    pub(super) fn warn_of(&self, plan: &Plan) {
        for warning in &plan.warnings {
            self.warn(warning);
        }
    }

    /// Writes a note to standard error.
    pub(super) fn note(&self, text: &str) {
        self.write_message(&format!("note: {}", one_line(text)));
    }

    /// Writes a note to standard error, unless `quiet` is set.
    pub(super) fn note_unless(&self, quiet: bool, text: &str) {
        if !quiet {
            self.note(text);
        }
    }

    /// Writes a message of a run over one of several trees to standard error.
    pub(super) fn pass_on(&self, tree: &str, message: &str) {
        self.write_message(&one_line(&format!("{tree}: {message}")));
    }

    fn message(&self, style: Style, label: &str, text: &str) {
        self.write_message(&format!("{style}{label}:{style:#} {}", one_line(text)));
    }

    fn write_message(&self, line: &str) {
        // In one call, so that no message of another process comes in between. A run must not fail because standard error is
        // closed.
        let _closed = self
            .messages
            .borrow_mut()
            .write_all(format!("{line}\n").as_bytes());
    }

    /// Writes text to standard output.
    ///
    /// # Errors
    /// If it could not be written. A closed pipe is not an error.
    pub(super) fn print(&self, text: &str) -> Result<()> {
        self.print_with(|output| output.write_all(text.as_bytes()))
    }

    /// Lets `write` write to standard output.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(super) fn print_with(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        match self.write_output(write) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(anyhow!("writing to standard output: {}", describe(&error)))
            }
            Err(_) => {
                self.is_closed.set(true);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Returns whether the reader has closed standard output.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Writes clap's help to standard output, in colours on a terminal.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(super) fn print_styled(&self, text: &StyledStr) -> Result<()> {
        let text = match self.text_target.is_terminal {
            true => text.ansi().to_string(),
            false => text.to_string(),
        };
        self.print(&format!("{}\n", text.trim_end_matches('\n')))
    }

    /// Writes a report to standard output.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(super) fn show(&self, report: &impl Report, format: OutputFormat) -> Result<()> {
        self.print(&self.rendered(report, format)?)
    }

    /// Writes Kubernetes objects to standard output.
    ///
    /// # Errors
    /// As [`Console::print`].
    pub(super) fn show_manifests(&self, objects: &[Value], format: ManifestFormat) -> Result<()> {
        self.print(&match format {
            ManifestFormat::Yaml => render::manifests_yaml(objects)?,
            ManifestFormat::Json => render::manifests_json(objects)?,
        })
    }

    /// Writes the report of a command that has ended with `done`.
    ///
    /// # Errors
    /// If it could not be written. The error says that the change itself succeeded.
    pub(super) fn show_done(
        &self,
        report: &impl Report,
        format: OutputFormat,
        done: TreeState,
    ) -> Result<()> {
        let text = self
            .rendered(report, format)
            .map_err(|error| error.context(done))?;
        match self.write_output(|output| output.write_all(text.as_bytes())) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.note(&done.to_string());
                Ok(())
            }
            Err(error) => {
                let what = describe(&error);
                Err(anyhow!("writing the report to standard output: {what}").context(done))
            }
        }
    }

    /// Returns the destination of text reports.
    pub(super) fn text_target(&self) -> TextTarget {
        self.text_target
    }

    pub(super) fn rendered(&self, report: &impl Report, format: OutputFormat) -> Result<String> {
        match format {
            OutputFormat::Text => Ok(report.text(self.text_target)),
            OutputFormat::Json => Ok(render::json(report)?),
            OutputFormat::Yaml => render::yaml(report),
        }
    }

    fn write_output(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut stream = self.output.borrow_mut();
        write(&mut **stream).and_then(|()| stream.flush())
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("now", &self.now)
            .field("text_target", &self.text_target)
            .finish_non_exhaustive()
    }
}

/// The output of a console, for a file.
#[derive(Clone, Default)]
pub(super) struct SpooledOutput(Rc<RefCell<Spool>>);

impl SpooledOutput {
    /// Returns whether nothing was printed.
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Returns a reader of everything so far.
    ///
    /// # Errors
    /// As [`Spool::into_reader`].
    pub(super) fn into_reader(self) -> io::Result<impl Read> {
        self.0.take().into_reader()
    }
}

impl Write for SpooledOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The output of a console, for another console to print.
#[derive(Clone, Default)]
pub(super) struct Buffer(Rc<RefCell<Vec<u8>>>);

impl Buffer {
    /// Returns the text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Groups lines with the same hint at the position of the first one.
fn by_hint(lines: Vec<FailureLine>) -> Vec<FailureLine> {
    let mut sorted: Vec<FailureLine> = Vec::new();
    for line in lines {
        let same = sorted
            .iter()
            .rposition(|known| line.hint.is_some() && known.hint == line.hint);
        match same {
            Some(last) => sorted.insert(last + 1, line),
            None => sorted.push(line),
        }
    }
    sorted
}

/// How many characters are printed of the beginning and of the end of a long message.
const MAX_MESSAGE_PARTS: (usize, usize) = (500, 200);

/// Escapes and shortens a message, because it may contain text of a file.
fn one_line(text: &str) -> String {
    let line: Vec<char> = escape_line(text).chars().collect();
    let (first, last) = MAX_MESSAGE_PARTS;
    match (line.get(..first), line.len().checked_sub(last)) {
        (Some(beginning), Some(rest)) if rest > first => beginning
            .iter()
            .chain(&['…'])
            .chain(line.iter().skip(rest))
            .collect(),
        _ => line.into_iter().collect(),
    }
}

/// A progress bar for a run over many trees, on standard error. It appears only if that is a terminal and the run takes longer
/// than [`PATIENCE`].
pub(super) struct TreeProgress {
    bar: ProgressBar,
    started: Instant,
    curtain: Curtain,
}

/// How long a run may take without a progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

const TREE_BAR: &str = "checking trees [{bar:30}] {pos} of {len}";

/// Keeps a progress bar hidden until the run has taken longer than [`PATIENCE`].
struct Curtain {
    /// Whether the bar may appear and has not yet.
    is_closed: AtomicBool,
}

impl Curtain {
    fn new(may_open: bool) -> Curtain {
        Curtain {
            is_closed: AtomicBool::new(may_open),
        }
    }

    /// Returns whether the bar appears now, which it does once.
    fn opens(&self, elapsed: Duration) -> bool {
        elapsed >= PATIENCE && self.is_closed.swap(false, Ordering::Relaxed)
    }
}

impl TreeProgress {
    /// Returns a bar, which never appears with `--quiet`.
    pub(super) fn new(trees: usize, quiet: bool) -> TreeProgress {
        let bar = ProgressBar::with_draw_target(Some(trees as u64), ProgressDrawTarget::hidden());
        TreeProgress {
            bar: bar.with_style(bar_style(TREE_BAR)),
            started: Instant::now(),
            curtain: Curtain::new(!quiet && io::stderr().is_terminal()),
        }
    }

    /// Counts a tree; any thread may call it.
    pub(super) fn advance(&self) {
        if self.curtain.opens(self.started.elapsed()) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.inc(1);
    }

    /// Prints something without the bar in between.
    pub(super) fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }
}

impl Drop for TreeProgress {
    /// Removes the bar also after an error.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn bar_style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

/// A progress bar for key generation on standard error; it prints nothing if that is not a terminal.
pub(super) struct KeyProgress {
    bar: ProgressBar,
    interrupts: Interrupts,
}

impl KeyProgress {
    /// Returns a bar. It also stops key generation after a signal.
    pub(super) fn new(interrupts: Interrupts) -> KeyProgress {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = bar_style("making keys [{bar:30}] {pos} of {len}");
        KeyProgress {
            bar: ProgressBar::with_draw_target(None, target).with_style(style),
            interrupts,
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for KeyProgress {
    /// Removes the bar also after an error or a signal.
    fn drop(&mut self) {
        self.finish();
    }
}

impl Progress for KeyProgress {
    fn keys(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    fn is_interrupted(&self) -> bool {
        self.interrupts.signal().is_some()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn line(message: &str, hint: Option<&str>) -> FailureLine {
        FailureLine {
            message: message.to_owned(),
            hint: hint.map(str::to_owned),
        }
    }

    #[test]
    fn problems_with_the_same_hint_are_grouped() {
        let lines = vec![
            line("a", Some("do x")),
            line("b", None),
            line("c", Some("do x")),
            line("d", None),
        ];
        let messages: Vec<_> = by_hint(lines)
            .into_iter()
            .map(|line| line.message)
            .collect();
        assert_eq!(messages, ["a", "c", "b", "d"]);
    }

    #[test]
    fn a_progress_bar_appears_once_and_only_in_a_long_run() {
        let curtain = Curtain::new(true);
        let just_before = PATIENCE - Duration::from_nanos(1);
        let opened = [just_before, PATIENCE, PATIENCE * 2].map(|elapsed| curtain.opens(elapsed));
        assert_eq!(opened, [false, true, false]);
        assert!(!Curtain::new(false).opens(PATIENCE * 2));
        assert!(ProgressStyle::with_template(TREE_BAR).is_ok());
    }

    /// A writer that keeps what is written.
    #[derive(Clone, Default)]
    struct Sink(std::rc::Rc<RefCell<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_console_writes_to_the_given_writers() {
        let (output, messages) = (Sink::default(), Sink::default());
        let streams = (Box::new(output.clone()), Box::new(messages.clone()));
        let console = Console::to(OffsetDateTime::UNIX_EPOCH, streams.0, streams.1);
        console.print("data\n").unwrap();
        console.note("a\u{1b}b");
        assert_eq!(*output.0.borrow(), b"data\n");
        assert_eq!(*messages.0.borrow(), b"note: a\\u{1b}b\n");
    }

    #[test]
    fn a_long_message_keeps_its_beginning_and_end() {
        let text = format!("begin {} end", "x".repeat(2000));
        let printed = one_line(&text);
        assert!(printed.starts_with("begin ") && printed.ends_with(" end"));
        assert_eq!(printed.chars().count(), 701);
        assert_eq!(one_line("a\u{1b}[31m"), "a\\u{1b}[31m");
    }
}
