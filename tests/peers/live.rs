//! `pki served` against a real API server and controller manager, which are too large for the usual tests: `cargo xtask live`.

use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration as Wait, Instant};

use serde_json::Value;
use time::OffsetDateTime;

use super::etcd::{Member, etcdctl_command, fresh_tree, wait_for_health};
use super::served::write_manifest;
use crate::support::{Server, TestTree, free_port, peers, run};

/// The longest time that a component takes to load a file that it watches, with a margin for a slow machine.
pub(super) const RELOAD: Wait = Wait::from_secs(90);

/// A component with the options of its manifest.
pub(super) struct Component {
    name: &'static str,
    pub(super) port: u16,
    pub(super) options: Vec<String>,
}

impl Component {
    /// Writes the manifest with the usual paths, and starts the component with those of the tree.
    pub(super) fn start(&self, tree: &TestTree) -> Server {
        let folder = std::env::var("PKI_KUBERNETES_BIN").expect("PKI_KUBERNETES_BIN is set");
        let mut options = vec![
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.port),
        ];
        options.extend(self.options.clone());
        let program = PathBuf::from(folder).join(self.name);
        // Before 1.24, the controller manager also listens on a fixed port, which another test may have taken.
        let help = run(Command::new(&program).arg("--help"));
        if help.stdout.contains(" --port int ") {
            options.push("--port=0".to_owned());
        }
        write_manifest(tree, self.name, &options.join("\n    - "));
        let root = tree.root().to_str().unwrap();
        let here = |option: &String| {
            option.replace("/etc/kubernetes/", &format!("{root}/etc/kubernetes/"))
        };
        let mut command = Command::new(program);
        Server::start(command.env_clear().args(options.iter().map(here)))
    }
}

pub(super) fn apiserver(etcd: &str) -> Component {
    let pki = "/etc/kubernetes/pki";
    Component {
        name: "kube-apiserver",
        port: free_port(),
        options: vec![
            "--advertise-address=192.0.2.11".to_owned(),
            "--authorization-mode=Node,RBAC".to_owned(),
            format!("--client-ca-file={pki}/ca.crt"),
            format!("--etcd-cafile={pki}/etcd/ca.crt"),
            format!("--etcd-certfile={pki}/apiserver-etcd-client.crt"),
            format!("--etcd-keyfile={pki}/apiserver-etcd-client.key"),
            format!("--etcd-servers={etcd}"),
            format!("--proxy-client-cert-file={pki}/front-proxy-client.crt"),
            format!("--proxy-client-key-file={pki}/front-proxy-client.key"),
            "--requestheader-allowed-names=front-proxy-client".to_owned(),
            format!("--requestheader-client-ca-file={pki}/front-proxy-ca.crt"),
            "--requestheader-username-headers=X-Remote-User".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            format!("--service-account-key-file={pki}/sa.pub"),
            format!("--service-account-signing-key-file={pki}/sa.key"),
            "--service-cluster-ip-range=10.96.0.0/12".to_owned(),
            format!("--tls-cert-file={pki}/apiserver.crt"),
            format!("--tls-private-key-file={pki}/apiserver.key"),
        ],
    }
}

pub(super) fn controller_manager() -> Component {
    let (pki, conf) = (
        "/etc/kubernetes/pki",
        "/etc/kubernetes/controller-manager.conf",
    );
    Component {
        name: "kube-controller-manager",
        port: free_port(),
        options: vec![
            format!("--authentication-kubeconfig={conf}"),
            format!("--authorization-kubeconfig={conf}"),
            format!("--client-ca-file={pki}/ca.crt"),
            format!("--cluster-signing-cert-file={pki}/ca.crt"),
            format!("--cluster-signing-key-file={pki}/ca.key"),
            "--controllers=tokencleaner".to_owned(),
            format!("--kubeconfig={conf}"),
            format!("--requestheader-client-ca-file={pki}/front-proxy-ca.crt"),
            format!("--root-ca-file={pki}/ca.crt"),
            format!("--service-account-private-key-file={pki}/sa.key"),
        ],
    }
}

/// Returns the ids of the findings about a component, and when it started.
fn served(tree: &TestTree, component: &str) -> (Vec<String>, Option<String>) {
    let run = tree.pki_at(OffsetDateTime::now_utc(), &["served", "-o", "json"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let endpoints = report["endpoints"].as_array().unwrap();
    let entry = endpoints
        .iter()
        .find(|entry| entry["component"] == component);
    let entry = entry.unwrap_or_else(|| panic!("{component}: {run}"));
    let findings = entry["findings"].as_array().unwrap();
    let ids = findings
        .iter()
        .map(|finding| finding["id"].as_str().unwrap().to_owned());
    (ids.collect(), entry["started"].as_str().map(str::to_owned))
}

/// Waits until there is this finding about a component.
#[track_caller]
fn wait_for(tree: &TestTree, component: &str, id: &str) {
    let started = Instant::now();
    loop {
        let (ids, _) = served(tree, component);
        if ids.iter().any(|found| found == id) {
            return;
        }
        assert!(
            started.elapsed() < RELOAD,
            "{component}: {ids:?}, want {id}"
        );
        sleep(Wait::from_millis(500));
    }
}

#[test]
#[ignore = "needs PKI_KUBERNETES_BIN: cargo xtask live"]
fn a_running_control_plane_is_compared_with_its_files() {
    let Some([etcd, etcdctl]) = peers(["etcd", "etcdctl"]) else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    tree.remove("kubelet.conf");
    let member = Member::new("one");
    write_manifest(&tree, "etcd", &member.manifest_options());
    let members = std::slice::from_ref(&member);
    let mut servers = vec![member.start(&etcd, &tree, members)];
    let mut client = etcdctl_command(&etcdctl, &tree, &member);
    for (option, end) in [("--cert", "crt"), ("--key", "key")] {
        client
            .arg(option)
            .arg(tree.pki_file(&format!("etcd/healthcheck-client.{end}")));
    }
    wait_for_health(&mut servers, &mut client);
    let api = apiserver(&member.client_url());
    servers.push(api.start(&tree));
    wait_for(&tree, api.name, "served.ca-loaded");
    // The controller manager asks the API server who may ask it.
    tree.edit("controller-manager.conf", |text| {
        text.replace(":6443", &format!(":{}", api.port))
    });
    let manager = controller_manager();
    servers.push(manager.start(&tree));
    wait_for(&tree, manager.name, "served.in-memory");
    for name in [api.name, manager.name] {
        let (ids, started) = served(&tree, name);
        assert!(
            !ids.iter().any(|id| id.ends_with("stale")),
            "{name}: {ids:?}"
        );
        assert!(started.is_some(), "{name}");
    }

    // So that what follows is later than the start, beyond the margin.
    sleep(Wait::from_secs(4));
    let now = OffsetDateTime::now_utc();
    tree.pki_at(now, &["renew", "all"]).exits(0);
    wait_for(&tree, manager.name, "served.client-stale");
    wait_for(&tree, api.name, "served.match");
    tree.append("pki/front-proxy-ca.crt", "pki/etcd/ca.crt");
    wait_for(&tree, "etcd", "served.ca-not-loaded");
    wait_for(&tree, api.name, "served.file-stale");
    // The API server loads the CAs of its clients by itself.
    tree.append("pki/etcd/ca.crt", "pki/ca.crt");
    wait_for(&tree, api.name, "served.pending");
    wait_for(&tree, api.name, "served.ca-loaded");
    drop(servers);
}
