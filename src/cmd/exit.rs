//! Exit codes, and which error ends with which.

use std::process::ExitCode;

use super::{Invalid, Standing};
use crate::check::expiry::Urgency;
use crate::config::Problems;
use crate::fs::file::FileError;
use crate::plan::Refusal;
use crate::store::outcome::TransactionError;
use crate::x509::verify::VerifyError;

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

/// Returns the exit code of an error.
pub(super) fn exit_of(error: &anyhow::Error) -> Exit {
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
