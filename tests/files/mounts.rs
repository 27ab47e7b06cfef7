//! File systems that are full, read-only or immutable; each in a mount namespace of its own.

use std::{path::Path, process::Command};

use super::allowed;
use crate::support::{Run, TestTree, differences, run, snapshot};

/// Runs a shell script with the tree mounted by `mount`; `$PKI` is our binary and `$ROOT` the folder.
fn mounted(tree: &TestTree, script: &str) -> Run {
    tree.watch(
        Command::new("unshare")
            .args(["-m", "sh", "-euc", script])
            .env("PKI", env!("CARGO_BIN_EXE_pki"))
            .env("ROOT", tree.root()),
    )
}

/// Returns whether mounting is allowed here; if not, the test is recorded as skipped.
fn can_mount() -> bool {
    allowed(
        "unshare -m with mount",
        Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "none", "/mnt"]),
    )
}

const READ_ONLY: &str = "mount --bind $ROOT $ROOT; mount -o remount,ro,bind $ROOT;";

#[test]
fn a_read_only_file_system_is_refused_at_once() {
    if !can_mount() {
        return;
    }
    let tree = TestTree::new();
    mounted(
        &tree,
        &format!("{READ_ONLY} exec $PKI renew all --rootfs $ROOT"),
    )
    .exits(1)
    .says("read-only file system")
    .says("no file was changed")
    .changed_nothing();
    mounted(
        &tree,
        &format!("{READ_ONLY} exec $PKI renew all --dry-run --rootfs $ROOT"),
    )
    .exits(1)
    .changed_nothing();
    for command in ["check-expiration", "init"] {
        mounted(
            &tree,
            &format!("{READ_ONLY} exec $PKI {command} --rootfs $ROOT"),
        )
        .ok();
    }

    // Before the first of many large keys is made.
    let tree = TestTree::empty();
    mounted(
        &tree,
        &format!(
            "{READ_ONLY} ulimit -t 1; exec $PKI init --rootfs $ROOT --encryption-algorithm RSA-4096 --node-name cp-1"
        ),
    )
    .exits(1);
}

/// Room for the state and some of the new files.
#[test]
fn a_full_file_system_leaves_the_old_tree() {
    if !can_mount() {
        return;
    }
    for size in ["132k", "148k", "164k", "196k", "212k"] {
        let tree = TestTree::new();
        let script = format!(
            "mkdir $ROOT/small; mount -t tmpfs -o size={size} none $ROOT/small; cp -a $ROOT/etc $ROOT/small/etc;
             code=0; $PKI renew all --rootfs $ROOT/small || code=$?;
             cp -a $ROOT/small/etc $ROOT/after; exit $code"
        );
        let run = mounted(&tree, &script)
            .exits(1)
            .says("no space left on device")
            .says("no file was changed");
        let after = snapshot(&tree.root().join("after"));
        let before = snapshot(&tree.root().join("etc"));
        assert_eq!(differences(&before, &after), "", "{size}: {run}");
    }
}

/// There is room, and no place for another name.
#[test]
fn a_file_system_without_inodes_leaves_the_old_tree() {
    if !can_mount() {
        return;
    }
    for further in [2, 6, 12, 20, 30] {
        let tree = TestTree::new();
        // As many as the tree has, the root, and some more.
        let inodes = tree.snapshot().len() + 1 + further;
        let script = format!(
            "mkdir $ROOT/small; mount -t tmpfs -o size=8m,nr_inodes={inodes} none $ROOT/small; cp -a $ROOT/etc $ROOT/small/etc;
             code=0; $PKI renew all --rootfs $ROOT/small || code=$?;
             cp -a $ROOT/small/etc $ROOT/after; exit $code"
        );
        let run = mounted(&tree, &script)
            .exits(1)
            .says("no space left on device")
            .says("no file was changed");
        let after = snapshot(&tree.root().join("after"));
        let before = snapshot(&tree.root().join("etc"));
        assert_eq!(differences(&before, &after), "", "{inodes}: {run}");
    }
}

#[test]
fn a_first_tree_that_does_not_fit_leaves_none() {
    if !can_mount() {
        return;
    }
    for size in ["4k", "16k", "32k", "64k", "96k"] {
        let tree = TestTree::empty();
        let script = format!(
            "mkdir $ROOT/small; mount -t tmpfs -o size={size} none $ROOT/small; chmod 755 $ROOT/small;
             code=0; $PKI init --rootfs $ROOT/small --encryption-algorithm ECDSA-P256 --node-name cp-1 || code=$?;
             cp -a $ROOT/small $ROOT/after; exit $code"
        );
        mounted(&tree, &script)
            .exits(1)
            .says("no space left on device")
            .says("no file was changed");
        let after = snapshot(&tree.root().join("after"));
        assert!(after.is_empty(), "{size}: {after:?}");
    }
}

/// The file system of `pki/etcd` is another one.
#[test]
fn a_tree_across_mounts_is_renewed() {
    if !can_mount() {
        return;
    }
    let tree = TestTree::new();
    let script = "mkdir $ROOT/copy; cp -a $ROOT/etc/kubernetes/pki/etcd/. $ROOT/copy;
         mount -t tmpfs -o mode=755 none $ROOT/etc/kubernetes/pki/etcd; cp -a $ROOT/copy/. $ROOT/etc/kubernetes/pki/etcd;
         $PKI renew all --rootfs $ROOT; $PKI init --rootfs $ROOT; ! cmp -s $ROOT/copy/server.crt $ROOT/etc/kubernetes/pki/etcd/server.crt";
    mounted(&tree, script).ok();
}

#[test]
fn an_immutable_file_or_directory_stops_everything() {
    let attribute = |flag: &str, path: &Path| {
        let mut command = Command::new("chattr");
        command.arg(flag).arg(path);
        command
    };
    for name in ["pki/apiserver.crt", "scheduler.conf", "pki", "pki/etcd"] {
        // Not every file system in memory knows the attribute.
        let tree = TestTree::on_disk();
        let path = tree.path(name);
        if !allowed("chattr +i", &mut attribute("+i", &path)) {
            return;
        }
        let renewal = tree.pki(&["renew", "all"]);
        run(&mut attribute("-i", &path)).ok();
        renewal
            .exits(1)
            .says("operation not permitted")
            .says("no file was changed")
            .restored_everything();
        tree.pki(&["renew", "all"]).ok();
    }
}
