//! Judges a chain: whether a leaf verifies with the certificates of its CA, for how long, and whether a key belongs to it.

use time::OffsetDateTime;

use super::finding::{Finding, FindingId};
use crate::catalog::Row;
use crate::x509::certificate::Certificate;
use crate::x509::chain::Chain;
use crate::x509::key::PrivateKey;
use crate::x509::verify::{VerifyError, is_signed_by, verify};

/// Returns the first reason why a leaf does not verify at `at`, a time within its validity.
pub(super) fn chain_error(
    row: &'static Row,
    chain: &Chain,
    anchors: &[&Certificate],
    at: OffsetDateTime,
) -> Option<Finding> {
    let leaf = &chain.leaf;
    let found = |id, text: String| Some(Finding::new(id, text).about(row));
    let is_the_ca = |ca: &&Certificate| ca.public_key() == leaf.public_key();
    if anchors.first().is_some_and(is_the_ca) {
        let text = "it has the key of its CA, want a separate key";
        return found(FindingId::CertificateIsTheCa, text.to_owned());
    }
    for usage in row.usages() {
        match verify(chain, anchors, *usage, at) {
            // The CA and the dates of the leaf have separate findings.
            Ok(())
            | Err(VerifyError::Anchor(_) | VerifyError::Expired(_) | VerifyError::NotYetValid(_)) =>
                {}
            Err(error) => return found(id_of(&error), error.to_string()),
        }
    }
    None
}

/// Returns whether a finding means that another CA than the one in the tree signed the certificate.
pub(super) fn is_of_another_issuer(id: FindingId) -> bool {
    matches!(
        id,
        FindingId::CertificateOtherIssuer | FindingId::CertificateDamaged
    )
}

fn id_of(error: &VerifyError) -> FindingId {
    match error {
        VerifyError::Expired(_) => FindingId::CertificateExpired,
        VerifyError::NotYetValid(_) => FindingId::CertificateNotYetValid,
        VerifyError::Go(_) => FindingId::CertificateRefusedByGo,
        VerifyError::Intermediate | VerifyError::NotCa | VerifyError::PathLength => {
            FindingId::CertificateIntermediate
        }
        VerifyError::UnknownCritical(_) => FindingId::CertificateUnknownCriticalExtension,
        VerifyError::UnknownIssuer => FindingId::CertificateOtherIssuer,
        VerifyError::BadSignature => FindingId::CertificateDamaged,
        VerifyError::Usage(_) => FindingId::CertificateUsageMissing,
        VerifyError::IssuerUsage(_) => FindingId::CertificateCaUsageMissing,
        VerifyError::WeakSignature => FindingId::CertificateWeakSignature,
        VerifyError::NameConstraints => FindingId::CertificateNameConstraints,
        VerifyError::Anchor(_) | VerifyError::LeafIsCa | VerifyError::Other(_) => {
            FindingId::CertificateUnusable
        }
    }
}

/// Returns the last second at which a leaf can be used: its intermediates may expire first.
pub(super) fn last_valid(chain: &Chain, anchors: &[&Certificate]) -> OffsetDateTime {
    let is_longer = |ca: &Certificate| ca.not_after() >= chain.leaf.not_after();
    if chain.intermediates.iter().all(is_longer) {
        return chain.leaf.not_after();
    }
    let (mut current, mut end) = (&chain.leaf, chain.leaf.not_after());
    // No path is longer than the file.
    for _ in &chain.intermediates {
        let leads_to =
            |anchor: &&Certificate| is_same_ca(anchor, current) || is_signed_by(current, anchor);
        if anchors.iter().any(leads_to) {
            break;
        }
        let issuers = chain
            .intermediates
            .iter()
            .filter(|ca| ca.subject() == current.issuer() && is_signed_by(current, ca));
        match issuers.max_by_key(|ca| ca.not_after()) {
            Some(issuer) => (current, end) = (issuer, end.min(issuer.not_after())),
            None => break,
        }
    }
    end
}

/// Returns whether two certificates belong to the same CA, because they have the same name and key.
pub(super) fn is_same_ca(one: &Certificate, other: &Certificate) -> bool {
    one.subject() == other.subject() && one.public_key() == other.public_key()
}

/// Returns whether a key belongs to a certificate.
pub(crate) fn belongs(key: &PrivateKey, certificate: &Certificate) -> bool {
    key.public_key() == certificate.public_key()
}
