//! A file named on the command line that a kubeconfig is written to.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use super::failure::Invalid;
use crate::fs::file::FileError;
use crate::fs::output;
use crate::tree::layout::Layout;

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
        let directories = [&layout.certificates, &layout.kubeconfigs, &layout.kubelet];
        if directories.into_iter().any(|it| output::is_in(&path, it)) {
            let message = format!("`{}` is in a directory of the tree", path.display());
            return Err(Invalid::new(message)
                .with_hint("write it to another directory, and copy it to where it is used")
                .into());
        }
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

fn failed(error: FileError) -> anyhow::Error {
    anyhow!("{error}")
}
