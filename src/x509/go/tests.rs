//! Every rule with one certificate; `peers::go` holds the same verdicts against Go itself.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use time::OffsetDateTime;

use self::vectors::{NOW, Vector, Verdict};
use super::*;
use crate::x509::certificate::{Certificate, CertificateError};
use crate::x509::chain::Chain;
use crate::x509::der::{encode, tag};
use crate::x509::oid;
use crate::x509::path::verify;
use crate::x509::usage::Usage;

#[path = "../../../tests/support/go_vectors.rs"]
mod vectors;

/// Returns our verdict with the reason.
fn judge(vector: &Vector) -> (Verdict, String) {
    let read = |der: &Vec<u8>| Certificate::from_der(der.clone());
    let parsed: Result<Vec<_>, CertificateError> = vector
        .chain
        .iter()
        .chain([&vector.anchor])
        .map(read)
        .collect();
    let mut parsed = match parsed {
        Ok(parsed) => parsed,
        Err(CertificateError::Go(_, error)) => return (Verdict::NotParsed, error.to_string()),
        Err(error) => return (Verdict::NotParsed, error.to_string()),
    };
    if let Some(error) = parsed.iter().find_map(Certificate::go_error) {
        return (Verdict::NotParsed, error.to_string());
    }
    let anchor = parsed.pop().unwrap();
    let chain = Chain {
        leaf: parsed.remove(0),
        intermediates: parsed,
    };
    let now = OffsetDateTime::from_unix_timestamp(NOW).unwrap();
    match verify(&chain, &[&anchor], Usage::ServerAuth, now) {
        Ok(()) => (Verdict::Accepted, "accepted".to_owned()),
        Err(error) => (Verdict::NotVerified, error.to_string()),
    }
}

#[test]
fn every_rule_has_gos_verdict() {
    let mut table = String::new();
    for vector in vectors::vectors() {
        let (verdict, reason) = judge(&vector);
        assert_eq!(verdict, vector.verdict, "{}: {reason}", vector.name);
        table += &format!("{}: {reason}\n", vector.name);
    }
    insta::assert_snapshot!(table, @r"
    plain: accepted
    trailing data: there are bytes after it
    version 1 spelled out: accepted
    version 4: its version is not 1, 2 or 3
    negative version: malformed version
    version 1 without extensions: accepted
    version 2: accepted
    negative serial number: its serial number is negative
    serial number zero: accepted
    serial number of 23 octets: accepted
    serial number not minimal: malformed serial number
    serial number without octets: malformed serial number
    two signature algorithms: it names one signature algorithm in the signed part and another outside
    signed with SHA-1: it is signed with an algorithm that is no longer accepted, such as SHA-1
    signed with MD5 and RSA: it is signed with an algorithm that is no longer accepted, such as SHA-1
    unknown signature algorithm: it is signed with an algorithm that is no longer accepted, such as SHA-1
    damaged signature: its signature is wrong: it is damaged, or another CA of the same name signed it
    underscore in a PrintableString: invalid PrintableString in a name
    asterisk and ampersand in a PrintableString: accepted
    invalid UTF8String: invalid UTF8String in a name
    invalid IA5String: invalid IA5String in a name
    NumericString with a letter: invalid NumericString in a name
    NumericString: accepted
    T61String: accepted
    BMPString: accepted
    BMPString of three octets: invalid BMPString in a name
    surrogate in a BMPString: invalid BMPString in a name
    UniversalString: unsupported type of string in a name (tag 28)
    name that is an INTEGER: unsupported type of string in a name (tag 2)
    empty subject: accepted
    date that is a string: a date is neither UTCTime nor GeneralizedTime
    GeneralizedTime before 2050: accepted
    GeneralizedTime with a fraction: certificate 1 is malformed: malformed ASN.1 DER value for GeneralizedTime at DER byte 47
    February 30: certificate 1 is malformed: malformed ASN.1 DER value for UTCTime at DER byte 60
    expired: it expired on 2026-01-01
    not yet valid: it is not valid before 2028-01-01
    RSA without parameters: its public key has invalid parameters
    RSA, exponent 3: accepted
    RSA, exponent zero: its RSA exponent is even, less than 3 or more than 2147483647
    RSA, negative exponent: its RSA exponent is even, less than 3 or more than 2147483647
    RSA, 2056 bits: accepted
    RSA, 1024 bits: accepted
    RSA, negative modulus: invalid RSA modulus
    RSA key that is not a SEQUENCE: malformed public key
    curve secp256k1: the elliptic curve of its key is not P-224, P-256, P-384 or P-521
    curve that is not named: its public key has invalid parameters
    point that is not on the curve: its public key is not a point on its curve
    compressed point: its public key is not a point on its curve
    Ed25519: accepted
    Ed25519 with parameters: its public key has invalid parameters
    Ed25519 key of 31 octets: malformed public key
    unique identifiers: accepted
    duplicate extension: the extension 2.5.29.17 occurs twice
    malformed extension: malformed extension
    boolean that is neither 0 nor 255: malformed extension
    unknown extension: accepted
    unknown critical extension: it has a critical extension that Go does not handle, 1.2.3
    critical issuer alternative name: it has a critical extension that Go does not handle, 2.5.29.18
    critical subject key identifier: its subject key identifier is marked critical
    critical authority key identifier: its authority key identifier is marked critical
    critical authority information access: its authority information access is marked critical
    authority information access without URI: accepted
    malformed authority information access: malformed authority information access
    malformed subject key identifier: malformed subject key identifier
    malformed key usage: malformed key usage
    key usage with set padding: malformed key usage
    key usage with a tenth bit: accepted
    no key usage: accepted
    malformed extended key usage: malformed extended key usage
    empty extended key usage: accepted
    no extended key usage: accepted
    any extended key usage: accepted
    extended key usage of a client: its extended key usage lacks serverAuth
    malformed basic constraints: malformed basic constraints
    leaf with the CA flag: accepted
    IP address of 5 octets: an IP address among its alternative names has 5 octets, want 4 or 16
    DNS name with an umlaut: invalid IA5String in a name
    DNS name with a space: accepted
    e-mail address with an umlaut: invalid IA5String in a name
    empty DNS name: accepted
    empty list of names: accepted
    empty critical list of names: it has a critical extension that Go does not handle, 2.5.29.17
    critical list with a registered ID only: it has a critical extension that Go does not handle, 2.5.29.17
    names that are not a SEQUENCE: malformed alternative names
    SPIFFE URI: accepted
    URI with an escaped letter in its host: invalid URI among its alternative names
    URI with an invalid escape: invalid URI among its alternative names
    URI with a space in its host: invalid URI among its alternative names
    URI with a dot at the end of its host: invalid URI among its alternative names
    URI with a port: accepted
    URI with a port that is not a number: invalid URI among its alternative names
    URI with an IPv6 address: accepted
    URI with an open bracket: invalid URI among its alternative names
    URI without a scheme before the colon: invalid URI among its alternative names
    URI that is a path with a colon: invalid URI among its alternative names
    URN: accepted
    URI with a control character: invalid URI among its alternative names
    malformed policies: malformed certificate policies
    duplicate policy: a certificate policy occurs twice
    malformed distribution points: malformed CRL distribution points
    CA: basicConstraints not critical: accepted
    CA: no basicConstraints: a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign
    CA: basicConstraints without the flag: a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign
    CA: version 1: accepted
    CA: no key usage: accepted
    CA: key usage without a bit: accepted
    CA: key usage without keyCertSign: a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign
    CA: negative serial number: its serial number is negative
    CA: serial number of 23 octets: accepted
    CA: underscore in a PrintableString: invalid PrintableString in a name
    CA: unknown critical extension: it has a critical extension that Go does not handle, 1.2.3
    CA: extended key usage of a client: the extended key usage of its CA lacks serverAuth
    CA: path length 0: accepted
    CA: path length 1000: accepted
    CA: negative path length: malformed basic constraints
    CA: its own signature is damaged: accepted
    CA: constraints permit the name: accepted
    CA: constraints permit another name: its CA has name constraints that exclude one of its names
    CA: constraints permit names below: accepted
    CA: constraints permit names further below: its CA has name constraints that exclude one of its names
    CA: constraints exclude the name: its CA has name constraints that exclude one of its names
    CA: constraints for other kinds of names: accepted
    CA: constraints permit the network: accepted
    CA: constraints permit another network: its CA has name constraints that exclude one of its names
    CA: constraint with a broken mask: invalid name constraint (IP)
    CA: constraint of 5 octets: invalid name constraint (IP)
    CA: constraint with an empty label: invalid name constraint (DNS)
    CA: constraint with an IP address as URI: invalid name constraint (URI)
    CA: constraint with two @: invalid name constraint (email)
    CA: constraints on directory names: it has a critical extension that Go does not handle, 2.5.29.30
    CA: constraints on directory names, not critical: accepted
    CA: empty constraints: its name constraints are empty
    CA: subject key identifier of another key: accepted
    intermediate: accepted
    intermediate: not a CA: a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign
    intermediate: version 1: a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign
    intermediate: no keyCertSign: a CA in its path must not sign certificates: it lacks the CA flag or keyCertSign
    intermediate: expired: an intermediate has expired or is not valid yet
    intermediate: path length of the CA is 0: a CA in its path allows fewer intermediates (pathlen)
    intermediate: path length of the CA is 1: accepted
    intermediate: usages do not nest: the extended key usage of its CA lacks serverAuth
    intermediate: unknown critical extension: it has a critical extension that Go does not handle, 1.2.3
    intermediate: its constraints exclude the name: its CA has name constraints that exclude one of its names
    intermediate: another name than the leaf's issuer: it is not signed by its CA
    intermediate: same name in another string type: it is not signed by its CA
    intermediate: damaged: its signature is wrong: it is damaged, or another CA of the same name signed it
    ");
}

/// Go reads these keys, and no program of Go's can use them (`crypto/rsa`).
#[test]
fn rsa_keys_that_cannot_be_used_are_refused() {
    let check = |bits: usize, last: u8, exponent: &[u8]| {
        let mut modulus = vec![0];
        modulus.extend(vec![0xab; bits / 8 - 1]);
        modulus.push(last);
        let key = encode(
            tag::SEQUENCE,
            &[
                &encode(tag::INTEGER, &[&modulus]),
                &encode(tag::INTEGER, &[exponent]),
            ],
        );
        let algorithm = encode(
            tag::SEQUENCE,
            &[
                &encode(tag::OBJECT_IDENTIFIER, &[oid::RSA_ENCRYPTION]),
                &[5, 0],
            ],
        );
        let key = encode(tag::BIT_STRING, &[&[0], &key]);
        check_public_key(&encode(tag::SEQUENCE, &[&algorithm, &key]))
    };
    assert_eq!(check(2048, 1, &[3]), Ok(()));
    assert_eq!(check(2048, 1, &[0x7f, 0xff, 0xff, 0xff]), Ok(()));
    assert_eq!(check(1016, 1, &[3]), Err(PublicKeyError::RsaTooSmall(1016)));
    assert_eq!(check(2048, 2, &[3]), Err(PublicKeyError::RsaModulus));
    for exponent in [&[1][..], &[4], &[0, 0x80, 0, 0, 1], &[1, 0, 0, 0, 1]] {
        let error = Err(PublicKeyError::RsaExponent);
        assert_eq!(check(2048, 1, exponent), error, "{exponent:?}");
    }
}
