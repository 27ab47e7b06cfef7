//! What a tree holds now, row by row. Reading never fails as a whole: what is wrong with a file is part of the answer.

use std::any::Any;
use std::fmt;
use std::path::Path;

use crate::catalog::{CATALOG, Place, Row};
use crate::fs::file::Contents;
use crate::kubeconfig::{Client, Kubeconfig};
use crate::tree::layout::{self, KUBELET_CLIENT_CURRENT, Root, TreePath};
use crate::tree::overlay::Tree;
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::key::{PrivateKey, PublicKey};

/// The rows of a tree, in catalog order.
#[derive(Debug)]
pub struct Inventory {
    entries: Vec<(&'static Row, Holding)>,
    runs_etcd: bool,
}

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Certificates and kubeconfigs: what a check needs. Of private key files only whether they are there.
    Certificates,
    /// Private keys too.
    Keys,
}

/// What there is of a row.
#[derive(Debug)]
pub enum Holding {
    /// A CA or a leaf.
    Pair {
        /// The certificate, then its intermediates or further CAs.
        certificate: Found<Vec<Certificate>>,
        /// The private key.
        key: Found<KeyFile>,
    },
    /// The service-account key pair.
    PublicPair {
        /// The public keys of `sa.pub`.
        public: Found<Vec<PublicKey>>,
        /// The private key.
        key: Found<KeyFile>,
    },
    /// A kubeconfig.
    Kubeconfig(Found<Box<KubeconfigFile>>),
}

/// A file, or what became of the attempt to read it.
#[derive(Debug)]
pub enum Found<T> {
    /// There is no such file.
    Absent,
    /// It was read.
    Present(T),
    /// It is there and is not what it should be.
    Broken(Broken),
}

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Names the file and says why.
    pub message: String,
    /// What that means for replacing it.
    pub fault: Fault,
}

/// What is wrong with a broken file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What is in it: it can be replaced.
    Contents,
    /// There is a private key in it, where everybody can read it: that key must not be used any more.
    LeakedKey,
    /// It could not be read, or it is no plain file with one name: it must not be replaced.
    Unreadable,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A private key file.
#[derive(Debug)]
pub enum KeyFile {
    /// It is there; see [`Depth::Certificates`].
    Unread,
    /// It was read.
    Read(PrivateKey),
}

/// A kubeconfig with what it embeds or points at.
#[derive(Debug)]
pub struct KubeconfigFile {
    /// The file.
    pub kubeconfig: Kubeconfig,
    /// The embedded CA certificates; none if they lie in a file of their own.
    pub ca: Option<Vec<Certificate>>,
    /// The CA of this tree whose file it names instead.
    pub ca_row: Option<&'static Row>,
    /// Whether the CA's file that it names lies in the tree, and is not there.
    pub is_ca_missing: bool,
    /// How its user proves who it is.
    pub client: ClientFile,
}

/// The client credentials of a kubeconfig.
#[derive(Debug)]
pub enum ClientFile {
    /// In the file.
    Embedded {
        /// The certificate, then its intermediates.
        chain: Vec<Certificate>,
        /// The key.
        key: KeyFile,
    },
    /// In the file that the kubelet renews by itself.
    Rotating(Found<Vec<Certificate>>),
    /// In a file of its own in one of the tree's directories.
    Referenced {
        /// The file, as the kubeconfig names it.
        path: String,
        /// The certificate, then its intermediates.
        chain: Found<Vec<Certificate>>,
    },
    /// In some other file, which is not `pki`'s to read; its path.
    Elsewhere(String),
    /// A token, a password or a plugin.
    Other,
}

impl Inventory {
    /// Reads every row of a tree, each to the depth that `depth` says.
    pub fn read(tree: &Tree, depth: impl Fn(&Row) -> Depth) -> Inventory {
        let read = |row: &'static Row| {
            (
                row,
                Reader {
                    tree,
                    depth: depth(row),
                }
                .holding(row),
            )
        };
        Inventory {
            entries: CATALOG.iter().copied().map(read).collect(),
            runs_etcd: tree.runs_etcd(),
        }
    }

    /// Returns whether the kubelet is told to run etcd beside the API server.
    pub fn runs_etcd(&self) -> bool {
        self.runs_etcd
    }

    /// Returns what there is of each row, in catalog order.
    pub fn entries(&self) -> impl Iterator<Item = (&'static Row, &Holding)> {
        self.entries.iter().map(|(row, holding)| (*row, holding))
    }

    /// Returns what there is of a row.
    pub fn holding(&self, row: &Row) -> Option<&Holding> {
        self.entries
            .iter()
            .find(|(entry, _)| *entry == row)
            .map(|(_, holding)| holding)
    }

    /// Returns the certificates of a CA's file, the signer's first.
    pub fn ca_certificates(&self, ca: &Row) -> Option<&[Certificate]> {
        match self.holding(ca) {
            Some(Holding::Pair {
                certificate: Found::Present(chain),
                ..
            }) => Some(chain),
            _ => None,
        }
    }

    /// Returns whether a CA's certificate is here and its key is not (kubeadm: externally managed).
    pub fn is_external(&self, ca: &Row) -> bool {
        matches!(
            self.holding(ca),
            Some(Holding::Pair {
                certificate: Found::Present(_),
                key: Found::Absent
            })
        )
    }
}

impl Holding {
    /// Returns whether there is no file of the row.
    pub fn is_absent(&self) -> bool {
        match self {
            Holding::Pair { certificate, key } => certificate.is_absent() && key.is_absent(),
            Holding::PublicPair { public, key } => public.is_absent() && key.is_absent(),
            Holding::Kubeconfig(file) => file.is_absent(),
        }
    }

    /// Returns the row's certificate with its intermediates, wherever it lies.
    pub fn chain(&self) -> Option<&[Certificate]> {
        match self {
            Holding::Pair {
                certificate: Found::Present(chain),
                ..
            } => Some(chain),
            Holding::Kubeconfig(Found::Present(file)) => match &file.client {
                ClientFile::Embedded { chain, .. }
                | ClientFile::Rotating(Found::Present(chain))
                | ClientFile::Referenced {
                    chain: Found::Present(chain),
                    ..
                } => Some(chain),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the row's certificate.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.chain()?.first()
    }

    /// Returns the row's private key, if it was read.
    pub fn key(&self) -> Option<&PrivateKey> {
        match self {
            Holding::Pair {
                key: Found::Present(KeyFile::Read(key)),
                ..
            }
            | Holding::PublicPair {
                key: Found::Present(KeyFile::Read(key)),
                ..
            } => Some(key),
            Holding::Kubeconfig(Found::Present(file)) => match &file.client {
                ClientFile::Embedded {
                    key: KeyFile::Read(key),
                    ..
                } => Some(key),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<T> Found<T> {
    /// Returns whether there is no such file.
    pub fn is_absent(&self) -> bool {
        matches!(self, Found::Absent)
    }

    /// Returns what is wrong with the file, if something is.
    pub fn broken(&self) -> Option<&Broken> {
        match self {
            Found::Broken(broken) => Some(broken),
            Found::Absent | Found::Present(_) => None,
        }
    }

    fn and_then<U>(self, next: impl FnOnce(T) -> Found<U>) -> Found<U> {
        match self {
            Found::Present(value) => next(value),
            Found::Absent => Found::Absent,
            Found::Broken(broken) => Found::Broken(broken),
        }
    }
}

struct Reader<'a> {
    tree: &'a Tree,
    depth: Depth,
}

impl Reader<'_> {
    fn holding(&self, row: &Row) -> Holding {
        match row.place {
            Place::Pair { .. } => Holding::Pair {
                certificate: self.certificates(row),
                key: self.key(row),
            },
            Place::PublicPair { .. } => Holding::PublicPair {
                public: self.public_keys(row),
                key: self.key(row),
            },
            Place::Kubeconfig { .. } => Holding::Kubeconfig(self.kubeconfig(row)),
        }
    }

    fn certificates(&self, row: &Row) -> Found<Vec<Certificate>> {
        self.parse(layout::certificate_file(row), Certificate::chain_from_pem)
    }

    fn public_keys(&self, row: &Row) -> Found<Vec<PublicKey>> {
        self.parse(layout::certificate_file(row), PublicKey::from_pem)
    }

    fn key(&self, row: &Row) -> Found<KeyFile> {
        let file = layout::key_file(row);
        match self.depth {
            Depth::Keys => self.parse(file, |bytes| PrivateKey::from_pem(bytes).map(KeyFile::Read)),
            Depth::Certificates if file.is_some_and(|file| self.tree.exists(&file)) => {
                Found::Present(KeyFile::Unread)
            }
            Depth::Certificates => Found::Absent,
        }
    }

    fn kubeconfig(&self, row: &Row) -> Found<Box<KubeconfigFile>> {
        let Some(file) = layout::kubeconfig_file(row) else {
            return Found::Absent;
        };
        let broken = |error: &dyn fmt::Display| self.broken(&file, error);
        self.parse(Some(file.clone()), Kubeconfig::parse)
            .and_then(|kubeconfig| {
                let ca = match kubeconfig.ca() {
                    Ok(ca) => ca,
                    Err(error) => return Found::Broken(broken(&error)),
                };
                let client = match kubeconfig.client() {
                    Ok(Client::Embedded { certificate, key }) => {
                        let chain = match Certificate::chain_from_pem(&certificate) {
                            Ok(chain) => chain,
                            Err(error) => {
                                return Found::Broken(broken(&format!(
                                    "client-certificate-data: {error}"
                                )));
                            }
                        };
                        let key = match self.depth {
                            Depth::Certificates => KeyFile::Unread,
                            Depth::Keys => match PrivateKey::from_pem(&key) {
                                Ok(key) => KeyFile::Read(key),
                                Err(error) => {
                                    return Found::Broken(broken(&format!(
                                        "client-key-data: {error}"
                                    )));
                                }
                            },
                        };
                        ClientFile::Embedded { chain, key }
                    }
                    Ok(Client::Files { certificate }) => self.referenced(certificate),
                    Ok(Client::Other) => ClientFile::Other,
                    Err(error) => return Found::Broken(broken(&error)),
                };
                let ca_row = self.ca_row(&kubeconfig);
                let is_ca_missing = kubeconfig
                    .ca_file()
                    .and_then(|path| self.tree.layout.locate(path))
                    .is_some_and(|file| !self.tree.exists(&file));
                Found::Present(Box::new(KubeconfigFile {
                    kubeconfig,
                    ca,
                    ca_row,
                    is_ca_missing,
                    client,
                }))
            })
    }

    fn ca_row(&self, kubeconfig: &Kubeconfig) -> Option<&'static Row> {
        let named = self.tree.layout.locate(kubeconfig.ca_file()?)?;
        let is_named = |row: &&&'static Row| {
            row.is_ca() && layout::certificate_file(row).as_ref() == Some(&named)
        };
        CATALOG.iter().find(is_named).copied()
    }

    /// Only what lies in the tree's directories is read; any other path may lead anywhere.
    fn referenced(&self, path: String) -> ClientFile {
        let is_kubelets = Path::new(&path)
            .file_name()
            .is_some_and(|name| name == KUBELET_CLIENT_CURRENT);
        if is_kubelets {
            let file = TreePath::new(Root::Kubelet, KUBELET_CLIENT_CURRENT);
            return ClientFile::Rotating(self.parse(Some(file), Certificate::chain_beside_key));
        }
        match self.tree.layout.locate(&path) {
            Some(file) => ClientFile::Referenced {
                chain: self.parse(Some(file), Certificate::chain_beside_key),
                path,
            },
            None => ClientFile::Elsewhere(path),
        }
    }

    fn parse<T, E: fmt::Display + 'static>(
        &self,
        file: Option<TreePath>,
        parse: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Found<T> {
        let Some(file) = file else {
            return Found::Absent;
        };
        let unreadable = |message| {
            Found::Broken(Broken {
                message,
                fault: Fault::Unreadable,
            })
        };
        match self.tree.read(&file) {
            Ok(None) => Found::Absent,
            Err(error) => unreadable(error.to_string()),
            // Whoever replaces one of its names leaves the others behind.
            Ok(Some(contents))
                if self.depth == Depth::Keys && self.has_foreign_name(&file, &contents) =>
            {
                unreadable(
                    self.broken(
                        &file,
                        &format!(
                            "the file has {} names (hard links); remove the others first",
                            contents.links
                        ),
                    )
                    .message,
                )
            }
            Ok(Some(Contents { bytes, .. })) => match parse(&bytes) {
                Ok(value) => Found::Present(value),
                Err(error) => {
                    let leaked =
                        (&error as &dyn Any).downcast_ref() == Some(&CertificateError::PrivateKey);
                    let fault = if leaked {
                        Fault::LeakedKey
                    } else {
                        Fault::Contents
                    };
                    Found::Broken(Broken {
                        fault,
                        ..self.broken(&file, &error)
                    })
                }
            },
        }
    }

    /// A transaction that was cut off has given the old file a second name, which the next one removes.
    fn has_foreign_name(&self, file: &TreePath, contents: &Contents) -> bool {
        let own = 1 + u64::from(self.tree.has_kept(file));
        contents.links > own
    }

    fn broken(&self, file: &TreePath, error: &dyn fmt::Display) -> Broken {
        let message = format!("`{}`: {error}", self.tree.layout.path(file).display());
        Broken {
            message,
            fault: Fault::Contents,
        }
    }
}
