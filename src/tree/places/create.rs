//! Makes the directories of a tree, and removes them again where nothing is committed.

use std::ffi::OsString;
use std::sync::Arc;

use super::{OPERATION, Places};
use crate::fs::directory::Directory;
use crate::fs::file::FileError;
use crate::fs::ownership::DirectoryUse;
use crate::fs::sync::Unsynced;
use crate::fs::walk::{Destination, Position};
use crate::tree::layout::Root;

impl Places {
    /// Returns a directory of the tree, and creates it if it does not exist: the state directory with mode 0700,
    /// others with 0755 as in kubeadm.
    pub(crate) fn create(&self, root: Root) -> Result<Arc<Directory>, FileError> {
        if root == Root::State {
            self.create(Root::Kubeconfigs)?;
        }
        // Another run may have made or removed it.
        self.missing.borrow_mut().remove(&root);
        if let Some(position) = self.position(root)? {
            return position.directory().cloned();
        }
        let Some(Destination::Missing(position, names)) = self.resolve(root)? else {
            let path = self.layout.directory(root);
            return Err(FileError::unexpected(
                OPERATION,
                path,
                "another process removed it",
            ));
        };
        let mode = if root == Root::State { 0o700 } else { 0o755 };
        let known = self.created.borrow().len();
        self.create_below(position, &names, mode)?;
        if root != Root::State {
            // Another run may find these directories, and does not know that they are new.
            let mut unsynced = Unsynced::default();
            for (parent, _) in self.created.borrow().iter().skip(known) {
                unsynced.add_directory(parent);
            }
            unsynced.sync()?;
        }
        // Resolve it again: after creating the directory of `--rootfs`, walks start there.
        let position = self.position(root)?.ok_or_else(|| {
            let path = self.layout.directory(root);
            FileError::unexpected(OPERATION, path, "another process removed it")
        })?;
        position.directory().cloned()
    }

    /// Creates nested directories; the last one gets `mode`, the others 0755.
    pub(super) fn create_below(
        &self,
        mut position: Position,
        names: &[OsString],
        mode: u32,
    ) -> Result<Position, FileError> {
        self.judge_all(&position, DirectoryUse::Above)?;
        self.missing.borrow_mut().clear();
        self.parents
            .borrow_mut()
            .retain(|known| known.position.is_some());
        for (index, name) in names.iter().enumerate() {
            let parent = Arc::clone(position.directory()?);
            let is_last = index + 1 == names.len();
            if parent.create_directory(name, if is_last { mode } else { 0o755 })? {
                // So that it is removed again if a later step fails.
                let made = (Arc::clone(&parent), name.clone());
                self.created.borrow_mut().push(made);
            }
            position = position.enter(name)?;
        }
        Ok(position)
    }

    /// Adds the directories of the certificates and kubeconfigs: this run, or one that was killed, may have made directories in them
    /// that a commit relies on.
    pub(crate) fn add_named(&self, unsynced: &mut Unsynced) -> Result<(), FileError> {
        for root in [Root::Certificates, Root::Kubeconfigs] {
            if let Some(directory) = self.directory(root)? {
                unsynced.add_directory(&directory);
            }
        }
        Ok(())
    }

    /// Removes the directories that this run created, if they are empty.
    pub(crate) fn remove_created(&self) {
        for (parent, name) in self.created.borrow_mut().drain(..).rev() {
            // Removing a directory that is not empty fails, which is intended.
            let _removed = parent.remove_directory(&name);
            let _synced = parent.sync();
        }
    }

    /// Keeps the directories that this run created.
    pub(crate) fn keep_created(&self) {
        self.created.borrow_mut().clear();
    }
}
