//! Reads a tree as it will be after recovery of a pending transaction.

use std::rc::Rc;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::catalog::CATALOG;
use crate::fs::file::{Attributes, Contents, FileError, MAX_FILE_SIZE};
use crate::tree::journal::{Direction, FileContent, Journal, JournalFile};
use crate::tree::layout::{self, Layout, MANIFESTS_DIRECTORY, TreePath};
use crate::tree::places::Places;
use crate::tree::source::{FileStatus, FileVersion, TreeSource};

/// A tree as it will be after recovery of a pending transaction. Reading it needs no lock and no write access.
pub struct Tree {
    /// Where it is.
    pub layout: Layout,
    source: Rc<dyn TreeSource>,
    pending: Option<(Direction, Journal)>,
    /// Why the journal cannot be read, if it exists.
    journal_error: Option<FileError>,
    /// Contents that replace files on disk.
    replaced: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
    /// The directories' stamp before the journal was read.
    opened: Vec<(i64, i64)>,
}

/// What interrupted runs left in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitState {
    /// Nothing.
    Settled,
    /// This user may not read the journal; the system's error.
    PermissionDenied(String),
    /// A journal that cannot be read, and why.
    Unreadable(String),
    /// A transaction that the next run finishes or undoes.
    Pending {
        /// The command that was interrupted.
        command: String,
        /// What the next run does.
        direction: Direction,
    },
}

impl Tree {
    /// Opens a tree for reading. A journal that cannot be read is not an error here, see [`Tree::journal_error`].
    ///
    /// # Errors
    /// If one of its directories cannot be reached, or is a file.
    pub fn open(layout: &Layout) -> Result<Tree, FileError> {
        Tree::over(&Rc::new(Places::new(layout)))
    }

    /// Opens a tree whose directories are already open.
    pub(crate) fn over(places: &Rc<Places>) -> Result<Tree, FileError> {
        let source: Rc<dyn TreeSource> = Rc::clone(places) as Rc<dyn TreeSource>;
        Tree::of(source, places.layout())
    }

    /// Opens a tree whose files a source reads.
    pub(super) fn of(source: Rc<dyn TreeSource>, layout: &Layout) -> Result<Tree, FileError> {
        source.is_missing()?;
        let opened = source.stamp();
        let (pending, journal_error) = match source.journal() {
            Ok(pending) => (pending, None),
            Err(error) => (None, Some(error)),
        };
        Ok(Tree {
            layout: layout.clone(),
            source,
            pending,
            journal_error,
            replaced: Vec::new(),
            opened,
        })
    }

    /// Returns the tree as it would be with these files.
    pub fn with_files(self, files: &[(TreePath, &[u8])]) -> Tree {
        let replaced = files
            .iter()
            .map(|(file, bytes)| (file.clone(), Zeroizing::new(bytes.to_vec())))
            .collect();
        Tree { replaced, ..self }
    }

    /// Returns the command whose transaction is pending, and how recovery will finish it.
    pub fn pending(&self) -> Option<(&str, Direction)> {
        self.pending
            .as_ref()
            .map(|(direction, journal)| (journal.command.as_str(), *direction))
    }

    /// Returns the files of the pending transaction.
    pub(crate) fn pending_files(&self) -> impl Iterator<Item = &TreePath> {
        let journal = self.pending.as_ref().map(|(_, journal)| journal);
        journal
            .into_iter()
            .flat_map(|journal| &journal.files)
            .map(|pending| &pending.file)
    }

    /// Returns the generation that recovery will add.
    pub(crate) fn pending_generation(&self) -> Option<&str> {
        match &self.pending {
            Some((Direction::Commit, journal)) => journal.generation.as_deref(),
            _ => None,
        }
    }

    /// Returns why the journal cannot be read; a pending transaction is then unknown.
    pub fn journal_error(&self) -> Option<&FileError> {
        self.journal_error.as_ref()
    }

    /// Returns whether another run holds the lock of the tree; the files that it has written so far are then no leftovers.
    pub fn is_being_written(&self) -> bool {
        self.source.is_locked()
    }

    /// Returns whether the tree's directories have changed since it was opened: what was read may then be a mixture of two states.
    pub fn has_changed(&self) -> bool {
        self.source.stamp() != self.opened
    }

    /// Returns whether none of its directories exists; a directory that cannot be accessed counts as existing.
    pub fn is_absent(&self) -> bool {
        matches!(self.source.is_missing(), Ok(true))
    }

    /// Reads a file as it will be after recovery; `None` if it does not exist.
    ///
    /// # Errors
    /// If it exists and cannot be read.
    pub fn read(&self, file: &TreePath) -> Result<Option<Contents>, FileError> {
        if let Some((_, bytes)) = self.replaced.iter().find(|(replaced, _)| replaced == file) {
            return Ok(Some(Contents::in_memory(bytes.clone())));
        }
        match self.version(file)? {
            Some(version) => match self.source.read(file, version, MAX_FILE_SIZE)? {
                // Another run renamed it into place in the meantime.
                None if version != FileVersion::Current => {
                    self.source.read(file, FileVersion::Current, MAX_FILE_SIZE)
                }
                contents => Ok(contents),
            },
            None => Ok(None),
        }
    }

    /// Returns whether the path exists, without reading the file.
    pub fn exists(&self, file: &TreePath) -> bool {
        // A file that cannot be accessed counts as existing, so that it is not created again.
        !matches!(self.status(file), Ok(None))
    }

    /// Returns owner and mode of a file on disk; `None` if it does not exist, cannot be accessed, or would be replaced.
    pub(crate) fn attributes(&self, file: &TreePath) -> Option<Attributes> {
        self.status(file).ok()??.attributes
    }

    /// Returns when a file was last changed or replaced; `None` if that is unknown.
    pub fn changed_at(&self, file: &TreePath) -> Option<OffsetDateTime> {
        self.source.changed_at(file)
    }

    /// Returns the file of the tree that a path in a kubeconfig or a manifest leads to; follows links.
    pub fn locate(&self, named: &str) -> Option<TreePath> {
        self.source.locate(named)
    }

    /// Returns whether kubeadm's static pod manifest of this component exists.
    pub(crate) fn has_manifest(&self, component: &str) -> bool {
        self.source
            .has_entry(&format!("{MANIFESTS_DIRECTORY}/{component}.yaml"))
    }

    /// Returns whether a file that a kubeconfig names exists, without opening it.
    pub(crate) fn has_named(&self, named: &str) -> bool {
        self.source.has_named(named)
    }

    /// Reads a file that a configuration names by an absolute path; `None` if it does not exist, or is not where the tree was
    /// read from.
    pub(crate) fn read_named(&self, named: &str) -> Result<Option<Contents>, FileError> {
        self.source.read_named(named, MAX_FILE_SIZE)
    }

    /// Looks at a file as it will be after recovery, without opening it; `None` if it does not exist.
    ///
    /// # Errors
    /// If it cannot be accessed.
    pub(crate) fn status(&self, file: &TreePath) -> Result<Option<FileStatus>, FileError> {
        if self.replaced.iter().any(|(replaced, _)| replaced == file) {
            return Ok(Some(FileStatus {
                attributes: None,
                is_empty: false,
            }));
        }
        match self.version(file)? {
            Some(version) => self.source.status(file, version),
            None => Ok(None),
        }
    }

    /// Returns whether a pending or interrupted transaction has linked a file to its backup name.
    pub(crate) fn has_backup(&self, file: &TreePath) -> bool {
        matches!(self.source.status(file, FileVersion::Backup), Ok(Some(_)))
    }

    /// Returns what interrupted runs left. A journal that a run is working on is not interrupted.
    pub fn commit_state(&self) -> CommitState {
        if let Some(error) = &self.journal_error {
            return match error.is_permission_denied() {
                true => CommitState::PermissionDenied(error.without_advice()),
                false => CommitState::Unreadable(error.to_string()),
            };
        }
        match self.pending() {
            Some((command, direction)) if self.source.is_interrupted() => CommitState::Pending {
                command: command.to_owned(),
                direction,
            },
            _ => CommitState::Settled,
        }
    }

    /// Returns the files of the catalog that have a temporary file of `pki` beside them.
    pub fn leftovers(&self) -> Vec<TreePath> {
        let has =
            |file: &TreePath, version| matches!(self.source.status(file, version), Ok(Some(_)));
        let files = CATALOG.iter().flat_map(|row| layout::all_files(row));
        files
            .map(|(file, _)| file)
            .filter(|file| has(file, FileVersion::Staging) || has(file, FileVersion::Backup))
            .collect()
    }

    /// Returns which version of a file has its future content; `None` if the file will not exist.
    fn version(&self, file: &TreePath) -> Result<Option<FileVersion>, FileError> {
        let Some((direction, journal)) = &self.pending else {
            return Ok(Some(FileVersion::Current));
        };
        let pending = journal.files.iter().find(|pending| pending.file == *file);
        let Some(pending) = pending else {
            return Ok(Some(FileVersion::Current));
        };
        // Several kubeconfig directories can share the certificates; all other files belong to one of them.
        if file.root != layout::Root::Certificates && !self.source.owns(journal)? {
            return Ok(Some(FileVersion::Current));
        }
        let current = self.content(file, pending, FileVersion::Current)?;
        Ok(match (direction, current) {
            (Direction::Commit, FileContent::Old) => {
                match self.content(file, pending, FileVersion::Staging)? {
                    FileContent::New => Some(FileVersion::Staging),
                    _ => Some(FileVersion::Current),
                }
            }
            (Direction::Undo, FileContent::New) if pending.old.is_none() => None,
            (Direction::Undo, FileContent::New) => {
                match self.content(file, pending, FileVersion::Backup)? {
                    FileContent::Old => Some(FileVersion::Backup),
                    _ => Some(FileVersion::Current),
                }
            }
            _ => Some(FileVersion::Current),
        })
    }

    fn content(
        &self,
        file: &TreePath,
        pending: &JournalFile,
        version: FileVersion,
    ) -> Result<FileContent, FileError> {
        let contents = self.source.read(file, version, MAX_FILE_SIZE)?;
        Ok(pending.content(contents.as_ref().map(|contents| contents.bytes.as_slice())))
    }
}
