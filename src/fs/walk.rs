//! Resolves paths component by component over open descriptors, as in a chroot; see `fs`.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::directory::Directory;
use super::error::FileError;
use super::ownership::is_trusted;

/// The most links in one path, the same as in Linux.
const MAX_LINKS: usize = 40;

const OPERATION: &str = "opening the directory";

/// A directory with the directories that the walk passed on its way.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    /// From the root of the walk down to the directory.
    stack: Vec<Arc<Directory>>,
    /// Other directories on the way: those above the root of the walk, and those that contain a followed link.
    passed: Vec<Arc<Directory>>,
    /// The first followed link that neither root nor this user owns, and its owner.
    foreign_link: Option<(PathBuf, u32)>,
}

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Destination {
    /// To a directory.
    Directory(Position),
    /// To another kind of file: its directory and name.
    File(Position, OsString),
    /// To nothing: the last directory that exists, and the missing names.
    Missing(Position, Vec<OsString>),
}

/// Which links a walk follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Those that root or this user owns: another user could change the target of theirs at any time.
    Trusted,
    /// All: the caller checks the destination.
    Any,
}

impl Position {
    /// Opens the root directory of this machine.
    pub(crate) fn machine() -> Result<Position, FileError> {
        let root = Path::new("/");
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor =
            rustix::io::retry_on_intr(|| rustix::fs::openat(CWD, root, flags, Mode::empty()))
                .map_err(FileError::io(OPERATION, root))?;
        let status = rustix::fs::fstat(&descriptor).map_err(FileError::io(OPERATION, root))?;
        Ok(Position {
            stack: vec![Arc::new(Directory::new(
                descriptor,
                root.to_path_buf(),
                &status,
            ))],
            passed: Vec::new(),
            foreign_link: None,
        })
    }

    /// Makes this directory the root of further walks, which `..` and absolute links do not leave.
    pub(crate) fn into_root(mut self) -> Position {
        if let Some(root) = self.stack.pop() {
            self.passed.append(&mut self.stack);
            self.stack.push(root);
        }
        self
    }

    /// Returns the directory.
    pub(crate) fn directory(&self) -> Result<&Arc<Directory>, FileError> {
        self.stack
            .last()
            .ok_or_else(|| FileError::unexpected(OPERATION, "/", "the walk has no root"))
    }

    /// Returns every directory whose writers could have redirected the walk.
    pub(crate) fn above(&self) -> impl Iterator<Item = &Arc<Directory>> {
        let (_, above) = self.stack.split_last().unzip();
        self.passed.iter().chain(above.unwrap_or_default())
    }

    /// Returns the path of this directory relative to another one above it.
    pub(crate) fn below(&self, directory: &Directory) -> Option<PathBuf> {
        let depth = self
            .stack
            .iter()
            .position(|held| held.id() == directory.id())?;
        let names = self.stack.get(depth + 1..)?;
        names.iter().map(|held| held.path().file_name()).collect()
    }

    /// Returns the first link on the way here that neither root nor this user owns, and its owner.
    pub(crate) fn foreign_link(&self) -> Option<&(PathBuf, u32)> {
        self.foreign_link.as_ref()
    }

    /// Returns whether a link was followed on the way here from a directory.
    pub(crate) fn followed_links_since(&self, start: &Position) -> bool {
        self.passed.len() > start.passed.len()
    }

    /// Returns the path of this directory below the root of the walk.
    pub(crate) fn path_from_root(&self) -> PathBuf {
        let names = self.stack.iter().skip(1);
        Path::new("/").join(
            names
                .filter_map(|held| held.path().file_name())
                .collect::<PathBuf>(),
        )
    }

    /// Opens a subdirectory that was just created.
    pub(crate) fn enter(&self, name: &OsStr) -> Result<Position, FileError> {
        let directory = self.directory()?.open_directory(name)?;
        let mut below = self.clone();
        below.stack.push(Arc::new(directory));
        Ok(below)
    }

    /// Resolves a path; a relative one starts here.
    pub(crate) fn resolve(&self, path: &Path, links: Links) -> Result<Destination, FileError> {
        let mut walk = PathWalk {
            position: self.clone(),
            pending: VecDeque::new(),
            links,
            followed: 0,
        };
        walk.push(path);
        while let Some(part) = walk.pending.pop_front() {
            if let Some(destination) = walk.step(part)? {
                return Ok(destination);
            }
        }
        Ok(Destination::Directory(walk.position))
    }
}

/// Keeps the parent directory of the last path open, for other paths in the same directory.
#[derive(Debug, Default)]
pub(crate) struct ParentCache {
    last: Mutex<Option<(PathBuf, Position)>>,
}

impl ParentCache {
    /// Resolves an absolute path from `/`, following trusted links. If the last path had the same parent, and that still leads to
    /// the same directory, only the last component is resolved.
    pub(crate) fn resolve(&self, path: &Path) -> Result<Destination, FileError> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Position::machine()?.resolve(path, Links::Trusted);
        };
        let position = match self.known(parent) {
            Some(position) => Some(position),
            None => self.open(parent)?,
        };
        match position {
            Some(position) => position.resolve(Path::new(name), Links::Trusted),
            None => Position::machine()?.resolve(path, Links::Trusted),
        }
    }

    /// Returns the directory of the last path, if it is this one.
    fn known(&self, path: &Path) -> Option<Position> {
        let last = self.last().clone();
        let (_, position) = last.filter(|(known, _)| known == path)?;
        // A link on the way to it may have been changed since.
        let is_same = position.directory().ok()?.is_at(path);
        is_same.then_some(position)
    }

    /// Opens a directory; `None` if it does not exist or is a file.
    fn open(&self, path: &Path) -> Result<Option<Position>, FileError> {
        match Position::machine()?.resolve(path, Links::Trusted)? {
            Destination::Directory(position) => {
                *self.last() = Some((path.to_path_buf(), position.clone()));
                Ok(Some(position))
            }
            Destination::File(..) | Destination::Missing(..) => Ok(None),
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<(PathBuf, Position)>> {
        // A thread that panicked left the value as it was.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One step of a walk.
enum PathStep {
    Root,
    Up,
    Name(OsString),
}

struct PathWalk {
    position: Position,
    pending: VecDeque<PathStep>,
    links: Links,
    followed: usize,
}

impl PathWalk {
    /// Inserts the components of a path before the pending ones.
    fn push(&mut self, path: &Path) {
        for component in path.components().rev() {
            match component {
                Component::RootDir => self.pending.push_front(PathStep::Root),
                Component::ParentDir => self.pending.push_front(PathStep::Up),
                Component::Normal(name) => self.pending.push_front(PathStep::Name(name.to_owned())),
                Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }

    /// Takes one step. Returns the destination if the walk ends at something other than a directory.
    fn step(&mut self, part: PathStep) -> Result<Option<Destination>, FileError> {
        let name = match part {
            PathStep::Root => {
                self.position.stack.truncate(1);
                return Ok(None);
            }
            PathStep::Up => {
                let depth = self.position.stack.len().saturating_sub(1).max(1);
                self.position.stack.truncate(depth);
                return Ok(None);
            }
            PathStep::Name(name) => name,
        };
        let directory = Arc::clone(self.position.directory()?);
        let path = directory.path().join(&name);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(directory.descriptor(), &name, flags, Mode::empty())
        });
        let descriptor = match opened {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return self.missing(name, &path).map(Some),
            Err(error) => return Err(FileError::io("reading", path)(error)),
        };
        let status = rustix::fs::fstat(&descriptor).map_err(FileError::io("reading", &path))?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::Directory => {
                let entered = Directory::new(descriptor, path, &status);
                self.position.stack.push(Arc::new(entered));
                Ok(None)
            }
            FileType::Symlink if is_procfs(&directory, &path)? => {
                self.follow_in_proc(&directory, name, path, status.st_uid)
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&descriptor, "", Vec::new())
                    .map_err(FileError::io("following the link", &path))?;
                self.follow(directory, &path, status.st_uid, target.into_bytes())?;
                Ok(None)
            }
            _ if self.pending.is_empty() => {
                let position = self.position.clone();
                Ok(Some(Destination::File(position, name)))
            }
            _ => Err(FileError::unexpected(
                OPERATION,
                path,
                "it is a file, want a directory",
            )),
        }
    }

    /// Follows a link in procfs, such as `/proc/PID/root`. The text of such a link may be the path of something else in this
    /// mount namespace, so the kernel follows it.
    fn follow_in_proc(
        &mut self,
        holder: &Arc<Directory>,
        name: OsString,
        path: PathBuf,
        owner: u32,
    ) -> Result<Option<Destination>, FileError> {
        self.count_link(holder, &path, owner)?;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let descriptor = rustix::io::retry_on_intr(|| {
            rustix::fs::openat(holder.descriptor(), &name, flags, Mode::empty())
        })
        .map_err(FileError::io("following the link", &path))?;
        let status =
            rustix::fs::fstat(&descriptor).map_err(FileError::io("following the link", &path))?;
        if FileType::from_raw_mode(status.st_mode) == FileType::Directory {
            let entered = Directory::new(descriptor, path, &status);
            self.position.stack.push(Arc::new(entered));
            return Ok(None);
        }
        let what = "it leads to a file by a link of procfs, want a directory";
        Err(FileError::unexpected(OPERATION, path, what))
    }

    fn follow(
        &mut self,
        holder: Arc<Directory>,
        path: &Path,
        owner: u32,
        target: Vec<u8>,
    ) -> Result<(), FileError> {
        self.count_link(&holder, path, owner)?;
        self.push(Path::new(&OsString::from_vec(target)));
        Ok(())
    }

    /// Refuses a link that is not followed, and records one that is.
    fn count_link(
        &mut self,
        holder: &Arc<Directory>,
        path: &Path,
        owner: u32,
    ) -> Result<(), FileError> {
        let refuse = |what: String| Err(FileError::unexpected("following the link", path, what));
        if self.links == Links::Trusted && !is_trusted(owner) {
            return refuse(format!(
                "user {owner} owns this link and can change its target"
            ));
        }
        self.followed += 1;
        if self.followed > MAX_LINKS {
            return refuse("too many levels of symbolic links".to_owned());
        }
        if !is_trusted(owner) && self.position.foreign_link.is_none() {
            self.position.foreign_link = Some((path.to_path_buf(), owner));
        }
        self.position.passed.push(Arc::clone(holder));
        Ok(())
    }

    fn missing(&mut self, name: OsString, path: &Path) -> Result<Destination, FileError> {
        let mut names = vec![name];
        for part in self.pending.drain(..) {
            match part {
                PathStep::Name(name) => names.push(name),
                // The parent of a missing directory is unknown.
                PathStep::Up | PathStep::Root => {
                    return Err(FileError::io(OPERATION, path)(Errno::NOENT));
                }
            }
        }
        Ok(Destination::Missing(self.position.clone(), names))
    }
}

fn is_procfs(directory: &Directory, path: &Path) -> Result<bool, FileError> {
    let system =
        rustix::fs::fstatfs(directory.descriptor()).map_err(FileError::io("reading", path))?;
    Ok(system.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Returns an absolute path without `.` and `..`: resolves everything before the last `..` and keeps links after it.
pub(crate) fn resolve_parents(path: &Path) -> Result<PathBuf, FileError> {
    let components: Vec<_> = path.components().collect();
    let Some(last) = components
        .iter()
        .rposition(|component| *component == Component::ParentDir)
    else {
        return Ok(components.iter().collect());
    };
    let (prefix, rest) = components.split_at(last + 1);
    let prefix: PathBuf = prefix.iter().collect();
    match Position::machine()?.resolve(&prefix, Links::Trusted)? {
        Destination::Directory(position) => Ok(position
            .path_from_root()
            .join(rest.iter().collect::<PathBuf>())),
        Destination::File(..) => Err(FileError::unexpected(
            OPERATION,
            prefix,
            "it is a file, want a directory",
        )),
        Destination::Missing(..) => Err(FileError::io(OPERATION, prefix)(Errno::NOENT)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    struct Folder {
        _directory: TempDir,
        path: PathBuf,
    }

    impl Folder {
        fn new() -> Folder {
            let directory = TempDir::new().unwrap();
            let path = directory.path().canonicalize().unwrap();
            fs::create_dir_all(path.join("root/a/b")).unwrap();
            fs::create_dir(path.join("outside")).unwrap();
            fs::write(path.join("root/a/file"), "").unwrap();
            Folder {
                _directory: directory,
                path,
            }
        }

        fn link(&self, target: &str, name: &str) {
            symlink(target, self.path.join(name)).unwrap();
        }

        fn root(&self) -> Position {
            let machine = Position::machine().unwrap();
            match machine
                .resolve(&self.path.join("root"), Links::Trusted)
                .unwrap()
            {
                Destination::Directory(position) => position.into_root(),
                other => panic!("{other:?}"),
            }
        }

        /// Resolves a path below `root`, and says where it leads, seen from there.
        fn resolve(&self, path: &str) -> String {
            match self.root().resolve(Path::new(path), Links::Any) {
                Ok(Destination::Directory(position)) => {
                    position.path_from_root().display().to_string()
                }
                Ok(Destination::File(position, name)) => {
                    format!("{} {}", position.path_from_root().display(), name.display())
                }
                Ok(Destination::Missing(position, names)) => {
                    format!("{} lacks {names:?}", position.path_from_root().display())
                }
                Err(error) => error.to_string().replace(self.path.to_str().unwrap(), ""),
            }
        }
    }

    #[test]
    fn a_walk_does_not_leave_its_root() {
        let folder = Folder::new();
        folder.link("/a", "root/absolute");
        folder.link("/outside", "root/away");
        folder.link("../../../../a/b", "root/a/up");
        for (path, leads_to) in [
            ("/a/b", "/a/b"),
            ("a/../a/b", "/a/b"),
            ("../../..", "/"),
            ("/absolute/b", "/a/b"),
            ("/a/up", "/a/b"),
            ("/away/x", "/ lacks [\"outside\", \"x\"]"),
            ("/a/file", "/a file"),
            ("/a/c/d", "/a lacks [\"c\", \"d\"]"),
        ] {
            assert_eq!(folder.resolve(path), leads_to, "{path}");
        }
    }

    #[test]
    fn links_in_a_circle_and_files_in_the_way_are_errors() {
        let folder = Folder::new();
        folder.link("loop", "root/loop");
        for (path, message) in [
            (
                "/loop",
                "following the link `/root/loop`: too many levels of symbolic links",
            ),
            (
                "/a/file/x",
                "opening the directory `/root/a/file`: it is a file, want a directory",
            ),
            (
                "/c/../a",
                "opening the directory `/root/c`: no such file or directory",
            ),
        ] {
            assert_eq!(folder.resolve(path), message, "{path}");
        }
    }

    /// The text of the link names a directory that is no longer there.
    #[test]
    fn a_link_of_procfs_leads_to_what_it_stands_for() {
        let folder = Folder::new();
        let opened = fs::File::open(folder.path.join("outside")).unwrap();
        fs::remove_dir(folder.path.join("outside")).unwrap();
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&opened));
        let machine = Position::machine().unwrap();
        match machine.resolve(Path::new(&link), Links::Any).unwrap() {
            Destination::Directory(position) => {
                let status = rustix::fs::fstat(&opened).unwrap();
                let expected = Directory::new(opened.into(), folder.path.clone(), &status);
                assert_eq!(position.directory().unwrap().id(), expected.id());
            }
            other => panic!("{other:?}"),
        }
    }

    /// Returns where a path leads, and every directory on the way.
    fn describe(result: Result<Destination, FileError>) -> String {
        let (position, rest) = match result {
            Ok(Destination::Directory(position)) => (position, String::new()),
            Ok(Destination::File(position, name)) => (position, format!("{name:?}")),
            Ok(Destination::Missing(position, names)) => (position, format!("lacks {names:?}")),
            Err(error) => return error.to_string(),
        };
        let above: Vec<_> = position.above().map(|directory| directory.id()).collect();
        format!("{:?} {above:?} {rest}", position.directory().unwrap().id())
    }

    #[test]
    fn a_path_leads_to_the_same_place_with_the_cache_as_without() {
        let folder = Folder::new();
        folder.link("a/b", "root/link");
        folder.link("../outside", "root/away");
        folder.link("loop", "root/loop");
        let cache = ParentCache::default();
        let machine = Position::machine().unwrap();
        let names = [
            "root/a",
            "root/link",
            "root/away",
            "root/link",
            "root/loop",
            "root/a",
            "outside",
            "root/link/x",
            "root/a/file",
            "root/c/d",
            "root/c",
            "root/a/file/x",
            "root/loop/x",
            "root/a/../a",
            "root/a/..",
            "root/away/..",
        ];
        let paths = names.map(|name| folder.path.join(name));
        let others = ["/", "/proc", "/nothing"].map(PathBuf::from);
        for path in paths.iter().chain(&others) {
            assert_eq!(
                describe(cache.resolve(path)),
                describe(machine.resolve(path, Links::Trusted)),
                "{}",
                path.display()
            );
        }
    }

    #[test]
    fn the_cache_opens_a_parent_once() {
        let folder = Folder::new();
        let cache = ParentCache::default();
        let path = folder.path.join("root");
        let resolve = |name: &str| match cache.resolve(&path.join(name)) {
            Ok(Destination::Directory(position)) => Arc::clone(position.above().last().unwrap()),
            other => panic!("{other:?}"),
        };
        assert!(Arc::ptr_eq(&resolve("a"), &resolve("a")));
    }

    /// As a deployment does that changes a link to the new release.
    #[test]
    fn a_parent_that_was_replaced_is_opened_again() {
        let folder = Folder::new();
        fs::create_dir_all(folder.path.join("new/a")).unwrap();
        folder.link("../root", "outside/current");
        let cache = ParentCache::default();
        let machine = Position::machine().unwrap();
        let path = folder.path.join("outside/current/a");
        let before = describe(cache.resolve(&path));
        fs::remove_file(folder.path.join("outside/current")).unwrap();
        folder.link("../new", "outside/current");
        let now = describe(cache.resolve(&path));
        assert_ne!(now, before);
        assert_eq!(now, describe(machine.resolve(&path, Links::Trusted)));
    }

    /// What becomes a link after it was resolved leads nowhere: the descriptor is used.
    #[test]
    fn a_resolved_directory_stays_the_same_one_whatever_its_path_becomes() {
        let folder = Folder::new();
        let Destination::Directory(position) =
            folder.root().resolve(Path::new("a"), Links::Any).unwrap()
        else {
            panic!("`a` is a directory");
        };
        fs::rename(folder.path.join("root/a"), folder.path.join("root/moved")).unwrap();
        folder.link("../outside", "root/a");
        position
            .directory()
            .unwrap()
            .create_directory("made", 0o700)
            .unwrap();
        assert!(folder.path.join("root/moved/made").is_dir());
        assert!(!folder.path.join("outside/made").exists());
    }

    /// The kernel would follow links on the way to the last component.
    #[test]
    fn only_single_components_are_names_in_a_directory() {
        let folder = Folder::new();
        let root = folder.root();
        let directory = root.directory().unwrap();
        for name in ["../outside", "a/b", "a/file", "/a", "a/", "..", ".", ""] {
            let results = [
                directory.kind(name).map(|_| ()),
                directory.open_directory(name).map(|_| ()),
                directory.open_file(name).map(|_| ()),
                directory.create_directory(name, 0o700).map(|_| ()),
                directory.rename("a", name),
                directory.link("a", name),
                directory.remove_directory(name).map(|_| ()),
            ];
            for result in results {
                let message = result.unwrap_err().to_string();
                assert!(message.contains("single path component"), "{message}");
            }
        }
        assert!(folder.path.join("root/a/b").is_dir());
    }

    #[test]
    fn a_path_is_freed_of_parents_and_keeps_its_last_link() {
        let folder = Folder::new();
        folder.link("a", "root/link");
        let path = |name: &str| folder.path.join(name);
        for (given, wanted) in [
            ("root/a/b/..", "root/a"),
            ("root/link/../link", "root/link"),
            ("root/./a", "root/a"),
            ("root/a/../new", "root/new"),
        ] {
            assert_eq!(
                resolve_parents(&path(given)).unwrap(),
                path(wanted),
                "{given}"
            );
        }
        assert!(resolve_parents(&path("root/new/../a")).is_err());
    }
}
