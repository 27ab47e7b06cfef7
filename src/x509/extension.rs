//! Finds extensions by their type.

use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::Extension;

/// An extension that the library can decode.
pub(super) trait DecodableExtension:
    for<'a> Decode<'a, Error = x509_cert::der::Error> + AssociatedOid
{
}

impl<T: for<'a> Decode<'a, Error = x509_cert::der::Error> + AssociatedOid> DecodableExtension
    for T
{
}

/// Returns an extension with its criticality.
pub(super) fn find_extension<T: DecodableExtension>(extensions: &[Extension]) -> Option<(bool, T)> {
    let extension = extensions
        .iter()
        .find(|extension| extension.extn_id == T::OID)?;
    Some((
        extension.critical,
        T::from_der(extension.extn_value.as_bytes()).ok()?,
    ))
}
