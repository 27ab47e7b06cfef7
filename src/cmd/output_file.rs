//! Files named on the command line that something is written to: a kubeconfig, or what must not be in the tree.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use super::failure::Invalid;
use crate::fs::file::FileError;
use crate::fs::output;
use crate::fs::search::PathKind;
use crate::tree::journal::{COMMIT, UNDO};
use crate::tree::layout::{Layout, STATE_DIRECTORY};

/// It holds a credential.
const MODE: u32 = 0o600;

/// A file outside the tree.
pub(super) struct KubeconfigOutput {
    path: PathBuf,
}

impl KubeconfigOutput {
    /// Finds the file, before anything is made for it.
    ///
    /// # Errors
    /// If it cannot be replaced, or belongs to the tree: a typing error would replace a file of a component.
    pub(super) fn find(file: &Path, layout: &Layout) -> Result<KubeconfigOutput> {
        let path = output::target(file).map_err(failed)?;
        refuse_in_any_tree(&path, layout)?;
        Ok(KubeconfigOutput { path })
    }

    /// Returns the path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// If it cannot be written. It then has its old contents.
    pub(super) fn write(&self, text: &str) -> Result<()> {
        output::replace(&self.path, text.as_bytes(), MODE).map_err(failed)
    }
}

/// Refuses an output file, as `fs::output` finds it, in a directory of this tree: it could replace a file of a component.
///
/// # Errors
/// If it is there.
pub(super) fn refuse_in_tree(file: &Path, layout: &Layout, hint: &str) -> Result<(), Invalid> {
    match output::is_in_any(file, &layout.directories()) {
        true => {
            let message = format!("`{}` is in a directory of the tree", file.display());
            Err(Invalid::new(message).with_hint(hint))
        }
        false => Ok(()),
    }
}

/// As [`refuse_in_tree`], also for other trees that `pki` has written.
pub(super) fn refuse_in_any_tree(file: &Path, layout: &Layout) -> Result<(), Invalid> {
    // The state directory is beside the kubeconfigs; a journal, in the certificate directory.
    let names = [STATE_DIRECTORY, COMMIT, UNDO];
    let is_tree = |directory: &Path| {
        let mut paths = names.iter().map(|name| directory.join(name));
        paths.any(|path| PathKind::of(&path) != PathKind::Missing)
    };
    match output::is_in_any(file, &layout.directories()) || file.ancestors().skip(1).any(is_tree) {
        true => {
            let message = format!("`{}` is in a directory of a tree", file.display());
            let hint = "write it to another directory, and copy it to where it is used";
            Err(Invalid::new(message).with_hint(hint))
        }
        false => Ok(()),
    }
}

fn failed(error: FileError) -> anyhow::Error {
    anyhow!("{error}")
}
