//! A kubeconfig that belongs to no tree, such as `~/.kube/config`. It is read as a tree of its own, with the files that it names.

use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};
use std::rc::Rc;

use crate::fs::file::{Attributes, Contents, FileError, attributes, read_given};
use crate::kubeconfig::contexts::KubeconfigContexts;
use crate::tree::inventory::{Depth, Inventory};
use crate::tree::journal::{Direction, Journal};
use crate::tree::layout::{Layout, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::tree::permissions;
use crate::tree::source::{FileStatus, FileVersion, TreeSource};

/// A kubeconfig with its contexts.
pub(crate) struct StandaloneKubeconfig {
    path: PathBuf,
    attributes: Attributes,
    pub(crate) contexts: KubeconfigContexts,
}

impl StandaloneKubeconfig {
    /// Reads a kubeconfig of at most `limit` bytes; `None` if the file is something else.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or has no contexts.
    pub(crate) fn open(path: &Path, limit: u64) -> Result<Option<StandaloneKubeconfig>, FileError> {
        let contents = read_given(path, limit)?;
        let Some(contexts) = KubeconfigContexts::parse(&contents.bytes) else {
            return Ok(None);
        };
        let refused =
            |error| FileError::unexpected("reading", path, format!("kubeconfig: {error}"));
        Ok(Some(StandaloneKubeconfig {
            path: absolute(path).map_err(FileError::io("reading", path))?,
            attributes: contents.attributes,
            contexts: contexts.map_err(refused)?,
        }))
    }

    /// Reads one context, and the files that it names.
    ///
    /// # Errors
    /// None at present: what cannot be read is in the inventory.
    pub(crate) fn read(&self, context: &str, depth: Depth) -> Result<(Tree, Inventory), FileError> {
        let tree = standalone(&self.path)?;
        let kubeconfig = self.contexts.kubeconfig(context);
        let issue = permissions::of_kubeconfig(self.path.clone(), self.attributes);
        let inventory = Inventory::of_kubeconfig(&tree, kubeconfig, depth, issue);
        Ok((tree, inventory))
    }
}

/// Returns a file that belongs to no tree as a tree.
///
/// # Errors
/// None at present.
pub(super) fn standalone(path: &Path) -> Result<Tree, FileError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let layout = Layout {
        certificates: directory.to_path_buf(),
        kubeconfigs: path.to_path_buf(),
        kubelet: PathBuf::from(KUBELET),
        rootfs: None,
    };
    let files = NamedFiles {
        directory: directory.to_path_buf(),
    };
    Tree::of(Rc::new(files), &layout)
}

/// The kubelet's certificate directory.
const KUBELET: &str = "/var/lib/kubelet/pki";

/// The files that a kubeconfig names, anywhere on this host; relative paths are below its directory.
struct NamedFiles {
    directory: PathBuf,
}

impl NamedFiles {
    /// Returns the path of a file that [`NamedFiles::locate`] returned, or of the kubelet's certificate.
    fn path(file: &TreePath) -> Option<PathBuf> {
        let path = match file.root {
            Root::Kubelet => Path::new(KUBELET).join(&file.relative),
            _ => PathBuf::from(&file.relative),
        };
        Some(path).filter(|path| path.is_absolute())
    }
}

/// The path of a file in the tree is its absolute path.
impl TreeSource for NamedFiles {
    fn read(
        &self,
        file: &TreePath,
        _: FileVersion,
        limit: u64,
    ) -> Result<Option<Contents>, FileError> {
        match NamedFiles::path(file).map(|path| read_given(&path, limit)) {
            Some(Err(error)) if error.is_not_found() => Ok(None),
            read => read.transpose(),
        }
    }

    fn status(&self, file: &TreePath, _: FileVersion) -> Result<Option<FileStatus>, FileError> {
        let Some(path) = NamedFiles::path(file) else {
            return Ok(None);
        };
        match path.metadata() {
            Ok(metadata) => Ok(Some(FileStatus {
                attributes: Some(attributes(&metadata)),
                is_empty: metadata.is_file() && metadata.len() == 0,
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::io("reading", path)(error)),
        }
    }

    fn locate(&self, named: &str) -> Option<TreePath> {
        let path = self.directory.join(named);
        Some(TreePath::new(Root::Kubeconfigs, path.to_str()?))
    }

    fn has_entry(&self, _: &str) -> bool {
        false
    }

    fn has_named(&self, named: &str) -> bool {
        self.directory.join(named).exists()
    }

    fn read_named(&self, named: &str, limit: u64) -> Result<Option<Contents>, FileError> {
        match self.locate(named) {
            Some(file) => self.read(&file, FileVersion::Current, limit),
            None => Ok(None),
        }
    }

    fn is_missing(&self) -> Result<bool, FileError> {
        Ok(false)
    }

    fn journal(&self) -> Result<Option<(Direction, Journal)>, FileError> {
        Ok(None)
    }

    fn owns(&self, _: &Journal) -> Result<bool, FileError> {
        Ok(false)
    }

    fn is_locked(&self) -> bool {
        false
    }

    fn is_interrupted(&self) -> bool {
        false
    }

    fn stamp(&self) -> Vec<(i64, i64)> {
        Vec::new()
    }
}
