//! The open directories of a tree. Each is resolved once in a run and its descriptor kept; reading and writing use the same.
//!
//! A named directory may be reached through links that root or the user owns. Below it links are followed only into named
//! directories. `.pki` is no link.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::CATALOG;
use crate::fs::directory::{Directory, DirectoryId, Kind, Opened};
use crate::fs::file::{Attributes, Contents, FileError, OpenFile};
use crate::fs::ownership::{DirectoryUse, SharedDirectory, judge};
use crate::fs::walk::{Destination, Links, Position};
use crate::tree::journal::{Direction, Journal, backup_name, staging_name};
use crate::tree::layout::{self, Layout, Root, STATE_DIRECTORY, TreePath};
use crate::tree::source::{Source, Version};

const DOING: &str = "opening the directory";

/// The directories whose files are read.
const NAMED: [Root; 3] = [Root::Certificates, Root::Kubelet, Root::Kubeconfigs];

/// The open directories of a tree.
pub(crate) struct Places {
    layout: Layout,
    /// Where walks begin: the root directory of this machine, or that of `--rootfs`.
    start: RefCell<Option<Position>>,
    roots: RefCell<BTreeMap<Root, Position>>,
    parents: RefCell<BTreeMap<(Root, String), Position>>,
    /// What was found out about who else can write in a directory.
    judged: RefCell<BTreeMap<DirectoryId, (DirectoryUse, Option<SharedDirectory>)>>,
    /// Directories that were made: where, and under which name.
    created: RefCell<Vec<(Arc<Directory>, OsString)>>,
    /// Whether this run holds the lock.
    is_locked: Cell<bool>,
}

/// Where a file really is.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    position: Position,
    pub(crate) directory: Arc<Directory>,
    pub(crate) name: OsString,
}

impl Location {
    fn new(position: Position, name: OsString) -> Result<Location, FileError> {
        let directory = Arc::clone(position.directory()?);
        Ok(Location {
            position,
            directory,
            name,
        })
    }

    /// Returns the path for messages.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    /// Returns whether both are the same name in the same directory.
    pub(crate) fn is_same(&self, other: &Location) -> bool {
        self.directory.id() == other.directory.id() && self.name == other.name
    }
}

impl Places {
    pub(crate) fn new(layout: &Layout) -> Places {
        Places {
            layout: layout.clone(),
            start: RefCell::default(),
            roots: RefCell::default(),
            parents: RefCell::default(),
            judged: RefCell::default(),
            created: RefCell::default(),
            is_locked: Cell::new(false),
        }
    }

    /// Notes that the open directories hold the lock of the tree.
    pub(crate) fn set_locked(&self) {
        self.is_locked.set(true);
    }

    /// Closes all directories, to resolve them once more.
    pub(crate) fn forget(&self) {
        self.parents.borrow_mut().clear();
        self.roots.borrow_mut().clear();
        *self.start.borrow_mut() = None;
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns a directory of the tree; `None` if it does not exist.
    pub(crate) fn directory(&self, root: Root) -> Result<Option<Arc<Directory>>, FileError> {
        let position = self.position(root)?;
        position
            .map(|position| position.directory().cloned())
            .transpose()
    }

    fn position(&self, root: Root) -> Result<Option<Position>, FileError> {
        if let Some(position) = self.roots.borrow().get(&root) {
            return Ok(Some(position.clone()));
        }
        match self.resolve(root)? {
            Some(Destination::Directory(position)) => {
                self.roots.borrow_mut().insert(root, position.clone());
                Ok(Some(position))
            }
            Some(Destination::File(..)) => Err(FileError::unexpected(
                DOING,
                self.layout.directory(root),
                "it is a file, want a directory",
            )),
            Some(Destination::Missing(..)) | None => Ok(None),
        }
    }

    /// Resolves a directory of the tree; `None` if the one that it is below does not exist.
    fn resolve(&self, root: Root) -> Result<Option<Destination>, FileError> {
        if root == Root::State {
            let Some(parent) = self.position(Root::Kubeconfigs)? else {
                return Ok(None);
            };
            return match parent.directory()?.kind(STATE_DIRECTORY)? {
                None => {
                    let missing = vec![OsString::from(STATE_DIRECTORY)];
                    Ok(Some(Destination::Missing(parent, missing)))
                }
                Some(_) => parent
                    .enter(OsStr::new(STATE_DIRECTORY))
                    .map(|position| Some(Destination::Directory(position))),
            };
        }
        let path = self.layout.directory(root);
        let below = match &self.layout.rootfs {
            None => path.as_path(),
            Some(rootfs) => path.strip_prefix(rootfs).map_err(|_| {
                let what = "it is not below the directory of `--rootfs`";
                FileError::unexpected(DOING, &path, what)
            })?,
        };
        match self.start()? {
            Destination::Directory(start) => start.resolve(below, Links::Trusted).map(Some),
            Destination::Missing(position, mut names) => {
                names.extend(below.iter().map(OsStr::to_owned));
                Ok(Some(Destination::Missing(position, names)))
            }
            file => Ok(Some(file)),
        }
    }

    fn start(&self) -> Result<Destination, FileError> {
        if let Some(start) = self.start.borrow().as_ref() {
            return Ok(Destination::Directory(start.clone()));
        }
        let machine = Position::machine()?;
        let found = match &self.layout.rootfs {
            None => Destination::Directory(machine),
            Some(rootfs) => machine.resolve(rootfs, Links::Trusted)?,
        };
        let Destination::Directory(start) = found else {
            return Ok(found);
        };
        let start = start.into_root();
        *self.start.borrow_mut() = Some(start.clone());
        Ok(Destination::Directory(start))
    }

    /// Returns a directory of the tree, which is made if it does not exist: with mode 0755 as kubeadm does, the state with 0700.
    pub(crate) fn create(&self, root: Root) -> Result<Arc<Directory>, FileError> {
        if root == Root::State {
            self.create(Root::Kubeconfigs)?;
        }
        if let Some(position) = self.position(root)? {
            return position.directory().cloned();
        }
        let Some(Destination::Missing(position, names)) = self.resolve(root)? else {
            let path = self.layout.directory(root);
            return Err(FileError::unexpected(DOING, path, "it was just removed"));
        };
        let mode = if root == Root::State { 0o700 } else { 0o755 };
        self.create_below(position, &names, mode)?;
        // Resolved again: below a new `--rootfs` the walk starts at another root.
        let position = self.position(root)?.ok_or_else(|| {
            let path = self.layout.directory(root);
            FileError::unexpected(DOING, path, "it was just removed")
        })?;
        position.directory().cloned()
    }

    /// Checks that a directory of the tree that does not exist could be made.
    pub(crate) fn check_creatable(&self, root: Root) -> Result<(), FileError> {
        match self.resolve(root)? {
            Some(Destination::Missing(position, _)) => {
                self.judge_all(&position, DirectoryUse::Above)?;
                position.directory()?.check_writable()
            }
            // The directory that it is below does not exist either, and was checked.
            Some(Destination::Directory(_) | Destination::File(..)) | None => Ok(()),
        }
    }

    /// Makes directories, each in the one before it; the last one gets the mode, the others 0755.
    fn create_below(
        &self,
        mut position: Position,
        names: &[OsString],
        mode: u32,
    ) -> Result<Position, FileError> {
        self.judge_all(&position, DirectoryUse::Above)?;
        for (index, name) in names.iter().enumerate() {
            let parent = Arc::clone(position.directory()?);
            let is_last = index + 1 == names.len();
            if parent.create_directory(name, if is_last { mode } else { 0o755 })? {
                // Entered first, so that it is removed again if the next step fails.
                let made = (Arc::clone(&parent), name.clone());
                self.created.borrow_mut().push(made);
                parent.sync()?;
            }
            position = position.enter(name)?;
        }
        Ok(position)
    }

    /// Returns the directory that a file of the tree is in, following links inside the tree; `None` if it does not exist.
    fn parent(&self, file: &TreePath) -> Result<Option<Position>, FileError> {
        let Some(root) = self.position(file.root)? else {
            return Ok(None);
        };
        let parent = file.parent();
        if parent.is_empty() {
            return Ok(Some(root));
        }
        let key = (file.root, parent.to_owned());
        if let Some(position) = self.parents.borrow().get(&key) {
            return Ok(Some(position.clone()));
        }
        let path = self.layout.directory(file.root).join(parent);
        match root.resolve(Path::new(parent), Links::Any)? {
            Destination::Directory(position) => {
                self.check_inside(&position, &path)?;
                self.parents.borrow_mut().insert(key, position.clone());
                Ok(Some(position))
            }
            Destination::File(..) => Err(FileError::unexpected(
                DOING,
                path,
                "it is a file, want a directory",
            )),
            Destination::Missing(..) => Ok(None),
        }
    }

    fn check_inside(&self, position: &Position, path: &Path) -> Result<(), FileError> {
        for root in NAMED {
            if let Some(directory) = self.directory(root)?
                && position.below(&directory).is_some()
            {
                return Ok(());
            }
        }
        let what = format!(
            "a symbolic link leads from it to `{}`, which is outside the tree",
            position.directory()?.path().display()
        );
        Err(FileError::unexpected("following the link", path, what))
    }

    /// Returns where a file of the tree is, or would be; `None` if its directory does not exist.
    pub(crate) fn locate_file(&self, file: &TreePath) -> Result<Option<Location>, FileError> {
        let Some(parent) = self.parent(file)? else {
            return Ok(None);
        };
        let name = OsStr::new(file.file_name());
        if parent.directory()?.kind(name)? != Some(Kind::Link) {
            return Location::new(parent, name.to_owned()).map(Some);
        }
        let path = self.layout.path(file);
        if file.root == Root::State {
            let what = "it is a symbolic link, want a file";
            return Err(FileError::unexpected("reading", path, what));
        }
        match parent.resolve(Path::new(name), Links::Any)? {
            Destination::File(position, name) => {
                self.check_inside(&position, &path)?;
                Location::new(position, name).map(Some)
            }
            Destination::Directory(position) => {
                self.check_inside(&position, &path)?;
                let what = "it is a directory, want a file";
                Err(FileError::unexpected("reading", path, what))
            }
            Destination::Missing(..) => Err(FileError::unexpected(
                "following the link",
                path,
                "a symbolic link that leads nowhere",
            )),
        }
    }

    /// Returns where a file of the tree is to be written, with its directory made if it does not exist.
    pub(crate) fn locate_for_writing(&self, file: &TreePath) -> Result<Location, FileError> {
        self.create(file.root)?;
        if self.parent(file)?.is_none()
            && let Some(root) = self.position(file.root)?
        {
            let names: Vec<_> = file.parent().split('/').map(OsString::from).collect();
            self.create_below(root, &names, 0o755)?;
        }
        let location = self.locate_file(file)?.ok_or_else(|| {
            FileError::unexpected(
                DOING,
                self.layout.path(file),
                "its directory was just removed",
            )
        })?;
        self.check_written(&location)?;
        Ok(location)
    }

    /// Checks that a directory may be written in: it is in a directory of the tree that `pki` writes, and nobody else can write
    /// in it or lead elsewhere on the way to it, except those who are warned of.
    pub(crate) fn check_written(&self, location: &Location) -> Result<(), FileError> {
        let is_below = |root| -> Result<bool, FileError> {
            let directory = self.directory(root)?;
            Ok(directory.is_some_and(|directory| location.position.below(&directory).is_some()))
        };
        if !is_below(Root::Certificates)? && !is_below(Root::Kubeconfigs)? {
            let what = "a symbolic link leads to it, and `pki` does not write there";
            return Err(FileError::unexpected("replacing", location.path(), what));
        }
        self.judge_all(&location.position, DirectoryUse::Written)
    }

    /// Judges the directories of the tree that exist, before anything is made in them.
    pub(crate) fn judge_roots(&self) -> Result<(), FileError> {
        for root in [Root::Kubeconfigs, Root::Certificates, Root::State] {
            if let Some(position) = self.position(root)? {
                self.judge_all(&position, DirectoryUse::Written)?;
            }
        }
        Ok(())
    }

    /// Judges every directory of the tree that files of its rows are in.
    pub(crate) fn judge_tree(&self) -> Result<(), FileError> {
        self.judge_roots()?;
        for (file, _) in CATALOG.iter().flat_map(|row| layout::files(row)) {
            // What is wrong with a file is found when it is used.
            if let Ok(Some(parent)) = self.parent(&file) {
                self.judge_all(&parent, DirectoryUse::Written)?;
            }
        }
        Ok(())
    }

    /// Checks that this user may write in the directories of the tree that exist, whether or not anything has to be written.
    pub(crate) fn check_access(&self) -> Result<(), FileError> {
        for root in [Root::Certificates, Root::Kubeconfigs, Root::State] {
            if let Some(directory) = self.directory(root)? {
                directory.check_access()?;
            }
        }
        Ok(())
    }

    /// Judges a directory and all above it. A tree is not safe where somebody else can exchange one of them.
    fn judge_all(&self, position: &Position, used: DirectoryUse) -> Result<(), FileError> {
        for directory in position.above() {
            self.judge_one(directory, DirectoryUse::Above)?;
        }
        self.judge_one(position.directory()?, used)
    }

    fn judge_one(&self, directory: &Directory, used: DirectoryUse) -> Result<(), FileError> {
        let mut judged = self.judged.borrow_mut();
        if let Some((known, _)) = judged.get(&directory.id())
            && *known >= used
        {
            return Ok(());
        }
        let shared = judge(directory, used);
        if let Some(shared) = &shared
            && shared.writers.is_refused()
        {
            return Err(shared.refusal());
        }
        judged.insert(directory.id(), (used, shared));
        Ok(())
    }

    /// Returns a warning for each directory in which somebody else can write and that is written in all the same.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let judged = self.judged.borrow();
        let mut groups: Vec<(String, Vec<&Path>)> = Vec::new();
        for shared in judged.values().filter_map(|(_, shared)| shared.as_ref()) {
            let what = shared.writers.describe();
            match groups.iter_mut().find(|(known, _)| *known == what) {
                Some((_, paths)) => paths.push(&shared.path),
                None => groups.push((what, vec![&shared.path])),
            }
        }
        let line = |(what, mut paths): (String, Vec<&Path>)| {
            paths.sort_unstable();
            let paths: Vec<_> = paths
                .iter()
                .map(|path| format!("`{}`", path.display()))
                .collect();
            format!("{}: {what}", paths.join(", "))
        };
        groups.into_iter().map(line).collect()
    }

    /// Returns which file of the tree a path is, if its directory is one of the tree's, however it is reached.
    fn locate_path(&self, path: &Path) -> Option<TreePath> {
        let start = self.position(Root::Kubeconfigs).ok()??;
        let below = match &self.layout.rootfs {
            Some(rootfs) => Path::new("/").join(path.strip_prefix(rootfs).ok()?),
            None => path.to_path_buf(),
        };
        let parent = start.resolve(below.parent()?, Links::Trusted).ok()?;
        let Destination::Directory(position) = parent else {
            return None;
        };
        NAMED.into_iter().find_map(|root| {
            let directory = self.directory(root).ok()??;
            let relative = position.below(&directory)?.join(below.file_name()?);
            Some(TreePath::new(root, relative.to_str()?))
        })
    }

    /// Opens a file of the tree; `None` if it does not exist.
    pub(crate) fn open(
        &self,
        file: &TreePath,
        version: Version,
    ) -> Result<Option<OpenFile>, FileError> {
        let Some(location) = self.locate_version(file, version)? else {
            return Ok(None);
        };
        match location.directory.open_file(&location.name)? {
            Opened::File(file) => Ok(Some(*file)),
            Opened::Missing => Ok(None),
            Opened::Link => Err(FileError::unexpected(
                "reading",
                location.path(),
                "it became a symbolic link",
            )),
        }
    }

    fn locate_version(
        &self,
        file: &TreePath,
        version: Version,
    ) -> Result<Option<Location>, FileError> {
        let Some(location) = self.locate_file(file)? else {
            return Ok(None);
        };
        let name = match version {
            Version::Current => location.name,
            Version::Staging => staging_name(&location.name),
            Version::Backup => backup_name(&location.name),
        };
        Ok(Some(Location { name, ..location }))
    }

    /// Returns every directory in which a transaction makes files, as far as they exist.
    pub(crate) fn written_directories(
        &self,
        files: impl Iterator<Item = TreePath>,
    ) -> Result<Vec<Arc<Directory>>, FileError> {
        let mut directories = BTreeMap::new();
        for root in [Root::Certificates, Root::Kubeconfigs, Root::State] {
            if let Some(directory) = self.directory(root)? {
                directories.insert(directory.id(), directory);
            }
        }
        for file in files {
            // What is wrong with a file is found when it is used.
            if let Ok(Some(location)) = self.locate_file(&file) {
                directories.insert(location.directory.id(), location.directory);
            }
        }
        Ok(directories.into_values().collect())
    }

    /// Removes the directories that were made, as far as they are empty.
    pub(crate) fn remove_created(&self) {
        for (parent, name) in self.created.borrow_mut().drain(..).rev() {
            // One that is not empty stays.
            let _removed = parent.remove_directory(&name);
            let _synced = parent.sync();
        }
    }

    /// Forgets which directories were made: what is in them is going to stay.
    pub(crate) fn keep_created(&self) {
        self.created.borrow_mut().clear();
    }

    /// Returns the kubeconfig directory as the journal names it: as the way there from the certificates, so that a tree can be
    /// moved or restored elsewhere with a transaction pending.
    pub(crate) fn kubeconfigs_name(&self) -> Result<String, FileError> {
        let (certificates, kubeconfigs) = self.real_paths()?;
        Ok(encode(&relative(&certificates, &kubeconfigs)))
    }

    /// Returns the certificate directory as the manifests name it: as the way there from the kubeconfigs.
    pub(crate) fn certificates_name(&self) -> Result<String, FileError> {
        let (certificates, kubeconfigs) = self.real_paths()?;
        Ok(encode(&relative(&kubeconfigs, &certificates)))
    }

    /// Returns the path of a directory that [`Places::kubeconfigs_name`] names, for people.
    pub(crate) fn named_kubeconfigs(&self, name: &str) -> PathBuf {
        let mut path = self.layout.certificates.clone();
        for part in Path::new(name) {
            match part == ".." {
                true => _ = path.pop(),
                false => path.push(part),
            }
        }
        path
    }

    /// Returns the paths without links of certificates and kubeconfigs, below the root directory.
    fn real_paths(&self) -> Result<(PathBuf, PathBuf), FileError> {
        let real = |root| -> Result<PathBuf, FileError> {
            let position = self.position(root)?;
            Ok(position.map_or_else(
                || self.layout.directory(root),
                |position| position.path_from_root(),
            ))
        };
        Ok((real(Root::Certificates)?, real(Root::Kubeconfigs)?))
    }
}

impl Source for Places {
    fn read(
        &self,
        file: &TreePath,
        version: Version,
        limit: u64,
    ) -> Result<Option<Contents>, FileError> {
        self.open(file, version)?
            .map(|file| file.contents(limit))
            .transpose()
    }

    fn attributes(
        &self,
        file: &TreePath,
        version: Version,
    ) -> Result<Option<Attributes>, FileError> {
        match self.locate_version(file, version)? {
            Some(location) => location.directory.attributes_of(&location.name),
            None => Ok(None),
        }
    }

    fn locate(&self, named: &str) -> Option<TreePath> {
        let path = self.layout.named_path(named);
        self.locate_path(&path)
            .or_else(|| self.layout.locate(named))
    }

    fn has_entry(&self, relative: &str) -> bool {
        let file = TreePath::new(Root::Kubeconfigs, relative);
        matches!(self.attributes(&file, Version::Current), Ok(Some(_)))
    }

    fn is_empty(&self, file: &TreePath) -> bool {
        let metadata = self.layout.path(file).metadata();
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
    }

    fn has_named(&self, named: &str) -> bool {
        self.layout.named_path(named).symlink_metadata().is_ok()
    }

    fn is_missing(&self) -> Result<bool, FileError> {
        Ok(self.position(Root::Certificates)?.is_none()
            && self.position(Root::Kubeconfigs)?.is_none())
    }

    fn journal(&self) -> Result<Option<(Direction, Journal)>, FileError> {
        match self.directory(Root::Certificates)? {
            Some(certificates) => Journal::read(&certificates),
            None => Ok(None),
        }
    }

    fn owns(&self, journal: &Journal) -> Result<bool, FileError> {
        Ok(journal.kubeconfigs == self.kubeconfigs_name()?)
    }

    fn is_locked(&self) -> bool {
        if self.is_locked.get() {
            return false;
        }
        let certificates = self.directory(Root::Certificates).ok().flatten();
        certificates.is_some_and(|directory| directory.is_locked().unwrap_or(false))
    }

    fn stamp(&self) -> Vec<(i64, i64)> {
        let etcd = TreePath::new(Root::Certificates, "etcd/ca.crt");
        let etcd = self.parent(&etcd).ok().flatten();
        let roots =
            [Root::Certificates, Root::Kubeconfigs].map(|root| self.position(root).ok().flatten());
        roots
            .into_iter()
            .chain([etcd])
            .flatten()
            .filter_map(|position| position.directory().ok()?.modified().ok())
            .collect()
    }
}

/// Returns the way from one directory to another; both paths are absolute and without links.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.iter().zip(to).take_while(|(one, other)| one == other);
    let common = common.count();
    let up = from.iter().skip(common).map(|_| OsStr::new(".."));
    let way: PathBuf = up.chain(to.iter().skip(common)).collect();
    match way.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => way,
    }
}

/// Returns a path as text that no other path has: what is not UTF-8 is written as `\xNN`, and a backslash too.
fn encode(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', r"\x5c"));
        for byte in chunk.invalid() {
            text.push_str(&format!(r"\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_named_by_the_way_from_one_to_the_other() {
        for (from, to, way) in [
            ("/etc/kubernetes/pki", "/etc/kubernetes", ".."),
            ("/etc/kubernetes", "/etc/kubernetes/pki", "pki"),
            (
                "/var/lib/certs",
                "/etc/kubernetes",
                "../../../etc/kubernetes",
            ),
            ("/a/pki", "/a/b", "../b"),
            ("/a", "/a", "."),
        ] {
            assert_eq!(
                relative(Path::new(from), Path::new(to)),
                Path::new(way),
                "{from} {to}"
            );
        }
    }

    #[test]
    fn paths_that_are_not_utf_8_are_told_apart() {
        use std::os::unix::ffi::OsStrExt;
        let encoded = |bytes| encode(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(encoded(b"a/b"), "a/b");
        assert_eq!(encoded(b"a\xff"), r"a\xff");
        assert_ne!(encoded(b"a\xff"), encoded(br"a\xff"));
    }
}
