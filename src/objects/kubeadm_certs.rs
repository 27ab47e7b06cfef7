//! The Secret `kubeadm-certs`: the files that control-plane nodes share, each encrypted with the certificate key.
//!
//! Format: kubeadm 1.36 `phases/copycerts/copycerts.go`. `tree::shared` has the names of the entries.

use std::fmt;

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::bootstrap_token::{BootstrapToken, NODE_GROUP, TokenUse};
use super::documents::{self, DocumentsError};
use super::secret::{self, KUBE_SYSTEM, SecretEntries};
use crate::x509::certificate_key::{CertificateKey, DecryptionError};
use crate::x509::key::KeyError;

/// The name of the Secret.
pub const NAME: &str = "kubeadm-certs";

/// The name of the Role that may read it, and of its RoleBinding.
const ROLE: &str = "kubeadm:kubeadm-certs";

/// A Secret that was read.
pub struct UploadedCerts {
    entries: SecretEntries,
}

/// The name of an entry, and the contents of its file if it exists.
pub type EntryFile = (String, Option<Zeroizing<Vec<u8>>>);

/// Why the Secret cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadedCertsError {
    /// It is not YAML.
    Documents(DocumentsError),
    /// It has another number of Secrets of this name than one; how many.
    Count(usize),
    /// Entries of the Secret are malformed.
    Entries(Vec<String>),
}

/// Why an entry of the Secret cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryError {
    /// There is no such entry.
    Missing,
    /// It cannot be decrypted.
    Decryption(DecryptionError),
}

impl UploadedCerts {
    /// Finds the Secret in YAML or JSON, alone, with other objects or in a list.
    ///
    /// # Errors
    /// If there is no such Secret, or more than one, or if an entry is not base64.
    pub fn parse(text: &str) -> Result<UploadedCerts, UploadedCertsError> {
        let documents = documents::read(text).map_err(UploadedCertsError::Documents)?;
        let found: Vec<_> = secret::of_kube_system(&documents)
            .filter(|(name, _)| *name == NAME)
            .map(|(_, secret)| secret)
            .collect();
        match found.as_slice() {
            [secret] => Ok(UploadedCerts {
                entries: SecretEntries::read(secret).map_err(UploadedCertsError::Entries)?,
            }),
            others => Err(UploadedCertsError::Count(others.len())),
        }
    }

    /// Returns whether there is such an entry.
    pub fn has(&self, entry: &str) -> bool {
        self.entries.names().any(|name| name == entry)
    }

    /// Decrypts an entry; `None` if it is empty, because the node that uploaded it has no such file.
    ///
    /// # Errors
    /// If the entry is missing, or another key encrypted it.
    pub fn file(
        &self,
        entry: &str,
        key: &CertificateKey,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, EntryError> {
        match self.entries.entry(entry) {
            None => Err(EntryError::Missing),
            Some([]) => Ok(None),
            Some(encrypted) => key
                .decrypt(encrypted)
                .map(Some)
                .map_err(EntryError::Decryption),
        }
    }
}

/// Encrypts files, each with the name of its entry. A file that does not exist becomes an empty entry, as in kubeadm.
///
/// # Errors
/// If the cryptography library fails.
pub fn new_secret(files: &[EntryFile], key: &CertificateKey) -> Result<Value, KeyError> {
    let mut entries = Vec::new();
    for (entry, file) in files {
        let encrypted = file.as_ref().map(|file| key.encrypt(file)).transpose()?;
        entries.push((entry.as_str(), encrypted.unwrap_or_default()));
    }
    let entries = entries
        .iter()
        .map(|(entry, value)| (*entry, value.as_slice()));
    Ok(secret::new(NAME, None, entries))
}

/// Returns the Secret of the token whose expiry is that of the upload, RFC 3339.
pub fn expiry_token(token: &BootstrapToken, expiration: &str) -> Value {
    let description = format!("Expires together with the Secret {KUBE_SYSTEM}/{NAME}");
    token.to_secret(&TokenUse::Expiry, &description, expiration)
}

/// Returns the Role and the RoleBinding that let joining nodes read the Secret.
pub fn reader_role() -> [Value; 2] {
    let metadata = json!({"name": ROLE, "namespace": KUBE_SYSTEM});
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": metadata,
        "rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [NAME], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ROLE},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": NODE_GROUP}],
    });
    [role, binding]
}

/// Returns the command that makes the Secret be deleted together with its token. The UID of the token's Secret, which the
/// reference needs, is known only after the objects were applied.
pub fn ownership_command(token: &BootstrapToken) -> String {
    let name = token.secret_name();
    let owner = json!([{
        "apiVersion": "v1",
        "kind": "Secret",
        "name": name,
        "controller": true,
        "blockOwnerDeletion": true,
        "uid": "'$(kubectl -n kube-system get secret NAME -o jsonpath={.metadata.uid})'",
    }]);
    let patch = json!({"metadata": {"ownerReferences": owner}}).to_string();
    let patch = patch.replace("secret NAME ", &format!("secret {name} "));
    format!("kubectl -n {KUBE_SYSTEM} patch secret {NAME} -p '{patch}'")
}

impl fmt::Display for UploadedCertsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UploadedCertsError::Documents(error) => error.fmt(f),
            UploadedCertsError::Count(0) => {
                write!(f, "it has no Secret `{NAME}` of `{KUBE_SYSTEM}`")
            }
            UploadedCertsError::Count(count) => {
                write!(f, "it has {count} Secrets `{NAME}`, want one")
            }
            UploadedCertsError::Entries(problems) => {
                write!(f, "Secret `{NAME}`: {}", problems.join("; "))
            }
        }
    }
}

impl std::error::Error for UploadedCertsError {}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryError::Missing => f.write_str("it is missing"),
            EntryError::Decryption(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EntryError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn files_come_back_with_the_key_and_absent_ones_stay_absent() {
        let key = CertificateKey::generate().unwrap();
        let contents = Zeroizing::new(b"contents".to_vec());
        let files = [("a".to_owned(), Some(contents)), ("b".to_owned(), None)];
        let secret = new_secret(&files, &key).unwrap();
        assert_eq!(secret["data"]["b"], "");
        let uploaded = UploadedCerts::parse(&secret.to_string()).ok().unwrap();
        assert_eq!(**uploaded.file("a", &key).unwrap().unwrap(), *b"contents");
        assert_eq!(uploaded.file("b", &key), Ok(None));
        assert_eq!(uploaded.file("c", &key), Err(EntryError::Missing));
        let other = CertificateKey::generate().unwrap();
        let refused = EntryError::Decryption(DecryptionError::Refused);
        assert_eq!(uploaded.file("a", &other), Err(refused));
    }

    #[test]
    fn exactly_one_secret_of_the_name_is_wanted() {
        let key = CertificateKey::generate().unwrap();
        let secret = new_secret(&[], &key).unwrap();
        let twice = format!("{secret}\n---\n{secret}");
        let count = |text: &str| UploadedCerts::parse(text).err();
        assert_eq!(count(&secret.to_string()), None);
        assert_eq!(count(&twice), Some(UploadedCertsError::Count(2)));
        for none in [
            "",
            "kind: Secret\nmetadata: {name: other, namespace: kube-system}\n",
        ] {
            assert_eq!(count(none), Some(UploadedCertsError::Count(0)), "{none}");
        }
    }
}
