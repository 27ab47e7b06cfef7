//! Certificates: PEM files, and DER where the first byte says so.

use std::fs;
use std::io;
use std::sync::LazyLock;

use pki::x509::algorithm::Algorithm;
use pki::x509::ca::check_ca;
use pki::x509::certificate::Certificate;
use pki::x509::chain::{CaBundle, Chain};
use pki::x509::key::{PrivateKey, PublicKey};
use pki::x509::sign::{CaTemplate, Issuer, LeafTemplate, self_signed_ca};
use pki::x509::usage::Usage;
use pki::x509::validity::Validity;
use pki::x509::verify::{has_supported_signature, is_signed_by, verify};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::{Seed, assert_printable, files, fixtures, has_extension, odd};

/// A moment at which everything in the trees of kubeadm 1.36 was valid.
pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-22 00:21:28 UTC);
/// The dates of what is issued here.
pub(crate) const DATES: Validity = Validity {
    not_before: datetime!(2026-11-22 00:00:00 UTC),
    not_after: datetime!(2027-11-22 00:00:00 UTC),
};

/// A CA of our own, and the key of what it issues.
pub(crate) struct Own {
    issuer: Issuer<'static>,
    leaf: PublicKey,
}

pub(crate) static OWN: LazyLock<Own> = LazyLock::new(|| {
    let key: &_ = Box::leak(Box::new(
        PrivateKey::generate(Algorithm::EcdsaP256).unwrap(),
    ));
    let contents = CaTemplate::of_row("fuzz", key.algorithm()).unwrap();
    let bundle: &_ = Box::leak(Box::new(CaBundle::from(
        self_signed_ca(&contents, key, DATES).unwrap(),
    )));
    let leaf = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
    Own {
        issuer: Issuer::new(bundle, key, NOW).unwrap(),
        leaf: leaf.public_key().clone(),
    }
});

impl Own {
    /// Issues a certificate, which must succeed.
    #[track_caller]
    pub(crate) fn issue(&self, contents: &LeafTemplate) -> Certificate {
        self.issuer
            .issue(contents, &self.leaf, Algorithm::EcdsaP256, DATES)
            .unwrap()
    }

    /// Issues a certificate that must be good for these usages.
    #[track_caller]
    pub(crate) fn issue_for(&self, contents: &LeafTemplate, usages: &[Usage]) {
        let chain = Chain::from(self.issue(contents));
        let anchors = [self.issuer.certificate()];
        for usage in usages {
            verify(&chain, &anchors, *usage, NOW).unwrap();
        }
    }
}

/// Another's CA, whose key no input holds, and what is known of everything that it signed.
static FOREIGN: LazyLock<(Certificate, Vec<CertificateFields>)> = LazyLock::new(|| {
    let folder = fixtures().join("kubeadm-1.36/stacked/pki");
    let read = |text: &[u8]| Chain::from_pem(text).unwrap().leaf;
    let signed = files(&folder, &|path| has_extension(path, "crt")).unwrap();
    (
        read(&fs::read(folder.join("ca.crt")).unwrap()),
        signed
            .iter()
            .map(|(_, text)| CertificateFields::of(&read(text)))
            .collect(),
    )
});

/// What a signature on a certificate vouches for.
#[derive(Debug, PartialEq)]
struct CertificateFields {
    contents: LeafTemplate,
    issuer: String,
    serial: String,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    key: PublicKey,
    key_ids: [Option<Vec<u8>>; 2],
}

impl CertificateFields {
    fn of(certificate: &Certificate) -> CertificateFields {
        CertificateFields {
            contents: LeafTemplate::of(certificate),
            issuer: certificate.issuer().to_string(),
            serial: certificate.serial(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
            key: certificate.public_key().clone(),
            key_ids: [certificate.subject_key_id(), certificate.authority_key_id()],
        }
    }
}

pub(crate) fn check(data: &[u8]) {
    let read = match data.first() {
        Some(0x30) => Certificate::from_der(data.to_vec()).map(Chain::from),
        _ => Chain::from_pem(data),
    };
    let chain = match read {
        Ok(chain) => chain,
        Err(error) => return assert_printable(error),
    };
    for certificate in chain.certificates() {
        check_certificate(certificate);
    }
    for usage in [Usage::ServerAuth, Usage::ClientAuth] {
        if let Err(error) = verify(&chain, &chain.certificates(), usage, NOW) {
            assert_printable(error);
        }
        let (ca, signed) = &*FOREIGN;
        if verify(&chain, &[ca], usage, NOW).is_ok() {
            let facts = CertificateFields::of(&chain.leaf);
            assert!(signed.contains(&facts), "forged: {facts:?}");
        }
    }
}

fn check_certificate(certificate: &Certificate) {
    let again = Certificate::from_der(certificate.der().to_vec());
    assert_eq!(again.as_ref(), Ok(certificate));
    let chain = Chain::from_pem(certificate.to_pem().as_bytes());
    assert_eq!(chain, Ok(certificate.clone().into()));

    assert_eq!(
        certificate.usage_names().len(),
        certificate.usage_oids().len()
    );
    assert_eq!(
        certificate.san_texts().len(),
        certificate.general_names().len()
    );
    assert!(certificate.sans().len() <= certificate.general_names().len());
    assert_eq!(certificate.fingerprint().len(), 32);
    let _ = (certificate.common_name(), format!("{certificate:?}"));
    let key = certificate.public_key();
    let _ = (key.algorithm(), key.key_id(), key.to_pem());

    assert!(certificate.has_ca_flag() || !certificate.is_ca());
    match check_ca(&certificate.clone().into(), NOW) {
        Ok(_) => {
            assert!(certificate.is_ca());
            assert!(certificate.not_before() <= NOW && NOW <= certificate.not_after());
            // A component does not verify the signature of a CA that it trusts, so one of an unknown algorithm is no fault.
            let is_verified = has_supported_signature(certificate) && certificate.is_self_issued();
            assert!(!is_verified || is_signed_by(certificate, certificate));
        }
        Err(error) => assert_printable(error),
    }

    // What renewal does: the certificate says the same again, under another CA and with another key.
    let contents = LeafTemplate::of(certificate);
    // Go refuses a certificate with an address that is neither IPv4 nor IPv6, so that it is not copied.
    let mut names = certificate.san_texts();
    names.retain(|name| !name.starts_with("IP:malformed"));
    assert_eq!(contents.san_texts(), names);
    assert_eq!(contents.usage_names(), certificate.usage_names());
    assert_eq!(contents.subject_text(), certificate.subject().to_string());
    let reissued = OWN.issue(&contents);
    assert_eq!(LeafTemplate::of(&reissued), contents);
    assert!(!reissued.has_ca_flag());
    assert!(is_signed_by(&reissued, OWN.issuer.certificate()));
}

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let mut seeds = files(&fixtures(), &|path| has_extension(path, "crt"))?;
    let der: Vec<Seed> = seeds
        .iter()
        .filter_map(|(name, text)| {
            let block = pem::parse(text).ok()?;
            Some((format!("{name}-der"), block.into_contents()))
        })
        .collect();
    let one = seeds
        .first()
        .map(|(_, text)| text.clone())
        .unwrap_or_default();
    let chain: Vec<u8> = seeds
        .iter()
        .take(3)
        .flat_map(|(_, text)| text.clone())
        .collect();
    seeds.extend(der);
    seeds.extend(odd([
        Vec::new(),
        b"text\n".to_vec(),
        chain.clone(),
        [b"\xef\xbb\xbfsubject=CN = a\r\n".as_slice(), &one].concat(),
        one[..one.len() / 2].to_vec(),
        String::from_utf8_lossy(&one).replace('\n', "\r\n").into(),
        chain.repeat(5),
    ]));
    Ok(seeds)
}
