//! Directories that others can write in: whoever can exchange a file can exchange a CA.

use std::{fs, os::unix::fs::chown};

use super::{is_root, unprivileged};
use crate::support::TestTree;

#[track_caller]
fn check_refused(tree: &TestTree, arguments: &[&str], reason: &str) {
    tree.pki(arguments).exits(3).says(reason).changed_nothing();
}

const DIRECTORIES: [&str; 4] = ["", "pki", "pki/etcd", ".pki"];

#[test]
fn a_directory_that_others_can_write_in_is_refused() {
    for name in DIRECTORIES {
        for mode in [0o777, 0o1777, 0o775, 0o757] {
            let tree = TestTree::new();
            tree.chmod(name, mode);
            check_refused(&tree, &["renew", "all"], "can write in it: mode");
        }
    }
}

/// `init` vouches for what it keeps: "all are there and usable".
#[test]
fn init_vouches_for_no_tree_that_others_can_exchange() {
    let vouched: Vec<_> = DIRECTORIES
        .into_iter()
        .flat_map(|name| [0o777, 0o775].map(|mode| (name, mode)))
        .filter(|(name, mode)| {
            let tree = TestTree::new();
            tree.chmod(name, *mode);
            let run = tree.pki(&["init"]).changed_nothing();
            run.code == Some(0) && run.stderr.is_empty()
        })
        .map(|(name, mode)| format!("`{name}` {mode:04o}"))
        .collect();
    assert!(
        vouched.is_empty(),
        "no refusal and no warning for {vouched:?}"
    );
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    for name in DIRECTORIES {
        let tree = TestTree::new();
        chown(tree.path(name), Some(4242), None).unwrap();
        check_refused(&tree, &["renew", "all"], "it belongs to user 4242");
    }
}

#[test]
fn a_parent_that_everybody_can_write_in_is_refused() {
    let tree = TestTree::new();
    fs::set_permissions(
        tree.root().join("etc"),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    for arguments in [&["renew", "all"][..], &["init"]] {
        check_refused(&tree, arguments, "others can write in it");
    }
    // As /tmp is: only the owner of an entry can rename it.
    fs::set_permissions(
        tree.root().join("etc"),
        std::os::unix::fs::PermissionsExt::from_mode(0o1777),
    )
    .unwrap();
    tree.pki(&["renew", "all"]).ok();
}

/// Its owner can rename the tree away and put another one there, whatever the mode.
#[test]
fn a_parent_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    let tree = TestTree::new();
    chown(tree.root().join("etc"), Some(4242), None).unwrap();
    check_refused(&tree, &["renew", "all"], "4242");
}

/// Exit code 3 says that nothing was touched.
#[test]
fn a_refused_init_leaves_not_even_a_directory() {
    for (directory, mode) in [
        ("", 0o777),
        ("etc/kubernetes", 0o777),
        ("etc/kubernetes/pki", 0o775),
    ] {
        let tree = TestTree::empty();
        let path = tree.root().join(directory);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        check_refused(
            &tree,
            &[
                "init",
                "--encryption-algorithm",
                "ECDSA-P256",
                "--node-name",
                "cp-1",
            ],
            "can write in it: mode",
        );
    }
}

#[test]
fn who_may_not_write_gets_a_clean_error_and_writes_nothing() {
    let Some(program) = unprivileged() else {
        return;
    };
    let tree = TestTree::new();
    // Everything but the keys and the state may be read by everybody.
    fs::set_permissions(
        tree.root(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    for arguments in [
        &["init"][..],
        &["renew", "all"],
        &["renew", "apiserver"],
        &["renew", "--due", "30d"],
        &["check-expiration"],
    ] {
        let run = program.on(&tree, arguments).changed_nothing();
        assert!(matches!(run.code, Some(1 | 3 | 5)), "{run}");
        assert!(run.stderr.contains("Permission denied"), "{run}");
        assert_eq!(
            run.stderr.matches("error: ").count(),
            usize::from(run.code != Some(5)),
            "{run}"
        );
    }

    let tree = TestTree::empty();
    fs::set_permissions(
        tree.root(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    program
        .on(&tree, &["init"])
        .exits(1)
        .says("Permission denied")
        .says("no file was changed")
        .changed_nothing();
}

/// A tree of one's own needs no root.
#[test]
fn who_may_write_needs_not_be_root() {
    let Some(program) = unprivileged() else {
        return;
    };
    let tree = TestTree::empty();
    chown(tree.root(), Some(65534), Some(65534)).unwrap();
    for arguments in [
        &[
            "init",
            "--encryption-algorithm",
            "ECDSA-P256",
            "--node-name",
            "cp-1",
        ][..],
        &["renew", "all"],
        &["check-expiration"],
    ] {
        program.on(&tree, arguments).ok();
    }
    assert!(
        tree.snapshot()
            .values()
            .all(|entry| entry.owner == (65534, 65534))
    );
}
