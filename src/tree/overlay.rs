//! A tree as a reader sees it: through a transaction that a kill has cut off, to what the next run will make of it.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::lookup;
use crate::catalog::CATALOG;
use crate::fs::directory::Directory;
use crate::fs::file::{Attributes, Contents, FileError, Reason};
use crate::tree::journal::{Direction, Journal, is_litter, kept_name, staged_name};
use crate::tree::layout::{self, Access, Layout, Root, TreePath};
use crate::tree::places::directories;

/// A tree as it will be once a pending transaction is finished; reading one needs no lock and no write access.
pub struct Tree {
    /// Where it lies.
    pub layout: Layout,
    pending: Option<(Direction, Journal)>,
    state_hidden: bool,
    /// Files that are read instead of those on disk.
    instead: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
}

impl Tree {
    /// Looks for a pending transaction of the tree.
    pub fn open(layout: &Layout) -> Result<Tree, FileError> {
        for path in [&layout.kubeconfigs, &layout.certificates] {
            if path.exists() && !path.is_dir() {
                return Err(FileError::unexpected(
                    "opening the directory",
                    path,
                    "it is a file, want a directory",
                ));
            }
        }
        let state = layout.directory(Root::State);
        let pending = match state.symlink_metadata() {
            Ok(_) => Journal::read(&Directory::open(&state)?)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::io("reading", state)(error)),
        };
        Ok(Tree {
            layout: layout.clone(),
            pending,
            state_hidden: false,
            instead: Vec::new(),
        })
    }

    /// Opens a tree of which this user may not see everything: a monitor need not be root.
    ///
    /// # Errors
    /// As [`Tree::open`], but for a state directory that this user may not read.
    pub fn open_as_guest(layout: &Layout) -> Result<Tree, FileError> {
        match Tree::open(layout) {
            Err(error) if error.is_permission_denied() => Ok(Tree {
                layout: layout.clone(),
                pending: None,
                state_hidden: true,
                instead: Vec::new(),
            }),
            tree => tree,
        }
    }

    /// Returns the tree as it would be with these files.
    pub fn with_files(self, files: &[(TreePath, &[u8])]) -> Tree {
        let instead = files
            .iter()
            .map(|(file, bytes)| (file.clone(), Zeroizing::new(bytes.to_vec())))
            .collect();
        Tree { instead, ..self }
    }

    /// Returns the command whose transaction a kill has cut off, and how the next run that writes will finish it.
    pub fn pending(&self) -> Option<(&str, Direction)> {
        self.pending
            .as_ref()
            .map(|(direction, journal)| (journal.command.as_str(), *direction))
    }

    /// Returns whether `pki`'s own state cannot be read by this user, so that nothing is known of it.
    pub fn is_state_hidden(&self) -> bool {
        self.state_hidden
    }

    /// Returns whether there is nothing to finish, to remove or to tighten.
    ///
    /// # Errors
    /// If a directory of the tree cannot be read, or others can write in it.
    pub fn is_settled(&self) -> Result<bool, FileError> {
        if self.pending.is_some() {
            return Ok(false);
        }
        for directory in directories(&self.layout)? {
            if directory.names()?.iter().any(|name| is_litter(name)) {
                return Ok(false);
            }
        }
        Ok(loose(&self.layout)?.is_empty())
    }

    /// Returns whether neither of its directories is there; one that cannot be looked at may be.
    pub fn is_absent(&self) -> bool {
        [&self.layout.kubeconfigs, &self.layout.certificates]
            .into_iter()
            .all(|path| matches!(path.try_exists(), Ok(false)))
    }

    /// Returns the private files that others can open, with their modes; the next run that writes closes them.
    ///
    /// # Errors
    /// If one of them cannot be looked at.
    pub fn loose(&self) -> Result<Vec<(TreePath, u32)>, FileError> {
        loose(&self.layout)
    }

    /// Reads a file as it will be once the pending transaction is finished; `None` if it does not exist.
    ///
    /// # Errors
    /// If something lies there that cannot be read.
    pub fn read(&self, file: &TreePath) -> Result<Option<Contents>, FileError> {
        if let Some((_, bytes)) = self.instead.iter().find(|(instead, _)| instead == file) {
            return Ok(Some(Contents::in_memory(bytes.clone())));
        }
        match self.waiting(file) {
            Waiting::Instead(path) => match lookup::read_at(&path)? {
                Some(contents) => Ok(Some(contents)),
                // Its rename has been done.
                None => lookup::read(&self.layout, file),
            },
            Waiting::Vanishes => Ok(None),
            Waiting::Not => lookup::read(&self.layout, file),
        }
    }

    /// Returns whether anything lies at the path, without reading it.
    pub fn exists(&self, file: &TreePath) -> bool {
        match self.waiting(file) {
            Waiting::Instead(path) => {
                path.symlink_metadata().is_ok() || lookup::exists(&self.layout, file)
            }
            Waiting::Vanishes => false,
            Waiting::Not => lookup::exists(&self.layout, file),
        }
    }

    /// Returns whether etcd's static pod lies where kubeadm puts it.
    pub(crate) fn runs_etcd(&self) -> bool {
        let manifest = self.layout.kubeconfigs.join("manifests/etcd.yaml");
        manifest.symlink_metadata().is_ok()
    }

    /// Returns whether a transaction that was cut off has given a file a second name.
    pub(crate) fn has_kept(&self, file: &TreePath) -> bool {
        self.beside(file, kept_name).symlink_metadata().is_ok()
    }

    /// Returns a path beside a file, wherever a link to it leads: there new and old files wait.
    fn beside(&self, file: &TreePath, name: fn(&str) -> String) -> PathBuf {
        let path = self.layout.path(file);
        let real = lookup::follow(&self.layout, &path).unwrap_or(path);
        let own = real
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or(file.file_name());
        real.with_file_name(name(own))
    }

    /// Returns what the pending transaction is going to do with a file.
    fn waiting(&self, file: &TreePath) -> Waiting {
        let Some((direction, journal)) = &self.pending else {
            return Waiting::Not;
        };
        let Some(pending) = journal.files.iter().find(|pending| pending.file == *file) else {
            return Waiting::Not;
        };
        match direction {
            Direction::Commit => Waiting::Instead(self.beside(file, staged_name)),
            Direction::Undo if pending.existed => Waiting::Instead(self.beside(file, kept_name)),
            Direction::Undo => Waiting::Vanishes,
        }
    }
}

/// What a pending transaction is going to do with a file.
enum Waiting {
    Not,
    /// The file at this path takes its place, unless it already has.
    Instead(PathBuf),
    /// It will be gone.
    Vanishes,
}

/// Returns the private files that others can open, with their modes.
pub(crate) fn loose(layout: &Layout) -> Result<Vec<(TreePath, u32)>, FileError> {
    let private = CATALOG
        .iter()
        .flat_map(|row| layout::files(row))
        .filter(|(_, access)| *access == Access::Private);
    let mut loose = Vec::new();
    for (file, access) in private {
        match lookup::attributes_of(layout, &file) {
            Ok(Some(Attributes { mode, .. })) if mode & 0o7777 & !access.mode() & 0o077 != 0 => {
                loose.push((file, mode))
            }
            Ok(_) => {}
            // Whoever wants to use it finds out what is wrong with it.
            Err(FileError {
                reason: Reason::Unexpected(_),
                ..
            }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(loose)
}

/// Takes the private files away from others who can open them, whether or not they have been replaced: a CA's key is not.
pub(crate) fn tighten(layout: &Layout) -> Result<(), FileError> {
    for (file, mode) in loose(layout)? {
        lookup::restrict(layout, &file, mode & Access::Private.mode())?;
    }
    Ok(())
}
