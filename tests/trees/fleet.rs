//! `check-expiration` on many trees.

use std::path::Path;

use serde_json::Value;

use crate::support::{NOW_ARGUMENT, Run, TestTree, copy, pki, run, run_with_input};

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
    for format in ["json", "yaml", "jsonl"] {
        check(&[&whole], &["--quiet", "-o", format])
            .exits(0)
            .prints_nothing();
    }
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

/// Makes a directory with trees at several depths, links and other things between them.
fn forest() -> TestTree {
    let source = TestTree::new();
    let forest = TestTree::empty();
    for name in [
        "a/node1/etc/kubernetes",
        "a/node2/etc/kubernetes",
        "b",
        "c/deep/er",
    ] {
        let path = forest.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        copy(&source.path(""), &path);
    }
    std::fs::create_dir_all(forest.root().join("empty/pki")).unwrap();
    std::os::unix::fs::symlink(forest.root(), forest.root().join("loop")).unwrap();
    std::fs::write(forest.root().join("file"), "").unwrap();
    forest
}

fn checked(arguments: &[&str], input: &str) -> Run {
    let mut command = pki();
    command.args(["check-expiration", "--now", NOW_ARGUMENT]);
    if !arguments.contains(&"-o") {
        command.args(["-o", "jsonl"]);
    }
    run_with_input(command.args(arguments), input)
}

fn trees_of(run: &Run, below: &Path) -> Vec<String> {
    let lines = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| {
            let path = Path::new(line["tree"].as_str().unwrap());
            path.strip_prefix(below)
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect()
}

#[test]
fn trees_are_found_in_the_order_of_their_names_and_links_are_not_followed() {
    let forest = forest();
    let root = forest.root();
    let run = checked(&["--recursive", root.to_str().unwrap()], "").exits(0);
    let found = trees_of(&run, root);
    assert_eq!(
        found,
        [
            "a/node1/etc/kubernetes",
            "a/node2/etc/kubernetes",
            "b",
            "c/deep/er"
        ]
    );

    let empty = root.join("empty");
    checked(&["--recursive", empty.to_str().unwrap()], "")
        .exits(3)
        .says("no tree was found");
}

#[test]
fn a_directory_that_cannot_be_searched_is_an_entry_with_an_error() {
    let forest = forest();
    let root = forest.root();
    let (file, link) = (root.join("file"), root.join("c/link"));
    std::os::unix::fs::symlink(root.join("b"), &link).unwrap();
    let [file, link] = [&file, &link].map(|path| path.to_str().unwrap());
    let error = |run: &Run| {
        let entry: Value = serde_json::from_str(run.stdout.lines().next().unwrap()).unwrap();
        entry["error"].as_str().unwrap().to_owned()
    };
    let directories = ["--recursive", "/nowhere", "--recursive", link];
    let run = checked(&directories, "").exits(1).says_nothing();
    assert_eq!(
        error(&run),
        "searching `/nowhere`: no such file or directory"
    );
    assert_eq!(run.stdout.lines().count(), 2, "{run}");
    let run = checked(&["--recursive", file], "").exits(1).says_nothing();
    assert_eq!(error(&run), format!("`{file}` is a file, want a directory"));
    let run = checked(&[file], "").exits(1).says_nothing();
    assert_eq!(
        error(&run),
        format!("`{file}` is neither a directory, an archive, a kubeconfig nor a certificate")
    );

    let metrics = checked(&["-o", "prometheus", "--recursive", "/nowhere"], "").exits(1);
    assert!(
        metrics
            .stdout
            .contains("pki_tree_error{tree=\"/nowhere\"} 1\n"),
        "{metrics}"
    );
}

/// Only directories are looked into: a directory with very many files costs one look at each name.
#[test]
fn a_tree_is_found_beside_very_many_files() {
    let source = TestTree::new();
    let crowd = TestTree::empty();
    let root = crowd.root().join("crowd");
    std::fs::create_dir(&root).unwrap();
    for number in 0..20_000 {
        std::os::unix::fs::symlink(".", root.join(number.to_string())).unwrap();
    }
    copy(&source.path(""), &root.join("tree"));
    let run = checked(&["--recursive", root.to_str().unwrap()], "").exits(0);
    assert_eq!(trees_of(&run, &root), ["tree"]);
}

#[test]
fn names_of_trees_are_read_from_a_file_or_standard_input() {
    let forest = forest();
    let root = forest.root().to_str().unwrap();
    let list = format!("{root}/b\n\n  {root}/a/node1\n");
    let run = checked(&["--trees-from", "-"], &list).exits(0);
    assert_eq!(trees_of(&run, forest.root()), ["b", "a/node1"]);
    let file = forest.root().join("list");
    std::fs::write(&file, &list).unwrap();
    let run = checked(&["--trees-from", file.to_str().unwrap()], "").exits(0);
    assert_eq!(trees_of(&run, forest.root()), ["b", "a/node1"]);
}

#[test]
fn a_key_that_is_given_as_a_list_of_trees_is_not_printed() {
    let tree = TestTree::new();
    let key = tree.path("pki/ca.key");
    let line = tree.text("pki/ca.key").lines().nth(1).unwrap().to_owned();
    for format in ["text", "jsonl", "prometheus"] {
        let mut command = pki();
        command.args(["check-expiration", "-o", format, "--trees-from"]);
        run(command.arg(&key))
            .exits(3)
            .says("holds a key")
            .does_not_say(&line);
    }
}

#[test]
fn trees_and_entries_are_sorted_by_urgency() {
    let (old, new) = (TestTree::fixture("kubeadm-1.36/ha"), TestTree::new());
    let (broken, empty) = (TestTree::new(), TestTree::empty());
    broken.remove("pki/etcd/server.crt");
    let trees = [&empty, &new, &old, &broken];
    let run = check(
        &trees,
        &["--sort", "urgency", "-o", "jsonl", "--warn", "100d"],
    )
    .exits(5);
    let lines: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: Vec<_> = lines
        .iter()
        .map(|line| line["tree"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, names(&[&broken, &old, &empty, &new]));
    assert_eq!(lines[0]["certificates"][0]["name"], "etcd-server");
}

#[test]
fn only_what_is_in_a_state_is_listed() {
    let (whole, damaged) = (TestTree::new(), TestTree::new());
    damaged.remove("pki/etcd/server.crt");
    damaged.remove("super-admin.conf");
    let names = |only: &str, now: &str| {
        let mut command = pki();
        command.args([
            "check-expiration",
            "-o",
            "jsonl",
            "--only",
            only,
            "--now",
            now,
        ]);
        let run = run(command.args([whole.root(), damaged.root()]));
        let lines = run
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let entries: Vec<_> = lines
            .map(|line| line["certificates"].as_array().unwrap().len())
            .collect();
        entries
    };
    // A file that need not be there is not missing.
    assert_eq!(names("missing", NOW_ARGUMENT), [1]);
    assert_eq!(names("due", NOW_ARGUMENT), [0; 0]);
    assert_eq!(names("due", "2027-11-10T00:00:00Z"), [12, 10]);
    assert_eq!(names("expired", "2028-11-10T00:00:00Z"), [12, 10]);
    // Nothing is printed about one tree either.
    whole
        .pki(&["check-expiration", "--only", "due"])
        .exits(0)
        .prints_nothing();
    check(&[&whole], &["--only", "due", "-o", "prometheus"])
        .exits(3)
        .says("takes no `--only`");
    // What expires within --critical is an error, and is due.
    let run = check(
        &[&whole],
        &["--critical", "9000d", "--only", "due", "-o", "jsonl"],
    )
    .exits(5);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["certificates"].as_array().unwrap().len(), 12);
    assert_eq!(
        report["certificateAuthorities"].as_array().unwrap().len(),
        3
    );
}

#[test]
fn dates_alone_are_checked_without_signatures() {
    let (whole, other, damaged) = (
        TestTree::new(),
        TestTree::of_another_cluster(),
        TestTree::new(),
    );
    // Signed by another CA, with a key of another certificate: neither is looked at.
    damaged.take_pair(&other, "apiserver");
    damaged.copy("pki/ca.key", "pki/apiserver.key");
    damaged.write("pki/front-proxy-client.crt", "x");
    damaged.remove("pki/etcd/server.crt");
    let reports = |arguments: &[&str], code| -> Vec<Value> {
        let run = check(&[&whole, &damaged], &[&["-o", "jsonl"], arguments].concat()).exits(code);
        let lines = run.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let verified = reports(&[], 5);
    let dates = reports(&["--dates-only"], 5);
    assert_eq!(verified[0]["signaturesVerified"], Value::Null);
    assert_eq!(dates[0]["signaturesVerified"], false);
    let errors = |report: &Value| {
        let rows = report["certificates"].as_array().unwrap().iter();
        let marked = rows.filter(|row| row["missing"] == true || row["error"].is_string());
        marked
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        errors(&verified[1]),
        ["apiserver", "etcd-server", "front-proxy-client"]
    );
    assert_eq!(errors(&dates[1]), ["etcd-server", "front-proxy-client"]);
    assert_eq!(dates[0]["certificates"], verified[0]["certificates"]);
    assert_eq!(
        dates[0]["certificateAuthorities"],
        verified[0]["certificateAuthorities"]
    );

    check(&[&whole], &["--dates-only"])
        .exits(0)
        .says_only(&["note: only dates are checked: no signature is verified"]);
    check(&[&whole], &["--dates-only", "--quiet"])
        .exits(0)
        .says_nothing();
    let expired = check(&[&whole], &["--dates-only", "--warn", "9000d"]).exits(4);
    assert!(!expired.stderr.contains("pki renew"), "{expired}");
    for format in ["prometheus", "html"] {
        check(&[&whole], &["--dates-only", "-o", format])
            .exits(3)
            .says("take no `--dates-only`");
    }
}
