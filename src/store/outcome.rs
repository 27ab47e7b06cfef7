//! How a transaction ends: what it did, or why it did not and what state the tree is in.

use std::fmt;

use super::lock::Busy;
use crate::fs::file::FileError;
use crate::tree::layout::TreePath;

/// What a transaction did beyond writing the files it was given.
#[derive(Debug, Default)]
pub struct Committed {
    /// The files that were written; one that was already as wanted is not among them.
    pub written: Vec<TreePath>,
    /// Replaced files whose mode let in more users than their new one does.
    pub restricted: Vec<Restricted>,
    /// The generation that keeps the old files.
    pub generation: Option<String>,
    /// Generations that were removed, because only so many are kept.
    pub dropped: Vec<String>,
    /// What did not work and stopped nothing.
    pub warnings: Vec<String>,
}

/// A replaced file with another mode than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restricted {
    /// The file.
    pub file: TreePath,
    /// Its old mode.
    pub from: u32,
    /// Its new mode.
    pub to: u32,
}

/// A transaction that did not come to its end.
#[derive(Debug)]
pub enum TransactionError {
    /// Another run holds the lock.
    Busy(Busy),
    /// Something in the tree is not what a transaction may replace; nothing was touched.
    Refused(FileError),
    /// A signal asked to stop before the commit point; nothing was changed.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// The system refused something.
    Failed {
        /// What failed.
        error: FileError,
        /// What state the tree is in now.
        state: TreeState,
    },
}

/// What state a tree is in after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeState {
    /// Every file is as it was.
    Unchanged,
    /// Every new file is in place and durable; only something that comes after it failed.
    Changed,
    /// Some renames could be neither done nor undone; the next run that writes finishes or undoes them.
    Pending,
}

impl TransactionError {
    /// A tree that is not as it should be is refused; a system that does not do as it is told is a failure.
    pub(crate) fn before_commit(error: FileError) -> TransactionError {
        match error.is_io() {
            true => TransactionError::Failed {
                error,
                state: TreeState::Unchanged,
            },
            false => TransactionError::Refused(error),
        }
    }

    pub(super) fn pending(error: FileError) -> TransactionError {
        TransactionError::Failed {
            error,
            state: TreeState::Pending,
        }
    }

    pub(super) fn after_commit(error: FileError) -> TransactionError {
        TransactionError::Failed {
            error,
            state: TreeState::Changed,
        }
    }

    /// Returns what state the tree is in; `None` where that is not in question.
    pub fn state(&self) -> Option<TreeState> {
        match self {
            TransactionError::Busy(_) => None,
            TransactionError::Refused(_) | TransactionError::Interrupted { .. } => {
                Some(TreeState::Unchanged)
            }
            TransactionError::Failed { state, .. } => Some(*state),
        }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            TransactionError::Refused(error) | TransactionError::Failed { error, .. } => {
                error.hint.as_deref()
            }
            TransactionError::Busy(_) | TransactionError::Interrupted { .. } => None,
        }
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransactionError::Busy(busy) => busy.fmt(f),
            TransactionError::Refused(error) | TransactionError::Failed { error, .. } => {
                error.fmt(f)
            }
            TransactionError::Interrupted { .. } => f.write_str("interrupted by a signal"),
        }
    }
}

impl std::error::Error for TransactionError {}

impl fmt::Display for TreeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TreeState::Unchanged => "no file was changed",
            TreeState::Changed => "the new files are all in place",
            TreeState::Pending => {
                "a commit is pending: the next `pki` command that writes finishes or undoes it"
            }
        })
    }
}
