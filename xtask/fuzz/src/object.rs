//! Objects of Kubernetes that commands take: CertificateSigningRequests, the Secret `kubeadm-certs`, and Secrets of tokens.

use std::io;
use std::sync::LazyLock;

use pki::objects::bootstrap_token::{BootstrapToken, TokenSecret, TokenUse};
use pki::objects::csr::SigningRequestDocuments;
use pki::objects::kubeadm_certs::{UploadedCerts, new_secret};
use pki::x509::certificate_key::CertificateKey;

use crate::{Seed, assert_printable, odd};

/// A key that no input was encrypted with, except by [`ENCRYPTED`].
static KEY: LazyLock<CertificateKey> =
    LazyLock::new(|| CertificateKey::from_hex(&"0f1e2d3c".repeat(8)).unwrap());

/// The name of an entry, and the only contents that are encrypted with [`KEY`].
const ENTRY: (&str, &[u8]) = ("ca.crt", b"contents");

static ENCRYPTED: LazyLock<String> = LazyLock::new(|| {
    let (name, contents) = ENTRY;
    let file = (name.to_owned(), Some(contents.to_vec().into()));
    let empty = ("sa.pub".to_owned(), None);
    new_secret(&[file, empty], &KEY).unwrap().to_string()
});

const TOKEN: &str = "abcdef.0123456789abcdef";

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    signing_requests(text);
    uploaded_certs(text);
    token(text);
}

fn signing_requests(text: &str) {
    let mut documents = match SigningRequestDocuments::parse(text) {
        Ok(documents) => documents,
        Err(error) => return assert_printable(error),
    };
    let specs = documents.specs();
    for error in specs.iter().filter_map(|spec| spec.as_ref().err()) {
        assert_printable(error);
    }
    let issued = documents.certificates();
    for error in issued.iter().filter_map(|issued| issued.as_ref().err()) {
        assert_printable(error);
    }
    // What is printed is what was read.
    let json = documents.to_json().unwrap();
    assert_eq!(
        SigningRequestDocuments::parse(&json).as_ref(),
        Ok(&documents)
    );
    // A command signs all of them or none.
    if specs.iter().any(Result::is_err) {
        return;
    }
    documents.set_certificates(specs.iter().map(|_| "a certificate"));
    for issued in documents.certificates() {
        assert_eq!(issued.unwrap().certificate, b"a certificate");
    }
    for (before, after) in specs.into_iter().zip(documents.specs()) {
        let (before, after) = (before.unwrap(), after.unwrap());
        assert!(after.has_certificate);
        assert_eq!(
            (before.name, before.request, before.conditions),
            (after.name, after.request, after.conditions)
        );
    }
}

fn uploaded_certs(text: &str) {
    let uploaded = match UploadedCerts::parse(text) {
        Ok(uploaded) => uploaded,
        Err(error) => return assert_printable(error),
    };
    for entry in [ENTRY.0, "ca.key", "sa.pub"] {
        match uploaded.file(entry, &KEY) {
            Ok(Some(contents)) => assert_eq!(contents.as_slice(), ENTRY.1, "forged"),
            Ok(None) => assert!(uploaded.has(entry)),
            Err(error) => assert_printable(error),
        }
    }
}

fn token(text: &str) {
    let read = match TokenSecret::parse(text) {
        Ok(read) => read,
        Err(error) => return assert_printable(error),
    };
    assert_eq!(
        BootstrapToken::parse(&read.token.to_text()),
        Ok(read.token.clone())
    );
    let expiration = read.expiration.clone().unwrap_or_default();
    let secret = read.token.to_secret(&TokenUse::Join, "", &expiration);
    assert_eq!(TokenSecret::parse(&secret.to_string()), Ok(read.clone()));
    if let Some(reason) = read.expired(time::OffsetDateTime::UNIX_EPOCH) {
        assert_printable(reason);
    }
}

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let request = "\
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: one, resourceVersion: '007'}
spec:
  request: YWJj
  signerName: kubernetes.io/kubelet-serving
  usages: [digital signature, server auth]
  expirationSeconds: 3600
status:
  certificate: YWJj
  conditions: [{type: Approved, status: 'True'}]
";
    let token = BootstrapToken::parse(TOKEN).unwrap();
    let join = token.to_secret(&TokenUse::Join, "a node", "2026-11-22T00:21:28Z");
    let expiry = token.to_secret(&TokenUse::Expiry, "", "tomorrow");
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}\n- {join}\n",
        request.trim_end().replace('\n', "\n  ")
    );
    let typed = "kind: CertificateSigningRequestList\nitems: [{spec: {request: YQ==}}]\n";
    Ok(odd([
        request.to_owned(),
        request.replace("  certificate: YWJj\n", ""),
        request.replace("Approved", "Denied"),
        request.replace("YWJj", "\"Y\\nW\\tJj\""),
        request.replace("status:", "status: null\nother:"),
        format!("{request}---\n{request}---\n"),
        list,
        typed.to_owned(),
        ENCRYPTED.clone(),
        ENCRYPTED.replace("kube-system", "default"),
        ENCRYPTED.replace("\"data\"", "\"stringData\""),
        format!("{}\n---\n{join}\n---\n{expiry}\n", *ENCRYPTED),
        join.to_string(),
        expiry.to_string(),
        format!(" {TOKEN}\n"),
        "kind".to_owned(),
        String::new(),
    ])
    .collect())
}
