//! Reads the files of a tree: where a path of it leads, and what lies there.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use crate::fs::file::{
    Attributes, Contents, FileError, LARGEST_FILE, LARGEST_LEDGER, attributes, open_regular,
    read_regular,
};
use crate::tree::layout::{Layout, Root, TreePath};

/// Reads a file of a tree; `None` if it does not exist.
pub(crate) fn read(layout: &Layout, file: &TreePath) -> Result<Option<Contents>, FileError> {
    read_up_to(layout, file, LARGEST_FILE)
}

/// Reads a file of a tree that grows with time; `None` if it does not exist.
pub(crate) fn read_large(layout: &Layout, file: &TreePath) -> Result<Option<Contents>, FileError> {
    read_up_to(layout, file, LARGEST_LEDGER)
}

/// Reads a file beside one of the tree; `None` if it does not exist.
pub(crate) fn read_at(path: &Path) -> Result<Option<Contents>, FileError> {
    match read_regular(path, LARGEST_LEDGER) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_up_to(layout: &Layout, file: &TreePath, limit: u64) -> Result<Option<Contents>, FileError> {
    let path = layout.path(file);
    match follow(layout, &path).and_then(|path| read_regular(&path, limit)) {
        Ok(contents) => Ok(Some(contents)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns whether anything lies at a path of the tree.
pub(crate) fn exists(layout: &Layout, file: &TreePath) -> bool {
    layout.path(file).symlink_metadata().is_ok()
}

/// Returns where a path of the tree really leads: links are followed as long as they stay in the named directories.
pub(crate) fn follow(layout: &Layout, path: &Path) -> Result<PathBuf, FileError> {
    let target = match path.canonicalize() {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound && path.is_symlink() => {
            return Err(FileError::unexpected(
                "following the link",
                path,
                "a symbolic link that leads nowhere",
            ));
        }
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Err(FileError::unexpected(
                "following the link",
                path,
                "symbolic links lead round in a circle",
            ));
        }
        Err(error) => return Err(FileError::io("reading", path)(error)),
    };
    let roots = [Root::Certificates, Root::Kubeconfigs, Root::Kubelet];
    if is_inside(layout, &roots, &target)? {
        Ok(target)
    } else {
        let what = format!(
            "a symbolic link leads from it to `{}`, which is outside the tree",
            target.display()
        );
        Err(FileError::unexpected("following the link", path, what))
    }
}

/// Returns whether a canonical path lies in one of these directories.
///
/// # Errors
/// If one of them is there and cannot be looked at.
pub(crate) fn is_inside(layout: &Layout, roots: &[Root], target: &Path) -> Result<bool, FileError> {
    for root in roots {
        let directory = layout.directory(*root);
        match directory.canonicalize() {
            Ok(directory) if target.starts_with(&directory) => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::io("opening the directory", directory)(error)),
        }
    }
    Ok(false)
}

/// Returns the attributes of a file of the tree, from its descriptor; `None` if it does not exist.
pub(crate) fn attributes_of(
    layout: &Layout,
    file: &TreePath,
) -> Result<Option<Attributes>, FileError> {
    let path = layout.path(file);
    match follow(layout, &path).and_then(|path| open_regular(&path)) {
        Ok((_, metadata)) => Ok(Some(attributes(&metadata))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Gives a file of the tree this mode, and makes that durable.
pub(crate) fn restrict(layout: &Layout, file: &TreePath, mode: u32) -> Result<(), FileError> {
    let path = follow(layout, &layout.path(file))?;
    let (open, _) = open_regular(&path)?;
    rustix::fs::fchmod(&open, Mode::from_raw_mode(mode))
        .map_err(|error| FileError::io("setting the mode of", &path)(error.into()))?;
    open.sync_all().map_err(FileError::io("syncing", &path))
}
