//! Kubeconfig files: the few fields that `pki` needs are typed, everything else is kept in its order.
//!
//! Format: Kubernetes `client-go/tools/clientcmd/api/v1`. Comments are lost when a file is rewritten; no field is.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::util::escape::beginning;
use crate::x509::certificate::{Certificate, CertificateError};

/// A kubeconfig whose current context leads to a cluster and a user.
#[derive(Clone, PartialEq)]
pub struct Kubeconfig {
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
    /// Certificate and key are in files of their own.
    CertificateFiles {
        /// `client-certificate`.
        certificate: String,
    },
    /// A token, a password or a plugin.
    NoCertificate,
}

/// What a kubeconfig made from scratch says.
pub struct New<'a> {
    /// Name of the cluster entry.
    pub cluster: &'a str,
    /// URL of the API server.
    pub server: &'a str,
    /// CA certificates, PEM.
    pub ca: &'a str,
    /// Name of the user entry.
    pub user: &'a str,
    /// Client certificate, PEM.
    pub certificate: &'a str,
    /// Client key, PEM.
    pub key: &'a str,
}

/// Why a kubeconfig is not usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubeconfigError {
    /// The file has no bytes.
    Empty,
    /// The file is not YAML; the library's reason, with the line.
    Yaml(String),
    /// The field has another type, or names something that is not there.
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
    pub fn new(new: &New<'_>) -> Kubeconfig {
        let context = format!("{}@{}", new.user, new.cluster);
        let document = json!({
            "apiVersion": "v1",
            "clusters": [{
                "cluster": {"certificate-authority-data": encode(new.ca.as_bytes()), "server": new.server},
                "name": new.cluster,
            }],
            "contexts": [{"context": {"cluster": new.cluster, "user": new.user}, "name": context}],
            "current-context": context,
            "kind": "Config",
            "users": [{
                "name": new.user,
                "user": {
                    "client-certificate-data": encode(new.certificate.as_bytes()),
                    "client-key-data": encode(new.key.as_bytes()),
                },
            }],
        });
        Kubeconfig {
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
        let mut document = read(text, Booleans::Core)?;
        if has_boolean_words(&document) {
            restore_booleans(&mut document, read(text, Booleans::AnyCase)?);
        }
        expect(&document, "apiVersion", "v1")?;
        expect(&document, "kind", "Config")?;
        let current = string(&document, "current-context")?;
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
            cluster,
            user,
            document,
        };
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
        // Certificates are single long words that no reader expects to be folded.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        serde_saphyr::to_string_with_options(&self.document, options)
            .map(Zeroizing::new)
            .map_err(|error| KubeconfigError::Yaml(error.to_string()))
    }

    /// Returns the URL of the current context's cluster.
    pub fn server(&self) -> Option<&str> {
        self.cluster()?.get("server")?.as_str()
    }

    /// Returns the name that the file gives to the current context's cluster.
    pub fn cluster_name(&self) -> Option<&str> {
        self.document
            .get("clusters")?
            .get(self.cluster)?
            .get("name")?
            .as_str()
    }

    /// Returns the name that the file gives to the current context's user.
    pub fn user_name(&self) -> Option<&str> {
        self.document
            .get("users")?
            .get(self.user)?
            .get("name")?
            .as_str()
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
            None => Ok(None),
        }
    }

    /// Returns the path in `certificate-authority`, if the CA is a file of its own.
    pub fn ca_file(&self) -> Option<&str> {
        let path = self.cluster()?.get("certificate-authority")?.as_str()?;
        Some(path).filter(|path| !path.is_empty())
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
            // A file that was cut off ends like this, and nobody gets anywhere with it.
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
            (None, Some(_)) if user.get("client-certificate").is_none() => Err(field(
                &format!("{path}.client-certificate-data"),
                "it is missing beside client-key-data",
            )),
            (None, _) => Ok(
                match user.get("client-certificate").and_then(Value::as_str) {
                    Some(certificate) if !certificate.is_empty() => Credentials::CertificateFiles {
                        certificate: certificate.to_owned(),
                    },
                    _ if has_credentials(user) => Credentials::NoCertificate,
                    _ => return Err(field(&path, "it has no credentials")),
                },
            ),
        }
    }

    /// Puts another client certificate and key into the current context's user. Paths of files are removed: client-go refuses
    /// both at once (`tools/clientcmd/validation.go`).
    pub fn set_client(&mut self, certificate: &str, key: Option<&str>) {
        let user = self.user;
        if let Some(user) = self.entry("users", user, "user") {
            user.shift_remove("client-certificate");
            if key.is_some() {
                user.shift_remove("client-key");
            }
            user.insert(
                "client-certificate-data".to_owned(),
                encode(certificate.as_bytes()).into(),
            );
            if let Some(key) = key {
                user.insert("client-key-data".to_owned(), encode(key.as_bytes()).into());
            }
        }
    }

    /// Puts other CA certificates into the current context's cluster. The path of a file is removed, see
    /// [`Kubeconfig::set_client`].
    pub fn set_ca(&mut self, ca: &str) {
        let cluster = self.cluster;
        if let Some(cluster) = self.entry("clusters", cluster, "cluster") {
            cluster.shift_remove("certificate-authority");
            cluster.insert(
                "certificate-authority-data".to_owned(),
                encode(ca.as_bytes()).into(),
            );
        }
    }

    /// Lets the current context's cluster be another server.
    pub fn set_server(&mut self, server: &str) {
        let cluster = self.cluster;
        if let Some(cluster) = self.entry("clusters", cluster, "cluster") {
            cluster.insert("server".to_owned(), server.into());
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

/// Which plain words are booleans.
#[derive(Clone, Copy, PartialEq)]
enum Booleans {
    /// Those of YAML 1.2 (section 10.3.2).
    Core,
    /// Those of YAML 1.1 as well, in any mixture of capitals.
    AnyCase,
}

fn read(text: &[u8], booleans: Booleans) -> Result<Value, KubeconfigError> {
    // What is not meant as a number must not be rewritten as one; client-go reads names such as `007` as text. The largest
    // kubeconfigs have a few hundred nodes.
    let options = serde_saphyr::options! {
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: booleans == Booleans::Core,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: 25_000 },
    };
    serde_saphyr::from_slice_with_options(text, options)
        .map_err(|error| KubeconfigError::Yaml(yaml_reason(&error)))
}

/// The booleans of YAML 1.1 that are none in YAML 1.2, as client-go spells them (`gopkg.in/yaml.v2`, `resolve.go`).
const BOOLEAN_WORDS: [&str; 16] = [
    "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
    "OFF",
];

fn has_boolean_words(document: &Value) -> bool {
    match document {
        Value::String(text) => BOOLEAN_WORDS.contains(&text.as_str()),
        Value::Array(items) => items.iter().any(has_boolean_words),
        Value::Object(fields) => fields.values().any(has_boolean_words),
        _ => false,
    }
}

/// Takes over the booleans that client-go reads as such and YAML 1.2 does not. The library knows no more than all or none:
/// with all of them a word like `nO`, which is text to client-go, would be rewritten as `false`.
fn restore_booleans(document: &mut Value, any_case: Value) {
    match (&mut *document, any_case) {
        (Value::Object(fields), Value::Object(others)) => {
            let pairs = fields.values_mut().zip(others.into_iter().map(|(_, v)| v));
            pairs.for_each(|(field, other)| restore_booleans(field, other));
        }
        (Value::Array(items), Value::Array(others)) => {
            let pairs = items.iter_mut().zip(others);
            pairs.for_each(|(item, other)| restore_booleans(item, other));
        }
        (Value::String(text), boolean @ Value::Bool(_))
            if BOOLEAN_WORDS.contains(&text.as_str()) =>
        {
            *document = boolean;
        }
        _ => {}
    }
}

/// Returns the library's reason with the line, without its advice to programmers.
fn yaml_reason(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    if text.contains("budget breached") {
        return "it is nested too deeply, or repeats itself too often".to_owned();
    }
    if text.contains("multiple YAML documents") {
        return "it has several documents, want one".to_owned();
    }
    let reason = text
        .split(", set DuplicateKeyPolicy")
        .next()
        .unwrap_or(&text);
    reason.lines().next().unwrap_or(reason).to_owned()
}

fn encode(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

fn field(path: &str, problem: impl Into<String>) -> KubeconfigError {
    KubeconfigError::Field {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

fn expect(document: &Value, key: &str, wanted: &str) -> Result<(), KubeconfigError> {
    let found = string(document, key)?;
    if found == wanted {
        Ok(())
    } else {
        Err(field(
            key,
            format!("it is `{}`, want `{wanted}`", brief(found)),
        ))
    }
}

/// Returns the beginning of a text. What was pasted into the wrong place may be a key.
fn brief(text: &str) -> String {
    beginning(text, 30)
}

fn string<'a>(document: &'a Value, key: &str) -> Result<&'a str, KubeconfigError> {
    match document.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(field(key, "it is not a string")),
        None => Err(field(key, "it is missing")),
    }
}

fn string_at<'a>(parent: &'a Value, key: &str, path: &str) -> Result<&'a str, KubeconfigError> {
    match parent.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(field(&format!("{path}.{key}"), "it is not a string")),
        None => Err(field(&format!("{path}.{key}"), "it is missing")),
    }
}

fn list<'a>(document: &'a Value, key: &str) -> Result<&'a [Value], KubeconfigError> {
    match document.get(key) {
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(field(key, "it is not a list")),
        None => Err(field(key, "it is missing")),
    }
}

/// Finds the one entry of a list that has a name. client-go refuses two of the same name, and so does this.
fn named<'a>(
    items: &'a [Value],
    list: &str,
    name: &str,
    wanted_by: &str,
) -> Result<(usize, &'a Value), KubeconfigError> {
    let mut found = items
        .iter()
        .enumerate()
        .filter(|(_, item)| item.get("name").and_then(Value::as_str) == Some(name));
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (Some(_), Some(_)) => Err(field(
            list,
            format!("there are several entries named `{}`", brief(name)),
        )),
        (None, _) => Err(field(
            wanted_by,
            format!("there is no `{}` in {list}", brief(name)),
        )),
    }
}

/// Returns whether a user proves who it is with something else than a certificate.
fn has_credentials(user: &Value) -> bool {
    const FIELDS: [&str; 5] = ["token", "tokenFile", "username", "auth-provider", "exec"];
    FIELDS.into_iter().any(|name| match user.get(name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(value) => !value.is_null(),
        None => false,
    })
}

fn decoded(parent: &Value, key: &str, path: &str) -> Result<Option<Vec<u8>>, KubeconfigError> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => {
            // Folded scalars and hand-wrapped values carry white space that base64 decoders other than Go's refuse.
            let packed: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
            BASE64_STANDARD
                .decode(packed.as_bytes())
                .map(Some)
                .map_err(|error| {
                    field(
                        &format!("{path}.{key}"),
                        format!(
                            "it is not base64: {}",
                            error.to_string().trim_end_matches('.')
                        ),
                    )
                })
        }
        Some(_) => Err(field(&format!("{path}.{key}"), "it is not a string")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A kubeconfig with everything that client-go accepts and `pki` does not know, in an order of its own.
    const RICH: &str = "\
kind: Config
apiVersion: v1
preferences: {colors: true}
users:
- name: other
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token, args: [a, '007', 'no'], interactiveMode: Never}
- name: node
  user:
    client-key-data: b2xkIGtleQ==
    client-certificate-data: b2xk
    as: someone
current-context: main
contexts:
- name: main
  context: {user: node, cluster: here, namespace: kube-system}
- context: {cluster: there, user: other}
  name: second
clusters:
- name: there
  cluster: {server: 'https://[2001:db8::1]:6443', insecure-skip-tls-verify: true}
- cluster:
    proxy-url: http://proxy.example:3128
    tls-server-name: api.example
    certificate-authority-data: b2xk
    server: https://10.0.0.1:6443
  name: here
extensions:
- name: note
  extension: {version: 1.10, build: 0755, size: 1_000}
";

    fn value(text: &str) -> Value {
        serde_saphyr::from_str(text).unwrap()
    }

    #[test]
    fn renewing_changes_two_fields_and_keeps_the_order_of_all() {
        let mut kubeconfig = Kubeconfig::parse(RICH.as_bytes()).unwrap();
        kubeconfig.set_client("new", Some("new key"));
        let after = kubeconfig.to_yaml().unwrap();
        let expected = RICH
            .replace("b2xkIGtleQ==", "bmV3IGtleQ==")
            .replacen("b2xk", "bmV3", 1);
        assert_eq!(value(&after)["users"], value(&expected)["users"]);
        assert_eq!(value(&after)["clusters"], value(RICH)["clusters"]);
        let keys = |text: &str| {
            value(text)
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(&after), keys(RICH));
    }

    #[test]
    fn text_that_looks_like_a_number_or_a_boolean_stays_text() {
        let text = Kubeconfig::parse(RICH.as_bytes())
            .unwrap()
            .to_yaml()
            .unwrap();
        for word in ["\"007\"", "\"no\"", "0755", "1_000"] {
            let plain = word.trim_matches('"');
            assert!(text.contains(plain), "{word} is gone: {}", text.as_str());
        }
        let args = &value(&text)["users"][0]["user"]["exec"]["args"];
        assert_eq!(*args, json!(["a", "007", "no"]));
    }

    #[test]
    fn only_the_current_contexts_cluster_is_given_another_ca() {
        let mut kubeconfig = Kubeconfig::parse(RICH.as_bytes()).unwrap();
        kubeconfig.set_ca("ca");
        let after = value(&kubeconfig.to_yaml().unwrap());
        assert_eq!(
            after["clusters"][1]["cluster"]["certificate-authority-data"],
            "Y2E="
        );
        assert_eq!(after["clusters"][0], value(RICH)["clusters"][0]);
        assert_eq!(kubeconfig.server(), Some("https://10.0.0.1:6443"));
    }

    #[test]
    fn a_new_one_is_laid_out_as_client_go_writes_it() {
        let new = New {
            cluster: "prod",
            server: "https://10.0.0.1:6443",
            ca: "ca",
            user: "kubernetes-admin",
            certificate: "certificate",
            key: "key",
        };
        insta::assert_snapshot!(Kubeconfig::new(&new).to_yaml().unwrap().as_str(), @r"
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: Y2E=
            server: https://10.0.0.1:6443
          name: prod
        contexts:
        - context:
            cluster: prod
            user: kubernetes-admin
          name: kubernetes-admin@prod
        current-context: kubernetes-admin@prod
        kind: Config
        users:
        - name: kubernetes-admin
          user:
            client-certificate-data: Y2VydGlmaWNhdGU=
            client-key-data: a2V5
        ");
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let cases = [
            ("", "the file is empty"),
            ("kind: Config\n", "apiVersion: it is missing"),
            (
                "apiVersion: v2\nkind: Config\n",
                "apiVersion: it is `v2`, want `v1`",
            ),
            (
                "apiVersion: v1\nkind: Config\n",
                "current-context: it is missing",
            ),
            (
                "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: {}\n",
                "contexts: it is not a list",
            ),
            (
                "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: []\n",
                "current-context: there is no `a` in contexts",
            ),
            (
                "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a}]\n",
                "contexts[0].context: it is missing",
            ),
            (
                "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {}}, {name: c, cluster: {}}]\n",
                "clusters: there are several entries named `c`",
            ),
        ];
        for (text, expected) in cases {
            let error = Kubeconfig::parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
        let twice = RICH.replace("kind: Config", "kind: Config\nkind: Config");
        let error = Kubeconfig::parse(twice.as_bytes()).unwrap_err().to_string();
        assert!(
            error.starts_with("malformed YAML: ") && error.contains("duplicate"),
            "{error}"
        );
    }

    #[test]
    fn half_a_pair_and_bad_base64_are_errors_and_a_token_is_not() {
        let client = |user: &str| {
            let text = RICH.replace(
                "    client-key-data: b2xkIGtleQ==\n    client-certificate-data: b2xk\n",
                user,
            );
            Kubeconfig::parse(text.as_bytes()).unwrap().credentials()
        };
        let path = "users[1].user";
        let error = client("    client-certificate-data: b2xk\n")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            format!("{path}.client-key-data: it is missing beside client-certificate-data")
        );
        let error = client("    client-certificate-data: '%'\n    client-key-data: b2xk\n")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("{path}.client-certificate-data: it is not base64")),
            "{error}"
        );
        assert!(matches!(
            client("    token: abc\n").unwrap(),
            Credentials::NoCertificate
        ));
        let files = client("    client-certificate: /a/b.pem\n    client-key: /a/b.pem\n").unwrap();
        assert!(
            matches!(files, Credentials::CertificateFiles { certificate } if certificate == "/a/b.pem")
        );
        let wrapped = client(
            "    client-certificate-data: |\n      b2\n      xk\n    client-key-data: b2xk\n",
        )
        .unwrap();
        assert!(
            matches!(wrapped, Credentials::Embedded { certificate, .. } if certificate == b"old")
        );
    }

    #[test]
    fn debug_output_shows_no_key() {
        let kubeconfig = Kubeconfig::parse(RICH.as_bytes()).unwrap();
        let text = format!("{kubeconfig:?} {:?}", kubeconfig.credentials().unwrap());
        assert_eq!(
            text,
            "Kubeconfig(https://10.0.0.1:6443, elided) Embedded(elided)"
        );
    }

    proptest! {
        /// Whatever a field we do not know holds, writing and reading gives it back.
        #[test]
        fn an_unknown_field_survives_whatever_it_holds(text in any::<String>(), number in any::<i64>(), flag in any::<bool>()) {
            let mut document = value(RICH);
            document["extensions"] = json!([{"name": text, "extension": [text, number, flag, null, {text.clone(): text}]}]);
            let kubeconfig = Kubeconfig { document: document.clone(), cluster: 1, user: 1 };
            let again = Kubeconfig::parse(kubeconfig.to_yaml().unwrap().as_bytes()).unwrap();
            prop_assert_eq!(again.document, document);
        }
    }
}
