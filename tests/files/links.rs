//! What is no file where one is expected: links, FIFOs, devices, directories, files with several names.
//!
//! Where it is a leaf, it is named and left, and the others are renewed. Nothing is ever written through it.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    process::Command,
};

use crate::{
    inputs::specimen::{LEAVES, Specimen, What, differences, files_of, sane},
    support::{Run, run},
};

const KEY: &str = "pki/apiserver.key";
const CRT: &str = "pki/apiserver.crt";
const CA_KEY: &str = "pki/ca.key";

/// Puts something in place of a file.
type Replace = fn(&Specimen, &str);

fn fifo(t: &Specimen, name: &str) {
    t.remove(name);
    run(Command::new("mkfifo").arg(t.path(name))).ok();
}

fn directory(t: &Specimen, name: &str) {
    t.remove(name);
    fs::create_dir(t.path(name)).unwrap();
}

fn socket(t: &Specimen, name: &str) {
    t.remove(name);
    // A long path does not fit into a socket's address.
    std::os::unix::net::UnixListener::bind(t.folder().join("socket")).unwrap();
    fs::rename(t.folder().join("socket"), t.path(name)).unwrap();
}

fn device(t: &Specimen, name: &str) {
    t.remove(name);
    symlink("/dev/zero", t.path(name)).unwrap();
}

fn link_outside(t: &Specimen, name: &str) {
    let target = t.folder().join("elsewhere");
    fs::rename(t.path(name), &target).unwrap();
    symlink(&target, t.path(name)).unwrap();
}

fn link_to_passwd(t: &Specimen, name: &str) {
    t.remove(name);
    symlink(
        "../../../../../../../../../../../../etc/passwd",
        t.path(name),
    )
    .unwrap();
}

fn dangling_link(t: &Specimen, name: &str) {
    t.remove(name);
    symlink("nowhere", t.path(name)).unwrap();
}

fn link_loop(t: &Specimen, name: &str) {
    t.remove(name);
    symlink(t.path(name), t.path(name)).unwrap();
}

fn second_name(t: &Specimen, name: &str) {
    fs::hard_link(t.path(name), t.folder().join("second-name")).unwrap();
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

fn outside(t: &Specimen) -> Vec<Option<Vec<u8>>> {
    ["elsewhere", "second-name"]
        .map(|name| fs::read(t.folder().join(name)).ok())
        .into()
}

/// Holds all commands to one verdict; `what` is told apart in the message.
fn check_renewal(what: &str, replace: Replace, name: &str, row: &str) -> Result<(), String> {
    let t = Specimen::new();
    replace(&t, name);
    let (before, beside) = (t.snapshot(), outside(&t));
    let leaves = t.leaves();
    let renewal = t.pki(&["renew", "all"]);
    let problem = |problem: &str| Err(format!("{name} is {what}: {problem}: {renewal}"));
    if outside(&t) != beside {
        return problem("something outside was written");
    }
    let path = std::path::Path::new("etc/kubernetes").join(name);
    if before.get(&path) != t.snapshot().get(&path) {
        return problem("it is not as it was");
    }
    if renewal.code != Some(5) {
        return problem("want exit code 5, and the others renewed");
    }
    if !renewal.stdout.contains(&format!("not renewed: {row}: ")) {
        return problem("it is not named");
    }
    let after = t.leaves();
    let left: Vec<_> = LEAVES
        .into_iter()
        .filter(|other| leaves[other] == after[other])
        .collect();
    if left != [row] {
        return problem(&format!("{left:?} were not renewed"));
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
fn a_certificate_that_is_no_file_is_left_and_the_others_are_renewed() {
    check_all(CRT, "apiserver");
}

#[test]
fn a_key_that_is_no_file_is_left_and_the_others_are_renewed() {
    check_all(KEY, "apiserver");
}

#[test]
fn a_kubeconfig_that_is_no_file_is_left_and_the_others_are_renewed() {
    check_all("admin.conf", "admin.conf");
}

#[test]
fn init_refuses_what_is_no_file_and_touches_nothing() {
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
            let t = Specimen::new();
            replace(&t, name);
            let (before, beside) = (t.snapshot(), outside(&t));
            let run = t.pki(&["init"]);
            // A CA without key is an external one, whatever became of the key; what is lost and can be made is made anew.
            let lost =
                what == "a dangling link" && [CA_KEY, "pki/sa.pub", "admin.conf"].contains(&name);
            assert!(run.code == Some(3) || lost, "{name} is {what}: {run}");
            assert_eq!(outside(&t), beside, "{name} is {what}: {run}");
            if run.code != Some(0) {
                t.assert_unchanged(&before, &run);
            }
        }
    }
}

/// Before any key is made, and without hanging.
#[test]
fn no_ca_key_that_is_no_file_signs_anything() {
    for (what, replace) in ODD
        .into_iter()
        .filter(|(what, _)| !["a dangling link", "a file with two names"].contains(what))
    {
        for name in [CA_KEY, "pki/ca.crt"] {
            let t = Specimen::new();
            replace(&t, name);
            let before = t.snapshot();
            let run = t.pki(&["renew", "all"]);
            assert_eq!(run.code, Some(3), "{name} is {what}: {run}");
            assert!(run.stderr.contains(name), "{name} is {what}: {run}");
            t.assert_unchanged(&before, &run);
        }
    }
}

#[test]
fn the_check_shows_what_is_no_file_and_does_not_hang() {
    for (what, replace) in ODD
        .into_iter()
        .filter(|(what, _)| *what != "a file with two names")
    {
        for (name, row) in [
            (CRT, "apiserver"),
            ("pki/ca.crt", "ca"),
            ("pki/etcd/ca.crt", "etcd-ca"),
            ("admin.conf", "admin.conf"),
        ] {
            let t = Specimen::new();
            replace(&t, name);
            let before = t.snapshot();
            let run = t.pki(&["check-expiration"]);
            assert_eq!(run.code, Some(5), "{name} is {what}: {run}");
            let marked = format!("! {row} ");
            assert!(run.stdout.contains(&marked), "{name} is {what}: {run}");
            t.assert_unchanged(&before, &run);
        }
    }
}

/// It has been a link all along, and what it leads to is gone.
#[test]
fn a_dangling_link_is_called_one() {
    for (name, command) in [
        (CRT, &["renew", "apiserver"][..]),
        (KEY, &["renew", "apiserver"]),
        (CRT, &["init"]),
        (CRT, &["check-expiration"]),
    ] {
        let t = Specimen::new();
        dangling_link(&t, name);
        let run = t.pki(command);
        assert_ne!(run.code, Some(0), "{run}");
        assert!(
            run.stderr.contains("link") && !run.stderr.contains("became"),
            "{name}: {run}"
        );
    }
}

fn renewed(t: &Specimen) -> Run {
    let leaves = t.leaves();
    let run = t.pki(&["renew", "all"]).ok();
    let after = t.leaves();
    assert!(LEAVES.iter().all(|row| leaves[row] != after[row]), "{run}");
    t.pki(&["init"]).ok();
    run
}

#[test]
fn a_link_inside_the_tree_stays_one_and_its_target_is_renewed() {
    let t = Specimen::new();
    fs::create_dir(t.path("store")).unwrap();
    for name in ["apiserver.crt", "apiserver.key"] {
        fs::rename(t.path("pki").join(name), t.path("store").join(name)).unwrap();
        symlink(format!("../store/{name}"), t.path("pki").join(name)).unwrap();
    }
    renewed(&t);
    let entries = t.snapshot();
    for name in ["apiserver.crt", "apiserver.key"] {
        let entry = &entries[&std::path::Path::new("etc/kubernetes/pki").join(name)];
        assert!(matches!(entry.what, What::Link(_)), "{name}: {entry:?}");
    }
    assert_eq!(t.mode("store/apiserver.key"), 0o600);
}

#[test]
fn a_certificates_directory_that_is_a_link_is_followed() {
    let t = Specimen::new();
    let real = t.folder().join("pki-on-another-disk");
    fs::rename(t.path("pki"), &real).unwrap();
    symlink(&real, t.path("pki")).unwrap();
    let inode = real.metadata().unwrap().ino();
    renewed(&t);
    assert_eq!(t.path("pki").read_link().unwrap(), real);
    assert_eq!(real.metadata().unwrap().ino(), inode);
}

#[test]
fn a_directory_below_it_that_is_a_link_is_followed_inside_the_tree_only() {
    let t = Specimen::new();
    fs::rename(t.path("pki/etcd"), t.path("pki/real")).unwrap();
    symlink("real", t.path("pki/etcd")).unwrap();
    renewed(&t);

    for (name, elsewhere) in [("pki/etcd", "etcd-elsewhere"), (".pki", "state-elsewhere")] {
        let t = Specimen::new();
        let target = t.folder().join(elsewhere);
        fs::rename(t.path(name), &target).unwrap();
        symlink(&target, t.path(name)).unwrap();
        let before = t.snapshot();
        let run = t.pki(&["renew", "all"]);
        assert_eq!(
            run.code,
            Some(3),
            "{name} leads outside the named directories: {run}"
        );
        t.assert_unchanged(&before, &run);
    }
}

#[test]
fn the_inodes_of_directories_outlive_a_renewal() {
    let t = Specimen::new();
    let inodes = || ["", "pki", "pki/etcd"].map(|name| t.path(name).metadata().unwrap().ino());
    let before = inodes();
    renewed(&t);
    assert_eq!(inodes(), before);
}

#[test]
fn neither_ca_nor_sa_are_touched_by_a_renewal() {
    let t = Specimen::new();
    let names = [
        "ca.crt",
        "ca.key",
        "front-proxy-ca.crt",
        "front-proxy-ca.key",
        "etcd/ca.crt",
        "etcd/ca.key",
        "sa.key",
        "sa.pub",
    ];
    let state = || {
        names.map(|name| {
            let metadata = t.path("pki").join(name).metadata().unwrap();
            (
                metadata.ino(),
                metadata.mtime(),
                metadata.mtime_nsec(),
                metadata.ctime_nsec(),
            )
        })
    };
    let before = state();
    renewed(&t);
    assert_eq!(state(), before);
}

/// The lock is the first thing a run opens.
#[test]
fn a_lock_that_is_no_file_is_refused_without_hanging() {
    for (what, replace) in [
        ("fifo", fifo as Replace),
        ("directory", directory),
        ("link", link_to_passwd),
        ("dangling", dangling_link),
    ] {
        let t = Specimen::new();
        replace(&t, ".pki/lock");
        let before = t.snapshot();
        let run = t.pki(&["renew", "all"]);
        assert!(matches!(run.code, Some(1 | 3)), "{what}: {run}");
        assert!(run.stderr.contains(".pki/lock`"), "{what}: {run}");
        t.assert_unchanged(&before, &run);
    }
    let mut passwd = String::new();
    File::open("/etc/passwd")
        .unwrap()
        .read_to_string(&mut passwd)
        .unwrap();
    assert!(
        passwd.starts_with("root:"),
        "the lock was written through a link"
    );
}

#[test]
fn a_state_that_is_no_state_is_refused() {
    for (name, bytes) in [
        (".pki/journal.commit", "{}"),
        (".pki/journal.commit", ""),
        (".pki/journal.undo", "[1"),
        (".pki/cluster.yaml", "kind: {"),
    ] {
        let t = Specimen::new();
        fs::write(t.path(name), bytes).unwrap();
        let before = t.snapshot();
        for arguments in [&["renew", "all"][..], &["init"], &["check-expiration"]] {
            let run = t.pki(arguments);
            assert_eq!(run.code, Some(3), "{name}: {run}");
            assert!(run.stderr.contains(name), "{name}: {run}");
            t.assert_unchanged(&before, &run);
        }
    }
}

/// Whatever lies there, a run ends, writes nothing through it, and renews everything or nothing.
#[test]
fn a_state_that_is_no_file_or_folder_does_no_harm() {
    let huge: Replace = |t, name| {
        directory(t, name);
        fs::remove_dir(t.path(name)).unwrap();
        File::create(t.path(name))
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
            let t = Specimen::new();
            drop(fs::remove_dir_all(t.path(".pki/generations")));
            if !t.path(name).exists() {
                t.write(name, "");
            }
            replace(&t, name);
            let (before, leaves) = (t.snapshot(), t.leaves());
            for arguments in [&["check-expiration"][..], &["history"], &["ledger"]] {
                let run = t.pki(arguments);
                assert!(
                    matches!(run.code, Some(0 | 1 | 3)),
                    "{name} is {what}: {run}"
                );
                assert_eq!(
                    differences(&before, &t.snapshot()),
                    "",
                    "{name} is {what}: {run}"
                );
            }
            let run = t.pki(&["renew", "all"]);
            assert!(
                matches!(run.code, Some(0 | 1 | 3)),
                "{name} is {what}: {run}"
            );
            let after = t.leaves();
            let renewed = LEAVES.iter().filter(|row| leaves[*row] != after[*row]);
            let expected = if run.code == Some(0) { LEAVES.len() } else { 0 };
            assert_eq!(renewed.count(), expected, "{name} is {what}: {run}");
            if run.code != Some(0) {
                assert!(run.stderr.contains(name), "{name} is {what}: {run}");
            }
        }
    }
}

#[test]
fn without_its_generations_and_its_ledger_a_tree_is_renewed_as_well() {
    for name in [".pki/generations", ".pki/ledger.jsonl", ".pki/lock", ".pki"] {
        let t = Specimen::new();
        t.pki(&["renew", "apiserver"]).ok();
        let path = t.path(name);
        match path.is_dir() {
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
        t.pki(&["renew", "all"]).ok();
        t.pki(&["check-expiration"]).ok();
    }
}

/// In `/tmp` everybody sets links of their own.
#[test]
fn a_directory_behind_somebody_elses_link_is_refused() {
    if !super::is_root() {
        return;
    }
    for (owner, code) in [(0, 0), (4242, 3)] {
        let t = Specimen::empty();
        let (open, victim) = (t.folder().join("open"), t.folder().join("victim"));
        fs::create_dir(&open).unwrap();
        fs::create_dir(&victim).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
        symlink(&victim, open.join("pki")).unwrap();
        std::os::unix::fs::lchown(open.join("pki"), Some(owner), Some(owner)).unwrap();
        let directory = open.join("pki");
        let run = t.pki(&[
            "init",
            "--encryption-algorithm",
            "ECDSA-P256",
            "--node-name",
            "cp-1",
            "--cert-dir",
            directory.to_str().unwrap(),
            "--kubeconfig-dir",
            t.path("").to_str().unwrap(),
        ]);
        assert_eq!(run.code, Some(code), "{run}");
        let count = fs::read_dir(&victim).unwrap().count();
        assert_eq!(count > 0, code == 0, "{run}");
        if code != 0 {
            let reason = "it belongs to user 4242, who could put another tree in place";
            assert!(run.stderr.contains(reason), "{run}");
        }
    }
}

/// Somebody exchanges the directory for a link to another one, again and again, while a renewal writes in it.
#[test]
fn a_directory_that_becomes_a_link_meanwhile_leads_no_write_astray() {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{CWD, RenameFlags, renameat_with};

    let t = Specimen::new();
    let victim = t.folder().join("victim");
    run(Command::new("cp")
        .args(["-a"])
        .arg(t.path("pki/etcd"))
        .arg(&victim))
    .ok();
    let (real, link) = (t.path("pki/etcd"), t.path("pki/.exchanged"));
    symlink(&victim, &link).unwrap();
    let precious = crate::inputs::specimen::snapshot(&victim);
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
                let run = run(&mut t.command(&["renew", "etcd-server", "etcd-peer"]));
                (run, crate::inputs::specimen::snapshot(&victim))
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
    t.pki(&["renew", "all"]).ok();
    t.pki(&["init"]).ok();
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
        let t = Specimen::new();
        let victim = t.folder().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::write(t.folder().join(".victim.pki-new"), "planted").unwrap();
        let journal = format!(
            r#"{{"version": 1, "command": "renew all", "certificates": "pki", "generation": null,
                "files": [{{"file": {{"root": "kubeconfigs", "path": "{path}"}}, "existed": true, "sha256": ""}}]}}"#
        );
        fs::write(t.path(".pki/journal.commit"), journal).unwrap();
        let run = t.pki(&["renew", "all"]);
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
    let t = Specimen::new();
    let names = [
        "pki/.apiserver.crt.pki-new",
        "pki/.apiserver.key.pki-old",
        "pki/etcd/.anything.pki-new",
        ".admin.conf.pki-new",
        ".pki/.journal.commit.pki-new",
    ];
    for name in names {
        fs::write(t.path(name), "left over").unwrap();
    }
    symlink("/etc/passwd", t.path("pki/.apiserver.key.pki-new")).unwrap();
    fs::write(t.path("pki/.not-ours.tmp"), "kept").unwrap();
    fs::write(t.path("pki/apiserver.crt.pki-new"), "kept").unwrap();
    t.pki(&["check-expiration"]).ok();
    renewed(&t);
    for name in names.into_iter().chain(["pki/.apiserver.key.pki-new"]) {
        assert!(
            t.path(name).symlink_metadata().is_err(),
            "{name} is still there"
        );
    }
    assert_eq!(
        t.text("pki/.not-ours.tmp") + &t.text("pki/apiserver.crt.pki-new"),
        "keptkept"
    );
}

#[test]
fn ten_thousand_stray_files_do_no_harm() {
    let t = Specimen::new();
    for number in 0..10_000 {
        File::create(t.path(&format!("pki/stray-{number}"))).unwrap();
    }
    let start = std::time::Instant::now();
    renewed(&t);
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
    assert_eq!(
        fs::read_dir(t.path("pki"))
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
fn each_row_of_the_tables_here_is_a_row_of_the_catalog() {
    let names: Vec<_> = pki::catalog::renewable().map(|row| row.name).collect();
    assert_eq!(names, LEAVES);
    let t = Specimen::new();
    for name in LEAVES.iter().flat_map(|row| files_of(row)) {
        assert!(t.path(&name).is_file(), "{name}");
    }
    sane(run(&mut t.command(&["check-expiration"]))).ok();
}
