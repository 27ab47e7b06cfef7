//! Tests of a tree with programs of other projects: those that use it, and verifiers that share no code with ours.
//!
//! Each program also gets wrong input, to show that it refuses it. The expectations come from a list of kubeadm's rows
//! that is independent of the catalog, so that a wrong row in the catalog fails a test.

mod browser;
mod etcd;
mod expired;
mod gnutls;
mod go;
mod instructions;
mod joining;
mod kubectl;
mod live;
mod live_csr;
mod live_join;
mod openssl;
mod pkilint;
mod python;
mod served;
mod workflows;

use std::path::PathBuf;

use crate::support::{
    TestTree, renewed_tree,
    rows::{KUBEADM, KUBECONFIGS},
    shared_tree,
};

/// The algorithms that every judge sees.
const ALGORITHMS: [&str; 2] = ["ECDSA-P256", "RSA-2048"];

/// The algorithms that only openssl sees; keys of 4096 bits take long to make.
const OTHER_ALGORITHMS: [&str; 3] = ["ECDSA-P384", "RSA-3072", "RSA-4096"];

/// The paths of the CAs without extension.
const CAS: [&str; 3] = ["ca", "front-proxy-ca", "etcd/ca"];

/// Names under which the API server of a shared tree is reached, one for each entry in its certificate.
const APISERVER_NAMES: [&str; 10] = [
    "any.apps.example.net",
    "api.example.net",
    "cp-1",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.k8s.example.net",
    "10.96.0.1",
    "192.0.2.11",
    "2001:db8::7",
];

const ETCD_NAMES: [&str; 5] = ["cp-1", "localhost", "192.0.2.11", "127.0.0.1", "::1"];

/// Returns the names that a certificate has to be good for.
fn server_names(base: &str) -> &'static [&'static str] {
    match base {
        "apiserver" => &APISERVER_NAMES,
        "etcd/server" | "etcd/peer" => &ETCD_NAMES,
        _ => &[],
    }
}

/// Returns the trees that every judge sees: as made, and after a renewal.
fn trees() -> impl Iterator<Item = &'static TestTree> {
    ALGORITHMS
        .into_iter()
        .flat_map(|algorithm| [shared_tree(algorithm), renewed_tree(algorithm)])
}

/// Returns a tree for each of the other algorithms.
fn other_trees() -> impl Iterator<Item = &'static TestTree> {
    OTHER_ALGORITHMS.into_iter().map(shared_tree)
}

/// A certificate with its key in files, and what it is good for.
struct Credential {
    name: &'static str,
    certificate: PathBuf,
    key: PathBuf,
    /// The CA that the other side is told to trust.
    ca: PathBuf,
    /// One of the tree's CAs that did not sign it.
    other_ca: PathBuf,
    client: bool,
    server_names: &'static [&'static str],
}

/// Returns every leaf of the tree, and the client of every kubeconfig.
fn credentials(tree: &TestTree) -> Vec<Credential> {
    let pairs = KUBEADM.iter().filter(|row| row.ca.is_some());
    let leaves = pairs.filter_map(|row| {
        let base = row.files[0].strip_prefix("pki/")?.strip_suffix(".crt")?;
        let ca = if row.ca == Some("etcd-ca") {
            "etcd/ca"
        } else {
            row.ca?
        };
        Some(Credential {
            name: base,
            certificate: tree.pki_file(&format!("{base}.crt")),
            key: tree.pki_file(&format!("{base}.key")),
            ca: tree.pki_file(&format!("{ca}.crt")),
            other_ca: other_ca(tree, ca),
            client: row.usages.contains(&"clientAuth"),
            server_names: server_names(base),
        })
    });
    let clients = KUBECONFIGS.into_iter().map(|name| {
        let [certificate, key, _] = tree.unpacked(name);
        // The API server trusts ca.crt, whatever the kubeconfig says.
        Credential {
            name,
            certificate,
            key,
            ca: tree.pki_file("ca.crt"),
            other_ca: other_ca(tree, "ca"),
            client: true,
            server_names: &[],
        }
    });
    leaves.chain(clients).collect()
}

fn other_ca(tree: &TestTree, ca: &str) -> PathBuf {
    tree.pki_file(if ca == "etcd/ca" {
        "ca.crt"
    } else {
        "etcd/ca.crt"
    })
}

/// Returns the path of a helper script in this folder.
fn helper(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name)
}
