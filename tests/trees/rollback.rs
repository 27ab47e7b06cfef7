//! `rollback` puts back the files that the last command replaced, but no unusable files.

use crate::support::{NOW, TestTree, days, rows::SIGNED};

#[test]
fn rollback_restores_every_replaced_file() {
    let tree = TestTree::new();
    let files = ["pki/apiserver.crt", "pki/apiserver.key", "scheduler.conf"];
    let before = files.map(|file| tree.read(file));
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
    tree.pki(&["rollback"]).exits(0).changed_rows(&SIGNED);
    assert!(files.map(|file| tree.read(file)) == before);
    tree.assert_healthy();
}

#[test]
fn rollback_lists_what_changes_besides_dates() {
    let tree = TestTree::new();
    let renewal = ["renew", "all", "--apiserver-cert-extra-sans", "new.example"];
    let run = tree.pki(&renewal).exits(0);
    assert!(run.stdout.contains("SANs added: DNS:new.example"), "{run}");
    for arguments in [&["rollback", "--dry-run"][..], &["rollback"]] {
        tree.pki(arguments)
            .exits(0)
            .prints("SANs removed: DNS:new.example")
            .prints("SANs added: ");
    }
}

#[test]
fn rollback_refuses_an_expired_generation() {
    let tree = TestTree::new();
    let later = NOW + days(400);
    tree.pki_at(later, &["renew", "all"]).exits(0);
    tree.pki_at(later, &["rollback"])
        .exits(3)
        .says("expired")
        .changed_nothing();
    tree.pki_at(later, &["rollback", "--allow-invalid"])
        .changed_rows(&SIGNED);
    tree.pki_at(later, &["check-expiration"]).exits(5);
}

#[test]
fn rollback_refuses_a_generation_of_another_ca() {
    let tree = TestTree::new();
    tree.pki(&["renew", "scheduler.conf", "apiserver"]).exits(0);
    tree.take_pair(&TestTree::of_another_cluster(), "ca");
    tree.pki(&["rollback"])
        .exits(3)
        .says("CA `ca`: it did not sign any of the certificates")
        .changed_nothing();
}

#[test]
fn purge_removes_what_its_dry_run_lists() {
    let tree = TestTree::new();
    tree.pki(&["renew", "all"]).exits(0);
    tree.pki(&["renew", "apiserver"]).exits(0);
    let planned = tree.pki(&["history", "--purge", "--dry-run"]);
    let planned = planned.exits(0).changed_nothing();
    let removed = tree.pki(&["history", "--purge"]).exits(0);
    let wanted = removed.stdout.replace("removed", "would remove");
    assert_eq!(
        planned.stdout,
        format!("{wanted}\ndry run: nothing was written\n")
    );
    assert_eq!(wanted.lines().count(), 2);
    tree.pki(&["history", "--purge", "--dry-run", "--quiet"])
        .exits(0)
        .prints_nothing()
        .changed_nothing();
}

#[test]
fn a_dry_run_of_recover_without_a_pending_commit_says_so() {
    for how in ["--finish", "--discard"] {
        let tree = TestTree::new();
        tree.pki(&["recover", how, "--dry-run"])
            .exits(0)
            .prints("no commit is pending")
            .changed_nothing();
    }
}

#[test]
fn rollback_without_a_generation_is_refused() {
    TestTree::new()
        .pki(&["rollback"])
        .exits(3)
        .says("no generation is kept")
        .changed_nothing();
}

#[test]
fn a_step_that_does_not_exist_is_not_offered() {
    let tree = TestTree::new();
    let back = "pki rollback --rootfs";
    for _ in 0..2 {
        tree.pki(&["renew", "apiserver"]).exits(0);
    }
    tree.pki(&["rollback"])
        .exits(0)
        .prints(back)
        .prints("--redo");
    let oldest = tree.pki(&["rollback"]).exits(0).prints("--redo");
    assert!(!oldest.stdout.contains(back), "{oldest}");
    tree.pki(&["rollback"]).exits(3);
}
