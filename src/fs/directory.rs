//! An open directory: opens, creates, renames and removes files in it by name.
//!
//! Every name is one path component, resolved relative to the open descriptor without following links. Other names are
//! refused here, because the kernel would follow links on the way to their last component.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{
    Access, AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, Stat,
    StatVfsMountFlags, StatxAttributes, StatxFlags, Uid,
};
use rustix::io::Errno;

use super::attributes::ExtendedAttributes;
use super::error::{FileError, FileErrorReason};
use super::file::{self, Attributes, OpenFile};
use crate::util::escape::shell_path;

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory {
    /// Opened with `O_PATH`, so the directory need not be readable.
    descriptor: OwnedFd,
    /// Opened when the directory is listed, locked or synced for the first time.
    readable: OnceLock<OwnedFd>,
    path: PathBuf,
    id: DirectoryId,
    attributes: Attributes,
}

/// Identifies a directory independently of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DirectoryId {
    device: u64,
    inode: u64,
}

/// The result of opening a file by name.
pub(crate) enum Opened {
    Missing,
    Link,
    File(Box<OpenFile>),
}

/// The kind of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Directory,
    File,
    Link,
    Other,
}

/// An entry of a directory, which is not opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DirectoryEntry {
    pub(crate) kind: FileKind,
    pub(crate) attributes: Attributes,
    /// Bytes.
    pub(crate) length: u64,
    /// The second since 1970 in which it last changed (ctime, which no program can set back).
    pub(crate) changed_at: i64,
}

impl DirectoryEntry {
    fn of(status: &Stat) -> DirectoryEntry {
        DirectoryEntry {
            kind: match FileType::from_raw_mode(status.st_mode) {
                FileType::Directory => FileKind::Directory,
                FileType::RegularFile => FileKind::File,
                FileType::Symlink => FileKind::Link,
                _ => FileKind::Other,
            },
            attributes: attributes_of(status),
            length: u64::try_from(status.st_size).unwrap_or(0),
            changed_at: status.st_ctime,
        }
    }
}

fn attributes_of(status: &Stat) -> Attributes {
    Attributes {
        mode: status.st_mode & 0o7777,
        uid: status.st_uid,
        gid: status.st_gid,
    }
}

/// The attributes that a new file gets before its first byte.
#[derive(Clone, Debug)]
pub(crate) struct NewAttributes {
    pub(crate) attributes: Attributes,
    pub(crate) extended: ExtendedAttributes,
}

impl NewAttributes {
    /// Returns the attributes of a file that replaces none: it belongs to the user of this process.
    pub(crate) fn own(mode: u32) -> NewAttributes {
        let attributes = Attributes {
            mode,
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        };
        NewAttributes {
            attributes,
            extended: ExtendedAttributes::default(),
        }
    }
}

/// A new file that is not synced yet.
pub(crate) struct Created {
    pub(crate) file: File,
    /// The extended attributes that could not be set.
    pub(crate) not_set: Vec<String>,
}

impl Directory {
    /// Takes a descriptor for a directory.
    pub(super) fn new(descriptor: OwnedFd, path: PathBuf, status: &Stat) -> Directory {
        Directory {
            descriptor,
            readable: OnceLock::new(),
            path,
            id: DirectoryId::of(status),
            attributes: attributes_of(status),
        }
    }

    /// Returns the path for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn id(&self) -> DirectoryId {
        self.id
    }

    /// Returns whether a path, links followed, leads to this directory.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        rustix::fs::stat(path).is_ok_and(|status| DirectoryId::of(&status) == self.id)
    }

    /// Returns owner and mode at the time of opening.
    pub(crate) fn attributes(&self) -> Attributes {
        self.attributes
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Returns a descriptor that can be listed, locked and synced.
    pub(super) fn readable(&self) -> Result<BorrowedFd<'_>, FileError> {
        if let Some(descriptor) = self.readable.get() {
            return Ok(descriptor.as_fd());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, ".", flags, Mode::empty())
        })
        .map_err(FileError::io("opening the directory", &self.path))?;
        Ok(self.readable.get_or_init(|| opened).as_fd())
    }

    /// Opens a directory in this one.
    pub(crate) fn open_directory(&self, name: impl AsRef<OsStr>) -> Result<Directory, FileError> {
        let name = name.as_ref();
        self.check_component(name)?;
        let path = self.path.join(name);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let operation = "opening the directory";
        let opened = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
        });
        match opened {
            Ok(descriptor) => {
                let status =
                    rustix::fs::fstat(&descriptor).map_err(FileError::io(operation, &path))?;
                Ok(Directory::new(descriptor, path, &status))
            }
            // The kernel returns these errors for a link, too.
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let what = match self.kind(name)? {
                    Some(FileKind::Link) => "it is a symbolic link, want a directory",
                    _ => "it is a file, want a directory",
                };
                Err(FileError::unexpected(operation, path, what))
            }
            Err(error) => Err(FileError::io(operation, path)(error)),
        }
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_file(&self, name: impl AsRef<OsStr>) -> Result<Opened, FileError> {
        let name = name.as_ref();
        self.check_component(name)?;
        // With NONBLOCK, opening a FIFO does not hang. The type is checked on the descriptor, not on the path.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
        }) {
            Ok(descriptor) => {
                let file = OpenFile::new(descriptor, self.path.join(name))?;
                Ok(Opened::File(Box::new(file)))
            }
            Err(Errno::NOENT) => Ok(Opened::Missing),
            Err(Errno::LOOP) => Ok(Opened::Link),
            Err(error) => Err(file::open_error(error, &self.path.join(name))),
        }
    }

    /// Opens a regular file for writing, without truncating it. A file with several names (hard links) is refused, because
    /// it may also be a file of another directory.
    pub(crate) fn open_for_writing(&self, name: impl AsRef<OsStr>) -> Result<File, FileError> {
        let name = name.as_ref();
        self.check_component(name)?;
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let descriptor = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
        })
        .map_err(self.error("writing", name))?;
        let file = OpenFile::new(descriptor, self.path.join(name))?;
        match file.links() {
            1 => Ok(file.into_file()),
            count => {
                let what = format!("it has {count} names (hard links)");
                Err(FileError::unexpected("writing", file.path(), what))
            }
        }
    }

    /// Returns the kind of an entry; `None` if it does not exist.
    pub(crate) fn kind(&self, name: impl AsRef<OsStr>) -> Result<Option<FileKind>, FileError> {
        Ok(self.entry(name)?.map(|entry| entry.kind))
    }

    /// Looks an entry up without opening it; `None` if it does not exist.
    pub(crate) fn entry(
        &self,
        name: impl AsRef<OsStr>,
    ) -> Result<Option<DirectoryEntry>, FileError> {
        let name = name.as_ref();
        self.check_component(name)?;
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(DirectoryEntry::of(&status))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.error("reading", name)(error)),
        }
    }

    /// Returns whether something is mounted on a file of this directory.
    pub(crate) fn is_mount_point(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        let name = name.as_ref();
        self.check_component(name)?;
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        match rustix::fs::statx(&self.descriptor, name, flags, StatxFlags::empty()) {
            Ok(status) => Ok(status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)),
            // Linux before 5.8 does not tell, and some seccomp filters refuse the call. The replacement then fails instead.
            Err(Errno::NOENT | Errno::NOSYS | Errno::PERM) => Ok(false),
            Err(error) => Err(self.error("reading", name)(error)),
        }
    }

    /// Returns the time at which an entry of this directory last changed, in seconds and nanoseconds.
    pub(crate) fn modified(&self) -> Result<(i64, i64), FileError> {
        let status =
            rustix::fs::fstat(&self.descriptor).map_err(FileError::io("reading", &self.path))?;
        Ok((
            status.st_mtime,
            i64::try_from(status.st_mtime_nsec).unwrap_or(0),
        ))
    }

    /// Creates a file and writes its bytes. The file has its final owner, attributes and mode before the first byte;
    /// before that, no other user can open it.
    ///
    /// # Errors
    /// If the name exists.
    pub(crate) fn create(
        &self,
        name: impl AsRef<OsStr>,
        bytes: &[u8],
        wanted: &NewAttributes,
    ) -> Result<Created, FileError> {
        let name = name.as_ref();
        self.check_component(name)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)
        })
        .map(File::from)
        .map_err(self.error("creating", name))?;
        let not_set = self.set_attributes(name, &file, wanted)?;
        file.write_all(bytes).map_err(self.error("writing", name))?;
        let length = file.metadata().map_err(self.error("writing", name))?.len();
        if length != bytes.len() as u64 {
            let what = format!("only {length} of {} bytes were written", bytes.len());
            return Err(FileError::unexpected("writing", self.path.join(name), what));
        }
        Ok(Created { file, not_set })
    }

    /// Returns the names of the extended attributes that could not be set.
    fn set_attributes(
        &self,
        name: &OsStr,
        file: &File,
        wanted: &NewAttributes,
    ) -> Result<Vec<String>, FileError> {
        let Attributes { mode, uid, gid } = wanted.attributes;
        let metadata = file.metadata().map_err(self.error("writing", name))?;
        let now = file::attributes(&metadata);
        if (now.uid, now.gid) != (uid, gid) {
            rustix::fs::fchown(file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
                .map_err(self.error("setting the owner of", name))?;
        }
        let not_set = wanted.extended.apply(file, mode);
        // Always set: the umask, a default ACL and the copied ACL may each have changed the mode.
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
            .map_err(self.error("setting the mode of", name))?;
        Ok(not_set)
    }

    /// Creates a directory with exactly this mode, regardless of the umask. Leaves an existing one unchanged. Returns
    /// whether it was created.
    pub(crate) fn create_directory(
        &self,
        name: impl AsRef<OsStr>,
        mode: u32,
    ) -> Result<bool, FileError> {
        let name = name.as_ref();
        self.check_component(name)?;
        match rustix::fs::mkdirat(&self.descriptor, name, Mode::from_raw_mode(mode)) {
            Ok(()) => self
                .open_directory(name)
                .and_then(|made| {
                    rustix::fs::fchmod(made.readable()?, Mode::from_raw_mode(mode))
                        .map_err(self.error("setting the mode of", name))
                })
                // A directory that cannot be used is removed again.
                .inspect_err(|_| drop(self.remove_directory(name)))
                .map(|()| true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(self.error("creating the directory", name)(error)),
        }
    }

    fn checked<'n>(
        &self,
        from: &'n OsStr,
        to: &'n OsStr,
    ) -> Result<(&'n OsStr, &'n OsStr), FileError> {
        self.check_component(from)?;
        self.check_component(to)?;
        Ok((from, to))
    }

    /// Gives a file a second name.
    pub(crate) fn link(
        &self,
        from: impl AsRef<OsStr>,
        to: impl AsRef<OsStr>,
    ) -> Result<(), FileError> {
        let (from, to) = self.checked(from.as_ref(), to.as_ref())?;
        let at = &self.descriptor;
        rustix::fs::linkat(at, from, at, to, AtFlags::empty()).map_err(self.error("linking", from))
    }

    /// Renames a file or directory within this directory, replacing a file that has the new name.
    pub(crate) fn rename(
        &self,
        from: impl AsRef<OsStr>,
        to: impl AsRef<OsStr>,
    ) -> Result<(), FileError> {
        let (from, to) = self.checked(from.as_ref(), to.as_ref())?;
        let at = &self.descriptor;
        rustix::fs::renameat(at, from, at, to).map_err(self.error("renaming into place", to))
    }

    /// Renames a file within this directory; fails if the new name is taken.
    pub(crate) fn rename_to_free(
        &self,
        from: impl AsRef<OsStr>,
        to: impl AsRef<OsStr>,
    ) -> Result<(), FileError> {
        let (from, to) = self.checked(from.as_ref(), to.as_ref())?;
        let at = &self.descriptor;
        rustix::fs::renameat_with(at, from, at, to, RenameFlags::NOREPLACE)
            .map_err(self.error("renaming into place", to))
    }

    /// Removes a file. Returns whether it existed.
    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        self.unlink(name.as_ref(), AtFlags::empty())
    }

    /// Removes an empty directory. Returns whether it existed.
    pub(crate) fn remove_directory(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        self.unlink(name.as_ref(), AtFlags::REMOVEDIR)
    }

    fn unlink(&self, name: &OsStr, flags: AtFlags) -> Result<bool, FileError> {
        self.check_component(name)?;
        match rustix::fs::unlinkat(&self.descriptor, name, flags) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("removing", name)(error)),
        }
    }

    /// Tries to lock the directory, without waiting. The lock is held until the directory is closed.
    pub(crate) fn try_lock(&self) -> Result<bool, FileError> {
        self.flock(FlockOperation::NonBlockingLockExclusive)
    }

    /// Returns whether another process holds the lock of the directory. Does not keep the lock.
    pub(crate) fn is_locked(&self) -> Result<bool, FileError> {
        let is_free = self.flock(FlockOperation::NonBlockingLockShared)?;
        if is_free {
            self.flock(FlockOperation::Unlock)?;
        }
        Ok(!is_free)
    }

    fn flock(&self, operation: FlockOperation) -> Result<bool, FileError> {
        let descriptor = self.readable()?;
        match rustix::io::retry_on_intr(|| rustix::fs::flock(descriptor, operation)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(FileError::io("locking", &self.path)(error)),
        }
    }

    /// Checks that files can be created in this directory: it is not immutable, its file system is not read-only, and
    /// this user has permission.
    pub(crate) fn check_writable(&self) -> Result<(), FileError> {
        let refused = |error: Errno| FileError::io("writing in", &self.path)(error);
        let mount = rustix::fs::fstatvfs(&self.descriptor).map_err(refused)?;
        if mount.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(refused(Errno::ROFS));
        }
        let access = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.descriptor, ".", access, AtFlags::EACCESS).map_err(refused)?;
        if file::is_immutable(self.readable()?) {
            let hint = format!("chattr -ia {}", shell_path(&self.path));
            return Err(refused(Errno::PERM).with_hint(hint));
        }
        Ok(())
    }

    /// Checks that this user has permission to write in this directory.
    pub(crate) fn check_access(&self) -> Result<(), FileError> {
        let access = Access::WRITE_OK | Access::EXEC_OK;
        match rustix::fs::accessat(&self.descriptor, ".", access, AtFlags::EACCESS) {
            Err(Errno::ACCESS) => Err(FileError::io("writing in", &self.path)(Errno::ACCESS)),
            _ => Ok(()),
        }
    }

    /// Returns the names in this directory, in byte order.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, FileError> {
        let failed = || FileError::io("listing", &self.path);
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(self.readable()?).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            match entry.file_name().to_bytes() {
                b"." | b".." => {}
                name => names.push(OsStr::from_bytes(name).to_owned()),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes changes to the entries of this directory durable.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        let descriptor = self.readable()?;
        rustix::io::retry_on_intr(|| rustix::fs::fsync(descriptor))
            .map_err(FileError::io("syncing the directory", &self.path))
    }

    fn check_component(&self, name: &OsStr) -> Result<(), FileError> {
        let bytes = name.as_bytes();
        if matches!(bytes, b"" | b"." | b"..") || bytes.contains(&b'/') {
            let what = "its name is not a single path component";
            return Err(FileError::unexpected("using", self.path.join(name), what));
        }
        Ok(())
    }

    fn error<E: Into<std::io::Error>>(
        &self,
        operation: &'static str,
        name: &OsStr,
    ) -> impl FnOnce(E) -> FileError {
        let path = self.path.join(name);
        move |error| FileError {
            operation,
            path,
            reason: FileErrorReason::Io(error.into()),
            hint: None,
        }
    }
}

impl DirectoryId {
    fn of(status: &Stat) -> DirectoryId {
        DirectoryId {
            device: status.st_dev,
            inode: status.st_ino,
        }
    }
}
