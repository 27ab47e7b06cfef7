//! Checks who else can write in the directories of a tree, and collects warnings.

use std::ffi::OsStr;
use std::path::Path;

use super::{Location, Places};
use crate::catalog::CATALOG;
use crate::fs::directory::Directory;
use crate::fs::file::FileError;
use crate::fs::ownership::{DirectoryUse, judge};
use crate::fs::walk::{Destination, Position};
use crate::tree::layout::{self, GENERATIONS_DIRECTORY, Root};
use crate::util::escape::shell_path;

impl Places {
    /// Checks that a missing directory of the tree can be created.
    pub(crate) fn check_creatable(&self, root: Root) -> Result<(), FileError> {
        match self.resolve(root)? {
            Some(Destination::Missing(position, _)) => {
                self.judge_all(&position, DirectoryUse::Above)?;
                position.directory()?.check_writable()
            }
            // Its parent is missing too, and was checked.
            Some(Destination::Directory(_) | Destination::File(..)) | None => Ok(()),
        }
    }

    /// Checks that `pki` may write in a directory. It must be in a directory of the tree that `pki` writes. Other users must
    /// not be able to write in it or to redirect its path, except those that a warning names.
    pub(crate) fn check_written(&self, location: &Location) -> Result<(), FileError> {
        let is_below = |root| -> Result<bool, FileError> {
            let directory = self.directory(root)?;
            Ok(directory.is_some_and(|directory| location.position.below(&directory).is_some()))
        };
        if !is_below(Root::Certificates)? && !is_below(Root::Kubeconfigs)? {
            let what = "a symbolic link leads to it, and `pki` does not write there";
            return Err(FileError::unexpected("replacing", location.path(), what));
        }
        if let Some((link, owner)) = location.position.foreign_link() {
            let what = format!("user {owner} owns this link, which leads to it");
            let hint = format!(
                "inspect the link, then run `chown -h root {}`",
                shell_path(link)
            );
            return Err(FileError::unexpected("replacing", link, what).with_hint(hint));
        }
        self.judge_all(&location.position, DirectoryUse::Written)
    }

    /// Checks the existing directories of the tree, before files are created in them.
    pub(crate) fn judge_roots(&self) -> Result<(), FileError> {
        for root in [Root::Kubeconfigs, Root::Certificates, Root::State] {
            if let Some(position) = self.position(root)? {
                self.judge_all(&position, DirectoryUse::Written)?;
            }
        }
        if let Some(state) = self.position(Root::State)?
            && state.directory()?.kind(GENERATIONS_DIRECTORY)?.is_some()
        {
            let generations = state.enter(OsStr::new(GENERATIONS_DIRECTORY))?;
            self.judge_all(&generations, DirectoryUse::Written)?;
        }
        Ok(())
    }

    /// Checks every directory of the tree that contains files of rows.
    pub(crate) fn judge_tree(&self) -> Result<(), FileError> {
        self.judge_roots()?;
        for (file, _) in CATALOG.iter().flat_map(|row| layout::all_files(row)) {
            // The error is reported when the file is used.
            if let Ok(Some(parent)) = self.parent(&file) {
                self.judge_all(&parent, DirectoryUse::Written)?;
            }
        }
        Ok(())
    }

    /// Checks that this user may write in the existing directories of the tree.
    pub(crate) fn check_access(&self) -> Result<(), FileError> {
        for root in [Root::Certificates, Root::Kubeconfigs, Root::State] {
            if let Some(directory) = self.directory(root)? {
                directory.check_access()?;
            }
        }
        Ok(())
    }

    /// Checks a directory and all directories above it. A tree is not safe if other users can replace one of them.
    pub(super) fn judge_all(
        &self,
        position: &Position,
        used: DirectoryUse,
    ) -> Result<(), FileError> {
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

    /// Returns a warning for each directory in which `pki` and other users can write.
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
}
