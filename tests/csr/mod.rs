//! The way of a certificate through an external CA: `csr generate`, `csr sign`, `csr import`.

mod generate;
mod import;
mod sign;
mod topic;

use crate::support::{TestTree, rows::files_of};

/// Returns the request of a row, below `etc/kubernetes`.
fn request_of(row: &str) -> String {
    let file = &files_of(row)[0];
    match file.strip_suffix(".crt") {
        Some(base) => format!("{base}.csr"),
        None => format!("{file}.csr"),
    }
}

/// Takes the keys of all CAs out of a tree, to `<root>/ca.key` and the like, and returns the tree.
fn with_external_cas(tree: TestTree) -> TestTree {
    for (base, name) in [
        ("ca", "ca"),
        ("front-proxy-ca", "front-proxy-ca"),
        ("etcd/ca", "etcd-ca"),
    ] {
        for end in ["crt", "key"] {
            let file = format!("pki/{base}.{end}");
            tree.beside(&format!("{name}.{end}"), tree.read(&file));
        }
        tree.remove(&format!("pki/{base}.key"));
    }
    tree
}
