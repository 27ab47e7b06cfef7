//! The results of a transaction: what it did, or its error and the state of the tree.

use std::fmt;

use crate::fs::file::FileError;
use crate::tree::layout::TreePath;

/// The result of a committed transaction.
#[derive(Debug, Default)]
pub struct Committed {
    /// The files that were written; files that were already as planned are not included.
    pub written: Vec<TreePath>,
    /// Replaced files whose new mode gives fewer users access.
    pub restricted: Vec<Restricted>,
    /// The generation that keeps the old files.
    pub generation: Option<String>,
    /// Old generations that were removed.
    pub dropped: Vec<String>,
    /// Errors that did not stop the transaction.
    pub warnings: Vec<String>,
}

/// A replaced file with a new mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restricted {
    /// The file.
    pub file: TreePath,
    /// Its old mode.
    pub from: u32,
    /// Its new mode.
    pub to: u32,
}

/// Another run holds the lock.
#[derive(Debug)]
pub struct Busy {
    /// The holder's file; empty if it is not written yet.
    pub holder: String,
    /// How to find a holder without a name.
    pub hint: Option<String>,
}

/// Why a transaction failed.
#[derive(Debug)]
pub enum TransactionError {
    /// Another run holds the lock.
    Busy(Busy),
    /// The tree contains something that `pki` does not replace; nothing was changed.
    Refused(FileError),
    /// A signal stopped the run before the commit; nothing was changed.
    Interrupted {
        /// Its number.
        signal: i32,
    },
    /// The system refused something.
    Failed {
        /// What failed.
        error: FileError,
        /// The state of the tree.
        state: TreeState,
    },
}

/// The state of a tree after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeState {
    /// No file was changed.
    Unchanged,
    /// All new files are in place and durable; a later step failed.
    Changed,
    /// An interrupted transaction is undone; a later step failed.
    Restored,
    /// Everything that the command does is done; its report could not be written.
    Done,
    /// Some files could not be renamed; the next run that writes finishes or undoes the transaction.
    Pending,
    /// [`TreeState::Pending`], or what it would lead to: the journal cannot be looked at any more.
    MaybePending,
}

impl TransactionError {
    /// Returns `Failed` for an error of the operating system, and `Refused` for an unexpected file.
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

    pub(super) fn maybe_pending(error: FileError) -> TransactionError {
        TransactionError::Failed {
            error,
            state: TreeState::MaybePending,
        }
    }

    pub(super) fn after_commit(error: FileError) -> TransactionError {
        TransactionError::Failed {
            error,
            state: TreeState::Changed,
        }
    }

    /// Returns the state of the tree; `None` if the transaction did not begin.
    pub fn state(&self) -> Option<TreeState> {
        match self {
            TransactionError::Busy(_) => None,
            TransactionError::Refused(_) | TransactionError::Interrupted { .. } => {
                Some(TreeState::Unchanged)
            }
            TransactionError::Failed { state, .. } => Some(*state),
        }
    }

    /// Returns the hint.
    pub fn hint(&self) -> Option<&str> {
        match self {
            TransactionError::Refused(error) | TransactionError::Failed { error, .. } => {
                error.hint.as_deref()
            }
            TransactionError::Busy(busy) => busy.hint.as_deref(),
            TransactionError::Interrupted { .. } => None,
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
            TreeState::Restored => "the pending commit is undone",
            TreeState::Done => "everything is done, only the report could not be written",
            TreeState::Pending => {
                "a commit is pending: the next `pki` command that writes finishes or undoes it"
            }
            TreeState::MaybePending => {
                "a commit may be pending: the next `pki` command that writes finishes or undoes it"
            }
        })
    }
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another `pki` run holds the lock of this tree")?;
        if self.holder.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.holder)
        }
    }
}

impl std::error::Error for Busy {}
