//! A file named on the command line that a kubeconfig is written to.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use super::failure::Invalid;
use crate::fs::file::FileError;
use crate::fs::output;
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
        check_outside_trees(&path, layout)?;
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

/// Checks that a file, as `fs::output` finds it, is in no tree: not in this one, nor in another that `pki` has written.
///
/// # Errors
/// If it is in one, which is written in transactions only.
pub(super) fn check_outside_trees(file: &Path, layout: &Layout) -> Result<()> {
    let mut own = layout.directories().into_iter();
    let mut above = file.ancestors().skip(1);
    // The state directory is beside the kubeconfigs; a journal, in the certificate directory.
    let names = [STATE_DIRECTORY, COMMIT, UNDO];
    let is_tree = |directory: &Path| names.iter().any(|name| directory.join(name).exists());
    if own.any(|directory| output::is_in(file, &directory)) || above.any(is_tree) {
        let message = format!("`{}` is in a directory of a tree", file.display());
        return Err(Invalid::new(message)
            .with_hint("write it to another directory, and copy it to where it is used")
            .into());
    }
    Ok(())
}

fn failed(error: FileError) -> anyhow::Error {
    anyhow!("{error}")
}
