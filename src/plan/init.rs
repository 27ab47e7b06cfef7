//! Plans `init`: creates missing files, keeps usable ones, and refuses if a file is unusable. Skips certificates that
//! an external CA must sign.
//!
//! Follows kubeadm's joining path (`certlist.go`, `CreateTree`), which checks keys and SANs, and not its init phases, which
//! keep a certificate whose key is lost. See "Differences from kubeadm" in the README.

use time::OffsetDateTime;

use super::{Action, GIVE_CONFIG, KeySource, Leaf, Make, Plan, PlanError, Reason, SigningCa, Step};
use crate::catalog::{APISERVER, CA, CATALOG, Profile, Row, Sharing};
use crate::check::ca::CLUSTER_CA_ENCRYPTED;
use crate::check::finding::{Finding, FindingId, Findings, Remedy};
use crate::check::host::{self, HostKind};
use crate::check::pending::is_pending;
use crate::check::{expected, file, title, validity};
use crate::config::cluster::Cluster;
use crate::plan::csr::generate::{self, GenerateRequest};
use crate::tree::inventory::{CaState, ClientCertificate, FileState, Inventory, RowFiles};
use crate::x509::algorithm::Algorithm;
use crate::x509::validity::Validity;

/// The input of `init`.
#[derive(Clone, Copy, Debug)]
pub struct InitRequest<'a> {
    /// The configuration.
    pub cluster: &'a Cluster,
    /// Whether the configuration is given or recorded, and not only inferred from the tree.
    pub is_declared: bool,
    /// Whether to create CAs and service-account keys even if other files show that the host belongs to a cluster.
    pub new_ca: bool,
    /// Whether the host joins a cluster, so that all shared files must exist.
    pub join: bool,
    /// Whether to make requests for what a missing CA or CA key would sign, instead of a CA.
    pub external_ca: bool,
    /// Whether to encrypt the keys of new CAs with a passphrase.
    pub encrypt_ca_keys: bool,
}

impl<'a> From<&'a Cluster> for InitRequest<'a> {
    /// Requests the tree of a declared configuration.
    fn from(cluster: &'a Cluster) -> InitRequest<'a> {
        InitRequest {
            cluster,
            is_declared: true,
            new_ca: false,
            join: false,
            external_ca: false,
            encrypt_ca_keys: false,
        }
    }
}

/// Plans what is missing for this cluster at `now`, in a tree with these findings.
///
/// # Errors
/// All unusable files of the tree.
pub fn plan(
    request: &InitRequest<'_>,
    inventory: &Inventory,
    findings: &Findings,
    now: OffsetDateTime,
) -> Result<Plan, PlanError> {
    let mut planner = InitPlanner {
        request,
        inventory,
        now,
        plan: Plan::default(),
        error: PlanError::default(),
    };
    if let Some(reason) = other_host(request, inventory) {
        planner.error.add(reason);
        return planner.error.into_result(planner.plan);
    }
    let rows: Vec<_> = CATALOG
        .iter()
        .copied()
        .filter(|row| expected::is_wanted(row, request.cluster))
        .collect();
    for row in &rows {
        if let Some(action) = planner.action(row) {
            planner.plan.steps.push(Step { row, action });
        }
    }
    planner.warn_of_shared_rows();
    planner.warn_of_encryption();
    planner.stop_at(&rows, findings);
    planner.error.into_result(planner.plan)
}

/// Returns why nothing is created on a worker or an etcd member, unless a control plane was asked for.
fn other_host(request: &InitRequest<'_>, inventory: &Inventory) -> Option<Reason> {
    if request.is_declared || request.join || request.new_ca {
        return None;
    }
    let kind = match host::recognize(inventory, false) {
        HostKind::Worker => "a worker",
        HostKind::EtcdMember => "an etcd member",
        HostKind::ControlPlane | HostKind::Other | HostKind::Nothing => return None,
    };
    Some(Reason {
        row: None,
        id: Some(FindingId::HostKind),
        message: format!("this host is {kind}: it has no file that only a control plane node has"),
        remedy: Remedy::words(
            "give `--config` with the configuration of the cluster to make it a control plane node",
        ),
    })
}

/// The remedy if a shared file is missing.
const COPY_OR_NEW_CA: &str = "copy it from another control plane node; if all nodes lost it, create a new one with `--new-ca` (existing certificates and kubeconfigs do not trust it)";

struct InitPlanner<'a> {
    request: &'a InitRequest<'a>,
    inventory: &'a Inventory,
    now: OffsetDateTime,
    plan: Plan,
    error: PlanError,
}

/// Returns why the names of the API server are unknown, if there is no certificate that could tell them. A file that cannot be read
/// has a finding of its own.
fn unknown_names(row: &'static Row, files: &RowFiles) -> Option<Reason> {
    let RowFiles::Leaf { chain, .. } = files else {
        return None;
    };
    let (finding, words) = match chain {
        FileState::Valid(_) => return None,
        _ if files.is_unreadable() => return None,
        FileState::Missing => {
            let what = "its certificate is missing, so the names of the API server are unknown";
            let finding = Finding::new(FindingId::CertificateMissing, what).about(row);
            (finding, GIVE_CONFIG)
        }
        FileState::Invalid(invalid) => (file::check(row, invalid), RENEW_WITH_CONFIG),
    };
    Some(Reason::from(&finding).with_remedy(Remedy::words(words)))
}

/// The remedy if the certificate of the API server is there and cannot be used: `init` keeps files that are there.
const RENEW_WITH_CONFIG: &str = "`pki renew apiserver --config FILE` replaces it; `kubectl -n kube-system get configmap kubeadm-config -o yaml` prints the cluster's configuration";

impl InitPlanner<'_> {
    /// Returns the action for a row. Records an error and returns `None` if the row cannot be kept or made.
    fn action(&mut self, row: &'static Row) -> Option<Action> {
        let files = self.inventory.row(row);
        if row.sharing == Sharing::Cluster && files.is_missing() {
            return self.shared(row);
        }
        // What a lost CA signed is worth nothing beside a new one.
        let is_missing = files.is_missing() || row.signer().is_some_and(|ca| self.replaces(ca));
        if *row == APISERVER
            && !self.request.is_declared
            && host::belongs_to_cluster(self.inventory)
            && let Some(reason) = unknown_names(row, files)
        {
            self.error.add(reason);
            return None;
        }
        if let Some(signer) = self.external_signer(row)
            && (is_missing || self.is_key_only(row))
        {
            return self.unsigned(row, signer, is_missing);
        }
        match row.profile {
            Profile::Ca { .. } | Profile::User | Profile::Observed => Some(Action::Keep),
            Profile::ServiceAccount => Some(match self.is_public_key_missing(row) {
                true => made(Make::ServiceAccountPublic),
                false => Action::Keep,
            }),
            _ if !is_missing => Some(Action::Keep),
            Profile::Leaf { .. } => Some(made(Make::Leaf(self.leaf(row)?))),
            Profile::Client {
                common_name,
                server,
                ..
            } => Some(made(Make::NewKubeconfig {
                leaf: self.leaf(row)?,
                cluster: self.request.cluster.cluster_name.clone(),
                server: self.request.cluster.server_url(server),
                user: expected::common_name(common_name, self.request.cluster),
            })),
        }
    }

    /// Returns the action for a row whose certificate only an external CA can sign.
    fn unsigned(&mut self, row: &'static Row, signer: &Row, is_missing: bool) -> Option<Action> {
        if is_pending(self.inventory, row) {
            return Some(Action::Keep);
        }
        if !self.request.external_ca {
            let what = match is_missing {
                true => "it is missing",
                false => "its key exists, its certificate is missing",
            };
            return Some(self.skip_external(row, signer, what));
        }
        let request = GenerateRequest {
            rows: vec![row],
            is_named: false,
            cluster: self.request.cluster,
            is_declared: self.request.is_declared,
            new_key: false,
        };
        match generate::action(&request, row, self.inventory) {
            Ok(action) => Some(action),
            Err(reason) => {
                self.error.add(reason);
                None
            }
        }
    }

    /// Returns whether a new CA was asked for in the place of this one, of which nothing is left.
    fn replaces(&self, ca: &Row) -> bool {
        self.request.new_ca && matches!(self.inventory.ca(ca), CaState::Missing)
    }

    /// Returns the action for a missing shared row.
    fn shared(&mut self, row: &'static Row) -> Option<Action> {
        let id = match row.is_ca() {
            true => FindingId::CaMissing,
            false => FindingId::ServiceAccountMissing,
        };
        if row.is_ca() && self.request.external_ca {
            return Some(Action::Skip {
                reason: "the certificate of this external CA is not here".to_owned(),
                remedy: Remedy::words("put it in its place, see `pki help csr`"),
                failed: false,
                findings: Vec::new(),
            });
        }
        if self.request.join {
            let what =
                "it is missing; a joining control plane node must have the same one as the cluster";
            let words = "copy it from another control plane node";
            return self.stop(row, id, what, words);
        }
        if host::belongs_to_cluster(self.inventory) && !self.request.new_ca {
            // Orphaned leaves have a separate finding.
            let has_orphans = self
                .inventory
                .rows()
                .any(|(leaf, files)| leaf.signer() == Some(row) && files.certificate().is_some());
            if has_orphans {
                return None;
            }
            let what = "it is missing, but other files show that this host belongs to a cluster";
            return self.stop(row, id, what, COPY_OR_NEW_CA);
        }
        Some(made(match row.profile {
            Profile::Ca { common_name } => Make::Ca {
                common_name,
                algorithm: self.algorithm(),
                validity: validity::ca(
                    self.now,
                    self.request.cluster.ca_certificate_validity.length(),
                ),
                is_encrypted: self.request.encrypt_ca_keys,
            },
            _ => Make::ServiceAccount {
                algorithm: self.algorithm(),
            },
        }))
    }

    /// Warns about new shared rows if other shared rows existed: the other control plane nodes need the new ones.
    fn warn_of_shared_rows(&mut self) {
        let shared = |step: &&Step| {
            step.row.sharing == Sharing::Cluster && !matches!(step.action, Action::Skip { .. })
        };
        let is_made = |step: &&Step| matches!(step.action, Action::Make { .. });
        let (made, kept): (Vec<_>, Vec<_>) =
            self.plan.steps.iter().filter(shared).partition(is_made);
        if kept.is_empty() || made.is_empty() {
            return;
        }
        let names: Vec<_> = made
            .iter()
            .map(|step| format!("`{}`", step.row.name))
            .collect();
        self.plan.warnings.push(format!(
            "new on this host; copy to the other control plane nodes: {}",
            names.join(", ")
        ));
    }

    /// Warns about what an encrypted key means, and about keys that stay as they are.
    fn warn_of_encryption(&mut self) {
        if !self.request.encrypt_ca_keys {
            return;
        }
        let (made, kept): (Vec<_>, Vec<_>) = CATALOG
            .iter()
            .filter(|row| row.is_ca())
            .partition(|row| self.plan.made_of(row).is_some());
        if made.contains(&&CA) {
            let warning = format!(
                "the key of CA `{}` is encrypted: {CLUSTER_CA_ENCRYPTED}",
                CA.name
            );
            self.plan.warnings.push(warning);
        }
        let is_plain = |row: &&&Row| self.inventory.row(row).key().is_some();
        let plain: Vec<_> = kept
            .iter()
            .filter(is_plain)
            .map(|row| format!("`{}`", row.name))
            .collect();
        if !plain.is_empty() {
            self.plan.warnings.push(format!(
                "only new keys are encrypted; the keys of these CAs stay as they are, see `pki help csr`: {}",
                plain.join(", ")
            ));
        }
    }

    /// Records every error that the plan does not remove, except for skipped rows.
    fn stop_at(&mut self, rows: &[&'static Row], findings: &Findings) {
        let is_skipped = |row: &Row| {
            self.plan
                .steps
                .iter()
                .any(|step| step.row == row && matches!(step.action, Action::Skip { .. }))
        };
        let left: Vec<_> = findings
            .errors()
            .filter(|error| {
                error
                    .row
                    .is_some_and(|row| rows.contains(&row) && !is_skipped(row))
            })
            .filter(|error| !self.plan.removes(error, self.inventory))
            // Already recorded, with a remedy.
            .filter(|error| {
                !self
                    .error
                    .reasons
                    .iter()
                    .any(|reason| reason.row == error.row)
            })
            .map(Reason::from)
            .collect();
        for reason in left {
            self.error.add(reason);
        }
        self.error
            .reasons
            .sort_by_key(|reason| CATALOG.iter().position(|row| reason.row == Some(row)));
    }

    fn stop<T>(&mut self, row: &'static Row, id: FindingId, what: &str, words: &str) -> Option<T> {
        self.error.add(Reason {
            row: Some(row),
            id: Some(id),
            message: format!("{}: {what}", title(row)),
            remedy: Remedy::words(words),
        });
        None
    }

    fn algorithm(&self) -> Algorithm {
        self.request.cluster.algorithm.unwrap_or(Algorithm::Rsa2048)
    }

    fn is_public_key_missing(&self, row: &Row) -> bool {
        matches!(self.inventory.row(row), RowFiles::ServiceAccount { public, .. } if public.is_missing())
    }

    fn is_key_only(&self, row: &Row) -> bool {
        match self.inventory.row(row) {
            RowFiles::Leaf { chain, key } => chain.is_missing() && key.valid().is_some(),
            RowFiles::Kubeconfig(FileState::Valid(file)) => {
                matches!(file.client, ClientCertificate::KeyOnly { .. })
            }
            _ => false,
        }
    }

    /// Returns the CA of a row, if it is external.
    fn external_signer(&self, row: &Row) -> Option<&'static Row> {
        row.signer().filter(|signer| {
            let is_missing = matches!(self.inventory.ca(signer), CaState::Missing);
            self.inventory.is_external(signer) || (is_missing && self.request.external_ca)
        })
    }

    /// Skips a row that its external CA must sign.
    fn skip_external(&self, row: &'static Row, signer: &Row, what: &str) -> Action {
        let contents = expected::contents(row, self.request.cluster).and_then(Result::ok);
        let details = contents.map_or_else(String::new, |contents| {
            let names = contents.san_texts().join(", ");
            let names = if names.is_empty() {
                names
            } else {
                format!(", names {names}")
            };
            let usages = contents.usage_names().join(" and ");
            format!(" for `{}`, usages {usages}{names}", contents.subject_text())
        });
        Action::Skip {
            reason: format!("{what}, and its CA `{}` is external", signer.name),
            remedy: Remedy::words(format!(
                "have that CA sign a certificate{details}, see `pki help csr`"
            )),
            failed: true,
            findings: Vec::new(),
        }
    }

    fn leaf(&mut self, row: &'static Row) -> Option<Leaf> {
        let signer = row.signer()?;
        let issuer = self.issuer_validity(signer)?;
        let period = self.request.cluster.certificate_validity.length();
        let (validity, is_shortened) = validity::leaf(self.now, period, issuer);
        if is_shortened {
            let warning = super::cut_short(row, signer, validity);
            self.plan.warnings.push(warning);
        }
        match expected::contents(row, self.request.cluster)? {
            Ok(contents) => Some(Leaf {
                signer: match self.inventory.ca(signer) {
                    CaState::Missing => SigningCa::New(signer),
                    _ => SigningCa::Existing(signer),
                },
                contents,
                intermediates: Vec::new(),
                key: KeySource::New(self.algorithm()),
                validity,
            }),
            Err(error) => self.stop(row, FindingId::CertificateMissing, &error.to_string(), ""),
        }
    }

    /// Returns the validity of the signing CA, which exists or is created by the same plan.
    fn issuer_validity(&self, signer: &'static Row) -> Option<Validity> {
        match self.inventory.ca(signer) {
            CaState::Missing => Some(validity::ca(
                self.now,
                self.request.cluster.ca_certificate_validity.length(),
            )),
            // The CA itself stops the plan.
            _ => Some(self.inventory.ca_bundle(signer)?.signer.validity()),
        }
    }
}

fn made(make: Make) -> Action {
    Action::Make {
        make: Box::new(make),
        changes: Vec::new(),
    }
}
