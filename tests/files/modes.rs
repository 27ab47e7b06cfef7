//! Modes and owners of files: tightened where they are loose, kept where they are stricter or another's.

use std::os::unix::fs::{MetadataExt, chown};

use super::is_root;
use crate::support::TestTree;

#[test]
fn a_loose_mode_is_tightened_and_said() {
    for mode in [0o640, 0o644, 0o666, 0o604, 0o777, 0o4755] {
        let tree = TestTree::new();
        for name in ["pki/apiserver.key", "admin.conf"] {
            tree.chmod(name, mode);
        }
        let run = tree.pki(&["renew", "all"]).ok();
        for (name, file) in [
            ("pki/apiserver.key", "apiserver.key"),
            ("admin.conf", "admin.conf"),
        ] {
            assert_eq!(tree.mode(name) & 0o7177, 0, "{name} had {mode:04o}: {run}");
            let said = format!("{file}: others could read it (mode {mode:04o})");
            assert!(run.stdout.contains(&said), "{said:?}: {run}");
        }
    }
}

#[test]
fn a_certificate_that_others_could_write_is_tightened() {
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
    let run = tree.pki(&["renew", "all"]).ok();
    for (name, mode) in modes {
        assert_eq!(tree.mode(name), mode, "{name}: {run}");
    }
    assert!(!run.stdout.contains("others could read"), "{run}");
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

/// They are not replaced, and still not left where others can read them.
#[test]
fn a_loose_key_that_no_renewal_replaces_is_tightened_and_said() {
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
            let run = tree.pki(command).ok();
            assert_eq!(tree.mode(name), 0o600, "{name}: {run}");
            assert!(tree.read(name) == bytes, "{name}: {run}");
            let said = format!(
                "{}: others could read it (mode 0644)",
                name.strip_prefix("pki/").unwrap()
            );
            assert!(run.stdout.contains(&said), "{said:?}: {run}");
        }
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

/// The umask of whoever wrote them by hand decides, and `cp` without `-p`.
#[test]
fn a_whole_tree_of_loose_modes_is_tightened_at_once() {
    let tree = TestTree::new();
    let names: Vec<_> = tree
        .snapshot()
        .keys()
        .cloned()
        .filter(|path| {
            path.extension()
                .is_some_and(|end| ["key", "conf", "pub"].iter().any(|one| end == *one))
        })
        .collect();
    assert_eq!(names.len(), 17, "{names:?}");
    for name in &names {
        tree.chmod(tree.root().join(name).to_str().unwrap(), 0o644);
    }
    let run = tree.pki(&["init"]).ok();
    for name in &names {
        let mode = tree.root().join(name).metadata().unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o600, "{}: {run}", name.display());
    }
    assert_eq!(
        run.stdout.matches("others could read it").count(),
        names.len(),
        "{run}"
    );
}

/// What is kept for a rollback holds the old keys.
#[test]
fn the_old_files_are_kept_where_nobody_else_can_read_them() {
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
