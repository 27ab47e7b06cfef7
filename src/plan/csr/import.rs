//! Plans the installation of certificates that an external CA has signed: each where its key is.

use crate::catalog::{self, Row};
use crate::check::drift::{self, Desired};
use crate::check::file;
use crate::check::finding::{FindingId, Findings, PkiCommand, Remedy};
use crate::check::pending::{RequestState, next_key, state};
use crate::check::request::certificate_problems;
use crate::check::{Change, ChangedField, expected, time_text};
use crate::config::cluster::{Cluster, DeclaredCluster};
use crate::plan::csr::generate::{self, GenerateRequest};
use crate::plan::{
    Action, ImportPlan, KeyPlace, Make, Plan, PlanError, Reason, Step, is_about_a_leaf, message,
};
use crate::tree::inventory::{FileState, InvalidFile, Inventory, KubeconfigCa, RowFiles};
use crate::util::escape::quote;
use crate::x509::certificate::Certificate;
use crate::x509::chain::{CaBundle, Chain};
use crate::x509::key::PrivateKey;
use crate::x509::sign::LeafTemplate;

/// The certificates of one file.
#[derive(Clone, Debug)]
pub struct GivenCertificates {
    /// The name of the file in messages.
    pub name: String,
    /// A leaf and its intermediates, in any order; at least one.
    pub certificates: Vec<Certificate>,
}

/// What certificates are compared with.
#[derive(Clone, Copy, Debug)]
pub struct ImportContext<'a> {
    /// The configuration, if one is known.
    pub declared: Option<&'a DeclaredCluster>,
    /// What the tree holds.
    pub inventory: &'a Inventory,
}

/// Plans to install certificates.
///
/// # Errors
/// Every certificate that cannot be installed.
pub fn plan(given: &[GivenCertificates], context: &ImportContext<'_>) -> Result<Plan, PlanError> {
    let mut error = PlanError::default();
    let mut found: Vec<(&'static Row, Step, &str)> = Vec::new();
    for file in given {
        let (owned, reasons) = owners(file, context.inventory);
        let mut reasons: Vec<_> = reasons;
        for owned in owned {
            match step(file, &owned, context) {
                Ok(step) => match found.iter().find(|(row, ..)| *row == step.row) {
                    Some((row, _, other)) => {
                        let what =
                            format!("{} has a certificate for `{}`, too", quote(other), row.name);
                        reasons.push(refusal(file, &what, "name one of the two files"));
                    }
                    None => found.push((step.row, step, &file.name)),
                },
                Err(problems) => reasons.extend(problems),
            }
        }
        reasons.into_iter().for_each(|reason| error.add(reason));
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
pub fn judge(
    plan: Plan,
    before: &Findings,
    after: &Findings,
    context: &ImportContext<'_>,
) -> Result<Plan, PlanError> {
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
                remedy: match finding.id {
                    FindingId::CertificateOtherIssuer | FindingId::CaReplaced => Remedy::words(
                        "have the CA whose certificate is in the tree sign the request",
                    ),
                    _ => context.remedy(row, "have the request signed again"),
                },
                ..Reason::from(finding)
            });
        }
    }
    error.into_result(plan)
}

/// Returns why no certificate of a row can be installed: there is no certificate of its CA to compare it with.
fn without_ca(file: &GivenCertificates, row: &'static Row, inventory: &Inventory) -> Reason {
    if let Some(ca) = row.signer()
        && let RowFiles::Ca { bundle, .. } = inventory.row(ca)
        && let Some(invalid) = bundle.invalid()
    {
        return Reason::from(&file::check(ca, invalid));
    }
    let ca = row.signer().map_or("", |ca| ca.name);
    let what = format!("the certificate of its CA `{ca}` is not in the tree");
    let words = "put the certificate of the CA in its place first, see `pki help files`";
    refusal(file, &what, words)
}

/// A certificate whose key is here.
struct OwnedCertificate<'a> {
    row: &'static Row,
    place: KeyPlace,
    leaf: &'a Certificate,
}

/// Returns the step that installs a certificate of a file, or every reason against it.
fn step(
    file: &GivenCertificates,
    owned: &OwnedCertificate<'_>,
    context: &ImportContext<'_>,
) -> Result<Step, Vec<Reason>> {
    let ImportContext { inventory, .. } = *context;
    let OwnedCertificate { row, place, leaf } = *owned;
    let signer = row.signer().and_then(|ca| inventory.ca_bundle(ca));
    let Some(bundle) = signer else {
        return Err(vec![without_ca(file, row, inventory)]);
    };
    let desired = context.desired(row);
    let problems = certificate_problems(leaf, desired.as_ref());
    if !problems.is_empty() {
        let words =
            "have the request signed again, with the extensions that it asks for: `pki help csr`";
        let remedy = context.remedy(row, words);
        let reasons = problems.iter();
        return Err(reasons
            .map(|problem| refusal(file, problem, "").with_remedy(remedy.clone()))
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

/// Returns the certificates of a file whose keys are here, and every reason against the others that are not those of CAs.
fn owners<'a>(
    file: &'a GivenCertificates,
    inventory: &Inventory,
) -> (Vec<OwnedCertificate<'a>>, Vec<Reason>) {
    let mut owned: Vec<OwnedCertificate<'_>> = Vec::new();
    let mut reasons = Vec::new();
    let mut others = Vec::new();
    for leaf in distinct(&file.certificates) {
        let found: Vec<_> = catalog::renewable()
            .filter_map(|row| Some((row, key_place(row, leaf, inventory)?)))
            .collect();
        match found.as_slice() {
            [(row, _)] if owned.iter().any(|other| other.row == *row) => {
                let what = format!("it has several certificates for the key of `{}`", row.name);
                reasons.push(refusal(file, &what, "leave only the new one in the file"));
            }
            [(row, place)] => owned.push(OwnedCertificate {
                row,
                place: *place,
                leaf,
            }),
            [] => others.push(leaf),
            several => reasons.push(shared_key(file, several.iter().map(|(row, _)| *row))),
        }
    }
    // A root may be older than basicConstraints.
    let is_ca = |leaf: &&Certificate| leaf.has_ca_flag() || leaf.is_self_issued();
    let strays: Vec<_> = match owned.is_empty() && reasons.is_empty() {
        // Nothing of the file is for this host.
        true => others.into_iter().take(1).collect(),
        false => others.into_iter().filter(|leaf| !is_ca(leaf)).collect(),
    };
    let unread = unread_keys(file, inventory);
    if !strays.is_empty() && !unread.is_empty() {
        reasons.extend(unread);
        return (owned, reasons);
    }
    reasons.extend(strays.into_iter().map(|leaf| {
        let subject = quote(&leaf.subject().to_string());
        let what = format!("no private key of the tree belongs to the certificate of {subject}");
        refusal(file, &what, "import it on the node that made the request")
    }));
    (owned, reasons)
}

/// Returns why keys of the tree cannot be read: a certificate of the file may belong to one of them.
fn unread_keys(given: &GivenCertificates, inventory: &Inventory) -> Vec<Reason> {
    let keys = catalog::renewable().flat_map(|row| {
        let waiting = inventory.request(row).and_then(|files| files.key.invalid());
        let own = inventory.row(row).unusable_key();
        own.into_iter().chain(waiting).map(move |key| (row, key))
    });
    let reason = |(row, key): (&'static Row, &InvalidFile)| {
        let finding = file::check(row, key);
        let what = format!(
            "it may belong to a key that is not readable: {}",
            finding.found
        );
        Reason {
            id: Some(finding.id),
            remedy: finding.remedy,
            ..refusal(given, &what, "")
        }
    };
    keys.filter(|(_, key)| key.is_unreadable())
        .map(reason)
        .collect()
}

/// Returns the certificates without those that are there twice.
fn distinct(certificates: &[Certificate]) -> Vec<&Certificate> {
    let mut distinct: Vec<&Certificate> = Vec::new();
    for certificate in certificates {
        if !distinct.contains(&certificate) {
            distinct.push(certificate);
        }
    }
    distinct
}

/// Returns where the key of a certificate is, if a row has it.
fn key_place(row: &'static Row, leaf: &Certificate, inventory: &Inventory) -> Option<KeyPlace> {
    let is_for = |key: &PrivateKey| key.public_key() == leaf.public_key();
    let is_waiting = next_key(inventory, row).is_some_and(is_for);
    let is_in_use = inventory.row(row).key().is_some_and(is_for);
    match (is_waiting, is_in_use) {
        (true, _) => Some(KeyPlace::Waiting),
        (false, true) => Some(KeyPlace::Row),
        (false, false) => None,
    }
}

/// Refuses a certificate whose key several rows have.
fn shared_key(file: &GivenCertificates, rows: impl Iterator<Item = &'static Row>) -> Reason {
    let rows: Vec<_> = rows.collect();
    let names: Vec<_> = rows.iter().map(|row| format!("`{}`", row.name)).collect();
    let what = format!("its key belongs to several rows: {}", names.join(", "));
    refusal(file, &what, "").with_remedy(Remedy {
        commands: vec![PkiCommand::RequestCertificates {
            rows,
            new_key: true,
        }],
        words: Some("make a request with a key of its own for each".to_owned()),
    })
}

impl ImportContext<'_> {
    /// Returns what the certificate of a row must contain: what its request asks for, else what is declared.
    fn desired(&self, row: &'static Row) -> Option<LeafTemplate> {
        if let RequestState::Pending(request) = state(self.inventory, row) {
            return Some(LeafTemplate::of_request(request));
        }
        let declared = self.cluster_of(row);
        let declared = declared.filter(|cluster| expected::is_wanted(row, cluster));
        declared
            .and_then(|cluster| expected::contents(row, cluster))
            .or_else(|| expected::constant_contents(row))
            .and_then(Result::ok)
            .or_else(|| self.inventory.row(row).certificate().map(LeafTemplate::of))
    }

    /// Returns what to do about a certificate that does not fit: `words`, unless `csr generate` would replace its request.
    fn remedy(&self, row: &'static Row, words: &str) -> Remedy {
        let needs_request = match self.cluster_of(row) {
            Some(cluster) => {
                let request = GenerateRequest {
                    rows: vec![row],
                    is_named: true,
                    cluster,
                    is_declared: true,
                    new_key: false,
                };
                let action = generate::action(&request, row, self.inventory);
                matches!(action, Ok(Action::Make { .. }))
            }
            None => matches!(state(self.inventory, row), RequestState::Missing),
        };
        match needs_request {
            true => Remedy {
                commands: vec![PkiCommand::RequestCertificates {
                    rows: vec![row],
                    new_key: false,
                }],
                words: Some("make a new request and have it signed".to_owned()),
            },
            false => Remedy::words(words),
        }
    }

    /// Returns the configuration, if it has everything that a row depends on.
    fn cluster_of(&self, row: &Row) -> Option<&Cluster> {
        let declared = self.declared?;
        let is_known = expected::unknown_fields(row, declared).is_empty();
        is_known.then_some(&declared.cluster)
    }
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
    Reason::in_file(&file.name, what, words)
}
