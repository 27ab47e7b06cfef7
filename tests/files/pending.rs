//! A commit that was interrupted and then does not fit any more: each state is made by hand, as a kill leaves it.

use std::fs::{self, File};
use std::process::Stdio;

use serde_json::json;

use super::limits::limited;
use crate::support::{TestTree, copy, sha256};

/// The files of the commit, in the order of its renames.
const FILES: [&str; 4] = [
    "apiserver.key",
    "apiserver.crt",
    "etcd/server.key",
    "etcd/server.crt",
];

/// A tree with a pending commit of these files, of which the first ones are in place.
fn pending(renamed: usize) -> TestTree {
    let tree = TestTree::new();
    let renewed = TestTree::empty();
    copy(tree.root(), renewed.root());
    renewed.pki(&["renew", "apiserver", "etcd-server"]).exits(0);
    let entry = |name: &&str| {
        let digest = |of: &TestTree| sha256(&of.read(&format!("pki/{name}")));
        json!({
            "file": {"root": "certificates", "path": name},
            "old": digest(&tree),
            "new": digest(&renewed),
        })
    };
    let files: Vec<_> = FILES.iter().map(entry).collect();
    let journal = json!({
        "version": 2,
        "command": "renew apiserver etcd-server",
        "kubeconfigs": "..",
        "generation": "20261122T002128Z-renew",
        "files": files,
    });
    // The renewal kept the old files; the kill came before the generation got its name.
    let kept = fs::read_dir(renewed.path(".pki/generations")).unwrap();
    let kept = kept.last().unwrap().unwrap().path();
    copy(&kept, &tree.path(".pki/generations/.new"));
    for (index, name) in FILES.iter().enumerate() {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let beside = |end: &str| tree.path(&format!("pki/{folder}/.{file}.pki-{end}"));
        let target = tree.pki_file(name);
        fs::hard_link(&target, beside("old")).unwrap();
        fs::copy(renewed.pki_file(name), beside("new")).unwrap();
        if index < renamed {
            fs::rename(beside("new"), &target).unwrap();
        }
    }
    tree.write("pki/.pki-journal.commit", journal.to_string());
    tree.chmod("pki/.pki-journal.commit", 0o600);
    tree
}

#[test]
fn the_next_command_finishes_it_wherever_it_stopped() {
    for renamed in 0..=FILES.len() {
        let tree = pending(renamed);
        tree.pki(&["renew", "--due", "1h"])
            .exits(0)
            .says("it is now finished");
        tree.assert_healthy();
    }
}

/// Every user who can open the certificate directory can lock it.
#[test]
fn a_lock_of_another_program_does_not_hide_it() {
    let tree = pending(1);
    let directory = File::open(tree.path("pki")).unwrap();
    directory.lock().unwrap();
    let reason = "was interrupted after its commit";
    tree.pki(&["check-expiration"]).exits(4).says(reason);
    tree.pki(&["verify"]).exits(4).prints(reason);
    tree.pki(&["renew", "all", "--dry-run"])
        .says("is pending and would be finished first");
    drop(directory);
    tree.pki(&["renew", "all"]).exits(0);
}

/// A run that finishes the commit holds its journal.
#[test]
fn while_a_run_works_on_it_readers_see_the_new_tree() {
    let tree = pending(1);
    let journal = File::open(tree.path("pki/.pki-journal.commit")).unwrap();
    journal.lock().unwrap();
    for command in [&["check-expiration"][..], &["verify"]] {
        tree.pki(command).exits(0).does_not_say("pending");
    }
    drop(journal);
    tree.pki(&["check-expiration"]).exits(4);
}

/// As after a restore: anybody can open the journal, and lock it.
#[test]
fn a_lock_on_a_journal_that_others_can_open_proves_nothing() {
    let tree = pending(1);
    tree.chmod("pki/.pki-journal.commit", 0o644);
    let journal = File::open(tree.path("pki/.pki-journal.commit")).unwrap();
    journal.lock().unwrap();
    tree.pki(&["check-expiration"]).exits(4);
}

#[test]
fn a_failure_after_the_recovery_does_not_deny_it() {
    let tree = pending(2);
    limited(&tree, "-f 1", &["renew", "front-proxy-client"])
        .exits(1)
        .says("it is now finished")
        .says("no other file was changed");
}

/// The real run finishes the commit first, and so do the second names of the old files not count.
#[test]
fn a_dry_run_ends_as_the_run_does() {
    for renamed in [0, 1, 3] {
        for command in [&["renew", "all"][..], &["renew", "etcd-server"]] {
            let tree = pending(renamed);
            tree.pki(&[command, &["--dry-run"]].concat())
                .exits(0)
                .changed_nothing();
            tree.pki(command).exits(0);
        }
    }
}

#[test]
fn a_certificate_that_was_left_with_another_key_is_reported() {
    let tree = pending(2);
    // Neither the old nor the new content.
    tree.edit("pki/apiserver.crt", |text| text + "# a note\n");
    let dry = tree.pki(&["recover", "--discard", "--dry-run"]).exits(5);
    let reason = "`apiserver`: its key does not belong to it";
    dry.says(reason).changed_nothing();
    tree.pki(&["recover", "--discard"]).exits(5).says(reason);

    // A backup of the old certificate fits the old key.
    let tree = pending(2);
    let old = tree.text("pki/.apiserver.crt.pki-old");
    tree.write("pki/apiserver.crt", old + "# a note\n");
    for arguments in [
        &["recover", "--discard", "--dry-run"][..],
        &["recover", "--discard"],
    ] {
        tree.pki(arguments).exits(0);
    }
    tree.assert_healthy();
}

#[test]
fn without_its_journal_the_pairs_that_do_not_fit_are_reported() {
    let tree = pending(3);
    tree.write("pki/.pki-journal.commit", "{");
    tree.pki(&["recover", "--discard"])
        .exits(5)
        .says("`etcd-server`: its key does not belong to it");
}

/// The interrupted run kept no generation, so the backups are the only copies.
#[test]
fn without_its_journal_the_old_files_are_kept() {
    let tree = pending(3);
    tree.write("pki/.pki-journal.commit", "{");
    fs::remove_dir_all(tree.path(".pki/generations")).unwrap();
    let discard = ["recover", "--discard"];
    let kept = "kept as generation 20261122T002128Z-recover";
    tree.pki(&[&discard[..], &["--dry-run"]].concat())
        .prints(kept)
        .changed_nothing();
    tree.pki(&discard).prints(kept);
    tree.pki(&["rollback"]).exits(0);
    tree.assert_healthy();
}

#[test]
fn the_time_in_the_manifest_does_not_make_a_name_that_nobody_finds() {
    for time in ["9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"] {
        let tree = pending(1);
        tree.edit("pki/apiserver.crt", |text| text + "# a note\n");
        tree.edit(".pki/generations/.new/manifest.json", |text| {
            text.replace("2026-11-22T00:21:28Z", time)
        });
        tree.pki(&["recover", "--discard"]);
        tree.pki(&["history"]).prints("20261122T002128Z-renew");
    }
}

#[test]
fn a_directory_with_the_name_of_the_journal_is_left_to_the_operator() {
    let tree = TestTree::new();
    fs::create_dir(tree.path("pki/.pki-journal.commit")).unwrap();
    for arguments in [
        &["recover", "--discard", "--dry-run"][..],
        &["recover", "--discard"],
    ] {
        let run = tree.pki(arguments).exits(3);
        run.says("hint: move it away").changed_nothing();
    }
}

#[test]
fn what_is_missing_after_it_is_judged_as_a_check_judges_it() {
    let tree = pending(2);
    for file in ["ca.crt", "ca.key", "server.crt", "server.key"] {
        tree.remove(&format!("pki/etcd/{file}"));
    }
    tree.pki(&["recover", "--discard"]).exits(5);
    tree.pki(&["check-expiration"]).exits(5);
}

/// A kill left the empty directory, on an overlay where the generation had to be copied.
#[test]
fn a_generation_that_was_not_copied_yet_is_not_taken_for_finished() {
    let tree = pending(2);
    fs::create_dir(tree.path(".pki/generations/20261122T002128Z-renew")).unwrap();
    tree.pki(&["recover", "--finish"]).exits(0);
    tree.pki(&["rollback"]).exits(0);
    tree.assert_healthy();
}

#[test]
fn a_report_that_cannot_be_written_does_not_make_it_undone() {
    let tree = pending(2);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut command = tree.command(&["recover", "--discard"]);
    command.stdout(full).stderr(Stdio::piped());
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(said.contains("everything is done"), "{said}");
    tree.assert_healthy();
}

#[test]
fn a_name_of_a_certificate_directory_that_leads_nowhere_is_reported() {
    let key = TestTree::new().text("pki/ca.key");
    for (name, reason) in [
        ("certs", "that directory is not there"),
        ("pki/ca.crt/x", ".pki/transaction`: it names no certificate"),
        ("a\0b", ".pki/transaction`: it names no certificate"),
        (&key, ".pki/transaction`: it names no certificate"),
    ] {
        let tree = TestTree::new();
        tree.write(".pki/transaction", name);
        for arguments in [
            &["renew", "apiserver", "--dry-run"][..],
            &["renew", "apiserver"],
            &["recover", "--finish"],
        ] {
            let run = tree.pki(arguments).exits(3).says(reason);
            run.does_not_say(&key[40..80]).changed_nothing();
        }
    }
}

#[test]
fn another_file_with_the_name_of_the_usual_directory_is_in_nobodys_way() {
    let tree = TestTree::empty();
    tree.write("pki", "a program");
    let certificates = tree.path("certs");
    let init = ["init", "--node-name", "cp-1", "--cert-dir"];
    tree.pki(&[&init[..], &[certificates.to_str().unwrap()]].concat())
        .exits(0);
}

#[test]
fn an_unreadable_generation_does_not_keep_it_from_being_settled() {
    for (how, code) in [("--discard", 0), ("--finish", 0)] {
        let tree = pending(1);
        let manifest = ".pki/generations/.new/manifest.json";
        tree.edit(manifest, |text| text[..50].to_owned());
        // An edit after the kill, so that somebody has to decide.
        tree.edit("pki/etcd/server.crt", |text| text + "# a note\n");
        tree.pki(&["renew", "--due", "1h"]).exits(3);
        tree.pki(&["recover", how, "--dry-run"]).exits(code);
        tree.pki(&["recover", how]).exits(code);
        tree.pki(&["recover", how]).exits(0).changed_nothing();
        // The old files are kept under a name.
        let kept = fs::read_dir(tree.path(".pki/generations")).unwrap();
        let names: Vec<_> = kept
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(
            !names.contains(&".new".to_owned()) && !names.is_empty(),
            "{names:?}"
        );
    }
}

#[test]
fn what_a_run_left_before_its_commit_is_removed_by_every_command_that_writes() {
    for command in [
        &["recover", "--discard"][..],
        &["recover", "--finish"],
        &["history", "--purge"],
    ] {
        let tree = TestTree::new();
        fs::remove_dir_all(tree.path(".pki")).unwrap();
        let left = "pki/.apiserver.key.pki-new";
        tree.write(left, "left over");
        tree.pki(command).exits(0);
        assert!(!tree.exists(left), "{command:?}");
    }
}
