//! kubeadm `phases/kubeconfig/kubeconfig_test.go` and `util/kubeconfig/kubeconfig_test.go`.

use base64::{Engine, engine::general_purpose::STANDARD};
use pki::kubeconfig::{Credentials, Kubeconfig, KubeconfigError};
use serde_json::{Value, json};

use super::pkiutil::Authority;
use crate::{
    support::{pki, run},
    trees::{
        openssl::{Openssl, USAGES},
        sandbox::{
            EXTERNAL_ETCD, Ended, FLAGS, KUBECONFIGS, NOW, Sandbox, config_of, refused_untouched,
        },
    },
};

fn init() -> Vec<&'static str> {
    [&["init"], &FLAGS[..]].concat()
}

fn parsed(sandbox: &Sandbox, name: &str) -> Value {
    serde_saphyr::from_str(&sandbox.text(name)).unwrap()
}

/// Fails unless `init` finds everything there, and writes nothing.
#[track_caller]
fn kept(sandbox: &Sandbox) -> crate::support::Run {
    let before = sandbox.snapshot();
    let run = sandbox.init(&[]).ended_with(0).says("nothing was written");
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0], "{run}");
    run
}

/// Replaces text that stands in a kubeconfig once.
fn replace(sandbox: &Sandbox, name: &str, from: &str, to: &str) {
    let text = sandbox.text(name);
    assert_eq!(text.matches(from).count(), 1, "{from} in {name}");
    sandbox.write(name, text.replace(from, to));
}

// What a kubeconfig says.

#[test]
fn every_kubeconfig_has_its_user_groups_algorithm_and_server() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let local = "https://192.0.2.11:1234";
    for (algorithm, endpoint, control_plane) in [
        ("ECDSA-P256", "", local),
        ("ECDSA-P384", "", local),
        ("ECDSA-P256", "api.k8s.io", "https://api.k8s.io:1234"),
        ("ECDSA-P384", "api.k8s.io", "https://api.k8s.io:1234"),
        ("ECDSA-P256", "api.k8s.io:4321", "https://api.k8s.io:4321"),
        ("ECDSA-P384", "api.k8s.io:4321", "https://api.k8s.io:4321"),
    ] {
        let sandbox = Sandbox::empty();
        let endpoint = match endpoint {
            "" => String::new(),
            endpoint => format!("controlPlaneEndpoint: {endpoint}\n"),
        };
        let config = sandbox.beside("kubeadm.yaml", format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {{name: valid-node-name}}\n\
             localAPIEndpoint: {{advertiseAddress: 192.0.2.11, bindPort: 1234}}\n---\n\
             apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nencryptionAlgorithm: {algorithm}\n{endpoint}"
        ));
        sandbox.pki(&["init", "--config", &config]).ended_with(0);
        for (name, user, group, server) in [
            (
                "admin.conf",
                "kubernetes-admin",
                Some("kubeadm:cluster-admins"),
                control_plane,
            ),
            (
                "super-admin.conf",
                "kubernetes-super-admin",
                Some("system:masters"),
                control_plane,
            ),
            (
                "kubelet.conf",
                "system:node:valid-node-name",
                Some("system:nodes"),
                local,
            ),
            (
                "controller-manager.conf",
                "system:kube-controller-manager",
                None,
                local,
            ),
            ("scheduler.conf", "system:kube-scheduler", None, local),
        ] {
            let case = format!("{algorithm} {control_plane} {name}");
            let value = parsed(&sandbox, name);
            assert_eq!(value["clusters"][0]["cluster"]["server"], server, "{case}");
            assert_eq!(value["users"][0]["name"], user, "{case}");
            assert_eq!(
                value["current-context"],
                format!("{user}@kubernetes"),
                "{case}"
            );
            assert_eq!(
                sandbox.embedded(name, "certificate-authority-data"),
                sandbox.read("pki/ca.crt"),
                "{case}"
            );
            let certificate = sandbox.embedded(name, "client-certificate-data");
            let facts = openssl.facts_of(&certificate);
            let group =
                group.map_or_else(String::new, |group| format!(",O=PRINTABLESTRING:{group}"));
            assert_eq!(
                facts.subject,
                format!("CN=PRINTABLESTRING:{user}{group}"),
                "{case}"
            );
            assert_eq!(
                facts.extensions[USAGES], "TLS Web Client Authentication",
                "{case}"
            );
            let size = if algorithm == "ECDSA-P256" {
                "256"
            } else {
                "384"
            };
            assert_eq!(
                facts.algorithm,
                format!("id-ecPublicKey ({size} bit)"),
                "{case}"
            );
            assert_eq!(facts.not_after, NOW + time::Duration::days(365), "{case}");
            let key = sandbox.embedded(name, "client-key-data");
            assert_eq!(openssl.public_half(key), facts.public_key, "{case}");
        }
    }
}

#[test]
fn no_kubeconfig_is_made_or_renewed_without_its_ca() {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/ca.crt", "pki/ca.key", "admin.conf"]);
    refused_untouched(&sandbox, &init(), &["CA `ca`: it is missing"]);
    for name in ["scheduler.conf", "all"] {
        refused_untouched(
            &sandbox,
            &["renew", name],
            &["CA `ca`: its certificate is missing"],
        );
    }
}

#[test]
fn a_name_that_is_no_kubeconfig_is_wrong_usage() {
    let sandbox = Sandbox::made();
    sandbox
        .pki(&["renew", "unknown.conf"])
        .ended_with(2)
        .says("unknown.conf");
}

#[test]
fn the_kubeconfigs_of_a_control_plane_node_are_made_beside_shared_files() {
    let sandbox = Sandbox::made();
    let names = ["admin.conf", "controller-manager.conf", "scheduler.conf"];
    sandbox.remove(&names);
    let before = sandbox.snapshot();
    sandbox.init(&[]).ended_with(0);
    let mut changes = before.file_changes(&sandbox.snapshot());
    changes.retain(|change| !change.contains("/.pki/"));
    assert_eq!(
        changes,
        names.map(|name| format!("etc/kubernetes/{name}: made"))
    );
}

#[test]
fn the_binding_of_the_administrators_group_is_in_the_manifest() {
    let printed = run(pki().args(["template", "rbac"])).ok().stdout;
    let documents: Vec<Value> = printed
        .split("\n---\n")
        .map(|text| serde_saphyr::from_str(text).unwrap())
        .collect();
    let binding = documents
        .iter()
        .find(|document| document["metadata"]["name"] == "kubeadm:cluster-admins")
        .unwrap();
    assert_eq!(binding["kind"], "ClusterRoleBinding");
    assert_eq!(
        binding["roleRef"],
        json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"})
    );
    assert_eq!(binding["subjects"].as_array().unwrap().len(), 1);
    assert_eq!(binding["subjects"][0]["kind"], "Group");
    assert_eq!(binding["subjects"][0]["name"], "kubeadm:cluster-admins");
    // Whoever applies it needs the one identity that no binding stands behind.
    let sandbox = Sandbox::empty();
    sandbox
        .init(&[])
        .ended_with(0)
        .says("pki template rbac | kubectl --kubeconfig")
        .says("super-admin.conf");
}

// What is there.

#[test]
fn a_kubeconfig_that_is_missing_is_made_and_the_others_are_kept() {
    for name in KUBECONFIGS {
        let sandbox = Sandbox::made();
        sandbox.remove(&[name]);
        let before = sandbox.snapshot();
        sandbox.init(&[]).ended_with(0);
        let mut changes = before.file_changes(&sandbox.snapshot());
        changes.retain(|change| !change.contains("/.pki/"));
        assert_eq!(changes, [format!("etc/kubernetes/{name}: made")]);
    }
}

#[test]
fn a_kubeconfig_whose_current_context_leads_nowhere_is_refused() {
    for name in KUBECONFIGS {
        let sandbox = Sandbox::made();
        let user = parsed(&sandbox, name)["current-context"]
            .as_str()
            .unwrap()
            .to_owned();
        replace(
            &sandbox,
            name,
            &format!("current-context: {user}"),
            "current-context: invalid context",
        );
        refused_untouched(&sandbox, &init(), &[name, "invalid context"]);
    }
}

#[test]
fn a_kubeconfig_of_the_same_cluster_is_kept_without_a_word() {
    let run = kept(&Sandbox::made());
    assert_eq!(run.stderr, "", "{run}");
}

#[test]
fn a_kubeconfig_of_a_cluster_with_another_ca_is_refused() {
    let (sandbox, other) = (Sandbox::made(), Sandbox::made());
    for name in KUBECONFIGS {
        let own = sandbox.read(name);
        sandbox.write(name, other.read(name));
        refused_untouched(
            &sandbox,
            &init(),
            &[&format!("`{name}`: it trusts another CA")],
        );
        sandbox.write(name, own);
    }
    // The right one second does not help: client-go would trust both, kubeadm looks at the first.
    let [own, foreign] = [&sandbox, &other].map(|sandbox| sandbox.text("pki/ca.crt"));
    sandbox.embed(
        "admin.conf",
        "certificate-authority-data",
        format!("{foreign}{own}"),
    );
    refused_untouched(&sandbox, &init(), &["`admin.conf`: it trusts another CA"]);
    sandbox.embed(
        "admin.conf",
        "certificate-authority-data",
        format!("{own}{foreign}"),
    );
    kept(&sandbox);
}

fn server_of(sandbox: &Sandbox, name: &str) -> String {
    parsed(sandbox, name)["clusters"][0]["cluster"]["server"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A name or address that the API server's certificate is for leads to this cluster; so does the node itself.
#[test]
fn a_kubeconfig_with_another_way_to_the_same_cluster_is_kept_with_a_warning() {
    for name in KUBECONFIGS {
        for other in [
            "https://10.96.0.1:6443",
            "https://kubernetes:6443",
            "https://127.0.0.1:1111",
        ] {
            let sandbox = Sandbox::made();
            let server = server_of(&sandbox, name);
            replace(&sandbox, name, &server, other);
            let run = kept(&sandbox);
            let wanted = format!(
                "warning: `{name}`: it points at `{other}`, the configuration says `{server}`; it is kept\n"
            );
            assert_eq!(run.stderr, wanted, "{run}");
        }
    }
}

#[test]
fn a_kubeconfig_with_another_clusters_server_is_refused() {
    for name in KUBECONFIGS {
        for other in [
            "https://1.2.3.4:1111",
            "https://192.0.2.11:6444",
            "http://192.0.2.11:6443",
            "''",
        ] {
            let sandbox = Sandbox::made();
            let server = server_of(&sandbox, name);
            replace(&sandbox, name, &server, other);
            let points = format!("`{name}`: it points at `{}`", other.trim_matches('\''));
            refused_untouched(
                &sandbox,
                &init(),
                &[&points, &format!("the configuration says `{server}`")],
            );
        }
    }
}

#[test]
fn a_kubeconfig_whose_ca_is_empty_or_no_certificate_is_refused() {
    for bytes in ["", "not a certificate"] {
        let sandbox = Sandbox::made();
        sandbox.embed("admin.conf", "certificate-authority-data", bytes);
        refused_untouched(&sandbox, &init(), &["admin.conf"]);
    }
}

#[test]
fn white_space_around_the_ca_of_a_kubeconfig_does_not_matter() {
    let sandbox = Sandbox::made();
    let padded = format!("\n \t\n{} \n\n", sandbox.text("pki/ca.crt"));
    sandbox.embed("admin.conf", "certificate-authority-data", padded);
    kept(&sandbox);
}

/// Lets a kubeconfig name its CA as a file instead of embedding it.
fn refer_to_ca(sandbox: &Sandbox, name: &str, ca: &str) {
    let embedded = STANDARD.encode(sandbox.embedded(name, "certificate-authority-data"));
    replace(
        sandbox,
        name,
        &format!("certificate-authority-data: {embedded}"),
        &format!("certificate-authority: {}", sandbox.path(ca).display()),
    );
}

#[test]
fn a_kubeconfig_whose_ca_is_a_file_of_its_own_is_kept() {
    let sandbox = Sandbox::made();
    refer_to_ca(&sandbox, "admin.conf", "pki/ca.crt");
    kept(&sandbox);
}

#[test]
fn a_kubeconfig_that_names_the_file_of_another_ca_is_refused() {
    let sandbox = Sandbox::made();
    refer_to_ca(&sandbox, "admin.conf", "pki/front-proxy-ca.crt");
    refused_untouched(&sandbox, &init(), &["`admin.conf`: it trusts another CA"]);
}

#[test]
fn an_expired_client_certificate_is_refused_which_kubeadm_never_looks_at() {
    let sandbox = Sandbox::made();
    let leaves: Vec<_> = crate::trees::sandbox::LEAVES
        .iter()
        .map(|(name, ..)| *name)
        .collect();
    let later = NOW + time::Duration::days(366);
    sandbox
        .pki_at(later, &[&["renew"], &leaves[..]].concat())
        .ended_with(5);
    crate::trees::sandbox::refused_untouched_at(
        &sandbox,
        later,
        &init(),
        &[
            "`admin.conf`: it expired on 2027-11-22",
            "pki renew admin.conf",
        ],
    );
}

// External CAs.

/// A tree of which everything that the cluster CA signs is there, and its key is not.
fn external_ca() -> Sandbox {
    let sandbox = Sandbox::made();
    sandbox.remove(&["pki/ca.key"]);
    sandbox
}

fn lacks(sandbox: &Sandbox, names: &[&str]) {
    let before = sandbox.snapshot();
    let run = sandbox.pki(&init()).ended_with(5);
    let lacking: Vec<_> = run
        .stdout
        .lines()
        .filter_map(|line| line.trim_start().split_once(": it is missing, and its CA `ca` is external: have that CA sign a certificate for `CN="))
        .filter(|(_, wish)| wish.ends_with("`, usages clientAuth, and make the kubeconfig with it"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(lacking, names, "{run}");
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
}

#[test]
fn an_external_ca_without_any_kubeconfig_is_incomplete() {
    let sandbox = external_ca();
    sandbox.remove(&KUBECONFIGS);
    lacks(&sandbox, &KUBECONFIGS);
}

#[test]
fn an_external_ca_without_one_of_the_kubeconfigs_is_incomplete() {
    for name in KUBECONFIGS {
        let sandbox = external_ca();
        sandbox.remove(&[name]);
        lacks(&sandbox, &[name]);
    }
}

#[test]
fn an_external_ca_beside_kubeconfigs_of_another_ca_is_refused() {
    let (sandbox, other) = (external_ca(), Sandbox::made());
    for name in ["controller-manager.conf", "kubelet.conf"] {
        sandbox.write(name, other.read(name));
    }
    refused_untouched(
        &sandbox,
        &init(),
        &[
            "`controller-manager.conf`: it trusts another CA",
            "`kubelet.conf`: it trusts another CA",
        ],
    );
}

#[test]
fn an_external_ca_beside_a_kubeconfig_with_another_server_is_fine_if_it_is_the_same_clusters() {
    let sandbox = external_ca();
    let own = "https://192.0.2.11:6443";
    replace(
        &sandbox,
        "kubelet.conf",
        own,
        "https://kubernetes.default:6443",
    );
    kept(&sandbox).says("warning: `kubelet.conf`: it points at `https://kubernetes.default:6443`");
    let sandbox = external_ca();
    replace(&sandbox, "kubelet.conf", own, "https://1.2.3.4:1111");
    refused_untouched(
        &sandbox,
        &init(),
        &["`kubelet.conf`: it points at `https://1.2.3.4:1111`"],
    );
}

#[test]
fn an_external_ca_beside_all_that_it_signs_is_fine() {
    let run = kept(&external_ca());
    assert_eq!(run.stderr, "", "{run}");
}

/// A root with two branches of two intermediate CAs each.
struct Authorities {
    root: Authority,
    ca_1a: Authority,
    ca_2a: Authority,
    ca_1b: Authority,
    ca_2b: Authority,
}

impl Authorities {
    fn new() -> Authorities {
        let root = Authority::new("root", None);
        let ca_1a = Authority::new("1A", Some(&root));
        let ca_2a = Authority::new("2A", Some(&ca_1a));
        let ca_1b = Authority::new("1B", Some(&root));
        let ca_2b = Authority::new("2B", Some(&ca_1b));
        Authorities {
            root,
            ca_1a,
            ca_2a,
            ca_1b,
            ca_2b,
        }
    }
}

/// Makes a tree whose ca.crt is this bundle, without key; `issuer` signs everything, and the kubeconfigs trust it.
fn external_tree(bundle: &[&Authority], issuer: &Authority) -> Sandbox {
    let sandbox = Sandbox::empty();
    let pem: String = bundle.iter().map(|ca| ca.pem.as_str()).collect();
    sandbox.write("pki/ca.crt", pem);
    let names = [
        "cp1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "lb.example.com",
        "10.96.0.1",
        "192.168.10.21",
    ]
    .map(str::to_owned);
    for (base, common_name, names) in [
        ("apiserver", "kube-apiserver", &names[..]),
        (
            "apiserver-kubelet-client",
            "kube-apiserver-kubelet-client",
            &[],
        ),
    ] {
        let (certificate, key) = issuer.leaf(common_name, None, names);
        sandbox.write(&format!("pki/{base}.crt"), certificate);
        sandbox.write(&format!("pki/{base}.key"), key);
    }
    let (local, shared) = ("https://192.168.10.21:6443", "https://lb.example.com:6443");
    for (name, user, group, server) in [
        (
            "admin.conf",
            "kubernetes-admin",
            Some("kubeadm:cluster-admins"),
            shared,
        ),
        (
            "super-admin.conf",
            "kubernetes-super-admin",
            Some("system:masters"),
            shared,
        ),
        (
            "kubelet.conf",
            "system:node:cp1",
            Some("system:nodes"),
            local,
        ),
        (
            "controller-manager.conf",
            "system:kube-controller-manager",
            None,
            local,
        ),
        ("scheduler.conf", "system:kube-scheduler", None, local),
    ] {
        let (certificate, key) = issuer.leaf(user, group, &[]);
        let [ca, certificate, key] =
            [&issuer.pem, &certificate, &key].map(|pem| STANDARD.encode(pem));
        sandbox.write(name, format!(
            "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {ca}\n    server: {server}\n  name: kubernetes\n\
             contexts:\n- context:\n    cluster: kubernetes\n    user: {user}\n  name: x\ncurrent-context: x\nkind: Config\n\
             users:\n- name: {user}\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        ));
    }
    sandbox
}

#[test]
fn kubeconfigs_may_trust_any_ca_of_an_external_bundle() {
    let cas = Authorities::new();
    let Authorities {
        root,
        ca_1a,
        ca_2a,
        ca_1b,
        ca_2b,
    } = &cas;
    for (case, bundle, issuer) in [
        ("root", &[root, ca_1a, ca_2a][..], root),
        ("1A", &[root, ca_1a, ca_2a], ca_1a),
        ("2A", &[root, ca_1a, ca_2a], ca_2a),
        ("2B, root missing", &[ca_1b, ca_2b], ca_2b),
    ] {
        let sandbox = external_tree(bundle, issuer);
        let before = sandbox.snapshot();
        let config = config_of(EXTERNAL_ETCD);
        let run = sandbox.pki(&["init", "--config", &config]).ended_with(0);
        assert_eq!(run.stderr, "", "{case}: {run}");
        // What is not the external CA's is made, and nothing of what is there changes.
        for change in before.file_changes(&sandbox.snapshot()) {
            assert!(change.ends_with(": made"), "{case}: {change}");
        }
        assert!(sandbox.exists("pki/front-proxy-client.crt"), "{case}");
    }
}

#[test]
fn kubeconfigs_that_trust_no_ca_of_an_external_bundle_are_refused() {
    let cas = Authorities::new();
    let Authorities {
        root,
        ca_1a,
        ca_2a,
        ca_1b,
        ca_2b,
    } = &cas;
    let config = config_of(EXTERNAL_ETCD);
    for (bundle, issuer) in [(&[root, ca_1b, ca_2b][..], ca_2a), (&[ca_1a], ca_2b)] {
        let sandbox = external_tree(bundle, issuer);
        let reasons = KUBECONFIGS.map(|name| format!("`{name}`: it trusts another CA"));
        refused_untouched(
            &sandbox,
            &["init", "--config", &config],
            &reasons.each_ref().map(String::as_str),
        );
    }
}

// The user of the current context: `util/kubeconfig` of 1.20.

/// Makes a kubeconfig out of the three lists, as JSON, which is YAML.
fn parse(current: &str, contexts: Value, users: Value) -> Result<Kubeconfig, KubeconfigError> {
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": "c", "cluster": {"server": "https://c"}}],
        "contexts": contexts,
        "users": users,
    });
    Kubeconfig::parse(document.to_string().as_bytes())
}

#[test]
fn a_current_context_has_to_lead_to_a_user() {
    let context =
        |name: &str, user: &str| json!([{"name": name, "context": {"cluster": "c", "user": user}}]);
    let user = |name: &str| json!([{"name": name, "user": {}}]);
    assert!(Kubeconfig::parse(b"").is_err());
    assert!(Kubeconfig::parse(b"{}").is_err());
    assert!(parse("kubernetes", json!([]), json!([])).is_err());
    assert!(parse("kubernetes", context("NOTkubernetes", "u"), user("u")).is_err());
    let without_user = json!([{"name": "kubernetes", "context": {"cluster": "c"}}]);
    assert!(parse("kubernetes", without_user, json!([])).is_err());
    assert!(parse("kubernetes", context("kubernetes", "kubernetes"), json!([])).is_err());
    assert!(
        parse(
            "kubernetes",
            context("kubernetes", "kubernetes"),
            user("NOTkubernetes")
        )
        .is_err()
    );
    assert!(
        parse(
            "kubernetes",
            context("kubernetes", "kubernetes"),
            user("kubernetes")
        )
        .is_ok()
    );
    // client-go takes the last of two entries of one name; nobody can tell which one is meant.
    let two = json!([{"name": "kubernetes", "user": {}}, {"name": "kubernetes", "user": {}}]);
    assert!(parse("kubernetes", context("kubernetes", "kubernetes"), two).is_err());
}

#[test]
fn the_kinds_of_credentials_are_told_apart() {
    let client = |user: Value| {
        let context = json!([{"name": "x", "context": {"cluster": "c", "user": "u"}}]);
        parse("x", context, json!([{"name": "u", "user": user}]))
            .unwrap()
            .credentials()
    };
    // kubeadm calls such a user one without credentials, and a file that was cut off has one.
    for nobody in [json!({}), json!(null), json!({"token": ""})] {
        assert!(client(nobody.clone()).is_err(), "{nobody}");
    }
    assert!(matches!(
        client(json!({"token": "123"})),
        Ok(Credentials::NoCertificate)
    ));
    let basic = json!({"username": "A", "password": "B"});
    assert!(matches!(client(basic), Ok(Credentials::NoCertificate)));
    let files = json!({"client-key": "A", "client-certificate": "B"});
    assert!(
        matches!(client(files), Ok(Credentials::CertificateFiles { certificate }) if certificate == "B")
    );
    let embedded = json!({"client-key-data": "QQ==", "client-certificate-data": "Qg=="});
    assert!(matches!(
        client(embedded),
        Ok(Credentials::Embedded { certificate, key }) if certificate == b"B" && *key == b"A"
    ));
    let half = json!({"client-certificate-data": "Qg=="});
    assert!(client(half).is_err());
}
