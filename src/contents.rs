//! What the files of a cluster hold, whatever they are: PEM, DER, kubeconfigs, and Kubernetes objects in YAML or JSON that
//! carry PEM. For reports only: no command that writes reads a tree this way.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::kubeconfig::Kubeconfig;
use crate::objects::documents::{self, DocumentsError, kind_of};
use crate::x509::object::{X509Object, objects};

/// One thing in a file.
#[derive(Debug)]
pub struct Content {
    /// Where in the file it is, such as ``Secret `default/tls`, tls.crt``; empty for the file itself.
    pub place: String,
    /// What it is.
    pub object: ContentObject,
}

/// What a thing in a file is.
#[derive(Debug)]
pub enum ContentObject {
    /// A certificate, a key or the like.
    X509(X509Object),
    /// What a CertificateSigningRequest asks of its signer; the request in it follows.
    SigningRequest {
        /// `spec.signerName`.
        signer_name: Option<String>,
        /// `spec.usages`.
        usages: Vec<String>,
    },
    /// A kubeconfig; the certificates in it follow.
    Kubeconfig(Box<Kubeconfig>),
    /// Nothing that is known; why.
    Unknown(String),
}

/// Reads everything in a file; at least one thing.
pub fn read(bytes: &[u8]) -> Vec<Content> {
    let mut contents: Vec<_> = x509("", bytes).collect();
    if contents.is_empty() {
        contents = match str::from_utf8(bytes) {
            Ok(text) if !text.trim().is_empty() => documents(text),
            Ok(_) => vec![unknown("the file is empty")],
            Err(_) => vec![unknown("it is neither PEM, DER nor text")],
        };
    }
    contents
}

fn x509(place: &str, bytes: &[u8]) -> impl Iterator<Item = Content> {
    let place = place.to_owned();
    objects(bytes).into_iter().map(move |object| Content {
        place: place.clone(),
        object: ContentObject::X509(object),
    })
}

fn unknown(why: impl Into<String>) -> Content {
    Content {
        place: String::new(),
        object: ContentObject::Unknown(why.into()),
    }
}

/// Reads YAML or JSON documents.
fn documents(text: &str) -> Vec<Content> {
    let documents = match documents::read(text) {
        Ok(documents) => documents,
        Err(DocumentsError::NotYaml(position)) => {
            return vec![unknown(format!(
                "it is neither PEM, DER nor YAML{position}"
            ))];
        }
        Err(error) => return vec![unknown(error.to_string())],
    };
    let mut contents = Vec::new();
    match documents.as_slice() {
        [document] if kind_of(document) == Some("Config") => kubeconfig(text, &mut contents),
        documents => {
            for document in documents {
                object(document, "", &mut contents);
            }
        }
    }
    match contents.is_empty() {
        true => vec![unknown(
            "it holds neither certificates, keys nor a kubeconfig",
        )],
        false => contents,
    }
}

/// Reads a Kubernetes object; an item of a list that does not say its kind is of `kind_of_items`.
fn object(value: &Value, kind_of_items: &str, contents: &mut Vec<Content>) {
    let kind = kind_of(value).unwrap_or(kind_of_items);
    let bundles: &[&str] = match kind {
        "APIService" => &["/spec/caBundle"],
        "CustomResourceDefinition" => &["/spec/conversion/webhook/clientConfig/caBundle"],
        _ => &[],
    };
    for pointer in bundles {
        field(value, kind, pointer, contents);
    }
    match kind {
        "Config" => {
            if let Ok(text) = serde_json::to_string(value).map(Zeroizing::new) {
                kubeconfig(&text, contents);
            }
        }
        list if list.ends_with("List") => {
            let items = value.get("items").and_then(Value::as_array);
            for item in items.into_iter().flatten() {
                object(item, list.trim_end_matches("List"), contents);
            }
        }
        "Secret" => {
            for (field, is_encoded) in [("data", true), ("stringData", false)] {
                entries(value, kind, field, is_encoded, contents);
            }
        }
        "ConfigMap" => {
            for (field, is_encoded) in [("data", false), ("binaryData", true)] {
                entries(value, kind, field, is_encoded, contents);
            }
        }
        "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
            let webhooks = value.get("webhooks").and_then(Value::as_array);
            for index in 0..webhooks.map_or(0, Vec::len) {
                let pointer = format!("/webhooks/{index}/clientConfig/caBundle");
                field(value, kind, &pointer, contents);
            }
        }
        "CertificateSigningRequest" => {
            contents.extend(signing_request(value, kind));
            for pointer in ["/spec/request", "/status/certificate"] {
                field(value, kind, pointer, contents);
            }
        }
        _ => {}
    }
}

/// Reads a field in base64, if there is one.
fn field(value: &Value, kind: &str, pointer: &str, contents: &mut Vec<Content>) {
    let path = pointer.trim_start_matches('/').replace('/', ".");
    let place = format!("{}, {path}", name(value, kind));
    if let Some(encoded) = value.pointer(pointer).and_then(Value::as_str) {
        decoded(&place, encoded, contents);
    }
}

/// Returns the signer and the usages of a CertificateSigningRequest, if it has any.
fn signing_request(value: &Value, kind: &str) -> Option<Content> {
    let signer_name = value.pointer("/spec/signerName").and_then(Value::as_str);
    let usages = value.pointer("/spec/usages").and_then(Value::as_array);
    let usages = usages.into_iter().flatten().filter_map(Value::as_str);
    let usages: Vec<_> = usages.map(str::to_owned).collect();
    (signer_name.is_some() || !usages.is_empty()).then(|| Content {
        place: name(value, kind),
        object: ContentObject::SigningRequest {
            signer_name: signer_name.map(str::to_owned),
            usages,
        },
    })
}

fn kubeconfig(text: &str, contents: &mut Vec<Content>) {
    let kubeconfig = match Kubeconfig::parse(text.as_bytes()) {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => return contents.push(unknown(format!("kubeconfig: {error}"))),
    };
    let embedded = embedded(&kubeconfig);
    contents.push(Content {
        place: String::new(),
        object: ContentObject::Kubeconfig(Box::new(kubeconfig)),
    });
    contents.extend(embedded);
}

/// Returns the CAs, the client certificate and the key of the current context.
fn embedded(kubeconfig: &Kubeconfig) -> Vec<Content> {
    let mut contents = Vec::new();
    if let Ok(Some(cas)) = kubeconfig.ca() {
        let place = "certificate-authority-data";
        contents.extend(cas.into_iter().map(|ca| Content {
            place: place.to_owned(),
            object: ContentObject::X509(X509Object::Certificate(Box::new(ca))),
        }));
    }
    if let Ok(crate::kubeconfig::Credentials::Embedded { certificate, key }) =
        kubeconfig.credentials()
    {
        let parts = [
            ("client-certificate-data", certificate.as_slice()),
            ("client-key-data", key.as_slice()),
        ];
        for (place, bytes) in parts {
            let before = contents.len();
            contents.extend(x509(place, bytes));
            if contents.len() == before {
                contents.push(Content {
                    place: place.to_owned(),
                    ..unknown("it is not PEM")
                });
            }
        }
    }
    contents
}

/// Reads the entries of a Secret or ConfigMap that hold PEM or a kubeconfig.
fn entries(value: &Value, kind: &str, field: &str, is_encoded: bool, contents: &mut Vec<Content>) {
    let entries = value.get(field).and_then(Value::as_object);
    for (key, entry) in entries.into_iter().flatten() {
        let Some(entry) = entry.as_str() else {
            continue;
        };
        let place = format!("{}, {key}", name(value, kind));
        match is_encoded {
            true => decoded(&place, entry, contents),
            false => entry_of(&place, entry.as_bytes(), contents),
        }
    }
}

fn decoded(place: &str, encoded: &str, contents: &mut Vec<Content>) {
    let encoded: Zeroizing<String> =
        Zeroizing::new(encoded.split_ascii_whitespace().collect::<String>());
    match BASE64_STANDARD
        .decode(encoded.as_bytes())
        .map(Zeroizing::new)
    {
        Ok(bytes) => entry_of(place, &bytes, contents),
        Err(_) => contents.push(Content {
            place: place.to_owned(),
            object: ContentObject::Unknown("it is not base64".to_owned()),
        }),
    }
}

fn entry_of(place: &str, bytes: &[u8], contents: &mut Vec<Content>) {
    let before = contents.len();
    contents.extend(x509(place, bytes));
    if contents.len() > before {
        return;
    }
    if let Ok(kubeconfig) = Kubeconfig::parse(bytes) {
        let embedded = embedded(&kubeconfig);
        contents.push(Content {
            place: place.to_owned(),
            object: ContentObject::Kubeconfig(Box::new(kubeconfig)),
        });
        contents.extend(embedded.into_iter().map(|content| Content {
            place: format!("{place}, {}", content.place),
            ..content
        }));
    }
}

/// Returns the kind and name of an object.
fn name(value: &Value, kind: &str) -> String {
    let field = |field: &str| value.pointer(field).and_then(Value::as_str);
    let name = field("/metadata/name").unwrap_or_default();
    match field("/metadata/namespace") {
        Some(namespace) => format!("{kind} `{namespace}/{name}`"),
        None => format!("{kind} `{name}`"),
    }
}
