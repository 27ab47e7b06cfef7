//! Plans certification requests: with the contents of a row, for the key that is there or a new one.
//!
//! A new key takes the row's own place only where that is free. Beside a certificate that is in use, it waits beside the
//! request until the import. A request that is as it should be is kept; anything else under its name is not overwritten.

use crate::catalog::{APISERVER, Profile, Row};
use crate::check::finding::{Finding, FindingId, Remedy};
use crate::check::pending::next_key;
use crate::check::{expected, file, host};
use crate::config::cluster::Cluster;
use crate::plan::{
    Action, GIVE_CONFIG, KeyPlace, KeySource, Make, OpenKubeconfig, Plan, PlanError, Reason,
    RequestPlan, Step,
};
use crate::tree::inventory::{ClientCertificate, Fault, FileState, Inventory, RowFiles};
use crate::x509::algorithm::Algorithm;
use crate::x509::certificate::Certificate;
use crate::x509::key::{PrivateKey, PublicKey};
use crate::x509::request::CertificateRequest;
use crate::x509::sign::LeafTemplate;

/// What to ask for.
#[derive(Clone, Debug)]
pub struct GenerateRequest<'a> {
    /// The rows, in catalog order.
    pub rows: Vec<&'static Row>,
    /// Whether they were named; otherwise, rows that `pki` does not manage are left out.
    pub is_named: bool,
    /// The configuration.
    pub cluster: &'a Cluster,
    /// Whether the configuration is given or recorded, and not only inferred from the tree.
    pub is_declared: bool,
    /// Whether to make new keys.
    pub new_key: bool,
}

/// Plans the requests.
///
/// # Errors
/// Every row for which no request can be made.
pub fn plan(request: &GenerateRequest<'_>, inventory: &Inventory) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let mut error = PlanError::default();
    for row in request.rows.iter().copied() {
        match action(request, row, inventory) {
            Ok(Action::Skip { reason, remedy, .. }) if request.is_named => {
                error.add(self::reason(row, &reason, "").with_remedy(remedy));
            }
            Ok(action) => plan.steps.push(Step { row, action }),
            Err(reason) => error.add(reason),
        }
    }
    error.into_result(plan)
}

/// Returns the action for a row: a request for its next certificate.
pub(in crate::plan) fn action(
    request: &GenerateRequest<'_>,
    row: &'static Row,
    inventory: &Inventory,
) -> Result<Action, Reason> {
    if let Some(reason) = unusable(row, inventory) {
        return Err(reason);
    }
    if let Some(why) = not_managed(row, inventory) {
        return Ok(Action::Skip {
            reason: why.to_owned(),
            remedy: Remedy::default(),
            failed: false,
            findings: Vec::new(),
        });
    }
    let contents = contents(request, row, inventory)?;
    let (key, place) = key(request, row, inventory);
    let existing = match place {
        _ if key.is_new() => None,
        KeyPlace::Row => inventory.row(row).key(),
        KeyPlace::Waiting => next_key(inventory, row),
    };
    let existing = existing.map(PrivateKey::public_key);
    if let Some(FileState::Valid(old)) = inventory.request(row).map(|files| &files.request) {
        if !is_own_request(row, old, inventory) {
            let what = "the request in its place is for a key that is not here";
            return Err(reason(row, what, MOVE_AWAY));
        }
        let is_current = existing.is_some_and(|public: &PublicKey| *public == old.public_key());
        if is_current && contents.is_requested_by(old) && old.check_proof().is_ok() {
            return Ok(Action::Keep);
        }
    }
    let is_new_file = place == KeyPlace::Row && key.is_new();
    let kubeconfig = match row.profile {
        Profile::Client {
            common_name,
            server,
            ..
        } if is_new_file => Some(OpenKubeconfig {
            cluster: request.cluster.cluster_name.clone(),
            server: request.cluster.server_url(server),
            user: expected::common_name(common_name, request.cluster),
        }),
        _ => None,
    };
    Ok(Action::Make {
        make: Box::new(Make::Request(RequestPlan {
            contents,
            key,
            place,
            kubeconfig,
        })),
        changes: Vec::new(),
    })
}

/// Returns whether a request is for a key of the row, in use or waiting. It is replaced; any other may be somebody's only copy.
pub fn is_own_request(row: &Row, request: &CertificateRequest, inventory: &Inventory) -> bool {
    let keys = [inventory.row(row).key(), next_key(inventory, row)];
    let public = request.public_key();
    keys.into_iter()
        .flatten()
        .any(|key| *key.public_key() == public)
}

/// The remedy for a file that is not overwritten.
pub const MOVE_AWAY: &str = "move it away if it is not needed";

/// Returns why no request can be made: a file is there that cannot be read and is not overwritten.
fn unusable(row: &'static Row, inventory: &Inventory) -> Option<Reason> {
    let waiting = inventory.request(row);
    let request = waiting.and_then(|files| files.request.invalid());
    let waiting_key = waiting.and_then(|files| files.key.invalid());
    if let Some(invalid) = inventory.row(row).unusable_key() {
        let finding: Finding = file::check(row, invalid);
        return Some(Reason {
            message: cannot(row, &finding.found),
            ..Reason::from(&finding)
        });
    }
    let invalid = request.or(waiting_key)?;
    let what = format!("{invalid}; it is not overwritten");
    Some(match invalid.fault() {
        Fault::PermissionDenied => Reason {
            id: Some(FindingId::FilePermissionDenied),
            ..reason(row, &what, "run as root")
        },
        _ => reason(row, &what, MOVE_AWAY),
    })
}

/// Returns why the certificate of a row is not `pki`'s to ask for.
fn not_managed(row: &Row, inventory: &Inventory) -> Option<&'static str> {
    let RowFiles::Kubeconfig(FileState::Valid(file)) = inventory.row(row) else {
        return None;
    };
    match &file.client {
        ClientCertificate::KubeletRotated(FileState::Valid(_)) => {
            Some("the kubelet renews its client certificate")
        }
        ClientCertificate::InTree { .. } | ClientCertificate::OutsideTree { .. } => {
            Some("its client certificate is in another file")
        }
        ClientCertificate::Unused => Some("its user has no client certificate"),
        ClientCertificate::Embedded { .. }
        | ClientCertificate::KeyOnly { .. }
        | ClientCertificate::KubeletRotated(_) => None,
    }
}

/// Returns what the certificate must contain: what is declared, else what the old certificate contains.
fn contents(
    request: &GenerateRequest<'_>,
    row: &'static Row,
    inventory: &Inventory,
) -> Result<LeafTemplate, Reason> {
    let old = inventory.row(row).certificate();
    let is_declared = request.is_declared && expected::is_wanted(row, request.cluster);
    match old {
        Some(old) if !is_declared && old.go_error().is_none() => Ok(of_old(row, old)),
        None if *row == APISERVER && !is_declared && host::belongs_to_cluster(inventory) => {
            let what = "its certificate is missing, so the names of the API server are unknown";
            Err(reason(row, what, GIVE_CONFIG))
        }
        _ => match expected::contents(row, request.cluster) {
            Some(Ok(contents)) => Ok(contents),
            Some(Err(error)) => Err(reason(row, &error.to_string(), GIVE_CONFIG)),
            None => Err(reason(row, "no CA signs it", "")),
        },
    }
}

fn of_old(row: &Row, old: &Certificate) -> LeafTemplate {
    let (contents, _) = LeafTemplate::of(old)
        .without_further_extensions()
        .with_usages(row.usages());
    contents
}

/// Returns the key to be certified, and where it is.
fn key(
    request: &GenerateRequest<'_>,
    row: &'static Row,
    inventory: &Inventory,
) -> (KeySource, KeyPlace) {
    if let Some(waiting) = next_key(inventory, row) {
        return (KeySource::Reuse(waiting.algorithm()), KeyPlace::Waiting);
    }
    let files = inventory.row(row);
    let algorithm = || {
        let of_old = || files.certificate()?.public_key().algorithm();
        let found = files.key().map(PrivateKey::algorithm).or_else(of_old);
        let declared = request.cluster.algorithm;
        declared
            .or(found.map(Algorithm::for_new_key))
            .unwrap_or(Algorithm::Rsa2048)
    };
    match files.key() {
        Some(key) if !request.new_key && !is_exposed(files) => {
            (KeySource::Reuse(key.algorithm()), KeyPlace::Row)
        }
        None if files.is_missing() => (KeySource::New(algorithm()), KeyPlace::Row),
        _ => (KeySource::New(algorithm()), KeyPlace::Waiting),
    }
}

/// Returns whether the world-readable certificate file contains a private key.
fn is_exposed(files: &RowFiles) -> bool {
    matches!(
        files,
        RowFiles::Leaf { chain, .. }
            if chain.invalid().is_some_and(|invalid| invalid.fault() == Fault::LeakedKey)
    )
}

fn reason(row: &'static Row, what: &str, words: &str) -> Reason {
    Reason::new(cannot(row, what), words).about(row)
}

fn cannot(row: &Row, what: &str) -> String {
    format!("cannot make a request for `{}`: {what}", row.name)
}
