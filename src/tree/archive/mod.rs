//! A tree in a tar archive, which is read into memory and never unpacked.
//!
//! Its files have the paths that they have on their host. `base` finds /etc/kubernetes in the archive, `read` reads
//! entries up to a limit, `files` keeps them and follows links.

mod base;
mod files;
mod read;
mod source;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use self::base::{Base, BaseSearch};
use self::files::{ArchiveFiles, ResolvedNode};
use self::read::{ArchiveReader, BLOCK, LIMITS, Limits, recognize};
use self::source::ArchiveTree;
use crate::fs::file::{FileError, open_given};
use crate::tree::layout::{DEFAULT_KUBECONFIGS, Layout, Root};
use crate::tree::overlay::Tree;

/// The directory of the kubelet. It is in an archive of a whole host.
const KUBELET: &str = "/var/lib/kubelet";

/// How often an archive is read to find directories that links or the record name.
const MAX_READS: usize = 4;

/// An archive with a tree.
pub(crate) struct Archive {
    reader: ArchiveReader,
    base: Base,
    /// The directories of the host whose files are kept.
    directories: Vec<PathBuf>,
    files: Rc<ArchiveFiles>,
}

impl Archive {
    /// Opens an archive of /etc/kubernetes, of a directory above it or of its certificates; `None` if the file is not an archive.
    ///
    /// # Errors
    /// If it cannot be read, is damaged or too large, or holds no tree.
    pub(crate) fn open(path: &Path) -> Result<Option<Archive>, FileError> {
        Archive::open_within(path, LIMITS)
    }

    fn open_within(path: &Path, limits: Limits) -> Result<Option<Archive>, FileError> {
        let file = open_given(path)?.into_file();
        let mut beginning = Vec::with_capacity(BLOCK);
        Read::take(&file, BLOCK as u64)
            .read_to_end(&mut beginning)
            .map_err(FileError::io("reading", path))?;
        let Some(compression) = recognize(&beginning) else {
            return Ok(None);
        };
        let reader = ArchiveReader::new(file, path, compression, limits);
        let mut search = BaseSearch::default();
        reader.for_each(|path, entry| {
            search.take(&path, entry.header().entry_type().is_dir());
            Ok(())
        })?;
        let base = search.base().map_err(|what| reader.damaged(what))?;
        let directories = vec![PathBuf::from(DEFAULT_KUBECONFIGS), PathBuf::from(KUBELET)];
        Ok(Some(Archive {
            files: Rc::new(reader.files(&base, &directories)?),
            reader,
            base,
            directories,
        }))
    }

    /// Returns whether the directory of the kubelet is in the archive.
    pub(crate) fn has_kubelet(&self) -> bool {
        self.files.node(Path::new(KUBELET)).is_some()
    }

    /// Returns the tree with these directories.
    ///
    /// # Errors
    /// As [`Archive::open`].
    pub(crate) fn tree(&mut self, layout: &Layout) -> Result<Tree, FileError> {
        for _ in 0..MAX_READS {
            let missing = self.missing(layout);
            if missing.is_empty() {
                break;
            }
            self.directories.extend(missing);
            self.files = Rc::new(self.reader.files(&self.base, &self.directories)?);
        }
        let source = ArchiveTree {
            files: Rc::clone(&self.files),
            layout: layout.clone(),
        };
        Tree::of(Rc::new(source), layout)
    }

    /// Returns the directories of a tree that may be in the archive and were not read. A link can lead to one.
    fn missing(&self, layout: &Layout) -> Vec<PathBuf> {
        let roots = [Root::Certificates, Root::Kubeconfigs, Root::Kubelet];
        let resolved = roots.map(|root| self.files.resolve(&layout.directory(root)));
        let missing = resolved.into_iter().filter_map(|resolved| match resolved {
            Ok(ResolvedNode::Missing(path, _)) => Some(path),
            _ => None,
        });
        let is_read = |path: &PathBuf| self.directories.iter().any(|read| path.starts_with(read));
        missing.filter(|path| !is_read(path)).collect()
    }
}
