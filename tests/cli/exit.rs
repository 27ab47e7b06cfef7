//! Every exit code, each by a run that really ends so.

use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    NOW, TestTree, days,
    rows::{OF_CA, SIGNED, signed_but},
    run, wait_until_locked,
};

#[test]
fn check_exits_with_the_worst_it_finds() {
    let tree = TestTree::new();
    let check = |later: i64, options: &[&str]| {
        let run = tree.pki_at(
            NOW + days(later),
            &[&["check-expiration"], options].concat(),
        );
        run.changed_nothing().code
    };
    assert_eq!(check(0, &[]), Some(0));
    assert_eq!(check(300, &[]), Some(0));
    assert_eq!(check(340, &[]), Some(4));
    assert_eq!(check(340, &["--warn", "1d"]), Some(0));
    assert_eq!(check(340, &["--critical", "30d"]), Some(5));
    assert_eq!(check(0, &["--warn", "366d"]), Some(4));
    assert_eq!(check(0, &["--warn", "1h", "--critical", "366d"]), Some(5));
    assert_eq!(check(366, &[]), Some(5));
    tree.remove("scheduler.conf");
    assert_eq!(check(0, &[]), Some(5));
}

/// `kubeadm join` never writes super-admin.conf, and a kubelet may keep its kubeconfig elsewhere.
#[test]
fn check_exits_with_5_for_a_missing_file_but_super_admin_and_kubelet_conf() {
    for (name, code) in [
        ("super-admin.conf", 0),
        ("admin.conf", 5),
        ("kubelet.conf", 0),
        ("controller-manager.conf", 5),
        ("pki/apiserver.crt", 5),
        ("pki/etcd/ca.crt", 5),
    ] {
        let tree = TestTree::new();
        tree.remove(name);
        tree.pki(&["check-expiration"]).exits(code);
    }
}

#[test]
fn renew_exits_with_4_and_5_once_a_row_of_an_external_ca_is_due() {
    let tree = TestTree::new();
    tree.remove("pki/ca.key");
    tree.pki(&["renew", "all"])
        .exits(0)
        .skips("apiserver", "its CA `ca` is external")
        .changed_rows(&signed_but(&OF_CA));
    tree.pki_at(NOW + days(340), &["renew", "all"]).exits(4);
    tree.pki_at(NOW + days(366), &["renew", "all"]).exits(5);
    tree.pki(&["renew", "apiserver"])
        .exits(3)
        .says("cannot renew `apiserver`: its CA `ca` is external")
        .changed_nothing();
}

#[test]
fn init_exits_with_5_if_only_an_external_ca_can_make_what_is_missing() {
    let tree = TestTree::new();
    tree.remove("pki/ca.key");
    tree.remove_rows(&["scheduler.conf", "etcd-peer"]);
    let missing = "scheduler.conf: it is missing, and its CA `ca` is external";
    tree.pki(&["init"])
        .exits(5)
        .prints(missing)
        .changed_rows(&["etcd-peer"]);
    // It exits so as long as the file is missing, also where there is nothing to make.
    tree.pki(&["init"])
        .exits(5)
        .prints(missing)
        .changed_nothing();
    tree.pki(&["init", "--dry-run"])
        .exits(5)
        .prints("scheduler.conf")
        .changed_nothing();
}

#[test]
fn check_exits_with_5_for_a_certificate_that_no_component_accepts() {
    let tree = TestTree::new();
    tree.copy_pair("apiserver-kubelet-client", "front-proxy-client");
    tree.pki(&["check-expiration"]).exits(5);
    for format in ["json", "yaml"] {
        tree.pki(&["check-expiration", "-o", format])
            .exits(5)
            .prints("it is not signed by its CA");
    }
    tree.pki(&["check-expiration", "--quiet"])
        .exits(5)
        .prints("front-proxy-client");
}

#[test]
fn due_renews_what_is_due_and_nothing_else() {
    let tree = TestTree::new();
    tree.pki(&["renew", "--due", "30d"])
        .exits(0)
        .prints("nothing to renew; nothing was written")
        .changed_nothing();
    tree.write("pki/apiserver.crt", "");
    tree.pki(&["renew", "--due", "30d"])
        .exits(0)
        .changed_rows(&["apiserver"]);
}

#[test]
fn dry_run_writes_nothing() {
    let tree = TestTree::new();
    for arguments in [
        &["renew", "all"][..],
        &["renew", "apiserver", "--reuse-key"],
        &["renew", "--due", "366d"],
        &["init"],
    ] {
        tree.pki(&[arguments, &["--dry-run"]].concat())
            .exits(0)
            .prints("; nothing was written\n")
            .changed_nothing();
    }
    TestTree::empty()
        .init(&["--dry-run"])
        .exits(0)
        .changed_nothing();
}

#[test]
fn invalid_configuration_is_refused_with_its_line() {
    let tree = TestTree::empty();
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\napiServer:\n  certSANs:\n  - ok.example\n  - api_1.example\n",
    );
    tree.pki(&["init", "--config", &config])
        .exits(3)
        .says("cluster.yaml:6: apiServer.certSANs[1]: ")
        .changed_nothing();
}

/// Holds the lock as another run does.
fn hold(tree: &TestTree) -> File {
    let lock = File::open(tree.path("pki")).unwrap();
    lock.lock().unwrap();
    tree.write(
        "pki/.pki-lock",
        "`pki renew all`, process 4711, since 2026-11-22T01:45:00Z\n",
    );
    lock
}

#[test]
fn second_run_exits_with_6_and_names_the_first() {
    let tree = TestTree::new();
    tree.remove("scheduler.conf");
    let lock = hold(&tree);
    for arguments in [&["renew", "all"][..], &["renew", "apiserver"], &["init"]] {
        tree.pki(arguments)
            .exits(6)
            .says("`pki renew all`, process 4711, since 2026-11-22T01:45:00Z")
            .prints_nothing()
            .changed_nothing();
    }
    // A command that only reads needs no lock.
    tree.pki(&["check-expiration"]).exits(5).changed_nothing();
    tree.pki(&["renew", "all", "--dry-run"]).changed_nothing();

    // The first run was killed: its name is still there, but its lock is free.
    drop(lock);
    tree.pki(&["init"])
        .exits(0)
        .changed_files(&["pki/.pki-lock", "scheduler.conf"]);
    assert!(!tree.exists("pki/.pki-lock"));
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
}

/// The run that holds the lock may not have written its name yet.
#[test]
fn a_run_that_has_ended_is_not_named_as_the_holder() {
    let tree = TestTree::new();
    let lock = File::open(tree.path("pki")).unwrap();
    lock.lock().unwrap();
    tree.pki(&["renew", "all"])
        .exits(6)
        .says(&format!(
            "hint: `fuser -v {}` shows the process",
            tree.path("pki").display()
        ))
        .does_not_say("`pki init`, process");
}

#[test]
fn a_signal_stops_init_before_anything_is_made() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let tree = TestTree::empty();
        // Keys that take seconds to make.
        let mut command = tree.command(&[
            "init",
            "--encryption-algorithm",
            "RSA-4096",
            "--node-name",
            "cp-1",
        ]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Signals are handled before the lock is taken.
        wait_until_locked(&mut child);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{signal:?}: {stderr}");
        assert!(
            stderr.contains("no file was changed"),
            "{signal:?}: {stderr}"
        );
        assert!(output.stdout.is_empty(), "{signal:?}");
        let left = tree.snapshot();
        assert!(left.is_empty(), "{signal:?}: {left:?}");
        tree.init(&[]).exits(0);
    }
}

#[test]
fn a_repeated_check_ends_with_its_signal() {
    let tree = TestTree::new();
    let folder = TestTree::empty();
    let file = folder.root().join("pki.prom");
    let mut command = tree.command(&["check-expiration", "--every=1s", "-o=prometheus"]);
    command.arg("--output-file").arg(&file);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Two files in turn, so that the check was repeated.
    let first = wait_for_other_file(&mut child, &file, 0);
    wait_for_other_file(&mut child, &file, first);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(143), "{stderr}");
    assert_eq!(stderr, "");

    // What cannot work at all is not repeated.
    tree.pki(&["check-expiration", "--every=1s"]).exits(2);
    tree.pki(&["check-expiration", "--every=0s", "--output-file=x"])
        .exits(2)
        .says("is shorter than a second");
    tree.pki(&[
        "check-expiration",
        "--every=1s",
        "--output-file=/no/such/folder/x",
    ])
    .exits(1);
}

/// Waits until a file exists and has another inode, and returns that.
fn wait_for_other_file(child: &mut Child, file: &Path, inode: u64) -> u64 {
    loop {
        let found = fs::metadata(file).map_or(0, |file| file.ino());
        if found != 0 && found != inode {
            return found;
        }
        assert_eq!(child.try_wait().unwrap(), None, "the check ended");
        std::thread::yield_now();
    }
}

/// A run was killed after its commit, and the next one that can write has nothing of its own to do.
#[test]
fn a_pending_transaction_is_finished_by_any_command_that_writes() {
    for arguments in [
        &["init"][..],
        &["renew", "--due", "1d"],
        &["renew", "apiserver"],
    ] {
        let (tree, new) = (TestTree::new(), TestTree::new());
        new.pki(&["renew", "scheduler.conf"]).exits(0);
        // As a kill between the journal and the one rename leaves it.
        tree.write(".scheduler.conf.pki-new", new.read("scheduler.conf"));
        std::fs::hard_link(
            tree.path("scheduler.conf"),
            tree.path(".scheduler.conf.pki-old"),
        )
        .unwrap();
        let digest = |tree: &TestTree| {
            let digest = run(Command::new("sha256sum").arg(tree.path("scheduler.conf"))).ok();
            digest.stdout.split(' ').next().unwrap().to_owned()
        };
        let (old_digest, new_digest) = (digest(&tree), digest(&new));
        tree.write(
            "pki/.pki-journal.commit",
            format!(
                r#"{{"version": 2, "command": "renew scheduler.conf", "kubeconfigs": "..", "generation": null,
                "files": [{{"file": {{"root": "kubeconfigs", "path": "scheduler.conf"}}, "old": "{old_digest}", "new": "{new_digest}"}}]}}"#
            ),
        );
        for name in [".scheduler.conf.pki-new", "pki/.pki-journal.commit"] {
            tree.chmod(name, 0o600);
        }
        let pending = "`pki renew scheduler.conf` was interrupted after its commit";
        tree.pki(&["check-expiration"]).exits(4).says(pending);
        let finished = tree
            .pki(arguments)
            .exits(0)
            .says("interrupted after its commit");
        assert!(
            tree.read("scheduler.conf") == new.read("scheduler.conf"),
            "{finished}"
        );
        assert!(!tree.exists("pki/.pki-journal.commit"), "{finished}");
    }
}

#[test]
fn odd_clocks_make_no_panic_and_no_nonsense() {
    for now in [
        "0000-01-01T00:00:00Z",
        "0000-01-01T00:00:00+23:59",
        "1949-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "1970-01-01T00:04:59Z",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
    ] {
        let tree = TestTree::empty();
        let init = tree.init(&["--now", now]);
        if init.code == Some(0) {
            tree.pki(&["renew", "all", "--now", now]);
        } else {
            init.says("clock").changed_files(&[""; 0]);
        }
        tree.pki(&["check-expiration", "--now", now]);
        for arguments in [
            &["init"][..],
            &["renew", "all"],
            &["renew", "--due", "1d"],
            &["check-expiration"],
        ] {
            let tree = TestTree::new();
            let run = tree.pki(&[arguments, &["--now", now]].concat());
            assert_ne!(run.code, Some(0), "{run}");
            run.changed_nothing();
        }
    }
}

/// A mistyped directory is told from a tree that has lost everything.
#[test]
fn check_of_a_directory_that_is_not_there_says_so_and_exits_with_5() {
    let tree = TestTree::empty();
    let question = "is this the right directory?";
    tree.pki(&["check-expiration"]).exits(5).says(question);
    std::fs::create_dir_all(tree.path("pki")).unwrap();
    tree.pki(&["check-expiration"])
        .exits(5)
        .does_not_say(question);
}
