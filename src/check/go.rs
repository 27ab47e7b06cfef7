//! Certificates that our parser reads, but Go's `crypto/x509` does not.

use crate::x509::certificate::Certificate;

/// Returns why Go does not read one of these certificates.
pub(super) fn refuses(certificates: &[&Certificate]) -> Option<String> {
    let error = certificates
        .iter()
        .find_map(|certificate| certificate.go_error())?;
    Some(error.to_string())
}
