//! The certificate key of the command line.

use anyhow::Result;

use super::given_secret::given_secret;
use crate::cli::GivenKeyArgs;
use crate::cmd::failure::Invalid;
use crate::x509::certificate_key::CertificateKey;

/// Returns the certificate key that was given, if any.
///
/// # Errors
/// If it cannot be read, or is something else. The error does not quote it.
pub(super) fn given_key(args: &GivenKeyArgs) -> Result<Option<CertificateKey>> {
    let what = "the certificate key";
    let file = args.certificate_key_file.as_deref();
    let given = given_secret("certificate-key", what, file, args.certificate_key.as_ref())?;
    let Some(given) = given else {
        return Ok(None);
    };
    let key = CertificateKey::from_hex(given.text.trim()).map_err(|error| {
        Invalid::new(format!("{}: {what} {error}", given.name))
            .with_hint("run `pki certificate-key` to make one")
    })?;
    Ok(Some(key))
}
