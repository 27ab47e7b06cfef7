//! Asks for a secret at the terminal, without showing what is typed.
//!
//! Signals only set a flag in a run that writes, so a library that blocks in `read` would not end with Ctrl-C. This module
//! waits for the terminal and for signals, and turns the echo on again in every case.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use super::failure::Invalid;
use super::interrupts::Interrupts;
use crate::fs::file::open_terminal;
use crate::store::outcome::TransactionError;

/// The longest line that the kernel returns from a terminal.
const MAX_LINE: usize = 4096;

/// How long a signal may go unnoticed that arrives just before the terminal is waited for.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Asks at the terminal, and returns the line that was typed, with its end; `None` if there is no terminal.
///
/// # Errors
/// If the terminal cannot be read, or if a signal asks the process to stop.
pub(super) fn ask_secret(question: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
    // Under cron and in a pipeline of another program there may be a terminal, but no user who waits for a question.
    if !io::stdin().is_terminal() && !io::stderr().is_terminal() {
        return Ok(None);
    }
    let Ok(terminal) = open_terminal() else {
        return Ok(None);
    };
    let mut output = &terminal;
    let interrupts = Interrupts::register()?;
    let silence = Silence::begin(&terminal)?;
    let asking = "asking at the terminal";
    write!(output, "{question}: ").context(asking)?;
    let line = read_line(&terminal, &interrupts);
    drop(silence);
    // The line end that was typed is not shown.
    writeln!(output).context(asking)?;
    line.map(Some)
}

fn read_line(mut terminal: &File, interrupts: &Interrupts) -> Result<Zeroizing<Vec<u8>>> {
    // Large enough from the start, so that no copy of the secret is left behind.
    let mut line = Zeroizing::new(Vec::with_capacity(2 * MAX_LINE));
    let mut buffer = Zeroizing::new([0; MAX_LINE]);
    while line.len() < MAX_LINE && !line.ends_with(b"\n") {
        if let Some(signal) = interrupts.signal() {
            return Err(TransactionError::Interrupted { signal }.into());
        }
        match poll(&mut [PollFd::new(&terminal, PollFlags::IN)], Some(&PAUSE)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error).context("waiting for the terminal"),
        }
        let read = terminal
            .read(buffer.as_mut_slice())
            .context("reading from the terminal")?;
        if read == 0 {
            return Err(Invalid::new("no passphrase was typed").into());
        }
        line.extend_from_slice(buffer.get(..read).unwrap_or_default());
    }
    Ok(line)
}

/// Turns off the echo of a terminal, and on again when it is dropped.
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Silence<'_> {
    fn begin(terminal: &File) -> Result<Silence<'_>> {
        let before = tcgetattr(terminal).context("looking up the state of the terminal")?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        // Ctrl-Z and Ctrl-\ would stop or end the process with the echo turned off; 0 is no character.
        silent.special_codes[SpecialCodeIndex::VSUSP] = 0;
        silent.special_codes[SpecialCodeIndex::VQUIT] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &silent)
            .context("turning off the echo of the terminal")?;
        Ok(Silence { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // An error cannot be reported, and the terminal may be gone.
        let _gone = tcsetattr(self.terminal, OptionalActions::Drain, &self.before);
    }
}
