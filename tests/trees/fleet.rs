//! `check-expiration` on many trees.

use serde_json::Value;

use crate::support::{NOW_ARGUMENT, Run, TestTree, pki, run};

fn check(trees: &[&TestTree], arguments: &[&str]) -> Run {
    let mut command = pki();
    command
        .args(["check-expiration", "--now", NOW_ARGUMENT])
        .args(arguments)
        .args(trees.iter().map(|tree| tree.root()));
    run(&mut command)
}

fn names(trees: &[&TestTree]) -> Vec<String> {
    let names = trees.iter().map(|tree| tree.root().to_str().unwrap());
    names.map(str::to_owned).collect()
}

#[test]
fn each_tree_has_the_report_that_it_has_alone() {
    let (whole, damaged, empty) = (TestTree::new(), TestTree::new(), TestTree::empty());
    damaged.remove("pki/apiserver.crt");
    let trees = [&whole, &damaged, &empty];
    let run = check(&trees, &["-o", "json"]).exits(5);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let entries = report["trees"].as_array().unwrap();
    let found: Vec<_> = entries
        .iter()
        .map(|entry| entry["tree"].as_str().unwrap())
        .collect();
    assert_eq!(found, names(&trees));
    for (tree, entry) in trees.iter().zip(entries).take(2) {
        let alone = tree.pki(&["check-expiration", "-o", "json"]).stdout;
        let alone: Value = serde_json::from_str(&alone).unwrap();
        assert_eq!(entry["certificates"], alone["certificates"]);
        assert_eq!(
            entry["certificateAuthorities"],
            alone["certificateAuthorities"]
        );
    }
    assert!(
        entries[2]["error"]
            .as_str()
            .unwrap()
            .contains("holds no directory")
    );

    let lines = check(&trees, &["-o", "jsonl"]).exits(5).stdout;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(Value::from(lines), report["trees"]);
    let yaml = check(&trees, &["-o", "yaml"]).exits(5).stdout;
    assert_eq!(yaml.matches("kind: CertificateExpirationInfo").count(), 2);
}

#[test]
fn a_table_stands_below_the_name_of_its_tree_and_a_warning_behind_it() {
    let (whole, damaged) = (TestTree::new(), TestTree::new());
    damaged.remove("pki/apiserver.key");
    let [first, second] = [&whole, &damaged].map(|tree| tree.root().display().to_string());
    let run = check(&[&whole, &damaged], &[]).exits(5);
    assert!(
        run.stdout.starts_with(&format!("{first}:\nCERTIFICATE ")),
        "{run}"
    );
    assert!(
        run.stdout.contains(&format!("\n\n{second}:\nCERTIFICATE ")),
        "{run}"
    );
    let warning = format!(
        "{second}: warning: `apiserver`: its certificate exists, its key is missing; run `pki renew apiserver --rootfs {second}`"
    );
    run.says_only(&[&warning]);
}

#[test]
fn with_quiet_a_healthy_tree_says_nothing() {
    let (whole, damaged) = (TestTree::new(), TestTree::new());
    check(&[&whole, &whole], &["--quiet"])
        .exits(0)
        .prints_nothing()
        .says_nothing();
    damaged.remove("pki/apiserver.crt");
    let run = check(&[&whole, &damaged], &["--quiet", "-o", "jsonl"]).exits(5);
    assert_eq!(run.stdout.lines().count(), 1, "{run}");
}

#[test]
fn trees_and_flags_of_one_tree_exclude_each_other() {
    let tree = TestTree::new();
    for flag in [
        "--rootfs",
        "--cert-dir",
        "--kubeconfig-dir",
        "--kubelet-cert-dir",
        "--config",
    ] {
        check(&[&tree], &[flag, "/"])
            .exits(2)
            .says("cannot be used with");
    }
}
