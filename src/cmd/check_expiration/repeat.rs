//! `pki check-expiration --every`: checks again and again, for a container that has neither cron nor a shell.

use std::time::Duration;

use anyhow::Result;
use time::OffsetDateTime;

use crate::cmd::interrupts::Pause;
use crate::cmd::{Console, Exit};

/// Runs a check until a signal ends the process. An error of the first round, such as a wrong argument, ends it, too; later
/// ones may pass and are only printed.
pub(super) fn repeat(
    period: Duration,
    console: &Console,
    check: impl Fn(&Console) -> Result<Exit>,
) -> Result<Exit> {
    let pause = Pause::register()?;
    check(console)?;
    loop {
        if let Some(signal) = pause.wait(period)? {
            return Ok(Exit::Signal(signal));
        }
        // Each round has a time of its own.
        let console = Console::new(OffsetDateTime::now_utc().truncate_to_second());
        if let Err(error) = check(&console) {
            console.report(&error);
        }
    }
}
