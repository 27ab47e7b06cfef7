//! Opens and reads files without being led astray: no FIFO blocks, no link leaves the tree, no file is larger than expected.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::layout::{Layout, Root, TreePath};
use crate::util::escape::escaped;

/// No certificate, key or kubeconfig of a control plane comes near this size.
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// The ledger of a node that renews everything daily grows by about 3 MiB in a year.
pub(super) const LARGEST_LEDGER: u64 = 64 * 1024 * 1024;

/// What is known of a file besides its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A file's bytes, wiped when dropped, with its attributes.
pub struct Contents {
    /// The bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The attributes of the descriptor that they were read from.
    pub attributes: Attributes,
    /// How many names the file has.
    pub(super) links: u64,
}

impl Contents {
    /// Returns bytes that come from no file.
    pub(super) fn in_memory(bytes: Zeroizing<Vec<u8>>) -> Contents {
        Contents {
            bytes,
            attributes: Attributes {
                mode: 0o600,
                uid: 0,
                gid: 0,
            },
            links: 1,
        }
    }
}

/// A failed file operation: what was being done to which file, and why it failed.
#[derive(Debug)]
pub struct FileError {
    /// What was being done: `reading`, `writing`.
    pub doing: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why it failed.
    pub reason: Reason,
}

/// Why a file operation failed.
#[derive(Debug)]
pub enum Reason {
    /// The system refused.
    Io(io::Error),
    /// The file is not what is expected there.
    Unexpected(String),
}

impl FileError {
    pub(super) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> FileError {
        let path = path.into();
        move |error| FileError {
            doing,
            path,
            reason: Reason::Io(error),
        }
    }

    pub(super) fn unexpected(
        doing: &'static str,
        path: impl Into<PathBuf>,
        what: impl Into<String>,
    ) -> FileError {
        FileError {
            doing,
            path: path.into(),
            reason: Reason::Unexpected(what.into()),
        }
    }

    /// Returns whether this user may not do what was tried.
    pub fn is_permission_denied(&self) -> bool {
        matches!(&self.reason, Reason::Io(error) if error.kind() == io::ErrorKind::PermissionDenied)
    }

    /// Returns whether the file is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(&self.reason, Reason::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display().to_string();
        write!(f, "{} `{}`: ", self.doing, escaped(&path))?;
        match &self.reason {
            Reason::Io(error) => error.fmt(f),
            Reason::Unexpected(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for FileError {}

/// Reads a file of a tree; `None` if it does not exist.
pub fn read(layout: &Layout, file: &TreePath) -> Result<Option<Contents>, FileError> {
    read_up_to(layout, file, LARGEST_FILE)
}

/// Reads a file of a tree that grows with time; `None` if it does not exist.
pub(super) fn read_large(layout: &Layout, file: &TreePath) -> Result<Option<Contents>, FileError> {
    read_up_to(layout, file, LARGEST_LEDGER)
}

/// Reads a file beside one of the tree; `None` if it does not exist.
pub(super) fn read_at(path: &Path) -> Result<Option<Contents>, FileError> {
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
pub fn exists(layout: &Layout, file: &TreePath) -> bool {
    layout.path(file).symlink_metadata().is_ok()
}

/// Reads a regular file that the command line names; links are followed.
pub fn read_given(path: &Path) -> Result<Contents, FileError> {
    let (file, _) = open(path, OFlags::empty())?;
    read_open(file, path, LARGEST_FILE)
}

/// Returns where a path of the tree really leads: links are followed as long as they stay in the named directories.
pub(super) fn follow(layout: &Layout, path: &Path) -> Result<PathBuf, FileError> {
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
pub(super) fn is_inside(layout: &Layout, roots: &[Root], target: &Path) -> Result<bool, FileError> {
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
pub(super) fn attributes_of(
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
pub(super) fn restrict(layout: &Layout, file: &TreePath, mode: u32) -> Result<(), FileError> {
    let path = follow(layout, &layout.path(file))?;
    let (open, _) = open_regular(&path)?;
    rustix::fs::fchmod(&open, Mode::from_raw_mode(mode))
        .map_err(|error| FileError::io("setting the mode of", &path)(error.into()))?;
    open.sync_all().map_err(FileError::io("syncing", &path))
}

fn read_regular(path: &Path, limit: u64) -> Result<Contents, FileError> {
    let (file, _) = open_regular(path)?;
    read_open(file, path, limit)
}

pub(super) fn open_regular(path: &Path) -> Result<(File, Metadata), FileError> {
    open(path, OFlags::NOFOLLOW)
}

fn open(path: &Path, links: OFlags) -> Result<(File, Metadata), FileError> {
    // NONBLOCK: opening a FIFO that someone put there must not hang. The descriptor is judged, not the path.
    let flags = links | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor: OwnedFd =
        rustix::io::retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty())).map_err(
            |error| match error {
                Errno::NXIO => {
                    FileError::unexpected("reading", path, "it is a socket, want a file")
                }
                Errno::LOOP => FileError::unexpected(
                    "following the link",
                    path,
                    "symbolic links lead round in a circle",
                ),
                error => FileError::io("reading", path)(error.into()),
            },
        )?;
    let file = File::from(descriptor);
    let metadata = require_regular(&file, "reading", path)?;
    Ok((file, metadata))
}

/// Returns the metadata of an open file, if it is a regular one.
pub(super) fn require_regular(
    file: &File,
    doing: &'static str,
    path: &Path,
) -> Result<Metadata, FileError> {
    let metadata = file.metadata().map_err(FileError::io(doing, path))?;
    if metadata.is_file() {
        return Ok(metadata);
    }
    let what = format!("{}, want a file", kind(&metadata));
    Err(FileError::unexpected(doing, path, what))
}

/// Reads an open file from its beginning, if it is one and not larger than `limit` bytes.
pub(super) fn read_open(mut file: File, path: &Path, limit: u64) -> Result<Contents, FileError> {
    let metadata = require_regular(&file, "reading", path)?;
    if metadata.len() > limit {
        let what = format!(
            "it has {} bytes, more than the {limit} that are accepted",
            metadata.len()
        );
        return Err(FileError::unexpected("reading", path, what));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(metadata.len()).unwrap_or(0) + 1,
    ));
    Read::take(&mut file, limit)
        .read_to_end(&mut bytes)
        .map_err(FileError::io("reading", path))?;
    Ok(Contents {
        bytes,
        attributes: attributes(&metadata),
        links: metadata.nlink(),
    })
}

fn attributes(metadata: &std::fs::Metadata) -> Attributes {
    Attributes {
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    }
}

/// Returns what lies there, for people.
fn kind(metadata: &std::fs::Metadata) -> &'static str {
    if metadata.is_dir() {
        "it is a directory"
    } else if metadata.is_symlink() {
        "it is a symbolic link"
    } else {
        "it is a FIFO, socket or device"
    }
}
