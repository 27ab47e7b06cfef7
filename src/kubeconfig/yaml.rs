//! Reads the YAML of a kubeconfig as client-go does, field by field. Messages do not show text that may be a key.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr2;
use serde_json::Value;
use zeroize::Zeroizing;

use super::KubeconfigError;
use crate::util::escape::truncate;
use crate::util::secret::is_key;
use crate::util::yaml;

/// Reads a document. The last of two equal keys counts, as in client-go.
pub(super) fn read(text: &str) -> Result<Value, KubeconfigError> {
    let mut document = serde_saphyr::from_str_with_options(text, options())
        .map_err(|error| KubeconfigError::Yaml(yaml_reason(&error)))?;
    read_booleans(&mut document);
    Ok(document)
}

/// Returns the options for a kubeconfig; the largest ones have a few hundred nodes.
pub(super) fn options() -> serde_saphyr::Options {
    yaml::options(25_000)
}

/// The boolean fields of client-go's types.
const BOOLEANS: [&str; 4] = [
    "colors",
    "disable-compression",
    "insecure-skip-tls-verify",
    "provideClusterInfo",
];

/// Reads the booleans of YAML 1.1 in boolean fields, as client-go does; in other fields such a word is text.
fn read_booleans(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(read_booleans),
        Value::Object(fields) => {
            for (name, value) in fields {
                match (
                    BOOLEANS.contains(&name.as_str()),
                    value.as_str().and_then(boolean),
                ) {
                    (true, Some(boolean)) => *value = Value::Bool(boolean),
                    _ => read_booleans(value),
                }
            }
        }
        _ => {}
    }
}

/// Reads a boolean of YAML 1.1 that is not one in YAML 1.2 (`gopkg.in/yaml.v2`, `resolve.go`).
fn boolean(word: &str) -> Option<bool> {
    match word {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

/// Returns the library's reason with the line, without its advice to programmers and without long words, which may be keys.
fn yaml_reason(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    if yaml::is_too_complex(error) {
        return "it is nested too deeply, or has too many aliases".to_owned();
    }
    if text.contains("multiple YAML documents") {
        return "it has several documents, want one".to_owned();
    }
    let reason = text.lines().next().unwrap_or(&text);
    let words = reason.split(' ').map(|word| match word.len() > MAX_WORD {
        true => "…",
        false => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The longest word of a library's message that is quote_unless_key.
const MAX_WORD: usize = 24;

/// Returns whether a text may be a private key: PEM, base64 of PEM or DER, or as random as a key.
pub(super) fn may_be_key(text: &str) -> bool {
    let is_base64 =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '\n' | ' ');
    text.contains("-----BEGIN")
        || text.contains("PRIVATE KEY")
        || (text.len() >= 64 && !text.starts_with('/') && text.chars().all(is_base64))
        || is_key(text)
}

/// Quotes the beginning of a text, or returns only its length if it may be a key.
fn quote_unless_key(text: &str) -> String {
    match may_be_key(text) {
        true => format!("`…` ({} characters, not shown)", text.chars().count()),
        false => format!("`{}`", truncate(text, 30)),
    }
}

pub(super) fn field(path: &str, problem: impl Into<String>) -> KubeconfigError {
    KubeconfigError::Field {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

/// Checks a field for which client-go has a default.
pub(super) fn expect(document: &Value, key: &str, wanted: &str) -> Result<(), KubeconfigError> {
    match document.get(key) {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(found)) if found.is_empty() || found == wanted => Ok(()),
        Some(Value::String(found)) => {
            let what = format!("it is {}, want `{wanted}`", quote_unless_key(found));
            Err(field(key, what))
        }
        Some(_) => Err(field(key, "it is not a string")),
    }
}

pub(super) fn string<'a>(document: &'a Value, key: &str) -> Result<&'a str, KubeconfigError> {
    match document.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(field(key, "it is not a string")),
        None => Err(field(key, "it is missing")),
    }
}

pub(super) fn string_at<'a>(
    parent: &'a Value,
    key: &str,
    path: &str,
) -> Result<&'a str, KubeconfigError> {
    match parent.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(field(&format!("{path}.{key}"), "it is not a string")),
        None => Err(field(&format!("{path}.{key}"), "it is missing")),
    }
}

pub(super) fn list<'a>(document: &'a Value, key: &str) -> Result<&'a [Value], KubeconfigError> {
    match document.get(key) {
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(field(key, "it is not a list")),
        None => Err(field(key, "it is missing")),
    }
}

/// Finds the only entry of a list with this name. Refuses two entries of the same name, as client-go does.
pub(super) fn named<'a>(
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
            format!("there are several entries named {}", quote_unless_key(name)),
        )),
        (None, _) => Err(field(
            wanted_by,
            format!("there is no {} in {list}", quote_unless_key(name)),
        )),
    }
}

/// Returns whether a user has credentials other than a certificate.
pub(super) fn has_credentials(user: &Value) -> bool {
    const FIELDS: [&str; 5] = ["token", "tokenFile", "username", "auth-provider", "exec"];
    FIELDS.into_iter().any(|name| match user.get(name) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(value) => !value.is_null(),
        None => false,
    })
}

pub(super) fn decoded(
    parent: &Value,
    key: &str,
    path: &str,
) -> Result<Option<Vec<u8>>, KubeconfigError> {
    match parent.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => {
            // Go's decoder ignores line breaks, but no other blanks.
            let decoded = match memchr2(b'\n', b'\r', text.as_bytes()) {
                Some(_) => BASE64.decode(&*Zeroizing::new(text.replace(['\n', '\r'], ""))),
                None => BASE64.decode(text),
            };
            decoded
                .map(Some)
                .map_err(|_| field(&format!("{path}.{key}"), "it is not base64"))
        }
        Some(_) => Err(field(&format!("{path}.{key}"), "it is not a string")),
    }
}

/// Like Go's `base64.StdEncoding`: with padding, and unused bits need not be zero.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);
