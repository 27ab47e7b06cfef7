//! Exit codes. `failure` says which error ends with which.

use std::process::ExitCode;

use crate::check::finding::Outcome;

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done; or checked, and nothing needs attention.
    Done,
    /// Failed; the message says whether files were changed.
    Failed,
    /// Invalid configuration or input; nothing was touched.
    Invalid,
    /// Something expires within the warning time.
    Due,
    /// Something is expired, missing or broken.
    Critical,
    /// Another run holds the lock.
    Busy,
    /// Ended by that signal before the commit.
    Signal(i32),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Invalid => 3,
            Exit::Due => 4,
            Exit::Critical => 5,
            Exit::Busy => 6,
            // As a shell reports it.
            Exit::Signal(signal) => 128 + u8::try_from(signal).unwrap_or_default(),
        })
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Healthy => Exit::Done,
            Outcome::Unreadable => Exit::Failed,
            Outcome::Due => Exit::Due,
            Outcome::Failing => Exit::Critical,
        }
    }
}
