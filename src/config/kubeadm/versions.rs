//! The versions of kubeadm's API that are read, and in what they differ.

use super::de;
use super::v1beta::{ClusterConfiguration, InitConfiguration};

/// The kinds of documents that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `InitConfiguration`.
    Init,
    /// `ClusterConfiguration`.
    Cluster,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Kind; 2] = [Kind::Init, Kind::Cluster];

    /// Returns the kind of this name.
    pub(super) fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Returns the name in a document.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Init => "InitConfiguration",
            Kind::Cluster => "ClusterConfiguration",
        }
    }
}

/// One version of kubeadm's API.
pub(super) struct Version {
    /// The version, such as `v1beta4`.
    pub(super) name: &'static str,
    /// What a warning says about its age.
    pub(super) age: Option<&'static str>,
    /// Whether the arguments of components are mappings; since `v1beta4` they are lists.
    pub(super) has_argument_maps: bool,
    /// The fields of the structs that this version does not have.
    lacks: &'static [&'static [&'static str]],
}

/// The versions, the newest first.
pub(super) static VERSIONS: [Version; 4] = [
    Version {
        name: "v1beta4",
        age: None,
        has_argument_maps: false,
        lacks: &[REMOVED_IN_V1BETA3, &["apiServer.timeoutForControlPlane"]],
    },
    Version {
        name: "v1beta3",
        age: Some(
            "is deprecated and has no fields for algorithm and validity; convert the file with `kubeadm config migrate`",
        ),
        has_argument_maps: true,
        lacks: &[REMOVED_IN_V1BETA3, ADDED_IN_V1BETA4],
    },
    Version {
        name: "v1beta2",
        age: Some(NOT_MIGRATED),
        has_argument_maps: true,
        lacks: &[ADDED_IN_V1BETA4, ADDED_IN_V1BETA3],
    },
    Version {
        name: "v1beta1",
        age: Some(NOT_MIGRATED),
        has_argument_maps: true,
        lacks: &[ADDED_IN_V1BETA4, ADDED_IN_V1BETA3, ADDED_IN_V1BETA2],
    },
];

const NOT_MIGRATED: &str = "is no longer accepted by kubeadm and has no fields for algorithm and validity; `pki config show -o kubeadm` prints it as `v1beta4`";

const ADDED_IN_V1BETA4: &[&str] = &[
    "dryRun",
    "nodeRegistration.imagePullSerial",
    "timeouts",
    "etcd.local.extraEnvs",
    "etcd.external.httpEndpoints",
    "apiServer.extraEnvs",
    "controllerManager.extraEnvs",
    "scheduler.extraEnvs",
    "dns.disabled",
    "proxy",
    "encryptionAlgorithm",
    "certificateValidityPeriod",
    "caCertificateValidityPeriod",
];
const ADDED_IN_V1BETA3: &[&str] = &["skipPhases", "patches", "nodeRegistration.imagePullPolicy"];
const REMOVED_IN_V1BETA3: &[&str] = &["useHyperKubeImage", "dns.type"];
const ADDED_IN_V1BETA2: &[&str] = &["certificateKey", "nodeRegistration.ignorePreflightErrors"];

impl Version {
    /// Returns whether this version lacks a field of the structs.
    pub(super) fn lacks(&self, path: &str) -> bool {
        self.lacks.iter().any(|paths| paths.contains(&path))
    }

    /// Returns the path of every field of a document, outside lists.
    pub(super) fn paths(&self, kind: Kind) -> Vec<String> {
        let mut paths = match kind {
            Kind::Init => de::paths::<InitConfiguration>(kind),
            Kind::Cluster => de::paths::<ClusterConfiguration>(kind),
        };
        let lacks = |path: &str| {
            let parents = path.match_indices('.').map(|(dot, _)| path.get(..dot));
            self.lacks(path) || parents.flatten().any(|parent| self.lacks(parent))
        };
        paths.retain(|path| !lacks(path));
        paths
    }
}
