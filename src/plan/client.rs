//! Plans a kubeconfig that does not belong to the tree, for a user with a client certificate.

use time::OffsetDateTime;

use super::subject::{NameUse, name_problem};
use super::{Action, KeySource, Leaf, Make, Plan, PlanError, Reason, SigningCa, Step, readiness};
use crate::catalog::{CA, KUBECONFIG, Server};
use crate::check::finding::Findings;
use crate::check::validity;
use crate::config::cluster::Cluster;
use crate::tree::inventory::{CaState, Inventory};
use crate::x509::algorithm::Algorithm;
use crate::x509::sign::LeafTemplate;

/// A user of a cluster.
#[derive(Clone, Debug)]
pub struct ClientRequest<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The flag that names the user.
    pub flag: &'static str,
    /// The user: the common name.
    pub user: &'a str,
    /// The groups: the organizations.
    pub groups: &'a [String],
    /// How long the certificate is valid.
    pub period: std::time::Duration,
}

/// Plans the kubeconfig at `now`, in a tree with these findings.
///
/// # Errors
/// All names that cannot be in a certificate, and why the CA cannot sign.
pub fn plan(
    request: &ClientRequest<'_>,
    inventory: &Inventory,
    findings: &Findings,
    now: OffsetDateTime,
) -> Result<Plan, PlanError> {
    let mut error = PlanError::default();
    for (flag, name) in request.names() {
        error
            .reasons
            .extend(name_problem(flag, name, NameUse::Certificate));
    }
    if let Err(unusable) = readiness::check(&[&CA], inventory, findings) {
        error.reasons.extend(unusable.reasons);
    } else if matches!(inventory.ca(&CA), CaState::External(_)) {
        let what = "CA `ca` is external: its key is not on this host";
        error.add(Reason::new(what, "run this where the key is").about(&CA));
    }
    let (Some(bundle), true) = (inventory.ca_bundle(&CA), error.reasons.is_empty()) else {
        return Err(error);
    };
    let contents =
        LeafTemplate::client(request.user, request.groups).map_err(|problem| PlanError {
            reasons: vec![Reason::new(problem.to_string(), "")],
        })?;
    let (validity, is_shortened) = validity::leaf(now, request.period, bundle.signer.validity());
    let mut plan = Plan::default();
    if is_shortened {
        plan.warnings
            .push(super::cut_short(&KUBECONFIG, &CA, validity));
    }
    let algorithm = request.cluster.algorithm.unwrap_or(Algorithm::Rsa2048);
    let make = Make::NewKubeconfig {
        leaf: Leaf {
            signer: SigningCa::Existing(&CA),
            contents,
            intermediates: Vec::new(),
            key: KeySource::New(algorithm),
            validity,
        },
        cluster: request.cluster.cluster_name.clone(),
        server: request.cluster.server_url(Server::ControlPlane),
        user: request.user.to_owned(),
    };
    plan.steps.push(Step {
        row: &KUBECONFIG,
        action: Action::Make {
            make: Box::new(make),
            changes: Vec::new(),
        },
    });
    Ok(plan)
}

impl ClientRequest<'_> {
    /// Returns the names with their flags.
    fn names(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let groups = self.groups.iter().map(|group| ("--org", group.as_str()));
        std::iter::once((self.flag, self.user)).chain(groups)
    }
}
