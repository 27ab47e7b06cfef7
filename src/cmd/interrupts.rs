//! Notices signals that ask the process to stop, so that it can stop between two steps.

use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};

use crate::fs::processes;

/// The signal that asked the process to stop, if there was one.
#[derive(Clone)]
pub(super) struct Interrupts(Arc<AtomicUsize>);

impl Interrupts {
    /// Notices signals from now on.
    pub(super) fn register() -> Result<Interrupts> {
        let last = Arc::new(AtomicUsize::new(0));
        // Without this, exceeding the file size limit (RLIMIT_FSIZE) would end the process instead of returning an error.
        signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
            .context("preparing for signals")?;
        for signal in noticed_signals() {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, Arc::clone(&last), number)
                .context("preparing for signals")?;
        }
        Ok(Interrupts(last))
    }

    /// Returns the number of the signal, if there was one.
    pub(super) fn signal(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            number => i32::try_from(number).ok(),
        }
    }
}

/// Waits for signals.
pub(super) struct Pause {
    interrupts: Interrupts,
    /// Has a byte to read after each signal, also after one that came before the wait.
    wakeups: UnixStream,
}

impl Pause {
    /// Notices signals from now on.
    pub(super) fn register() -> Result<Pause> {
        let interrupts = Interrupts::register()?;
        let (wakeups, sender) = UnixStream::pair().context("preparing for signals")?;
        for signal in noticed_signals() {
            let sender = sender.try_clone().context("preparing for signals")?;
            signal_hook::low_level::pipe::register(signal, sender)
                .context("preparing for signals")?;
        }
        Ok(Pause {
            interrupts,
            wakeups,
        })
    }

    /// Waits until a time has passed or a signal has come, and returns the number of the signal.
    pub(super) fn wait(&self, time: Duration) -> Result<Option<i32>> {
        self.wakeups
            .set_read_timeout(Some(time))
            .context("waiting for the next check")?;
        match (&self.wakeups).read(&mut [0]) {
            // The time has passed, or a signal came while this was waiting.
            Err(error)
                if [ErrorKind::WouldBlock, ErrorKind::Interrupted].contains(&error.kind()) => {}
            other => drop(other.context("waiting for the next check")?),
        }
        Ok(self.interrupts.signal())
    }
}

/// Returns the signals that ask the process to stop, without those that were ignored when it started (`nohup`).
fn noticed_signals() -> impl Iterator<Item = i32> {
    let ignored = ignored_signals();
    [SIGINT, SIGTERM, SIGHUP]
        .into_iter()
        .filter(move |signal| ignored & (1 << (signal - 1)) == 0)
}

/// Returns the signals that this process ignores, one bit each; 0 if `/proc` cannot be read.
fn ignored_signals() -> u64 {
    ignored_in(&processes::own_status()).unwrap_or(0)
}

fn ignored_in(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tpki\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000003\n";
        assert_eq!(ignored_in(status), Some(3));
        assert_eq!(ignored_in("Name:\tpki\n"), None);
    }
}
