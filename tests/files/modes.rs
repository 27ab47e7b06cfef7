//! Modes and owners of files. A replaced file keeps its owner and its group's right to read; access of others to a private key
//! is removed. A file that is not replaced is not touched.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    process::Command,
};

use super::{is_root, unprivileged};
use crate::support::{TestTree, What};

#[test]
fn a_replaced_key_keeps_only_its_groups_right_to_read_and_the_change_is_printed() {
    for (mode, kept) in [
        (0o640, 0o640),
        (0o644, 0o640),
        (0o666, 0o640),
        (0o604, 0o600),
        (0o777, 0o640),
        (0o4755, 0o640),
    ] {
        let tree = TestTree::new();
        for name in ["pki/apiserver.key", "admin.conf"] {
            tree.chmod(name, mode);
        }
        let dry_run = tree.pki(&["renew", "all", "--dry-run"]).exits(0);
        let run = tree.pki(&["renew", "all"]).exits(0);
        for (name, file) in [
            ("pki/apiserver.key", "apiserver.key"),
            ("admin.conf", "admin.conf"),
        ] {
            assert_eq!(tree.mode(name), kept, "{name} had {mode:04o}: {run}");
            let change = format!("{file}: mode {mode:04o} -> {kept:04o}");
            for run in [&dry_run, &run] {
                let is_printed = run.stdout.contains(&change);
                assert_eq!(is_printed, mode != kept, "{change:?}: {run}");
            }
        }
    }
}

#[test]
fn a_certificate_that_others_could_write_is_restricted() {
    let tree = TestTree::new();
    tree.chmod("pki/apiserver.crt", 0o666);
    tree.pki(&["renew", "apiserver"]).ok();
    assert_eq!(tree.mode("pki/apiserver.crt"), 0o644);
}

#[test]
fn a_stricter_mode_is_kept() {
    let tree = TestTree::new();
    let modes = [
        ("pki/apiserver.key", 0o400),
        ("pki/apiserver.crt", 0o440),
        ("pki/etcd/server.crt", 0o600),
        ("scheduler.conf", 0o400),
    ];
    for (name, mode) in modes {
        tree.chmod(name, mode);
    }
    let run = tree.pki(&["renew", "all"]).exits(0).does_not_say(": mode ");
    for (name, mode) in modes {
        assert_eq!(tree.mode(name), mode, "{name}: {run}");
    }
}

/// etcd may run as a user of its own.
#[test]
fn another_owner_is_kept() {
    if !is_root() {
        return;
    }
    let tree = TestTree::new();
    let names = [
        "pki/etcd/server.key",
        "pki/etcd/server.crt",
        "scheduler.conf",
    ];
    for name in names {
        chown(tree.path(name), Some(4242), Some(4343)).unwrap();
    }
    tree.pki(&["renew", "all"]).ok();
    for name in names {
        let metadata = tree.path(name).metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (4242, 4343), "{name}");
    }
    assert_eq!(tree.mode("pki/etcd/server.key"), 0o600);
}

/// kubeadm's rootless control plane lets a group read `sa.key` (KEP-2568).
#[test]
fn a_key_that_is_not_replaced_keeps_its_mode_and_the_check_warns_about_it() {
    for name in [
        "pki/ca.key",
        "pki/front-proxy-ca.key",
        "pki/etcd/ca.key",
        "pki/sa.key",
    ] {
        for command in [&["renew", "all"][..], &["init"]] {
            let tree = TestTree::new();
            tree.chmod(name, 0o644);
            let bytes = tree.read(name);
            let run = tree.pki(command).exits(0);
            assert_eq!(tree.mode(name), 0o644, "{name}: {run}");
            assert!(tree.read(name) == bytes, "{name}: {run}");
            let file = name.strip_prefix("pki/").unwrap();
            tree.pki(&["check-expiration"])
                .exits(0)
                .says(&format!("`{file}`: mode 0644"));
        }
    }
}

#[test]
fn anybody_may_read_a_public_key() {
    let tree = TestTree::new();
    tree.chmod("pki/sa.pub", 0o644);
    tree.pki(&["check-expiration"]).exits(0).says_nothing();
}

#[test]
fn the_check_and_init_print_the_same_command_for_a_mode() {
    for (name, mode, wanted) in [
        ("pki/sa.key", 0o644, "0600"),
        ("admin.conf", 0o666, "0600"),
        ("pki/apiserver.crt", 0o664, "0644"),
        ("pki/sa.pub", 0o622, "0600"),
    ] {
        let tree = TestTree::new();
        tree.chmod(name, mode);
        let command = format!("chmod {wanted} {}", tree.path(name).display());
        for arguments in [&["check-expiration"], &["init"]] {
            tree.pki(arguments)
                .exits(0)
                .says(&format!("run `{command}`"));
        }
        let script = ["-c", &command];
        assert!(
            std::process::Command::new("sh")
                .args(script)
                .status()
                .unwrap()
                .success()
        );
        tree.pki(&["check-expiration"]).exits(0).says_nothing();
    }
}

#[test]
fn a_ca_key_of_another_owner_signs_and_stays_theirs() {
    if !is_root() {
        return;
    }
    let tree = TestTree::new();
    for name in ["pki/ca.key", "pki/ca.crt", "pki/sa.key"] {
        chown(tree.path(name), Some(4242), Some(4343)).unwrap();
    }
    tree.pki(&["renew", "all"]).ok();
    for name in ["pki/ca.key", "pki/ca.crt", "pki/sa.key"] {
        let metadata = tree.path(name).metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (4242, 4343), "{name}");
    }
}

#[test]
fn modes_of_new_files_do_not_depend_on_the_umask() {
    for umask in ["0", "077", "0277"] {
        let tree = TestTree::empty();
        let script = format!("umask {umask}; exec \"$0\" \"$@\"");
        let init = tree.command(&[
            "init",
            "--encryption-algorithm",
            "ECDSA-P256",
            "--node-name",
            "cp-1",
        ]);
        tree.watch(
            Command::new("sh")
                .args(["-c", &script])
                .arg(init.get_program())
                .args(init.get_args()),
        )
        .exits(0);
        for (name, mode) in [
            ("", 0o755),
            ("pki", 0o755),
            ("pki/etcd", 0o755),
            (".pki", 0o700),
            ("pki/ca.crt", 0o644),
            ("pki/ca.key", 0o600),
            ("admin.conf", 0o600),
        ] {
            assert_eq!(tree.mode(name), mode, "umask {umask}: `{name}`");
        }
    }
}

/// What is kept for a rollback holds the old keys.
#[test]
fn replaced_files_are_kept_in_a_private_directory() {
    let tree = TestTree::new();
    let old = tree.read("pki/apiserver.key");
    tree.chmod("pki/apiserver.key", 0o644);
    tree.pki(&["renew", "apiserver"]).ok();
    let generations: Vec<_> = std::fs::read_dir(tree.path(".pki/generations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let [generation] = &generations[..] else {
        panic!("{generations:?}")
    };
    let kept = generation.join("apiserver.key");
    assert!(std::fs::read(&kept).unwrap() == old);
    assert_eq!(kept.metadata().unwrap().mode() & 0o7777, 0o600);
    assert_eq!(generation.metadata().unwrap().mode() & 0o7777, 0o700);
    assert_eq!(tree.mode(".pki"), 0o700);
}

#[test]
fn a_recorded_configuration_that_another_user_may_not_read_is_a_finding() {
    let Some(unprivileged) = unprivileged() else {
        return;
    };
    let tree = TestTree::new();
    tree.pki(&["init"]).exits(0);
    for (path, entry) in tree.snapshot().iter() {
        if matches!(entry.what, What::File(_)) {
            let path = tree.root().join(path);
            fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
    fs::set_permissions(tree.root(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(tree.path(".pki"), fs::Permissions::from_mode(0o700)).unwrap();
    unprivileged
        .on(&tree, &["check-expiration", "--quiet"])
        .exits(1)
        .says("cluster.yaml`: permission denied");
    unprivileged
        .on(&tree, &["verify"])
        .exits(1)
        .prints("[file.permission-denied]");
}
