//! Trees: what a plan made is what it would make, and a renewal leaves nothing to do.

use std::fs;

use pki::{
    catalog::{CATALOG, Row},
    check::{check, expected, finding::Outcome},
    config::{self, Cluster, Etcd, Host, Settings},
    execute::{Progress, issue},
    plan::{
        Action, Plan, init,
        renew::{self, RenewRequest, Selection},
    },
    store::transaction::Transaction,
    tree::{
        inventory::{Depth, Inventory},
        layout::{self, Access, Layout},
        overlay::Tree,
    },
};
use proptest::{option, prelude::*};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::{
    cases,
    settings::{endpoint, resolve, settings},
};

const QUICK: &[&str] = &["ECDSA-P256", "ECDSA-P384"];

/// A tree of its own, at a time of its own.
struct Grown {
    layout: Layout,
    now: OffsetDateTime,
    _folder: TempDir,
}

struct Unattended;

impl Progress for Unattended {
    fn keys(&self, _done: usize, _total: usize) {}

    fn is_interrupted(&self) -> bool {
        false
    }
}

impl Grown {
    fn new(now: OffsetDateTime) -> Grown {
        let folder = TempDir::new_in("/dev/shm")
            .or_else(|_| TempDir::new())
            .unwrap();
        let kubeconfigs = folder.path().join("kubernetes");
        fs::create_dir_all(kubeconfigs.join("pki/etcd")).unwrap();
        Grown {
            layout: Layout {
                certificates: kubeconfigs.join("pki"),
                kubelet: folder.path().join("kubelet"),
                rootfs: None,
                kubeconfigs,
            },
            now,
            _folder: folder,
        }
    }

    fn inventory(&self) -> Inventory {
        Inventory::read(&Tree::open(&self.layout).unwrap(), |_| Depth::Keys)
    }

    fn init(&self, cluster: &Cluster) -> Plan {
        let inventory = self.inventory();
        let findings = check(&inventory, Some(cluster.into()), self.now);
        init::plan(&cluster.into(), &inventory, &findings, self.now)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn renewal(&self, cluster: &Cluster, selection: Selection) -> Plan {
        let request = RenewRequest {
            selection,
            declared: Some(cluster),
            reuse_key: false,
        };
        let inventory = self.inventory();
        let findings = check(&inventory, Some(cluster.into()), self.now);
        renew::plan(&request, &inventory, &findings, self.now)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Carries a plan out, on disk.
    fn apply(&self, plan: &Plan, cluster: &Cluster) {
        let issued = issue(plan, &self.inventory(), None, self.now, &Unattended).unwrap();
        let mut transaction = Transaction::begin(&self.layout, "a test", self.now).unwrap();
        for file in issued.rows.into_iter().flat_map(|row| row.files) {
            transaction.write(file.file, file.bytes, file.access);
        }
        let record = Zeroizing::new(cluster.to_yaml().into_bytes());
        transaction.write(layout::recorded_configuration(), record, Access::Private);
        transaction.commit(&|| None).unwrap();
    }

    fn outcome(&self, cluster: &Cluster) -> Outcome {
        check(&self.inventory(), Some(cluster.into()), self.now).outcome()
    }

    /// Returns the cluster as it was recorded, read on another host.
    fn recorded(&self) -> Cluster {
        let bytes = fs::read(self.layout.path(&layout::recorded_configuration())).unwrap();
        let settings = config::read("the record", &bytes).unwrap().settings;
        Cluster::resolve(settings, &Host::default())
            .unwrap()
            .cluster
    }

    /// Nothing is missing, due, or otherwise than declared.
    fn check(&self, cluster: &Cluster) {
        assert_eq!(self.recorded(), *cluster);
        let plan = self.init(cluster);
        assert!(plan.makes_nothing(), "init would make more: {plan:?}");
        let wanted = CATALOG
            .iter()
            .filter(|row| expected::is_wanted(row, cluster));
        assert_eq!(rows(&plan), wanted.map(|row| row.name).collect::<Vec<_>>());
        assert_eq!(self.outcome(cluster), Outcome::Healthy);
        let due = self.renewal(cluster, Selection::Due(Duration::SECOND));
        assert!(due.steps.is_empty(), "something is due: {due:?}");
        for (row, _, changes) in self.renewal(cluster, Selection::All).made() {
            let drift: Vec<_> = changes.iter().filter(|change| change.drift).collect();
            assert!(
                drift.is_empty(),
                "`{}` is not as declared: {drift:?}",
                row.name
            );
        }
    }
}

fn rows(plan: &Plan) -> Vec<&'static str> {
    plan.steps.iter().map(|step| step.row.name).collect()
}

/// A moment at which a certificate can be made: before and after 2050, when dates change their form.
fn moment() -> impl Strategy<Value = OffsetDateTime> {
    (631_152_000i64..4_000_000_000)
        .prop_map(|seconds| OffsetDateTime::from_unix_timestamp(seconds).unwrap())
}

/// Two configurations of one node: the second one says other things, and leads to the same API server.
fn before_and_after() -> impl Strategy<Value = (Settings, Settings)> {
    (settings(QUICK), settings(QUICK), option::of(endpoint())).prop_map(
        |(before, after, endpoint)| {
            let endpoint = endpoint.map(|value| config::Setting::by_flag("an example", value));
            let after = Settings {
                advertise_address: before.advertise_address.clone(),
                bind_port: before.bind_port.clone(),
                service_subnet: before.service_subnet.clone(),
                // A kubeconfig that points at the node itself stays right when the cluster gets an endpoint.
                control_plane_endpoint: before.control_plane_endpoint.clone().or(endpoint),
                // Files of an etcd that moves are another matter.
                etcd_external: before.etcd_external.clone(),
                etcd_server_cert_sans: after
                    .etcd_server_cert_sans
                    .filter(|_| before.etcd_external.is_none()),
                etcd_peer_cert_sans: after
                    .etcd_peer_cert_sans
                    .filter(|_| before.etcd_external.is_none()),
                ..after
            };
            (before, after)
        },
    )
}

/// With keys that are made in no time, whatever is declared.
fn quick(settings: Settings) -> Cluster {
    let cluster = resolve(settings);
    let algorithm = cluster
        .algorithm
        .or(Some(pki::x509::algorithm::Algorithm::EcdsaP256));
    Cluster {
        algorithm,
        ..cluster
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_plan_after_its_own_apply_is_empty_and_so_it_is_after_a_renewal_with_another_configuration(
        (before, after) in before_and_after(),
        now in moment(),
    ) {
        let (before, after) = (quick(before), quick(after));
        let mut grown = Grown::new(now);
        let plan = grown.init(&before);
        let wanted = CATALOG.iter().filter(|row| expected::is_wanted(row, &before));
        prop_assert_eq!(plan.made().map(|(row, ..)| row.name).collect::<Vec<_>>(), wanted.map(|row| row.name).collect::<Vec<_>>());
        grown.apply(&plan, &before);
        grown.check(&before);

        grown.now += Duration::MINUTE;
        let plan = grown.renewal(&after, Selection::All);
        let is_leaf = |row: &&Row| row.signer().is_some();
        let leaves = CATALOG.iter().copied().filter(is_leaf).filter(|row| expected::is_wanted(row, &after));
        prop_assert_eq!(rows(&plan), leaves.map(|row| row.name).collect::<Vec<_>>());
        prop_assert!(plan.steps.iter().all(|step| matches!(step.action, Action::Make { .. })), "{:?}", plan);
        grown.apply(&plan, &after);
        grown.check(&after);
        prop_assert_eq!(matches!(before.etcd, Etcd::Local), matches!(after.etcd, Etcd::Local));
    }
}
