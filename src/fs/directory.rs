//! An open directory in which files are opened, made, renamed and removed by name.
//!
//! Every name is one path component and is resolved relative to the open descriptor, and no link is followed.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{
    Access, AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, Stat, StatVfsMountFlags, Uid,
};
use rustix::io::Errno;

use super::attributes::ExtendedAttributes;
use super::error::{FileError, FileErrorReason};
use super::file::{self, Attributes, OpenFile};

/// An open directory.
#[derive(Debug)]
pub(crate) struct Directory {
    /// `O_PATH`: it need not be readable to be searched.
    descriptor: OwnedFd,
    /// Made when it is listed, locked or synced for the first time.
    readable: OnceLock<OwnedFd>,
    path: PathBuf,
    id: DirectoryId,
    attributes: Attributes,
}

/// Which directory it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DirectoryId {
    device: u64,
    inode: u64,
}

/// What is found under a name.
pub(crate) enum Opened {
    Missing,
    Link,
    File(Box<OpenFile>),
}

/// What a name stands for, without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Directory,
    File,
    Link,
    Other,
}

/// What a new file gets before its first byte.
#[derive(Clone, Debug)]
pub(crate) struct NewAttributes {
    pub(crate) attributes: Attributes,
    pub(crate) extended: ExtendedAttributes,
}

impl NewAttributes {
    /// Returns the attributes of a file that replaces none, and belongs to the user who runs this.
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

/// A file that was made, not yet synced.
pub(crate) struct Created {
    pub(crate) file: File,
    /// ExtendedAttributes attributes that could not be set.
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
            attributes: Attributes {
                mode: status.st_mode & 0o7777,
                uid: status.st_uid,
                gid: status.st_gid,
            },
        }
    }

    /// Returns where the directory is, as messages name it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn id(&self) -> DirectoryId {
        self.id
    }

    /// Returns owner and mode as they were when it was opened.
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
            // What a link gives with these flags, too.
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

    /// Opens what is under a name for reading, if it is a regular file.
    pub(crate) fn open_file(&self, name: impl AsRef<OsStr>) -> Result<Opened, FileError> {
        let name = name.as_ref();
        let path = self.path.join(name);
        // NONBLOCK: opening a FIFO must not hang. The descriptor is judged, not the path.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
        }) {
            Ok(descriptor) => {
                let file = OpenFile::new(descriptor, path)?;
                Ok(Opened::File(Box::new(file)))
            }
            Err(Errno::NOENT) => Ok(Opened::Missing),
            Err(Errno::LOOP) => Ok(Opened::Link),
            Err(error) => Err(file::open_error(error, &path)),
        }
    }

    /// Opens a regular file for writing, its contents kept.
    pub(crate) fn open_for_writing(&self, name: impl AsRef<OsStr>) -> Result<File, FileError> {
        let name = name.as_ref();
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let descriptor = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
        })
        .map_err(self.error("writing", name))?;
        OpenFile::new(descriptor, self.path.join(name)).map(OpenFile::into_file)
    }

    /// Returns what is under a name; `None` if nothing is.
    pub(crate) fn kind(&self, name: impl AsRef<OsStr>) -> Result<Option<FileKind>, FileError> {
        let status = self.status(name.as_ref())?;
        Ok(
            status.map(|status| match FileType::from_raw_mode(status.st_mode) {
                FileType::Directory => FileKind::Directory,
                FileType::RegularFile => FileKind::File,
                FileType::Symlink => FileKind::Link,
                _ => FileKind::Other,
            }),
        )
    }

    /// Returns owner and mode of what is under a name, without opening it; `None` if nothing is.
    pub(crate) fn attributes_of(
        &self,
        name: impl AsRef<OsStr>,
    ) -> Result<Option<Attributes>, FileError> {
        let status = self.status(name.as_ref())?;
        Ok(status.map(|status| Attributes {
            mode: status.st_mode & 0o7777,
            uid: status.st_uid,
            gid: status.st_gid,
        }))
    }

    /// Returns the length of the regular file under a name, without opening it; `None` if there is none.
    pub(crate) fn file_length(&self, name: impl AsRef<OsStr>) -> Result<Option<u64>, FileError> {
        let status = self.status(name.as_ref())?;
        let file = status
            .filter(|status| FileType::from_raw_mode(status.st_mode) == FileType::RegularFile);
        Ok(file.and_then(|status| u64::try_from(status.st_size).ok()))
    }

    /// Returns when the names in this directory changed the last time, in seconds and nanoseconds.
    pub(crate) fn modified(&self) -> Result<(i64, i64), FileError> {
        let status =
            rustix::fs::fstat(&self.descriptor).map_err(FileError::io("reading", &self.path))?;
        Ok((
            status.st_mtime,
            i64::try_from(status.st_mtime_nsec).unwrap_or(0),
        ))
    }

    fn status(&self, name: &OsStr) -> Result<Option<Stat>, FileError> {
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(status)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.error("reading", name)(error)),
        }
    }

    /// Makes a file with its final owner, attributes and mode before the first byte, and writes all of it. Until then nobody
    /// else can open it.
    ///
    /// # Errors
    /// If anything of that name exists.
    pub(crate) fn create(
        &self,
        name: impl AsRef<OsStr>,
        bytes: &[u8],
        wanted: &NewAttributes,
    ) -> Result<Created, FileError> {
        let name = name.as_ref();
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
        // Always: the umask, a default ACL and the ACL that was set may each have changed it.
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))
            .map_err(self.error("setting the mode of", name))?;
        Ok(not_set)
    }

    /// Makes a directory with this mode, whatever the umask; an existing one is left as it is. Returns whether it was made.
    pub(crate) fn create_directory(
        &self,
        name: impl AsRef<OsStr>,
        mode: u32,
    ) -> Result<bool, FileError> {
        let name = name.as_ref();
        match rustix::fs::mkdirat(&self.descriptor, name, Mode::from_raw_mode(mode)) {
            Ok(()) => self
                .open_directory(name)
                .and_then(|made| {
                    rustix::fs::fchmod(made.readable()?, Mode::from_raw_mode(mode))
                        .map_err(self.error("setting the mode of", name))
                })
                // One that cannot be used leaves no trace.
                .inspect_err(|_| drop(self.remove_directory(name)))
                .map(|()| true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(self.error("creating the directory", name)(error)),
        }
    }

    /// Gives a file a second name.
    pub(crate) fn link(
        &self,
        from: impl AsRef<OsStr>,
        to: impl AsRef<OsStr>,
    ) -> Result<(), FileError> {
        let from = from.as_ref();
        let at = &self.descriptor;
        rustix::fs::linkat(at, from, at, to.as_ref(), AtFlags::empty())
            .map_err(self.error("linking", from))
    }

    /// Renames a file or directory, in place of the file that has the new name. Both are in this directory.
    pub(crate) fn rename(
        &self,
        from: impl AsRef<OsStr>,
        to: impl AsRef<OsStr>,
    ) -> Result<(), FileError> {
        let to = to.as_ref();
        let at = &self.descriptor;
        rustix::fs::renameat(at, from.as_ref(), at, to)
            .map_err(self.error("renaming into place", to))
    }

    /// Removes a file. Returns whether there was one.
    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        self.unlink(name.as_ref(), AtFlags::empty())
    }

    /// Removes an empty directory. Returns whether there was one.
    pub(crate) fn remove_directory(&self, name: impl AsRef<OsStr>) -> Result<bool, FileError> {
        self.unlink(name.as_ref(), AtFlags::REMOVEDIR)
    }

    fn unlink(&self, name: &OsStr, flags: AtFlags) -> Result<bool, FileError> {
        match rustix::fs::unlinkat(&self.descriptor, name, flags) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("removing", name)(error)),
        }
    }

    /// Takes the lock of the directory itself, at once or not at all. It is held until the directory is closed.
    pub(crate) fn try_lock(&self) -> Result<bool, FileError> {
        self.flock(FlockOperation::NonBlockingLockExclusive)
    }

    /// Returns whether another process holds the lock of the directory, without keeping it.
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

    /// Fails as a write in this directory would, as far as that can be told before: a read-only file system, no permission,
    /// an immutable directory.
    pub(crate) fn check_writable(&self) -> Result<(), FileError> {
        let refused = |error: Errno| FileError::io("writing in", &self.path)(error);
        let mount = rustix::fs::fstatvfs(&self.descriptor).map_err(refused)?;
        if mount.f_flag.contains(StatVfsMountFlags::RDONLY) {
            return Err(refused(Errno::ROFS));
        }
        let access = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.descriptor, ".", access, AtFlags::EACCESS).map_err(refused)?;
        if file::is_immutable(self.readable()?) {
            let hint = format!("chattr -ia {}", self.path.display());
            return Err(refused(Errno::PERM).with_hint(hint));
        }
        Ok(())
    }

    /// Fails if this user may not write in this directory, whatever its file system allows.
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

    /// Makes the names in this directory durable.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        let descriptor = self.readable()?;
        rustix::io::retry_on_intr(|| rustix::fs::fsync(descriptor))
            .map_err(FileError::io("syncing the directory", &self.path))
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

/// Makes files durable, several at a time: concurrent calls share one commit of the file system's journal.
pub(crate) fn sync_all(files: &[(File, PathBuf)]) -> Result<(), FileError> {
    const THREADS: usize = 8;
    let sync = |part: &[(File, PathBuf)]| {
        part.iter()
            .try_for_each(|(file, path)| file.sync_all().map_err(FileError::io("syncing", path)))
    };
    let size = files.len().div_ceil(THREADS).max(1);
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut result = Ok(());
        for part in files.chunks(size) {
            match std::thread::Builder::new().spawn_scoped(scope, move || sync(part)) {
                Ok(thread) => threads.push(thread),
                // No thread can be started (RLIMIT_NPROC): sync here.
                Err(_) => result = result.and(sync(part)),
            }
        }
        for thread in threads {
            let joined = thread.join().unwrap_or_else(|_| {
                let what = "the thread that did it ended early";
                Err(FileError::unexpected("syncing", ".", what))
            });
            result = result.and(joined);
        }
        result
    })
}
