//! Directories that others can write in: `pki` refuses to write if everybody can, and warns if a group or another user can.
//! Commands that only read always work.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

use super::{allowed, is_root, unprivileged};
use crate::support::{TestTree, copy, run};

#[track_caller]
fn check_refused(tree: &TestTree, arguments: &[&str], reason: &str) {
    tree.pki(arguments)
        .exits(3)
        .says(reason)
        .says("hint: ")
        .changed_nothing();
}

/// Commands that write, and a dry run too, succeed with a warning that names the directory.
#[track_caller]
fn check_warned(tree: &TestTree, directory: &Path, reason: &str) {
    // The path of the tree itself ends in a slash here, but not in messages.
    let directory = directory.components().collect::<PathBuf>();
    let directory = format!("`{}`", directory.display());
    tree.pki(&["check-expiration"]).exits(0);
    for arguments in WRITING {
        let run = tree.pki(arguments).exits(0);
        let is_warning = |line: &str| {
            line.starts_with("warning: ") && line.contains(reason) && line.contains(&directory)
        };
        assert!(
            run.stderr.lines().any(is_warning),
            "should warn about {directory} with {reason:?}: {run}"
        );
    }
}

const WRITING: [&[&str]; 3] = [&["renew", "all", "--dry-run"], &["renew", "all"], &["init"]];

const DIRECTORIES: [&str; 4] = ["", "pki", "pki/etcd", ".pki"];

#[test]
fn the_hint_can_be_pasted_whatever_the_directory_is_called() {
    for name in ["a $(touch pwned)", "it's", "two\nlines", "-x"] {
        let tree = TestTree::new();
        let odd = tree.root().join(name);
        copy(&tree.path(""), &odd);
        let certificates = odd.join("pki");
        fs::set_permissions(&certificates, fs::Permissions::from_mode(0o777)).unwrap();
        let argument = certificates.to_str().unwrap();
        let run = tree
            .pki(&["renew", "all", "--cert-dir", argument])
            .exits(3)
            .says("hint: chmod go-w ");
        let hint = run
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("hint: "));
        let mut shell = Command::new("bash");
        let pasted = shell.current_dir(tree.root()).args(["-c", hint.unwrap()]);
        assert!(pasted.status().unwrap().success(), "{run}");
        assert!(!tree.root().join("pwned").exists(), "{run}");
        let mode = fs::metadata(&certificates).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755, "{run}");
    }
}

#[test]
fn a_directory_that_everybody_can_write_in_is_refused() {
    for name in DIRECTORIES {
        for mode in [0o777, 0o1777, 0o757] {
            let tree = TestTree::new();
            tree.chmod(name, mode);
            for arguments in WRITING {
                check_refused(&tree, arguments, "everybody can write in it: mode");
            }
            tree.pki(&["check-expiration"]).exits(0);
        }
    }
}

#[test]
fn a_directory_that_a_group_can_write_in_is_written_in_with_a_warning() {
    for name in DIRECTORIES {
        let tree = TestTree::new();
        tree.chmod(name, 0o775);
        check_warned(&tree, &tree.path(name), "can write in it: mode 0775");
    }
}

/// kubespray gives the tree to a user `kube`.
#[test]
fn a_directory_of_another_user_is_written_in_with_a_warning() {
    if !is_root() {
        return;
    }
    for name in DIRECTORIES {
        let tree = TestTree::new();
        chown(tree.path(name), Some(4242), None).unwrap();
        check_warned(&tree, &tree.path(name), "it belongs to user 4242");
    }
}

/// The mode does not show who the ACL names, so such a user counts as everybody.
#[test]
fn a_directory_that_an_acl_lets_another_user_write_in_is_refused() {
    for name in ["pki", "pki/etcd", ""] {
        let tree = TestTree::new();
        let set = |entry: &str| {
            let mut command = Command::new("setfacl");
            command.args(["-m", entry]).arg(tree.path(name));
            command
        };
        if !allowed("setfacl", &mut set("u:4242:r-x")) {
            return;
        }
        // The right to read is one that everybody has.
        tree.pki(&["renew", "apiserver"]).exits(0);
        for entry in ["u:4242:rwx", "g:4242:rwx"] {
            run(&mut set(entry)).ok();
            check_refused(&tree, &["renew", "all"], "its ACL lets ");
            run(Command::new("setfacl").arg("-b").arg(tree.path(name))).ok();
        }
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
        check_refused(&tree, arguments, "everybody can write in it");
    }
    // As /tmp is: only the owner of an entry can rename it.
    fs::set_permissions(
        tree.root().join("etc"),
        std::os::unix::fs::PermissionsExt::from_mode(0o1777),
    )
    .unwrap();
    tree.pki(&["renew", "all"]).ok();
}

/// As the parent of a tree in a user's home is.
#[test]
fn a_parent_of_another_user_is_warned_about() {
    if !is_root() {
        return;
    }
    let tree = TestTree::new();
    let parent = tree.root().join("etc");
    chown(&parent, Some(4242), None).unwrap();
    check_warned(&tree, &parent, "it belongs to user 4242");
}

/// Exit code 3 says that nothing was touched.
#[test]
fn a_refused_init_leaves_not_even_a_directory() {
    for (directory, mode) in [
        ("", 0o777),
        ("etc/kubernetes", 0o777),
        ("etc/kubernetes/pki", 0o757),
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
fn run_without_write_permission_fails_cleanly() {
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
        let run = program
            .on(&tree, arguments)
            .says("permission denied; run as root")
            .changed_nothing();
        let advised = run
            .stderr
            .lines()
            .map(|line| line.matches("run as root").count());
        assert!(advised.max() <= Some(1), "{run}");
        assert!(matches!(run.code, Some(1 | 3 | 5)), "{run}");
        // A check reports what it could not read, row by row, and does not fail.
        let is_failure = run.code != Some(5) && arguments != ["check-expiration"];
        assert_eq!(
            run.stderr.matches("error: ").count(),
            usize::from(is_failure),
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
        .says("permission denied; run as root")
        .says("no file was changed")
        .changed_nothing();
}

/// Nothing is known to be due where nothing can be read.
#[test]
fn check_of_a_closed_directory_exits_with_1() {
    let Some(program) = unprivileged() else {
        return;
    };
    let tree = TestTree::new();
    tree.chmod("pki", 0o700);
    program
        .on(&tree, &["check-expiration"])
        .exits(1)
        .says("permission denied; run as root");
}

/// A tree of one's own needs no root.
#[test]
fn owner_of_a_tree_need_not_be_root() {
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

/// A run as root would write in a directory of that user's choice.
#[test]
fn a_record_that_another_user_can_change_does_not_choose_the_certificate_directory() {
    if !is_root() {
        return;
    }
    let tree = TestTree::new();
    let chosen = tree.root().join("srv/pki");
    copy(&tree.path("pki"), &chosen);
    tree.replace(
        ".pki/cluster.yaml",
        "certificatesDir: /etc/kubernetes/pki",
        "certificatesDir: /srv/pki",
    );
    tree.pki(&["renew", "apiserver"]).exits(0);
    chown(tree.path(".pki"), Some(4242), None).unwrap();
    for arguments in [
        &["renew", "all"][..],
        &["renew", "all", "--dry-run"],
        &["init"],
        &["rollback"],
        &["recover", "--finish"],
        &["history", "--purge"],
    ] {
        tree.pki(arguments)
            .exits(3)
            .says("another user can change it")
            .changed_nothing();
    }
    for arguments in [&["check-expiration"][..], &["history"], &["config", "show"]] {
        tree.pki(arguments).exits(0).changed_nothing();
    }
    let [certificates, kubeconfigs] =
        [chosen, tree.path("")].map(|path| path.to_str().unwrap().to_owned());
    tree.pki(&[
        "renew",
        "apiserver",
        "--cert-dir",
        &certificates,
        "--kubeconfig-dir",
        &kubeconfigs,
    ])
    .exits(0);
}
