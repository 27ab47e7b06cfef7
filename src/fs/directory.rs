//! An open directory in which files are made, renamed and removed by name.
//!
//! Every name is one path component and is resolved relative to the open descriptor, so nothing that happens to the path
//! meanwhile can lead a write elsewhere. The directory itself is judged when it is opened.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::fs::file::{self, Attributes, Contents, FileError, LARGEST_LEDGER, read_open};

/// An open directory that only its owner can write in.
pub(crate) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// What lies under a name in a directory.
pub(crate) enum Entry {
    Absent,
    File(Box<Contents>),
    Link,
}

impl Directory {
    /// Opens a directory, and refuses one that others can write in: they could exchange any file of the tree.
    pub(crate) fn open(path: &Path) -> Result<Directory, FileError> {
        check_links(path, LONGEST_CHAIN)?;
        let real = path.canonicalize().map_err(FileError::io(DOING, path))?;
        let directory = Directory::descend(path, &real, check_above)?;
        directory.check_owner()?;
        Ok(directory)
    }

    /// Like [`Directory::open`], for a canonical path: where there is a link by now, it is refused and not followed. So what a
    /// caller found out about the path holds for the directory.
    pub(crate) fn open_real(path: &Path) -> Result<Directory, FileError> {
        let directory = Directory::descend(path, path, check_above)?;
        directory.check_owner()?;
        Ok(directory)
    }

    /// Opens a directory that the tree lies below, to make the next one in it.
    pub(crate) fn open_any(path: &Path) -> Result<Directory, FileError> {
        check_links(path, LONGEST_CHAIN)?;
        let real = path.canonicalize().map_err(FileError::io(DOING, path))?;
        Directory::descend(path, &real, |_, _| Ok(()))
    }

    /// Goes down to a directory from the root by its canonical path, and asks `judge` about each one above it.
    fn descend(
        path: &Path,
        real: &Path,
        judge: impl Fn(&OwnedFd, &Path) -> Result<(), FileError>,
    ) -> Result<Directory, FileError> {
        let enter = |at: BorrowedFd<'_>, name: &OsStr, flags: OFlags| {
            let flags = flags | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::io::retry_on_intr(|| rustix::fs::openat(at, name, flags, Mode::empty()))
        };
        let root = Path::new("/");
        let mut place = root.to_path_buf();
        let mut at = enter(CWD, root.as_os_str(), OFlags::PATH)
            .map_err(|error| FileError::io(DOING, root)(error.into()))?;
        for name in real.strip_prefix(root).unwrap_or(real) {
            judge(&at, &place)?;
            place.push(name);
            at = enter(at.as_fd(), name, OFlags::PATH).map_err(|error| match error {
                Errno::NOTDIR if place == real => {
                    FileError::unexpected(DOING, path, "it is a file, want a directory")
                }
                Errno::NOTDIR => {
                    FileError::unexpected(DOING, &place, "it became a symbolic link or a file")
                }
                error => FileError::io(DOING, &place)(error.into()),
            })?;
        }
        let descriptor = enter(at.as_fd(), OsStr::new("."), OFlags::RDONLY)
            .map_err(|error| FileError::io(DOING, path)(error.into()))?;
        Ok(Directory {
            descriptor,
            path: path.to_path_buf(),
        })
    }

    fn check_owner(&self) -> Result<(), FileError> {
        let refuse = |what: String| {
            Err(FileError::unexpected(
                "opening the directory",
                &self.path,
                what,
            ))
        };
        let status = rustix::fs::fstat(&self.descriptor)
            .map_err(|error| self.error("opening the directory", "")(error.into()))?;
        if !is_trusted(status.st_uid) {
            return refuse(format!(
                "it belongs to user {}, who could exchange any file in it",
                status.st_uid
            ));
        }
        if status.st_mode & 0o022 != 0 {
            return refuse(format!(
                "others can write in it: mode {:04o}, want 0755 or stricter",
                status.st_mode & 0o7777
            ));
        }
        Ok(())
    }

    /// Returns the path that the directory was opened by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what lies under a name, with its bytes if it is a file. A file with several names is refused: writing to a
    /// name that someone else planted would leave the other one behind.
    pub(crate) fn entry(&self, name: &str) -> Result<Entry, FileError> {
        if self.is_link(name)? {
            return Ok(Entry::Link);
        }
        let Some(contents) = self.read_entry(name)? else {
            return Ok(Entry::Absent);
        };
        if contents.links > 1 {
            let what = format!(
                "the file has {} names (hard links); remove the others first",
                contents.links
            );
            return Err(FileError::unexpected("reading", self.path.join(name), what));
        }
        Ok(Entry::File(Box::new(contents)))
    }

    fn is_link(&self, name: &str) -> Result<bool, FileError> {
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(FileType::from_raw_mode(status.st_mode).is_symlink()),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("reading", name)(error.into())),
        }
    }

    fn read_entry(&self, name: &str) -> Result<Option<Contents>, FileError> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
        });
        match opened {
            Ok(descriptor) => read_open(
                File::from(descriptor),
                &self.path.join(name),
                LARGEST_LEDGER,
            )
            .map(Some),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::LOOP) => Err(FileError::unexpected(
                "reading",
                self.path.join(name),
                "it became a symbolic link",
            )),
            Err(error) => Err(self.error("reading", name)(error.into())),
        }
    }

    /// Makes a file that nobody else can open until it has its final mode, writes all of it, and returns it unsynced.
    ///
    /// # Errors
    /// If anything of that name exists.
    pub(crate) fn create(
        &self,
        name: &str,
        bytes: &[u8],
        wanted: Attributes,
    ) -> Result<File, FileError> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)
        })
        .map_err(|error| self.error("creating", name)(error.into()))?;
        let mut file = File::from(descriptor);
        file.write_all(bytes).map_err(self.error("writing", name))?;
        let metadata = file.metadata().map_err(self.error("writing", name))?;
        if metadata.len() != bytes.len() as u64 {
            let what = format!("only {} of {} bytes arrived", metadata.len(), bytes.len());
            return Err(FileError::unexpected("writing", self.path.join(name), what));
        }
        if (metadata.uid(), metadata.gid()) != (wanted.uid, wanted.gid) {
            let (uid, gid) = (Uid::from_raw(wanted.uid), Gid::from_raw(wanted.gid));
            rustix::fs::fchown(&file, Some(uid), Some(gid))
                .map_err(|error| self.error("setting the owner of", name)(error.into()))?;
        }
        if metadata.mode() & 0o7777 != wanted.mode {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(wanted.mode))
                .map_err(|error| self.error("setting the mode of", name)(error.into()))?;
        }
        Ok(file)
    }

    /// Opens or makes a private file for locking, its contents kept.
    pub(crate) fn open_lock(&self, name: &str) -> Result<File, FileError> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)
        })
        .map(File::from)
        .map_err(|error| self.error("opening the lock", name)(error.into()))?;
        file::require_regular(&file, "opening the lock", &self.path.join(name))?;
        Ok(file)
    }

    /// Makes a directory with this mode, whatever the umask; an existing one is left as it is. Returns whether it was made.
    pub(crate) fn create_directory(&self, name: &str, mode: u32) -> Result<bool, FileError> {
        match rustix::fs::mkdirat(&self.descriptor, name, Mode::from_raw_mode(mode)) {
            Ok(()) => {
                let made = Directory::open_below(self, name)?;
                rustix::fs::fchmod(&made, Mode::from_raw_mode(mode))
                    .map_err(|error| self.error("setting the mode of", name)(error.into()))?;
                Ok(true)
            }
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(self.error("creating the directory", name)(error.into())),
        }
    }

    fn open_below(&self, name: &str) -> Result<OwnedFd, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::io::retry_on_intr(|| {
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())
        })
        .map_err(|error| self.error("opening the directory", name)(error.into()))
    }

    /// Gives a file a second name.
    pub(crate) fn link(&self, from: &str, to: &str) -> Result<(), FileError> {
        rustix::fs::linkat(
            &self.descriptor,
            from,
            &self.descriptor,
            to,
            AtFlags::empty(),
        )
        .map_err(|error| self.error("linking", from)(error.into()))
    }

    /// Renames a file or directory, in place of whatever file has the new name. Both are in this directory.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        rustix::fs::renameat(&self.descriptor, from, &self.descriptor, to)
            .map_err(|error| self.error("renaming into place", to)(error.into()))
    }

    /// Removes a file. Returns whether there was one.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, FileError> {
        self.unlink(name, AtFlags::empty())
    }

    /// Removes an empty directory. Returns whether there was one.
    pub(crate) fn remove_directory(&self, name: &str) -> Result<bool, FileError> {
        self.unlink(name, AtFlags::REMOVEDIR)
    }

    fn unlink(&self, name: &str, flags: AtFlags) -> Result<bool, FileError> {
        match rustix::fs::unlinkat(&self.descriptor, name, flags) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("removing", name)(error.into())),
        }
    }

    /// Like [`Directory::entry`], for a file that a transaction has given a second name.
    pub(crate) fn entry_with_links(&self, name: &str) -> Result<Entry, FileError> {
        self.read_entry(name).map(|contents| {
            contents.map_or(Entry::Absent, |contents| Entry::File(Box::new(contents)))
        })
    }

    /// Takes the lock of the directory itself, at once or not at all. Closing it releases the lock.
    pub(crate) fn try_lock(&self) -> Result<bool, FileError> {
        match rustix::io::retry_on_intr(|| {
            rustix::fs::flock(&self.descriptor, FlockOperation::NonBlockingLockExclusive)
        }) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(self.error("locking", "")(error.into())),
        }
    }

    /// Takes from everybody what is not in this mode.
    pub(crate) fn restrict(&self, mode: u32) -> Result<(), FileError> {
        let status = rustix::fs::fstat(&self.descriptor)
            .map_err(|error| self.error("reading", "")(error.into()))?;
        if status.st_mode & 0o7777 & !mode == 0 {
            return Ok(());
        }
        rustix::fs::fchmod(&self.descriptor, Mode::from_raw_mode(status.st_mode & mode))
            .map_err(|error| self.error("setting the mode of", "")(error.into()))
    }

    /// Returns whether a plain file or a link lies under a name.
    pub(crate) fn is_file(&self, name: &str) -> Result<bool, FileError> {
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(!FileType::from_raw_mode(status.st_mode).is_dir()),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(self.error("reading", name)(error.into())),
        }
    }

    /// Returns whether anything lies under a name.
    pub(crate) fn contains(&self, name: &str) -> Result<bool, FileError> {
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(false),
            Err(error) => Err(self.error("reading", name)(error.into())),
        }
    }

    /// Returns the names in this directory, in byte order.
    pub(crate) fn names(&self) -> Result<Vec<String>, FileError> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.descriptor)
            .map_err(|error| self.error("listing", "")(error.into()))?
        {
            let entry = entry.map_err(|error| self.error("listing", "")(error.into()))?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Makes the names in this directory durable.
    pub(crate) fn sync(&self) -> Result<(), FileError> {
        rustix::io::retry_on_intr(|| rustix::fs::fsync(self.descriptor.as_fd()))
            .map_err(|error| self.error("syncing the directory", "")(error.into()))
    }

    fn error(&self, doing: &'static str, name: &str) -> impl FnOnce(io::Error) -> FileError {
        let path = if name.is_empty() {
            self.path.clone()
        } else {
            self.path.join(name)
        };
        FileError::io(doing, path)
    }
}

fn is_trusted(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Whoever may set a link on the way decides where the tree lies, also in a directory such as `/tmp`, where each sets their own.
fn check_links(path: &Path, chain: usize) -> Result<(), FileError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    check_links(parent, chain)?;
    let Ok(metadata) = path.symlink_metadata() else {
        // Opening it says why.
        return Ok(());
    };
    if !metadata.is_symlink() {
        return Ok(());
    }
    let refuse = |what| Err(FileError::unexpected("following the link", path, what));
    if !is_trusted(metadata.uid()) {
        return refuse(format!(
            "it belongs to user {}, who could put another tree in place of the one that it leads to",
            metadata.uid()
        ));
    }
    let holder = parent
        .canonicalize()
        .map_err(FileError::io(DOING, parent))?;
    let holder = Directory::descend(parent, &holder, check_above)?;
    check_above(&holder.descriptor, parent)?;
    match (path.read_link(), chain.checked_sub(1)) {
        (Ok(target), Some(chain)) => check_links(&parent.join(target), chain),
        (Ok(_), None) => refuse("symbolic links lead round in a circle".to_owned()),
        (Err(error), _) => Err(FileError::io("following the link", path)(error)),
    }
}

const DOING: &str = "opening the directory";

/// How many links may follow one another; Linux follows 40.
const LONGEST_CHAIN: usize = 40;

/// Someone who can rename a directory above can put another tree in place of this one.
fn check_above(directory: &OwnedFd, path: &Path) -> Result<(), FileError> {
    let doing = "opening the directory";
    let status =
        rustix::fs::fstat(directory).map_err(|error| FileError::io(doing, path)(error.into()))?;
    if !is_trusted(status.st_uid) {
        let what = format!(
            "it belongs to user {}, who could put another tree in place of the one below it",
            status.st_uid
        );
        return Err(FileError::unexpected(doing, path, what));
    }
    // A group of one's own is no other; in a sticky directory nobody else can rename.
    let own_group = [0, rustix::process::getegid().as_raw()].contains(&status.st_gid);
    let others = if own_group { 0o002 } else { 0o022 };
    if status.st_mode & others != 0 && status.st_mode & 0o1000 == 0 {
        let mode = status.st_mode & 0o7777;
        let what = format!("others can write in it: mode {mode:04o}; a tree below it is not safe");
        return Err(FileError::unexpected(doing, path, what));
    }
    Ok(())
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
                // No thread to be had (RLIMIT_NPROC): do it here.
                Err(_) => result = result.and(sync(part)),
            }
        }
        for thread in threads {
            let joined = thread.join().unwrap_or_else(|_| {
                Err(FileError::unexpected(
                    "syncing",
                    ".",
                    "the thread that did it ended early",
                ))
            });
            result = result.and(joined);
        }
        result
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// What becomes a link between a judgement and this leads nowhere, whether it is the last name or one above.
    #[test]
    fn a_path_that_was_judged_is_opened_without_following_links() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("real/etcd")).unwrap();
        std::os::unix::fs::symlink("real", folder.join("link")).unwrap();
        assert!(Directory::open_real(&folder.join("real/etcd")).is_ok());
        for (name, reason) in [
            ("link", "it is a file, want a directory"),
            ("link/etcd", "it became a symbolic link or a file"),
        ] {
            let path = folder.join(name);
            assert!(Directory::open(&path).is_ok(), "{name}");
            let error = Directory::open_real(&path).err().unwrap().to_string();
            assert!(error.ends_with(reason), "{name}: {error}");
        }
    }
}
