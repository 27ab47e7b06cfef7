//! Reads the files of a tree from an archive. Its errors are those of a directory, see `tree::places`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::files::{ArchiveFiles, ArchiveNode, ResolvedNode};
use crate::fs::file::{Contents, FileError, MAX_FILE_SIZE};
use crate::tree::journal::{Direction, Journal, backup_name, staging_name};
use crate::tree::layout::{Layout, Root, TreePath};
use crate::tree::places::relative_name;
use crate::tree::source::{FileStatus, FileVersion, TreeSource};

/// A tree in an archive.
pub(super) struct ArchiveTree {
    pub(super) files: Rc<ArchiveFiles>,
    pub(super) layout: Layout,
}

impl ArchiveTree {
    /// Returns a directory of the tree without links; `None` if it does not exist.
    fn directory(&self, root: Root) -> Result<Option<PathBuf>, FileError> {
        let path = self.layout.directory(root);
        match self.files.resolve(&path)? {
            ResolvedNode::Directory(directory) => Ok(Some(directory)),
            ResolvedNode::File(_) => Err(FileError::unexpected(
                "opening the directory",
                path,
                "it is a file, want a directory",
            )),
            ResolvedNode::Missing(..) => Ok(None),
        }
    }

    /// Returns the directory that a file of the tree is in.
    fn parent(&self, file: &TreePath) -> Result<Option<PathBuf>, FileError> {
        let Some(root) = self.directory(file.root)? else {
            return Ok(None);
        };
        let path = self.layout.directory(file.root).join(file.parent());
        match self.files.resolve(&root.join(file.parent()))? {
            ResolvedNode::Directory(directory) => {
                self.check_inside(&directory, &path)?;
                Ok(Some(directory))
            }
            ResolvedNode::File(_) => Err(FileError::unexpected(
                "opening the directory",
                path,
                "it is a file, want a directory",
            )),
            ResolvedNode::Missing(target, true) => Err(self.dangling(&target, &path)),
            ResolvedNode::Missing(_, false) => Ok(None),
        }
    }

    /// Returns the location of a version of a file, which need not exist.
    fn find(&self, file: &TreePath, version: FileVersion) -> Result<Option<PathBuf>, FileError> {
        let Some(parent) = self.parent(file)? else {
            return Ok(None);
        };
        let mut location = parent.join(file.file_name());
        if let Some(ArchiveNode::Link(..)) = self.files.node(&location) {
            let path = self.layout.path(file);
            let refuse = |what| Err(FileError::unexpected("reading", &path, what));
            if file.root == Root::State {
                return refuse("it is a symbolic link, want a file");
            }
            location = match self.files.resolve(&location)? {
                ResolvedNode::File(target) => target,
                ResolvedNode::Directory(_) => return refuse("it is a directory, want a file"),
                ResolvedNode::Missing(target, _) => return Err(self.dangling(&target, &path)),
            };
            self.check_inside(&location, &path)?;
        }
        let name = location.file_name().map(OsString::from).unwrap_or_default();
        Ok(Some(match version {
            FileVersion::Current => location,
            FileVersion::Staging => location.with_file_name(staging_name(name)),
            FileVersion::Backup => location.with_file_name(backup_name(name)),
        }))
    }

    fn node(
        &self,
        file: &TreePath,
        version: FileVersion,
    ) -> Result<Option<&ArchiveNode>, FileError> {
        let location = self.find(file, version)?;
        Ok(location.and_then(|location| self.files.node(&location)))
    }

    /// Refuses a link at `path` that leads out of the directories of the tree.
    fn check_inside(&self, target: &Path, path: &Path) -> Result<(), FileError> {
        for root in [Root::Certificates, Root::Kubelet, Root::Kubeconfigs] {
            let directory = self.directory(root)?;
            if directory.is_some_and(|directory| target.starts_with(directory)) {
                return Ok(());
            }
        }
        let what = format!(
            "a symbolic link leads to `{}`, which is outside the tree",
            target.display()
        );
        Err(FileError::unexpected("following the link", path, what))
    }

    /// Returns the error for a link at `path` to something that is not in the archive, or was not read.
    fn dangling(&self, target: &Path, path: &Path) -> FileError {
        let what = "the target of the symbolic link does not exist";
        let missing = || FileError::unexpected("following the link", path, what);
        self.check_inside(target, path)
            .err()
            .unwrap_or_else(missing)
    }
}

impl TreeSource for ArchiveTree {
    fn read(
        &self,
        file: &TreePath,
        version: FileVersion,
        limit: u64,
    ) -> Result<Option<Contents>, FileError> {
        let node = self.node(file, version)?;
        node.map(|node| node.contents(&self.layout.path(file), limit))
            .transpose()
    }

    fn status(
        &self,
        file: &TreePath,
        version: FileVersion,
    ) -> Result<Option<FileStatus>, FileError> {
        let node = self.node(file, version)?;
        Ok(node.map(|node| FileStatus {
            attributes: Some(node.attributes()),
            is_empty: matches!(node, ArchiveNode::File(file) if file.size == 0),
        }))
    }

    fn locate(&self, named: &str) -> Option<TreePath> {
        let path = self.layout.named_path(named);
        let found = || {
            let parent = self.files.resolve(path.parent()?).ok()?;
            let ResolvedNode::Directory(parent) = parent else {
                return None;
            };
            let real = parent.join(path.file_name()?);
            [Root::Certificates, Root::Kubelet, Root::Kubeconfigs]
                .into_iter()
                .find_map(|root| {
                    let directory = self.directory(root).ok()??;
                    let relative = real.strip_prefix(directory).ok()?;
                    Some(TreePath::new(root, relative.to_str()?))
                })
        };
        found().or_else(|| self.layout.locate(named))
    }

    fn has_named(&self, named: &str) -> bool {
        // Only the tree was read, so a file outside may exist.
        self.locate(named).is_none_or(|file| {
            let status = self.status(&file, FileVersion::Current);
            !matches!(status, Ok(None))
        })
    }

    fn read_named(&self, named: &str, limit: u64) -> Result<Option<Contents>, FileError> {
        match self.locate(named) {
            Some(file) => self.read(&file, FileVersion::Current, limit),
            None => Ok(None),
        }
    }

    fn is_missing(&self) -> Result<bool, FileError> {
        let certificates = self.directory(Root::Certificates)?;
        Ok(certificates.is_none() && self.directory(Root::Kubeconfigs)?.is_none())
    }

    fn journal(&self) -> Result<Option<(Direction, Journal)>, FileError> {
        let Some(directory) = self.directory(Root::Certificates)? else {
            return Ok(None);
        };
        Journal::find(&directory, |name| {
            let path = directory.join(name);
            let node = self.files.node(&path);
            node.map(|node| node.contents(&path, MAX_FILE_SIZE))
                .transpose()
        })
    }

    fn owns(&self, journal: &Journal) -> Result<bool, FileError> {
        let real = |root| -> Result<PathBuf, FileError> {
            let directory = self.directory(root)?;
            Ok(directory.unwrap_or_else(|| self.layout.directory(root)))
        };
        let (certificates, kubeconfigs) = (real(Root::Certificates)?, real(Root::Kubeconfigs)?);
        Ok(journal.kubeconfigs == relative_name(&certificates, &kubeconfigs))
    }

    fn is_locked(&self) -> bool {
        false
    }

    fn is_interrupted(&self) -> bool {
        true
    }

    fn stamp(&self) -> Vec<(i64, i64)> {
        Vec::new()
    }
}
