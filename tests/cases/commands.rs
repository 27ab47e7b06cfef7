//! kubeadm `cmd/certs_test.go`: the command line.

use clap::Parser;
use pki::cli::{Cli, Command};
use serde_json::Value;
use time::format_description::well_known::Rfc3339;

use crate::support::{FLAGS, NOW, Run, TestTree, pki, rows::SIGNED, run};

// renew

/// kubeadm: TestCommandsGenerated / all and 10 names -> exist, with flags; stricter: the 11th name and kubelet.conf
#[test]
fn renew_takes_every_name_with_directory_and_configuration() {
    for name in SIGNED.into_iter().chain(["all"]) {
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

/// kubeadm: TestRunRenewCommands / apiserver with a positional argument -> error; other: several names are one transaction; an unknown one is an error
#[test]
fn renew_without_a_name_or_with_all_and_a_name_is_wrong_usage() {
    let tree = TestTree::new();
    for arguments in [
        &["renew"][..],
        &["renew", "all", "apiserver"],
        &["renew", "apiserver", "foo"],
    ] {
        tree.pki(arguments).exits(2).changed_nothing();
    }
}

/// kubeadm: TestRunRenewCommands / each of 11 names -> file changes; stricter: and no other
#[test]
fn renew_replaces_the_files_of_the_name_and_no_other() {
    let tree = TestTree::new();
    for name in SIGNED {
        tree.pki(&["renew", name]).exits(0).changed_rows(&[name]);
    }
}

/// kubeadm: TestRunRenewCommands / all -> files change; stricter: and no other
#[test]
fn renew_all_replaces_every_leaf_and_kubeconfig() {
    let tree = TestTree::new();
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
}

#[test]
fn renewing_what_is_not_there_is_no_error_for_all_and_one_by_name() {
    let tree = TestTree::new();
    tree.remove("super-admin.conf");
    tree.pki(&["renew", "all"])
        .exits(0)
        .skips("super-admin.conf", "it is missing");
    tree.pki(&["renew", "super-admin.conf"])
        .exits(3)
        .says("cannot renew `super-admin.conf`: it is missing")
        .changed_nothing();
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

/// kubeadm: TestGenCSRConfig / default -> default directories; same: of `init`; with `pki csr` again
#[test]
fn by_default_the_tree_lies_in_etc_kubernetes() {
    let tree = TestTree::new();
    assert!(tree.exists("pki/ca.crt") && tree.exists("admin.conf"));
    let top: Vec<_> = std::fs::read_dir(tree.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(top, ["etc"]);
}

/// kubeadm: TestGenCSRConfig / --cert-dir overrides default -> as typed; same
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
    bare(&arguments).exits(0);
    assert!(directory.join("ca.crt").is_file());
    assert!(
        folder.path().join("admin.conf").is_file(),
        "kubeconfigs lie beside it"
    );
}

/// kubeadm: TestGenCSRConfig / --kubeconfig-dir overrides default -> as typed; same
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
    bare(&arguments).exits(0);
    assert!(certificates.join("ca.crt").is_file());
    assert!(kubeconfigs.join("admin.conf").is_file());
    assert!(!folder.path().join("a/admin.conf").exists());
}

/// kubeadm: TestGenCSRConfig / --config is loaded -> its directory and address; same
#[test]
fn the_directory_and_address_of_the_configuration_are_used() {
    let tree = TestTree::empty();
    let config = tree.beside("kubeadm.yaml", configuration("/custom/certificates"));
    tree.pki(&["init", "--config", &config]).exits(0);
    assert!(tree.root().join("custom/certificates/ca.crt").is_file());
    let scheduler = tree.text("scheduler.conf");
    assert!(scheduler.contains("server: https://192.0.2.77:6443\n"));
    assert!(!tree.exists("pki/ca.crt"));
    // kubeadm's constant, `/etc/kubernetes`, wherever the certificates are.
    assert!(!tree.root().join("custom/scheduler.conf").exists());
}

/// kubeadm: TestGenCSRConfig / --config not found -> error; same
#[test]
fn a_configuration_that_is_not_there_is_an_error() {
    let tree = TestTree::empty();
    for command in [&["init"][..], &["renew", "all"], &["check-expiration"]] {
        let arguments = [command, &["--config", "/nonexistent/kubeadm.yaml"]].concat();
        tree.pki(&arguments)
            .exits(3)
            .says("/nonexistent/kubeadm.yaml");
    }
}

/// kubeadm: TestGenCSRConfig / --cert-dir overrides --config -> as typed; same
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
    .exits(0);
    assert!(wanted.join("ca.crt").is_file());
    // Only the flag moves the kubeconfigs.
    assert!(folder.path().join("wanted/scheduler.conf").is_file());
    assert!(!other.exists());
}

// check-expiration

/// Checks a tree with and without apiserver.crt, from a file and from what is recorded.
fn checked(output: &str) -> Vec<(bool, Run)> {
    let tree = TestTree::new();
    let config = tree.beside("kubeadm.yaml", tree.text(".pki/cluster.yaml"));
    let mut runs = Vec::new();
    for missing in [false, true] {
        if missing {
            tree.remove("pki/apiserver.crt");
        }
        for source in [&[][..], &["--config", &config]] {
            let arguments = [&["check-expiration", "-o", output], source].concat();
            runs.push((missing, tree.pki(&arguments)));
        }
    }
    runs
}

/// kubeadm: TestRunCmdCertsExpiration / columns, from file and server, with and without a missing certificate -> 16 lines, MISSING only if so; stricter: byte by byte; the recorded configuration stands for the server's
#[test]
fn a_check_prints_a_line_for_each_entry_and_says_what_is_missing() {
    for (missing, run) in checked("text") {
        let run = run.exits(if missing { 5 } else { 0 });
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

/// kubeadm: TestRunCmdCertsExpiration / json, from file and server, with and without a missing certificate -> 11 + 3 entries, one flag; stricter: key by key
#[test]
fn a_check_in_json_has_every_entry_and_marks_only_what_is_missing() {
    for (missing, run) in checked("json") {
        let run = run.exits(if missing { 5 } else { 0 });
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
fn a_check_of_nothing_at_all_says_that_nothing_is_there() {
    let tree = TestTree::empty();
    let run = tree.pki(&["check-expiration"]).exits(5);
    assert!(!run.stdout.contains("MISSING"), "{run}");
    run.says("warning: neither certificates nor kubeconfigs were found");
}

#[test]
fn a_check_of_nothing_at_all_lists_what_a_configuration_asks_for() {
    let tree = TestTree::empty();
    let config = crate::support::config_of("kubeadm-1.36/stacked");
    let run = tree
        .pki(&["check-expiration", "--config", &config])
        .exits(5);
    assert_eq!(run.stdout.matches("!MISSING! ").count(), 14, "{run}");
}

// init --dry-run, in place of kubeadm's copy of the CAs in a directory for dry runs.

/// kubeadm: TestRunCAPhaseCopiesExistingCAFilesToDryRunDir (`cmd/phases/init`) / 3 CAs -> copied; other: a dry run reads in place and writes nothing
#[test]
fn a_dry_run_finds_the_cas_that_are_there_and_copies_nothing() {
    let tree = TestTree::new();
    tree.remove_all(&["pki/apiserver.crt", "pki/apiserver.key"]);
    let run = tree
        .pki(&["init", "--dry-run"])
        .exits(0)
        .marks('+', &["apiserver"])
        .changed_nothing();
    for name in ["ca", "front-proxy-ca", "etcd-ca", "etcd-peer"] {
        assert!(run.marked('=').contains(&name), "{name}: {run}");
    }
}
