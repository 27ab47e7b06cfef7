//! Makes what belongs to no tree: keys, requests and CAs. Each is checked before it is returned.

use anyhow::{Context, Result, bail, ensure};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Progress, check_random, keys};
use crate::plan::ca::CaPlan;
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::chain::CaBundle;
use crate::x509::encrypted_key::{Passphrase, StoredKey};
use crate::x509::key::PrivateKey;
use crate::x509::request::CertificateRequest;
use crate::x509::sign::{Issuer, LeafTemplate, self_signed_ca};
use crate::x509::sign_request::sign_request;
use crate::x509::verify::is_signed_by;

/// Generates a key.
///
/// # Errors
/// [`super::Interrupted`], or a failure of the cryptography library.
pub fn key(algorithm: Algorithm, progress: &dyn Progress) -> Result<PrivateKey> {
    check_random()?;
    let keys = keys::generate(&[Some(algorithm)], progress)?;
    let key = keys.into_iter().flatten().next();
    key.context("there is no key")
}

/// Makes a request to judge what it asks for: with the given key, else with one that is made quickly.
///
/// # Errors
/// A failure of the cryptography library.
pub fn trial_request(
    contents: &LeafTemplate,
    given: Option<&PrivateKey>,
) -> Result<CertificateRequest> {
    check_random()?;
    let made = match given {
        Some(key) => sign_request(contents, key),
        None => sign_request(contents, &PrivateKey::generate(Algorithm::EcdsaP256)?),
    };
    made.context("making the request")
}

/// Makes a request.
///
/// # Errors
/// A failure of the cryptography library, or a request that does not pass its check.
pub fn request(contents: &LeafTemplate, key: &PrivateKey) -> Result<CertificateRequest> {
    let made = sign_request(contents, key).context("making the request")?;
    let read = CertificateRequest::parse(made.to_pem().as_bytes())?;
    read.check_proof()?;
    ensure!(
        read.public_key() == *key.public_key() && contents.is_requested_by(&read),
        "the request asks for something else than planned"
    );
    Ok(read)
}

/// Returns a key as an encrypted PEM block.
///
/// # Errors
/// A failure of the cryptography library, or a block that does not give the key back.
pub fn encrypted(key: &PrivateKey, passphrase: &Passphrase) -> Result<Zeroizing<String>> {
    let pem = key.to_encrypted_pem(passphrase)?;
    let StoredKey::Encrypted(stored) = StoredKey::from_pem(pem.as_bytes())? else {
        bail!("the key was not encrypted");
    };
    ensure!(
        stored.decrypt(passphrase)?.public_key() == key.public_key(),
        "the encrypted key is another one"
    );
    Ok(pem)
}

/// Makes the certificate of a CA, signed by its issuer or by itself.
///
/// # Errors
/// A failure of the cryptography library, or a certificate that does not pass its check.
pub fn certificate_authority(
    plan: &CaPlan,
    key: &PrivateKey,
    issuer: Option<Issuer<'_>>,
    now: OffsetDateTime,
) -> Result<Certificate> {
    let made = match issuer {
        Some(issuer) => issuer.issue_ca(&plan.contents, key.public_key(), plan.validity),
        None => self_signed_ca(&plan.contents, key, plan.validity),
    };
    let made = made.context("making the CA")?;
    let bundle = CaBundle::from_pem(made.to_pem().as_bytes())?;
    // The judgement that it has to pass whenever it signs.
    Issuer::new(&bundle, key, now).context("checking the new CA")?;
    let certificate = bundle.signer;
    let signed = issuer.map_or_else(
        || is_signed_by(&certificate, &certificate),
        |issuer| is_signed_by(&certificate, issuer.certificate()),
    );
    ensure!(signed, "the signature of the new CA does not verify");
    ensure!(
        certificate.validity() == plan.validity
            && plan.contents.is_subject_of(&certificate)
            && certificate.path_length() == plan.contents.path_length().map(u64::from),
        "the new CA is not as planned"
    );
    Ok(certificate)
}
