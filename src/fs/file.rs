//! Reads regular files only, up to a limit; never blocks on a FIFO and never reads a device.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::mem;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, IFlags, Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::fs::attributes::ExtendedAttributes;
pub use crate::fs::error::{FileError, FileErrorReason};
use crate::util::escape::shell_path;

/// The largest file that is read; certificates, keys and kubeconfigs of a control plane are much smaller.
pub const MAX_FILE_SIZE: u64 = 1024 * 1024;

/// Mode and owner of a file.
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
    /// The attributes of the file that they were read from.
    pub attributes: Attributes,
    /// The number of hard links.
    pub(crate) links: u64,
}

impl Contents {
    /// Wraps bytes that are not read from a file.
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

    /// Frees the bytes without wiping them, because they hold no secret. Wiping takes longer than reading.
    pub(crate) fn free_public(&mut self) {
        drop(mem::take(&mut *self.bytes));
    }
}

/// An open regular file.
pub(crate) struct OpenFile {
    file: File,
    path: PathBuf,
    metadata: Metadata,
}

impl OpenFile {
    /// Takes a descriptor, if it is a regular file.
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

    /// Returns whether both are the same file, perhaps by different names.
    pub(crate) fn is_same(&self, other: &OpenFile) -> bool {
        let id = |file: &OpenFile| (file.metadata.dev(), file.metadata.ino());
        id(self) == id(other)
    }

    /// Returns the number of hard links.
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

    /// Checks that the file is neither immutable nor append-only: no user can replace or remove such a file.
    pub(crate) fn check_mutable(&self, operation: &'static str) -> Result<(), FileError> {
        if !is_immutable(&self.file) {
            return Ok(());
        }
        let hint = format!("chattr -ia {}", shell_path(&self.path));
        Err(FileError::io(operation, &self.path)(Errno::PERM).with_hint(hint))
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn into_file(self) -> File {
        self.file
    }

    /// Reads the whole file, if it has at most `limit` bytes.
    pub(crate) fn contents(mut self, limit: u64) -> Result<Contents, FileError> {
        if self.len() > limit {
            let what = format!("it has {} bytes, the limit is {limit}", self.len());
            return Err(FileError::unexpected("reading", self.path, what));
        }
        let length = usize::try_from(self.len()).unwrap_or(0);
        let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
        let read = rustix::io::retry_on_intr(|| {
            rustix::io::read(&self.file, rustix::buffer::spare_capacity(&mut bytes))
        });
        let read = read.map_err(FileError::io("reading", &self.path))?;
        // A read that stops exactly at the file's length has met its end. Otherwise the length is wrong, as in /proc.
        if read != length {
            Read::take(&mut self.file, limit.saturating_sub(read as u64))
                .read_to_end(&mut bytes)
                .map_err(FileError::io("reading", &self.path))?;
        }
        Ok(Contents {
            bytes,
            attributes: attributes(&self.metadata),
            links: self.metadata.nlink(),
        })
    }
}

/// What a path on the command line leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivenKind {
    /// A directory.
    Directory,
    /// A pipe, such as the shell makes of `<(...)`.
    Pipe,
    /// Something else.
    Other,
}

/// Returns what a path on the command line leads to; `None` if it does not exist. Follows links.
///
/// # Errors
/// If it cannot be looked up.
pub(crate) fn given_kind(path: &Path) -> Result<Option<GivenKind>, FileError> {
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => Ok(Some(GivenKind::Directory)),
        Ok(metadata) if metadata.file_type().is_fifo() => Ok(Some(GivenKind::Pipe)),
        Ok(_) => Ok(Some(GivenKind::Other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::io("reading", path)(error)),
    }
}

/// Reads a regular file of at most `limit` bytes that is named on the command line; follows links.
pub fn read_given(path: &Path, limit: u64) -> Result<Contents, FileError> {
    open_given(path)?.contents(limit)
}

/// Reads a short secret of at most `limit` bytes from a file that is named on the command line, or from a pipe: what a shell
/// makes of `<(...)`, or `/dev/fd/3`. A pipe is read to its end; one without a writer is empty.
pub(crate) fn read_secret(path: &Path, limit: u64) -> Result<Contents, FileError> {
    let descriptor = open_without_blocking(path)?;
    let mut file = File::from(descriptor);
    let reading = |error| FileError::io("reading", path)(error);
    let metadata = file.metadata().map_err(FileError::io("reading", path))?;
    if !metadata.file_type().is_fifo() {
        return OpenFile::new(file.into(), path.to_path_buf())?.contents(limit);
    }
    let flags = rustix::fs::fcntl_getfl(&file).map_err(reading)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK).map_err(reading)?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    // Large enough from the start, so that no copy of the secret is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most.saturating_add(1)));
    Read::take(&mut file, limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(FileError::io("reading", path))?;
    match bytes.len() > most {
        true => {
            let what = format!("it has more than {limit} bytes");
            Err(FileError::unexpected("reading", path, what))
        }
        false => Ok(Contents::in_memory(bytes)),
    }
}

/// Opens the terminal of this process for a question and its answer.
pub(crate) fn open_terminal() -> Result<File, Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::openat(CWD, "/dev/tty", flags, Mode::empty()))
        .map(File::from)
}

/// Opens a regular file that is named on the command line; follows links.
pub(crate) fn open_given(path: &Path) -> Result<OpenFile, FileError> {
    OpenFile::new(open_without_blocking(path)?, path.to_path_buf())
}

fn open_without_blocking(path: &Path) -> Result<OwnedFd, FileError> {
    // With NONBLOCK, opening a FIFO does not hang. The type is checked on the descriptor, not on the path.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::io::retry_on_intr(|| rustix::fs::openat(CWD, path, flags, Mode::empty()))
        .map_err(|error| open_error(error, path))
}

/// Returns why a file could not be opened.
pub(crate) fn open_error(error: Errno, path: &Path) -> FileError {
    match error {
        Errno::NXIO => FileError::unexpected("reading", path, "it is a socket, want a file"),
        Errno::LOOP => FileError::unexpected(
            "following the link",
            path,
            "too many levels of symbolic links",
        ),
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

/// Returns whether an open file or directory has the attribute `i` or `a` (`chattr`). Not every file system supports
/// them.
pub(crate) fn is_immutable(descriptor: impl std::os::fd::AsFd) -> bool {
    rustix::fs::ioctl_getflags(descriptor)
        .is_ok_and(|flags| flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND))
}

/// Describes an entry that is not a regular file.
fn kind(metadata: &Metadata) -> &'static str {
    if metadata.is_dir() {
        "it is a directory"
    } else {
        "it is a FIFO, socket or device"
    }
}
