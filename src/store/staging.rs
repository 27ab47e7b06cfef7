//! Prepares a commit: writes new files next to their targets and gives old files a backup name.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::generations::FileToReplace;
use super::outcome::Restricted;
use crate::fs::attributes::ExtendedAttributes;
use crate::fs::directory::{NewAttributes, Opened};
use crate::fs::file::{Attributes, FileError, MAX_FILE_SIZE};
use crate::fs::sync::Unsynced;
use crate::tree::journal::{JournalFile, backup_name, sha256, staging_name};
use crate::tree::layout::{self, Access, TreePath};
use crate::tree::places::{Location, Places};

/// A file to be written.
pub(super) struct Write {
    pub(super) file: TreePath,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    pub(super) access: Access,
}

/// New files next to their targets.
#[derive(Default)]
pub(super) struct Staging {
    pub(super) files: Vec<Staged>,
    pub(super) restricted: Vec<Restricted>,
    pub(super) warnings: Vec<String>,
}

/// A new file next to its target.
pub(super) struct Staged {
    pub(super) file: TreePath,
    location: Location,
    old: Option<OldFile>,
    new_digest: String,
}

/// A file that is replaced.
struct OldFile {
    bytes: Zeroizing<Vec<u8>>,
    attributes: Attributes,
    extended: ExtendedAttributes,
}

impl Staging {
    /// Writes a new file next to its target, and adds what is to be synced. Returns false if the target already has the new bytes
    /// and mode.
    pub(super) fn stage(
        &mut self,
        places: &Places,
        write: &Write,
        unsynced: &mut Unsynced,
    ) -> Result<bool, FileError> {
        let location = places.locate_for_writing(&write.file)?;
        let old = read_old(&location)?;
        let wanted = wanted_attributes(write.access, old.as_ref());
        if let Some(old) = &old {
            if old.bytes == write.bytes && old.attributes == wanted.attributes {
                return Ok(false);
            }
            let (from, to) = (old.attributes.mode, wanted.attributes.mode);
            if from & !to != 0 {
                let file = write.file.clone();
                self.restricted.push(Restricted { file, from, to });
            }
        }
        let backup = old.as_ref().map(OldFile::copy);
        // Recorded first, so that a failure below removes the file.
        self.files.push(Staged {
            file: write.file.clone(),
            location: location.clone(),
            old,
            new_digest: sha256(&write.bytes),
        });
        self.create(
            &location,
            staging_name(&location.name).into(),
            &write.bytes,
            &wanted,
            unsynced,
        )?;
        if let Some((bytes, attributes)) = backup {
            let name = backup_name(&location.name);
            if location.directory.link(&location.name, &name).is_err() {
                // On a file system without hard links, write a copy.
                self.create(&location, name.into(), &bytes, &attributes, unsynced)?;
            }
        }
        Ok(true)
    }

    fn create(
        &mut self,
        location: &Location,
        name: PathBuf,
        bytes: &[u8],
        wanted: &NewAttributes,
        unsynced: &mut Unsynced,
    ) -> Result<(), FileError> {
        let created = location.directory.create(&name, bytes, wanted)?;
        for attribute in created.not_set {
            let path = location.path();
            let warning = format!(
                "`{}`: its extended attribute `{attribute}` could not be copied",
                path.display()
            );
            self.warnings.push(warning);
        }
        unsynced.add_file(created.file, &location.directory, name);
        Ok(())
    }

    /// Adds every directory in which names are changed.
    pub(super) fn add_directories(&self, unsynced: &mut Unsynced) {
        for staged in &self.files {
            unsynced.add_directory(&staged.location.directory);
        }
    }

    /// Makes the names in every directory durable.
    pub(super) fn sync_directories(&self) -> Result<(), FileError> {
        let mut unsynced = Unsynced::default();
        self.add_directories(&mut unsynced);
        unsynced.sync()
    }

    /// Returns the files that a generation keeps: all except the ledger, which is never rolled back.
    pub(super) fn replaced(&self) -> Vec<FileToReplace<'_>> {
        self.files
            .iter()
            .filter(|staged| !layout::is_ledger_segment(&staged.file))
            .map(|staged| FileToReplace {
                file: &staged.file,
                old: staged.old.as_ref().map(|old| old.bytes.as_slice()),
            })
            .collect()
    }

    /// Returns the entries of the journal.
    pub(super) fn journal_files(&self) -> Vec<JournalFile> {
        let entry = |staged: &Staged| JournalFile {
            file: staged.file.clone(),
            old: staged.old.as_ref().map(|old| sha256(&old.bytes)),
            new: staged.new_digest.clone(),
        };
        self.files.iter().map(entry).collect()
    }

    /// Puts the new files in place.
    pub(super) fn rename_all(&self) -> Result<(), FileError> {
        self.files.iter().try_for_each(Staged::rename)
    }

    /// Restores the old files.
    pub(super) fn undo(&self) -> Result<(), FileError> {
        self.files.iter().rev().try_for_each(Staged::undo)
    }

    /// Returns whether a file is replaced, so that the old one has a second name.
    pub(super) fn has_backups(&self) -> bool {
        self.files.iter().any(|staged| staged.old.is_some())
    }

    /// Removes the second names of the old files.
    pub(super) fn remove_backups(&self) -> Result<(), FileError> {
        for Staged { location, .. } in self.files.iter().filter(|staged| staged.old.is_some()) {
            location.directory.remove(backup_name(&location.name))?;
        }
        Ok(())
    }

    /// Removes all new files. The next run removes leftovers.
    pub(super) fn discard(&self) {
        for Staged { location, .. } in &self.files {
            let _leftover = location.directory.remove(staging_name(&location.name));
            let _leftover = location.directory.remove(backup_name(&location.name));
        }
        let _synced = self.sync_directories();
    }
}

impl Staged {
    pub(super) fn rename(&self) -> Result<(), FileError> {
        let Location {
            directory, name, ..
        } = &self.location;
        directory.rename(staging_name(name), name)
    }

    /// Restores the old file, or removes the new one if there was no old file.
    pub(super) fn undo(&self) -> Result<(), FileError> {
        let Location {
            directory, name, ..
        } = &self.location;
        // If the new file is still next to its target, it was not renamed, and both names of the old file exist.
        if directory.remove(staging_name(name))? {
            directory.remove(backup_name(name))?;
        } else if self.old.is_some() {
            directory.rename(backup_name(name), name)?;
            // Renaming does nothing if both names are the same file.
            directory.remove(backup_name(name))?;
        } else {
            directory.remove(name)?;
        }
        Ok(())
    }
}

impl OldFile {
    fn copy(&self) -> (Zeroizing<Vec<u8>>, NewAttributes) {
        let attributes = NewAttributes {
            attributes: self.attributes,
            extended: self.extended.clone(),
        };
        (self.bytes.clone(), attributes)
    }
}

fn read_old(location: &Location) -> Result<Option<OldFile>, FileError> {
    let file = match location.directory.open_file(&location.name)? {
        Opened::Missing => return Ok(None),
        Opened::File(file) => file,
        // Links were already followed, so this link is new.
        Opened::Link => {
            let what = "it became a symbolic link";
            return Err(FileError::unexpected("replacing", location.path(), what));
        }
    };
    if file.links() > 1 {
        return Err(hard_link_error(
            &location.path().display().to_string(),
            file.links(),
        ));
    }
    Ok(Some(OldFile {
        attributes: file.attributes(),
        extended: file.extended(),
        bytes: file.contents(MAX_FILE_SIZE)?.bytes,
    }))
}

/// Returns the error for a file with several hard links: the other names would keep the old content.
pub(super) fn hard_link_error(path: &str, links: u64) -> FileError {
    let what = format!("the file has {links} names (hard links)");
    FileError::unexpected("replacing", path, what).with_hint("remove the other names first")
}

/// Returns the attributes of a new file: a replaced file keeps owner, group, extended attributes, and a stricter
/// mode.
fn wanted_attributes(access: Access, old: Option<&OldFile>) -> NewAttributes {
    match old {
        Some(old) => NewAttributes {
            attributes: Attributes {
                mode: access.mode_replacing(old.attributes.mode),
                ..old.attributes
            },
            extended: old.extended.clone(),
        },
        None => NewAttributes::own(access.mode()),
    }
}
