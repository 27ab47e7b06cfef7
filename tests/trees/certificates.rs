//! `check-expiration` and `verify` on certificate files that belong to no tree.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Authority, NOW_ARGUMENT, Run, TestTree, pki, run};

fn checked(arguments: &[&str], path: &Path) -> Run {
    let mut command = pki();
    command.args(arguments);
    if !arguments.contains(&"--now") {
        command.args(["--now", NOW_ARGUMENT]);
    }
    run(command.arg(path))
}

fn entries(run: &Run) -> Vec<Value> {
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the tree and the date of each entry; each has one certificate, which `pki` does not renew.
fn dates(run: &Run) -> Vec<(String, String)> {
    let date = |entry: &Value| {
        let [certificate] = entry["certificates"].as_array().unwrap().as_slice() else {
            panic!("{entry}");
        };
        assert_eq!(certificate["name"], "certificate", "{entry}");
        assert_eq!(certificate["externallyManaged"], true, "{entry}");
        assert_eq!(certificate["caName"], Value::Null, "{entry}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&entry["tree"]), text(&certificate["expirationDate"]))
    };
    entries(run).iter().map(date).collect()
}

const EXPIRATION: [&str; 3] = ["check-expiration", "-o", "jsonl"];

/// Returns the dates that `check-expiration` has for the tree.
fn date_in_tree(tree: &TestTree, list: &str, name: &str) -> String {
    let run = tree.pki(&["check-expiration", "-o", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let rows = report[list].as_array().unwrap();
    let row = rows.iter().find(|row| row["name"] == name).unwrap();
    row["expirationDate"].as_str().unwrap().to_owned()
}

#[test]
fn a_certificate_has_its_date_in_pem_and_in_der() {
    let tree = TestTree::new();
    let file = tree.path("pki/apiserver.crt");
    let date = date_in_tree(&tree, "certificates", "apiserver");
    let der = pem::parse(tree.text("pki/apiserver.crt")).unwrap();
    let der = PathBuf::from(tree.beside("apiserver.der", der.contents()));
    for file in [file, der] {
        for arguments in [
            &EXPIRATION[..],
            &[&EXPIRATION[..], &["--dates-only"]].concat(),
        ] {
            let run = checked(arguments, &file).exits(0);
            let name = file.to_str().unwrap().to_owned();
            assert_eq!(dates(&run), [(name, date.clone())]);
        }
        let verified = entries(&checked(&["verify", "-o", "jsonl"], &file).exits(0));
        assert_eq!(verified[0]["findings"], Value::Array(Vec::new()));
    }
}

#[test]
fn a_bundle_is_listed_certificate_by_certificate() {
    let tree = TestTree::new();
    let ca = tree.text("pki/ca.crt");
    let bundle = tree.beside("bundle.pem", tree.text("pki/apiserver.crt") + &ca);
    let run = checked(&EXPIRATION, Path::new(&bundle)).exits(0);
    assert_eq!(
        dates(&run),
        [
            (
                format!("{bundle}, certificate 1"),
                date_in_tree(&tree, "certificates", "apiserver")
            ),
            (
                format!("{bundle}, certificate 2"),
                date_in_tree(&tree, "certificateAuthorities", "ca")
            ),
        ]
    );
}

#[test]
fn an_expired_certificate_is_reported_without_a_command() {
    let tree = TestTree::new();
    let file = tree.path("pki/apiserver.crt");
    checked(
        &["check-expiration", "--now", "2027-11-10T00:00:00Z"],
        &file,
    )
    .exits(4)
    .says("`certificate`: expires on 2027-11-22; replace the file with a renewed certificate");
    let late = ["--now", "2028-11-10T00:00:00Z"];
    for arguments in [
        &["check-expiration"][..],
        &["check-expiration", "--dates-only"],
    ] {
        checked(&[arguments, &late].concat(), &file)
            .exits(5)
            .says("`certificate`: it expired on 2027-11-22");
    }
    let verified = checked(&[&["verify", "-o", "jsonl"][..], &late].concat(), &file).exits(5);
    assert_eq!(
        entries(&verified)[0]["findings"][0]["id"],
        "certificate.expired"
    );
}

#[test]
fn metrics_of_a_certificate_name_its_file() {
    let tree = TestTree::new();
    let file = tree.path("pki/ca.crt");
    let metrics = checked(&["check-expiration", "-o", "prometheus"], &file).exits(0);
    let path = format!("filepath=\"{}\"", file.display());
    let line = metrics
        .stdout
        .lines()
        .find(|line| line.starts_with("x509_cert_not_after"))
        .unwrap();
    assert!(line.contains(&path), "{line}");
}

/// The same file in two trees is one series.
#[test]
fn a_series_of_metrics_occurs_once() {
    let tree = TestTree::new();
    let file = tree.path("pki/ca.crt");
    let mut command = pki();
    command.args([
        "check-expiration",
        "-o",
        "prometheus",
        "--now",
        NOW_ARGUMENT,
    ]);
    let metrics = run(command.args([&file, &file])).exits(0);
    let mut series: Vec<_> = metrics
        .stdout
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let count = series.len();
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), count, "{metrics}");
    let families = metrics
        .stdout
        .matches("# TYPE x509_cert_not_after ")
        .count();
    assert_eq!(families, 1, "{metrics}");
}

#[test]
fn what_is_no_certificate_is_an_entry_with_an_error() {
    let tree = TestTree::new();
    let key = pem::parse(Authority::new("ca", None).key.serialize_pem()).unwrap();
    for (contents, error) in [
        (key.contents().to_vec(), "nor a certificate"),
        (
            tree.text("pki/ca.crt")
                .replacen("MII", "MI!", 1)
                .into_bytes(),
            "a block is not base64",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n".to_vec(),
            "certificate 1 is malformed",
        ),
    ] {
        let file = tree.beside("file", contents);
        let run = checked(&EXPIRATION, Path::new(&file)).exits(1);
        let found = entries(&run)[0]["error"].as_str().unwrap().to_owned();
        assert!(found.contains(error), "{found}");
    }
}
