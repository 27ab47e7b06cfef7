//! Makes files and directories durable, in parallel: concurrent calls share one commit of the file system's journal.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use super::directory::{Directory, DirectoryId};
use super::error::FileError;

/// What was changed and is not durable yet.
#[derive(Default)]
pub(crate) struct Unsynced {
    files: Vec<(File, PathBuf)>,
    directories: BTreeMap<DirectoryId, Arc<Directory>>,
}

/// A file or a directory.
enum Item<'a> {
    File(&'a File, &'a PathBuf),
    Directory(&'a Directory),
}

impl Unsynced {
    /// Adds a file with new contents; the path is for messages.
    pub(crate) fn add_file(&mut self, file: File, path: PathBuf) {
        self.files.push((file, path));
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
        let files = self.files.iter().map(|(file, path)| Item::File(file, path));
        let directories = self.directories.values();
        let items: Vec<_> = files
            .chain(directories.map(|directory| Item::Directory(directory)))
            .collect();
        sync_all(&items)
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

fn sync_all(items: &[Item<'_>]) -> Result<(), FileError> {
    const THREADS: usize = 8;
    let sync = |part: &[Item<'_>]| {
        let results = part.iter().map(Item::sync);
        results.fold(Ok(()), Result::and)
    };
    let size = items.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut result = Ok(());
        // This thread does the last part itself.
        let mut parts = items.chunks(size);
        let last = parts.next_back();
        for part in parts {
            match std::thread::Builder::new().spawn_scoped(scope, move || sync(part)) {
                Ok(thread) => threads.push(thread),
                // If no thread can be started (RLIMIT_NPROC), sync on this one.
                Err(_) => result = result.and(sync(part)),
            }
        }
        result = result.and(last.map_or(Ok(()), sync));
        for thread in threads {
            let joined = thread.join().unwrap_or_else(|_| {
                let what = "its thread ended unexpectedly";
                Err(FileError::unexpected("syncing", ".", what))
            });
            result = result.and(joined);
        }
        result
    })
}
