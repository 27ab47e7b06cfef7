//! Reads regular files: no FIFO blocks, no device is read, no file is larger than expected.

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, IFlags, Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::fs::attributes::ExtendedAttributes;
pub use crate::fs::error::{FileError, FileErrorReason};

/// No certificate, key or kubeconfig of a control plane comes near this size.
pub const MAX_FILE_SIZE: u64 = 1024 * 1024;

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

/// An open regular file.
pub(crate) struct OpenFile {
    file: File,
    path: PathBuf,
    metadata: Metadata,
}

impl OpenFile {
    /// Takes a descriptor for a file to be read, if it is a regular one.
    pub(crate) fn new(descriptor: OwnedFd, path: PathBuf) -> Result<OpenFile, FileError> {
        let file = File::from(descriptor);
        let metadata = file.metadata().map_err(FileError::io("reading", &path))?;
        if !metadata.is_file() {
            let what = format!("{}, want a file", kind(&metadata));
            return Err(FileError::unexpected("reading", path, what));
        }
        Ok(OpenFile {
            file,
            path,
            metadata,
        })
    }

    pub(crate) fn attributes(&self) -> Attributes {
        attributes(&self.metadata)
    }

    /// Returns how many names the file has.
    pub(crate) fn links(&self) -> u64 {
        self.metadata.nlink()
    }

    pub(crate) fn len(&self) -> u64 {
        self.metadata.len()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the extended attributes, the ACL among them.
    pub(crate) fn extended(&self) -> ExtendedAttributes {
        ExtendedAttributes::read(&self.file)
    }

    /// Returns whether the file can be neither replaced nor removed, whoever asks.
    pub(crate) fn is_immutable(&self) -> bool {
        is_immutable(&self.file)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// Reads all of it, if it is not larger than `limit` bytes.
    pub(crate) fn contents(mut self, limit: u64) -> Result<Contents, FileError> {
        if self.len() > limit {
            let what = format!(
                "it has {} bytes, more than the {limit} that are accepted",
                self.len()
            );
            return Err(FileError::unexpected("reading", self.path, what));
        }
        let capacity = usize::try_from(self.len()).unwrap_or(0) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        Read::take(&mut self.file, limit)
            .read_to_end(&mut bytes)
            .map_err(FileError::io("reading", &self.path))?;
        Ok(Contents {
            bytes,
            attributes: attributes(&self.metadata),
            links: self.metadata.nlink(),
        })
    }
}

/// Reads a regular file that the command line names, and that is no part of a tree; links are followed.
pub fn read_given(path: &Path) -> Result<Contents, FileError> {
    // NONBLOCK: opening a FIFO must not hang. The descriptor is judged, not the path.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let descriptor =
        rustix::io::retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty()))
            .map_err(|error| open_error(error, path))?;
    OpenFile::new(descriptor, path.to_path_buf())?.contents(MAX_FILE_SIZE)
}

/// Returns why a file could not be opened.
pub(crate) fn open_error(error: Errno, path: &Path) -> FileError {
    match error {
        Errno::NXIO => FileError::unexpected("reading", path, "it is a socket, want a file"),
        Errno::LOOP => FileError::unexpected("following the link", path, "the links form a circle"),
        error => FileError::io("reading", path)(error),
    }
}

pub(crate) fn attributes(metadata: &Metadata) -> Attributes {
    Attributes {
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    }
}

/// Returns whether `chattr +i` or `+a` holds for an open file or directory. Not every file system knows them.
pub(crate) fn is_immutable(descriptor: impl std::os::fd::AsFd) -> bool {
    rustix::fs::ioctl_getflags(descriptor)
        .is_ok_and(|flags| flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND))
}

/// Returns what is there instead of a regular file, for people.
fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "it is a directory"
    } else {
        "it is a FIFO, socket or device"
    }
}
