//! Kubeconfig files: the few fields that `pki` needs are typed, all others are kept unchanged.
//!
//! Format: Kubernetes `client-go/tools/clientcmd/api/v1`. `yaml` reads fields, `edit` changes them in the text.

pub mod contexts;
mod edit;
#[cfg(test)]
mod tests;
mod yaml;

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use self::edit::KubeconfigField;
use self::yaml::{
    decoded, expect, field, has_credentials, list, may_be_key, named, string, string_at,
};
use crate::x509::certificate::{Certificate, CertificateError};

/// The largest file that is read, see `fs::file`.
const MAX_SIZE: usize = 1024 * 1024;

/// A kubeconfig whose current context leads to a cluster and a user.
#[derive(Clone)]
pub struct Kubeconfig {
    /// The text of the file; `None` if the file must be written from the document.
    text: Option<Zeroizing<String>>,
    document: Value,
    /// Index of the current context's cluster in `clusters`.
    cluster: usize,
    /// Index of the current context's user in `users`.
    user: usize,
}

/// The credentials of the current context's user.
pub enum Credentials {
    /// Certificate and key are in the file, both PEM.
    Embedded {
        /// Decoded `client-certificate-data`.
        certificate: Vec<u8>,
        /// Decoded `client-key-data`.
        key: Zeroizing<Vec<u8>>,
    },
    /// The key is in the file, and its certificate has still to be made.
    KeyOnly {
        /// Decoded `client-key-data`.
        key: Zeroizing<Vec<u8>>,
    },
    /// Certificate and key are in other files.
    CertificateFiles {
        /// `client-certificate`.
        certificate: String,
    },
    /// The user has a token, a password or a plugin.
    NoCertificate,
}

/// The contents of a new kubeconfig.
pub struct KubeconfigContents<'a> {
    /// Name of the cluster entry.
    pub cluster: &'a str,
    /// URL of the API server.
    pub server: &'a str,
    /// CA certificates, PEM; `None` if they are not known yet.
    pub ca: Option<&'a str>,
    /// Name of the user entry.
    pub user: &'a str,
    /// The credentials of the user.
    pub credentials: NewCredentials<'a>,
}

/// The credentials of a new kubeconfig.
pub enum NewCredentials<'a> {
    /// A client certificate with its key, both PEM.
    Certificate {
        /// The certificate.
        certificate: &'a str,
        /// The key.
        key: &'a str,
    },
    /// A key whose certificate has still to be signed, PEM.
    KeyOnly {
        /// The key.
        key: &'a str,
    },
    /// A token.
    Token(&'a str),
}

/// Why a kubeconfig is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeconfigError {
    /// The file has no bytes.
    Empty,
    /// The file is not YAML; the library's reason, with the line.
    Yaml(String),
    /// The field has the wrong type, or names an entry that does not exist.
    Field {
        /// Path of the field.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificates in `certificate-authority-data` cannot be read.
    Ca(CertificateError),
}

impl Kubeconfig {
    /// Makes a kubeconfig with one cluster, one user and one context, laid out as client-go writes it: keys in byte order.
    pub fn new(new: &KubeconfigContents<'_>) -> Kubeconfig {
        let context = format!("{}@{}", new.user, new.cluster);
        let user = match new.credentials {
            NewCredentials::Certificate { certificate, key } => json!({
                "client-certificate-data": encode(certificate.as_bytes()),
                "client-key-data": encode(key.as_bytes()),
            }),
            NewCredentials::KeyOnly { key } => json!({"client-key-data": encode(key.as_bytes())}),
            NewCredentials::Token(token) => json!({"token": token}),
        };
        let ca = new.ca.map(|ca| encode(ca.as_bytes()));
        let cluster: Map<_, _> = ca
            .map(|ca| ("certificate-authority-data".to_owned(), Value::from(ca)))
            .into_iter()
            .chain([("server".to_owned(), new.server.into())])
            .collect();
        let document = json!({
            "apiVersion": "v1",
            "clusters": [{
                "cluster": cluster,
                "name": new.cluster,
            }],
            "contexts": [{"context": {"cluster": new.cluster, "user": new.user}, "name": context}],
            "current-context": context,
            "kind": "Config",
            "users": [{"name": new.user, "user": user}],
        });
        Kubeconfig {
            text: None,
            document,
            cluster: 0,
            user: 0,
        }
    }

    /// Reads a kubeconfig.
    pub fn parse(text: &[u8]) -> Result<Kubeconfig, KubeconfigError> {
        if text.is_empty() {
            return Err(KubeconfigError::Empty);
        }
        let text = std::str::from_utf8(text)
            .map_err(|_| KubeconfigError::Yaml("it is not UTF-8".to_owned()))?;
        let document = yaml::read(text)?;
        // client-go fills in both.
        expect(&document, "apiVersion", "v1")?;
        expect(&document, "kind", "Config")?;
        let current = string(&document, "current-context")?.to_owned();
        Kubeconfig::in_context(text, document, &current)
    }

    /// Returns the kubeconfig with this context as its current one.
    fn in_context(
        text: &str,
        document: Value,
        current: &str,
    ) -> Result<Kubeconfig, KubeconfigError> {
        let contexts = list(&document, "contexts")?;
        let (index, context) = named(contexts, "contexts", current, "current-context")?;
        let path = format!("contexts[{index}].context");
        let context = context
            .get("context")
            .ok_or_else(|| field(&path, "it is missing"))?;
        let cluster_name = string_at(context, "cluster", &path)?;
        let user_name = string_at(context, "user", &path)?;
        let (cluster, _) = named(
            list(&document, "clusters")?,
            "clusters",
            cluster_name,
            &format!("{path}.cluster"),
        )?;
        let (user, _) = named(
            list(&document, "users")?,
            "users",
            user_name,
            &format!("{path}.user"),
        )?;
        let kubeconfig = Kubeconfig {
            text: Some(Zeroizing::new(text.to_owned())),
            cluster,
            user,
            document,
        };
        kubeconfig.check_server()?;
        if !kubeconfig.cluster().is_some_and(Value::is_object) {
            return Err(field(
                &format!("clusters[{cluster}].cluster"),
                "it is missing",
            ));
        }
        Ok(kubeconfig)
    }

    /// Returns the file's text.
    pub fn to_yaml(&self) -> Result<Zeroizing<String>, KubeconfigError> {
        if let Some(text) = &self.text {
            return Ok(text.clone());
        }
        // Base64 values must not be folded.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_string_with_options(&self.document, options)
            .map(Zeroizing::new)
            .map_err(|error| KubeconfigError::Yaml(error.to_string()))
    }

    /// Returns the URL of the current context's cluster.
    pub fn server(&self) -> Option<&str> {
        self.cluster()?.get("server")?.as_str()
    }

    /// Returns the name of the current context's cluster, unless it may be a pasted key.
    pub fn cluster_name(&self) -> Option<&str> {
        let clusters = self.document.get("clusters")?;
        let name = clusters.get(self.cluster)?.get("name")?.as_str();
        name.filter(|name| !may_be_key(name))
    }

    /// Returns the name of the current context's user, unless it may be a pasted key.
    pub fn user_name(&self) -> Option<&str> {
        let users = self.document.get("users")?;
        let name = users.get(self.user)?.get("name")?.as_str();
        name.filter(|name| !may_be_key(name))
    }

    /// Returns the CA certificates of the current context's cluster; none if they are not embedded.
    pub fn ca(&self) -> Result<Option<Vec<Certificate>>, KubeconfigError> {
        let path = format!("clusters[{}].cluster", self.cluster);
        let Some(cluster) = self.cluster() else {
            return Ok(None);
        };
        match decoded(cluster, "certificate-authority-data", &path)? {
            Some(pem) => Certificate::list_from_pem(&pem)
                .map(Some)
                .map_err(KubeconfigError::Ca),
            None if self.ca_file().is_some_and(may_be_key) => Err(field(
                &format!("{path}.certificate-authority"),
                "it is not a path",
            )),
            None => Ok(None),
        }
    }

    /// Returns the path in `certificate-authority`, if the CA is in another file.
    pub fn ca_file(&self) -> Option<&str> {
        let path = self.cluster()?.get("certificate-authority")?.as_str()?;
        Some(path).filter(|path| !path.is_empty())
    }

    /// Returns the name that the server's certificate must have, where it is not the one in the URL (`tls-server-name`).
    pub fn tls_server_name(&self) -> Option<&str> {
        let name = self.cluster()?.get("tls-server-name")?.as_str()?;
        Some(name).filter(|name| !name.is_empty())
    }

    /// Returns whether the current context's cluster is not verified (`insecure-skip-tls-verify`).
    pub fn skips_tls_verification(&self) -> bool {
        let skips = |cluster: &Value| cluster.get("insecure-skip-tls-verify")?.as_bool();
        self.cluster().and_then(skips).unwrap_or(false)
    }

    /// Returns the credentials of the current context's user.
    pub fn credentials(&self) -> Result<Credentials, KubeconfigError> {
        let path = format!("users[{}].user", self.user);
        let Some(user) = self
            .document
            .get("users")
            .and_then(|users| users.get(self.user)?.get("user"))
            .filter(|user| user.as_object().is_some_and(|user| !user.is_empty()))
        else {
            // A truncated file ends like this.
            return Err(field(&path, "it is missing"));
        };
        let certificate = decoded(user, "client-certificate-data", &path)?;
        let key = decoded(user, "client-key-data", &path)?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Credentials::Embedded {
                certificate,
                key: Zeroizing::new(key),
            }),
            (Some(_), None) => Err(field(
                &format!("{path}.client-key-data"),
                "it is missing beside client-certificate-data",
            )),
            // What kubeadm's `certs generate-csr` leaves until the certificate is signed.
            (None, Some(key)) if user.get("client-certificate").is_none() => {
                Ok(Credentials::KeyOnly {
                    key: Zeroizing::new(key),
                })
            }
            (None, _) => Ok(
                match user.get("client-certificate").and_then(Value::as_str) {
                    Some(certificate) if may_be_key(certificate) => {
                        return Err(field(
                            &format!("{path}.client-certificate"),
                            "it is not a path",
                        ));
                    }
                    Some(certificate) if !certificate.is_empty() => Credentials::CertificateFiles {
                        certificate: certificate.to_owned(),
                    },
                    _ if has_credentials(user) => Credentials::NoCertificate,
                    _ => return Err(field(&path, "it has no credentials")),
                },
            ),
        }
    }

    /// Replaces the client certificate and key of the current context's user. Removes paths of files, because
    /// client-go refuses both at once (`tools/clientcmd/validation.go`).
    pub fn set_client(&mut self, certificate: &str, key: Option<&str>) {
        let user = self.user;
        self.remove("users", user, "user", "client-certificate");
        if key.is_some() {
            self.remove("users", user, "user", "client-key");
        }
        self.set(
            KubeconfigField::ClientCertificateData,
            &encode(certificate.as_bytes()),
        );
        if let Some(key) = key {
            self.set(KubeconfigField::ClientKeyData, &encode(key.as_bytes()));
        }
    }

    /// Replaces the CA certificates of the current context's cluster. Removes the path of a file, see
    /// [`Kubeconfig::set_client`].
    pub fn set_ca(&mut self, ca: &str) {
        let cluster = self.cluster;
        self.remove("clusters", cluster, "cluster", "certificate-authority");
        self.set(
            KubeconfigField::CertificateAuthorityData,
            &encode(ca.as_bytes()),
        );
    }

    /// Replaces the server of the current context's cluster.
    pub fn set_server(&mut self, server: &str) {
        self.set(KubeconfigField::Server, server);
    }

    /// Returns whether the file is written from its fields, without comments, because its text could not be changed
    /// in place.
    pub fn loses_comments(&self) -> bool {
        self.text.is_none()
    }

    fn set(&mut self, field: KubeconfigField, value: &str) {
        let (list, index, key, name) = match field {
            KubeconfigField::CertificateAuthorityData => (
                "clusters",
                self.cluster,
                "cluster",
                "certificate-authority-data",
            ),
            KubeconfigField::Server => ("clusters", self.cluster, "cluster", "server"),
            KubeconfigField::ClientCertificateData => {
                ("users", self.user, "user", "client-certificate-data")
            }
            KubeconfigField::ClientKeyData => ("users", self.user, "user", "client-key-data"),
        };
        let Some(fields) = self.entry(list, index, key) else {
            return;
        };
        fields.insert(name.to_owned(), value.into());
        let edited = self
            .text
            .as_deref()
            .and_then(|text| edit::replace(text, field, self.cluster, self.user, value));
        // The text cannot be changed in some block scalars and aliases, and a file must not become too large to be
        // read.
        self.text = edited.filter(|text| {
            let is_read = || yaml::read(text).is_ok_and(|document| document == self.document);
            text.len() <= MAX_SIZE && is_read()
        });
    }

    /// Removes a field. This cannot be done in the text, so the file is written from the document.
    fn remove(&mut self, list: &str, index: usize, key: &str, name: &str) {
        let removed = self
            .entry(list, index, key)
            .and_then(|fields| fields.shift_remove(name));
        if removed.is_some() {
            self.text = None;
        }
    }

    /// Refuses a server that is neither a URL nor a host with a port, because messages must not show a pasted key.
    fn check_server(&self) -> Result<(), KubeconfigError> {
        /// The longest label of a DNS name (RFC 1035 section 2.3.4).
        const MAX_LABEL: usize = 63;
        let server = self.server().unwrap_or_default();
        let (_, rest) = server.split_once("://").unwrap_or(("", server));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let is_host = host.split(['.', ':']).all(|label| label.len() <= MAX_LABEL);
        match is_host && !may_be_key(server) {
            true => Ok(()),
            false => Err(field(
                &format!("clusters[{}].cluster.server", self.cluster),
                "it is neither a URL nor a host",
            )),
        }
    }

    fn cluster(&self) -> Option<&Value> {
        self.document
            .get("clusters")?
            .get(self.cluster)?
            .get("cluster")
    }

    fn entry(&mut self, list: &str, index: usize, key: &str) -> Option<&mut Map<String, Value>> {
        self.document
            .get_mut(list)?
            .get_mut(index)?
            .get_mut(key)?
            .as_object_mut()
    }
}

impl PartialEq for Kubeconfig {
    fn eq(&self, other: &Kubeconfig) -> bool {
        (&self.document, self.cluster, self.user) == (&other.document, other.cluster, other.user)
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Kubeconfig({}, elided)",
            self.server().unwrap_or("no server")
        )
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Embedded { .. } => f.write_str("Embedded(elided)"),
            Credentials::KeyOnly { .. } => f.write_str("KeyOnly(elided)"),
            Credentials::CertificateFiles { certificate } => {
                write!(f, "CertificateFiles({certificate})")
            }
            Credentials::NoCertificate => f.write_str("NoCertificate"),
        }
    }
}

impl fmt::Display for KubeconfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KubeconfigError::Empty => f.write_str("the file is empty"),
            KubeconfigError::Yaml(reason) => write!(f, "malformed YAML: {reason}"),
            KubeconfigError::Field { path, problem } => write!(f, "{path}: {problem}"),
            KubeconfigError::Ca(error) => write!(f, "certificate-authority-data: {error}"),
        }
    }
}

impl std::error::Error for KubeconfigError {}
