//! What a certificate looks like, and what survives when one is reissued.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use time::macros::datetime;
use x509_cert::der::flagset::FlagSet;

use super::*;
use crate::x509::key::PrivateKey;
use crate::x509::san::San;
use crate::x509::usage::Usage;
use crate::x509::verify::{VerifyError, is_signed_by, verify, verify_issued};

const NOW: OffsetDateTime = datetime!(2026-11-22 00:00:00 UTC);
const YEAR: Validity = Validity {
    not_before: datetime!(2026-11-21 23:55:00 UTC),
    not_after: datetime!(2027-11-22 00:00:00 UTC),
};

fn row_ca(common_name: &str, key: &PrivateKey) -> Certificate {
    let contents = CaTemplate::of_row(common_name, key.algorithm()).unwrap();
    self_signed_ca(&contents, key, YEAR).unwrap()
}

struct Ca {
    certificate: Certificate,
    key: PrivateKey,
}

impl Ca {
    fn new(algorithm: Algorithm) -> Ca {
        let key = PrivateKey::generate(algorithm).unwrap();
        Ca {
            certificate: row_ca("kubernetes", &key),
            key,
        }
    }

    fn issue(&self, contents: &LeafTemplate, algorithm: Algorithm) -> Certificate {
        self.issue_dated(contents, algorithm, YEAR)
    }

    fn issue_dated(
        &self,
        contents: &LeafTemplate,
        algorithm: Algorithm,
        dates: Validity,
    ) -> Certificate {
        let key = PrivateKey::generate(algorithm)
            .unwrap()
            .public_key()
            .clone();
        Issuer::new(&self.certificate.clone().into(), &self.key, NOW)
            .unwrap()
            .issue(contents, &key, algorithm, dates)
            .unwrap()
    }
}

fn server() -> LeafTemplate {
    let sans = [
        San::Dns("kubernetes".to_owned()),
        San::Ip("10.96.0.1".parse().unwrap()),
        San::Ip("fd00::1".parse().unwrap()),
    ];
    LeafTemplate::new("kube-apiserver", None, &[Usage::ServerAuth], &sans).unwrap()
}

/// Everything about a certificate but what is random.
fn describe(certificate: &Certificate) -> String {
    let usage = FlagSet::<KeyUsages>::new_truncated(certificate.key_usage());
    let usage: Vec<_> = usage.into_iter().collect();
    let order: Vec<_> = certificate
        .extensions()
        .iter()
        .map(|extension| {
            format!(
                "{}{}",
                extension.extn_id,
                if extension.critical { " critical" } else { "" }
            )
        })
        .collect();
    format!(
        "subject {}\nissuer {}\nnot before {}\nnot after {}\nkey usage {:?}\nusages {:?}\nSANs {:?}\nCA {}\nextensions {}",
        certificate.subject(),
        certificate.issuer(),
        certificate.not_before(),
        certificate.not_after(),
        usage,
        certificate.usage_names(),
        certificate.san_texts(),
        certificate.is_ca(),
        order.join(", "),
    )
}

#[test]
fn a_ca_is_kubeadms_with_crl_sign_besides() {
    insta::assert_snapshot!(describe(&Ca::new(Algorithm::EcdsaP256).certificate), @r#"
    subject CN=kubernetes
    issuer CN=kubernetes
    not before 2026-11-21 23:55:00.0 +00:00:00
    not after 2027-11-22 0:00:00.0 +00:00:00
    key usage [DigitalSignature, KeyCertSign, CRLSign]
    usages []
    SANs ["DNS:kubernetes"]
    CA true
    extensions 2.5.29.15 critical, 2.5.29.19 critical, 2.5.29.14, 2.5.29.17
    "#);
}

#[test]
fn an_rsa_leaf_enciphers_keys_and_an_ecdsa_leaf_does_not() {
    let ca = Ca::new(Algorithm::EcdsaP256);
    let usage = |algorithm| {
        let usage = ca.issue(&server(), algorithm).key_usage();
        let usage = FlagSet::<KeyUsages>::new_truncated(usage);
        (
            usage.contains(KeyUsages::DigitalSignature),
            usage.contains(KeyUsages::KeyEncipherment),
        )
    };
    assert_eq!(usage(Algorithm::Rsa2048), (true, true));
    assert_eq!(usage(Algorithm::EcdsaP256), (true, false));
}

#[test]
fn a_leaf_has_its_extensions_in_gos_order_and_both_key_identifiers() {
    let ca = Ca::new(Algorithm::EcdsaP384);
    let leaf = ca.issue(&server(), Algorithm::EcdsaP256);
    insta::assert_snapshot!(describe(&leaf), @r#"
    subject CN=kube-apiserver
    issuer CN=kubernetes
    not before 2026-11-21 23:55:00.0 +00:00:00
    not after 2027-11-22 0:00:00.0 +00:00:00
    key usage [DigitalSignature]
    usages ["serverAuth"]
    SANs ["DNS:kubernetes", "IP:10.96.0.1", "IP:fd00::1"]
    CA false
    extensions 2.5.29.15 critical, 2.5.29.37, 2.5.29.19 critical, 2.5.29.14, 2.5.29.35, 2.5.29.17
    "#);
    assert_eq!(leaf.authority_key_id(), ca.certificate.subject_key_id());
    assert_eq!(leaf.subject_key_id(), leaf.public_key().key_id().ok());
}

#[test]
fn the_organization_comes_before_the_common_name() {
    let contents = LeafTemplate::new(
        "kubernetes-admin",
        Some("kubeadm:cluster-admins"),
        &[Usage::ClientAuth],
        &[],
    )
    .unwrap();
    // RFC 4514 text is written from the last RDN to the first.
    assert_eq!(
        contents.subject_text(),
        "CN=kubernetes-admin,O=kubeadm:cluster-admins"
    );
}

#[test]
fn serial_numbers_are_twenty_octets_positive_and_never_the_same() {
    let serials: BTreeSet<_> = (0..100).map(|_| serial_number().unwrap()).collect();
    assert_eq!(serials.len(), 100);
    for serial in serials {
        assert!(
            serial.len() == 20 && (0x40..0x80).contains(&serial[0]),
            "{serial:02x?}"
        );
    }
}

#[test]
fn dates_are_utc_time_through_2049_and_generalized_time_from_2050() {
    let ca = Ca::new(Algorithm::EcdsaP256);
    let encoded = |not_after| {
        let leaf = ca.issue_dated(
            &server(),
            Algorithm::EcdsaP256,
            Validity { not_after, ..YEAR },
        );
        assert_eq!(leaf.not_after(), not_after);
        leaf.der().to_vec()
    };
    let contains = |der: &[u8], text: &[u8]| der.windows(text.len()).any(|window| window == text);
    assert!(contains(
        &encoded(datetime!(2049-12-31 23:59:59 UTC)),
        b"\x17\x0d491231235959Z"
    ));
    assert!(contains(
        &encoded(datetime!(2050-01-01 00:00:00 UTC)),
        b"\x18\x0f20500101000000Z"
    ));
    assert!(contains(
        &encoded(datetime!(9999-12-31 23:59:59 UTC)),
        b"\x18\x0f99991231235959Z"
    ));
}

/// A leaf with everything that a catalog row has not, made by another library.
fn foreign_leaf() -> Certificate {
    let mut params = rcgen::CertificateParams::new(vec!["api.example".to_owned()]).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::OrganizationalUnitName, "unit");
    params
        .distinguished_name
        .push(rcgen::DnType::LocalityName, "Zürich");
    params.subject_alt_names.push(rcgen::SanType::URI(
        "spiffe://cluster/ns/a".try_into().unwrap(),
    ));
    params.subject_alt_names.push(rcgen::SanType::Rfc822Name(
        "root@example".try_into().unwrap(),
    ));
    params.extended_key_usages = vec![
        rcgen::ExtendedKeyUsagePurpose::ServerAuth,
        rcgen::ExtendedKeyUsagePurpose::Other(vec![1, 2, 3, 4]),
    ];
    params.key_usages = vec![
        rcgen::KeyUsagePurpose::DigitalSignature,
        rcgen::KeyUsagePurpose::ContentCommitment,
    ];
    let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
    let key = rcgen::KeyPair::generate().unwrap();
    Certificate::from_der(params.self_signed(&key).unwrap().der().to_vec()).unwrap()
}

#[test]
fn nothing_that_an_old_certificate_says_is_lost() {
    let old = foreign_leaf();
    let new = Ca::new(Algorithm::EcdsaP256).issue(&LeafTemplate::of(&old), Algorithm::EcdsaP256);
    assert_eq!(new.subject(), old.subject());
    assert_eq!(new.general_names(), old.general_names());
    assert_eq!(new.usage_oids(), old.usage_oids());
    assert_eq!(new.key_usage(), 0b11, "digitalSignature and nonRepudiation");
    let foreign = |certificate: &Certificate| {
        let found = certificate
            .extensions()
            .iter()
            .find(|extension| extension.extn_id.to_string() == "1.2.3.4.5");
        found.cloned()
    };
    assert!(foreign(&old).is_some());
    assert_eq!(foreign(&new), foreign(&old));
}

#[test]
fn a_declared_certificate_keeps_only_the_foreign_extensions_of_the_old_one() {
    let contents = LeafTemplate::of(&foreign_leaf()).declared_as(server());
    assert_eq!(
        (contents.subject_text(), contents.san_texts()),
        (server().subject_text(), server().san_texts())
    );
    assert_eq!(contents.further_extensions.len(), 1);
}

#[test]
fn a_ca_that_must_not_issue_is_refused_with_the_reason() {
    let ca = Ca::new(Algorithm::EcdsaP256);
    let other = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
    let refused = |certificate: &Certificate, key: &PrivateKey, now| {
        Issuer::new(&certificate.clone().into(), key, now)
            .err()
            .unwrap()
    };
    assert_eq!(
        refused(&ca.certificate, &other, NOW),
        IssuerError::KeyMismatch
    );
    let after = YEAR.not_after + time::Duration::SECOND;
    assert_eq!(
        refused(&ca.certificate, &ca.key, after),
        IssuerError::Expired(YEAR.not_after)
    );
    let before = YEAR.not_before - time::Duration::SECOND;
    assert_eq!(
        refused(&ca.certificate, &ca.key, before),
        IssuerError::NotYetValid(YEAR.not_before)
    );
    let leaf = ca.issue(&server(), Algorithm::EcdsaP256);
    assert_eq!(refused(&leaf, &ca.key, NOW), IssuerError::NotCa);
    // Two flipped bits: a negative serial number, and after the part that is signed an unknown algorithm.
    let mut der = ca.certificate.der().to_vec();
    let version = [0x02, 0x01, 0x02, 0x02];
    let serial = der.windows(4).position(|at| at == version).unwrap() + 5;
    der[serial] |= 0x80;
    let ecdsa_with_sha256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    let mut windows = der.windows(8);
    let algorithm = windows.rposition(|at| at == ecdsa_with_sha256).unwrap();
    der[algorithm + 3] = 0x4e;
    let damaged = Certificate::from_der(der).unwrap();
    assert!(matches!(
        refused(&damaged, &ca.key, NOW),
        IssuerError::RefusedByGo(_)
    ));
    assert!(
        Issuer::new(&ca.certificate.clone().into(), &ca.key, YEAR.not_after).is_ok(),
        "the last second counts"
    );
}

#[test]
fn every_flipped_bit_of_a_self_signed_ca_is_noticed() {
    let ca = Ca::new(Algorithm::EcdsaP256).certificate;
    let key = ca.public_key();
    let mut judged = 0;
    for index in 0..ca.der().len() {
        let mut der = ca.der().to_vec();
        der[index] ^= 1;
        // What does not decode is noticed even earlier. Another key shows when it is compared with `ca.key`.
        let Ok(damaged) = Certificate::from_der(der) else {
            continue;
        };
        if damaged.public_key() == key {
            judged += 1;
            assert!(check_ca(&damaged.into(), NOW).is_err(), "byte {index}");
        }
    }
    assert!(judged > 100, "{judged}");
}

#[test]
fn a_chain_is_judged_by_issuer_signature_usage_and_dates() {
    let (ca, stranger) = (Ca::new(Algorithm::EcdsaP256), Ca::new(Algorithm::EcdsaP256));
    let leaf = ca.issue(&server(), Algorithm::EcdsaP256);
    let judge = |leaf: &Certificate, ca: &Ca, usage, now| {
        verify(&leaf.clone().into(), &[&ca.certificate], usage, now)
    };
    assert_eq!(judge(&leaf, &ca, Usage::ServerAuth, NOW), Ok(()));
    assert_eq!(
        judge(&leaf, &stranger, Usage::ServerAuth, NOW),
        Err(VerifyError::BadSignature)
    );
    assert_eq!(
        judge(&leaf, &ca, Usage::ClientAuth, NOW),
        Err(VerifyError::Usage(Usage::ClientAuth))
    );
    let late = YEAR.not_after + time::Duration::SECOND;
    assert_eq!(
        judge(&leaf, &ca, Usage::ServerAuth, late),
        Err(VerifyError::Expired(YEAR.not_after))
    );
    let early = YEAR.not_before - time::Duration::SECOND;
    assert_eq!(
        judge(&leaf, &ca, Usage::ServerAuth, early),
        Err(VerifyError::NotYetValid(YEAR.not_before))
    );
    assert_eq!(
        judge(&ca.certificate, &ca, Usage::ServerAuth, NOW),
        Ok(()),
        "Go accepts a certificate that is trusted itself"
    );
    let front_proxy = PrivateKey::generate(Algorithm::EcdsaP256).unwrap();
    let other_name = Ca {
        certificate: row_ca("front-proxy-ca", &front_proxy),
        key: front_proxy,
    };
    assert_eq!(
        judge(&leaf, &other_name, Usage::ServerAuth, NOW),
        Err(VerifyError::UnknownIssuer)
    );
}

/// A CA of a cluster has no extended key usage as a rule; webpki does not look at that of a trusted CA, and Go does.
#[test]
fn a_new_leaf_is_refused_if_the_usages_of_its_ca_exclude_its_own() {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap().der().to_vec();
    let ca = Ca {
        certificate: Certificate::from_der(certificate).unwrap(),
        key: PrivateKey::from_pem(key.serialize_pem().as_bytes()).unwrap(),
    };
    let usages = [Usage::ServerAuth, Usage::ClientAuth];
    let both = LeafTemplate::new("etcd", None, &usages, &[]).unwrap();
    let leaf = ca.issue(&both, Algorithm::EcdsaP256);
    assert_eq!(
        verify_issued(&leaf, &ca.certificate, &[Usage::ClientAuth], NOW),
        Ok(())
    );
    assert_eq!(
        verify_issued(&leaf, &ca.certificate, &usages, NOW),
        Err(VerifyError::IssuerUsage(Usage::ServerAuth))
    );
}

#[test]
fn a_signature_that_was_verified_says_nothing_about_other_keys() {
    let (own, other) = (Ca::new(Algorithm::EcdsaP256), Ca::new(Algorithm::EcdsaP256));
    let leaf = own.issue(&server(), Algorithm::EcdsaP256);
    for (ca, signed) in [(&other, false), (&own, true), (&other, false), (&own, true)] {
        assert_eq!(is_signed_by(&leaf, &ca.certificate), signed);
    }
}
