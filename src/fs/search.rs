//! Finds directories by the files in them.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::file::FileError;

const OPERATION: &str = "searching";

/// What a path leads to, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A directory.
    Directory,
    /// Something else.
    File,
    /// Nothing, or nothing that this user may see.
    Missing,
}

impl PathKind {
    /// Looks a path up.
    pub fn of(path: &Path) -> PathKind {
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => PathKind::Directory,
            Ok(_) => PathKind::File,
            Err(_) => PathKind::Missing,
        }
    }
}

/// Returns the directories below `start` that hold one of these files, and what could not be searched, in the order of their
/// names. Links below `start` are not followed, and nothing is searched below a directory that was found.
pub fn directories_with(start: &Path, files: &[&str]) -> Vec<Result<PathBuf, FileError>> {
    let mut found = Vec::new();
    let mut entries = WalkDir::new(start).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(start).to_path_buf();
                // The only other error is a loop of links, which are not followed.
                let error = error.into_io_error();
                found.extend(error.map(|error| Err(FileError::io(OPERATION, path)(error))));
                continue;
            }
        };
        let is_start = entry.depth() == 0;
        let holds = |file: &&str| PathKind::of(&entry.path().join(file)) == PathKind::File;
        if (is_start || entry.file_type().is_dir()) && files.iter().any(holds) {
            found.push(Ok(entry.path().to_path_buf()));
            entries.skip_current_dir();
        }
    }
    found
}
