//! The supported kinds and versions of kubeadm's documents. Their fields are in [`schema`](super::schema).

/// The supported kinds of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    /// `InitConfiguration`.
    Init,
    /// `ClusterConfiguration`.
    Cluster,
}

impl DocumentKind {
    /// All kinds.
    pub(super) const ALL: [DocumentKind; 2] = [DocumentKind::Init, DocumentKind::Cluster];

    /// Returns the kind of this name.
    pub(super) fn named(name: &str) -> Option<DocumentKind> {
        DocumentKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    /// Returns the name in a document.
    pub(super) fn name(self) -> &'static str {
        match self {
            DocumentKind::Init => "InitConfiguration",
            DocumentKind::Cluster => "ClusterConfiguration",
        }
    }
}

/// One version of kubeadm's API.
pub(super) struct ApiVersion {
    /// The number after `v1beta`.
    pub(super) number: u8,
    /// The version, such as `v1beta4`.
    pub(super) name: &'static str,
    /// The warning about an old version.
    pub(super) age: Option<&'static str>,
}

/// The versions, the newest first.
pub(super) static VERSIONS: [ApiVersion; 4] = [
    version(4, "v1beta4", None),
    version(3, "v1beta3", Some(DEPRECATED)),
    version(2, "v1beta2", Some(NOT_MIGRATED)),
    version(1, "v1beta1", Some(NOT_MIGRATED)),
];

const fn version(number: u8, name: &'static str, age: Option<&'static str>) -> ApiVersion {
    ApiVersion { number, name, age }
}

const DEPRECATED: &str = "is deprecated and has no fields for algorithm and validity; convert the file with `kubeadm config migrate`";
const NOT_MIGRATED: &str = "is no longer accepted by kubeadm and has no fields for algorithm and validity; `pki config show -o kubeadm --config {file}` prints it as `v1beta4`";

impl ApiVersion {
    /// Returns whether the arguments of components are mappings; since `v1beta4` they are lists.
    pub(super) fn has_argument_maps(&self) -> bool {
        self.number < 4
    }
}
