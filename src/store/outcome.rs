//! How a transaction ends: what it did, or why it did not and what the tree is like.

use std::fmt;

use super::lock::Busy;
use crate::fs::file::{FileError, Reason};
use crate::tree::layout::TreePath;

/// What a transaction did beyond writing the files it was given.
#[derive(Debug, Default)]
pub struct Committed {
    /// The files that were written; one that was already as wanted is not among them.
    pub written: Vec<TreePath>,
    /// Private files whose mode was looser than it may be, with that mode.
    pub tightened: Vec<(TreePath, u32)>,
    /// The generation that keeps the old files.
    pub generation: Option<String>,
}

/// A transaction that did not come to its end.
#[derive(Debug)]
pub enum TransactionError {
    /// Another run holds the lock.
    Busy(Busy),
    /// Something in the tree is not what a transaction may replace; nothing was touched.
    Refused(FileError),
    /// A signal asked to stop before the commit point; nothing was changed.
    Interrupted,
    /// The system refused something.
    Failed {
        /// What failed.
        error: FileError,
        /// What the tree is like now.
        state: TreeState,
    },
}

/// What a failed transaction left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeState {
    /// Every file is as it was.
    Unchanged,
    /// Every new file is in place and durable; only the cleaning up failed.
    Changed,
    /// Some renames could neither be done nor undone; the next run that writes finishes them.
    Pending,
}

/// A tree that is not what it should be is refused; a system that does not do as it is told is a failure.
pub(super) fn refused_or(state: TreeState) -> impl Fn(FileError) -> TransactionError {
    move |error| match error.reason {
        Reason::Unexpected(_) if state == TreeState::Unchanged => TransactionError::Refused(error),
        _ => TransactionError::Failed { error, state },
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransactionError::Busy(busy) => busy.fmt(f),
            TransactionError::Refused(error) => write!(f, "{error}\nnote: no file was changed"),
            TransactionError::Interrupted => {
                f.write_str("interrupted by a signal\nnote: no file was changed")
            }
            TransactionError::Failed { error, state } => write!(f, "{error}\nnote: {state}"),
        }
    }
}

impl std::error::Error for TransactionError {}

impl fmt::Display for TreeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TreeState::Unchanged => "no file was changed",
            TreeState::Changed => "the new files are all in place; only the cleaning up failed, and the next run does it",
            TreeState::Pending => {
                "the transaction is neither done nor undone: the next `pki` command that writes finishes or drops it"
            }
        })
    }
}
