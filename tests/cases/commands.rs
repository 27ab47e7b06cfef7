//! kubeadm `cmd/certs_test.go`: the command line.

use std::collections::BTreeSet;

use clap::Parser;
use pki::cli::{Cli, Command};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

use crate::{
    support::{Run, pki, run},
    trees::sandbox::{Ended, FLAGS, KUBECONFIGS, LEAVES, NOW, Sandbox},
};

/// Every name that `renew` takes, kubeadm's eleven and the kubelet's.
fn names() -> impl Iterator<Item = &'static str> {
    LEAVES.iter().map(|(name, ..)| *name).chain(KUBECONFIGS)
}

// renew

#[test]
fn renew_takes_every_name_with_directory_and_configuration() {
    for name in names().chain(["all"]) {
        let line = ["pki", "renew", name, "--cert-dir", "/a", "--config", "/b"];
        match Cli::try_parse_from(line).map(|cli| cli.command) {
            Ok(Command::Renew(args)) => {
                assert_eq!(args.names, [name]);
                assert_eq!(args.tree.cert_dir.as_deref(), Some("/a".as_ref()), "{name}");
                assert_eq!(args.config.config.as_deref(), Some("/b".as_ref()), "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn renew_without_a_name_or_with_all_and_a_name_is_wrong_usage() {
    let sandbox = Sandbox::made();
    let before = sandbox.snapshot();
    for arguments in [
        &["renew"][..],
        &["renew", "all", "apiserver"],
        &["renew", "apiserver", "foo"],
    ] {
        sandbox.pki(arguments).ended_with(2);
    }
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}

#[test]
fn renew_replaces_the_files_of_the_name_and_no_other() {
    let sandbox = Sandbox::made();
    for name in names() {
        let before = sandbox.snapshot();
        sandbox.pki(&["renew", name]).ended_with(0);
        let files = match LEAVES.iter().find(|(leaf, ..)| *leaf == name) {
            Some((_, base, _)) => vec![format!("pki/{base}.crt"), format!("pki/{base}.key")],
            None => vec![name.to_owned()],
        };
        let wanted = files
            .iter()
            .map(|file| format!("etc/kubernetes/{file}: other contents"))
            .collect();
        assert_eq!(changes(&sandbox, &before), wanted, "{name}");
    }
}

#[test]
fn renew_all_replaces_every_leaf_and_kubeconfig() {
    let sandbox = Sandbox::made();
    let before = sandbox.snapshot();
    sandbox.pki(&["renew", "all"]).ended_with(0);
    let leaves = LEAVES
        .iter()
        .flat_map(|(_, base, _)| [format!("pki/{base}.crt"), format!("pki/{base}.key")]);
    let wanted: BTreeSet<_> = leaves
        .chain(KUBECONFIGS.map(str::to_owned))
        .map(|file| format!("etc/kubernetes/{file}: other contents"))
        .collect();
    assert_eq!(wanted.len(), 19);
    assert_eq!(changes(&sandbox, &before), wanted);
}

fn changes(sandbox: &Sandbox, before: &crate::trees::sandbox::Snapshot) -> BTreeSet<String> {
    let mut changes = before.file_changes(&sandbox.snapshot());
    changes.retain(|change| !change.starts_with("etc/kubernetes/.pki/"));
    changes.into_iter().collect()
}

#[test]
fn renewing_what_is_not_there_is_no_error_for_all_and_one_by_name() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["super-admin.conf"]);
    sandbox
        .pki(&["renew", "all"])
        .ended_with(0)
        .says("not renewed: super-admin.conf: there is none");
    let before = sandbox.snapshot();
    sandbox
        .pki(&["renew", "super-admin.conf"])
        .ended_with(3)
        .says("cannot renew `super-admin.conf`: there is none");
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}

// Directories and configuration.

/// Runs `pki` at [`NOW`] without `--rootfs`.
fn bare(arguments: &[&str]) -> Run {
    run(pki()
        .args(arguments)
        .arg("--now")
        .arg(NOW.format(&Rfc3339).unwrap()))
}

/// A configuration with a certificates directory and an address of its own.
fn configuration(directory: &str) -> String {
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {{name: cp1}}\n\
         localAPIEndpoint: {{advertiseAddress: 192.0.2.77}}\n---\napiVersion: kubeadm.k8s.io/v1beta4\n\
         kind: ClusterConfiguration\nencryptionAlgorithm: ECDSA-P256\ncertificatesDir: {directory}\n"
    )
}

#[test]
fn by_default_the_tree_lies_in_etc_kubernetes() {
    let sandbox = Sandbox::made();
    assert!(sandbox.exists("pki/ca.crt") && sandbox.exists("admin.conf"));
    let top: Vec<_> = std::fs::read_dir(sandbox.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(top, ["etc"]);
}

#[test]
fn cert_dir_goes_before_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("certificates");
    let arguments = [
        &["init"],
        &FLAGS[..],
        &["--cert-dir", directory.to_str().unwrap()],
    ]
    .concat();
    bare(&arguments).ended_with(0);
    assert!(directory.join("ca.crt").is_file());
    assert!(
        folder.path().join("admin.conf").is_file(),
        "kubeconfigs lie beside it"
    );
}

#[test]
fn kubeconfig_dir_goes_before_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let [certificates, kubeconfigs] = ["a/pki", "b"].map(|name| folder.path().join(name));
    let arguments = [
        &["init"],
        &FLAGS[..],
        &["--cert-dir", certificates.to_str().unwrap()],
        &["--kubeconfig-dir", kubeconfigs.to_str().unwrap()],
    ]
    .concat();
    bare(&arguments).ended_with(0);
    assert!(certificates.join("ca.crt").is_file());
    assert!(kubeconfigs.join("admin.conf").is_file());
    assert!(!folder.path().join("a/admin.conf").exists());
}

#[test]
fn the_directory_and_address_of_the_configuration_are_used() {
    let sandbox = Sandbox::empty();
    let config = sandbox.beside("kubeadm.yaml", configuration("/custom/certificates"));
    sandbox.pki(&["init", "--config", &config]).ended_with(0);
    assert!(sandbox.root().join("custom/certificates/ca.crt").is_file());
    let scheduler = std::fs::read_to_string(sandbox.root().join("custom/scheduler.conf")).unwrap();
    assert!(scheduler.contains("server: https://192.0.2.77:6443\n"));
    assert!(!sandbox.exists("pki/ca.crt"));
}

#[test]
fn a_configuration_that_is_not_there_is_an_error() {
    let sandbox = Sandbox::empty();
    for command in [&["init"][..], &["renew", "all"], &["check-expiration"]] {
        let arguments = [command, &["--config", "/nonexistent/kubeadm.yaml"]].concat();
        sandbox
            .pki(&arguments)
            .ended_with(3)
            .says("/nonexistent/kubeadm.yaml");
    }
}

#[test]
fn cert_dir_goes_before_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let [other, wanted] = ["other/pki", "wanted/pki"].map(|name| folder.path().join(name));
    let config = folder.path().join("kubeadm.yaml");
    std::fs::write(&config, configuration(other.to_str().unwrap())).unwrap();
    bare(&[
        "init",
        "--config",
        config.to_str().unwrap(),
        "--cert-dir",
        wanted.to_str().unwrap(),
    ])
    .ended_with(0);
    assert!(wanted.join("ca.crt").is_file());
    assert!(!other.exists());
}

// check-expiration

/// Checks a tree with and without apiserver.crt, from a file and from what is recorded.
fn checked(output: &str) -> Vec<(bool, Run)> {
    let sandbox = Sandbox::made();
    let config = sandbox.beside("kubeadm.yaml", sandbox.text(".pki/cluster.yaml"));
    let mut runs = Vec::new();
    for missing in [false, true] {
        if missing {
            sandbox.remove(&["pki/apiserver.crt"]);
        }
        for source in [&[][..], &["--config", &config]] {
            let arguments = [&["check-expiration", "-o", output], source].concat();
            runs.push((missing, sandbox.pki(&arguments)));
        }
    }
    runs
}

#[test]
fn a_check_prints_a_line_for_each_entry_and_says_what_is_missing() {
    for (missing, run) in checked("text") {
        let run = run.ended_with(if missing { 5 } else { 0 });
        let lines = run.stdout.lines().filter(|line| !line.trim().is_empty());
        // kubeadm's 16, and kubelet.conf.
        assert_eq!(lines.count(), 17, "{run}");
        let marked: Vec<_> = run
            .stdout
            .lines()
            .filter(|line| line.starts_with("!MISSING! "))
            .map(|line| line.trim_end())
            .collect();
        assert_eq!(
            marked,
            if missing {
                &["!MISSING! apiserver"][..]
            } else {
                &[]
            },
            "{run}"
        );
    }
}

#[test]
fn a_check_in_json_has_every_entry_and_marks_only_what_is_missing() {
    for (missing, run) in checked("json") {
        let run = run.ended_with(if missing { 5 } else { 0 });
        let json: Value = serde_json::from_str(&run.stdout).unwrap();
        let (certificates, authorities) = (
            json["certificates"].as_array().unwrap(),
            json["certificateAuthorities"].as_array().unwrap(),
        );
        assert_eq!((certificates.len(), authorities.len()), (12, 3), "{run}");
        for row in certificates.iter().chain(authorities) {
            let is_missing = missing && row["name"] == "apiserver";
            assert_eq!(row["missing"], is_missing, "{row}");
            assert_eq!(row["expirationDate"].is_null(), is_missing, "{row}");
        }
        let apiserver = certificates
            .iter()
            .find(|row| row["name"] == "apiserver")
            .unwrap();
        if missing {
            // As kubeadm prints it: no caName.
            assert_eq!(
                apiserver.to_string(),
                r#"{"name":"apiserver","expirationDate":null,"residualTime":0,"externallyManaged":false,"missing":true}"#
            );
        }
    }
}

#[test]
fn a_check_of_nothing_at_all_lists_what_is_missing() {
    let sandbox = Sandbox::empty();
    let run = sandbox.pki(&["check-expiration"]).ended_with(5);
    assert_eq!(run.stdout.matches("!MISSING! ").count(), 9, "{run}");
}

// init --dry-run, in place of kubeadm's copy of the CAs in a directory for dry runs.

#[test]
fn a_dry_run_finds_the_cas_that_are_there_and_copies_nothing() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/apiserver.crt", "pki/apiserver.key"]);
    let before = sandbox.snapshot();
    let arguments = [&["init"], &FLAGS[..], &["--dry-run"]].concat();
    let run = sandbox.pki(&arguments).ended_with(0);
    for line in [
        "keep ca",
        "keep front-proxy-ca",
        "keep etcd-ca",
        "make apiserver",
        "keep etcd-peer",
    ] {
        assert!(
            run.stdout.lines().any(|found| found == line),
            "{line}: {run}"
        );
    }
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}
