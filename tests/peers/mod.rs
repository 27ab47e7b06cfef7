//! What other projects' programs say of a tree: the ones that will use it, and verifiers that share no code with us.
//!
//! Each judge is also given something wrong, so that it is seen to refuse. The expectations are kubeadm's and are written
//! down here once more: a wrong row in the catalog must not make its own test pass.

mod etcd;
mod gnutls;
mod kubectl;
mod openssl;
mod pkilint;
mod python;

use std::path::PathBuf;

use crate::support::{Tree, renewed_tree, tree};

/// The algorithms that every judge sees.
const ALGORITHMS: [&str; 2] = ["ECDSA-P256", "RSA-2048"];

/// The algorithms that only openssl sees; keys of 4096 bits take long to make.
const OTHER_ALGORITHMS: [&str; 3] = ["ECDSA-P384", "RSA-3072", "RSA-4096"];

const CAS: [&str; 3] = ["ca", "front-proxy-ca", "etcd/ca"];

const KUBECONFIGS: [&str; 5] = [
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

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

/// A leaf as kubeadm's documentation has it.
struct Leaf {
    base: &'static str,
    ca: &'static str,
    client: bool,
    server_names: &'static [&'static str],
}

const LEAVES: [Leaf; 7] = [
    Leaf {
        base: "apiserver",
        ca: "ca",
        client: false,
        server_names: &APISERVER_NAMES,
    },
    Leaf {
        base: "apiserver-kubelet-client",
        ca: "ca",
        client: true,
        server_names: &[],
    },
    Leaf {
        base: "front-proxy-client",
        ca: "front-proxy-ca",
        client: true,
        server_names: &[],
    },
    Leaf {
        base: "etcd/server",
        ca: "etcd/ca",
        client: true,
        server_names: &ETCD_NAMES,
    },
    Leaf {
        base: "etcd/peer",
        ca: "etcd/ca",
        client: true,
        server_names: &ETCD_NAMES,
    },
    Leaf {
        base: "etcd/healthcheck-client",
        ca: "etcd/ca",
        client: true,
        server_names: &[],
    },
    Leaf {
        base: "apiserver-etcd-client",
        ca: "etcd/ca",
        client: true,
        server_names: &[],
    },
];

/// Returns the trees that every judge sees: as made, and after a renewal.
fn trees() -> impl Iterator<Item = &'static Tree> {
    ALGORITHMS
        .into_iter()
        .flat_map(|algorithm| [tree(algorithm), renewed_tree(algorithm)])
}

/// Returns a tree for each of the other algorithms.
fn other_trees() -> impl Iterator<Item = &'static Tree> {
    OTHER_ALGORITHMS.into_iter().map(tree)
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
fn credentials(tree: &Tree) -> Vec<Credential> {
    let leaves = LEAVES.iter().map(|leaf| Credential {
        name: leaf.base,
        certificate: tree.pki(&format!("{}.crt", leaf.base)),
        key: tree.pki(&format!("{}.key", leaf.base)),
        ca: tree.pki(&format!("{}.crt", leaf.ca)),
        other_ca: other_ca(tree, leaf.ca),
        client: leaf.client,
        server_names: leaf.server_names,
    });
    let clients = KUBECONFIGS.iter().map(|&name| {
        let [certificate, key, _] = tree.unpacked(name);
        // The API server trusts ca.crt, whatever the kubeconfig says.
        Credential {
            name,
            certificate,
            key,
            ca: tree.pki("ca.crt"),
            other_ca: other_ca(tree, "ca"),
            client: true,
            server_names: &[],
        }
    });
    leaves.chain(clients).collect()
}

fn other_ca(tree: &Tree, ca: &str) -> PathBuf {
    tree.pki(if ca == "etcd/ca" {
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
