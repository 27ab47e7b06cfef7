//! The layout of a tree: directories, file names and modes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::catalog::{CATALOG, Row, Storage};

/// The directories of one tree, absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// kubeadm's `certificatesDir`.
    pub certificates: PathBuf,
    /// The directory of the kubeconfigs and of `.pki`.
    pub kubeconfigs: PathBuf,
    /// The kubelet's own certificate directory; never written.
    pub kubelet: PathBuf,
    /// The root directory of the tree, if it is not `/` (`--rootfs`). The other directories are below it.
    pub rootfs: Option<PathBuf>,
}

/// A directory of a [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// [`Layout::certificates`].
    Certificates,
    /// [`Layout::kubeconfigs`].
    Kubeconfigs,
    /// `.pki` in [`Layout::kubeconfigs`].
    State,
    /// [`Layout::kubelet`].
    Kubelet,
}

/// A file of a tree: a directory and a path below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreePath {
    /// The directory.
    pub root: Root,
    /// Path below it, with `/`.
    #[serde(rename = "path")]
    pub relative: String,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// 0600: it contains a private key, or kubeadm treats it like one (`sa.pub`).
    Private,
    /// 0644.
    Public,
}

/// The name of the client certificate that the kubelet renews. After the bootstrap, kubelet.conf refers to it.
pub const KUBELET_CLIENT_CURRENT: &str = "kubelet-client-current.pem";

/// The serving certificate that the kubelet renews, with its key, where `serverTLSBootstrap` is set.
pub const KUBELET_SERVER_CURRENT: &str = "kubelet-server-current.pem";

/// The serving certificate that the kubelet otherwise signs itself, once.
pub const KUBELET_SERVER: &str = "kubelet.crt";

/// kubeadm's directory of kubeconfigs, which cannot be configured.
pub const DEFAULT_KUBECONFIGS: &str = "/etc/kubernetes";

/// The directory of the static pods' manifests, in the kubeconfig directory.
pub(crate) const MANIFESTS_DIRECTORY: &str = "manifests";

/// The directory of the kept generations, in that of `pki`'s own state.
pub(crate) const GENERATIONS_DIRECTORY: &str = "generations";

/// The directory of `pki`'s own state, in the kubeconfig directory.
pub const STATE_DIRECTORY: &str = ".pki";

/// A directory with one of these is taken for a copy of [`DEFAULT_KUBECONFIGS`].
pub const TREE_FILES: [&str; 5] = [
    "pki/ca.crt",
    "pki/apiserver.crt",
    "pki/etcd/ca.crt",
    "kubelet.conf",
    "admin.conf",
];

impl Layout {
    /// Returns the directory of a root.
    pub fn directory(&self, root: Root) -> PathBuf {
        match root {
            Root::Certificates => self.certificates.clone(),
            Root::Kubeconfigs => self.kubeconfigs.clone(),
            Root::State => self.kubeconfigs.join(STATE_DIRECTORY),
            Root::Kubelet => self.kubelet.clone(),
        }
    }

    /// Returns the directories that hold keys; all others are below them.
    pub fn directories(&self) -> Vec<PathBuf> {
        [Root::Certificates, Root::Kubeconfigs, Root::Kubelet]
            .map(|root| self.directory(root))
            .to_vec()
    }

    /// Resolves a path in a kubeconfig of the tree. A relative path is relative to the kubeconfig, as in client-go
    /// (`tools/clientcmd/loader.go`, `ResolvePaths`).
    pub(crate) fn named_path(&self, named: &str) -> PathBuf {
        let named = Path::new(named);
        match (named.strip_prefix("/"), &self.rootfs) {
            (Ok(below), Some(rootfs)) if !named.starts_with(rootfs) => rootfs.join(below),
            (Ok(_), _) => named.to_path_buf(),
            (Err(_), _) => self.kubeconfigs.join(named),
        }
    }

    /// Returns the file that a kubeconfig of the tree names, if its path is below one of the tree's directories.
    /// `Tree::locate` also follows links.
    pub fn locate(&self, named: &str) -> Option<TreePath> {
        let path = self.named_path(named);
        [Root::Certificates, Root::Kubelet, Root::Kubeconfigs]
            .into_iter()
            .find_map(|root| {
                let below = path.strip_prefix(self.directory(root)).ok()?;
                let is_plain = below
                    .components()
                    .all(|part| matches!(part, std::path::Component::Normal(_)));
                let relative = below
                    .to_str()
                    .filter(|below| is_plain && !below.is_empty())?;
                Some(TreePath::new(root, relative))
            })
    }

    /// Returns the absolute path of a file. An empty path is that of the directory.
    pub fn path(&self, file: &TreePath) -> PathBuf {
        match file.relative.as_str() {
            "" => self.directory(file.root),
            relative => self.directory(file.root).join(relative),
        }
    }
}

impl TreePath {
    /// Returns the file `relative` in the directory `root`.
    pub fn new(root: Root, relative: impl Into<String>) -> TreePath {
        TreePath {
            root,
            relative: relative.into(),
        }
    }

    /// Returns the path of the file's directory below its root; empty for the root itself.
    pub fn parent(&self) -> &str {
        self.relative
            .rsplit_once('/')
            .map_or("", |(parent, _)| parent)
    }

    /// Returns the file's name in its directory.
    pub fn file_name(&self) -> &str {
        self.relative
            .rsplit_once('/')
            .map_or(self.relative.as_str(), |(_, name)| name)
    }

    /// Returns the file with another name in the same directory.
    pub fn sibling(&self, name: &str) -> TreePath {
        match self.parent() {
            "" => TreePath::new(self.root, name),
            parent => TreePath::new(self.root, format!("{parent}/{name}")),
        }
    }
}

impl fmt::Display for TreePath {
    /// Writes the path below the file's root directory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.relative)
    }
}

impl Access {
    /// Returns the mode of a new file of this kind: kubeadm's.
    pub fn mode(self) -> u32 {
        match self {
            Access::Private => 0o600,
            Access::Public => 0o644,
        }
    }

    /// Returns the mode of a file that replaces one with mode `old`: keeps a stricter mode, and the group's read
    /// permission (for components that run as their own users, KEP-2568).
    pub(crate) fn mode_replacing(self, old: u32) -> u32 {
        match self {
            Access::Private => old & 0o640,
            Access::Public => old & 0o644,
        }
    }
}

/// Returns the file that kubeadm has at a path below /etc/kubernetes.
pub fn usual_path(relative: &str) -> TreePath {
    match relative.strip_prefix("pki/") {
        Some(below) => TreePath::new(Root::Certificates, below),
        None => TreePath::new(Root::Kubeconfigs, relative),
    }
}

/// Returns the certificate file of a row; `sa.pub` for the service-account row, `None` for a kubeconfig.
pub fn certificate_file(row: &Row) -> Option<TreePath> {
    match row.storage {
        Storage::Pair { base } => Some(TreePath::new(Root::Certificates, format!("{base}.crt"))),
        Storage::PublicPair { base } => {
            Some(TreePath::new(Root::Certificates, format!("{base}.pub")))
        }
        Storage::Kubeconfig { .. } | Storage::Elsewhere => None,
    }
}

/// Returns the private key file of a row; `None` for a kubeconfig.
pub fn key_file(row: &Row) -> Option<TreePath> {
    match row.storage {
        Storage::Pair { base } | Storage::PublicPair { base } => {
            Some(TreePath::new(Root::Certificates, format!("{base}.key")))
        }
        Storage::Kubeconfig { .. } | Storage::Elsewhere => None,
    }
}

/// Returns the kubeconfig file of a row, if it is one.
pub fn kubeconfig_file(row: &Row) -> Option<TreePath> {
    match row.storage {
        Storage::Kubeconfig { file } => Some(TreePath::new(Root::Kubeconfigs, file)),
        Storage::Pair { .. } | Storage::PublicPair { .. } | Storage::Elsewhere => None,
    }
}

/// Returns the files of a row, each with its access: the certificate or public key first.
pub fn files(row: &Row) -> Vec<(TreePath, Access)> {
    let public = match row.storage {
        // kubeadm's init writes sa.pub through its private-key writer, hence 0600 (kubeadm `util/pkiutil/pki_helpers.go`).
        Storage::PublicPair { .. } => Access::Private,
        Storage::Pair { .. } | Storage::Kubeconfig { .. } | Storage::Elsewhere => Access::Public,
    };
    let certificate = certificate_file(row).map(|file| (file, public));
    let private = key_file(row)
        .or_else(|| kubeconfig_file(row))
        .map(|file| (file, Access::Private));
    certificate.into_iter().chain(private).collect()
}

/// Returns the certification request of a row, which waits beside its certificate or kubeconfig to be signed (kubeadm
/// `certs generate-csr`); `None` if no CA signs the row.
pub fn request_file(row: &Row) -> Option<TreePath> {
    row.signer()?;
    match row.storage {
        Storage::Pair { base } => Some(TreePath::new(Root::Certificates, format!("{base}.csr"))),
        Storage::Kubeconfig { file } => {
            Some(TreePath::new(Root::Kubeconfigs, format!("{file}.csr")))
        }
        Storage::PublicPair { .. } | Storage::Elsewhere => None,
    }
}

/// Returns the new private key of a row that waits beside its request, while the old key is still in use.
pub fn waiting_key_file(row: &Row) -> Option<TreePath> {
    let request = request_file(row)?;
    Some(request.sibling(&format!("{}.key", request.file_name())))
}

/// Returns the files of a row, then its request and the key that waits with it.
pub fn all_files(row: &Row) -> Vec<(TreePath, Access)> {
    let waiting = request_file(row).into_iter().chain(waiting_key_file(row));
    let waiting = waiting.map(|file| (file, Access::Private));
    files(row).into_iter().chain(waiting).collect()
}

/// Returns the file of the recorded configuration.
pub fn recorded_configuration() -> TreePath {
    TreePath::new(Root::State, "cluster.yaml")
}

/// Returns the file of the ledger, which lists every issued certificate except those in segments.
pub fn ledger() -> TreePath {
    TreePath::new(Root::State, "ledger.jsonl")
}

/// Returns the file with the entries that one transaction adds to the ledger at this offset.
pub(crate) fn ledger_segment(offset: u64) -> TreePath {
    TreePath::new(Root::State, format!("ledger-{offset}.jsonl"))
}

/// The largest offset of a segment; adding the length of a file to it does not overflow.
const MAX_OFFSET: u64 = 1 << 62;

/// Returns the offset in the name of a [`ledger_segment`].
pub(crate) fn segment_offset(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("ledger-")?.strip_suffix(".jsonl")?;
    let offset = digits.parse().ok()?;
    // Accept only names that `ledger_segment` returns: no sign, no leading zeros. No file is that long.
    (offset <= MAX_OFFSET && ledger_segment(offset).relative == name).then_some(offset)
}

/// Returns the row of a file, and the access of the file.
pub fn row_of(file: &TreePath) -> Option<(&'static Row, Access)> {
    let entry = FILES.iter().find(|entry| entry.file == *file)?;
    Some((entry.row, entry.access))
}

/// A file of the catalog.
struct CatalogFile {
    file: TreePath,
    row: &'static Row,
    access: Access,
}

/// Every file of the catalog. Each file that the manifest of a generation names is looked for here.
static FILES: LazyLock<Vec<CatalogFile>> = LazyLock::new(|| {
    let of_row = |row: &&'static Row| {
        let row = *row;
        let files = all_files(row).into_iter();
        files.map(move |(file, access)| CatalogFile { file, row, access })
    };
    CATALOG.iter().flat_map(of_row).collect()
});

/// Returns whether a transaction may write a file: a file of a row, the recorded configuration, or a segment of the
/// ledger.
pub(crate) fn is_known(file: &TreePath) -> bool {
    is_ledger_segment(file) || row_of(file).is_some() || *file == recorded_configuration()
}

/// Returns whether a file is a [`ledger_segment`].
pub(crate) fn is_ledger_segment(file: &TreePath) -> bool {
    file.root == Root::State && segment_offset(&file.relative).is_some()
}

/// Returns the name of a file of the tree in a generation.
pub(crate) fn stored_name(file: &TreePath) -> String {
    file.relative.replace('/', "-")
}

/// Returns whether a name is a [`stored_name`].
pub(crate) fn is_stored_name(name: &str) -> bool {
    let files = FILES.iter().map(|entry| &entry.file);
    files
        .chain([&recorded_configuration()])
        .any(|file| stored_name(file) == name)
}
