//! The open directories of a tree. A run resolves each directory once, and reads and writes with the same descriptors.
//!
//! The path of a named directory may contain links that root or this user owns. Below it, links may lead only into
//! named directories. `.pki` must not be a link.

mod create;
mod judge;
mod names;
mod source;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crate::fs::directory::{Directory, DirectoryEntry, DirectoryId, FileKind, Opened};
use crate::fs::file::{FileError, OpenFile};
use crate::fs::ownership::{DirectoryUse, SharedDirectory};
use crate::fs::walk::{Destination, Links, ParentCache, Position};
use crate::tree::journal::{backup_name, staging_name};
use crate::tree::layout::{Layout, MANIFESTS_DIRECTORY, Root, STATE_DIRECTORY, TreePath};
use crate::tree::source::FileVersion;

pub(crate) use self::names::relative_name;

const OPERATION: &str = "opening the directory";

/// The directories whose files are read.
const NAMED: [Root; 3] = [Root::Certificates, Root::Kubelet, Root::Kubeconfigs];

/// Returns whether a path in the kubeconfig directory is one that no link may lead to.
fn is_others(path: &Path) -> bool {
    path.starts_with(STATE_DIRECTORY) || path.starts_with(MANIFESTS_DIRECTORY)
}

/// The open directories of a tree.
pub(crate) struct Places {
    layout: Layout,
    /// For one of several trees: their parent directory.
    parent_cache: Option<Arc<ParentCache>>,
    /// The start of all walks: `/` or the directory of `--rootfs`.
    start: RefCell<Option<Position>>,
    roots: RefCell<BTreeMap<Root, Rc<Position>>>,
    /// Where the directories would be that were not there when they were looked for. Emptied when this run makes a directory.
    missing: RefCell<BTreeMap<Root, (Position, Vec<OsString>)>>,
    /// The directories below them that hold files of the tree. There are few.
    parents: RefCell<Vec<FileParent>>,
    /// The results of checking who else can write in a directory.
    judged: RefCell<BTreeMap<DirectoryId, (DirectoryUse, Option<SharedDirectory>)>>,
    /// The directories that this run created: parent and name.
    created: RefCell<Vec<(Arc<Directory>, OsString)>>,
    /// Whether this run holds the lock.
    is_locked: Cell<bool>,
}

/// A directory below one of the tree's, in which there are files of the tree.
struct FileParent {
    root: Root,
    /// Its path below that directory.
    relative: String,
    /// `None` if it was not there when it was looked for.
    position: Option<Rc<Position>>,
}

/// The real location of a file, without links.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    position: Rc<Position>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) name: OsString,
}

impl Location {
    fn new(position: Rc<Position>, name: OsString) -> Result<Location, FileError> {
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

    /// Returns whether both are the same file name in the same directory.
    pub(crate) fn is_same(&self, other: &Location) -> bool {
        self.directory.id() == other.directory.id() && self.name == other.name
    }
}

impl Places {
    pub(crate) fn new(layout: &Layout) -> Places {
        Places {
            layout: layout.clone(),
            parent_cache: None,
            start: RefCell::default(),
            roots: RefCell::default(),
            missing: RefCell::default(),
            parents: RefCell::default(),
            judged: RefCell::default(),
            created: RefCell::default(),
            is_locked: Cell::new(false),
        }
    }

    /// Like [`Places::new`], for one of several trees, whose parent directory the cache keeps open.
    pub(crate) fn with_parent_cache(layout: &Layout, cache: &Arc<ParentCache>) -> Places {
        Places {
            parent_cache: Some(Arc::clone(cache)),
            ..Places::new(layout)
        }
    }

    /// Records that this run holds the lock.
    pub(crate) fn set_locked(&self) {
        self.is_locked.set(true);
    }

    /// Closes all directories, so that they are resolved again.
    pub(crate) fn forget(&self) {
        self.parents.borrow_mut().clear();
        self.roots.borrow_mut().clear();
        self.missing.borrow_mut().clear();
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

    /// Returns where a directory of the tree is below the root directory once its links are resolved; `None` if it does not exist.
    pub(crate) fn resolved(&self, root: Root) -> Result<Option<PathBuf>, FileError> {
        let position = self.position(root)?;
        Ok(position.map(|position| position.path_from_root()))
    }

    fn position(&self, root: Root) -> Result<Option<Rc<Position>>, FileError> {
        if let Some(position) = self.roots.borrow().get(&root) {
            return Ok(Some(Rc::clone(position)));
        }
        match self.resolve(root)? {
            Some(Destination::Directory(position)) => {
                let position = Rc::new(position);
                self.roots.borrow_mut().insert(root, Rc::clone(&position));
                Ok(Some(position))
            }
            Some(Destination::File(..)) => Err(FileError::unexpected(
                OPERATION,
                self.layout.directory(root),
                "it is a file, want a directory",
            )),
            Some(Destination::Missing(..)) | None => Ok(None),
        }
    }

    /// Resolves a directory of the tree once; `None` if its parent does not exist.
    fn resolve(&self, root: Root) -> Result<Option<Destination>, FileError> {
        if let Some((position, names)) = self.missing.borrow().get(&root) {
            return Ok(Some(Destination::Missing(position.clone(), names.clone())));
        }
        let found = self.walk_to(root)?;
        if let Some(Destination::Missing(position, names)) = &found {
            let missing = (position.clone(), names.clone());
            self.missing.borrow_mut().insert(root, missing);
        }
        Ok(found)
    }

    fn walk_to(&self, root: Root) -> Result<Option<Destination>, FileError> {
        if root == Root::State {
            let Some(parent) = self.position(Root::Kubeconfigs)? else {
                return Ok(None);
            };
            return match parent.directory()?.kind(STATE_DIRECTORY)? {
                None => {
                    let missing = vec![OsString::from(STATE_DIRECTORY)];
                    let parent = Rc::unwrap_or_clone(parent);
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
                FileError::unexpected(OPERATION, &path, what)
            })?,
        };
        if let Some((nearest, rest)) = self.nearest(&path) {
            return nearest.resolve(&rest, Links::Trusted).map(Some);
        }
        if let (Some(cache), None) = (&self.parent_cache, &self.layout.rootfs) {
            return cache.resolve(&path).map(Some);
        }
        match self.start()? {
            Destination::Directory(start) => start.resolve(below, Links::Trusted).map(Some),
            Destination::Missing(position, mut names) => {
                names.extend(below.iter().map(OsStr::to_owned));
                Ok(Some(Destination::Missing(position, names)))
            }
            file => Ok(Some(file)),
        }
    }

    /// Returns the lowest open directory of the tree above a path, and the rest of the path.
    fn nearest(&self, path: &Path) -> Option<(Rc<Position>, PathBuf)> {
        let roots = self.roots.borrow();
        let above = roots.iter().filter_map(|(root, position)| {
            let rest = path.strip_prefix(self.layout.directory(*root)).ok()?;
            Some((Rc::clone(position), rest.to_path_buf()))
        });
        above.min_by_key(|(_, rest)| rest.components().count())
    }

    fn start(&self) -> Result<Destination, FileError> {
        if let Some(start) = self.start.borrow().as_ref() {
            return Ok(Destination::Directory(start.clone()));
        }
        let found = match (&self.layout.rootfs, &self.parent_cache) {
            (None, _) => Destination::Directory(Position::machine()?),
            (Some(rootfs), Some(cache)) => cache.resolve(rootfs)?,
            (Some(rootfs), None) => Position::machine()?.resolve(rootfs, Links::Trusted)?,
        };
        let Destination::Directory(start) = found else {
            return Ok(found);
        };
        let start = start.into_root();
        *self.start.borrow_mut() = Some(start.clone());
        Ok(Destination::Directory(start))
    }

    /// Returns the directory that a file of the tree is in, following links inside the tree; `None` if it does not exist.
    fn parent(&self, file: &TreePath) -> Result<Option<Rc<Position>>, FileError> {
        let Some(root) = self.position(file.root)? else {
            return Ok(None);
        };
        let parent = file.parent();
        if parent.is_empty() {
            return Ok(Some(root));
        }
        let is_parent = |known: &&FileParent| known.root == file.root && known.relative == parent;
        if let Some(known) = self.parents.borrow().iter().find(is_parent) {
            return Ok(known.position.clone());
        }
        let found = self.walk_to_parent(file, &root)?;
        self.parents.borrow_mut().push(FileParent {
            root: file.root,
            relative: parent.to_owned(),
            position: found.clone(),
        });
        Ok(found)
    }

    /// Resolves the directory that a file is in, below a directory of the tree.
    fn walk_to_parent(
        &self,
        file: &TreePath,
        root: &Rc<Position>,
    ) -> Result<Option<Rc<Position>>, FileError> {
        let parent = file.parent();
        let path = self.layout.directory(file.root).join(parent);
        match root.resolve(Path::new(parent), Links::Any)? {
            Destination::Directory(position) => {
                if position.followed_links_since(root) {
                    self.check_inside(&position, &path)?;
                }
                Ok(Some(Rc::new(position)))
            }
            Destination::File(..) => Err(FileError::unexpected(
                OPERATION,
                path,
                "it is a file, want a directory",
            )),
            // A missing target of a link is an error. Otherwise the link would count as missing, and be replaced.
            Destination::Missing(position, names) if position.followed_links_since(root) => {
                let target = names.iter().collect();
                self.check_inside_at(&position, target, &path)?;
                Err(FileError::unexpected(
                    "following the link",
                    path,
                    "the target of the symbolic link does not exist",
                ))
            }
            Destination::Missing(..) => Ok(None),
        }
    }

    fn check_inside(&self, position: &Position, path: &Path) -> Result<(), FileError> {
        self.check_inside_at(position, PathBuf::new(), path)
    }

    /// Refuses a link at `path` that leads out of the directories of the tree.
    fn check_inside_at(
        &self,
        position: &Position,
        below: PathBuf,
        path: &Path,
    ) -> Result<(), FileError> {
        let mut where_it_is = Some("which is outside the tree");
        for root in NAMED {
            let directory = self.directory(root)?;
            let inside = directory.and_then(|directory| position.below(&directory));
            match inside.map(|inside| inside.join(&below)) {
                // One directory may be inside another.
                Some(inside) if root == Root::Kubeconfigs && is_others(&inside) => {
                    where_it_is = Some("where other files are kept");
                    break;
                }
                Some(_) => where_it_is = None,
                None => {}
            }
        }
        let Some(where_it_is) = where_it_is else {
            return Ok(());
        };
        let target: PathBuf = position.directory()?.path().iter().chain(&below).collect();
        let what = format!(
            "a symbolic link leads to `{}`, {where_it_is}",
            target.display()
        );
        Err(FileError::unexpected("following the link", path, what))
    }

    /// Returns the location of a file of the tree, which need not exist; `None` if its directory does not exist.
    pub(crate) fn locate_file(&self, file: &TreePath) -> Result<Option<Location>, FileError> {
        let Some(parent) = self.parent(file)? else {
            return Ok(None);
        };
        let name = OsStr::new(file.file_name());
        if parent.directory()?.kind(name)? != Some(FileKind::Link) {
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
                Location::new(Rc::new(position), name).map(Some)
            }
            Destination::Directory(position) => {
                self.check_inside(&position, &path)?;
                let what = "it is a directory, want a file";
                Err(FileError::unexpected("reading", path, what))
            }
            Destination::Missing(..) => Err(FileError::unexpected(
                "following the link",
                path,
                "the target of the symbolic link does not exist",
            )),
        }
    }

    /// Returns the location of a file to be written, and creates its directory if it does not exist.
    pub(crate) fn locate_for_writing(&self, file: &TreePath) -> Result<Location, FileError> {
        self.create(file.root)?;
        if self.parent(file)?.is_none()
            && let Some(root) = self.position(file.root)?
        {
            let names: Vec<_> = file.parent().split('/').map(OsString::from).collect();
            self.create_below(Rc::unwrap_or_clone(root), &names, 0o755)?;
        }
        let location = self.locate_file(file)?.ok_or_else(|| {
            FileError::unexpected(
                OPERATION,
                self.layout.path(file),
                "another process removed its directory",
            )
        })?;
        self.check_written(&location)?;
        Ok(location)
    }

    /// Resolves a path in a kubeconfig, below `--rootfs`, without opening the file.
    fn resolve_named(&self, named: &str) -> Result<Option<Destination>, FileError> {
        let path = self.layout.named_path(named);
        let below = match &self.layout.rootfs {
            None => path.as_path(),
            Some(rootfs) => match path.strip_prefix(rootfs) {
                Ok(below) => below,
                Err(_) => return Ok(None),
            },
        };
        match self.start()? {
            Destination::Directory(start) => start.resolve(below, Links::Any).map(Some),
            Destination::File(..) | Destination::Missing(..) => Ok(None),
        }
    }

    /// Returns the file of the tree that a path leads to, if it is in one of the tree's directories.
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
        version: FileVersion,
    ) -> Result<Option<OpenFile>, FileError> {
        // Links are rare: the file is opened as if it were none.
        if version == FileVersion::Current {
            let Some(parent) = self.parent(file)? else {
                return Ok(None);
            };
            match parent.directory()?.open_file(file.file_name())? {
                Opened::File(file) => return Ok(Some(*file)),
                Opened::Missing => return Ok(None),
                Opened::Link => {}
            }
        }
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

    /// Looks a file of the tree up without opening it; `None` if it does not exist.
    fn entry(
        &self,
        file: &TreePath,
        version: FileVersion,
    ) -> Result<Option<DirectoryEntry>, FileError> {
        if version == FileVersion::Current {
            let Some(parent) = self.parent(file)? else {
                return Ok(None);
            };
            match parent.directory()?.entry(file.file_name())? {
                Some(entry) if entry.kind == FileKind::Link => {}
                entry => return Ok(entry),
            }
        }
        match self.locate_version(file, version)? {
            Some(location) => location.directory.entry(&location.name),
            None => Ok(None),
        }
    }

    fn locate_version(
        &self,
        file: &TreePath,
        version: FileVersion,
    ) -> Result<Option<Location>, FileError> {
        let Some(location) = self.locate_file(file)? else {
            return Ok(None);
        };
        let name = match version {
            FileVersion::Current => location.name,
            FileVersion::Staging => staging_name(&location.name),
            FileVersion::Backup => backup_name(&location.name),
        };
        Ok(Some(Location { name, ..location }))
    }

    /// Returns every existing directory in which a transaction creates files.
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
            // The error is reported when the file is used.
            if let Ok(Some(location)) = self.locate_file(&file) {
                directories.insert(location.directory.id(), location.directory);
            }
        }
        Ok(directories.into_values().collect())
    }
}
