//! Reads the files of a tree from its open directories.

use time::OffsetDateTime;

use super::Places;
use crate::fs::directory::{FileKind, Opened};
use crate::fs::file::{Contents, FileError};
use crate::fs::walk::Destination;
use crate::tree::journal::{Direction, Journal};
use crate::tree::layout::{Root, TreePath};
use crate::tree::source::{FileStatus, FileVersion, TreeSource};

impl TreeSource for Places {
    fn read(
        &self,
        file: &TreePath,
        version: FileVersion,
        limit: u64,
    ) -> Result<Option<Contents>, FileError> {
        self.open(file, version)?
            .map(|file| file.contents(limit))
            .transpose()
    }

    fn status(
        &self,
        file: &TreePath,
        version: FileVersion,
    ) -> Result<Option<FileStatus>, FileError> {
        let entry = self.entry(file, version)?;
        Ok(entry.map(|entry| FileStatus {
            attributes: Some(entry.attributes),
            is_empty: entry.kind == FileKind::File && entry.length == 0,
        }))
    }

    fn changed_at(&self, file: &TreePath) -> Option<OffsetDateTime> {
        let entry = match self.entry(file, FileVersion::Current) {
            Ok(entry) => entry?,
            // A component follows a link that leads out of the tree.
            Err(_) => match self.resolve_named(self.layout.path(file).to_str()?) {
                Ok(Some(Destination::File(position, name))) => {
                    position.directory().ok()?.entry(&name).ok()??
                }
                _ => return None,
            },
        };
        OffsetDateTime::from_unix_timestamp(entry.changed_at).ok()
    }

    fn locate(&self, named: &str) -> Option<TreePath> {
        let path = self.layout.named_path(named);
        self.locate_path(&path)
            .or_else(|| self.layout.locate(named))
    }

    fn has_named(&self, named: &str) -> bool {
        // A file whose attributes cannot be read exists.
        !matches!(
            self.resolve_named(named),
            Ok(None | Some(Destination::Missing(..)))
        )
    }

    fn read_named(&self, named: &str, limit: u64) -> Result<Option<Contents>, FileError> {
        let path = self.layout.named_path(named);
        let refuse = |what| Err(FileError::unexpected("reading", &path, what));
        match self.resolve_named(named)? {
            Some(Destination::File(position, name)) => {
                match position.directory()?.open_file(&name)? {
                    Opened::File(file) => file.contents(limit).map(Some),
                    Opened::Missing => Ok(None),
                    Opened::Link => refuse("it became a symbolic link"),
                }
            }
            Some(Destination::Directory(_)) => refuse("it is a directory, want a file"),
            Some(Destination::Missing(..)) | None => Ok(None),
        }
    }

    fn is_missing(&self) -> Result<bool, FileError> {
        // Usually the second directory is in the first one, so that the way to both is walked once.
        let kubeconfigs = self.position(Root::Kubeconfigs)?;
        Ok(self.position(Root::Certificates)?.is_none() && kubeconfigs.is_none())
    }

    fn journal(&self) -> Result<Option<(Direction, Journal)>, FileError> {
        match self.directory(Root::Certificates)? {
            Some(certificates) => Journal::read(&certificates),
            None => Ok(None),
        }
    }

    fn owns(&self, journal: &Journal) -> Result<bool, FileError> {
        Ok(journal.kubeconfigs == self.kubeconfigs_name()?)
    }

    fn is_locked(&self) -> bool {
        if self.is_locked.get() {
            return false;
        }
        let certificates = self.directory(Root::Certificates).ok().flatten();
        certificates.is_some_and(|directory| directory.is_locked().unwrap_or(false))
    }

    fn is_interrupted(&self) -> bool {
        let certificates = self.directory(Root::Certificates).ok().flatten();
        certificates.is_some_and(|directory| Journal::is_abandoned(&directory).unwrap_or(true))
    }

    fn stamp(&self) -> Vec<(i64, i64)> {
        let etcd = TreePath::new(Root::Certificates, "etcd/ca.crt");
        let etcd = self.parent(&etcd).ok().flatten();
        let roots =
            [Root::Certificates, Root::Kubeconfigs].map(|root| self.position(root).ok().flatten());
        roots
            .into_iter()
            .chain([etcd])
            .flatten()
            .filter_map(|position| position.directory().ok()?.modified().ok())
            .collect()
    }
}
