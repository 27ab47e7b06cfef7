//! Quotes text of files in messages, but never a value that looks like a key.

use std::collections::HashSet;
use std::path::Path;

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

/// Returns a path as a word of a command that is printed to be pasted. One that looks like a key is replaced.
pub(crate) fn shell_path(path: &Path) -> String {
    match is_secret(&path.to_string_lossy()) {
        true => "DIRECTORY".to_owned(),
        false => escape::shell_path(path),
    }
}

/// Returns whether a text is so long and so random that it can only be a key. A configuration refuses such a value, and
/// accepts shorter ones, which are only hidden in messages: the id of a cluster, the name of a load balancer.
pub(crate) fn is_key(text: &str) -> bool {
    // A directory may have the SHA-256 of a container image as its name.
    let is_path = text.starts_with('/');
    let mut base64 = 0;
    for run in runs(text) {
        if !is_path && run.len() >= MIN_KEY_HEX && is_hex_key(run) {
            return true;
        }
        if is_base64_key(run) {
            base64 += run.len();
        }
    }
    base64 >= MIN_KEY_BASE64
        || text.contains("PRIVATE KEY")
        || has_separate_bytes(text)
        || has_hex_words(text)
}

/// The fewest hexadecimal digits of a private key, 32 bytes. A label of a DNS name has at most 63 characters.
const MIN_KEY_HEX: usize = 64;
/// The fewest base64 characters of a private key, 32 bytes, without those in short runs between slashes.
const MIN_KEY_BASE64: usize = 40;

/// The shortest run of characters that may be a key.
const MIN_RUN: usize = 16;
/// The shortest run of hexadecimal digits that may be a key: 16 bytes.
const MIN_HEX_RUN: usize = 32;
/// The shortest run of separate bytes that may be a key: a line of `openssl pkey -text`. A MAC address has 6 or 8.
const MIN_BYTES: usize = 15;
/// The fewest different characters of a key.
const MIN_CHARACTERS: usize = 8;

/// Returns whether a text contains something like key material: PEM, base64 or hexadecimal digits.
pub(crate) fn is_secret(text: &str) -> bool {
    if text.contains("PRIVATE KEY") || has_separate_bytes(text) || has_hex_words(text) {
        return true;
    }
    runs(text).any(|run| is_hex_key(run) || is_base64_key(run))
}

/// Returns the runs of characters that may be key material.
fn runs(text: &str) -> impl Iterator<Item = &str> {
    // Base64 uses the slash, but in a path or URL it is a separator.
    let has_parts = text.starts_with('/') || text.contains("://");
    let is_base64 =
        move |c: char| c.is_ascii_alphanumeric() || c == '+' || (c == '/' && !has_parts);
    text.split(move |c: char| !is_base64(c))
        .filter(|run| run.len() >= MIN_RUN)
        .filter(|run| run.bytes().collect::<HashSet<_>>().len() >= MIN_CHARACTERS)
}

/// Returns whether a text contains bytes as OpenSSL prints those of a key: two hexadecimal digits each, with colons and
/// line ends between them. An IPv6 address has at most 8 groups.
fn has_separate_bytes(text: &str) -> bool {
    let is_separator = |c: char| c == ':' || c.is_whitespace();
    // An escaped line end, as in a JSON text, ends a run, but the next line is a run of its own.
    text.split(|c: char| !(c.is_ascii_hexdigit() || is_separator(c)))
        .any(|run| {
            let groups: Vec<_> = run
                .split(is_separator)
                .filter(|group| !group.is_empty())
                .collect();
            groups
                .chunk_by(|one, other| one.len() == 2 && other.len() == 2)
                .filter(|bytes| bytes.len() >= MIN_BYTES)
                .any(|bytes| {
                    let characters: HashSet<_> = bytes.iter().flat_map(|it| it.bytes()).collect();
                    characters.len() >= MIN_CHARACTERS
                })
        })
}

/// Returns whether a text contains bytes as `xxd` and `od` print them: words of two, four or eight bytes each.
fn has_hex_words(text: &str) -> bool {
    let is_word = |word: &str| {
        matches!(word.len(), 4 | 8 | 16) && word.bytes().all(|b| b.is_ascii_hexdigit())
    };
    let words: Vec<_> = text.split_whitespace().collect();
    words
        .chunk_by(|one, other| is_word(one) && one.len() == other.len() && is_word(other))
        .any(|words| {
            let digits: usize = words.iter().map(|word| word.len()).sum();
            let characters: HashSet<_> = words.iter().flat_map(|word| word.bytes()).collect();
            words.len() > 1 && digits >= 2 * MIN_BYTES && characters.len() >= MIN_CHARACTERS
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
            "1c:0e:5a:93:7b:d2:48:f6:a1:3c:0d:e7:9f:64:b8:21:5e:d0:77:3a:cc:19:82:f4:6b:e5:30:9d:a8:47:12:fb",
            "1C:0E:5A:93:7B:D2:48:F6:A1:3C:0D:E7:9F:64:B8:",
            "priv:\n    1c:0e:5a:93:7b:d2:48:f6:a1:3c:0d:e7:9f:64:b8:\n    21:5e:d0:77:3a:cc\npub:\n",
            "invalid type: string \"1c:0e:5a:93:7b:d2:48:f6:a1:3c:0d:e7:9f:64:b8:21\", expected u64",
            "https://1c:0e:5a:93:7b:d2:48:f6:a1:3c:0d:e7:9f:64:b8:21:2379",
            "1c 0e 5a 93 7b d2 48 f6 a1 3c 0d e7 9f 64 b8 21",
            "1c0e 5a93 7bd2 48f6 a13c 0de7 9f64 b821",
            "00000000: 1c0e5a93 7bd248f6 a13c0de7 9f64b821  ..Z.{.H..<...d.!",
        ] {
            assert_eq!(quote(secret), PLACEHOLDER, "{secret}");
            assert_eq!(truncate(secret), PLACEHOLDER, "{secret}");
        }
    }

    #[test]
    fn only_what_is_as_long_as_a_private_key_is_certainly_one() {
        let hex = "1c0e5a937bd248f6a13c0de79f64b8215ed0773acc1982f46be5309da84712fb";
        for key in [
            "-----BEGIN PRIVATE KEY-----",
            "MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6tF1aY/PuoAoGCCqGSM49",
            "https://MHcCAQEEIIrYSSNQFaA2Hwf1duRSx/tLYX5CB04fSeQ6tF1aY.example.com:2379",
            "/MHcCAQEEIIrYSSNQFaA2Hwf1/uRSxKtLYX5CB04fSeQ6tF1aY",
            "1c:0e:5a:93:7b:d2:48:f6:a1:3c:0d:e7:9f:64:b8:",
            hex,
        ] {
            assert!(is_key(key), "{key}");
        }
        let directory = format!("/var/lib/docker/overlay2/{hex}/merged/etc/kubernetes/pki");
        for text in [
            "K8sCluster1Prod2",
            "0123456789abcdef0123456789abcdef",
            "https://0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.eu-west-1.eks.amazonaws.com",
            "a5e1b2c3d4f5061728394a5b6c7d8e9f-1234567890.eu-west-1.elb.amazonaws.com",
            "c6f2b1de-8f4c-4d53-9f5e-0a1b2c3d4e5f",
            "abcdef.0123456789abcdef",
            "arn:aws:eks:eu-west-1:123456789012:cluster/Prod1",
            &directory,
        ] {
            assert!(!is_key(text), "{text}");
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
            "2001:0db8:85a3:08d3:1319:8a2e:0370:7344",
            "2001:db8:85a3:8d3:1319:8a2e:370:7344,fd12:3456:789a:bcde:f012:3456:789a:bcde,10.12.34.56",
            "fe80::12:34:56:78:9a:bc, fe80::de:f0:12:34:56:78",
            "02:42:ac:11:00:02",
            "02:00:5e:10:00:00:00:01",
            "02:42:ac:11:00:02,02:42:ac:11:00:03,02:42:ac:9f:00:04",
            "01:23:45:67:89:ab:cd:ef",
            "2026-11-22 01:45:00",
            "fd00 2001 0db8 85a3 08d3",
            "KubeletConfigurationV1beta1",
            "PublicKeysECDSA=true",
            "UnversionedKubeletConfigMap",
        ] {
            assert_eq!(quote(text), escape::quote(text));
        }
    }
}
