//! Judges whether a kubeconfig trusts the API server of this tree.

use time::OffsetDateTime;

use super::chain::is_same_ca;
use super::finding::{Finding, FindingId};
use crate::catalog::{APISERVER, Row};
use crate::tree::inventory::{ClientCertificate, Inventory, KubeconfigCa, KubeconfigFile};
use crate::util::escape::escape;
use crate::x509::certificate::Certificate;
use crate::x509::chain::CaBundle;
use crate::x509::usage::Usage;
use crate::x509::verify::{is_signed_by, verify};

/// Judges the CA of a kubeconfig. `anchors` are the certificates of the cluster's CA; without them, nothing is
/// compared.
pub(super) fn check(
    row: &'static Row,
    file: &KubeconfigFile,
    inventory: &Inventory,
    anchors: Option<&CaBundle>,
    now: OffsetDateTime,
) -> Option<Finding> {
    let found = |id, text: &str| Some(Finding::new(id, text).about(row));
    let is_insecure = file.kubeconfig.skips_tls_verification();
    match &file.ca {
        // client-go: "specifying a root certificates file with the insecure flag is not allowed" (`transport/transport.go`).
        KubeconfigCa::Embedded(_) | KubeconfigCa::File { .. } if is_insecure => found(
            FindingId::KubeconfigInsecureWithCa,
            "it has both a CA and insecure-skip-tls-verify, which client-go refuses",
        ),
        KubeconfigCa::Missing if is_insecure => found(
            FindingId::KubeconfigInsecure,
            "it does not verify the API server's certificate (insecure-skip-tls-verify)",
        ),
        // The import of its certificate adds the CA.
        KubeconfigCa::Missing if matches!(file.client, ClientCertificate::KeyOnly { .. }) => None,
        KubeconfigCa::Missing => found(
            FindingId::KubeconfigWithoutCa,
            "it names no CA, so its client cannot verify the API server's certificate",
        ),
        KubeconfigCa::File {
            row: Some(named), ..
        } if row.signer() != Some(*named) => found(
            FindingId::KubeconfigCaFileOther,
            &format!("it names the file of another CA, `{}`", named.name),
        ),
        KubeconfigCa::File {
            path,
            is_missing: true,
            ..
        } => found(
            FindingId::KubeconfigCaFileMissing,
            &format!("its CA file `{}` is missing", escape(path)),
        ),
        KubeconfigCa::File {
            path, row: None, ..
        } => found(
            FindingId::KubeconfigCaFileNotRead,
            &format!("it trusts the CA in `{}`, which was not read", escape(path)),
        ),
        KubeconfigCa::File { .. } => None,
        KubeconfigCa::Embedded(embedded) => embedded_ca(row, embedded, inventory, anchors?, now),
    }
}

fn embedded_ca(
    row: &'static Row,
    embedded: &[Certificate],
    inventory: &Inventory,
    own: &CaBundle,
    now: OffsetDateTime,
) -> Option<Finding> {
    // Go skips what it cannot read (`CertPool.AppendCertsFromPEM`).
    let embedded: Vec<_> = embedded
        .iter()
        .filter(|known| known.go_error().is_none())
        .collect();
    if !is_trusting(&embedded, inventory, own, now) {
        let text = "it does not trust this tree's CA (ca.crt)";
        return Some(Finding::new(FindingId::KubeconfigOtherCa, text).about(row));
    }
    let is_first = |first: &Certificate| {
        own.certificates()
            .iter()
            .any(|ca| *ca == first || is_signed_by(ca, first))
    };
    if embedded.first().copied().is_some_and(is_first) {
        return None;
    }
    let text = "it trusts this tree's CA, but lists another one first";
    Some(Finding::new(FindingId::KubeconfigOwnCaNotFirst, text).about(row))
}

/// Returns whether a CA signed another CA that has its own name.
fn is_issuer_of(issuer: &Certificate, ca: &Certificate) -> bool {
    issuer.subject() == ca.issuer() && is_signed_by(ca, issuer)
}

/// Returns whether a client with these CAs accepts the API server's certificate. If the tree's CA did not sign that
/// certificate, returns whether the client trusts the tree's CA.
fn is_trusting(
    embedded: &[&Certificate],
    inventory: &Inventory,
    own: &CaBundle,
    now: OffsetDateTime,
) -> bool {
    // A client that trusts all of the tree's CAs trusts everything that they sign.
    if own.certificates().iter().all(|ca| embedded.contains(ca)) {
        return true;
    }
    // An expired CA has a separate finding.
    let now = own.signer.validity().clamp(now);
    let own = own.certificates();
    // Go's `crypto/x509` accepts no certificate of an expired CA.
    let known: Vec<_> = embedded
        .iter()
        .copied()
        .filter(|known| known.not_after() >= now)
        .collect();
    let apiserver = inventory.row(&APISERVER).chain().filter(|chain| {
        let at = chain.leaf.validity().clamp(now);
        verify(chain, &own, Usage::ServerAuth, at).is_ok()
    });
    match apiserver {
        Some(chain) => {
            let at = chain.leaf.validity().clamp(now);
            verify(chain, &known, Usage::ServerAuth, at).is_ok()
        }
        None => known.iter().any(|known| {
            own.iter()
                .any(|ca| is_same_ca(known, ca) || is_issuer_of(known, ca))
        }),
    }
}
