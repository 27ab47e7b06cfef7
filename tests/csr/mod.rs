//! The way of a certificate through an external CA: `csr generate`, `csr sign`, `csr import`; and what belongs to no tree: `ca new`
//! and `csr new`.

mod authority;
mod generate;
mod import;
mod new;
mod sign;
mod topic;
mod walkthroughs;

use crate::support::{NOW_ARGUMENT, Run, TestTree, pki, rows::files_of};

/// Runs a command that has no tree in the directory of a test.
#[track_caller]
fn standalone(tree: &TestTree, arguments: &[&str]) -> Run {
    let mut command = pki();
    command.current_dir(tree.root()).args(arguments);
    if !arguments.contains(&"--now") {
        command.args(["--now", NOW_ARGUMENT]);
    }
    tree.watch(&mut command)
}

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
