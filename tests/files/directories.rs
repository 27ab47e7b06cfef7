//! Directories that others can write in: whoever can exchange a file can exchange a CA.

use std::{fs, os::unix::fs::chown};

use super::{is_root, unprivileged};
use crate::{
    inputs::specimen::{Specimen, sane},
    support::run,
};

#[track_caller]
fn check_refused(t: &Specimen, arguments: &[&str], reason: &str) {
    let before = t.snapshot();
    let run = t.pki(arguments);
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.stderr.contains(reason), "{reason:?}: {run}");
    t.assert_unchanged(&before, &run);
}

const DIRECTORIES: [&str; 4] = ["", "pki", "pki/etcd", ".pki"];

#[test]
fn a_directory_that_others_can_write_in_is_refused() {
    for name in DIRECTORIES {
        for mode in [0o777, 0o1777, 0o775, 0o757] {
            let t = Specimen::new();
            t.chmod(name, mode);
            check_refused(&t, &["renew", "all"], "can write in it: mode");
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
            let t = Specimen::new();
            t.chmod(name, *mode);
            let before = t.snapshot();
            let run = t.pki(&["init"]);
            t.assert_unchanged(&before, &run);
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
        let t = Specimen::new();
        chown(t.path(name), Some(4242), None).unwrap();
        check_refused(&t, &["renew", "all"], "it belongs to user 4242");
    }
}

#[test]
fn a_parent_that_everybody_can_write_in_is_refused() {
    let t = Specimen::new();
    fs::set_permissions(
        t.folder().join("etc"),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    for arguments in [&["renew", "all"][..], &["init"]] {
        check_refused(&t, arguments, "others can write in it");
    }
    // As /tmp is: only the owner of an entry can rename it.
    fs::set_permissions(
        t.folder().join("etc"),
        std::os::unix::fs::PermissionsExt::from_mode(0o1777),
    )
    .unwrap();
    t.pki(&["renew", "all"]).ok();
}

/// Its owner can rename the tree away and put another one there, whatever the mode.
#[test]
fn a_parent_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    let t = Specimen::new();
    chown(t.folder().join("etc"), Some(4242), None).unwrap();
    check_refused(&t, &["renew", "all"], "4242");
}

/// Exit code 3 says that nothing was touched.
#[test]
fn a_refused_init_leaves_not_even_a_directory() {
    for (directory, mode) in [
        ("", 0o777),
        ("etc/kubernetes", 0o777),
        ("etc/kubernetes/pki", 0o775),
    ] {
        let t = Specimen::empty();
        let path = t.folder().join(directory);
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        check_refused(
            &t,
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
    let t = Specimen::new();
    // Everything but the keys and the state may be read by everybody.
    fs::set_permissions(
        t.folder(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let before = t.snapshot();
    for arguments in [
        &["init"][..],
        &["renew", "all"],
        &["renew", "apiserver"],
        &["renew", "--due", "30d"],
        &["check-expiration"],
    ] {
        let run = sane(run(program
            .command()
            .args(arguments)
            .arg("--rootfs")
            .arg(t.folder())));
        assert!(matches!(run.code, Some(1 | 3 | 5)), "{run}");
        assert!(run.stderr.contains("Permission denied"), "{run}");
        assert_eq!(
            run.stderr.matches("error: ").count(),
            usize::from(run.code != Some(5)),
            "{run}"
        );
        t.assert_unchanged(&before, &run);
    }

    let t = Specimen::empty();
    fs::set_permissions(
        t.folder(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let run = sane(run(program
        .command()
        .args(["init", "--rootfs"])
        .arg(t.folder())));
    assert_eq!(run.code, Some(1), "{run}");
    assert!(
        run.stderr.contains("Permission denied") && run.stderr.contains("no file was changed"),
        "{run}"
    );
    assert!(t.snapshot().is_empty(), "{run}");
}

/// A tree of one's own needs no root.
#[test]
fn who_may_write_needs_not_be_root() {
    let Some(program) = unprivileged() else {
        return;
    };
    let t = Specimen::empty();
    chown(t.folder(), Some(65534), Some(65534)).unwrap();
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
        sane(run(program
            .command()
            .args(arguments)
            .arg("--rootfs")
            .arg(t.folder())))
        .ok();
    }
    assert!(
        t.snapshot()
            .values()
            .all(|entry| entry.owner == (65534, 65534))
    );
}
