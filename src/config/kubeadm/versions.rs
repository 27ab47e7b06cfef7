//! The kinds and versions of kubeadm's documents that are read. [`schema`](super::schema) tells which version has which field.

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
    /// The number after `v1beta`.
    pub(super) number: u8,
    /// The version, such as `v1beta4`.
    pub(super) name: &'static str,
    /// What a warning says about its age.
    pub(super) age: Option<&'static str>,
}

/// The versions, the newest first.
pub(super) static VERSIONS: [Version; 4] = [
    Version {
        number: 4,
        name: "v1beta4",
        age: None,
    },
    Version {
        number: 3,
        name: "v1beta3",
        age: Some(
            "is deprecated and has no fields for algorithm and validity; convert the file with `kubeadm config migrate`",
        ),
    },
    Version {
        number: 2,
        name: "v1beta2",
        age: Some(NOT_MIGRATED),
    },
    Version {
        number: 1,
        name: "v1beta1",
        age: Some(NOT_MIGRATED),
    },
];

const NOT_MIGRATED: &str = "is no longer accepted by kubeadm and has no fields for algorithm and validity; `pki config show -o kubeadm` prints it as `v1beta4`";

impl Version {
    /// Returns whether the arguments of components are mappings; since `v1beta4` they are lists.
    pub(super) fn has_argument_maps(&self) -> bool {
        self.number < 4
    }
}
