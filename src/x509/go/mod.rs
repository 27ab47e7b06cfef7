//! Reads certificates as Go's `crypto/x509` does, and has its rules for a single certificate. The programs that read a tree are
//! written in Go: a certificate that Go refuses is useless, and one that Go accepts may be in use.
//!
//! The rules are those of Go 1.26, which Kubernetes 1.36 is built with; the comments name Go's functions. `parse` has
//! those of `parser.go`, `names` those about names, and `constraints` those of `constraints.go`.
//! `x509::path` decides whether Go accepts a chain.

mod constraints;
mod extensions;
mod names;
mod parse;
mod public_key;
#[cfg(test)]
mod tests;
mod uri;

use std::fmt;

use x509_cert::der::asn1::ObjectIdentifier;

use super::der::{Der, tag};
use super::signature::SignatureAlgorithm;
pub(super) use constraints::allow;
pub(super) use extensions::{BasicConstraints, Extensions, has_host, is_handled};
pub(super) use names::is_valid_name;
pub(super) use parse::{parse, parse_fields};
pub(super) use public_key::check_public_key;

/// Returns a signature algorithm from its DER AlgorithmIdentifier, if Go accepts it.
pub(super) fn signature_algorithm(identifier: &[u8]) -> Option<SignatureAlgorithm> {
    SignatureAlgorithm::parse(Der(identifier).read(tag::SEQUENCE)?)
}

/// The fields of a certificate that Go reads and judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GoFields {
    /// 1, 2 or 3.
    pub(super) version: u8,
    /// The encoded issuer: Go compares names octet by octet.
    pub(super) issuer: Vec<u8>,
    /// The encoded subject.
    pub(super) subject: Vec<u8>,
    /// The signature algorithm; `None` if Go does not accept it.
    pub(super) signature_algorithm: Option<SignatureAlgorithm>,
    pub(super) extensions: Extensions,
}

impl GoFields {
    /// Returns whether the certificate may sign others (`CheckSignatureFrom` in `x509.go`): one of version 3 must be a CA
    /// certificate, and keyUsage, if present, must have keyCertSign. basicConstraints need not be critical.
    pub(super) fn may_sign(&self) -> bool {
        const KEY_CERT_SIGN: u16 = 1 << 5;
        let is_ca = match self.extensions.basic_constraints {
            Some(constraints) => constraints.is_ca,
            None => self.version < 3,
        };
        let key_usage = self.extensions.key_usage;
        is_ca && (key_usage == 0 || key_usage & KEY_CERT_SIGN != 0)
    }
}

/// Why Go's `crypto/x509` does not read a certificate, or refuses to use it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoError {
    /// There are bytes after the certificate.
    TrailingData,
    /// A part is malformed; its name.
    Malformed(&'static str),
    /// The version is not 1, 2 or 3.
    Version,
    /// The serial number is negative.
    NegativeSerial,
    /// The signature algorithm in the signed part differs from the one next to the signature.
    SignatureAlgorithms,
    /// A name has a string with characters that its type does not allow; the type.
    String(&'static str),
    /// A name has an attribute that is not a string of a known type; its tag.
    StringType(u8),
    /// A date is neither UTCTime nor GeneralizedTime.
    TimeType,
    /// The public key cannot be used; the reason.
    PublicKey(PublicKeyError),
    /// An extension occurs twice.
    DuplicateExtension(ObjectIdentifier),
    /// An extension is critical that must not be critical; its name.
    Critical(&'static str),
    /// An IP address among the alternative names has neither 4 nor 16 octets, but this many.
    IpLength(usize),
    /// A URI among the alternative names is malformed.
    Uri,
    /// The name constraints are empty.
    EmptyNameConstraints,
    /// A name constraint is malformed; its kind.
    NameConstraint(&'static str),
    /// A certificate policy occurs twice.
    DuplicatePolicy,
}

/// Why Go cannot use a public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKeyError {
    /// The parameters of its algorithm are not the required ones.
    Parameters,
    /// Its encoding is malformed.
    Malformed,
    /// The RSA modulus has this many bits, less than 1024.
    RsaTooSmall(u32),
    /// The RSA modulus is even, zero or negative.
    RsaModulus,
    /// The RSA exponent is even, less than 3 or more than 2^31 - 1.
    RsaExponent,
    /// The elliptic curve is not P-224, P-256, P-384 or P-521.
    Curve,
    /// The point is not on its curve, or is compressed.
    Point,
}

impl fmt::Display for GoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GoError::TrailingData => f.write_str("there are bytes after it"),
            GoError::Malformed(what) => write!(f, "malformed {what}"),
            GoError::Version => f.write_str("its version is not 1, 2 or 3"),
            GoError::NegativeSerial => f.write_str("its serial number is negative"),
            GoError::SignatureAlgorithms => f.write_str(
                "it names one signature algorithm in the signed part and another outside",
            ),
            GoError::String(kind) => write!(f, "invalid {kind} in a name"),
            GoError::StringType(tag) => {
                write!(f, "unsupported type of string in a name (tag {tag})")
            }
            GoError::TimeType => f.write_str("a date is neither UTCTime nor GeneralizedTime"),
            GoError::PublicKey(error) => error.fmt(f),
            GoError::DuplicateExtension(oid) => write!(f, "the extension {oid} occurs twice"),
            GoError::Critical(extension) => write!(f, "its {extension} is marked critical"),
            GoError::IpLength(octets) => write!(
                f,
                "an IP address among its alternative names has {octets} octets, want 4 or 16"
            ),
            GoError::Uri => f.write_str("invalid URI among its alternative names"),
            GoError::EmptyNameConstraints => f.write_str("its name constraints are empty"),
            GoError::NameConstraint(kind) => write!(f, "invalid name constraint ({kind})"),
            GoError::DuplicatePolicy => f.write_str("a certificate policy occurs twice"),
        }
    }
}

impl std::error::Error for GoError {}

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PublicKeyError::Parameters => f.write_str("its public key has invalid parameters"),
            PublicKeyError::Malformed => f.write_str("malformed public key"),
            PublicKeyError::RsaTooSmall(bits) => {
                write!(f, "its RSA key has {bits} bits, want 1024 or more")
            }
            PublicKeyError::RsaModulus => f.write_str("invalid RSA modulus"),
            PublicKeyError::RsaExponent => {
                f.write_str("its RSA exponent is even, less than 3 or more than 2147483647")
            }
            PublicKeyError::Curve => {
                f.write_str("the elliptic curve of its key is not P-224, P-256, P-384 or P-521")
            }
            PublicKeyError::Point => f.write_str("its public key is not a point on its curve"),
        }
    }
}

impl std::error::Error for PublicKeyError {}
