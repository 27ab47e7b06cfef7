//! What Go's `crypto/x509` cannot parse, although our parser can.

use crate::x509::certificate::Certificate;

/// Returns why Go refuses to parse one of these certificates.
pub(super) fn refuses(certificates: &[&Certificate]) -> Option<String> {
    certificates.iter().find_map(|certificate| {
        if !certificate.has_valid_names() {
            Some("one of its IP addresses has neither 4 nor 16 octets".to_owned())
        } else if certificate.has_negative_serial() {
            Some("its serial number is negative".to_owned())
        } else {
            None
        }
    })
}
