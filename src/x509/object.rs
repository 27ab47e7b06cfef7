//! Whatever a PEM or DER file holds, for reports. A file of a tree is read by `chain` and `key`, which are stricter.

use x509_cert::der::asn1::ObjectIdentifier;

use super::certificate::Certificate;
use super::crl::RevocationList;
use super::der::{Der, tag};
use super::encrypted_key::{EncryptedKey, StoredKey};
use super::go::check_public_key;
use super::key::{KeyError, PrivateKey, PublicKey};
use super::oid::{self, oid_name};
use super::pem::{self, Block};
use super::request::CertificateRequest;

pub(crate) use super::der::is_signed;

/// Something in a file.
#[derive(Debug)]
pub enum X509Object {
    /// A certificate.
    Certificate(Box<Certificate>),
    /// A certification request.
    Request(Box<CertificateRequest>),
    /// A private key.
    PrivateKey(Box<PrivateKey>),
    /// A private key that `pki` cannot use; the name or object identifier of its algorithm.
    UnsupportedPrivateKey(String),
    /// A private key that needs a passphrase.
    EncryptedPrivateKey(EncryptedKey),
    /// A public key.
    PublicKey(PublicKey),
    /// A certificate revocation list.
    RevocationList(Box<RevocationList>),
    /// A PEM block of another kind; its label.
    Other(String),
    /// Something that cannot be read.
    Malformed {
        /// What it should be.
        what: &'static str,
        /// Why it cannot be read.
        reason: String,
    },
}

impl X509Object {
    fn is_malformed(&self) -> bool {
        matches!(self, X509Object::Malformed { .. })
    }
}

/// Returns what PEM text or one DER structure holds, in its order; empty if it is neither.
pub fn objects(bytes: &[u8]) -> Vec<X509Object> {
    let der = from_der(bytes);
    if der.as_ref().is_some_and(|object| !object.is_malformed()) {
        return der.into_iter().collect();
    }
    match pem::blocks(bytes) {
        // Text may begin with `0`, the octet with which DER begins.
        Ok(blocks) if blocks.is_empty() => der.into_iter().collect(),
        Ok(blocks) => blocks.iter().map(from_block).collect(),
        Err(error) => vec![X509Object::Malformed {
            what: "PEM",
            reason: error.to_string(),
        }],
    }
}

fn from_block(block: &Block) -> X509Object {
    let contents = block.contents.as_slice();
    match block.label.as_str() {
        "CERTIFICATE" => certificate(contents),
        // OpenSSL appends the purposes for which it is trusted.
        "TRUSTED CERTIFICATE" => match Der(contents).read_whole(tag::SEQUENCE) {
            Some(first) => certificate(first),
            None => certificate(contents),
        },
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => request(contents),
        "X509 CRL" => revocation_list(contents),
        "PUBLIC KEY" => public_key(contents),
        _ => match StoredKey::from_block(block) {
            Ok(Some(StoredKey::Plain(key))) => X509Object::PrivateKey(Box::new(key)),
            Ok(Some(StoredKey::Encrypted(key))) => X509Object::EncryptedPrivateKey(key),
            Ok(None) => X509Object::Other(block.display_label()),
            Err(error) => match key_algorithm(contents) {
                Some(algorithm) if matches!(error, KeyError::Unsupported(_)) => {
                    X509Object::UnsupportedPrivateKey(algorithm)
                }
                _ => X509Object::Malformed {
                    what: "private key",
                    reason: error.to_string(),
                },
            },
        },
    }
}

/// Returns the algorithm of a private key in PKCS#8 (RFC 5958) or SEC1 (RFC 5915) if `pki` cannot use such keys.
fn key_algorithm(der: &[u8]) -> Option<String> {
    let mut key = Der(der).read(tag::SEQUENCE)?;
    key.read(tag::INTEGER)?;
    let (algorithm, curve) = match key.any()? {
        second if second.tag == tag::SEQUENCE => {
            let mut identifier = Der(second.contents);
            let algorithm = identifier.object_identifier()?;
            (algorithm, identifier.object_identifier())
        }
        second if second.tag == tag::OCTET_STRING => {
            let curve = key.read(tag::constructed(0))?.object_identifier()?;
            (oid::EC_PUBLIC_KEY, Some(curve))
        }
        _ => return None,
    };
    let name = |octets| ObjectIdentifier::from_bytes(octets).map(oid_name).ok();
    match algorithm {
        oid::RSA_ENCRYPTION => None,
        // A key on one of these curves is malformed.
        oid::EC_PUBLIC_KEY => match curve? {
            oid::SECP256R1 | oid::SECP384R1 | oid::SECP521R1 => None,
            curve => Some(format!("ECDSA on {}", name(curve)?)),
        },
        algorithm => name(algorithm),
    }
}

/// Recognizes a DER structure by the first elements in it.
fn from_der(der: &[u8]) -> Option<X509Object> {
    let mut outer = Der(der).read(tag::SEQUENCE)?;
    let first = outer.any()?;
    let second = outer.any()?;
    let is_signed = second.tag == tag::SEQUENCE && outer.starts_with(tag::BIT_STRING);
    let key = |label| {
        let block = Block::of(label, der);
        from_block(&block)
    };
    Some(match (first.tag, second.tag) {
        (tag::SEQUENCE, _) if is_signed => {
            let mut body = Der(first.contents);
            let version = body.any()?;
            // Only a request begins with a plain version, its name and its key; a list has its algorithm and two times.
            match (
                version.tag,
                body.any()?.tag,
                body.any().map(|third| third.tag),
            ) {
                (tag::INTEGER, tag::SEQUENCE, Some(tag::SEQUENCE))
                    if is_request(first.contents) =>
                {
                    request(der)
                }
                _ if Certificate::from_der(der.to_vec()).is_ok() => certificate(der),
                _ => match revocation_list(der) {
                    X509Object::Malformed { .. } => certificate(der),
                    list => list,
                },
            }
        }
        (tag::SEQUENCE, tag::BIT_STRING) => public_key(der),
        (tag::SEQUENCE, tag::OCTET_STRING) => key("ENCRYPTED PRIVATE KEY"),
        // The version of PFX (RFC 7292 section 4); that of PKCS#8 is 0 or 1.
        (tag::INTEGER, tag::SEQUENCE) if first.contents == [3] => X509Object::Malformed {
            what: "PKCS#12",
            reason: "`pki` does not read it; convert it with `openssl pkcs12`".to_owned(),
        },
        (tag::INTEGER, tag::SEQUENCE) => key("PRIVATE KEY"),
        (tag::INTEGER, tag::INTEGER) => key("RSA PRIVATE KEY"),
        (tag::INTEGER, tag::OCTET_STRING) => key("EC PRIVATE KEY"),
        _ => return None,
    })
}

/// Returns whether the signed part has the attributes of a request (RFC 2986 section 4.1), which are tagged with 0.
fn is_request(body: &[u8]) -> bool {
    let mut body = Der(body);
    (0..3).all(|_| body.any().is_some()) && body.starts_with(tag::constructed(0))
}

fn certificate(der: &[u8]) -> X509Object {
    match Certificate::from_der(der.to_vec()) {
        Ok(certificate) => X509Object::Certificate(Box::new(certificate)),
        Err(error) => X509Object::Malformed {
            what: "certificate",
            reason: error.to_string(),
        },
    }
}

fn request(der: &[u8]) -> X509Object {
    match CertificateRequest::from_der(der.to_vec()) {
        Ok(request) => X509Object::Request(Box::new(request)),
        Err(error) => X509Object::Malformed {
            what: "certification request",
            reason: error.to_string(),
        },
    }
}

fn revocation_list(der: &[u8]) -> X509Object {
    match RevocationList::from_der(der) {
        Ok(list) => X509Object::RevocationList(Box::new(list)),
        Err(reason) => X509Object::Malformed {
            what: "revocation list",
            reason,
        },
    }
}

fn public_key(der: &[u8]) -> X509Object {
    match check_public_key(der) {
        Ok(()) => X509Object::PublicKey(PublicKey::from_spki(der.to_vec())),
        Err(error) => X509Object::Malformed {
            what: "public key",
            reason: error.to_string(),
        },
    }
}
