//! Quotes text of files in messages, but never a value that looks like a key.

use std::collections::HashSet;

use super::escape;

/// The text that replaces a secret in messages.
const PLACEHOLDER: &str = "(looks like a key, not shown)";

/// Returns `text` in backticks, escaped and shortened.
pub(crate) fn quote(text: &str) -> String {
    match is_secret(text) {
        true => PLACEHOLDER.to_owned(),
        false => escape::quote(text),
    }
}

/// Returns `text` escaped and shortened.
pub(crate) fn truncate(text: &str) -> String {
    match is_secret(text) {
        true => PLACEHOLDER.to_owned(),
        false => escape::truncate(text, escape::MAX_CHARACTERS),
    }
}

/// Returns a text that a state file holds and that reports show; one that looks like a key is replaced.
pub(crate) fn shown(text: String) -> String {
    match is_secret(&text) {
        true => PLACEHOLDER.to_owned(),
        false => text,
    }
}

/// The shortest run of characters that may be a key.
const MIN_RUN: usize = 16;
/// The shortest run of hexadecimal digits that may be a key: 16 bytes.
const MIN_HEX_RUN: usize = 32;
/// The fewest different characters of a key.
const MIN_CHARACTERS: usize = 8;

/// Returns whether a text contains something like key material: PEM, base64 or hexadecimal digits.
fn is_secret(text: &str) -> bool {
    if text.contains("PRIVATE KEY") {
        return true;
    }
    // Base64 uses the slash, but in a path or URL it is a separator.
    let has_parts = text.starts_with('/') || text.contains("://");
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || c == '+' || (c == '/' && !has_parts);
    text.split(|c: char| !is_base64(c))
        .filter(|run| run.len() >= MIN_RUN)
        .any(|run| {
            let characters: HashSet<_> = run.bytes().collect();
            characters.len() >= MIN_CHARACTERS && (is_hex_key(run) || is_base64_key(run))
        })
}

fn is_hex_key(run: &str) -> bool {
    run.len() >= MIN_HEX_RUN && run.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Returns whether upper case, lower case and digits are mixed more than in camel case.
fn is_base64_key(run: &str) -> bool {
    let class = |b: u8| (b.is_ascii_uppercase(), b.is_ascii_lowercase());
    let changes = run
        .bytes()
        .zip(run.bytes().skip(1))
        .filter(|(a, b)| class(*a) != class(*b))
        .count();
    changes > run.len() / 3
        && run.bytes().any(|b| b.is_ascii_uppercase())
        && run.bytes().any(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        for secret in [
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n",
            "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49",
            "s2kzWqPmNbVcXzLk",
            "dHJ1c3QgbWUsIEkgYW0gYSBrZXk=",
            "0123456789abcdef0123456789abcdef",
            "token: x4Kf9QzR2mWv7TbN",
        ] {
            assert_eq!(quote(secret), PLACEHOLDER, "{secret}");
            assert_eq!(truncate(secret), PLACEHOLDER, "{secret}");
        }
    }

    #[test]
    fn names_paths_and_fields_are_shown() {
        for text in [
            "",
            "controlPlaneEndpoint",
            "timeoutForControlPlane",
            "caCertificateValidityPeriod",
            "/etc/kubernetes/pki",
            "/home/Admin/Clusters2/kubernetes",
            "https://Control-Plane1.example.com:6443/Path0",
            "kube-control-plane-0.europe-west3-a.c.my-company-prod.internal",
            "ip-10-0-0-12.eu-central-1.compute.internal",
            "fd00:10:96::/112,10.96.0.0/16",
            "e3b0c44298fc1c149afb",
            "KubeletConfigurationV1beta1",
            "PublicKeysECDSA=true",
            "UnversionedKubeletConfigMap",
        ] {
            assert_eq!(quote(text), escape::quote(text));
        }
    }
}
