//! Links, FIFOs, devices, directories and hard links where a regular file is expected.
//!
//! A renewal skips such a leaf and names it, and renews the others. Nothing is ever written through it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use crate::support::{
    Run, TestTree, What, differences,
    rows::{OF_CA, OF_ETCD_CA, SIGNED, files_of, never_renewed, signed_but},
    run, sane,
};

const KEY: &str = "pki/apiserver.key";
const CRT: &str = "pki/apiserver.crt";
const CA_KEY: &str = "pki/ca.key";

/// Puts something in place of a file.
type Replace = fn(&TestTree, &str);

fn fifo(tree: &TestTree, name: &str) {
    tree.remove(name);
    run(Command::new("mkfifo").arg(tree.path(name))).ok();
}

fn directory(tree: &TestTree, name: &str) {
    tree.remove(name);
    fs::create_dir(tree.path(name)).unwrap();
}

fn socket(tree: &TestTree, name: &str) {
    tree.remove(name);
    // A long path does not fit into a socket's address.
    std::os::unix::net::UnixListener::bind(tree.root().join("socket")).unwrap();
    fs::rename(tree.root().join("socket"), tree.path(name)).unwrap();
}

fn device(tree: &TestTree, name: &str) {
    tree.remove(name);
    symlink("/dev/zero", tree.path(name)).unwrap();
}

fn link_outside(tree: &TestTree, name: &str) {
    let target = tree.root().join("elsewhere");
    fs::rename(tree.path(name), &target).unwrap();
    symlink(&target, tree.path(name)).unwrap();
}

fn link_to_passwd(tree: &TestTree, name: &str) {
    tree.remove(name);
    symlink(
        "../../../../../../../../../../../../etc/passwd",
        tree.path(name),
    )
    .unwrap();
}

fn dangling_link(tree: &TestTree, name: &str) {
    tree.remove(name);
    symlink("nowhere", tree.path(name)).unwrap();
}

fn link_loop(tree: &TestTree, name: &str) {
    tree.remove(name);
    symlink(tree.path(name), tree.path(name)).unwrap();
}

fn second_name(tree: &TestTree, name: &str) {
    fs::hard_link(tree.path(name), tree.root().join("second-name")).unwrap();
}

const ODD: [(&str, Replace); 9] = [
    ("a FIFO", fifo),
    ("a directory", directory),
    ("a socket", socket),
    ("a link to a device", device),
    ("a link that leads outside", link_outside),
    ("a link to /etc/passwd", link_to_passwd),
    ("a dangling link", dangling_link),
    ("a link to itself", link_loop),
    ("a file with two names", second_name),
];

fn outside(tree: &TestTree) -> Vec<Option<Vec<u8>>> {
    ["elsewhere", "second-name"]
        .map(|name| fs::read(tree.root().join(name)).ok())
        .into()
}

/// Renews a tree in which something else is in place of a file; returns what is wrong with the result.
fn check_renewal(what: &str, replace: Replace, name: &str, row: &str) -> Result<(), String> {
    let tree = TestTree::new();
    replace(&tree, name);
    let beside = outside(&tree);
    let renewal = tree.pki(&["renew", "all"]);
    let others: Vec<_> = signed_but(&[row])
        .iter()
        .flat_map(|row| files_of(row))
        .collect();
    let problem = |problem: &str| Err(format!("{name} is {what}: {problem}: {renewal}"));
    if outside(&tree) != beside {
        return problem("something outside was written");
    }
    if renewal.code != Some(5) {
        return problem("want exit code 5, and the others renewed");
    }
    if renewal.reason_for_skipping(row).is_none() {
        return problem("it is not named");
    }
    if renewal.files_changed().into_iter().collect::<BTreeSet<_>>() != others.into_iter().collect()
    {
        return problem("want the others renewed, and nothing else changed");
    }
    Ok(())
}

#[track_caller]
fn check_all(name: &str, row: &str) {
    let problems: Vec<_> = ODD
        .into_iter()
        .filter_map(|(what, replace)| check_renewal(what, replace, name, row).err())
        .collect();
    assert!(
        problems.is_empty(),
        "{} of {}:\n{}",
        problems.len(),
        ODD.len(),
        problems.join("\n")
    );
}

#[test]
fn a_certificate_that_is_not_a_file_is_skipped_and_the_others_are_renewed() {
    check_all(CRT, "apiserver");
}

#[test]
fn a_key_that_is_not_a_file_is_skipped_and_the_others_are_renewed() {
    check_all(KEY, "apiserver");
}

#[test]
fn a_kubeconfig_that_is_not_a_file_is_skipped_and_the_others_are_renewed() {
    check_all("admin.conf", "admin.conf");
}

#[test]
fn init_refuses_special_files_and_writes_nothing() {
    for (what, replace) in ODD
        .into_iter()
        .filter(|(what, _)| *what != "a file with two names")
    {
        for name in [
            CRT,
            KEY,
            "pki/ca.crt",
            CA_KEY,
            "pki/etcd/ca.crt",
            "pki/sa.key",
            "pki/sa.pub",
            "admin.conf",
        ] {
            let tree = TestTree::new();
            replace(&tree, name);
            let beside = outside(&tree);
            let run = tree.pki(&["init"]);
            // A CA without key is an external one, whatever became of the key; what is lost and can be made is made.
            let lost =
                what == "a dangling link" && [CA_KEY, "pki/sa.pub", "admin.conf"].contains(&name);
            assert!(run.code == Some(3) || lost, "{name} is {what}: {run}");
            assert_eq!(outside(&tree), beside, "{name} is {what}: {run}");
            if run.code != Some(0) {
                run.changed_nothing();
            }
        }
    }
}

/// Before any key is made, and without hanging.
#[test]
fn a_ca_key_that_is_not_a_file_signs_nothing() {
    for (_, replace) in ODD
        .into_iter()
        .filter(|(what, _)| !["a dangling link", "a file with two names"].contains(what))
    {
        for name in [CA_KEY, "pki/ca.crt"] {
            let tree = TestTree::new();
            replace(&tree, name);
            tree.pki(&["renew", "apiserver"])
                .exits(3)
                .says(name)
                .changed_nothing();
            tree.pki(&["renew", "all"])
                .exits(5)
                .says(name)
                .changed_rows(&signed_but(&OF_CA));
        }
    }
}

#[test]
fn the_check_reports_special_files_and_does_not_hang() {
    for (_, replace) in ODD
        .into_iter()
        .filter(|(what, _)| *what != "a file with two names")
    {
        for (name, row) in [
            (CRT, "apiserver"),
            ("pki/ca.crt", "ca"),
            ("pki/etcd/ca.crt", "etcd-ca"),
            ("admin.conf", "admin.conf"),
        ] {
            let tree = TestTree::new();
            replace(&tree, name);
            tree.pki(&["check-expiration"])
                .exits(5)
                .prints(&format!("! {row} "))
                .changed_nothing();
        }
    }
}

/// The file has always been a link, and its target is gone.
#[test]
fn a_dangling_link_is_reported_as_such() {
    for (name, command) in [
        (CRT, &["renew", "apiserver"][..]),
        (KEY, &["renew", "apiserver"]),
        (CRT, &["init"]),
        (CRT, &["check-expiration"]),
    ] {
        let tree = TestTree::new();
        dangling_link(&tree, name);
        let run = tree.pki(command);
        assert_ne!(run.code, Some(0), "{run}");
        assert!(
            run.stderr.contains("link") && !run.stderr.contains("became"),
            "{name}: {run}"
        );
    }
}

fn renewed(tree: &TestTree) -> Run {
    let run = tree.pki(&["renew", "all"]).exits(0);
    for name in SIGNED.iter().flat_map(|row| files_of(row)) {
        let file = name.rsplit('/').next().unwrap();
        let is_changed = |change: &String| change.ends_with(&format!("/{file}: other contents"));
        assert!(
            run.changes.as_ref().unwrap().iter().any(is_changed),
            "{name}: {run}"
        );
    }
    tree.pki(&["init"]).exits(0);
    run
}

#[test]
fn a_link_inside_the_tree_is_kept_and_its_target_is_renewed() {
    let tree = TestTree::new();
    fs::create_dir(tree.path("store")).unwrap();
    for name in ["apiserver.crt", "apiserver.key"] {
        fs::rename(tree.path("pki").join(name), tree.path("store").join(name)).unwrap();
        symlink(format!("../store/{name}"), tree.path("pki").join(name)).unwrap();
    }
    renewed(&tree);
    let entries = tree.snapshot();
    for name in ["apiserver.crt", "apiserver.key"] {
        let entry = &entries[&Path::new("etc/kubernetes/pki").join(name)];
        assert!(matches!(entry.what, What::Link(_)), "{name}: {entry:?}");
    }
    assert_eq!(tree.mode("store/apiserver.key"), 0o600);
}

#[test]
fn a_certificates_directory_that_is_a_link_is_followed() {
    let tree = TestTree::new();
    let real = tree.root().join("pki-on-another-disk");
    fs::rename(tree.path("pki"), &real).unwrap();
    // An absolute link starts at the root directory of the tree, as in a chroot.
    symlink("/pki-on-another-disk", tree.path("pki")).unwrap();
    let inode = real.metadata().unwrap().ino();
    renewed(&tree);
    let link = tree.path("pki").read_link().unwrap();
    assert_eq!(link, Path::new("/pki-on-another-disk"));
    assert_eq!(real.metadata().unwrap().ino(), inode);
}

#[test]
fn a_directory_below_it_that_is_a_link_is_followed_inside_the_tree_only() {
    let tree = TestTree::new();
    fs::rename(tree.path("pki/etcd"), tree.path("pki/real")).unwrap();
    symlink("real", tree.path("pki/etcd")).unwrap();
    renewed(&tree);

    // An absolute link is resolved below `--rootfs`, where nothing is at that path.
    for to in ["etcd-elsewhere", "/etcd-elsewhere", "/no/such/directory"] {
        let tree = TestTree::new();
        let target = tree.root().join("etc/etcd-elsewhere");
        fs::rename(tree.path("pki/etcd"), &target).unwrap();
        let link = match to {
            "etcd-elsewhere" => Path::new("../../etcd-elsewhere"),
            "/etcd-elsewhere" => &target,
            to => Path::new(to),
        };
        symlink(link, tree.path("pki/etcd")).unwrap();
        let outside = "which is outside the tree";
        for command in [&["renew", "etcd-server"][..], &["init"]] {
            tree.pki(command).exits(3).says(outside).changed_nothing();
        }
        let run = tree.pki(&["check-expiration"]).exits(5).says(outside);
        assert!(!run.stderr.contains("missing"), "{run}");
        let run = tree.pki(&["renew", "all"]).exits(5).says(outside);
        assert!(!run.stderr.contains("missing"), "{run}");
        run.changed_rows(&signed_but(&OF_ETCD_CA));
    }

    let tree = TestTree::new();
    let target = tree.root().join("state-elsewhere");
    fs::rename(tree.path(".pki"), &target).unwrap();
    symlink(&target, tree.path(".pki")).unwrap();
    tree.pki(&["renew", "all"]).exits(3).changed_nothing();
}

/// Only what is below the directory of `--rootfs` is looked at, links included.
#[test]
fn a_file_that_a_kubeconfig_names_is_looked_for_below_the_root_directory() {
    let tree = TestTree::new();
    let named = "/elsewhere/client.pem";
    let outside = tree.root().parent().unwrap().join("outside.pem");
    let config = String::from_utf8(tree.read("kubelet.conf")).unwrap();
    let lines = config.lines().map(|line| match line.trim_start() {
        data if data.starts_with("client-certificate-data") => {
            format!("    client-certificate: {named}")
        }
        data if data.starts_with("client-key-data") => format!("    client-key: {named}"),
        _ => line.to_owned(),
    });
    tree.write("kubelet.conf", lines.collect::<Vec<_>>().join("\n"));
    let elsewhere = tree.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&outside, elsewhere.join("client.pem")).unwrap();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says(&format!("its client certificate `{named}` is missing"));
    fs::remove_file(elsewhere.join("client.pem")).unwrap();
    fs::write(elsewhere.join("client.pem"), "").unwrap();
    tree.pki(&["check-expiration"]).exits(0);
}

#[test]
fn a_row_whose_file_has_two_names_is_refused_by_name_and_left_out_of_all() {
    for (name, row) in [(CRT, "apiserver"), ("admin.conf", "admin.conf")] {
        let tree = TestTree::new();
        second_name(&tree, name);
        let names = "the file has 2 names (hard links)";
        tree.pki(&["renew", row])
            .exits(3)
            .says(names)
            .says("remove the other names first")
            .changed_nothing();
        tree.pki(&["renew", "all", "--dry-run"])
            .exits(5)
            .says(names)
            .changed_nothing();
        // It can be used as it is.
        tree.pki(&["check-expiration"]).exits(0);
    }
}

/// A check reads no private key, so the renewal has to say what it could not read.
#[test]
fn a_ca_key_that_is_no_file_is_named_on_standard_error() {
    let tree = TestTree::new();
    fifo(&tree, "pki/ca.key");
    let run = tree.pki(&["renew", "all"]).exits(5);
    let said = run.stderr.lines().filter(|line| line.contains("ca.key"));
    assert_eq!(said.count(), 1, "{run}");
}

#[test]
fn the_inodes_of_directories_outlive_a_renewal() {
    let tree = TestTree::new();
    let inodes = || ["", "pki", "pki/etcd"].map(|name| tree.path(name).metadata().unwrap().ino());
    let before = inodes();
    renewed(&tree);
    assert_eq!(inodes(), before);
}

#[test]
fn neither_ca_nor_sa_are_touched_by_a_renewal() {
    let tree = TestTree::new();
    let state = || {
        never_renewed().into_iter().map(|name| {
            let metadata = tree.path(&name).metadata().unwrap();
            (
                metadata.ino(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime_nsec(),
            )
        })
    };
    let before: Vec<_> = state().collect();
    renewed(&tree);
    assert_eq!(state().collect::<Vec<_>>(), before);
}

/// That file only tells other runs who holds the lock.
#[test]
fn a_holder_file_that_is_no_file_stops_no_run_and_is_never_written_through() {
    let passwd = fs::read("/etc/passwd").unwrap();
    for replace in [fifo, directory, link_to_passwd, dangling_link] {
        let tree = TestTree::new();
        tree.write("pki/.pki-lock", "");
        replace(&tree, "pki/.pki-lock");
        let run = tree.pki(&["renew", "all"]).exits(0);
        assert!(fs::read("/etc/passwd").unwrap() == passwd, "{run}");
        assert!(!tree.path("pki/nowhere").exists(), "{run}");
    }
}

#[test]
fn a_state_directory_that_is_not_a_directory_is_refused() {
    for (name, bytes) in [
        ("pki/.pki-journal.commit", "{}"),
        ("pki/.pki-journal.commit", ""),
        ("pki/.pki-journal.undo", "[1"),
        (".pki/cluster.yaml", "kind: {"),
    ] {
        let tree = TestTree::new();
        fs::write(tree.path(name), bytes).unwrap();
        for arguments in [&["renew", "all"][..], &["init"]] {
            tree.pki(arguments).exits(3).says(name).changed_nothing();
        }
        // A check says so, and shows the certificates all the same.
        let code = if name == ".pki/cluster.yaml" { 0 } else { 4 };
        tree.pki(&["check-expiration"])
            .exits(code)
            .says(name)
            .changed_nothing();
    }
}

/// A run ends, writes nothing through it, and renews everything or nothing.
#[test]
fn special_files_in_the_state_directory_do_no_harm() {
    let huge: Replace = |tree, name| {
        directory(tree, name);
        fs::remove_dir(tree.path(name)).unwrap();
        File::create(tree.path(name))
            .unwrap()
            .set_len(100 << 20)
            .unwrap();
    };
    let kinds: [(&str, Replace); 8] = [
        ("a FIFO", fifo),
        ("a directory", directory),
        ("a socket", socket),
        ("a link to a device", device),
        ("a link to /etc/passwd", link_to_passwd),
        ("a dangling link", dangling_link),
        ("a link to itself", link_loop),
        ("too large", huge),
    ];
    for name in [".pki/cluster.yaml", ".pki/ledger.jsonl", ".pki/generations"] {
        for (what, replace) in kinds {
            let tree = TestTree::new();
            drop(fs::remove_dir_all(tree.path(".pki/generations")));
            if !tree.path(name).exists() {
                tree.write(name, "");
            }
            replace(&tree, name);
            let before = tree.snapshot();
            for arguments in [&["check-expiration"][..], &["history"], &["ledger"]] {
                let run = tree.pki(arguments);
                assert!(
                    matches!(run.code, Some(0 | 1 | 3)),
                    "{name} is {what}: {run}"
                );
                assert_eq!(
                    differences(&before, &tree.snapshot()),
                    "",
                    "{name} is {what}: {run}"
                );
            }
            let run = tree.pki(&["renew", "all"]);
            assert!(
                matches!(run.code, Some(0 | 1 | 3)),
                "{name} is {what}: {run}"
            );
            let wanted: &[&str] = if run.code == Some(0) { &SIGNED } else { &[] };
            let run = run.changed_rows(wanted);
            if run.code != Some(0) {
                assert!(run.stderr.contains(name), "{name} is {what}: {run}");
            }
        }
    }
}

#[test]
fn without_its_generations_and_its_ledger_a_tree_is_renewed_as_well() {
    for name in [".pki/generations", ".pki/ledger.jsonl", ".pki"] {
        let tree = TestTree::new();
        tree.pki(&["renew", "apiserver"]).ok();
        let path = tree.path(name);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
        tree.pki(&["renew", "all"]).ok();
        tree.pki(&["check-expiration"]).ok();
    }
}

/// Any user can create links in `/tmp`.
#[test]
fn a_directory_behind_somebody_elses_link_is_refused() {
    if !super::is_root() {
        return;
    }
    for (owner, code) in [(0, 0), (4242, 3)] {
        let tree = TestTree::empty();
        let (open, victim) = (tree.root().join("open"), tree.root().join("victim"));
        fs::create_dir(&open).unwrap();
        fs::create_dir(&victim).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
        symlink("../victim", open.join("pki")).unwrap();
        std::os::unix::fs::lchown(open.join("pki"), Some(owner), Some(owner)).unwrap();
        let directory = open.join("pki");
        let run = tree
            .pki(&[
                "init",
                "--encryption-algorithm",
                "ECDSA-P256",
                "--node-name",
                "cp-1",
                "--cert-dir",
                directory.to_str().unwrap(),
                "--kubeconfig-dir",
                tree.path("").to_str().unwrap(),
            ])
            .exits(code);
        let count = fs::read_dir(&victim).unwrap().count();
        assert_eq!(count > 0, code == 0, "{run}");
        if code != 0 {
            let reason = "user 4242 owns this link and can change its target";
            assert!(run.stderr.contains(reason), "{run}");
        }
    }
}

/// Another process replaces the directory by a link again and again while a renewal writes in it.
#[test]
fn a_directory_that_becomes_a_link_meanwhile_leads_no_write_astray() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    let tree = TestTree::new();
    let victim = tree.root().join("victim");
    run(Command::new("cp")
        .args(["-a"])
        .arg(tree.path("pki/etcd"))
        .arg(&victim))
    .ok();
    let (real, link) = (tree.path("pki/etcd"), tree.path("pki/.exchanged"));
    symlink(&victim, &link).unwrap();
    let precious = crate::support::snapshot(&victim);
    let done = AtomicBool::new(false);
    let exchange = || renameat_with(CWD, &real, CWD, &link, RenameFlags::EXCHANGE).unwrap();
    let runs = std::thread::scope(|scope| {
        let racer = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                exchange();
                count += 1;
            }
            count
        });
        // Nothing is judged before the racer has stopped: it would never hear of a failure.
        let runs: Vec<_> = (0..40)
            .map(|_| {
                let run = run(&mut tree.command(&["renew", "etcd-server", "etcd-peer"]));
                (run, crate::support::snapshot(&victim))
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        let count: u32 = racer.join().unwrap();
        assert!(count > 1000, "that was no race: {count}");
        runs
    });
    for (run, now) in runs {
        let run = sane(run);
        assert!(matches!(run.code, Some(0 | 1 | 3 | 5)), "{run}");
        assert_eq!(differences(&precious, &now), "", "{run}");
    }
    if real.is_symlink() {
        exchange();
    }
    fs::remove_file(&link).unwrap();
    tree.pki(&["renew", "all"]).ok();
    tree.pki(&["init"]).ok();
}

/// A journal is data too: its paths must not lead out of the tree.
#[test]
fn a_journal_cannot_reach_outside_the_tree() {
    for path in [
        "../../victim",
        "/victim",
        "../../../victim",
        "a/../../../../victim",
    ] {
        let tree = TestTree::new();
        let victim = tree.root().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::write(tree.root().join(".victim.pki-new"), "planted").unwrap();
        let journal = format!(
            r#"{{"version": 2, "command": "renew all", "kubeconfigs": "..", "generation": null,
                "files": [{{"file": {{"root": "kubeconfigs", "path": "{path}"}}, "old": null, "new": ""}}]}}"#
        );
        fs::write(tree.path("pki/.pki-journal.commit"), journal).unwrap();
        let run = tree.pki(&["renew", "all"]);
        assert_eq!(
            fs::read_to_string(&victim).unwrap(),
            "precious",
            "{path}: {run}"
        );
        assert_eq!(run.code, Some(3), "{path}: {run}");
        // It is the path that is refused, and not the form of this test's journal.
        assert!(!run.stderr.contains("field"), "{path}: {run}");
    }
}

#[test]
fn left_over_names_are_removed_and_never_read() {
    let tree = TestTree::new();
    let names = [
        "pki/.apiserver.crt.pki-new",
        "pki/.apiserver.key.pki-old",
        "pki/etcd/.anything.pki-new",
        ".admin.conf.pki-new",
        "pki/..pki-journal.commit.pki-new",
        "pki/.pki-lock",
    ];
    for name in names {
        fs::write(tree.path(name), "left over").unwrap();
    }
    symlink("/etc/passwd", tree.path("pki/.apiserver.key.pki-new")).unwrap();
    fs::write(tree.path("pki/.not-ours.tmp"), "kept").unwrap();
    fs::write(tree.path("pki/apiserver.crt.pki-new"), "kept").unwrap();
    tree.pki(&["check-expiration"]).ok();
    renewed(&tree);
    for name in names.into_iter().chain(["pki/.apiserver.key.pki-new"]) {
        assert!(
            tree.path(name).symlink_metadata().is_err(),
            "{name} is still there"
        );
    }
    assert_eq!(
        tree.text("pki/.not-ours.tmp") + &tree.text("pki/apiserver.crt.pki-new"),
        "keptkept"
    );
}

#[test]
fn ten_thousand_stray_files_do_no_harm() {
    let tree = TestTree::new();
    for number in 0..10_000 {
        File::create(tree.path(&format!("pki/stray-{number}"))).unwrap();
    }
    renewed(&tree);
    assert_eq!(
        fs::read_dir(tree.path("pki"))
            .unwrap()
            .filter(|entry| entry
                .as_ref()
                .unwrap()
                .file_name()
                .to_string_lossy()
                .starts_with("stray-"))
            .count(),
        10_000
    );
}

#[test]
fn a_key_pasted_into_a_state_file_is_never_shown() {
    let tree = TestTree::new();
    let key = tree.text("pki/ca.key");
    let key = key.lines().nth(1).unwrap();
    tree.pki(&["renew", "apiserver"]).exits(0);
    let set = |name: &str, field: &str| {
        let text = tree.text(name);
        let start = text.find(&format!("\"{field}\"")).unwrap();
        let open = start
            + text[start..]
                .find(": \"")
                .map_or_else(|| text[start..].find(":\"").unwrap() + 2, |at| at + 3);
        let end = open + text[open..].find('"').unwrap();
        tree.write(name, format!("{}{key}{}", &text[..open], &text[end..]));
    };
    let generation = fs::read_dir(tree.path(".pki/generations"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let manifest = format!(
        ".pki/generations/{}/manifest.json",
        generation.file_name().to_str().unwrap()
    );
    for field in ["command", "time"] {
        set(&manifest, field);
    }
    for field in ["command", "name", "subject", "fingerprint", "serial"] {
        set(".pki/ledger.jsonl", field);
    }
    tree.write("pki/.pki-journal.commit", format!("{{\"{key}\": 1}}"));
    for arguments in [
        &["history"][..],
        &["ledger", "--wide"],
        &["ledger", "-o", "json"],
        &["check-expiration"],
        &["verify"],
        &["renew", "apiserver"],
        &["renew", "apiserver", "--certificate-validity-period", key],
        &["recover", "--discard", "--dry-run"],
    ] {
        let run = tree.pki(arguments);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(!said.contains(&key[..24]), "{arguments:?}");
    }
}

/// The fields that name files and other runs, too.
#[test]
fn a_key_as_a_name_in_a_state_file_is_never_shown() {
    let tree = TestTree::new();
    let key = tree.text("pki/ca.key");
    let key: String = key.lines().filter(|line| !line.contains("-----")).collect();
    let check = |arguments: &[&str]| {
        let run = tree.pki(arguments);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("(looks like a key, not shown)"), "{run}");
        assert!(!said.contains(&key[8..32]), "{arguments:?}");
    };
    tree.pki(&["renew", "etcd-peer"]).exits(0);
    let journal = |kubeconfigs: &str, generation: &str, path: &str| {
        tree.write(
            "pki/.pki-journal.commit",
            format!(
                r#"{{"version":2,"command":"renew all","kubeconfigs":"{kubeconfigs}","generation":{generation},"files":[{{"file":{{"root":"certificates","path":"{path}"}},"old":null,"new":"00"}}]}}"#
            ),
        );
    };
    journal(&key, "null", "apiserver.crt");
    check(&["renew", "apiserver"]);
    for (generation, path) in [(&*format!("\"{key}\""), "apiserver.crt"), ("null", &*key)] {
        journal("..", generation, path);
        check(&["renew", "apiserver"]);
        check(&["check-expiration"]);
        check(&["verify", "-o", "json"]);
    }
    tree.remove("pki/.pki-journal.commit");
    let generation = fs::read_dir(tree.path(".pki/generations"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let name = format!(
        ".pki/generations/{}/manifest.json",
        generation.file_name().to_str().unwrap()
    );
    let manifest: serde_json::Value = serde_json::from_str(&tree.text(&name)).unwrap();
    let mut rollback = manifest.clone();
    rollback["change"] = serde_json::json!({"rollback": {"to": key}});
    let mut file = manifest;
    file["files"][0]["file"]["path"] = key.clone().into();
    for changed in [rollback, file] {
        tree.write(&name, changed.to_string());
        check(&["history"]);
    }
    tree.copy("pki/ca.key", "pki/.pki-lock");
    let pki = File::open(tree.path("pki")).unwrap();
    rustix::fs::flock(&pki, rustix::fs::FlockOperation::LockExclusive).unwrap();
    check(&["renew", "apiserver"]);
}

/// What is advised is about the same tree, also where the error comes from below the commands.
#[test]
fn the_advised_recovery_names_the_tree() {
    let tree = TestTree::new();
    tree.write("pki/.pki-journal.commit", "{}");
    let root = tree.root().to_str().unwrap();
    tree.pki(&["renew", "apiserver"])
        .exits(3)
        .says(&format!("run `pki recover --discard --rootfs {root}"));
    // `recover` takes no configuration, so the directories are named.
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n",
    );
    let certificates = tree.path("pki");
    tree.pki(&["renew", "apiserver", "--config", &config])
        .exits(3)
        .says(&format!(
            " --cert-dir {} --kubeconfig-dir ",
            certificates.display()
        ))
        .does_not_say("--config");
}
