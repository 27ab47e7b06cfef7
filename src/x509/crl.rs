//! Reads certificate revocation lists (RFC 5280 section 5). Nothing is verified here.

use time::OffsetDateTime;
use x509_cert::crl::CertificateList;
use x509_cert::der::Decode;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::ext::pkix::CrlNumber;
use x509_cert::name::Name;

use super::certificate::{AnySerialNumber, to_offset};
use super::oid::oid_name;

/// A certificate revocation list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    list: CertificateList<AnySerialNumber>,
}

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedCertificate {
    /// Serial number, colon-separated hexadecimal.
    pub serial: String,
    /// When it was revoked.
    pub time: OffsetDateTime,
}

impl RevocationList {
    /// Takes one DER list.
    ///
    /// # Errors
    /// If it is malformed; the library's reason.
    pub fn from_der(der: &[u8]) -> Result<RevocationList, String> {
        let list = CertificateList::from_der(der).map_err(|error| error.to_string())?;
        Ok(RevocationList { list })
    }

    /// Returns the CA that signed it, all RDNs.
    pub fn issuer(&self) -> &Name {
        &self.list.tbs_cert_list.issuer
    }

    /// Returns when it was made.
    pub fn this_update(&self) -> OffsetDateTime {
        to_offset(self.list.tbs_cert_list.this_update)
    }

    /// Returns when the next one is due.
    pub fn next_update(&self) -> Option<OffsetDateTime> {
        self.list.tbs_cert_list.next_update.map(to_offset)
    }

    /// Returns the name of the signature algorithm.
    pub fn signature_algorithm(&self) -> String {
        oid_name(self.list.signature_algorithm.oid)
    }

    /// Returns its number in hexadecimal (section 5.2.3).
    pub fn number(&self) -> Option<String> {
        let extensions = self.list.tbs_cert_list.crl_extensions.iter().flatten();
        let number = extensions
            .filter(|extension| extension.extn_id == CrlNumber::OID)
            .find_map(|extension| CrlNumber::from_der(extension.extn_value.as_bytes()).ok())?;
        Some(super::digest::hex(number.0.as_bytes()))
    }

    /// Returns the revoked certificates, in their order.
    pub fn revoked(&self) -> Vec<RevokedCertificate> {
        let revoked = self
            .list
            .tbs_cert_list
            .revoked_certificates
            .iter()
            .flatten();
        revoked
            .map(|entry| RevokedCertificate {
                serial: super::certificate::colon_separated(entry.serial_number.as_bytes()),
                time: to_offset(entry.revocation_date),
            })
            .collect()
    }
}
