//! Judges CAs. Each is judged once, and its errors are not reported again for its leaves.

use time::OffsetDateTime;

use super::chain::{belongs, chain_error, is_of_another_issuer};
use super::finding::{Finding, FindingId, Remedy, Severity};
use super::pending::is_pending;
use super::{Context, file, other_ca};
use crate::catalog::{CA, CATALOG, Row};
use crate::tree::inventory::{FileState, Inventory, KeyFile, RowFiles};
use crate::x509::ca::{IssuerError, check_ca};
use crate::x509::certificate::Certificate;
use crate::x509::chain::CaBundle;
use crate::x509::encrypted_key::{CONVERT, Encryption};
use crate::x509::key::PrivateKey;
use crate::x509::verify::has_supported_signature;

/// A CA with its findings.
pub(super) struct JudgedCa<'a> {
    /// The CA's row.
    pub(super) row: &'static Row,
    /// Its findings.
    pub(super) findings: Vec<Finding>,
    /// Its certificates, if leaves can be verified with them: the CA is undamaged, and it signed the leaves.
    pub(super) anchors: Option<&'a CaBundle>,
    /// The error of each leaf that it should have signed. Each leaf is verified once.
    pub(super) chain_errors: Vec<(&'static Row, Option<Finding>)>,
}

impl JudgedCa<'_> {
    /// Returns why a leaf does not verify.
    pub(super) fn chain_error(&self, row: &Row) -> Option<Finding> {
        let (_, error) = self.chain_errors.iter().find(|(leaf, _)| *leaf == row)?;
        error.clone()
    }
}

/// Judges a CA.
pub(super) fn check<'a>(context: &Context<'a>, row: &'static Row) -> JudgedCa<'a> {
    let RowFiles::Ca { bundle, key } = context.inventory.row(row) else {
        return JudgedCa {
            row,
            findings: Vec::new(),
            anchors: None,
            chain_errors: Vec::new(),
        };
    };
    let mut findings: Vec<_> = [bundle.invalid(), key.invalid()]
        .into_iter()
        .flatten()
        .map(|invalid| file::check(row, invalid))
        .collect();
    let mut anchors = None;
    let mut chain_errors = Vec::new();
    match bundle {
        FileState::Valid(bundle) => {
            let errors = certificate_errors(row, bundle, context.now);
            let is_sound = errors
                .iter()
                .all(|error| matches!(error.id, FindingId::CaExpired | FindingId::CaNotYetValid));
            findings.extend(errors);
            if is_sound {
                chain_errors = leaf_errors(context, row, bundle);
            }
            let replaced = is_sound
                .then(|| replaced(row, bundle, &chain_errors))
                .flatten();
            anchors = (is_sound && replaced.is_none()).then_some(bundle);
            // With the key of another CA, the CA signs nothing, and a mismatch with the leaves has the same cause.
            findings.extend(key_error(row, bundle, key).or(replaced));
            if anchors.is_some() {
                findings.extend(warnings(context, row, bundle));
            }
            if key.is_missing() {
                let text = "the key is not on this host";
                findings.push(Finding::new(FindingId::CaExternal, text).about(row));
            }
            if let FileState::Valid(KeyFile::Encrypted(key)) = key {
                findings.push(encrypted(row, key.encryption()));
            }
        }
        FileState::Missing if !key.is_missing() => {
            let text = "its key exists, its certificate is missing";
            findings.push(Finding::new(FindingId::CaCertificateMissing, text).about(row));
        }
        FileState::Missing | FileState::Invalid(_) => {}
    }
    JudgedCa {
        row,
        findings,
        anchors,
        chain_errors,
    }
}

/// Returns the finding for a CA without files.
pub(super) fn missing(context: &Context<'_>, row: &'static Row) -> Option<Finding> {
    if !super::host::required(context).contains(&row) {
        return None;
    }
    let orphans = leaves(context.inventory, row)
        .map(|(leaf, _)| leaf.name)
        .collect::<Vec<_>>();
    let is_awaited = CATALOG
        .iter()
        .copied()
        .any(|leaf| leaf.signer() == Some(row) && is_pending(context.inventory, leaf));
    if orphans.is_empty() && is_awaited {
        let text = "its certificate is not here yet, and requests wait to be signed by it";
        return Some(Finding::new(FindingId::CaAwaited, text).about(row));
    }
    if orphans.is_empty() {
        return Some(super::missing(row));
    }
    let text = format!(
        "it is missing, but it signed these certificates: {}",
        orphans.join(", ")
    );
    Some(Finding::new(FindingId::CaLost, text).about(row))
}

/// Returns the readable leaves that a CA should have signed.
fn leaves<'a>(
    inventory: &'a Inventory,
    ca: &Row,
) -> impl Iterator<Item = (&'static Row, &'a RowFiles)> {
    let ca = ca.name;
    inventory.rows().filter(move |(row, files)| {
        row.signer().is_some_and(|signer| signer.name == ca) && files.certificate().is_some()
    })
}

fn certificate_errors(row: &'static Row, bundle: &CaBundle, now: OffsetDateTime) -> Vec<Finding> {
    let validity = bundle.signer.validity();
    let mut errors = Vec::new();
    // The dates are judged separately below.
    if let Err(error) = check_ca(bundle, validity.clamp(now)) {
        let finding = Finding::new(id_of(&error), error.to_string()).about(row);
        errors.push(match &error {
            IssuerError::OtherCertificate(..) => finding.advice(
                "remove that certificate from the file, or put the file back from a backup",
            ),
            IssuerError::BadIssuerSignature(_) => finding.advice(
                "put the file back from a backup, or remove the certificate that did not sign it",
            ),
            _ => finding,
        });
    } else if let Some(reason) = super::go::refuses(&bundle.certificates()) {
        errors.push(Finding::new(FindingId::CaRefusedByGo, reason).about(row));
    }
    errors.extend(dates(row, bundle, now));
    errors
}

/// Judges the dates of a CA.
pub(super) fn dates(row: &'static Row, bundle: &CaBundle, now: OffsetDateTime) -> Vec<Finding> {
    let validity = bundle.signer.validity();
    let mut errors = Vec::new();
    if validity.not_after < now {
        let text = format!(
            "it expired on {}; nothing it signs would be accepted",
            validity.not_after.date()
        );
        errors.push(Finding::new(FindingId::CaExpired, text).about(row));
    }
    if validity.not_before > now {
        let text = super::expired::not_yet_valid(validity.not_before);
        errors.push(Finding::new(FindingId::CaNotYetValid, text).about(row));
    }
    errors
}

fn id_of(error: &IssuerError) -> FindingId {
    match error {
        IssuerError::NotCa => FindingId::CaNotACa,
        IssuerError::Expired(_) => FindingId::CaExpired,
        IssuerError::NotYetValid(_) => FindingId::CaNotYetValid,
        IssuerError::KeyMismatch => FindingId::CaKeyMismatch,
        IssuerError::BadSelfSignature
        | IssuerError::BadIssuerSignature(_)
        | IssuerError::OtherCertificate(..) => FindingId::CaDamaged,
        IssuerError::UnprovenSignature(_) => FindingId::CaUnproven,
        IssuerError::UnknownCritical(_) => FindingId::CaUnknownCriticalExtension,
        IssuerError::RefusedByGo(_) => FindingId::CaRefusedByGo,
    }
}

/// Returns the finding for a CA whose key needs a passphrase. `pki` can sign with it, and no component reads the keys of the other CAs.
fn encrypted(row: &'static Row, encryption: &Encryption) -> Finding {
    let (severity, effect) = match *row == CA {
        true => (Severity::Warning, CLUSTER_CA_ENCRYPTED),
        false => (Severity::Info, "kubeadm cannot sign with it"),
    };
    let text = format!("the key is encrypted with a passphrase ({encryption}); {effect}");
    let finding = Finding {
        severity,
        ..Finding::new(FindingId::CaKeyEncrypted, text).about(row)
    };
    match encryption {
        Encryption::Pbes2(_) if *row == CA => finding,
        Encryption::Pbes2(_) => Finding {
            remedy: Remedy::default(),
            ..finding
        },
        Encryption::Unsupported(_) => finding.advice(format!(
            "`pki` does not read this encryption; convert the key: `{CONVERT}`"
        )),
    }
}

/// What an encrypted key of the cluster CA means.
pub(crate) const CLUSTER_CA_ENCRYPTED: &str = "kube-controller-manager cannot read it, and exits at startup if `--cluster-signing-key-file` names it; kubeadm cannot sign with it";

/// Returns the error for a key file of another CA. A key that is encrypted cannot be compared.
fn key_error(row: &'static Row, bundle: &CaBundle, key: &FileState<KeyFile>) -> Option<Finding> {
    mismatch(row, bundle, key.valid()?.read()?)
}

/// Returns the error for the key of another CA.
pub(crate) fn mismatch(row: &'static Row, bundle: &CaBundle, key: &PrivateKey) -> Option<Finding> {
    if belongs(key, &bundle.signer) {
        return None;
    }
    let text = "its key does not belong to it (the public keys differ)";
    let finding = Finding::new(FindingId::CaKeyMismatch, text).about(row);
    Some(match bundle.others.iter().any(|other| belongs(key, other)) {
        true => finding.advice(
            "the key belongs to another certificate in the same file: put that certificate first, because the first one signs",
        ),
        false => finding,
    })
}

/// Verifies the leaves that a CA should have signed, each at a time within its validity.
fn leaf_errors(
    context: &Context<'_>,
    row: &Row,
    bundle: &CaBundle,
) -> Vec<(&'static Row, Option<Finding>)> {
    let anchors = bundle.certificates();
    leaves(context.inventory, row)
        .filter_map(|(leaf, files)| {
            let chain = files.chain()?;
            let at = chain.leaf.validity().clamp(context.now);
            Some((leaf, chain_error(leaf, chain, &anchors, at)))
        })
        .collect()
}

/// Returns a finding if another CA signed all leaves, so this CA replaced it.
///
/// With a single leaf, the leaf may be wrong instead, unless the CA has the name of another CA of the tree.
fn replaced(
    row: &'static Row,
    bundle: &CaBundle,
    judged: &[(&'static Row, Option<Finding>)],
) -> Option<Finding> {
    let is_other = |(_, error): &(&Row, Option<Finding>)| {
        error
            .as_ref()
            .is_some_and(|error| is_of_another_issuer(error.id))
    };
    let name = other_ca(row, &bundle.signer);
    if judged.is_empty() || !judged.iter().all(is_other) || (judged.len() < 2 && name.is_none()) {
        return None;
    }
    let what = "it did not sign any of the certificates in the tree";
    let finding = match name {
        Some(name) => {
            let text = format!("it is the CA `{name}`, and {what}");
            Finding::new(FindingId::CaExchanged, text)
        }
        None => Finding::new(FindingId::CaReplaced, what),
    };
    Some(finding.about(row))
}

fn warnings(context: &Context<'_>, row: &'static Row, bundle: &CaBundle) -> Vec<Finding> {
    let certificate = &bundle.signer;
    let mut warnings = Vec::new();
    let mut warn = |id, text: String| warnings.push(Finding::new(id, text).about(row));
    if !certificate.has_critical_basic_constraints() {
        let text = "its basicConstraints are not marked critical";
        warn(FindingId::CaBasicConstraintsNotCritical, text.to_owned());
    }
    if !certificate.has_key_usage() {
        warn(
            FindingId::CaWithoutKeyUsage,
            "it has no keyUsage".to_owned(),
        );
    }
    if !has_supported_signature(certificate) {
        let text = "it is signed with an algorithm that is not accepted on other certificates, such as SHA-1";
        warn(FindingId::CaWeakSignature, text.to_owned());
    }
    // kubeadm's own CAs had the serial number zero.
    if certificate.has_long_serial() {
        let text = "its serial number is longer than 20 octets";
        warn(FindingId::CaLongSerial, text.to_owned());
    }
    if certificate.public_key().has_small_exponent() {
        let text = "its RSA key has a public exponent below 65537";
        warn(FindingId::CaSmallExponent, text.to_owned());
    }
    match others_with(context, row, certificate) {
        // Report a shared CA once, at its first row.
        (Some(_), _) => {}
        (None, others) if !others.is_empty() => {
            let text = format!("it is the same CA as {}", others.join(", "));
            warn(FindingId::CaShared, text);
        }
        (None, _) => {
            if let Some(name) = other_ca(row, certificate) {
                let text = format!("it has the common name of the CA `{name}`");
                warn(FindingId::CaNamedAsAnother, text);
            }
        }
    }
    warnings
}

/// Returns the other CAs with the same key: the first one before this row, and the names of those after it.
fn others_with(
    context: &Context<'_>,
    row: &Row,
    certificate: &Certificate,
) -> (Option<&'static Row>, Vec<String>) {
    let key = certificate.public_key();
    let same = |other: &&&'static Row| {
        other.is_ca()
            && context
                .inventory
                .ca_bundle(other)
                .is_some_and(|bundle| bundle.signer.public_key() == key)
    };
    let place = CATALOG.iter().position(|entry| *entry == row).unwrap_or(0);
    let before = CATALOG.iter().take(place).find(same).copied();
    let after = CATALOG
        .iter()
        .skip(place + 1)
        .filter(same)
        .map(|other| format!("`{}`", other.name))
        .collect();
    (before, after)
}
