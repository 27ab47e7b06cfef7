//! Signs certification requests, and checks every certificate.

use anyhow::{Context, Result, ensure};
use time::OffsetDateTime;

use crate::check::request::RequestProfile;
use crate::x509::certificate::Certificate;
use crate::x509::request::CertificateRequest;
use crate::x509::sign::Issuer;
use crate::x509::validity::Validity;
use crate::x509::verify::verify_issued;

/// A request that was accepted.
pub struct SigningOrder<'a> {
    /// The request.
    pub request: &'a CertificateRequest,
    /// What the certificate is for.
    pub profile: &'a RequestProfile,
    /// The validity of the certificate.
    pub validity: Validity,
}

/// Signs a request, and checks the certificate.
///
/// # Errors
/// A failure of the cryptography library, or a certificate that does not pass its check.
pub fn sign(
    order: &SigningOrder<'_>,
    issuer: Issuer<'_>,
    now: OffsetDateTime,
) -> Result<Certificate> {
    let contents = order.profile.contents(order.request);
    let key = order.request.public_key();
    let algorithm = key
        .algorithm()
        .context("the key of the request is not supported")?;
    let certificate = issuer.issue(&contents, &key, algorithm, order.validity)?;
    let usages = order.profile.verified_usages();
    verify_issued(&certificate, issuer.certificate(), &usages, now)?;
    ensure!(
        certificate.public_key() == &key,
        "the certificate is not for the key of the request"
    );
    ensure!(
        certificate.san_texts() == contents.san_texts(),
        "the certificate has other names than the request"
    );
    ensure!(
        certificate.validity() == order.validity && !certificate.has_ca_flag(),
        "the certificate is not as planned"
    );
    Ok(certificate)
}
