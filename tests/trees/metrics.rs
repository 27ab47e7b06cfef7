//! `check-expiration -o prometheus`, read by Prometheus' own Python parser.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::mutations::script;
use crate::support::{NOW, Openssl, TestTree, days, peer, pki, run};

type Sample = (String, BTreeMap<String, String>, f64);

/// Returns the samples of a text; none where there is no parser.
fn samples(text: &str) -> Option<Vec<Sample>> {
    let samples = script("metrics.py", &json!(text))?;
    Some(serde_json::from_value(samples).unwrap())
}

fn of<'a>(samples: &'a [Sample], name: &str, labels: &[(&str, &str)]) -> Vec<&'a Sample> {
    let has = |sample: &&Sample| {
        let mut labels = labels.iter();
        sample.0 == name && labels.all(|(label, value)| sample.1[*label] == *value)
    };
    samples.iter().filter(has).collect()
}

#[test]
fn every_certificate_has_the_dates_and_names_that_openssl_reads() {
    if peer("python").is_none() {
        return;
    }
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let run = tree.pki(&["check-expiration", "-o", "prometheus"]).exits(0);
    let samples = samples(&run.stdout).unwrap();
    let facts = openssl.facts(&tree.path("pki/apiserver.crt"));
    let path = tree.path("pki/apiserver.crt");
    let labels = [("filepath", path.to_str().unwrap())];
    let [(_, labels, not_after)] = of(&samples, "x509_cert_not_after", &labels)[..] else {
        panic!("{}", run.stdout);
    };
    assert_eq!(*not_after, facts.not_after.unix_timestamp() as f64);
    assert_eq!(labels["subject_CN"], "kube-apiserver");
    assert_eq!(labels["issuer_CN"], "kubernetes");
    let text = openssl.run(&["x509", "-noout", "-text", "-in", path.to_str().unwrap()]);
    let hexadecimal = text.stdout.split("Serial Number:").nth(1).unwrap();
    let hexadecimal = hexadecimal.trim().lines().next().unwrap().replace(':', "");
    let octets = u128::from_str_radix(&hexadecimal[hexadecimal.len() - 20..], 16).unwrap();
    // The last decimal digits of both agree: 2^80 is a multiple of 2^20.
    let decimal: String = labels["serial_number"].chars().rev().take(20).collect();
    let decimal: u128 = decimal.chars().rev().collect::<String>().parse().unwrap();
    assert_eq!(decimal % (1 << 20), octets % (1 << 20));

    // In each kubeconfig, the CA and the user.
    for kind in ["cluster", "user"] {
        let embedded = of(&samples, "x509_cert_not_before", &[("embedded_kind", kind)]);
        assert_eq!(embedded.len(), 5, "{kind}");
    }
    for (name, count, value) in [
        ("x509_cert_expired", 20, 0.0),
        ("pki_certificate_missing", 15, 0.0),
        ("pki_certificate_externally_managed", 15, 0.0),
        ("pki_tree_error", 1, 0.0),
        (
            "pki_last_run_timestamp_seconds",
            1,
            NOW.unix_timestamp() as f64,
        ),
        (
            "pki_last_issue_timestamp_seconds",
            1,
            NOW.unix_timestamp() as f64,
        ),
    ] {
        let found = of(&samples, name, &[]);
        assert_eq!(found.len(), count, "{name}");
        assert!(
            found.iter().all(|(.., found)| *found == value),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn what_is_expired_missing_or_broken_is_a_sample() {
    if peer("python").is_none() {
        return;
    }
    let tree = TestTree::new();
    tree.remove("pki/apiserver.crt");
    tree.write("pki/etcd/peer.crt", "nothing");
    tree.remove("pki/front-proxy-ca.key");
    let later = NOW + days(400);
    let run = tree
        .pki_at(later, &["check-expiration", "-o", "prometheus"])
        .exits(5);
    let samples = samples(&run.stdout).unwrap();
    let value = |name: &str, labels: &[(&str, &str)]| {
        let found = of(&samples, name, labels);
        assert_eq!(found.len(), 1, "{name}: {}", run.stdout);
        found[0].2
    };
    assert_eq!(
        value("pki_certificate_missing", &[("name", "apiserver")]),
        1.0
    );
    assert_eq!(value("x509_cert_error", &[("filename", "peer.crt")]), 1.0);
    let external = [("name", "front-proxy-client")];
    assert_eq!(value("pki_certificate_externally_managed", &external), 1.0);
    assert_eq!(
        value("x509_cert_expired", &[("filename", "server.crt")]),
        1.0
    );
    let expired = [("id", "certificate.expired"), ("severity", "error")];
    assert_eq!(value("pki_findings", &expired), 10.0);
}

#[test]
fn an_output_file_is_replaced_as_a_whole_and_everybody_can_read_it() {
    let tree = TestTree::new();
    let folder = TestTree::empty();
    let file = folder.root().join("pki.prom");
    std::fs::write(&file, "old").unwrap();
    let arguments = ["check-expiration", "-o", "prometheus", "--output-file"];
    let run = |path: &std::path::Path| {
        let mut command = tree.command(&[&arguments[..], &[path.to_str().unwrap()]].concat());
        tree.watch(&mut command)
    };
    run(&file).exits(0).prints_nothing();
    let printed = tree.pki(&arguments[..3]).exits(0).stdout;
    assert_eq!(std::fs::read_to_string(&file).unwrap(), printed);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o7777, 0o644);
    assert_eq!(std::fs::read_dir(folder.root()).unwrap().count(), 1);

    let link = folder.root().join("link.prom");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    std::fs::write(&file, "old").unwrap();
    run(&link).exits(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), printed);
    assert!(link.is_symlink());

    let nowhere = folder.root().join("nowhere/pki.prom");
    run(&nowhere).exits(1).says("no such file or directory");
    run(folder.root()).exits(1).says("it is not a regular file");
    run(std::path::Path::new("/dev/null"))
        .exits(1)
        .says("it is not a regular file");
    run(&tree.path("pki/ca.key"))
        .exits(3)
        .says("belongs to a tree that is checked");
    run(std::path::Path::new("-"))
        .exits(0)
        .prints("pki_last_run_timestamp_seconds");
}

/// A container may have a read-only root and no volume for temporary files.
#[test]
fn a_long_report_needs_no_directory_for_temporary_files() {
    let tree = TestTree::new();
    let forest = TestTree::empty();
    for number in 0..20 {
        let name = format!("tree-{number:02}");
        crate::support::copy(tree.root(), &forest.root().join(name));
    }
    let report = TestTree::empty().root().with_extension("json");
    let mut command = crate::support::pki();
    command
        .args(["check-expiration", "--now", crate::support::NOW_ARGUMENT])
        .args(["-o", "json", "--recursive"])
        .arg(forest.root())
        .arg("--output-file")
        .arg(&report)
        .env("TMPDIR", "/nowhere");
    crate::support::run(&mut command).exits(0);
    let text = std::fs::read_to_string(&report).unwrap();
    std::fs::remove_file(&report).unwrap();
    assert!(text.len() > 64 * 1024, "{}", text.len());
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value.is_array() || value.is_object());
}

#[test]
fn an_output_file_is_no_file_that_is_read() {
    let tree = TestTree::new();
    let kubelets = tree.root().join("var/lib/kubelet/pki/kubelet.crt");
    std::fs::create_dir_all(kubelets.parent().unwrap()).unwrap();
    std::fs::write(&kubelets, "a certificate").unwrap();
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n",
    );
    let kubelets = kubelets.to_str().unwrap();
    tree.pki(&["check-expiration", "--output-file", kubelets])
        .exits(3)
        .changed_nothing();
    let options = ["--output-file", &config, "--config", &config];
    tree.pki(&[&["check-expiration"][..], &options].concat())
        .exits(3)
        .says("is the file of `--config`");
    assert!(
        std::fs::read_to_string(&config)
            .unwrap()
            .contains("kubeadm")
    );
}

/// Whatever fails, exit code 3 means that nothing was touched.
#[test]
fn a_failed_check_replaces_no_key() {
    let tree = TestTree::new();
    let key = tree.path("pki/ca.key").to_str().unwrap().to_owned();
    let config = tree.beside("bad.yaml", "kind: ClusterConfiguration\n");
    let empty = TestTree::empty().root().to_str().unwrap().to_owned();
    let root = tree.path("").to_str().unwrap().to_owned();
    std::fs::rename(tree.path("pki/etcd"), tree.path("pki/moved")).unwrap();
    let metrics = ["check-expiration", "-o", "prometheus", "--output-file"];
    for further in [&["--only", "due"][..], &["--config", &config]] {
        tree.pki(&[&metrics[..], &[&key], further].concat())
            .exits(3)
            .changed_nothing();
    }
    for further in [
        &["--recursive", &empty][..],
        &[&root],
        &["--trees-from", &key],
    ] {
        let mut command = crate::support::pki();
        command.args(metrics).arg(&key).args(further);
        tree.watch(&mut command).changed_nothing();
    }
}

/// Another user could lead a run of root to any file.
#[test]
fn an_output_file_is_not_written_through_the_link_of_another_user() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let tree = TestTree::new();
    let folder = TestTree::empty();
    let (file, link) = (folder.root().join("shadow"), folder.root().join("pki.prom"));
    std::fs::write(&file, "secret").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(4242), None).unwrap();
    tree.pki(&["check-expiration", "--output-file", link.to_str().unwrap()])
        .exits(1)
        .says("user 4242 owns this link");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "secret");
}

#[test]
fn a_failed_check_of_this_host_is_a_sample() {
    let tree = TestTree::new();
    std::fs::remove_dir_all(tree.path("")).unwrap();
    std::fs::write(tree.root().join("etc/kubernetes"), "").unwrap();
    let folder = TestTree::empty();
    let file = folder.root().join("pki.prom");
    let path = file.to_str().unwrap();
    tree.pki(&[
        "check-expiration",
        "-o",
        "prometheus",
        "--output-file",
        path,
    ])
    .exits(3);
    let text = std::fs::read_to_string(&file).unwrap();
    let tree = tree.root().join("etc/kubernetes");
    let sample = format!("pki_tree_error{{tree=\"{}\"}} 1\n", tree.display());
    assert!(text.contains(&sample), "{text}");
}

#[test]
fn no_series_occurs_twice() {
    if peer("python").is_none() {
        return;
    }
    let tree = TestTree::new();
    // The same name and serial number with other dates, as CAs of an old kubeadm have.
    let other = tree.forged(&tree.text("pki/ca.crt"), "ca", |tbs| {
        tbs.set_time(
            crate::support::End::NotAfter,
            x509_cert::der::Tag::UtcTime,
            "280101000000Z",
        );
    });
    tree.edit("pki/ca.crt", |text| text + &other);
    let mut command = pki();
    command.args([
        "check-expiration",
        "--now",
        crate::support::NOW_ARGUMENT,
        "-o",
        "prometheus",
    ]);
    let run = run(command.args([tree.root(), tree.root(), &tree.path("")]));
    let samples = samples(&run.stdout).unwrap();
    let mut series: Vec<_> = samples
        .iter()
        .map(|(name, labels, _)| (name, labels))
        .collect();
    let count = series.len();
    series.sort();
    series.dedup();
    assert_eq!(series.len(), count);
    // The one that expires first counts.
    let path = tree.path("pki/ca.crt");
    let found = of(
        &samples,
        "x509_cert_not_after",
        &[("filepath", path.to_str().unwrap())],
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].2, 1_830_297_600.0);
}

#[test]
fn names_that_a_format_gives_a_meaning_to_are_escaped() {
    if peer("python").is_none() {
        return;
    }
    let source = TestTree::new();
    let folder = TestTree::empty();
    let name = "a\"b\\c\nd{e}\u{1b}[31m";
    let path = folder.root().join(name);
    crate::support::copy(&source.path(""), &path);
    let check = |format: &str| {
        let mut command = pki();
        command.args([
            "check-expiration",
            "--now",
            crate::support::NOW_ARGUMENT,
            "-o",
            format,
        ]);
        // Directories with control characters in their names are refused by every command.
        run(command.arg(&path)).exits(1).stdout
    };
    let samples = samples(&check("prometheus")).unwrap();
    let tree = path.to_str().unwrap();
    let shown = tree.replace('\u{1b}', "\\u{1b}");
    assert_eq!(of(&samples, "pki_tree_error", &[("tree", &shown)]).len(), 1);
    let line: Value = serde_json::from_str(check("jsonl").trim_end()).unwrap();
    assert_eq!(line["tree"], tree);
    assert!(!check("text").contains('\u{1b}'));
}
