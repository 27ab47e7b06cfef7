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

use crate::util::escape::escaped;

/// No certificate, key or kubeconfig of a control plane comes near this size.
pub const LARGEST_FILE: u64 = 1024 * 1024;

/// The ledger of a node that renews everything daily grows by about 3 MiB in a year.
pub(crate) const LARGEST_LEDGER: u64 = 64 * 1024 * 1024;

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
    pub(crate) links: u64,
}

impl Contents {
    /// Returns bytes that come from no file.
    pub(crate) fn in_memory(bytes: Zeroizing<Vec<u8>>) -> Contents {
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
    pub(crate) fn io(
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

    pub(crate) fn unexpected(
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

/// Reads a regular file that the command line names; links are followed.
pub fn read_given(path: &Path) -> Result<Contents, FileError> {
    let (file, _) = open(path, OFlags::empty())?;
    read_open(file, path, LARGEST_FILE)
}

pub(crate) fn read_regular(path: &Path, limit: u64) -> Result<Contents, FileError> {
    let (file, _) = open_regular(path)?;
    read_open(file, path, limit)
}

pub(crate) fn open_regular(path: &Path) -> Result<(File, Metadata), FileError> {
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
pub(crate) fn require_regular(
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
pub(crate) fn read_open(mut file: File, path: &Path, limit: u64) -> Result<Contents, FileError> {
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

pub(crate) fn attributes(metadata: &std::fs::Metadata) -> Attributes {
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
