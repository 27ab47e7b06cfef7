//! `check-expiration` and `verify` on kubeconfigs that belong to no tree.

use std::path::Path;

use serde_json::Value;

use crate::support::{Authority, NOW_ARGUMENT, Run, TestTree, pki, run};

fn checked(arguments: &[&str], paths: &[&Path]) -> Run {
    let mut command = pki();
    command.args(arguments);
    if !arguments.contains(&"--now") {
        command.args(["--now", NOW_ARGUMENT]);
    }
    run(command.args(paths))
}

fn entries(run: &Run) -> Vec<Value> {
    let lines = run.stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the ids of the findings that are not only for information.
fn ids(entry: &Value) -> Vec<&str> {
    let findings = entry["findings"].as_array().unwrap().iter();
    findings
        .filter(|finding| finding["severity"] != "info")
        .map(|finding| finding["id"].as_str().unwrap())
        .collect()
}

const EXPIRATION: [&str; 3] = ["check-expiration", "-o", "jsonl"];
const VERIFICATION: [&str; 3] = ["verify", "-o", "jsonl"];

#[test]
fn a_kubeconfig_has_the_dates_of_its_certificate_and_of_its_ca() {
    let tree = TestTree::new();
    let whole = entries(&checked(&EXPIRATION, &[tree.root()]).exits(0));
    let date = |report: &Value, list: &str, name: &str| {
        let rows = report[list].as_array().unwrap();
        rows.iter()
            .find(|row| row["name"] == name)
            .map(|row| {
                (
                    row["expirationDate"].clone(),
                    row["externallyManaged"].clone(),
                )
            })
            .unwrap()
    };
    let file = tree.path("admin.conf");
    let found = entries(&checked(&EXPIRATION, &[&file]).exits(0).says_nothing());
    let [found] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(found["tree"], file.to_str().unwrap());
    assert_eq!(
        date(found, "certificates", "kubeconfig"),
        date(&whole[0], "certificates", "admin.conf")
    );
    assert_eq!(
        date(found, "certificateAuthorities", "ca"),
        date(&whole[0], "certificateAuthorities", "ca")
    );
    let verified = entries(&checked(&VERIFICATION, &[&file]).exits(0));
    assert_eq!(verified[0]["findings"], Value::Array(Vec::new()));
}

#[test]
fn an_expired_certificate_is_reported_without_a_command() {
    let tree = TestTree::new();
    let file = tree.path("scheduler.conf");
    let due = ["check-expiration", "--now", "2027-11-10T00:00:00Z"];
    checked(&due, &[&file])
        .exits(4)
        .says("`kubeconfig`: expires on 2027-11-22; replace the file with a renewed kubeconfig");
    let expired = ["check-expiration", "--now", "2028-11-10T00:00:00Z"];
    checked(&expired, &[&file])
        .exits(5)
        .says("`kubeconfig`: it expired on 2027-11-22; replace the file with a renewed kubeconfig");
}

#[test]
fn what_is_wrong_with_a_kubeconfig_is_found_by_the_same_check() {
    let (tree, other) = (TestTree::new(), TestTree::of_another_cluster());
    let key = other.embedded("admin.conf", "client-key-data");
    let namesake = other.embedded("admin.conf", "certificate-authority-data");
    let ca = Authority::new("server-ca", None).pem;
    tree.embed("admin.conf", "client-key-data", &key);
    tree.embed("kubelet.conf", "certificate-authority-data", &namesake);
    tree.embed("scheduler.conf", "certificate-authority-data", &ca);
    tree.chmod("controller-manager.conf", 0o644);
    tree.replace("super-admin.conf", "https://", "http://");
    for (name, code, expected) in [
        ("admin.conf", 5, "certificate.key-mismatch"),
        ("kubelet.conf", 5, "certificate.damaged"),
        // The API server of another distribution may accept another CA for clients.
        ("scheduler.conf", 0, "certificate.other-issuer"),
        ("controller-manager.conf", 0, "file.overly-permissive"),
        ("super-admin.conf", 5, "kubeconfig.server-invalid"),
    ] {
        let run = checked(&VERIFICATION, &[&tree.path(name)]).exits(code);
        assert_eq!(ids(&entries(&run)[0]), [expected], "{run}");
    }
    let run = checked(&["verify"], &[&tree.path("controller-manager.conf")]).exits(0);
    let path = tree.path("controller-manager.conf");
    let advice = format!("run `chmod 0600 {}`", path.display());
    assert!(run.stdout.contains(&advice), "{run}");
}

#[test]
fn each_context_is_an_entry_and_files_that_it_names_are_read() {
    let tree = TestTree::new();
    let [certificate, key, ca] = tree.unpacked("admin.conf");
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let [relative, key, absolute] = [name(&certificate), name(&key), ca.display().to_string()];
    let config = certificate.with_file_name("config");
    let text = format!(
        "apiVersion: v1
kind: Config
clusters:
- {{name: home, cluster: {{server: 'https://10.0.0.1:6443', certificate-authority: '{absolute}'}}}}
- {{name: cloud, cluster: {{server: 'https://10.0.0.2:6443', certificate-authority: nowhere.crt}}}}
users:
- {{name: admin, user: {{client-certificate: {relative}, client-key: {key}}}}}
- {{name: token, user: {{token: secret}}}}
contexts:
- {{name: a, context: {{cluster: home, user: admin}}}}
- {{name: b, context: {{cluster: home, user: admin, namespace: x}}}}
- {{name: \"c\\e[31m\", context: {{cluster: home, user: token}}}}
- {{name: d, context: {{cluster: cloud, user: admin}}}}
- {{name: e, context: {{cluster: gone, user: admin}}}}
"
    );
    std::fs::write(&config, text).unwrap();
    std::fs::set_permissions(&config, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let found = entries(&checked(&EXPIRATION, &[&config]).exits(5));
    let names: Vec<_> = found
        .iter()
        .map(|entry| entry["tree"].as_str().unwrap().to_owned())
        .collect();
    let path = config.display();
    let expected = ["a", "c\u{1b}[31m", "d", "e"].map(|name| format!("{path}, context `{name}`"));
    assert_eq!(names, expected);
    let counts: Vec<_> = found
        .iter()
        .map(|entry| {
            let count = |list: &str| entry[list].as_array().unwrap().len();
            (count("certificates"), count("certificateAuthorities"))
        })
        .collect();
    assert_eq!(counts, [(1, 1), (0, 1), (1, 0), (1, 0)]);
    assert!(found[0]["certificates"][0]["expirationDate"].is_string());
    let verified = entries(&checked(&VERIFICATION, &[&config]).exits(5));
    let verified: Vec<_> = verified.iter().map(ids).collect();
    assert_eq!(
        verified,
        [
            [].as_slice(),
            &[],
            &["kubeconfig.ca-file-missing"],
            &["file.invalid"]
        ]
    );
    // Terminals get no escape sequence of a file.
    let text = checked(&["check-expiration"], &[&config]).exits(5);
    assert!(!text.stdout.contains('\u{1b}') && !text.stderr.contains('\u{1b}'));
}

#[test]
fn a_file_that_is_no_kubeconfig_or_too_large_is_an_entry_with_an_error() {
    let files = TestTree::empty();
    let write = |name: &str, contents: &str| {
        let path = files.root().join(name);
        std::fs::write(&path, contents).unwrap();
        path
    };
    let large = write("large", "");
    std::fs::File::options()
        .write(true)
        .open(&large)
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    let looped = files.root().join("loop");
    std::os::unix::fs::symlink("loop", &looped).unwrap();
    for (path, error) in [
        (large, "it has 104857600 bytes, the limit is 1048576"),
        (
            write("certificate", "-----BEGIN CERTIFICATE-----\n"),
            "a block has no END line",
        ),
        (write("empty", ""), "is neither a directory"),
        (
            write("list", "contexts: []\nclusters: []\n"),
            "contexts: it is empty",
        ),
        (looped, "too many levels of symbolic links"),
        (files.root().join("vanished"), "does not exist"),
    ] {
        for command in [EXPIRATION, VERIFICATION] {
            let found = entries(&checked(&command, &[&path]).exits(1));
            let found = found[0]["error"].as_str().unwrap();
            assert!(found.contains(error), "{found}");
        }
    }
}

#[test]
fn metrics_of_a_kubeconfig_name_its_file() {
    let tree = TestTree::new();
    let file = tree.path("admin.conf");
    let run = checked(&["check-expiration", "-o", "prometheus"], &[&file]).exits(0);
    let path = format!("filepath=\"{}\"", file.display());
    let series = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("x509_cert_not_after{"));
    let series: Vec<_> = series.collect();
    assert_eq!(series.len(), 2, "{run}");
    assert!(series.iter().all(|line| line.contains(&path)), "{run}");
    run.prints("name=\"kubeconfig\"");
}
