//! Names of object identifiers.

use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::db::DB;

/// Returns the name of an object identifier without its module prefix, or the identifier itself if it has no name.
pub(super) fn oid_name(oid: ObjectIdentifier) -> String {
    let Some(name) = DB.by_oid(&oid) else {
        return oid.to_string();
    };
    let prefixes = ["pkcs-9-at-", "id-ce-", "id-"];
    let bare = prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
    bare.unwrap_or(name).to_owned()
}
