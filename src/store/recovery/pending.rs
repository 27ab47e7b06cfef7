//! The files of a pending transaction: what each of them holds, and how it is finished or restored.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::leftovers::is_file_or_link;
use crate::fs::file::{Contents, FileError, MAX_FILE_SIZE};
use crate::store::generations::FileToReplace;
use crate::tree::journal::{
    Direction, FileContent, Journal, JournalFile, backup_name, staging_name,
};
use crate::tree::places::{Location, Places};
use crate::tree::source::{FileVersion, TreeSource};

/// What to do with a pending transaction that no longer fits the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// Put all new files in place; keep files with other content in a generation.
    Finish,
    /// Restore the old files where new ones are in place; leave files with other content alone.
    Discard,
}

/// A file of a pending transaction and its current state.
pub(super) struct PendingFile<'a> {
    pub(super) entry: &'a JournalFile,
    /// `None` if its directory does not exist.
    pub(super) location: Option<Location>,
    pub(super) contents: Option<Contents>,
    pub(super) current: FileContent,
    /// Whether the new content is next to the file.
    pub(super) has_staging: bool,
    /// Whether the old content is next to the file.
    pub(super) has_backup: bool,
    pub(super) path: PathBuf,
}

/// Looks at every file of a journal.
pub(super) fn inspect<'a>(
    places: &Places,
    journal: &'a Journal,
) -> Result<Vec<PendingFile<'a>>, FileError> {
    let look = |entry: &'a JournalFile| {
        let location = places.locate_file(&entry.file)?;
        if let Some(location) = &location {
            places.check_written(location)?;
        }
        let read = |version| places.read(&entry.file, version, MAX_FILE_SIZE);
        let holds = |version, wanted| -> Result<bool, FileError> {
            let contents = read(version)?;
            Ok(contents.is_some_and(|contents| entry.content(Some(&contents.bytes)) == wanted))
        };
        let contents = read(FileVersion::Current)?;
        let bytes = contents.as_ref().map(|contents| contents.bytes.as_slice());
        Ok(PendingFile {
            entry,
            current: entry.content(bytes),
            has_staging: holds(FileVersion::Staging, FileContent::New)?,
            has_backup: holds(FileVersion::Backup, FileContent::Old)?,
            path: places.layout().path(&entry.file),
            location,
            contents,
        })
    };
    journal.files.iter().map(look).collect()
}

impl PendingFile<'_> {
    pub(super) fn is_foreign(&self) -> bool {
        self.current == FileContent::Foreign
    }

    /// Checks that a file can be recovered.
    pub(super) fn check(&self, direction: Direction) -> Result<(), FileError> {
        match (direction, self.current) {
            (_, FileContent::Foreign) => {
                Err(self.refuse("it has neither the old nor the new content"))
            }
            (Direction::Commit, FileContent::Old) if !self.has_staging => {
                Err(self.refuse("its new content is missing"))
            }
            (Direction::Undo, FileContent::New) if !self.has_backup && self.entry.old.is_some() => {
                Err(self.refuse("its old content is missing"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn refuse(&self, what: &str) -> FileError {
        FileError::unexpected("recovering", &self.path, what).with_hint(
            "`pki recover --discard` restores the old files, `pki recover --finish` puts the new ones in place",
        )
    }

    /// Returns the content of the file after [`settle`]; `None` if the file does not exist, or cannot be read.
    pub(super) fn future(&self, places: &Places, how: Settle) -> Option<Zeroizing<Vec<u8>>> {
        let version = match (how, self.current) {
            (Settle::Finish, FileContent::Old | FileContent::Foreign) => FileVersion::Staging,
            (Settle::Discard, FileContent::New) if self.has_backup => FileVersion::Backup,
            (Settle::Discard, FileContent::New) if self.entry.old.is_none() => return None,
            _ => FileVersion::Current,
        };
        let contents = places.read(&self.entry.file, version, MAX_FILE_SIZE);
        Some(contents.ok()??.bytes)
    }

    pub(super) fn apply(&self, direction: Direction) -> Result<(), FileError> {
        match (direction, self.current) {
            (Direction::Commit, FileContent::Old) => self.put_in_place(),
            (Direction::Undo, FileContent::New) => {
                let Some(Location {
                    directory, name, ..
                }) = &self.location
                else {
                    return Ok(());
                };
                match self.entry.old {
                    Some(_) => directory.rename(backup_name(name), name),
                    None => directory.remove(name).map(|_| ()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Removes the files that the transaction put next to the file.
    pub(super) fn remove_other_names(&self) -> Result<(), FileError> {
        if let Some(Location {
            directory, name, ..
        }) = &self.location
        {
            for beside in [staging_name(name), backup_name(name)] {
                if is_file_or_link(directory, &beside)? {
                    directory.remove(beside)?;
                }
            }
        }
        Ok(())
    }

    pub(super) fn put_in_place(&self) -> Result<(), FileError> {
        match &self.location {
            Some(Location {
                directory, name, ..
            }) => directory.rename(staging_name(name), name),
            None => Ok(()),
        }
    }

    pub(super) fn replaced(&self) -> FileToReplace<'_> {
        FileToReplace {
            file: &self.entry.file,
            old: self
                .contents
                .as_ref()
                .map(|contents| contents.bytes.as_slice()),
        }
    }
}
