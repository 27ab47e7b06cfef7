//! The names and files of the catalog's rows as constants, computed from the catalog.

use pki::catalog::{CATALOG, Profile, Storage};

/// Every row whose certificate a CA signs: leaves and kubeconfigs, in catalog order.
pub(crate) const SIGNED: [&str; 12] = names(Kind::Signed);

/// Every row with a certificate and a key as files that a CA signs.
pub(crate) const PAIRS: [&str; 7] = names(Kind::Leaf);

/// Every kubeconfig.
pub(crate) const KUBECONFIGS: [&str; 5] = names(Kind::Kubeconfig);

/// Every CA.
pub(crate) const CAS: [&str; 3] = names(Kind::Ca);

/// Name, path without extension, and path of the CA without extension, of every row in [`PAIRS`].
pub(crate) const LEAVES: [(&str, &str, &str); 7] = leaves();

/// Every row that the cluster CA signs.
pub(crate) const OF_CA: [&str; 7] = names(Kind::SignedBy("ca"));

/// Every row that the front-proxy CA signs.
pub(crate) const OF_FRONT_PROXY_CA: [&str; 1] = names(Kind::SignedBy("front-proxy-ca"));

/// Every row that the etcd CA signs.
pub(crate) const OF_ETCD_CA: [&str; 4] = names(Kind::SignedBy("etcd-ca"));

/// Returns the files that no renewal touches: those of the CAs and the service-account key pair.
pub(crate) fn never_renewed() -> Vec<String> {
    CATALOG
        .iter()
        .filter(|row| row.signer().is_none())
        .flat_map(|row| files_of(row.name))
        .collect()
}

/// Returns the files of a row, below `etc/kubernetes`: the certificate or public key first.
pub(crate) fn files_of(name: &str) -> Vec<String> {
    let row = pki::catalog::find(name).unwrap_or_else(|| panic!("there is no row {name}"));
    match row.storage {
        Storage::Pair { base } => vec![format!("pki/{base}.crt"), format!("pki/{base}.key")],
        Storage::PublicPair { base } => vec![format!("pki/{base}.pub"), format!("pki/{base}.key")],
        Storage::Kubeconfig { file } => vec![file.to_owned()],
        Storage::Elsewhere => Vec::new(),
    }
}

/// Returns [`SIGNED`] without these rows.
pub(crate) fn signed_but(left_out: &[&str]) -> Vec<&'static str> {
    let is_in = |row: &&str| !left_out.contains(row);
    SIGNED.into_iter().filter(is_in).collect()
}

/// Which rows [`names`] returns.
#[derive(Clone, Copy)]
enum Kind {
    Ca,
    Leaf,
    Kubeconfig,
    Signed,
    SignedBy(&'static str),
}

/// Returns the names of the rows of a kind; their number is checked by the compiler.
const fn names<const N: usize>(kind: Kind) -> [&'static str; N] {
    let mut names = [""; N];
    let (mut index, mut count) = (0, 0);
    while index < CATALOG.len() {
        let row = CATALOG[index];
        let is_wanted = match (&row.profile, kind) {
            (Profile::Ca { .. }, Kind::Ca)
            | (Profile::Leaf { .. }, Kind::Leaf | Kind::Signed)
            | (Profile::Client { .. }, Kind::Kubeconfig | Kind::Signed) => true,
            (Profile::Leaf { signer, .. }, Kind::SignedBy(ca)) => is_same(signer.name, ca),
            (Profile::Client { .. }, Kind::SignedBy(ca)) => is_same("ca", ca),
            _ => false,
        };
        if is_wanted {
            names[count] = row.name;
            count += 1;
        }
        index += 1;
    }
    assert!(count == N);
    names
}

const fn leaves<const N: usize>() -> [(&'static str, &'static str, &'static str); N] {
    let mut leaves = [("", "", ""); N];
    let (mut index, mut count) = (0, 0);
    while index < CATALOG.len() {
        let row = CATALOG[index];
        if let Profile::Leaf { signer, .. } = &row.profile
            && let Storage::Pair { base } = row.storage
            && let Storage::Pair { base: ca } = signer.storage
        {
            leaves[count] = (row.name, base, ca);
            count += 1;
        }
        index += 1;
    }
    assert!(count == N);
    leaves
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut index = 0;
    while index < one.len() {
        if one[index] != other[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A row as kubeadm has it.
pub(crate) struct KubeadmRow {
    pub(crate) name: &'static str,
    /// Below `/etc/kubernetes`.
    pub(crate) files: &'static [&'static str],
    /// The row of the CA that signs it.
    pub(crate) ca: Option<&'static str>,
    /// Extended key usages.
    pub(crate) usages: &'static [&'static str],
}

const fn row(
    name: &'static str,
    files: &'static [&'static str],
    ca: Option<&'static str>,
    usages: &'static [&'static str],
) -> KubeadmRow {
    KubeadmRow {
        name,
        files,
        ca,
        usages,
    }
}

/// kubeadm's rows, listed independently of the catalog, so that a wrong row in the catalog fails a test.
#[rustfmt::skip]
pub(crate) const KUBEADM: [KubeadmRow; 16] = [
    row("ca", &["pki/ca.crt", "pki/ca.key"], None, &[]),
    row("apiserver", &["pki/apiserver.crt", "pki/apiserver.key"], Some("ca"), &["serverAuth"]),
    row("apiserver-kubelet-client", &["pki/apiserver-kubelet-client.crt", "pki/apiserver-kubelet-client.key"], Some("ca"), &["clientAuth"]),
    row("front-proxy-ca", &["pki/front-proxy-ca.crt", "pki/front-proxy-ca.key"], None, &[]),
    row("front-proxy-client", &["pki/front-proxy-client.crt", "pki/front-proxy-client.key"], Some("front-proxy-ca"), &["clientAuth"]),
    row("etcd-ca", &["pki/etcd/ca.crt", "pki/etcd/ca.key"], None, &[]),
    row("etcd-server", &["pki/etcd/server.crt", "pki/etcd/server.key"], Some("etcd-ca"), &["serverAuth", "clientAuth"]),
    row("etcd-peer", &["pki/etcd/peer.crt", "pki/etcd/peer.key"], Some("etcd-ca"), &["serverAuth", "clientAuth"]),
    row("etcd-healthcheck-client", &["pki/etcd/healthcheck-client.crt", "pki/etcd/healthcheck-client.key"], Some("etcd-ca"), &["clientAuth"]),
    row("apiserver-etcd-client", &["pki/apiserver-etcd-client.crt", "pki/apiserver-etcd-client.key"], Some("etcd-ca"), &["clientAuth"]),
    row("sa", &["pki/sa.pub", "pki/sa.key"], None, &[]),
    row("admin.conf", &["admin.conf"], Some("ca"), &["clientAuth"]),
    row("super-admin.conf", &["super-admin.conf"], Some("ca"), &["clientAuth"]),
    row("kubelet.conf", &["kubelet.conf"], Some("ca"), &["clientAuth"]),
    row("controller-manager.conf", &["controller-manager.conf"], Some("ca"), &["clientAuth"]),
    row("scheduler.conf", &["scheduler.conf"], Some("ca"), &["clientAuth"]),
];

/// kubeadm: TestPathsForCertAndKey, TestPathForCert, TestPathForKey, TestPathForPublicKey -> paths; stricter: every row
#[test]
fn the_catalog_has_the_rows_of_kubeadm() {
    assert_eq!(CATALOG.len(), KUBEADM.len());
    for (row, kubeadm) in CATALOG.iter().zip(KUBEADM) {
        assert_eq!(row.name, kubeadm.name);
        assert_eq!(files_of(row.name), kubeadm.files);
        assert_eq!(row.signer().map(|ca| ca.name), kubeadm.ca, "{}", row.name);
        let usages: Vec<_> = row.usages().iter().map(|usage| usage.name()).collect();
        assert_eq!(usages, kubeadm.usages, "{}", row.name);
        // What the library reads and writes.
        let mut files: Vec<_> = pki::tree::layout::files(row)
            .iter()
            .map(|(file, _)| match row.storage {
                Storage::Kubeconfig { .. } => file.relative.clone(),
                _ => format!("pki/{}", file.relative),
            })
            .collect();
        files.sort();
        let mut wanted = kubeadm.files.to_vec();
        wanted.sort_unstable();
        assert_eq!(files, wanted);
    }
}
