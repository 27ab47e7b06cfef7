//! Reads certificate files that no row of the catalog names: those of the kubelet and of an external etcd, and files that belong
//! to no tree.

use super::reader::{ReadNotes, RowReader};
use super::{
    Depth, FileState, InvalidFile, InvalidReason, Inventory, KeyFile, ObservedFile, ObservedKey,
    RowFiles,
};
use crate::catalog::{CERTIFICATE, KUBELET_SERVER, Row};
use crate::fs::file::{Contents, FileError};
use crate::tree::layout::{self, KUBELET_SERVER_CURRENT, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::x509::certificate::CertificateError;
use crate::x509::chain::Chain;

impl Inventory {
    /// Returns an inventory with one certificate, which belongs to no tree.
    pub(in crate::tree) fn of_certificate(file: TreePath, chain: Option<Chain>) -> Inventory {
        let file = ObservedFile {
            file,
            chain: chain.map_or(FileState::Missing, FileState::Valid),
            key: None,
        };
        Inventory {
            rows: vec![(&CERTIFICATE, RowFiles::Observed(Box::new(file)))],
            requests: Vec::new(),
            hard_linked: Vec::new(),
            permission_issues: Vec::new(),
            runs_apiserver: false,
            runs_etcd: false,
        }
    }

    /// Adds the certificate that the kubelet serves, if it has one: the one that it renews, else the one that it signs itself.
    pub fn observe_kubelet(&mut self, tree: &Tree, depth: Depth) {
        let names = [KUBELET_SERVER_CURRENT, layout::KUBELET_SERVER];
        let files = names.map(|name| TreePath::new(Root::Kubelet, name));
        let Some(file) = files.into_iter().find(|file| tree.exists(file)) else {
            return;
        };
        let notes = ReadNotes::default();
        let reader = RowReader {
            tree,
            depth,
            notes: &notes,
        };
        let chain = reader.parse(
            Some(file.clone()),
            read_with_key(depth),
            InvalidReason::Certificate,
        );
        self.observe(&KUBELET_SERVER, file, chain, None);
    }

    /// Adds a certificate file that a configuration names by an absolute path, and the path of its key. Does nothing if the file
    /// belongs to a row or is outside an archive, or if it is missing and no API server runs here, which would need it.
    pub fn observe_named(
        &mut self,
        tree: &Tree,
        row: &'static Row,
        certificate: &str,
        key: Option<&str>,
        depth: Depth,
    ) {
        let file = tree.locate(certificate);
        if file.as_ref().and_then(layout::row_of).is_some() {
            return;
        }
        let named = NamedReader { tree };
        let read = read_with_key(depth);
        let chain = match named.read(certificate, read, InvalidReason::Certificate) {
            FileState::Missing if tree.has_named(certificate) || !self.runs_apiserver => return,
            chain => chain,
        };
        let key = key.map(|path| ObservedKey {
            path: path.to_owned(),
            key: match depth {
                Depth::Keys => {
                    let read = |bytes: &[u8]| KeyFile::from_pem(row, bytes);
                    named.read(path, read, InvalidReason::PrivateKey)
                }
                Depth::Dates | Depth::Certificates if tree.has_named(path) => {
                    FileState::Valid(KeyFile::Unread)
                }
                Depth::Dates | Depth::Certificates => FileState::Missing,
            },
        });
        let file = file.unwrap_or_else(|| named.file(certificate));
        self.observe(row, file, chain, key);
    }

    fn observe(
        &mut self,
        row: &'static Row,
        file: TreePath,
        chain: FileState<Chain>,
        key: Option<ObservedKey>,
    ) {
        let file = ObservedFile { file, chain, key };
        self.rows.push((row, RowFiles::Observed(Box::new(file))));
    }
}

fn read_with_key(depth: Depth) -> fn(&[u8]) -> Result<Chain, CertificateError> {
    match depth {
        Depth::Dates => Chain::dates_from_pem_with_key,
        Depth::Certificates | Depth::Keys => Chain::from_pem_with_key,
    }
}

/// Reads files that are named by absolute paths, anywhere on the host.
struct NamedReader<'a> {
    tree: &'a Tree,
}

impl NamedReader<'_> {
    fn read<T, E>(
        &self,
        path: &str,
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
        reason: impl FnOnce(E) -> InvalidReason,
    ) -> FileState<T> {
        let contents: Result<Option<Contents>, FileError> = self.tree.read_named(path);
        let invalid = |reason| {
            FileState::Invalid(InvalidFile {
                file: self.file(path),
                path: self.tree.layout.named_path(path),
                reason,
            })
        };
        match contents {
            Ok(None) => FileState::Missing,
            Err(error) => invalid(error.into()),
            Ok(Some(contents)) => match parse(&contents.bytes) {
                Ok(value) => FileState::Valid(value),
                Err(error) => invalid(reason(error)),
            },
        }
    }

    fn file(&self, path: &str) -> TreePath {
        let path = self.tree.layout.named_path(path);
        TreePath::new(Root::Kubeconfigs, path.display().to_string())
    }
}
