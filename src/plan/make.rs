//! What a step makes.

use zeroize::Zeroizing;

use crate::catalog::Row;
use crate::check::finding::FindingId;
use crate::tree::layout::{self, Access, TreePath};
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::sign::LeafTemplate;
use crate::x509::validity::Validity;

/// Something to be made.
#[derive(Clone, Debug)]
pub enum Make {
    /// A self-signed CA.
    Ca {
        /// Subject common name.
        common_name: &'static str,
        /// Algorithm of the new key.
        algorithm: Algorithm,
        /// Validity.
        validity: Validity,
        /// Whether the key is encrypted with a passphrase.
        is_encrypted: bool,
    },
    /// A leaf certificate in a separate file.
    Leaf(Leaf),
    /// A new kubeconfig.
    NewKubeconfig {
        /// Its client certificate.
        leaf: Leaf,
        /// Name of the cluster entry.
        cluster: String,
        /// URL of the API server.
        server: String,
        /// Name of the user entry.
        user: String,
    },
    /// The client certificate of an existing kubeconfig.
    RenewedKubeconfig {
        /// Its client certificate.
        leaf: Leaf,
        /// The CAs that it must trust; `None` keeps its CAs.
        ca: Option<Vec<Certificate>>,
        /// The new server; `None` keeps its server.
        server: Option<String>,
    },
    /// Another server in an existing kubeconfig.
    MovedKubeconfig {
        /// The server that it is to point at.
        server: String,
    },
    /// The service-account key pair.
    ServiceAccount {
        /// Algorithm of the new key.
        algorithm: Algorithm,
    },
    /// `sa.pub`, from the `sa.key` that is there.
    ServiceAccountPublic,
    /// A request for a certificate that an external CA signs.
    Request(RequestPlan),
    /// A certificate that an external CA has signed.
    Import(Box<ImportPlan>),
    /// Files of another node of the cluster.
    Install {
        /// The files with their bytes.
        files: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
    },
    /// Old files that are restored.
    Restore {
        /// The files with their bytes.
        files: Vec<(TreePath, Zeroizing<Vec<u8>>)>,
    },
}

/// A leaf certificate to be signed.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The CA that signs it.
    pub signer: SigningCa,
    /// Subject, usages, names.
    pub contents: LeafTemplate,
    /// The certificates that follow it in its file.
    pub intermediates: Vec<Certificate>,
    /// Where the key comes from.
    pub key: KeySource,
    /// Validity.
    pub validity: Validity,
}

/// The CA that signs a leaf. A row's old and new CA coexist during a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningCa {
    /// The one in the tree.
    Existing(&'static Row),
    /// The one that the same plan makes.
    New(&'static Row),
}

/// Where the key of a leaf comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A new one is generated.
    New(Algorithm),
    /// The existing one is reused.
    Reuse(Algorithm),
}

/// A certification request to be made.
#[derive(Clone, Debug)]
pub struct RequestPlan {
    /// Subject, usages, names.
    pub contents: LeafTemplate,
    /// Where the key comes from.
    pub key: KeySource,
    /// Where the key is, or will be.
    pub place: KeyPlace,
    /// The fields of a kubeconfig that is made for a new key.
    pub kubeconfig: Option<OpenKubeconfig>,
}

/// A new kubeconfig whose client certificate has still to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenKubeconfig {
    /// Name of the cluster entry.
    pub cluster: String,
    /// URL of the API server.
    pub server: String,
    /// Name of the user entry.
    pub user: String,
}

/// A certificate from elsewhere to be installed.
#[derive(Clone, Debug)]
pub struct ImportPlan {
    /// The certificate with its intermediates.
    pub chain: Chain,
    /// Where its key is.
    pub place: KeyPlace,
    /// The CAs that a kubeconfig must trust; `None` keeps its CAs.
    pub ca: Option<Vec<Certificate>>,
    /// Whether nothing waits for another certificate of the row afterwards.
    pub settles: bool,
}

/// Where the key of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// In the row's own file.
    Row,
    /// Beside the request, because the row's own file holds a key that is in use.
    Waiting,
}

impl Make {
    /// Returns the leaf certificate in these contents.
    pub fn leaf(&self) -> Option<&Leaf> {
        match self {
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => Some(leaf),
            Make::Ca { .. }
            | Make::MovedKubeconfig { .. }
            | Make::ServiceAccount { .. }
            | Make::ServiceAccountPublic
            | Make::Request(_)
            | Make::Import(_)
            | Make::Install { .. }
            | Make::Restore { .. } => None,
        }
    }

    /// Returns the contents of the certificate that is made or asked for.
    pub fn leaf_contents(&self) -> Option<&LeafTemplate> {
        match self {
            Make::Request(request) => Some(&request.contents),
            _ => self.leaf().map(|leaf| &leaf.contents),
        }
    }

    /// Returns the algorithm of the key that has to be generated.
    pub fn new_key(&self) -> Option<Algorithm> {
        match self {
            Make::Ca { algorithm, .. } | Make::ServiceAccount { algorithm } => Some(*algorithm),
            Make::MovedKubeconfig { .. }
            | Make::ServiceAccountPublic
            | Make::Import(_)
            | Make::Install { .. }
            | Make::Restore { .. } => None,
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => leaf.key.new_key(),
            Make::Request(request) => request.key.new_key(),
        }
    }

    /// Returns the files that are written for a row with these contents.
    pub fn files(&self, row: &Row) -> Vec<(TreePath, Access)> {
        let key = layout::key_file(row);
        let mut written = layout::all_files(row);
        let request = layout::request_file(row);
        let waiting = layout::waiting_key_file(row);
        let own_key = key.clone().or_else(|| layout::kubeconfig_file(row));
        written.retain(|(file, _)| match self {
            Make::Install { files } | Make::Restore { files } => {
                files.iter().any(|(restored, _)| restored == file)
            }
            Make::Request(made) => {
                let is_key = match made.place {
                    KeyPlace::Row => Some(file) == own_key.as_ref(),
                    KeyPlace::Waiting => Some(file) == waiting.as_ref(),
                };
                Some(file) == request.as_ref() || (is_key && made.key.is_new())
            }
            _ if [&request, &waiting].contains(&&Some(file.clone())) => false,
            Make::Import(import) => Some(file) != key.as_ref() || import.place == KeyPlace::Waiting,
            Make::Leaf(_) if self.new_key().is_none() => Some(file) != key.as_ref(),
            Make::ServiceAccountPublic => Some(file) != key.as_ref(),
            _ => true,
        });
        written
    }

    pub(super) fn set_new_key(&mut self, wanted: Algorithm) {
        match self {
            Make::Ca { algorithm, .. } | Make::ServiceAccount { algorithm } => *algorithm = wanted,
            Make::Leaf(leaf)
            | Make::NewKubeconfig { leaf, .. }
            | Make::RenewedKubeconfig { leaf, .. } => {
                if let KeySource::New(algorithm) = &mut leaf.key {
                    *algorithm = wanted;
                }
            }
            Make::Request(request) => {
                if let KeySource::New(algorithm) = &mut request.key {
                    *algorithm = wanted;
                }
            }
            Make::MovedKubeconfig { .. }
            | Make::ServiceAccountPublic
            | Make::Import(_)
            | Make::Install { .. }
            | Make::Restore { .. } => {}
        }
    }

    /// Returns the files that are of no use any more once this is done.
    pub fn obsolete(&self, row: &Row) -> Vec<TreePath> {
        match self {
            Make::Import(import) if import.settles => {
                let waiting = layout::request_file(row).into_iter();
                waiting.chain(layout::waiting_key_file(row)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Returns the validity of the certificate that is made.
    pub fn validity(&self) -> Option<Validity> {
        match self {
            Make::Ca { validity, .. } => Some(*validity),
            Make::Import(import) => Some(import.chain.leaf.validity()),
            _ => self.leaf().map(|leaf| leaf.validity),
        }
    }

    /// Returns whether making this removes an error about the row.
    pub(super) fn removes(&self, id: FindingId) -> bool {
        use FindingId as Id;
        match self {
            // With a lost CA, everything that it signed is made too.
            Make::Ca { .. } => matches!(id, Id::CaMissing | Id::CaLost),
            Make::ServiceAccount { .. } => id == Id::ServiceAccountMissing,
            Make::ServiceAccountPublic => id == Id::ServiceAccountPublicMissing,
            Make::NewKubeconfig { .. } => id == Id::KubeconfigMissing,
            Make::Leaf(leaf) => match id {
                Id::FileUnreadable | Id::FileHardLinks | Id::FilePermissionDenied => false,
                Id::FilePrivateKeyExposed
                | Id::CertificateKeyMismatch
                | Id::CertificateKeyMissing => matches!(leaf.key, KeySource::New(_)),
                id => is_about_a_leaf(id) || id == Id::FileInvalid,
            },
            Make::RenewedKubeconfig { leaf, ca, server } => match id {
                Id::KubeconfigWithoutCa
                | Id::KubeconfigOtherCa
                | Id::KubeconfigCaFileMissing
                | Id::KubeconfigCaFileOther => ca.is_some(),
                Id::KubeconfigServerNotInSans | Id::KubeconfigServerInvalid => server.is_some(),
                Id::KubeconfigOtherCluster => ca.is_some() && server.is_some(),
                Id::CertificateKeyMismatch => matches!(leaf.key, KeySource::New(_)),
                // The kubelet's own certificate file is no longer used.
                Id::KubeletCertificateMissing
                | Id::KubeconfigClientCertificateMissing
                | Id::FileInvalid
                | Id::FilePrivateKeyExposed => true,
                id => is_about_a_leaf(id),
            },
            Make::MovedKubeconfig { .. } => {
                matches!(
                    id,
                    Id::KubeconfigServerNotInSans | Id::KubeconfigServerInvalid
                )
            }
            // What waits to be signed is no error.
            Make::Request(_) => matches!(
                id,
                Id::CertificateMissing | Id::CertificateKeyOnly | Id::KubeconfigMissing
            ),
            // The tree with the certificate is judged separately.
            Make::Import(_) => is_about_a_leaf(id) || id == Id::FileInvalid,
            // The resulting tree is judged separately.
            Make::Install { .. } | Make::Restore { .. } => true,
        }
    }
}

/// Returns whether a new certificate removes an error.
pub(crate) fn is_about_a_leaf(id: FindingId) -> bool {
    use FindingId as Id;
    matches!(
        id,
        Id::CertificateMissing
            | Id::CertificateKeyOnly
            | Id::CertificateKeyMissing
            | Id::CertificateKeyMismatch
            | Id::CertificateExpired
            | Id::CertificateNotYetValid
            | Id::CertificateExpiresSoon
            | Id::CertificateOtherIssuer
            | Id::CertificateDamaged
            | Id::CertificateWeakSignature
            | Id::CertificateIntermediate
            | Id::CertificateUsageMissing
            | Id::CertificateIsTheCa
            | Id::CertificateOfAnotherRow
            | Id::CertificateUnusable
            | Id::CertificateRefusedByGo
            | Id::CertificateUnknownCriticalExtension
            | Id::CertificateNamesMissing
            | Id::CertificateDiffers
    )
}

impl SigningCa {
    /// Returns the CA's row.
    pub fn row(self) -> &'static Row {
        match self {
            SigningCa::Existing(row) | SigningCa::New(row) => row,
        }
    }
}

impl KeySource {
    /// Returns whether the key is generated.
    pub fn is_new(self) -> bool {
        matches!(self, KeySource::New(_))
    }

    /// Returns the algorithm of the key that has to be generated.
    pub fn new_key(self) -> Option<Algorithm> {
        match self {
            KeySource::New(algorithm) => Some(algorithm),
            KeySource::Reuse(_) => None,
        }
    }

    /// Returns the key's algorithm.
    pub fn algorithm(self) -> Algorithm {
        match self {
            KeySource::New(algorithm) | KeySource::Reuse(algorithm) => algorithm,
        }
    }
}
