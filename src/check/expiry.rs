//! Says when everything in a tree expires, and how urgent that is. Computes only; `report` formats.

use time::{Duration, OffsetDateTime};

use crate::catalog::{
    APISERVER_ETCD_CLIENT, CATALOG, ETCD_CA, ETCD_HEALTHCHECK_CLIENT, ETCD_PEER, ETCD_SERVER,
    KUBELET_CONF, Row,
};
use crate::check::leaf::{Unsound, judge, last_valid};
use crate::check::trust::{self, Distrust};
use crate::config::cluster::{Cluster, Etcd};
use crate::tree::inventory::{ClientCertificate, FileState, Inventory, RowFiles};
use crate::util::escape::escaped;
use crate::x509::ca::{IssuerError, check_ca};
use crate::x509::certificate::Certificate;
use crate::x509::verify::{VerifyError, has_forged_issuer};

/// When everything in a tree expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The leaves and kubeconfigs, by name in byte order, as kubeadm lists them.
    pub certificates: Vec<Item>,
    /// The CAs, by name in byte order.
    pub authorities: Vec<Item>,
    /// The kubeconfigs in which nothing expires that is known here: their users have a token, a password or a plugin.
    pub dateless: Vec<&'static str>,
}

/// One thing that can expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The row's name.
    pub name: &'static str,
    /// What was found.
    pub state: State,
    /// The row name of the CA that signs it; none for a CA.
    pub ca: Option<&'static str>,
    /// Whether it is a CA.
    pub is_ca: bool,
    /// Whether only an external CA can renew it.
    pub external: bool,
    /// Whether the tree is healthy without it.
    pub optional: bool,
    /// Who renews it.
    pub renewer: Renewer,
    /// What is wrong besides its dates, and makes it useless.
    pub problem: Option<String>,
}

/// Who renews something that expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewer {
    /// `pki renew`.
    Pki,
    /// The external CA that signs it.
    ExternalCa,
    /// The kubelet, by itself.
    Kubelet,
    /// Whoever made the file of its own that a kubeconfig names.
    Owner,
    /// Nobody: a CA has to be replaced.
    Nobody,
    /// `pki init`, once it is out of the way: it lacks more than a valid certificate.
    Init,
    /// Whoever administers the node: nothing else replaces the CAs in it.
    Hand,
}

/// What was found of a thing that can expire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// There is a certificate.
    Dated {
        /// First valid second.
        not_before: OffsetDateTime,
        /// Last valid second.
        not_after: OffsetDateTime,
        /// Time from now to `not_after`; negative once it has expired.
        residual: Duration,
    },
    /// There is nothing.
    Missing,
    /// There is something else than a certificate: the message names the file and says why.
    Broken(String),
}

/// From when on an expiry needs attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Residual time from which on a renewal is due.
    pub warn: Duration,
    /// Residual time from which on it counts as if it had expired.
    pub critical: Duration,
}

/// How urgent an item is; the greater, the more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Nothing to do.
    Healthy,
    /// Within the warning time.
    Due,
    /// Expired, within the critical time, missing, not yet valid, or broken.
    Critical,
}

/// Returns the rows that a check looks at: the configured ones, or else those of which there is any sign.
///
/// Where etcd is external, its CA and the API server's client certificate count if they are there: kubeadm's guide has them
/// copied to these places by hand. `kubelet.conf` counts where its client certificate can be read.
pub fn rows(cluster: Option<&Cluster>, inventory: &Inventory) -> Vec<&'static Row> {
    let local_etcd = match cluster {
        Some(cluster) => matches!(cluster.etcd, Etcd::Local),
        None => has_local_etcd(inventory),
    };
    let is_there = |row: &Row| !inventory.row(row).is_missing();
    CATALOG
        .iter()
        .copied()
        .filter(|row| row.is_ca() || row.signer().is_some())
        .filter(|row| {
            let is_copied = [&ETCD_CA, &APISERVER_ETCD_CLIENT].contains(row) && is_there(row);
            !row.needs_local_etcd() || local_etcd || is_copied
        })
        .filter(|row| **row != KUBELET_CONF || has_client_certificate(inventory.row(row)))
        .collect()
}

/// Returns whether etcd runs beside the API server, as far as a tree tells: its static pod is there, or something that only
/// etcd itself or its CA's owner has.
pub fn has_local_etcd(inventory: &Inventory) -> bool {
    let is_etcds = [&ETCD_SERVER, &ETCD_PEER, &ETCD_HEALTHCHECK_CLIENT]
        .into_iter()
        .any(|row| !inventory.row(row).is_missing());
    let has_ca_key = matches!(
        inventory.row(&ETCD_CA),
        RowFiles::Ca { key, .. } if !key.is_missing()
    );
    inventory.runs_etcd() || is_etcds || has_ca_key
}

fn has_client_certificate(files: &RowFiles) -> bool {
    match files {
        RowFiles::Kubeconfig(FileState::Valid(file)) => {
            matches!(
                file.client,
                ClientCertificate::Embedded { .. }
                    | ClientCertificate::KubeletRotated(_)
                    | ClientCertificate::InTree { .. }
            )
        }
        RowFiles::Kubeconfig(FileState::Invalid(_)) => true,
        _ => false,
    }
}

/// Returns what is wrong with whom a row's kubeconfig trusts.
fn distrust(row: &Row, inventory: &Inventory, now: OffsetDateTime) -> Option<Distrust> {
    match inventory.row(row) {
        RowFiles::Kubeconfig(FileState::Valid(file)) => {
            trust::judge(file, row.signer()?, inventory, now)
        }
        _ => None,
    }
}

fn is_dateless(files: &RowFiles) -> bool {
    matches!(files, RowFiles::Kubeconfig(FileState::Valid(file)) if matches!(file.client, ClientCertificate::Unused))
}

/// Returns when each of these rows expires.
pub fn check(rows: &[&'static Row], inventory: &Inventory, now: OffsetDateTime) -> Expiry {
    let (dateless, dated): (Vec<&Row>, Vec<&Row>) = rows
        .iter()
        .copied()
        .partition(|row| is_dateless(inventory.row(row)));
    let broken_cas: Vec<&Row> = CATALOG
        .iter()
        .copied()
        .filter(|row| row.is_ca() && problem(row, inventory, now).is_some())
        .collect();
    let items = |wants_ca: bool| {
        let mut items: Vec<_> = dated
            .iter()
            .filter(|row| row.is_ca() == wants_ca)
            .map(|row| item(row, inventory, &broken_cas, now))
            .collect();
        items.sort_unstable_by_key(|item| item.name);
        items
    };
    Expiry {
        certificates: items(false),
        authorities: items(true),
        dateless: dateless.into_iter().map(|row| row.name).collect(),
    }
}

fn item(
    row: &'static Row,
    inventory: &Inventory,
    broken_cas: &[&Row],
    now: OffsetDateTime,
) -> Item {
    let files = inventory.row(row);
    let state = state(files, ends(row, files, inventory), now);
    // kubeadm calls nothing that is missing externally managed, nor says which CA would sign it.
    let missing = state == State::Missing;
    let authority = if row.is_ca() { Some(row) } else { row.signer() };
    let has_external_ca = authority.is_some_and(|ca| inventory.is_external(ca));
    let external = !missing && has_external_ca;
    let distrust = distrust(row, inventory, now);
    Item {
        name: row.name,
        is_ca: row.is_ca(),
        ca: row.signer().filter(|_| !missing).map(|signer| signer.name),
        external,
        optional: row.is_optional(),
        renewer: match client(files) {
            _ if distrust
                .as_ref()
                .is_some_and(|why| !why.is_mended_by_renewal()) =>
            {
                Renewer::Init
            }
            Some(ClientCertificate::KubeletRotated(_) | ClientCertificate::InTree { .. })
                if distrust.is_some() =>
            {
                Renewer::Hand
            }
            _ if distrust.is_some() && has_external_ca => Renewer::Hand,
            Some(ClientCertificate::KubeletRotated(_)) => Renewer::Kubelet,
            Some(ClientCertificate::InTree { .. }) => Renewer::Owner,
            _ if row.is_ca() => Renewer::Nobody,
            // What it signs anew would be refused as well.
            _ if authority.is_some_and(|ca| broken_cas.contains(&ca)) => Renewer::Nobody,
            _ if has_external_ca => Renewer::ExternalCa,
            _ => Renewer::Pki,
        },
        problem: problem(row, inventory, now),
        state,
    }
}

fn client(files: &RowFiles) -> Option<&ClientCertificate> {
    match files {
        RowFiles::Kubeconfig(FileState::Valid(file)) => Some(&file.client),
        _ => None,
    }
}

/// Returns what makes a certificate useless, whatever its dates. No private key is read for this.
///
/// kubeadm looks neither at a leaf's key nor, where the CA's key is there, at its signature; but a certificate that no
/// component can show, or that none accepts, is no better than an expired one.
fn problem(row: &'static Row, inventory: &Inventory, now: OffsetDateTime) -> Option<String> {
    let files = inventory.row(row);
    match files {
        RowFiles::Leaf {
            chain: FileState::Valid(_),
            key: FileState::Missing,
        } => return Some("its key is missing".to_owned()),
        RowFiles::Leaf {
            chain: FileState::Missing,
            key: FileState::Valid(_),
        } => {
            return Some("its certificate is missing, and its key is there".to_owned());
        }
        _ => {}
    }
    let Some(signer) = row.signer() else {
        let bundle = inventory.ca_bundle(row)?;
        if let Some(other) = super::other_ca(row, &bundle.signer) {
            return Some(format!("it is the CA `{other}`"));
        }
        // Dates are judged by themselves.
        return match check_ca(bundle, bundle.signer.validity().clamp(now)) {
            Ok(()) | Err(IssuerError::Expired(_) | IssuerError::NotYetValid(_)) => None,
            Err(error) => Some(error.to_string()),
        };
    };
    let chain = files.chain()?;
    let anchors = inventory.ca_bundle(signer)?;
    // The kubelet's certificate may have come from another signer than this tree's CA.
    if matches!(client(files), Some(ClientCertificate::KubeletRotated(_))) {
        let wrong = VerifyError::BadSignature;
        return match has_forged_issuer(&chain.leaf, &anchors.certificates()) {
            true => Some(wrong.to_string()),
            false => distrust(row, inventory, now).map(|why| why.to_string()),
        };
    }
    match judge(row, chain, None, anchors, chain.leaf.validity().clamp(now)) {
        Err(Unsound::Chain(VerifyError::Expired(_) | VerifyError::NotYetValid(_)))
        | Ok(())
        | Err(Unsound::Serial | Unsound::SeveralLeaves | Unsound::KeyMismatch) => {
            distrust(row, inventory, now).map(|why| why.to_string())
        }
        Err(unsound @ (Unsound::Chain(_) | Unsound::Intermediate | Unsound::Name)) => {
            Some(unsound.to_string())
        }
    }
}

/// Returns when what a row holds can be used no longer: with its leaf, or with an intermediate that the leaf needs.
pub(crate) fn ends(row: &Row, files: &RowFiles, inventory: &Inventory) -> Option<OffsetDateTime> {
    let anchors = row.signer().and_then(|ca| inventory.ca_bundle(ca));
    match (files.chain(), anchors) {
        (Some(chain), Some(anchors)) => Some(last_valid(chain, anchors)),
        _ => files.certificate().map(Certificate::not_after),
    }
}

fn state(files: &RowFiles, ends: Option<OffsetDateTime>, now: OffsetDateTime) -> State {
    if let (Some(leaf), Some(not_after)) = (files.certificate(), ends) {
        let not_before = leaf.not_before();
        return State::Dated {
            not_before,
            not_after,
            residual: not_after - now,
        };
    }
    match files {
        RowFiles::Ca {
            bundle: FileState::Invalid(message),
            ..
        }
        | RowFiles::Leaf {
            chain: FileState::Invalid(message),
            ..
        }
        | RowFiles::Kubeconfig(FileState::Invalid(message)) => State::Broken(message.to_string()),
        RowFiles::Kubeconfig(FileState::Valid(file)) => match &file.client {
            ClientCertificate::KubeletRotated(FileState::Invalid(message)) => {
                State::Broken(message.to_string())
            }
            ClientCertificate::KubeletRotated(_) => State::Missing,
            ClientCertificate::InTree {
                path,
                chain: FileState::Missing,
            } => State::Broken(format!(
                "its client certificate should lie in `{}`, and there is no such file",
                escaped(path)
            )),
            ClientCertificate::InTree {
                chain: FileState::Invalid(message),
                ..
            } => State::Broken(message.to_string()),
            ClientCertificate::OutsideTree(path) => State::Broken(format!(
                "its client certificate lies in `{}`, which is not read",
                escaped(path)
            )),
            _ => State::Broken("its user has no client certificate".to_owned()),
        },
        _ => State::Missing,
    }
}

impl Expiry {
    /// Returns all items: certificates, then CAs.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.certificates.iter().chain(&self.authorities)
    }

    /// Returns the greatest urgency of all items.
    pub fn urgency(&self, thresholds: Thresholds) -> Urgency {
        self.items()
            .map(|item| item.urgency(thresholds))
            .max()
            .unwrap_or(Urgency::Healthy)
    }
}

impl Item {
    /// Returns how urgent this item is.
    pub fn urgency(&self, thresholds: Thresholds) -> Urgency {
        if self.problem.is_some() {
            return Urgency::Critical;
        }
        match &self.state {
            State::Dated {
                residual,
                not_after,
                not_before,
            } => {
                // Now is `not_after` less the residual time.
                if residual.is_negative()
                    || *residual <= thresholds.critical
                    || *not_before > *not_after - *residual
                {
                    Urgency::Critical
                } else if *residual <= thresholds.warn {
                    Urgency::Due
                } else {
                    Urgency::Healthy
                }
            }
            State::Missing if self.optional => Urgency::Healthy,
            State::Missing | State::Broken(_) => Urgency::Critical,
        }
    }

    /// Returns the time left; the least possible for what is not there at all.
    pub fn residual(&self) -> Duration {
        match self.state {
            State::Dated { residual, .. } => residual,
            State::Missing | State::Broken(_) => Duration::MIN,
        }
    }
}
