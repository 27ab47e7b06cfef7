//! Reads the files of a tree, row by row. Reading never fails as a whole: the inventory contains the files that
//! cannot be used.
//!
//! A file is missing, valid or invalid; `check` judges the contents of valid files. `reader` reads the files of a
//! row.

mod observed;
mod reader;

use std::fmt;
use std::path::PathBuf;

use self::reader::{ReadNotes, RowReader};
use crate::catalog::{CA, CATALOG, KUBECONFIG, Row};
use crate::fs::file::{FileError, FileErrorReason};
use crate::kubeconfig::{Kubeconfig, KubeconfigError};
use crate::tree::layout::TreePath;
use crate::tree::overlay::Tree;
use crate::tree::permissions::{self, PermissionIssue};
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::encrypted_key::{EncryptedKey, StoredKey};
use crate::x509::key::{KeyError, PrivateKey, PublicKey};
use crate::x509::request::{CertificateRequest, RequestError};

/// Every row of a tree, in catalog order.
#[derive(Debug)]
pub struct Inventory {
    rows: Vec<(&'static Row, RowFiles)>,
    /// The rows with a request that waits to be signed.
    requests: Vec<(&'static Row, RequestFiles)>,
    /// The files with several hard links.
    hard_linked: Vec<InvalidFile>,
    permission_issues: Vec<PermissionIssue>,
    runs_apiserver: bool,
    runs_etcd: bool,
}

/// The files that wait for a certificate to be signed.
#[derive(Debug)]
pub struct RequestFiles {
    /// The certification request.
    pub request: FileState<CertificateRequest>,
    /// The new private key beside it; the old key of the row is still in use.
    pub key: FileState<KeyFile>,
}

/// How much of a row is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The dates of certificates and kubeconfigs. The key of a leaf that has a certificate is not looked up, nor who may read the
    /// files.
    Dates,
    /// Certificates and kubeconfigs, for a check. Private key files are not read.
    Certificates,
    /// Private keys, too.
    Keys,
}

/// The files of a row.
#[derive(Debug)]
pub enum RowFiles {
    /// A CA.
    Ca {
        /// The certificates of its file.
        bundle: FileState<CaBundle>,
        /// The private key.
        key: FileState<KeyFile>,
    },
    /// A leaf in a separate file.
    Leaf {
        /// The certificate with its intermediates.
        chain: FileState<Chain>,
        /// The private key.
        key: FileState<KeyFile>,
    },
    /// The service-account key pair.
    ServiceAccount {
        /// The public keys of `sa.pub`; at least one.
        public: FileState<Vec<PublicKey>>,
        /// The private key.
        key: FileState<KeyFile>,
    },
    /// A kubeconfig.
    Kubeconfig(FileState<Box<KubeconfigFile>>),
    /// A certificate that others make and renew.
    Observed(Box<ObservedFile>),
}

/// A certificate file that no row of the catalog names.
#[derive(Debug)]
pub struct ObservedFile {
    /// The file. Its path is absolute if it is outside the tree.
    pub file: TreePath,
    /// The certificates in it.
    pub chain: FileState<Chain>,
    /// The private key, if there has to be one.
    pub key: Option<ObservedKey>,
}

/// The private key of an observed certificate.
#[derive(Debug)]
pub struct ObservedKey {
    /// Its path, as the configuration has it.
    pub path: String,
    /// The key.
    pub key: FileState<KeyFile>,
}

/// The state of a file.
#[derive(Debug)]
pub enum FileState<T> {
    /// There is no such file.
    Missing,
    /// It was read.
    Valid(T),
    /// It cannot be read or used.
    Invalid(InvalidFile),
}

/// A file that cannot be read or used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidFile {
    /// The file.
    pub file: TreePath,
    /// The path of the file on this machine.
    pub path: PathBuf,
    /// Why it cannot be used.
    pub reason: InvalidReason,
}

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidReason {
    /// This user may not read it; the system's error with the path.
    PermissionDenied(String),
    /// It could not be read, or it is not a regular file; the error with the path.
    Unreadable(String),
    /// It has this many names (hard links); see [`Inventory::hard_linked`].
    HardLinks(u64),
    /// The certificates in it cannot be used.
    Certificate(CertificateError),
    /// The private key in it cannot be used.
    PrivateKey(KeyError),
    /// The public keys in it cannot be used.
    PublicKey(KeyError),
    /// The certification request in it cannot be used.
    Request(RequestError),
    /// The kubeconfig cannot be used.
    Kubeconfig(KubeconfigError),
    /// `client-certificate-data` of the kubeconfig cannot be used.
    ClientCertificate(CertificateError),
    /// `client-key-data` of the kubeconfig cannot be used.
    ClientKey(KeyError),
}

/// Whether a command may replace an invalid file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its contents are wrong: it can be replaced.
    Contents,
    /// A world-readable file contains a private key, which must not be used any more.
    LeakedKey,
    /// This user may not read it.
    PermissionDenied,
    /// It could not be read, or it is not a regular file with one name: it must not be replaced.
    Unreadable,
}

/// A private key file.
#[derive(Debug)]
pub enum KeyFile {
    /// It exists and was not read; see [`Depth::Certificates`].
    Unread,
    /// It was read.
    Read(PrivateKey),
    /// The key of a CA that needs a passphrase.
    Encrypted(EncryptedKey),
}

/// The state of a CA.
#[derive(Clone, Copy, Debug)]
pub enum CaState<'a> {
    /// Certificate and key are missing.
    Missing,
    /// The key exists, the certificate is missing.
    KeyOnly(&'a KeyFile),
    /// Certificate and key.
    Local {
        /// The certificates of its file.
        bundle: &'a CaBundle,
        /// The private key.
        key: &'a KeyFile,
    },
    /// The certificate exists, the key is missing (kubeadm: externally managed).
    External(&'a CaBundle),
    /// One of its files cannot be used.
    Invalid(&'a InvalidFile),
}

/// A kubeconfig with its CAs and client certificate.
#[derive(Debug)]
pub struct KubeconfigFile {
    /// The file.
    pub kubeconfig: Kubeconfig,
    /// The CAs that it trusts.
    pub ca: KubeconfigCa,
    /// Its client certificate.
    pub client: ClientCertificate,
}

/// The location of a kubeconfig's CAs.
#[derive(Debug)]
pub enum KubeconfigCa {
    /// It names none.
    Missing,
    /// In the kubeconfig; at least one.
    Embedded(Vec<Certificate>),
    /// In another file.
    File {
        /// The path in the kubeconfig.
        path: String,
        /// The CA of this tree that the file belongs to.
        row: Option<&'static Row>,
        /// Whether the file is in one of the tree's directories and does not exist.
        is_missing: bool,
    },
}

/// The location of a kubeconfig's client certificate.
#[derive(Debug)]
pub enum ClientCertificate {
    /// In the kubeconfig.
    Embedded {
        /// The certificate with its intermediates.
        chain: Chain,
        /// The key.
        key: KeyFile,
    },
    /// It has still to be signed; its key is in the kubeconfig.
    KeyOnly {
        /// The key.
        key: KeyFile,
    },
    /// In the file that the kubelet rotates.
    KubeletRotated(FileState<Chain>),
    /// In another file in one of the tree's directories.
    InTree {
        /// The path in the kubeconfig.
        path: String,
        /// The certificate with its intermediates.
        chain: FileState<Chain>,
    },
    /// In a file outside the tree's directories, which is not read.
    OutsideTree {
        /// The path in the kubeconfig.
        path: String,
        /// Whether there is no such file.
        is_missing: bool,
    },
    /// The user has a token, a password or a plugin instead.
    Unused,
}

impl Inventory {
    /// Reads every row of a tree, each to the depth that `depth` returns.
    pub fn read(tree: &Tree, depth: impl Fn(&Row) -> Depth) -> Inventory {
        let notes = ReadNotes::default();
        let (mut judged, mut requests) = (Vec::new(), Vec::new());
        let read = |row: &'static Row| {
            let depth = depth(row);
            judged.extend((depth > Depth::Dates).then_some(row));
            let reader = RowReader {
                tree,
                depth,
                notes: &notes,
            };
            let files = reader.row_files(row);
            // Dates do not need the request of a row that has a certificate.
            if depth > Depth::Dates || files.certificate().is_none() {
                requests.extend(reader.request_files(row).map(|files| (row, files)));
            }
            (row, files)
        };
        Inventory {
            rows: CATALOG.iter().copied().map(read).collect(),
            requests,
            permission_issues: permissions::overly_permissive(
                tree,
                &judged,
                &notes.attributes.take(),
            ),
            hard_linked: notes.hard_linked.take(),
            runs_apiserver: tree.has_manifest("kube-apiserver"),
            runs_etcd: tree.has_manifest("etcd"),
        }
    }

    /// Reads a kubeconfig that belongs to no tree, and the files that it names: the rows of its user and of its CA.
    pub(super) fn of_kubeconfig(
        tree: &Tree,
        kubeconfig: Result<Kubeconfig, KubeconfigError>,
        depth: Depth,
        permission_issue: Option<PermissionIssue>,
    ) -> Inventory {
        let notes = ReadNotes::default();
        let reader = RowReader {
            tree,
            depth,
            notes: &notes,
        };
        let (file, ca) = reader.standalone(kubeconfig);
        let ca = ca.map(|bundle| {
            // The key of the CA is elsewhere; that says nothing about who manages it.
            let key = FileState::Valid(KeyFile::Unread);
            (&CA, RowFiles::Ca { bundle, key })
        });
        Inventory {
            rows: ca
                .into_iter()
                .chain([(&KUBECONFIG, RowFiles::Kubeconfig(file))])
                .collect(),
            requests: Vec::new(),
            hard_linked: Vec::new(),
            permission_issues: permission_issue.into_iter().collect(),
            runs_apiserver: false,
            runs_etcd: false,
        }
    }

    /// Returns whether there is a static pod manifest of the API server.
    pub fn runs_apiserver(&self) -> bool {
        self.runs_apiserver
    }

    /// Returns whether there is a static pod manifest of etcd.
    pub fn runs_etcd(&self) -> bool {
        self.runs_etcd
    }

    /// Returns the files of each row, in catalog order.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Row, &RowFiles)> {
        self.rows.iter().map(|(row, files)| (*row, files))
    }

    /// Returns the files of a row.
    pub fn row(&self, row: &Row) -> &RowFiles {
        /// What there is of a row that is not in the catalog.
        static NO_FILES: RowFiles = RowFiles::Kubeconfig(FileState::Missing);
        self.rows
            .iter()
            .find(|(entry, _)| *entry == row)
            .map_or(&NO_FILES, |(_, files)| files)
    }

    /// Returns the files of a row that wait for its certificate to be signed, if there are any.
    pub fn request(&self, row: &Row) -> Option<&RequestFiles> {
        let (_, files) = self.requests.iter().find(|(entry, _)| *entry == row)?;
        Some(files)
    }

    /// Returns a file if it was read and has other names (hard links): replacing it would leave them with the old contents.
    pub fn hard_linked(&self, file: &TreePath) -> Option<&InvalidFile> {
        self.hard_linked.iter().find(|linked| linked.file == *file)
    }

    /// Returns the files that users can read or change who should not, in catalog order.
    pub fn permission_issues(&self) -> &[PermissionIssue] {
        &self.permission_issues
    }

    /// Returns the state of a CA.
    pub fn ca(&self, ca: &Row) -> CaState<'_> {
        let RowFiles::Ca { bundle, key } = self.row(ca) else {
            return CaState::Missing;
        };
        match (bundle, key) {
            (FileState::Invalid(invalid), _) | (_, FileState::Invalid(invalid)) => {
                CaState::Invalid(invalid)
            }
            (FileState::Missing, FileState::Missing) => CaState::Missing,
            (FileState::Missing, FileState::Valid(key)) => CaState::KeyOnly(key),
            (FileState::Valid(bundle), FileState::Missing) => CaState::External(bundle),
            (FileState::Valid(bundle), FileState::Valid(key)) => CaState::Local { bundle, key },
        }
    }

    /// Returns the certificates of a CA, regardless of the state of its key.
    pub fn ca_bundle(&self, ca: &Row) -> Option<&CaBundle> {
        match self.row(ca) {
            RowFiles::Ca { bundle, .. } => bundle.valid(),
            _ => None,
        }
    }

    /// Returns the key of a CA, if it is encrypted.
    pub fn encrypted_key(&self, ca: &Row) -> Option<&EncryptedKey> {
        match self.row(ca) {
            RowFiles::Ca {
                key: FileState::Valid(KeyFile::Encrypted(key)),
                ..
            } => Some(key),
            _ => None,
        }
    }

    /// Replaces the encrypted key of a CA by the decrypted one.
    pub fn unlock(&mut self, ca: &Row, decrypted: PrivateKey) {
        let entry = self.rows.iter_mut().find(|(row, _)| *row == ca);
        if let Some((_, RowFiles::Ca { key, .. })) = entry {
            *key = FileState::Valid(KeyFile::Read(decrypted));
        }
    }

    /// Returns whether a CA has a certificate and no key (kubeadm: externally managed).
    pub fn is_external(&self, ca: &Row) -> bool {
        matches!(self.ca(ca), CaState::External(_))
    }
}

impl RowFiles {
    /// Returns whether the row has no file.
    pub fn is_missing(&self) -> bool {
        match self {
            RowFiles::Ca { bundle, key } => bundle.is_missing() && key.is_missing(),
            RowFiles::Leaf { chain, key } => chain.is_missing() && key.is_missing(),
            RowFiles::ServiceAccount { public, key } => public.is_missing() && key.is_missing(),
            RowFiles::Kubeconfig(file) => file.is_missing(),
            // It is there because something names it.
            RowFiles::Observed(_) => false,
        }
    }

    /// Returns whether one of its files could not be read.
    pub fn is_unreadable(&self) -> bool {
        let invalid = match self {
            RowFiles::Ca { bundle, key } => [bundle.invalid(), key.invalid()],
            RowFiles::Leaf { chain, key } => [chain.invalid(), key.invalid()],
            RowFiles::ServiceAccount { public, key } => [public.invalid(), key.invalid()],
            RowFiles::Kubeconfig(file) => [file.invalid(), None],
            RowFiles::Observed(file) => [file.chain.invalid(), None],
        };
        invalid
            .into_iter()
            .flatten()
            .any(InvalidFile::is_unreadable)
    }

    /// Returns the row's leaf certificate with its intermediates.
    pub fn chain(&self) -> Option<&Chain> {
        match self {
            RowFiles::Leaf { chain, .. } => chain.valid(),
            RowFiles::Observed(file) => file.chain.valid(),
            RowFiles::Kubeconfig(file) => match &file.valid()?.client {
                ClientCertificate::Embedded { chain, .. } => Some(chain),
                ClientCertificate::KubeletRotated(chain)
                | ClientCertificate::InTree { chain, .. } => chain.valid(),
                ClientCertificate::KeyOnly { .. }
                | ClientCertificate::OutsideTree { .. }
                | ClientCertificate::Unused => None,
            },
            RowFiles::Ca { .. } | RowFiles::ServiceAccount { .. } => None,
        }
    }

    /// Returns the row's certificate: the leaf, or the CA's signer.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            RowFiles::Ca { bundle, .. } => bundle.valid().map(|bundle| &bundle.signer),
            _ => self.chain().map(|chain| &chain.leaf),
        }
    }

    /// Returns whether the row has a private key that was not read.
    pub fn has_unread_key(&self) -> bool {
        let key = match self {
            RowFiles::Ca { key, .. }
            | RowFiles::Leaf { key, .. }
            | RowFiles::ServiceAccount { key, .. } => key.valid(),
            RowFiles::Kubeconfig(file) => match file.valid().map(|file| &file.client) {
                Some(
                    ClientCertificate::Embedded { key, .. } | ClientCertificate::KeyOnly { key },
                ) => Some(key),
                _ => None,
            },
            RowFiles::Observed(file) => file.key.as_ref().and_then(|named| named.key.valid()),
        };
        matches!(key, Some(KeyFile::Unread))
    }

    /// Returns the row's private key, if it was read.
    pub fn key(&self) -> Option<&PrivateKey> {
        match self {
            RowFiles::Ca { key, .. }
            | RowFiles::Leaf { key, .. }
            | RowFiles::ServiceAccount { key, .. } => key.valid()?.read(),
            RowFiles::Kubeconfig(file) => match &file.valid()?.client {
                ClientCertificate::Embedded { key, .. } | ClientCertificate::KeyOnly { key } => {
                    key.read()
                }
                _ => None,
            },
            RowFiles::Observed(file) => file.key.as_ref()?.key.valid()?.read(),
        }
    }

    /// Returns the file with the private key of a leaf or a kubeconfig, if it exists and cannot be used.
    pub fn unusable_key(&self) -> Option<&InvalidFile> {
        match self {
            RowFiles::Leaf { key, .. } => key.invalid(),
            RowFiles::Kubeconfig(file) => file.invalid(),
            RowFiles::Ca { .. } | RowFiles::ServiceAccount { .. } | RowFiles::Observed(_) => None,
        }
    }
}

impl<T> FileState<T> {
    /// Returns whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, FileState::Missing)
    }

    /// Returns what was read.
    pub fn valid(&self) -> Option<&T> {
        match self {
            FileState::Valid(value) => Some(value),
            FileState::Missing | FileState::Invalid(_) => None,
        }
    }

    /// Returns the file, if it cannot be used.
    pub fn invalid(&self) -> Option<&InvalidFile> {
        match self {
            FileState::Invalid(invalid) => Some(invalid),
            FileState::Missing | FileState::Valid(_) => None,
        }
    }
}

impl KeyFile {
    /// Reads the key file of a row. Only the key of a CA may be encrypted: components have to read all others.
    ///
    /// # Errors
    /// If there is no key that can be used.
    pub fn from_pem(row: &Row, text: &[u8]) -> Result<KeyFile, KeyError> {
        if !row.is_ca() {
            return PrivateKey::from_pem(text).map(KeyFile::Read);
        }
        Ok(match StoredKey::from_pem(text)? {
            StoredKey::Plain(key) => KeyFile::Read(key),
            StoredKey::Encrypted(key) => KeyFile::Encrypted(key),
        })
    }

    /// Returns the key, if it was read and is not encrypted.
    pub fn read(&self) -> Option<&PrivateKey> {
        match self {
            KeyFile::Read(key) => Some(key),
            KeyFile::Unread | KeyFile::Encrypted(_) => None,
        }
    }
}

impl KubeconfigCa {
    /// Returns the embedded CA certificates.
    pub fn embedded(&self) -> Option<&[Certificate]> {
        match self {
            KubeconfigCa::Embedded(certificates) => Some(certificates),
            KubeconfigCa::File { .. } | KubeconfigCa::Missing => None,
        }
    }
}

impl InvalidFile {
    /// Returns whether a command may replace the file.
    pub fn fault(&self) -> Fault {
        match &self.reason {
            InvalidReason::PermissionDenied(_) => Fault::PermissionDenied,
            InvalidReason::Unreadable(_) | InvalidReason::HardLinks(_) => Fault::Unreadable,
            InvalidReason::Certificate(CertificateError::PrivateKey) => Fault::LeakedKey,
            _ => Fault::Contents,
        }
    }

    /// Returns whether the file could not be read, so that it must not be replaced.
    pub fn is_unreadable(&self) -> bool {
        matches!(self.fault(), Fault::PermissionDenied | Fault::Unreadable)
    }
}

impl fmt::Display for InvalidFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            InvalidReason::PermissionDenied(error) | InvalidReason::Unreadable(error) => {
                f.write_str(error)
            }
            reason => write!(f, "`{}`: {reason}", self.path.display()),
        }
    }
}

impl fmt::Display for InvalidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvalidReason::PermissionDenied(error) | InvalidReason::Unreadable(error) => {
                f.write_str(error)
            }
            InvalidReason::HardLinks(links) => {
                write!(f, "the file has {links} names (hard links)")
            }
            InvalidReason::Certificate(error) => error.fmt(f),
            InvalidReason::PrivateKey(error) | InvalidReason::PublicKey(error) => error.fmt(f),
            InvalidReason::Request(error) => error.fmt(f),
            InvalidReason::Kubeconfig(error) => error.fmt(f),
            InvalidReason::ClientCertificate(error) => {
                write!(f, "client-certificate-data: {error}")
            }
            InvalidReason::ClientKey(error) => write!(f, "client-key-data: {error}"),
        }
    }
}

impl From<FileError> for InvalidReason {
    fn from(error: FileError) -> InvalidReason {
        match &error.reason {
            FileErrorReason::Io(_) if error.is_permission_denied() => {
                InvalidReason::PermissionDenied(error.without_advice())
            }
            FileErrorReason::Io(_) | FileErrorReason::Unexpected(_) => {
                InvalidReason::Unreadable(error.to_string())
            }
        }
    }
}
