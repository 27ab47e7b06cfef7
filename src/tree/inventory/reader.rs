//! Reads the files of a row.

use std::cell::RefCell;
use std::path::Path;

use super::{
    ClientCertificate, Depth, FileState, InvalidFile, InvalidReason, KeyFile, KubeconfigCa,
    KubeconfigFile, RequestFiles, RowFiles,
};
use crate::catalog::{CA, CATALOG, Row, Storage};
use crate::fs::file::{Attributes, Contents};
use crate::kubeconfig::{Credentials, Kubeconfig, KubeconfigError};
use crate::tree::layout::{self, KUBELET_CLIENT_CURRENT, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::x509::certificate::CertificateError;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::key::{KeyError, PrivateKey, PublicKey};
use crate::x509::request::CertificateRequest;

/// Reads the files of one row.
pub(super) struct RowReader<'a> {
    pub(super) tree: &'a Tree,
    pub(super) depth: Depth,
    pub(super) notes: &'a ReadNotes,
}

/// What is noted about the files beside their contents. Nothing is at [`Depth::Dates`].
#[derive(Default)]
pub(super) struct ReadNotes {
    /// The files that have other names.
    pub(super) hard_linked: RefCell<Vec<InvalidFile>>,
    /// Owner and mode of the files that were looked at; `None` for a file that is not there.
    pub(super) attributes: RefCell<Vec<(TreePath, Option<Attributes>)>>,
}

impl RowReader<'_> {
    pub(super) fn row_files(&self, row: &'static Row) -> RowFiles {
        match row.storage {
            Storage::Pair { .. } if row.is_ca() => RowFiles::Ca {
                bundle: self.certificates(
                    row,
                    match self.depth {
                        Depth::Dates => CaBundle::dates_from_pem,
                        Depth::Certificates | Depth::Keys => CaBundle::from_pem,
                    },
                ),
                key: self.key(row, layout::key_file(row)),
            },
            Storage::Pair { .. } => {
                let chain = self.certificates(row, self.read_chain());
                let key = match self.depth == Depth::Dates && !chain.is_missing() {
                    true => FileState::Valid(KeyFile::Unread),
                    false => self.key(row, layout::key_file(row)),
                };
                RowFiles::Leaf { chain, key }
            }
            Storage::PublicPair { .. } => RowFiles::ServiceAccount {
                public: self.parse(
                    layout::certificate_file(row),
                    PublicKey::from_pem,
                    InvalidReason::PublicKey,
                ),
                key: self.key(row, layout::key_file(row)),
            },
            Storage::Kubeconfig { .. } | Storage::Elsewhere => {
                RowFiles::Kubeconfig(self.kubeconfig(row))
            }
        }
    }

    /// Returns the files that wait for the row's certificate, if there are any.
    pub(super) fn request_files(&self, row: &Row) -> Option<RequestFiles> {
        let files = RequestFiles {
            request: self.parse(
                layout::request_file(row),
                CertificateRequest::parse,
                InvalidReason::Request,
            ),
            key: self.key(row, layout::waiting_key_file(row)),
        };
        (!files.request.is_missing() || !files.key.is_missing()).then_some(files)
    }

    fn read_chain(&self) -> fn(&[u8]) -> Result<Chain, CertificateError> {
        match self.depth {
            Depth::Dates => Chain::dates_from_pem,
            Depth::Certificates | Depth::Keys => Chain::from_pem,
        }
    }

    /// Reads a certificate file, in which a private key is an error.
    fn certificates<T>(
        &self,
        row: &Row,
        read: fn(&[u8]) -> Result<T, CertificateError>,
    ) -> FileState<T> {
        let parse = |contents: &mut Contents| {
            let certificates = read(&contents.bytes)?;
            contents.free_public();
            Ok(certificates)
        };
        let file = layout::certificate_file(row);
        self.parse_contents(file, parse, InvalidReason::Certificate)
    }

    fn key(&self, row: &Row, file: Option<TreePath>) -> FileState<KeyFile> {
        if self.depth == Depth::Keys {
            let read = |bytes: &[u8]| KeyFile::from_pem(row, bytes);
            return self.parse(file, read, InvalidReason::PrivateKey);
        }
        let Some(file) = file else {
            return FileState::Missing;
        };
        let status = self.tree.status(&file);
        if let Ok(status) = &status {
            self.note(&file, status.and_then(|status| status.attributes));
        }
        match status {
            Ok(None) => FileState::Missing,
            // A power failure can leave empty files (kubernetes/kubernetes#34956).
            Ok(Some(status)) if status.is_empty => {
                let reason = InvalidReason::PrivateKey(KeyError::Empty);
                FileState::Invalid(self.invalid(&file, reason))
            }
            // A file that cannot be accessed exists.
            Ok(Some(_)) | Err(_) => FileState::Valid(KeyFile::Unread),
        }
    }

    fn kubeconfig(&self, row: &Row) -> FileState<Box<KubeconfigFile>> {
        let Some(file) = layout::kubeconfig_file(row) else {
            return FileState::Missing;
        };
        let state = self.parse(
            Some(file.clone()),
            Kubeconfig::parse,
            InvalidReason::Kubeconfig,
        );
        let kubeconfig = match state {
            FileState::Valid(kubeconfig) => kubeconfig,
            FileState::Missing => return FileState::Missing,
            FileState::Invalid(invalid) => return FileState::Invalid(invalid),
        };
        match self.kubeconfig_file(kubeconfig) {
            Ok(kubeconfig) => FileState::Valid(Box::new(kubeconfig)),
            Err(reason) => FileState::Invalid(self.invalid(&file, reason)),
        }
    }

    /// Reads what a kubeconfig that belongs to no tree holds and names: its client certificate, and its CA if it has one.
    pub(super) fn standalone(
        &self,
        kubeconfig: Result<Kubeconfig, KubeconfigError>,
    ) -> (FileState<Box<KubeconfigFile>>, Option<FileState<CaBundle>>) {
        let file = TreePath::new(Root::Kubeconfigs, "");
        let read = kubeconfig.map_err(InvalidReason::Kubeconfig);
        let mut read = match read.and_then(|kubeconfig| self.kubeconfig_file(kubeconfig)) {
            Ok(read) => read,
            Err(reason) => return (FileState::Invalid(self.invalid(&file, reason)), None),
        };
        let ca = match &mut read.ca {
            KubeconfigCa::Missing
            | KubeconfigCa::File {
                is_missing: true, ..
            } => None,
            KubeconfigCa::Embedded(certificates) => {
                certificates.split_first().map(|(signer, others)| {
                    FileState::Valid(CaBundle {
                        signer: signer.clone(),
                        others: others.to_vec(),
                    })
                })
            }
            KubeconfigCa::File { path, row, .. } => {
                *row = Some(&CA);
                let reason = InvalidReason::Certificate;
                Some(self.parse(self.tree.locate(path), CaBundle::from_pem, reason))
            }
        };
        (FileState::Valid(Box::new(read)), ca)
    }

    fn kubeconfig_file(&self, kubeconfig: Kubeconfig) -> Result<KubeconfigFile, InvalidReason> {
        let ca = match kubeconfig.ca().map_err(InvalidReason::Kubeconfig)? {
            Some(certificates) => KubeconfigCa::Embedded(certificates),
            None => kubeconfig
                .ca_file()
                .map_or(KubeconfigCa::Missing, |path| self.ca_file(path)),
        };
        let credentials = kubeconfig
            .credentials()
            .map_err(InvalidReason::Kubeconfig)?;
        let client = match credentials {
            Credentials::Embedded { certificate, key } => ClientCertificate::Embedded {
                chain: self.read_chain()(&certificate).map_err(InvalidReason::ClientCertificate)?,
                key: self.client_key(&key)?,
            },
            Credentials::KeyOnly { key } => ClientCertificate::KeyOnly {
                key: self.client_key(&key)?,
            },
            Credentials::CertificateFiles { certificate } => self.client_file(certificate),
            Credentials::NoCertificate => ClientCertificate::Unused,
        };
        Ok(KubeconfigFile {
            kubeconfig,
            ca,
            client,
        })
    }

    fn client_key(&self, pem: &[u8]) -> Result<KeyFile, InvalidReason> {
        match self.depth {
            Depth::Dates | Depth::Certificates => Ok(KeyFile::Unread),
            Depth::Keys => PrivateKey::from_pem(pem)
                .map(KeyFile::Read)
                .map_err(InvalidReason::ClientKey),
        }
    }

    fn ca_file(&self, path: &str) -> KubeconfigCa {
        let file = self.tree.locate(path);
        let is_named = |row: &&&'static Row| {
            row.is_ca() && file.is_some() && layout::certificate_file(row) == file
        };
        KubeconfigCa::File {
            path: path.to_owned(),
            row: CATALOG.iter().find(is_named).copied(),
            is_missing: file.as_ref().is_some_and(|file| !self.tree.exists(file)),
        }
    }

    /// Reads only files in the tree's directories.
    fn client_file(&self, path: String) -> ClientCertificate {
        let read = |file| {
            self.parse(
                Some(file),
                Chain::from_pem_with_key,
                InvalidReason::Certificate,
            )
        };
        let is_kubelets = Path::new(&path)
            .file_name()
            .is_some_and(|name| name == KUBELET_CLIENT_CURRENT);
        if is_kubelets {
            let file = TreePath::new(Root::Kubelet, KUBELET_CLIENT_CURRENT);
            return ClientCertificate::KubeletRotated(read(file));
        }
        match self.tree.locate(&path) {
            Some(file) => ClientCertificate::InTree {
                path,
                chain: read(file),
            },
            None => ClientCertificate::OutsideTree {
                is_missing: !self.tree.has_named(&path),
                path,
            },
        }
    }

    pub(super) fn parse<T, E>(
        &self,
        file: Option<TreePath>,
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
        reason: impl FnOnce(E) -> InvalidReason,
    ) -> FileState<T> {
        self.parse_contents(file, |contents| parse(&contents.bytes), reason)
    }

    fn parse_contents<T, E>(
        &self,
        file: Option<TreePath>,
        parse: impl FnOnce(&mut Contents) -> Result<T, E>,
        reason: impl FnOnce(E) -> InvalidReason,
    ) -> FileState<T> {
        let Some(file) = file else {
            return FileState::Missing;
        };
        let contents = match self.tree.read(&file) {
            Ok(contents) => contents,
            Err(error) => return FileState::Invalid(self.invalid(&file, error.into())),
        };
        self.note(&file, contents.as_ref().map(|contents| contents.attributes));
        let Some(mut contents) = contents else {
            return FileState::Missing;
        };
        if self.depth > Depth::Dates && self.has_other_hard_links(&file, &contents) {
            let reason = InvalidReason::HardLinks(contents.links);
            let linked = self.invalid(&file, reason);
            self.notes.hard_linked.borrow_mut().push(linked);
        }
        match parse(&mut contents) {
            Ok(value) => FileState::Valid(value),
            Err(error) => FileState::Invalid(self.invalid(&file, reason(error))),
        }
    }

    fn note(&self, file: &TreePath, attributes: Option<Attributes>) {
        if self.depth > Depth::Dates {
            let mut noted = self.notes.attributes.borrow_mut();
            noted.push((file.clone(), attributes));
        }
    }

    /// Returns whether the file has hard links that do not come from an interrupted transaction.
    fn has_other_hard_links(&self, file: &TreePath, contents: &Contents) -> bool {
        contents.links > 1 && contents.links > 1 + u64::from(self.tree.has_backup(file))
    }

    fn invalid(&self, file: &TreePath, reason: InvalidReason) -> InvalidFile {
        InvalidFile {
            file: file.clone(),
            path: self.tree.layout.path(file),
            reason,
        }
    }
}
