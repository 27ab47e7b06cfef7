//! Where the bytes of a tree come from. Today that is a directory (`places`); an archive of one would be read the same way.

use crate::fs::file::{Attributes, Contents, FileError};
use crate::tree::journal::{Direction, Journal};
use crate::tree::layout::TreePath;

/// One of the names under which a transaction keeps the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileVersion {
    /// The file itself.
    Current,
    /// The new file beside it, which is not in place yet.
    Staging,
    /// The old file beside it.
    Backup,
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

    /// Returns owner and mode of a file, without opening it; `None` if it does not exist.
    fn attributes(
        &self,
        file: &TreePath,
        version: FileVersion,
    ) -> Result<Option<Attributes>, FileError>;

    /// Returns the file of the tree that a path in a kubeconfig leads to.
    fn locate(&self, named: &str) -> Option<TreePath>;

    /// Returns whether there is anything at a path of the kubeconfig directory that is not one of the tree's files.
    fn has_entry(&self, relative: &str) -> bool;

    /// Returns whether a file has no bytes, without opening it.
    fn is_empty(&self, file: &TreePath) -> bool;

    /// Returns whether there is a file that a kubeconfig names, wherever that is, without opening it.
    fn has_named(&self, named: &str) -> bool;

    /// Returns whether neither of the directories exists.
    fn is_missing(&self) -> Result<bool, FileError>;

    /// Reads the journal of a pending transaction.
    fn journal(&self) -> Result<Option<(Direction, Journal)>, FileError>;

    /// Returns whether a journal is one of this tree, and not of another kubeconfig directory over the same certificates.
    fn owns(&self, journal: &Journal) -> Result<bool, FileError>;

    /// Returns whether another process is writing the tree.
    fn is_locked(&self) -> bool;

    /// Returns something that differs after each change to the directories of the tree.
    fn stamp(&self) -> Vec<(i64, i64)>;
}
