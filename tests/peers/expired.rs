//! A cluster that was switched off until all its certificates had expired: one renewal, and it works again.

use std::{os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    etcd::{Member, etcdctl_command, wait_for_health},
    kubectl::{apiserver_stand_in, kubectl_command},
};
use crate::support::{
    Run, TestTree, free_port, peers, pki,
    rows::{KUBECONFIGS, SIGNED},
    run,
};

/// Certificates of a year that were made at this time have been expired for two years or more.
const MADE: &str = "2023-11-01T00:00:00Z";

#[test]
fn a_cluster_whose_certificates_expired_years_ago_works_after_one_renewal() {
    let Some([etcd, etcdctl, kubectl, openssl]) = peers(["etcd", "etcdctl", "kubectl", "openssl"])
    else {
        return;
    };
    let port = free_port();
    let tree = TestTree::made_now(&[
        "--node-name",
        "cp-1",
        "--apiserver-advertise-address",
        "127.0.0.1",
        "--apiserver-bind-port",
        &port.to_string(),
        "--encryption-algorithm",
        "ECDSA-P256",
        "--now",
        MADE,
    ]);
    // As after `kubeadm init`: there is no record.
    tree.forget_configuration();

    let check = pki_now(&tree, &["check-expiration", "-o", "json"]).exits(5);
    let report: Value = serde_json::from_str(&check.stdout).unwrap();
    let expired = |list: &str| {
        let items = report[list].as_array().unwrap().iter();
        let is_expired = |item: &&Value| item["residualTime"].as_i64().unwrap() < 0;
        items.filter(is_expired).count()
    };
    assert_eq!(expired("certificates"), SIGNED.len());
    assert_eq!(expired("certificateAuthorities"), 0);

    let members = [Member::new("one")];
    let client = || {
        let mut command = etcdctl_command(&etcdctl, &tree, &members[0]);
        command
            .arg("--cert")
            .arg(tree.pki_file("apiserver-etcd-client.crt"))
            .arg("--key")
            .arg(tree.pki_file("apiserver-etcd-client.key"));
        command
    };
    let renewal = pki_now(&tree, &["renew", "all"]).ok();
    pki_now(&tree, &["check-expiration"]).ok();

    let mut servers = [members[0].start(&etcd, &tree, &members)];
    wait_for_health(&mut servers, &mut client());
    run(client().args(["put", "key", "value"])).ok();

    let home = TempDir::new().unwrap();
    for kubeconfig in KUBECONFIGS {
        let server = apiserver_stand_in(&openssl, &tree, port);
        let mut command = kubectl_command(&kubectl, &home, &tree.path(kubeconfig));
        run(command.args(["get", "--raw", "/"])).ok();
        drop(server);
    }

    let restarted = restarted(&renewal.stdout, &home);
    assert_eq!(
        restarted,
        [
            "stopped kube-controller-manager",
            "stopped kube-scheduler",
            "restart kubelet"
        ]
    );
}

/// Runs our binary on a tree, at the time of the machine.
fn pki_now(tree: &TestTree, arguments: &[&str]) -> Run {
    let mut command = pki();
    run(command.args(arguments).arg("--rootfs").arg(tree.root()))
}

/// Runs the commands of a report with programs that only say what they are asked to do.
fn restarted(report: &str, home: &TempDir) -> Vec<String> {
    let programs = home.path().join("bin");
    std::fs::create_dir(&programs).unwrap();
    let program = |name: &str, script: &str| {
        let path = programs.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    };
    program(
        "crictl",
        r#"case $1 in pods) echo "$6";; stopp) echo "stopped $2";; esac"#,
    );
    program("systemctl", r#"echo "$@""#);
    let commands: Vec<_> = report
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("crictl ") || line.starts_with("systemctl "))
        .collect();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = run(Command::new("sh")
        .args(["-ec", &commands.join("\n")])
        .env("PATH", format!("{}:{path}", Path::new(&programs).display())))
    .ok();
    output.stdout.lines().map(str::to_owned).collect()
}
