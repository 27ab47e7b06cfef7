//! Modes and owners of files: tightened where they are loose, kept where they are stricter or another's.

use std::os::unix::fs::{MetadataExt, chown};

use super::is_root;
use crate::inputs::specimen::Specimen;

#[test]
fn a_loose_mode_is_tightened_and_said() {
    for mode in [0o640, 0o644, 0o666, 0o604, 0o777, 0o4755] {
        let t = Specimen::new();
        for name in ["pki/apiserver.key", "admin.conf"] {
            t.chmod(name, mode);
        }
        let run = t.pki(&["renew", "all"]).ok();
        for (name, file) in [
            ("pki/apiserver.key", "apiserver.key"),
            ("admin.conf", "admin.conf"),
        ] {
            assert_eq!(t.mode(name) & 0o7177, 0, "{name} had {mode:04o}: {run}");
            let said = format!("{file}: others could read it (mode {mode:04o})");
            assert!(run.stdout.contains(&said), "{said:?}: {run}");
        }
    }
}

#[test]
fn a_certificate_that_others_could_write_is_tightened() {
    let t = Specimen::new();
    t.chmod("pki/apiserver.crt", 0o666);
    t.pki(&["renew", "apiserver"]).ok();
    assert_eq!(t.mode("pki/apiserver.crt"), 0o644);
}

#[test]
fn a_stricter_mode_is_kept() {
    let t = Specimen::new();
    let modes = [
        ("pki/apiserver.key", 0o400),
        ("pki/apiserver.crt", 0o440),
        ("pki/etcd/server.crt", 0o600),
        ("scheduler.conf", 0o400),
    ];
    for (name, mode) in modes {
        t.chmod(name, mode);
    }
    let run = t.pki(&["renew", "all"]).ok();
    for (name, mode) in modes {
        assert_eq!(t.mode(name), mode, "{name}: {run}");
    }
    assert!(!run.stdout.contains("others could read"), "{run}");
}

/// etcd may run as a user of its own.
#[test]
fn another_owner_is_kept() {
    if !is_root() {
        return;
    }
    let t = Specimen::new();
    let names = [
        "pki/etcd/server.key",
        "pki/etcd/server.crt",
        "scheduler.conf",
    ];
    for name in names {
        chown(t.path(name), Some(4242), Some(4343)).unwrap();
    }
    t.pki(&["renew", "all"]).ok();
    for name in names {
        let metadata = t.path(name).metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (4242, 4343), "{name}");
    }
    assert_eq!(t.mode("pki/etcd/server.key"), 0o600);
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
            let t = Specimen::new();
            t.chmod(name, 0o644);
            let bytes = t.read(name);
            let run = t.pki(command).ok();
            assert_eq!(t.mode(name), 0o600, "{name}: {run}");
            assert!(t.read(name) == bytes, "{name}: {run}");
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
    let t = Specimen::new();
    for name in ["pki/ca.key", "pki/ca.crt", "pki/sa.key"] {
        chown(t.path(name), Some(4242), Some(4343)).unwrap();
    }
    t.pki(&["renew", "all"]).ok();
    for name in ["pki/ca.key", "pki/ca.crt", "pki/sa.key"] {
        let metadata = t.path(name).metadata().unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (4242, 4343), "{name}");
    }
}

/// The umask of whoever wrote them by hand decides, and `cp` without `-p`.
#[test]
fn a_whole_tree_of_loose_modes_is_tightened_at_once() {
    let t = Specimen::new();
    let names: Vec<_> = t
        .snapshot()
        .into_keys()
        .filter(|path| {
            path.extension()
                .is_some_and(|end| ["key", "conf", "pub"].iter().any(|one| end == *one))
        })
        .collect();
    assert_eq!(names.len(), 17, "{names:?}");
    for name in &names {
        t.chmod(t.folder().join(name).to_str().unwrap(), 0o644);
    }
    let run = t.pki(&["init"]).ok();
    for name in &names {
        let mode = t.folder().join(name).metadata().unwrap().mode() & 0o7777;
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
    let t = Specimen::new();
    let old = t.read("pki/apiserver.key");
    t.chmod("pki/apiserver.key", 0o644);
    t.pki(&["renew", "apiserver"]).ok();
    let generations: Vec<_> = std::fs::read_dir(t.path(".pki/generations"))
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
    assert_eq!(t.mode(".pki"), 0o700);
}
