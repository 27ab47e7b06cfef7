//! The certificate key of the command line.

use anyhow::Result;
use zeroize::Zeroizing;

use crate::cli::GivenKeyArgs;
use crate::cmd::failure::Invalid;
use crate::cmd::input::read_input;
use crate::x509::certificate_key::CertificateKey;

/// Returns the certificate key that was given, if any.
///
/// # Errors
/// If it cannot be read, or is something else. The error does not quote it.
pub(super) fn given_key(args: &GivenKeyArgs) -> Result<Option<CertificateKey>> {
    let (name, text) = match (&args.certificate_key_file, &args.certificate_key) {
        (Some(file), _) => {
            let from_stdin = "--certificate-key-file -";
            let input = read_input(file, "the certificate key", from_stdin)?;
            let text = String::from_utf8_lossy(&input.bytes).into_owned();
            (input.name, Zeroizing::new(text))
        }
        (None, Some(key)) => ("--certificate-key".to_owned(), key.0.clone()),
        (None, None) => return Ok(None),
    };
    let key = CertificateKey::from_hex(text.trim()).map_err(|error| {
        Invalid::new(format!("{name}: the certificate key {error}"))
            .with_hint("run `pki certificate-key` to make one")
    })?;
    Ok(Some(key))
}
