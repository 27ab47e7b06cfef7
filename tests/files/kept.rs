//! The kept generations and the ledger, damaged or in the hands of others.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::process::Stdio;

use super::is_root;
use crate::support::{Run, TestTree};

/// A tree with kept generations of two renewals, and their names.
fn renewed_twice() -> (TestTree, [String; 2]) {
    let tree = TestTree::new();
    tree.pki(&["renew", "etcd-server"]).exits(0);
    let first = names(&tree).remove(0);
    tree.pki(&["renew", "apiserver"]).exits(0);
    let second = names(&tree).into_iter().find(|name| *name != first);
    (tree, [first, second.unwrap()])
}

fn names(tree: &TestTree) -> Vec<String> {
    let kept = fs::read_dir(tree.path(".pki/generations")).unwrap();
    let mut names: Vec<_> = kept
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// Runs a command as a dry run and then really; both end alike.
fn both(tree: &TestTree, arguments: &[&str]) -> Run {
    let dry = tree.pki(&[arguments, &["--dry-run"]].concat());
    let dry = dry.changed_nothing();
    let run = tree.pki(arguments);
    assert_eq!(dry.code, run.code, "{dry}\n{run}");
    run
}

#[test]
fn a_dry_run_looks_at_the_generations_and_at_temporary_names() {
    let foreign = |tree: &TestTree| tree.write(".pki/generations/.new/x", "");
    for command in [
        &["renew", "apiserver"][..],
        &["rollback"],
        &["history", "--purge"],
    ] {
        let (tree, _) = renewed_twice();
        foreign(&tree);
        let run = both(&tree, command);
        assert_ne!(run.code, Some(0), "{run}");
    }
    for name in [
        "pki/.apiserver.crt.pki-new",
        "pki/..pki-journal.commit.pki-new",
    ] {
        let (tree, _) = renewed_twice();
        fs::create_dir(tree.path(name)).unwrap();
        let run = both(&tree, &["renew", "apiserver"]);
        run.says("it is not a file").changed_nothing();
    }
    let (tree, _) = renewed_twice();
    tree.write(".pki/generations/.old-20261122T002128Z-renew/x", "");
    let run = both(&tree, &["history", "--purge"]).exits(1);
    run.says("which is not a file of `pki`");
    let (tree, _) = renewed_twice();
    fs::remove_dir_all(tree.path(".pki/generations")).unwrap();
    symlink("/tmp", tree.path(".pki/generations")).unwrap();
    both(&tree, &["renew", "apiserver"]).changed_nothing();
}

#[test]
fn generations_that_others_can_change_are_not_used_unsaid() {
    let (tree, _) = renewed_twice();
    tree.chmod(".pki/generations", 0o777);
    for command in [
        &["renew", "apiserver"][..],
        &["rollback"],
        &["history", "--purge"],
    ] {
        let run = both(&tree, command).exits(3);
        run.says("everybody can write in it").changed_nothing();
    }
    if !is_root() {
        return;
    }
    tree.chmod(".pki/generations", 0o755);
    chown(tree.path(".pki/generations"), Some(4242), None).unwrap();
    tree.pki(&["rollback"]).says("it belongs to user 4242");
}

#[test]
fn a_rollback_does_not_step_over_a_generation_that_cannot_be_read() {
    let (tree, [first, second]) = renewed_twice();
    let manifest = format!(".pki/generations/{second}/manifest.json");
    for damage in [
        |text: String| text[..50].to_owned(),
        |text: String| {
            let number = text.split_once("\"sequence\": ").unwrap().1;
            let number = number.split_once(',').unwrap().0;
            text.replace(
                &format!("\"sequence\": {number}"),
                &format!("\"sequence\": {}", u64::MAX),
            )
        },
    ] {
        let good = tree.text(&manifest);
        tree.edit(&manifest, damage);
        let refused = tree.pki(&["rollback"]).exits(3).changed_nothing();
        refused.says(&format!("generation `{second}`"));
        // Whoever names a generation has seen which ones there are.
        tree.pki(&["rollback", &first, "--dry-run"]).exits(0);
        tree.write(&manifest, good);
    }
    tree.pki(&["rollback"]).exits(0);
}

/// As where the clock was set back before the second run.
#[test]
fn a_generation_that_cannot_be_read_may_be_the_last_one_whatever_its_name() {
    let (tree, [_, second]) = renewed_twice();
    let kept = |name: &str| tree.path(&format!(".pki/generations/{name}"));
    let older = "20250101T000000Z-renew";
    fs::rename(kept(&second), kept(older)).unwrap();
    tree.write(&format!(".pki/generations/{older}/manifest.json"), "{");
    let run = both(&tree, &["rollback"]).exits(3);
    run.says(&format!("generation `{older}` cannot be read"))
        .changed_nothing();
}

#[test]
fn one_that_is_known_to_be_older_is_in_nobodys_way() {
    let (tree, [first, _]) = renewed_twice();
    tree.write(&format!(".pki/generations/{first}/manifest.json"), "{");
    tree.pki(&["rollback"])
        .exits(0)
        .changed_rows(&["apiserver"]);
}

#[test]
fn a_repaired_generation_has_its_place() {
    let (tree, [_, second]) = renewed_twice();
    let manifest = format!(".pki/generations/{second}/manifest.json");
    let whole = tree.text(&manifest);
    tree.write(&manifest, "{");
    tree.pki(&["renew", "admin.conf"]).exits(0);
    tree.write(&manifest, whole);
    tree.pki(&["rollback"])
        .exits(0)
        .changed_rows(&["admin.conf"]);
}

#[test]
fn a_purge_names_what_an_interrupted_one_left() {
    let (tree, [first, second]) = renewed_twice();
    let kept = |name: &str| tree.path(&format!(".pki/generations/{name}"));
    fs::rename(kept(&first), kept(&format!(".old-{first}"))).unwrap();
    let run = both(&tree, &["history", "--purge"]).exits(0);
    run.prints(&first).prints(&second);
}

#[test]
fn a_damaged_line_of_the_ledger_hides_no_other() {
    let tree = TestTree::new();
    let ledger = ".pki/ledger.jsonl";
    let whole = tree.pki(&["ledger"]).exits(0).stdout.lines().count();
    tree.edit(ledger, |text| text[..text.len() - 40].to_owned());
    tree.pki(&["renew", "apiserver"]).exits(0);
    let run = tree.pki(&["ledger"]).exits(0);
    // One line is damaged, and one is new.
    assert_eq!(run.stdout.lines().count(), whole, "{run}");
    run.says("warning: reading");
}

#[test]
fn a_ledger_that_nobody_reads_any_more_is_not_read_to_its_end() {
    let tree = TestTree::new();
    let ledger = ".pki/ledger.jsonl";
    tree.edit(ledger, |text| text.repeat(1000) + "damaged\n");
    let complaint = "warning: reading";
    tree.pki(&["ledger"]).exits(0).says(complaint);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = tree.command(&["ledger"]);
    command.stdout(Stdio::from(writer)).stderr(Stdio::piped());
    let ended = command.spawn().unwrap().wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(!said.contains(complaint), "{said}");
}

#[test]
fn a_ledger_that_is_too_long_is_refused_before_anything_is_written() {
    let tree = TestTree::new();
    tree.write_zeroes(".pki/ledger.jsonl", 5 << 60);
    let run = tree.pki(&["renew", "apiserver"]).exits(3);
    run.says("it is too long").restored_everything();
}

#[test]
fn a_link_overwrites_neither_state_nor_manifests() {
    let (tree, [first, _]) = renewed_twice();
    tree.write("manifests/kube-apiserver.yaml", "apiVersion: v1\n");
    for target in [
        "../.pki/ledger.jsonl",
        "../.pki/cluster.yaml",
        &format!("../.pki/generations/{first}/manifest.json"),
        "../manifests/kube-apiserver.yaml",
    ] {
        tree.remove("pki/apiserver.crt");
        symlink(target, tree.path("pki/apiserver.crt")).unwrap();
        let run = tree.pki(&["renew", "apiserver"]).exits(3).changed_nothing();
        run.says("where other files are kept");
        tree.pki(&["renew", "all"]).exits(5);
        assert!(!tree.text("manifests/kube-apiserver.yaml").contains("BEGIN"));
    }
}

/// The directories may lie in each other.
#[test]
fn nor_does_it_where_the_kubeconfigs_are_beside_the_certificates() {
    let tree = TestTree::empty();
    let directory = tree.path("all").to_str().unwrap().to_owned();
    let places = ["--cert-dir", &directory, "--kubeconfig-dir", &directory];
    let run = |arguments: &[&str]| tree.pki(&[arguments, &places].concat());
    run(&["init", "--node-name", "cp-1"]).exits(0);
    tree.remove("all/apiserver.crt");
    symlink(".pki/ledger.jsonl", tree.path("all/apiserver.crt")).unwrap();
    run(&["renew", "apiserver"])
        .exits(3)
        .says("where other files are kept")
        .changed_nothing();
}

#[test]
fn nothing_is_written_through_the_link_of_another_user() {
    if !is_root() {
        return;
    }
    let tree = TestTree::new();
    fs::create_dir(tree.path("mine")).unwrap();
    fs::rename(
        tree.path("pki/apiserver.crt"),
        tree.path("mine/apiserver.crt"),
    )
    .unwrap();
    let link = tree.path("pki/apiserver.crt");
    symlink("../mine/apiserver.crt", &link).unwrap();
    tree.pki(&["renew", "apiserver", "--dry-run"]).exits(0);
    std::os::unix::fs::lchown(&link, Some(4242), None).unwrap();
    let refused = both(&tree, &["renew", "apiserver"]).exits(3);
    refused.says("user 4242 owns this link").changed_nothing();
    tree.pki(&["check-expiration"]).exits(0);
}
