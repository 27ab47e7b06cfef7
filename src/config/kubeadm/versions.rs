//! The versions of kubeadm's API that are read, and how each becomes `v1beta4`.

use serde::de::DeserializeOwned;

use super::de::{Context, from_node};
use super::document::Node;
use super::{suggest, v1beta2, v1beta3, v1beta4};

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
    pub(super) init: fn(&Context<'_>, &Node) -> v1beta4::InitConfiguration,
    pub(super) cluster: fn(&Context<'_>, &Node) -> v1beta4::ClusterConfiguration,
    init_paths: fn() -> Vec<String>,
    cluster_paths: fn() -> Vec<String>,
}

/// The versions, the newest first.
pub(super) static VERSIONS: [Version; 4] = [
    Version {
        name: "v1beta4",
        age: None,
        init: from_node,
        cluster: from_node,
        init_paths: suggest::paths::<v1beta4::InitConfiguration>,
        cluster_paths: suggest::paths::<v1beta4::ClusterConfiguration>,
    },
    Version {
        name: "v1beta3",
        age: Some(
            "is deprecated and has no fields for algorithm and validity; convert the file with `kubeadm config migrate`",
        ),
        init: converted::<v1beta3::InitConfiguration, _>,
        cluster: converted::<v1beta3::ClusterConfiguration, _>,
        init_paths: suggest::paths::<v1beta3::InitConfiguration>,
        cluster_paths: suggest::paths::<v1beta3::ClusterConfiguration>,
    },
    Version {
        name: "v1beta2",
        age: Some(REFUSED),
        init: converted::<v1beta2::InitConfiguration, _>,
        cluster: converted::<v1beta2::ClusterConfiguration, _>,
        init_paths: suggest::paths::<v1beta2::InitConfiguration>,
        cluster_paths: suggest::paths::<v1beta2::ClusterConfiguration>,
    },
    Version {
        name: "v1beta1",
        age: Some(REFUSED),
        init: converted::<v1beta2::InitConfiguration, _>,
        cluster: converted::<v1beta2::ClusterConfiguration, _>,
        init_paths: suggest::paths::<v1beta2::InitConfiguration>,
        cluster_paths: suggest::paths::<v1beta2::ClusterConfiguration>,
    },
];

const REFUSED: &str = "is no longer accepted by kubeadm and has no fields for algorithm and validity; `pki config show -o kubeadm` prints it as `v1beta4`";

impl Version {
    /// Returns the path of every field of a document, outside lists.
    pub(super) fn paths(&self, kind: Kind) -> Vec<String> {
        match kind {
            Kind::Init => (self.init_paths)(),
            Kind::Cluster => (self.cluster_paths)(),
        }
    }
}

fn converted<T, U>(context: &Context<'_>, node: &Node) -> U
where
    T: DeserializeOwned + Default + Into<U>,
{
    from_node::<T>(context, node).into()
}
