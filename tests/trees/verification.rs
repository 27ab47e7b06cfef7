//! `verify`: everything that is wrong with a tree, or with many.

use std::process::Command;

use serde_json::Value;

use crate::support::{NOW_ARGUMENT, Run, TestTree, copy, days, made_at, pki, run};

/// Runs `verify` on directories instead of the tree of this host.
fn verify(trees: &[&TestTree], arguments: &[&str]) -> Run {
    let mut command = verification(arguments);
    command.args(trees.iter().map(|tree| tree.path("")));
    run(&mut command)
}

fn verification(arguments: &[&str]) -> Command {
    let mut command = pki();
    command
        .args(["verify", "--now", NOW_ARGUMENT])
        .args(arguments);
    command
}

fn ids(tree: &Value) -> Vec<&str> {
    let findings = tree["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["id"].as_str().unwrap())
        .collect()
}

#[test]
fn a_tree_without_findings_is_one_line() {
    let tree = TestTree::new();
    let run = tree.pki(&["verify"]).exits(0).changed_nothing();
    let line = format!("{}/etc/kubernetes: no findings\n", tree.root().display());
    assert_eq!(run.stdout, line);
    assert_eq!(run.stderr, "");
}

#[test]
fn trees_of_kubeadm_have_no_errors_and_no_warnings() {
    for fixture in [
        "kubeadm-1.20/stacked",
        "kubeadm-1.36/ha",
        "kubeadm-1.36/external-ca",
    ] {
        let tree = TestTree::fixture(fixture);
        let version = fixture.split('/').next().unwrap();
        let run = tree
            .pki_at(made_at(version), &["verify", "--severity", "warning"])
            .exits(0)
            .changed_nothing();
        assert_eq!(run.stdout.lines().count(), 1, "{run}");
        assert!(
            !run.stdout.contains("error") && !run.stdout.contains(" warnings,"),
            "{run}"
        );
    }
}

#[test]
fn a_finding_has_its_id_and_the_command_that_removes_it() {
    let tree = TestTree::new();
    tree.copy("pki/front-proxy-client.key", "pki/apiserver.key");
    // A check reads no private key.
    tree.pki(&["check-expiration"]).exits(0);
    let run = tree.pki(&["verify"]).exits(5).changed_nothing();
    let command = format!("pki renew apiserver --rootfs {}", tree.root().display());
    let wanted = format!(
        "  error: `apiserver`: its key does not belong to it (the public keys differ) [certificate.key-mismatch]\n    run `{command}`\n"
    );
    assert!(run.stdout.ends_with(&wanted), "{run}");
    let words: Vec<_> = command.split(' ').skip(1).collect();
    crate::support::run(pki().args(words).args(["--now", NOW_ARGUMENT])).exits(0);
    tree.pki(&["verify"]).exits(0);
}

#[test]
fn findings_that_are_ignored_or_below_the_severity_do_not_count() {
    let tree = TestTree::new();
    tree.remove("pki/apiserver.key");
    tree.chmod("pki/sa.key", 0o644);
    tree.pki(&["verify"])
        .exits(5)
        .prints("[certificate.key-missing]");
    tree.pki(&[
        "verify",
        "--ignore",
        "certificate.key-missing,file.overly-permissive",
    ])
    .exits(0)
    .prints(": no findings\n");
    tree.pki(&["verify", "--severity", "error"])
        .exits(5)
        .prints(": 1 error, 1 finding below --severity error\n");
    tree.pki(&["verify", "--ignore", "certificate.lost"])
        .exits(2)
        .says("there is no finding with this id; see `pki verify --list`");
}

#[test]
fn a_certificate_that_expires_within_the_warning_time_ends_with_4() {
    let tree = TestTree::fixture("kubeadm-1.36/stacked");
    let made = made_at("kubeadm-1.36");
    tree.pki_at(made + days(340), &["verify", "--warn", "20d"])
        .exits(0);
    tree.pki_at(made + days(340), &["verify", "--severity", "error"])
        .exits(4)
        .prints(" findings below --severity error\n");
    tree.pki_at(made + days(340), &["verify"])
        .exits(4)
        .prints("[certificate.expires-soon]")
        .prints("pki renew");
    tree.pki_at(made + days(400), &["verify"])
        .exits(5)
        .prints("[certificate.expired]");
}

#[test]
fn what_interrupted_runs_left_is_reported() {
    let tree = TestTree::new();
    tree.write("pki/.apiserver.crt.pki-new", "");
    tree.pki(&["verify"])
        .exits(0)
        .prints("an interrupted run left a temporary file beside it [commit.leftover]")
        .changed_nothing();
    tree.remove("pki/.apiserver.crt.pki-new");
    tree.write("pki/.pki-journal.commit", "{");
    tree.pki(&["verify"])
        .exits(4)
        .prints("[commit.unreadable]")
        .changed_nothing();
}

#[test]
fn a_recorded_configuration_that_cannot_be_used_is_a_finding() {
    let tree = TestTree::new();
    tree.pki(&["init"]).exits(0);
    tree.write(".pki/cluster.yaml", "garbage: [");
    tree.pki(&["verify"])
        .exits(0)
        .prints("  warning: ")
        .prints(".pki/cluster.yaml:")
        .prints("[config.unreadable]")
        .changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(0)
        .says(".pki/cluster.yaml:");
    tree.pki(&["check-expiration", "--quiet"])
        .exits(0)
        .says_nothing();
}

#[test]
fn many_trees_are_reported_in_their_order_and_a_broken_one_is_one_entry() {
    let (whole, damaged, empty) = (TestTree::new(), TestTree::new(), TestTree::empty());
    damaged.remove("pki/sa.pub");
    let missing = empty.root().join("nothing\u{1b}[31m");
    let mut command = verification(&["-o", "jsonl"]);
    let trees = [whole.root(), damaged.root(), empty.root(), &missing];
    let run = run(command.args(trees)).exits(5);
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let names: Vec<_> = lines
        .iter()
        .map(|line| line["tree"].as_str().unwrap())
        .collect();
    assert_eq!(names, trees.map(|tree| tree.to_str().unwrap()));
    assert_eq!(ids(&lines[0]), [""; 0]);
    assert_eq!(ids(&lines[1]), ["service-account.public-missing"]);
    for line in &lines[2..] {
        assert!(line["error"].is_string() && ids(line).is_empty(), "{line}");
    }

    let text = crate::support::run(verification(&[]).args(trees))
        .exits(5)
        .stdout;
    assert_eq!(text.matches(": not verified: ").count(), 2, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let document = crate::support::run(verification(&["-o", "json"]).args(trees)).exits(5);
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document["trees"], Value::from(lines));
}

#[test]
fn a_tree_that_cannot_be_verified_is_a_failure_of_the_run() {
    let whole = TestTree::new();
    let empty = TestTree::empty();
    run(verification(&[]).args([whole.root(), empty.root()])).exits(1);
}

#[test]
fn a_hundred_trees_are_reported_as_each_by_itself() {
    let (one, other) = (TestTree::new(), TestTree::new());
    other.remove("pki/sa.pub");
    let trees: Vec<_> = (0..100)
        .map(|index| if index % 3 == 0 { &other } else { &one })
        .collect();
    let all = verify(&trees, &[]).exits(5).stdout;
    let each: String = trees
        .iter()
        .map(|tree| verify(&[tree], &[]).stdout)
        .collect();
    assert_eq!(all, each);
}

#[test]
fn a_copy_of_etc_kubernetes_is_not_compared_with_the_kubelet_of_this_machine() {
    let tree = TestTree::new();
    let scratch = TestTree::empty();
    let copied = scratch.root().join("backup");
    copy(&tree.path(""), &copied);
    let conf = copied.join("kubelet.conf");
    let text = std::fs::read_to_string(&conf).unwrap();
    let file = "/var/lib/kubelet/pki/kubelet-client-current.pem";
    let text: String = text
        .lines()
        .map(|line| match line.split_once("-data: ") {
            Some((field, _)) if field.trim_start().starts_with("client-") => {
                format!("{field}: {file}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    std::fs::write(&conf, text).unwrap();
    run(verification(&[]).arg(&copied))
        .exits(0)
        .prints(": no findings\n");
}

#[test]
fn advice_about_a_named_tree_can_be_carried_out() {
    let tree = TestTree::new();
    tree.remove(".pki/cluster.yaml");
    let conf = tree.text("admin.conf");
    let server = conf.lines().find(|line| line.contains("server: ")).unwrap();
    let changed = conf.replace(server, "    server: https://elsewhere.example:6443");
    tree.write("admin.conf", &changed);
    let name = tree.path("");
    let root = tree.root().display();
    let run = verify(&[&tree], &[]).exits(5);
    let name = name.display();
    let wanted = format!("use `--rootfs {root}` instead of `{name}`, and give `--config` with");
    assert!(run.stdout.contains(&wanted), "{run}");
}

#[test]
fn every_kind_of_finding_is_listed() {
    let run = run(pki().args(["verify", "--list", "-o", "json"])).exits(0);
    let kinds: Value = serde_json::from_str(&run.stdout).unwrap();
    let listed: Vec<_> = kinds
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["id"].as_str().unwrap())
        .collect();
    let table: Vec<_> = pki::check::finding::TABLE
        .iter()
        .map(|kind| kind.name)
        .collect();
    assert_eq!(listed, table);
}

#[test]
fn a_directory_that_a_writing_command_would_refuse_is_a_finding() {
    let tree = TestTree::new();
    tree.chmod("pki", 0o775);
    std::os::unix::fs::chown(tree.path("pki"), None, Some(1234)).unwrap();
    tree.pki(&["verify"]).exits(0).prints("[directory.shared]");
    tree.chmod("pki", 0o777);
    tree.pki(&["verify"]).exits(0).prints("[directory.unsafe]");
    tree.pki(&["renew", "apiserver"]).exits(3).changed_nothing();
}
