//! Makes files and directories durable, in parallel: concurrent calls share one commit of the file system's journal.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::directory::{Directory, DirectoryId};
use super::error::FileError;
use crate::util::parallel;

/// What was changed and is not durable yet.
#[derive(Default)]
pub(crate) struct Unsynced {
    files: Vec<(File, PathBuf)>,
    directories: BTreeMap<DirectoryId, Arc<Directory>>,
}

/// A file with its path, or a directory.
enum Item<'a> {
    File(&'a File, &'a PathBuf),
    Directory(&'a Directory),
}

impl Unsynced {
    /// Adds a new file and the directory that it is in.
    pub(crate) fn add_file(
        &mut self,
        file: File,
        directory: &Arc<Directory>,
        name: impl AsRef<OsStr>,
    ) {
        let path = directory.path().join(name.as_ref());
        self.files.push((file, path));
        self.add_directory(directory);
    }

    /// Adds a directory in which names were added, changed or removed.
    pub(crate) fn add_directory(&mut self, directory: &Arc<Directory>) {
        let added = self.directories.entry(directory.id());
        added.or_insert_with(|| Arc::clone(directory));
    }

    /// Makes everything durable, in no particular order.
    ///
    /// # Errors
    /// The first failure; everything else was tried.
    pub(crate) fn sync(self) -> Result<(), FileError> {
        const THREADS: usize = 8;
        let files = self.files.iter().map(|(file, path)| Item::File(file, path));
        let directories = self.directories.values();
        let items: Vec<_> = files
            .chain(directories.map(|directory| Item::Directory(directory)))
            .collect();
        // For a few items, starting a thread costs more than it saves.
        let threads = items.len().div_ceil(4).min(THREADS);
        parallel::try_all(threads, &items, Item::sync)
    }
}

impl Item<'_> {
    fn sync(&self) -> Result<(), FileError> {
        match self {
            Item::File(file, path) => file.sync_all().map_err(FileError::io("syncing", path)),
            Item::Directory(directory) => directory.sync(),
        }
    }
}
