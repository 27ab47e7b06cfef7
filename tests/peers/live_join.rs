//! A real kubeadm and a real API server use what the commands for joining nodes print: `cargo xtask live`.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::etcd::{Member, etcdctl_command, fresh_tree, wait_for_health};
use super::live::{RELOAD, apiserver};
use super::served::write_manifest;
use crate::support::{Run, Server, TestTree, peer, peers, rows::files_of, run, run_with_input};

/// The rows that control-plane nodes share.
const SHARED: [&str; 4] = ["ca", "front-proxy-ca", "etcd-ca", "sa"];

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A cluster of one API server, and the programs that use it.
pub(super) struct Cluster {
    pub(super) tree: TestTree,
    kubectl: PathBuf,
    kubeadm: PathBuf,
    pub(super) endpoint: String,
    _servers: Vec<Server>,
    /// Owns the data of etcd, which ends without them.
    _member: Member,
}

impl Cluster {
    pub(super) fn start() -> Option<Cluster> {
        let [etcd, etcdctl] = peers(["etcd", "etcdctl"])?;
        let kubectl = peer("kubectl")?;
        let folder = std::env::var("PKI_KUBERNETES_BIN").expect("PKI_KUBERNETES_BIN is set");
        let tree = fresh_tree("ECDSA-P256");
        let member = Member::new("one");
        write_manifest(&tree, "etcd", &member.manifest_options());
        let mut servers = vec![member.start(&etcd, &tree, std::slice::from_ref(&member))];
        let mut client = etcdctl_command(&etcdctl, &tree, &member);
        for (option, end) in [("--cert", "crt"), ("--key", "key")] {
            let file = tree.pki_file(&format!("etcd/healthcheck-client.{end}"));
            client.arg(option).arg(file);
        }
        wait_for_health(&mut servers, &mut client);
        let mut api = apiserver(&member.client_url());
        api.options
            .push("--enable-bootstrap-token-auth=true".to_owned());
        servers.push(api.start(&tree));
        let cluster = Cluster {
            kubectl,
            kubeadm: PathBuf::from(folder).join("kubeadm"),
            endpoint: format!("127.0.0.1:{}", api.port),
            tree,
            _servers: servers,
            _member: member,
        };
        cluster.wait_until_ready();
        Some(cluster)
    }

    /// Waits until the API server has made its own roles and namespaces.
    fn wait_until_ready(&self) {
        let started = Instant::now();
        let ready = [
            &["get", "--raw", "/readyz"][..],
            &["get", "namespace", "kube-public"],
        ];
        let succeeds = |arguments: &[&str]| self.kubectl(None, arguments, "").code == Some(0);
        while !ready.into_iter().all(succeeds) {
            assert!(started.elapsed() < RELOAD, "the API server is not ready");
            sleep(Duration::from_millis(500));
        }
    }

    /// Runs `pki` on the tree of the cluster, at the time of the machine. The output may be a credential.
    fn pki(&self, arguments: &[&str]) -> String {
        let endpoint = ["--control-plane-endpoint", &self.endpoint];
        let endpoint = match arguments[0] {
            "upload-certs" => &[],
            _ => &endpoint[..],
        };
        let now = now();
        let arguments = [arguments, endpoint, &["--now", &now]].concat();
        run(&mut self.tree.command(&arguments)).ok().stdout
    }

    /// Runs kubectl as the administrator, or with another kubeconfig.
    pub(super) fn kubectl(&self, kubeconfig: Option<&str>, arguments: &[&str], input: &str) -> Run {
        let admin = self.tree.beside("admin.conf", self.admin());
        let mut command = Command::new(&self.kubectl);
        command
            .args(["--kubeconfig", kubeconfig.unwrap_or(&admin)])
            .args(arguments);
        run_with_input(&mut command, input)
    }

    /// Returns the kubeconfig above RBAC, for the port of this API server.
    fn admin(&self) -> String {
        let text = self.tree.text("super-admin.conf");
        text.replace("127.0.0.1:6443", &self.endpoint)
    }

    pub(super) fn apply(&self, objects: &str) {
        self.kubectl(None, &["apply", "-f", "-"], objects).ok();
    }

    /// Runs kubeadm with a configuration.
    fn kubeadm(&self, arguments: &[&str], config: &str) -> Run {
        let config = self.tree.beside("kubeadm.yaml", config);
        let mut command = Command::new(&self.kubeadm);
        command.args(arguments).args(["--config", &config]);
        run(&mut command).ok()
    }

    /// Returns kubeadm's configuration of the cluster, with the certificates in a directory.
    fn configuration(&self, certificates: &str) -> String {
        json!({
            "apiVersion": "kubeadm.k8s.io/v1beta2",
            "kind": "ClusterConfiguration",
            "kubernetesVersion": "v1.20.2",
            "certificatesDir": certificates,
            "controlPlaneEndpoint": self.endpoint,
        })
        .to_string()
    }

    /// Makes the objects that `kubeadm init` makes and `kubeadm join` reads.
    fn set_up(&self, certificates: &str) {
        let config_map = |name: &str, namespace: &str, data: serde_json::Value| {
            let metadata = json!({"name": name, "namespace": namespace});
            self.apply(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}).to_string());
        };
        let status = "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterStatus\napiEndpoints: {}\n";
        let configuration = self.configuration(certificates);
        config_map(
            "kubeadm-config",
            "kube-system",
            json!({"ClusterConfiguration": configuration, "ClusterStatus": status}),
        );
        let kubelet = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
        config_map(
            "kubelet-config-1.20",
            "kube-system",
            json!({"kubelet": kubelet}),
        );
        config_map(
            "cluster-info",
            "kube-public",
            json!({"kubeconfig": self.admin()}),
        );
        let group = "system:bootstrappers:kubeadm:default-node-token";
        for (name, namespace, maps) in [
            (
                "nodes-config",
                "kube-system",
                &["kubeadm-config", "kubelet-config-1.20", "kube-proxy"][..],
            ),
            ("cluster-info", "kube-public", &["cluster-info"]),
        ] {
            let resource = [format!(
                "--resource-name={}",
                maps.join(",--resource-name=")
            )];
            let resources: Vec<_> = resource[0].split(',').collect();
            let of = ["-n", namespace, "create"];
            let role = ["role", name, "--verb=get", "--resource=configmaps"];
            self.kubectl(None, &[&of[..], &role, &resources].concat(), "")
                .ok();
            let (role, group) = (format!("--role={name}"), format!("--group={group}"));
            let binding = ["rolebinding", name, &role, &group];
            self.kubectl(None, &[&of[..], &binding].concat(), "").ok();
        }
    }
}

pub(super) fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap()
}

#[test]
#[ignore = "needs PKI_KUBERNETES_BIN: cargo xtask live"]
fn a_real_kubeadm_reads_uploads_and_writes_downloads() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let tree = &cluster.tree;
    let joined = TestTree::empty();
    fs::create_dir_all(joined.path("pki")).unwrap();
    cluster.set_up(joined.path("pki").to_str().unwrap());

    // kubeadm, with a credential for the bootstrap of one node, reads what pki uploads.
    cluster.apply(&cluster.pki(&["upload-certs", "--certificate-key", KEY]));
    let discovery = cluster.pki(&["kubeconfig", "bootstrap", "--node-name", "cp-2"]);
    let discovery = tree.beside("discovery.conf", discovery);
    let join = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta2",
        "kind": "JoinConfiguration",
        "discovery": {"file": {"kubeConfigPath": discovery}},
        "nodeRegistration": {"name": "cp-2", "criSocket": "/none"},
        "controlPlane": {
            "certificateKey": KEY, "localAPIEndpoint": {"advertiseAddress": "192.0.2.12"},
        },
    });
    let phase = ["join", "phase", "control-plane-prepare", "download-certs"];
    cluster.kubeadm(&phase, &join.to_string());
    for file in SHARED.iter().flat_map(|row| files_of(row)) {
        assert_eq!(joined.read(&file), tree.read(&file), "{file}");
    }
    // The credential is good for this and for little else.
    let secrets = cluster.kubectl(Some(&discovery), &["get", "secrets", "-A"], "");
    assert!(secrets.code != Some(0), "{secrets}");

    // pki reads what kubeadm uploads.
    let init = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta2",
        "kind": "InitConfiguration",
        "certificateKey": KEY,
        "nodeRegistration": {"name": "cp-1", "criSocket": "/none"},
        "localAPIEndpoint": {"advertiseAddress": "192.0.2.11"},
    });
    let configuration = cluster.configuration(tree.path("pki").to_str().unwrap());
    let admin = tree.beside("admin.conf", cluster.admin());
    let phase = [
        "init",
        "phase",
        "upload-certs",
        "--upload-certs",
        "--kubeconfig",
        &admin,
    ];
    cluster.kubeadm(&phase, &format!("{configuration}\n---\n{init}"));
    let get = [
        "-n",
        "kube-system",
        "get",
        "secret",
        "kubeadm-certs",
        "-o",
        "yaml",
    ];
    let secret = cluster.kubectl(None, &get, "").ok().stdout;
    let target = TestTree::empty();
    let mut download =
        target.command(&["download-certs", "--certificate-key", KEY, "--now", &now()]);
    target
        .watch_with_input(&mut download, &secret)
        .ok()
        .marks('+', &SHARED);
    for file in SHARED.iter().flat_map(|row| files_of(row)) {
        assert_eq!(target.read(&file), tree.read(&file), "{file}");
    }
}

#[test]
#[ignore = "needs PKI_KUBERNETES_BIN: cargo xtask live"]
fn a_real_api_server_knows_tokens_and_users() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let outside = tempfile::TempDir::new().unwrap();
    let file = outside.path().join("bootstrap-kubelet.conf");
    let file = file.to_str().unwrap();
    cluster.apply(&cluster.pki(&["bootstrap-token", "new", "--bootstrap-kubeconfig", file]));
    // What the token and the users are refused says who they are.
    let refused = cluster.kubectl(Some(file), &["get", "secrets"], "");
    assert!(
        refused.stderr.contains("User \"system:bootstrap:"),
        "{refused}"
    );
    for (arguments, user) in [
        (
            &["user", "--client-name", "alice", "--org", "developers"][..],
            "alice",
        ),
        (&["kube-proxy"], "system:kube-proxy"),
    ] {
        let made = cluster.pki(&[&["kubeconfig"], arguments].concat());
        let kubeconfig = cluster.tree.beside("user.conf", made);
        let refused = cluster.kubectl(Some(&kubeconfig), &["get", "secrets"], "");
        assert!(
            refused
                .stderr
                .contains(&format!("User \"{user}\" cannot list")),
            "{refused}"
        );
    }
}
