//! Says when everything in a tree expires, and how urgent that is. Computes only; `report` formats.

use time::{Duration, OffsetDateTime};

use super::wanted;
use crate::catalog::{CATALOG, KUBELET_CONF, Row};
use crate::config::cluster::Cluster;
use crate::store::inventory::{ClientFile, Found, Holding, Inventory};

/// When everything in a tree expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The leaves and kubeconfigs, by name in byte order, as kubeadm lists them.
    pub certificates: Vec<Item>,
    /// The CAs, by name in byte order.
    pub authorities: Vec<Item>,
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
    /// Whether the kubelet renews it by itself.
    pub rotating: bool,
    /// What is wrong besides its dates, and makes it useless.
    pub problem: Option<&'static str>,
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
/// Without a configuration, etcd is taken to run elsewhere when there is no file of its family at all, as kubeadm's external
/// etcd leaves it. `kubelet.conf` counts where its client certificate can be read.
pub fn rows(cluster: Option<&Cluster>, inventory: &Inventory) -> Vec<&'static Row> {
    let local_etcd = inventory
        .entries()
        .any(|(row, holding)| row.needs_local_etcd() && !holding.is_absent());
    CATALOG
        .iter()
        .copied()
        .filter(|row| row.is_ca() || row.signer().is_some())
        .filter(|row| match cluster {
            Some(cluster) => wanted::is_wanted(row, cluster),
            None => !row.needs_local_etcd() || local_etcd,
        })
        .filter(|row| {
            **row != KUBELET_CONF || inventory.holding(row).is_some_and(has_client_certificate)
        })
        .collect()
}

fn has_client_certificate(holding: &Holding) -> bool {
    match holding {
        Holding::Kubeconfig(Found::Present(file)) => {
            matches!(
                file.client,
                ClientFile::Embedded { .. } | ClientFile::Rotating(_)
            )
        }
        Holding::Kubeconfig(Found::Broken(_)) => true,
        _ => false,
    }
}

/// Returns when each of these rows expires.
pub fn check(rows: &[&'static Row], inventory: &Inventory, now: OffsetDateTime) -> Expiry {
    let items = |wants_ca: bool| {
        let mut items: Vec<_> = rows
            .iter()
            .filter(|row| row.is_ca() == wants_ca)
            .map(|row| item(row, inventory, now))
            .collect();
        items.sort_unstable_by_key(|item| item.name);
        items
    };
    Expiry {
        certificates: items(false),
        authorities: items(true),
    }
}

fn item(row: &'static Row, inventory: &Inventory, now: OffsetDateTime) -> Item {
    let state = inventory
        .holding(row)
        .map_or(State::Missing, |holding| state(holding, now));
    // kubeadm calls nothing that is missing externally managed, nor says which CA would sign it.
    let missing = state == State::Missing;
    let authority = if row.is_ca() { Some(row) } else { row.signer() };
    Item {
        name: row.name,
        is_ca: row.is_ca(),
        ca: row.signer().filter(|_| !missing).map(|signer| signer.name),
        external: !missing && authority.is_some_and(|ca| inventory.is_external(ca)),
        optional: row.is_optional(),
        rotating: inventory.holding(row).is_some_and(is_rotating),
        problem: inventory
            .holding(row)
            .filter(|_| !row.is_ca())
            .and_then(problem),
        state,
    }
}

/// kubeadm does not look at a leaf's key; without it the certificate is of no use to the component that has to show it.
fn problem(holding: &Holding) -> Option<&'static str> {
    match holding {
        Holding::Pair {
            certificate: Found::Present(_),
            key: Found::Absent,
        } => Some("its key is missing"),
        Holding::Pair {
            certificate: Found::Absent,
            key: Found::Present(_),
        } => Some("its key is there without it"),
        _ => None,
    }
}

fn is_rotating(holding: &Holding) -> bool {
    matches!(holding, Holding::Kubeconfig(Found::Present(file)) if matches!(file.client, ClientFile::Rotating(_)))
}

fn state(holding: &Holding, now: OffsetDateTime) -> State {
    if let Some(leaf) = holding.leaf() {
        let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
        return State::Dated {
            not_before,
            not_after,
            residual: not_after - now,
        };
    }
    match holding {
        Holding::Pair {
            certificate: Found::Broken(message),
            ..
        }
        | Holding::Kubeconfig(Found::Broken(message)) => State::Broken(message.to_string()),
        Holding::Kubeconfig(Found::Present(file)) => match &file.client {
            ClientFile::Rotating(Found::Broken(message)) => State::Broken(message.to_string()),
            ClientFile::Rotating(_) => State::Missing,
            ClientFile::Elsewhere(path) => State::Broken(format!(
                "its client certificate lies in `{}`, which is not read",
                path.escape_debug()
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
