//! pkilint, a linter for RFC 5280: verifiers accept much that the standard does not.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use super::{CAS, credentials, helper, trees};
use crate::support::{peer, run_with_input};

/// Names of one label are no domain names for RFC 1034's preferred syntax as pkilint reads it; Kubernetes needs them.
const SINGLE_LABEL: &str = "pkix.invalid_domain_name_syntax";

#[test]
fn pkilint_finds_nothing_but_the_single_label_names() {
    let Some(python) = peer("python") else { return };
    for tree in trees() {
        let cas = CAS.map(|base| (base, tree.pki_file(&format!("{base}.crt"))));
        let leaves = credentials(tree)
            .into_iter()
            .map(|credential| (credential.name, credential.certificate));
        let certificates: Vec<_> = cas.into_iter().chain(leaves).collect();
        assert_eq!(certificates.len(), 15);

        let expected = [
            ("ca", "kubernetes"),
            ("front-proxy-ca", "front-proxy-ca"),
            ("etcd/ca", "etcd-ca"),
            // The wildcard was asked for; RFC 5280 leaves wildcards open.
            ("apiserver", "*.apps.example.net"),
            ("apiserver", "cp-1"),
            ("apiserver", "kubernetes"),
            ("etcd/server", "cp-1"),
            ("etcd/server", "localhost"),
            ("etcd/peer", "cp-1"),
            ("etcd/peer", "localhost"),
        ];
        let expected =
            expected.map(|(name, label)| [name, "ERROR", SINGLE_LABEL, label].map(str::to_owned));
        assert_eq!(lint(&python, &certificates), expected, "{}", tree.name());
    }
}

#[test]
fn pkilint_warns_of_the_missing_key_identifier_in_a_leaf_of_kubeadm() {
    let Some(python) = peer("python") else { return };
    let findings = lint(
        &python,
        &[("kubeadm", helper("kubeadm-1.36-apiserver.crt"))],
    );
    let wanted = [
        "kubeadm",
        "WARNING",
        "pkix.certificate_skid_end_entity_missing",
        "certificate",
    ]
    .map(str::to_owned);
    assert!(findings.contains(&wanted), "{findings:?}");
}

/// Returns name, severity, code and offending value of each finding that is a warning or worse.
fn lint(python: &Path, certificates: &[(&str, PathBuf)]) -> Vec<[String; 4]> {
    let input: Value = certificates
        .iter()
        .map(|(name, path)| ((*name).to_owned(), json!(path)))
        .collect();
    let output = run_with_input(
        Command::new(python).arg(helper("lint.py")),
        &input.to_string(),
    )
    .ok();
    let findings: Value = serde_json::from_str(&output.stdout).unwrap();
    let row =
        |finding: &Value| [0, 1, 2, 3].map(|column| finding[column].as_str().unwrap().to_owned());
    findings.as_array().unwrap().iter().map(row).collect()
}
