//! Checks what was made, each file as if it had just been read from disk.

use anyhow::{Context, Result, bail, ensure};
use time::OffsetDateTime;

use super::IssuedFile;
use crate::catalog::Row;
use crate::kubeconfig::{Credentials, Kubeconfig};
use crate::plan::Leaf;
use crate::tree::layout::Access;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::encrypted_key::{Passphrase, StoredKey};
use crate::x509::key::{PrivateKey, PublicKey};
use crate::x509::request::CertificateRequest;
use crate::x509::sign::LeafTemplate;
use crate::x509::verify::verify_issued;

/// Checks a new leaf: chain and usages, alternative names, validity.
pub(super) fn signed(
    row: &Row,
    leaf: &Leaf,
    certificate: &Certificate,
    issuer: &Certificate,
    now: OffsetDateTime,
) -> Result<()> {
    verify_issued(certificate, issuer, row.usages(), now)?;
    ensure!(
        certificate.san_texts() == leaf.contents.san_texts(),
        "the certificate has other names than planned"
    );
    ensure!(
        certificate.not_after() == leaf.validity.not_after,
        "the certificate has another validity than planned"
    );
    Ok(())
}

/// Checks the files of a CA, whose key is encrypted if there is a passphrase.
pub(super) fn ca(
    files: &[IssuedFile],
    bundle: &CaBundle,
    key: &PrivateKey,
    passphrase: Option<&Passphrase>,
) -> Result<()> {
    let is_read_back = |bytes: &[u8]| Ok(CaBundle::from_pem(bytes)? == *bundle);
    let read_key = |bytes: &[u8]| match (StoredKey::from_pem(bytes)?, passphrase) {
        (StoredKey::Encrypted(key), Some(passphrase)) => Ok(key.decrypt(passphrase)?),
        (StoredKey::Plain(key), None) => Ok(key),
        _ => bail!("the key has another form than planned"),
    };
    let public = bundle.signer.public_key();
    check_pair(files, is_read_back, read_key, public, Some(key))
}

/// Checks the files of a leaf; `key` is the new key, if there is one.
pub(super) fn leaf(files: &[IssuedFile], chain: &Chain, key: Option<&PrivateKey>) -> Result<()> {
    let is_read_back = |bytes: &[u8]| Ok(Chain::from_pem(bytes)? == *chain);
    let read_key = |bytes: &[u8]| Ok(PrivateKey::from_pem(bytes)?);
    check_pair(files, is_read_back, read_key, chain.leaf.public_key(), key)
}

/// Checks a request, the last of the files, by its key.
pub(super) fn request(
    files: &[IssuedFile],
    contents: &LeafTemplate,
    key: &PrivateKey,
) -> Result<()> {
    let file = files.last().context("there is no request")?;
    let request = CertificateRequest::parse(&file.bytes)?;
    request.check_proof()?;
    ensure!(
        request.public_key() == *key.public_key(),
        "the request is for another key"
    );
    ensure!(
        contents.is_requested_by(&request),
        "the request asks for something else than planned"
    );
    Ok(())
}

/// Checks the files of a service-account key pair.
pub(super) fn service_account(files: &[IssuedFile], key: &PrivateKey) -> Result<()> {
    let public = key.public_key();
    for IssuedFile { file, bytes, .. } in files {
        let is_read_back = match file.file_name().ends_with(".pub") {
            true => PublicKey::from_pem(bytes)? == [public.clone()],
            false => PrivateKey::from_pem(bytes)?.public_key() == public,
        };
        ensure!(is_read_back, "`{file}` reads back differently");
    }
    Ok(())
}

/// Checks that the bytes parse as the same kubeconfig, and returns the parsed one.
pub(super) fn same_kubeconfig(bytes: &[u8], kubeconfig: &Kubeconfig) -> Result<Kubeconfig> {
    let again = Kubeconfig::parse(bytes).context("reading it back")?;
    ensure!(again == *kubeconfig, "it reads back differently");
    Ok(again)
}

/// Checks the bytes of a kubeconfig with a new client certificate.
pub(super) fn kubeconfig(
    bytes: &[u8],
    kubeconfig: &Kubeconfig,
    chain: &Chain,
    issuer: &Certificate,
) -> Result<()> {
    let again = same_kubeconfig(bytes, kubeconfig)?;
    let Credentials::Embedded { certificate, key } = again.credentials()? else {
        bail!("the kubeconfig has no client certificate")
    };
    ensure!(
        Chain::from_pem(&certificate)? == *chain,
        "the kubeconfig contains another certificate"
    );
    ensure!(
        PrivateKey::from_pem(&key)?.public_key() == chain.leaf.public_key(),
        "the key in the kubeconfig does not belong to its certificate"
    );
    if let Some(trusted) = again.ca()? {
        ensure!(
            trusted.contains(issuer),
            "the kubeconfig does not trust its own CA"
        );
    }
    Ok(())
}

fn check_pair(
    files: &[IssuedFile],
    is_read_back: impl Fn(&[u8]) -> Result<bool>,
    read_key: impl Fn(&[u8]) -> Result<PrivateKey>,
    public: &PublicKey,
    key: Option<&PrivateKey>,
) -> Result<()> {
    for file in files {
        let is_read_back = match file.access {
            Access::Public => is_read_back(&file.bytes)?,
            Access::Private => read_key(&file.bytes)?.public_key() == public,
        };
        ensure!(is_read_back, "`{}` reads back differently", file.file);
    }
    ensure!(
        files.len() == 1 + usize::from(key.is_some()),
        "a file is missing"
    );
    Ok(())
}
