//! CertificateSigningRequest objects (`certificates.k8s.io/v1`): several in one file, in lists, as YAML or JSON.
//!
//! Only `status.certificate` is ever changed. Everything else in an object is kept as it is. `NewSigningRequest` makes objects.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::documents::{self, DocumentsError};
use crate::util::escape::{escape_line, quote};

const API_VERSION: &str = "certificates.k8s.io/v1";
const KIND: &str = "CertificateSigningRequest";

/// The documents of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct SigningRequestDocuments {
    documents: Vec<Value>,
}

/// What pki reads of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningRequestSpec {
    /// `metadata.name`.
    pub name: String,
    /// `spec.request`, decoded.
    pub request: Vec<u8>,
    /// `spec.signerName`.
    pub signer_name: String,
    /// `spec.usages`, Kubernetes' words.
    pub usages: Vec<String>,
    /// `spec.expirationSeconds`.
    pub expiration_seconds: Option<u64>,
    /// The types of `status.conditions` that are true.
    pub conditions: Vec<String>,
    /// Whether `status.certificate` is set.
    pub has_certificate: bool,
}

/// The certificate of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedObject {
    /// `metadata.name`.
    pub name: String,
    /// `status.certificate`, decoded: PEM.
    pub certificate: Vec<u8>,
}

/// Why a file of objects cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectError {
    /// The text cannot be read.
    Text(DocumentsError),
    /// There is an object of another kind; its kind.
    OtherKind(String),
    /// There is no object.
    Empty,
    /// A field is missing or has the wrong form: its object, its path, what is wrong.
    Field(String, &'static str, String),
}

/// What a new object says.
#[derive(Clone, Debug)]
pub struct NewSigningRequest<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `spec.request`, PEM.
    pub request: &'a str,
    /// `spec.signerName`.
    pub signer_name: &'a str,
    /// `spec.usages`, Kubernetes' words.
    pub usages: &'a [&'static str],
    /// `spec.expirationSeconds`.
    pub expiration_seconds: Option<u32>,
}

impl NewSigningRequest<'_> {
    /// Returns the object, for `kubectl apply`.
    pub fn to_object(&self) -> Value {
        let mut spec = json!({
            "request": BASE64_STANDARD.encode(self.request),
            "signerName": self.signer_name,
            "usages": self.usages,
        });
        if let (Some(seconds), Some(spec)) = (self.expiration_seconds, spec.as_object_mut()) {
            spec.insert("expirationSeconds".to_owned(), seconds.into());
        }
        json!({"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": self.name}, "spec": spec})
    }
}

/// Parses the name of an object, which is also that of files (Kubernetes `IsValidPathSegmentName`).
///
/// The error is a message.
pub fn parse_object_name(text: &str) -> Result<String, String> {
    let is_other = |c: char| c.is_control() || c.is_whitespace() || "/%".contains(c);
    match text.is_empty() || text.starts_with(['.', '-']) || text.contains(is_other) {
        true => Err("want a name without slashes, spaces and `%`, such as `web-server`".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// Parses the name of a signer: a domain of two labels or more, and a name (Kubernetes `ValidateSignerName`).
///
/// The error is a message.
pub fn parse_signer_name(text: &str) -> Result<String, String> {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        label.chars().all(|c| is_alphanumeric(c) || c == '-')
            && label.starts_with(is_alphanumeric)
            && label.ends_with(is_alphanumeric)
    };
    let is_subdomain = |name: &str| name.len() <= 253 && name.split('.').all(is_label);
    match text.split_once('/') {
        Some((domain, name))
            if domain.contains('.') && is_subdomain(domain) && is_subdomain(name) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("want a domain and a name, such as `example.com/signer`".to_owned()),
    }
}

impl SigningRequestDocuments {
    /// Reads a file.
    ///
    /// # Errors
    /// If it is not YAML or JSON, or has other objects.
    pub fn parse(text: &str) -> Result<SigningRequestDocuments, ObjectError> {
        let mut documents = documents::read(text).map_err(ObjectError::Text)?;
        documents.retain(|document| !document.is_null());
        let documents = SigningRequestDocuments { documents };
        for object in documents.objects() {
            check_kind(object)?;
        }
        if documents.objects().next().is_none() {
            return Err(ObjectError::Empty);
        }
        Ok(documents)
    }

    /// Returns what each object asks for, in their order.
    pub fn specs(&self) -> Vec<Result<SigningRequestSpec, ObjectError>> {
        self.objects().map(spec).collect()
    }

    /// Returns the certificate of each object, in their order.
    pub fn certificates(&self) -> Vec<Result<IssuedObject, ObjectError>> {
        self.objects().map(issued).collect()
    }

    /// Sets `status.certificate` of each object, in their order.
    pub fn set_certificates<'a>(&mut self, certificates: impl IntoIterator<Item = &'a str>) {
        let objects = self.documents.iter_mut().flat_map(items_mut);
        for (object, pem) in objects.zip(certificates) {
            let Some(fields) = object.as_object_mut() else {
                continue;
            };
            let status = fields
                .entry("status")
                .or_insert_with(|| Value::Object(Map::new()));
            if status.is_null() {
                *status = Value::Object(Map::new());
            }
            if let Some(status) = status.as_object_mut() {
                let encoded = BASE64_STANDARD.encode(pem);
                status.insert("certificate".to_owned(), encoded.into());
            }
        }
    }

    /// Returns the documents as JSON: `kubectl replace --raw` sends what it reads, and the API server takes it for JSON.
    ///
    /// # Errors
    /// If the library cannot write it.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        for document in &self.documents {
            text.push_str(&serde_json::to_string_pretty(document)?);
            text.push('\n');
        }
        Ok(text)
    }

    fn objects(&self) -> impl Iterator<Item = &Value> {
        self.documents.iter().flat_map(items)
    }
}

/// Returns the objects of a document: those of a list, or itself.
fn items(document: &Value) -> Vec<&Value> {
    match (
        is_list(document),
        document.get("items").and_then(Value::as_array),
    ) {
        (true, Some(items)) => items.iter().collect(),
        (true, None) => Vec::new(),
        (false, _) => vec![document],
    }
}

fn items_mut(document: &mut Value) -> Vec<&mut Value> {
    match is_list(document) {
        true => match document.get_mut("items").and_then(Value::as_array_mut) {
            Some(items) => items.iter_mut().collect(),
            None => Vec::new(),
        },
        false => vec![document],
    }
}

fn is_list(document: &Value) -> bool {
    let kind = text(document, "/kind");
    kind == "List" || kind == "CertificateSigningRequestList"
}

fn check_kind(object: &Value) -> Result<(), ObjectError> {
    let (version, kind) = (text(object, "/apiVersion"), text(object, "/kind"));
    match (version, kind) {
        (API_VERSION, KIND) => Ok(()),
        // The API server leaves both out in the items of a typed list.
        ("", "") if object.pointer("/spec/request").is_some() => Ok(()),
        (version, kind) => Err(ObjectError::OtherKind(format!("{version} {kind}"))),
    }
}

fn spec(object: &Value) -> Result<SigningRequestSpec, ObjectError> {
    let name = text(object, "/metadata/name").to_owned();
    let wrong = |path, what: &str| ObjectError::Field(name.clone(), path, what.to_owned());
    let encoded: String = text(object, "/spec/request")
        .split_ascii_whitespace()
        .collect();
    if encoded.is_empty() {
        return Err(wrong("spec.request", "it is missing"));
    }
    let request = BASE64_STANDARD
        .decode(encoded)
        .map_err(|_| wrong("spec.request", "it is not base64"))?;
    let status = object.get("status");
    if status.is_some_and(|status| !status.is_object() && !status.is_null()) {
        return Err(wrong("status", "it is not an object"));
    }
    let signer_name = text(object, "/spec/signerName").to_owned();
    if signer_name.is_empty() {
        return Err(wrong("spec.signerName", "it is missing"));
    }
    let usages = object.pointer("/spec/usages").and_then(Value::as_array);
    let usages = usages
        .into_iter()
        .flatten()
        .map(|usage| usage.as_str().map(str::to_owned));
    let usages: Option<Vec<_>> = usages.collect();
    let usages = usages.filter(|usages| !usages.is_empty());
    let expiration = object.pointer("/spec/expirationSeconds");
    let expiration = expiration.filter(|value| !value.is_null());
    let expiration_seconds = expiration
        .map(|seconds| {
            seconds
                .as_u64()
                .ok_or_else(|| wrong("spec.expirationSeconds", "it is not a number of seconds"))
        })
        .transpose()?;
    Ok(SigningRequestSpec {
        request,
        signer_name,
        usages: usages.ok_or_else(|| wrong("spec.usages", "want at least one usage"))?,
        expiration_seconds,
        conditions: conditions(object),
        has_certificate: !text(object, "/status/certificate").is_empty(),
        name,
    })
}

fn issued(object: &Value) -> Result<IssuedObject, ObjectError> {
    let name = text(object, "/metadata/name").to_owned();
    let wrong =
        |what: &str| ObjectError::Field(name.clone(), "status.certificate", what.to_owned());
    let encoded: String = text(object, "/status/certificate")
        .split_ascii_whitespace()
        .collect();
    if encoded.is_empty() {
        let refused = ["Denied", "Failed"];
        let conditions = conditions(object);
        let refused = refused
            .into_iter()
            .find(|refused| conditions.iter().any(|one| one == refused));
        return Err(wrong(&match refused {
            Some(condition) => format!("it is missing, and the condition {condition} is set"),
            None => "it is missing: the request is not signed yet".to_owned(),
        }));
    }
    let certificate = BASE64_STANDARD
        .decode(encoded)
        .map_err(|_| wrong("it is not base64"))?;
    Ok(IssuedObject { name, certificate })
}

fn conditions(object: &Value) -> Vec<String> {
    let conditions = object
        .pointer("/status/conditions")
        .and_then(Value::as_array);
    let is_true = |condition: &&Value| ["True", ""].contains(&text(condition, "/status"));
    let conditions = conditions.into_iter().flatten().filter(is_true);
    conditions
        .map(|condition| text(condition, "/type").to_owned())
        .collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ObjectError::Text(DocumentsError::NotYaml(position)) => {
                write!(f, "it is neither PEM or DER, nor YAML or JSON{position}")
            }
            ObjectError::Text(error) => error.fmt(f),
            ObjectError::OtherKind(kind) if kind.trim().is_empty() => {
                f.write_str("it is neither PEM or DER, nor a Kubernetes object")
            }
            ObjectError::OtherKind(kind) => {
                write!(
                    f,
                    "it has an object of kind {}, want {API_VERSION} {KIND}",
                    quote(kind.trim())
                )
            }
            ObjectError::Empty => write!(f, "it has no {KIND}"),
            ObjectError::Field(name, path, what) => {
                write!(f, "{KIND} `{}`: {path}: {what}", escape_line(name))
            }
        }
    }
}

impl std::error::Error for ObjectError {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const OBJECT: &str = "\
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: one, resourceVersion: '007', annotations: {a: 'yes', b: \"1e3\"}}
spec:
  request: YWJj
  signerName: kubernetes.io/kubelet-serving
  usages: [digital signature, server auth]
  expirationSeconds: 3600
  unknown: [1, 2.5, null, true]
status:
  conditions: [{type: Approved, status: 'True'}, {type: Denied, status: 'False'}]
";

    #[test]
    fn the_fields_of_an_object_are_read() {
        let documents = SigningRequestDocuments::parse(OBJECT).unwrap();
        let spec = documents.specs().remove(0).unwrap();
        assert_eq!(spec.name, "one");
        assert_eq!(spec.request, b"abc");
        assert_eq!(spec.signer_name, "kubernetes.io/kubelet-serving");
        assert_eq!(spec.usages, ["digital signature", "server auth"]);
        assert_eq!(spec.expiration_seconds, Some(3600));
        assert_eq!(spec.conditions, ["Approved"]);
        assert!(!spec.has_certificate);
    }

    #[test]
    fn names_of_objects_and_signers_are_those_of_kubernetes() {
        for good in ["web", "my-svc.my-namespace", "node-csr-A:b"] {
            assert_eq!(parse_object_name(good), Ok(good.to_owned()));
        }
        for bad in ["", ".", "..", "-a", "a/b", "a%b", "a b", "a\n"] {
            assert!(parse_object_name(bad).is_err(), "{bad:?}");
        }
        for good in ["kubernetes.io/kubelet-serving", "a.b/c.d-1"] {
            assert_eq!(parse_signer_name(good), Ok(good.to_owned()));
        }
        for bad in [
            "", "a", "a/b", "a.b/", "/a", "a.b/c/d", "A.b/c", "a.b/-c", "a..b/c", "a.b/c_d",
        ] {
            assert!(parse_signer_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_new_object_is_read_as_it_was_made() {
        let new = NewSigningRequest {
            name: "web",
            request: "abc",
            signer_name: "example.com/signer",
            usages: &["digital signature", "server auth"],
            expiration_seconds: Some(600),
        };
        let text = new.to_object().to_string();
        let documents = SigningRequestDocuments::parse(&text).unwrap();
        let spec = documents.specs().remove(0).unwrap();
        assert_eq!(spec.name, "web");
        assert_eq!(spec.request, b"abc");
        assert_eq!(spec.signer_name, "example.com/signer");
        assert_eq!(spec.usages, ["digital signature", "server auth"]);
        assert_eq!(spec.expiration_seconds, Some(600));
    }

    #[test]
    fn only_the_certificate_of_each_object_changes() {
        let list = format!(
            "kind: List\napiVersion: v1\nitems:\n- {}",
            OBJECT.trim_end().replace('\n', "\n  ")
        );
        let text = format!("{OBJECT}---\n{list}\n");
        let mut documents = SigningRequestDocuments::parse(&text).unwrap();
        let mut wanted = documents::read(&text).unwrap();
        wanted[0]["status"]["certificate"] = "b25l".into();
        wanted[1]["items"][0]["status"]["certificate"] = "dHdv".into();
        documents.set_certificates(["one", "two"]);
        let json = documents.to_json().unwrap();
        let found: Vec<Value> = serde_json::Deserializer::from_str(&json)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(found, wanted);
        assert_eq!(found[0]["metadata"]["resourceVersion"], "007");
        assert_eq!(found[0]["metadata"]["annotations"]["a"], "yes");
        assert_eq!(found[0]["metadata"]["annotations"]["b"], "1e3");
    }

    #[test]
    fn the_certificate_of_an_object_is_read() {
        let issued = |status: &str| {
            let text = OBJECT.replace(
                "  conditions: [{",
                &format!("  {status}\n  conditions: [{{"),
            );
            let documents = SigningRequestDocuments::parse(&text).unwrap();
            documents.certificates().remove(0)
        };
        assert_eq!(
            issued("certificate: YW\n    Jj"),
            Ok(IssuedObject {
                name: "one".to_owned(),
                certificate: b"abc".to_vec()
            })
        );
        let error = |status| issued(status).unwrap_err().to_string();
        let field = "CertificateSigningRequest `one`: status.certificate: ";
        assert_eq!(
            error("x: y"),
            format!("{field}it is missing: the request is not signed yet")
        );
        assert_eq!(
            error("certificate: '%'"),
            format!("{field}it is not base64")
        );
        let denied = OBJECT.replace("Approved", "Failed");
        let documents = SigningRequestDocuments::parse(&denied).unwrap();
        assert_eq!(
            documents.certificates().remove(0).unwrap_err().to_string(),
            format!("{field}it is missing, and the condition Failed is set")
        );
    }

    #[test]
    fn a_bad_object_is_an_error_that_names_the_field() {
        let error = |from: &str, to: &str| {
            let text = OBJECT.replace(from, to);
            let documents = SigningRequestDocuments::parse(&text);
            let spec = documents.and_then(|documents| documents.specs().remove(0));
            spec.unwrap_err().to_string()
        };
        let object = "CertificateSigningRequest `one`: ";
        for (from, to, wanted) in [
            ("  request: YWJj\n", "", format!("{object}spec.request: it is missing")),
            ("YWJj", "'%'", format!("{object}spec.request: it is not base64")),
            ("signerName", "signer", format!("{object}spec.signerName: it is missing")),
            ("[digital signature, server auth]", "[]", format!("{object}spec.usages: want at least one usage")),
            ("[digital signature, server auth]", "[1]", format!("{object}spec.usages: want at least one usage")),
            ("status:\n  conditions: [{type: Approved, status: 'True'}, {type: Denied, status: 'False'}]", "status: x", format!("{object}status: it is not an object")),
            ("3600", "-1", format!("{object}spec.expirationSeconds: it is not a number of seconds")),
            ("certificates.k8s.io/v1", "certificates.k8s.io/v1beta1", "it has an object of kind `certificates.k8s.io/v1beta1 CertificateSigningRequest`, want certificates.k8s.io/v1 CertificateSigningRequest".to_owned()),
            ("kind: Cert", "kind: [Cert", "it is neither PEM or DER, nor YAML or JSON (line 3, column 9)".to_owned()),
        ] {
            assert_eq!(error(from, to), wanted);
        }
        assert_eq!(
            SigningRequestDocuments::parse("---\n"),
            Err(ObjectError::Empty)
        );
        assert_eq!(
            SigningRequestDocuments::parse("kind: List"),
            Err(ObjectError::Empty)
        );
    }
}
