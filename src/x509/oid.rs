//! Encoded object identifiers of keys and curves, and the names of object identifiers.

use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::db::DB;

pub(super) const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
pub(super) const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
pub(super) const ED25519: &[u8] = b"\x2b\x65\x70";
pub(super) const SECP224R1: &[u8] = b"\x2b\x81\x04\x00\x21";
pub(super) const SECP256R1: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
pub(super) const SECP384R1: &[u8] = b"\x2b\x81\x04\x00\x22";
pub(super) const SECP521R1: &[u8] = b"\x2b\x81\x04\x00\x23";

/// Returns the name of an object identifier without its module prefix, or the identifier itself if it has no name.
pub(super) fn oid_name(oid: ObjectIdentifier) -> String {
    let Some(name) = DB.by_oid(&oid) else {
        return oid.to_string();
    };
    let prefixes = ["pkcs-9-at-", "id-ce-", "id-"];
    let bare = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    bare.unwrap_or(name).to_owned()
}
