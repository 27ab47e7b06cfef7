//! Plans the installation of certificates that an external CA has signed: each where its key is.

use crate::catalog::{self, Row};
use crate::check::drift::{self, Desired};
use crate::check::finding::{FindingId, Findings, Remedy};
use crate::check::pending::{RequestState, next_key, state};
use crate::check::request::certificate_problems;
use crate::check::{Change, ChangedField, expected, time_text};
use crate::config::cluster::Cluster;
use crate::plan::{
    Action, ImportPlan, KeyPlace, Make, Plan, PlanError, Reason, Step, is_about_a_leaf, message,
};
use crate::tree::inventory::{FileState, Inventory, KubeconfigCa, RowFiles};
use crate::util::escape::quote;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::sign::LeafTemplate;

/// The certificates of one file.
#[derive(Clone, Debug)]
pub struct GivenCertificates {
    /// The name of the file in messages.
    pub name: String,
    /// A leaf and its intermediates, in any order; at least one.
    pub certificates: Vec<Certificate>,
}

/// Plans to install certificates; `declared` is the configuration, if one is known.
///
/// # Errors
/// Every certificate that cannot be installed.
pub fn plan(
    given: &[GivenCertificates],
    declared: Option<&Cluster>,
    inventory: &Inventory,
) -> Result<Plan, PlanError> {
    let mut error = PlanError::default();
    let mut found: Vec<(&'static Row, Step, &str)> = Vec::new();
    for file in given {
        match step(file, declared, inventory) {
            Ok(step) => match found.iter().find(|(row, ..)| *row == step.row) {
                Some((row, _, other)) => {
                    let what =
                        format!("{} has a certificate for `{}`, too", quote(other), row.name);
                    error.add(refusal(file, &what, "name one of the two files"));
                }
                None => found.push((step.row, step, &file.name)),
            },
            Err(reasons) => reasons.into_iter().for_each(|reason| error.add(reason)),
        }
    }
    let mut plan = Plan::default();
    let place = |row: &Row| catalog::CATALOG.iter().position(|entry| *entry == row);
    found.sort_by_key(|(row, ..)| place(row));
    plan.steps
        .extend(found.into_iter().map(|(_, step, _)| step));
    error.into_result(plan)
}

/// Refuses a plan whose result has errors that the tree does not have yet, or that are about the new certificates.
///
/// # Errors
/// These errors.
pub fn judge(plan: Plan, before: &Findings, after: &Findings) -> Result<Plan, PlanError> {
    let mut error = PlanError::default();
    for (row, ..) in plan.made() {
        let about = row.signer().into_iter().chain([row]);
        for finding in about.flat_map(|about| after.errors_of(about)) {
            let is_known = finding.row.is_some_and(|row| before.has(row, finding.id));
            let is_of_certificate = finding.row == Some(row) && is_about_a_leaf(finding.id);
            if is_known && !is_of_certificate {
                continue;
            }
            error.add(Reason {
                message: format!("{}; the certificate is not installed", message(finding)),
                remedy: Remedy::words(match finding.id {
                    FindingId::CertificateOtherIssuer | FindingId::CaReplaced => {
                        "have the CA whose certificate is in the tree sign the request"
                    }
                    _ => "have the request signed again",
                }),
                ..Reason::from(finding)
            });
        }
    }
    error.into_result(plan)
}

/// Returns the step that installs the certificate of a file, or every reason against it.
fn step(
    file: &GivenCertificates,
    declared: Option<&Cluster>,
    inventory: &Inventory,
) -> Result<Step, Vec<Reason>> {
    let (row, place, leaf) = owner(file, inventory).map_err(|reason| vec![reason])?;
    let signer = row.signer().and_then(|ca| inventory.ca_bundle(ca));
    let Some(bundle) = signer else {
        let ca = row.signer().map_or("", |ca| ca.name);
        let what = format!("the certificate of its CA `{ca}` is not in the tree");
        let words = "put the certificate of the CA in its place first, see `pki help files`";
        return Err(vec![refusal(file, &what, words)]);
    };
    let desired = desired(row, declared, inventory);
    let problems = certificate_problems(leaf, desired.as_ref());
    if !problems.is_empty() {
        let words =
            "have the request signed again, with the extensions that it asks for: `pki help csr`";
        let reasons = problems.iter();
        return Err(reasons
            .map(|problem| refusal(file, problem, words))
            .collect());
    }
    let import = ImportPlan {
        chain: Chain {
            leaf: leaf.clone(),
            intermediates: intermediates(file, leaf, bundle),
        },
        place,
        ca: trusted(row, bundle, inventory),
        // A new key may wait while the certificate of the old one is renewed.
        settles: place == KeyPlace::Waiting || next_key(inventory, row).is_none(),
    };
    Ok(Step {
        row,
        action: Action::Make {
            changes: changes(inventory.row(row).certificate(), &import),
            make: Box::new(Make::Import(Box::new(import))),
        },
    })
}

/// Returns the row whose key one of these certificates is for, where that key is, and the certificate.
fn owner<'a>(
    file: &'a GivenCertificates,
    inventory: &Inventory,
) -> Result<(&'static Row, KeyPlace, &'a Certificate), Reason> {
    let mut owners = Vec::new();
    for leaf in &file.certificates {
        for row in catalog::renewable() {
            let is_for = |key: &crate::x509::key::PrivateKey| key.public_key() == leaf.public_key();
            if next_key(inventory, row).is_some_and(is_for) {
                owners.push((row, KeyPlace::Waiting, leaf));
            } else if inventory.row(row).key().is_some_and(is_for) {
                owners.push((row, KeyPlace::Row, leaf));
            }
        }
    }
    owners.dedup();
    match owners.as_slice() {
        [owner] => Ok(*owner),
        [] => {
            let subject = file
                .certificates
                .first()
                .map(|leaf| leaf.subject().to_string());
            let what = format!(
                "no private key of the tree belongs to the certificate of {}",
                quote(&subject.unwrap_or_default())
            );
            let words = "import it on the node that made the request";
            Err(refusal(file, &what, words))
        }
        [(row, ..), others @ ..] if others.iter().all(|(other, ..)| other == row) => {
            let what = format!("it has several certificates for the key of `{}`", row.name);
            Err(refusal(file, &what, "leave only the new one in the file"))
        }
        several => {
            let names: Vec<_> = several
                .iter()
                .map(|(row, ..)| format!("`{}`", row.name))
                .collect();
            let what = format!("its key belongs to several rows: {}", names.join(", "));
            let words =
                "make a request with a key of its own for each: `pki csr generate NAME --new-key`";
            Err(refusal(file, &what, words))
        }
    }
}

/// Returns what the certificate of a row must contain: what its request asks for, else what is declared.
fn desired(
    row: &'static Row,
    declared: Option<&Cluster>,
    inventory: &Inventory,
) -> Option<LeafTemplate> {
    if let RequestState::Pending(request) = state(inventory, row) {
        return Some(LeafTemplate::of_request(request));
    }
    let declared = declared.filter(|cluster| expected::is_wanted(row, cluster));
    declared
        .and_then(|cluster| expected::contents(row, cluster))
        .or_else(|| expected::constant_contents(row))
        .and_then(Result::ok)
        .or_else(|| inventory.row(row).certificate().map(LeafTemplate::of))
}

/// Returns the CAs that follow a leaf in its file, without those that the tree trusts anyway.
fn intermediates(
    file: &GivenCertificates,
    leaf: &Certificate,
    bundle: &CaBundle,
) -> Vec<Certificate> {
    let others = file.certificates.iter().filter(|other| *other != leaf);
    let needed = others.filter(|ca| ca.is_ca() && !ca.is_self_issued() && !bundle.contains(ca));
    needed.cloned().collect()
}

/// Returns the CAs that a kubeconfig must trust, where it does not trust the tree's CA.
fn trusted(row: &Row, bundle: &CaBundle, inventory: &Inventory) -> Option<Vec<Certificate>> {
    let RowFiles::Kubeconfig(FileState::Valid(file)) = inventory.row(row) else {
        return None;
    };
    let own = || bundle.certificates().into_iter().cloned();
    match &file.ca {
        KubeconfigCa::File { .. } => None,
        KubeconfigCa::Missing if file.kubeconfig.skips_tls_verification() => None,
        KubeconfigCa::Missing => Some(own().collect()),
        KubeconfigCa::Embedded(embedded) if embedded.contains(&bundle.signer) => None,
        KubeconfigCa::Embedded(embedded) => {
            let others = embedded.iter().filter(|ca| !bundle.contains(ca));
            Some(own().chain(others.cloned()).collect())
        }
    }
}

/// Returns the differences from the old certificate; none if there is no old one.
fn changes(old: Option<&Certificate>, import: &ImportPlan) -> Vec<Change> {
    let Some(old) = old else {
        return Vec::new();
    };
    let new = &import.chain.leaf;
    let contents = LeafTemplate::of(new);
    let desired = Desired {
        contents: &contents,
        algorithm: new.public_key().algorithm(),
        validity: None,
    };
    let dates = Change {
        field: ChangedField::NotAfter,
        from: time_text(old.not_after()),
        to: time_text(new.not_after()),
        drift: false,
    };
    let differences = drift::between(old, None, desired).into_iter();
    let differences = differences.map(|change| Change {
        drift: false,
        ..change
    });
    std::iter::once(dates).chain(differences).collect()
}

fn refusal(file: &GivenCertificates, what: &str, words: &str) -> Reason {
    Reason {
        row: None,
        id: None,
        message: format!("{}: {what}", quote(&file.name)),
        remedy: Remedy::words(words),
    }
}
