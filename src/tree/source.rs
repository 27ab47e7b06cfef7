//! The source of the files of a tree: directories (`places`) or an archive (`archive`).

use time::OffsetDateTime;

use crate::fs::file::{Attributes, Contents, FileError};
use crate::tree::journal::{Direction, Journal};
use crate::tree::layout::{Root, TreePath};

/// A version of a file during a transaction; each has its own name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileVersion {
    /// The file itself.
    Current,
    /// The new file next to it, before it is renamed into place.
    Staging,
    /// The old file next to it.
    Backup,
}

/// What can be seen of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStatus {
    /// Owner and mode; `None` if it is not written yet.
    pub(crate) attributes: Option<Attributes>,
    /// Whether it is a regular file without bytes.
    pub(crate) is_empty: bool,
}

/// Reads the files of one tree.
pub(crate) trait TreeSource {
    /// Reads a file of at most `limit` bytes; `None` if it does not exist.
    fn read(
        &self,
        file: &TreePath,
        version: FileVersion,
        limit: u64,
    ) -> Result<Option<Contents>, FileError>;

    /// Looks at a file without opening it; `None` if it does not exist.
    fn status(
        &self,
        file: &TreePath,
        version: FileVersion,
    ) -> Result<Option<FileStatus>, FileError>;

    /// Returns when a file was last changed or replaced; `None` if that is unknown.
    fn changed_at(&self, file: &TreePath) -> Option<OffsetDateTime> {
        _ = file;
        None
    }

    /// Returns the file of the tree that a path in a kubeconfig leads to.
    fn locate(&self, named: &str) -> Option<TreePath>;

    /// Returns whether a path in the kubeconfig directory exists.
    fn has_entry(&self, relative: &str) -> bool {
        let file = TreePath::new(Root::Kubeconfigs, relative);
        matches!(self.status(&file, FileVersion::Current), Ok(Some(_)))
    }

    /// Returns whether a file that a kubeconfig names exists anywhere, without opening it.
    fn has_named(&self, named: &str) -> bool;

    /// Reads a file of at most `limit` bytes that a configuration names by an absolute path; `None` if it does not exist, or is
    /// not where the tree was read from.
    fn read_named(&self, named: &str, limit: u64) -> Result<Option<Contents>, FileError>;

    /// Returns whether none of the directories exists.
    fn is_missing(&self) -> Result<bool, FileError>;

    /// Reads the journal of a pending transaction.
    fn journal(&self) -> Result<Option<(Direction, Journal)>, FileError>;

    /// Returns whether a journal belongs to this tree, not to another kubeconfig directory with the same
    /// certificates.
    fn owns(&self, journal: &Journal) -> Result<bool, FileError>;

    /// Returns whether another process holds the lock of the tree. Any user who can open the certificate directory can.
    fn is_locked(&self) -> bool;

    /// Returns whether the journal that was read is left from a run that was interrupted: it is still there, and no run is
    /// working on it.
    fn is_interrupted(&self) -> bool;

    /// Returns a value that changes with each change to the directories of the tree.
    fn stamp(&self) -> Vec<(i64, i64)>;
}
