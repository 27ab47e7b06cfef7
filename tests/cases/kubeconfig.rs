//! kubeadm `phases/kubeconfig/kubeconfig_test.go` and `util/kubeconfig/kubeconfig_test.go`.

use base64::{Engine, engine::general_purpose::STANDARD};
use pki::kubeconfig::{Credentials, Kubeconfig, KubeconfigError};
use serde_json::{Value, json};

use crate::support::{
    Authority, EXTERNAL_ETCD, NOW, Openssl, Run, TestTree, USAGES, config_of, pki,
    rows::{KUBECONFIGS, PAIRS},
    run,
};

fn parsed(tree: &TestTree, name: &str) -> Value {
    serde_saphyr::from_str(&tree.text(name)).unwrap()
}

/// Fails unless `init` finds everything there, and writes nothing.
#[track_caller]
fn kept(tree: &TestTree) -> Run {
    tree.pki(&["init"])
        .exits(0)
        .prints("nothing was written")
        .changed_nothing()
}

// What a kubeconfig says.

/// kubeadm: TestGetKubeConfigSpecs / 6 configurations, 5 files -> CN, O, algorithm, server, CA; stricter: as written; kubelet.conf has the local endpoint, as `kubeadm init` writes it
/// kubeadm: TestBuildKubeConfigFromSpecWithClientAuth -> server, CA, CN, notAfter; same
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
        let tree = TestTree::empty();
        let endpoint = match endpoint {
            "" => String::new(),
            endpoint => format!("controlPlaneEndpoint: {endpoint}\n"),
        };
        let config = tree.beside("kubeadm.yaml", format!(
            "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration: {{name: valid-node-name}}\n\
             localAPIEndpoint: {{advertiseAddress: 192.0.2.11, bindPort: 1234}}\n---\n\
             apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nencryptionAlgorithm: {algorithm}\n{endpoint}"
        ));
        tree.pki(&["init", "--config", &config]).exits(0);
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
            let value = parsed(&tree, name);
            assert_eq!(value["clusters"][0]["cluster"]["server"], server, "{case}");
            assert_eq!(value["users"][0]["name"], user, "{case}");
            assert_eq!(
                value["current-context"],
                format!("{user}@kubernetes"),
                "{case}"
            );
            assert_eq!(
                tree.embedded(name, "certificate-authority-data"),
                tree.read("pki/ca.crt"),
                "{case}"
            );
            let certificate = tree.embedded(name, "client-certificate-data");
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
            let key = tree.embedded(name, "client-key-data");
            assert_eq!(openssl.public_half(key), facts.public_key, "{case}");
        }
    }
}

/// kubeadm: TestGetKubeConfigSpecsFailsIfCADoesntExists -> error; same
#[test]
fn no_kubeconfig_is_made_or_renewed_without_its_ca() {
    let tree = TestTree::new();
    tree.remove_all(&["pki/ca.crt", "pki/ca.key", "admin.conf"]);
    tree.pki(&["init"])
        .exits(3)
        .says("CA `ca`: it is missing")
        .changed_nothing();
    tree.pki(&["renew", "scheduler.conf"])
        .exits(3)
        .says("CA `ca`: it is missing, but it signed these certificates")
        .changed_nothing();
    let before = tree.read("scheduler.conf");
    tree.pki(&["renew", "all"])
        .exits(5)
        .skips("scheduler.conf", "CA `ca`: it is missing");
    assert!(tree.read("scheduler.conf") == before);
}

/// kubeadm: TestCreateKubeconfigFilesAndWrappers / unknown name -> error; same
#[test]
fn a_name_that_is_no_kubeconfig_is_wrong_usage() {
    let tree = TestTree::new();
    tree.pki(&["renew", "unknown.conf"])
        .exits(2)
        .says("unknown.conf");
}

/// kubeadm: TestCreateKubeconfigFilesAndWrappers / join -> 3 files written; same
#[test]
fn the_kubeconfigs_of_a_control_plane_node_are_made_beside_shared_files() {
    let tree = TestTree::new();
    let names = ["admin.conf", "controller-manager.conf", "scheduler.conf"];
    tree.remove_all(&names);
    tree.pki(&["init"]).exits(0).changed_files(&names);
}

/// kubeadm: TestEnsureAdminClusterRoleBinding / all 4, TestEnsureAdminClusterRoleBindingImpl / all 8 -> binding made, error; other: `pki` talks to no API server and prints the manifest
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
    // To apply it, the one identity is needed that has its rights without a binding.
    let tree = TestTree::empty();
    tree.init(&[])
        .exits(0)
        .prints("pki template rbac | kubectl --kubeconfig")
        .prints("super-admin.conf");
}

// What is there.

/// kubeadm: TestCreateKubeConfigFileIfNotExists / does not exist -> written; same
#[test]
fn a_kubeconfig_that_is_missing_is_made_and_the_others_are_kept() {
    for name in KUBECONFIGS {
        let tree = TestTree::new();
        tree.remove(name);
        tree.pki(&["init"]).exits(0).changed_files(&[name]);
    }
}

/// kubeadm: TestCreateKubeConfigFileIfNotExists / invalid -> error; same
#[test]
fn a_kubeconfig_whose_current_context_leads_nowhere_is_refused() {
    for name in KUBECONFIGS {
        let tree = TestTree::new();
        let user = parsed(&tree, name)["current-context"]
            .as_str()
            .unwrap()
            .to_owned();
        tree.replace(
            name,
            &format!("current-context: {user}"),
            "current-context: invalid context",
        );
        tree.pki(&["init"])
            .exits(3)
            .says(name)
            .says("invalid context")
            .changed_nothing();
    }
}

/// kubeadm: TestCreateKubeConfigFileIfNotExists / same cluster -> kept; stricter: its client certificate counts, `expired_client_certificate_is_refused`
/// kubeadm: TestValidateKubeConfig / valid -> ok; same
#[test]
fn kubeconfig_of_the_same_cluster_is_kept_silently() {
    let run = kept(&TestTree::new());
    assert_eq!(run.stderr, "", "{run}");
}

/// kubeadm: TestCreateKubeConfigFileIfNotExists / another CA -> error; same
/// kubeadm: TestValidateKubeConfig / invalid CA
#[test]
fn a_kubeconfig_of_a_cluster_with_another_ca_is_refused() {
    let (tree, other) = (TestTree::new(), TestTree::of_another_cluster());
    for name in KUBECONFIGS {
        let own = tree.read(name);
        tree.write(name, other.read(name));
        tree.pki(&["init"])
            .exits(3)
            .says(&format!("`{name}`: it does not trust this tree's CA"))
            .changed_nothing();
        tree.write(name, own);
    }
    // client-go trusts every CA in it; kubeadm looks at the first one only, so the other order is worth a warning.
    let [own, foreign] = [&tree, &other].map(|tree| tree.text("pki/ca.crt"));
    tree.embed(
        "admin.conf",
        "certificate-authority-data",
        format!("{foreign}{own}"),
    );
    let run = kept(&tree);
    assert!(
        run.stderr.starts_with(
            "warning: `admin.conf`: it trusts this tree's CA, but lists another one first"
        ),
        "{run}"
    );
    tree.embed(
        "admin.conf",
        "certificate-authority-data",
        format!("{own}{foreign}"),
    );
    assert_eq!(kept(&tree).stderr, "");
}

fn server_of(tree: &TestTree, name: &str) -> String {
    parsed(tree, name)["clusters"][0]["cluster"]["server"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A name or address that the API server's certificate is for leads to this cluster.
///
/// kubeadm: TestCreateKubeConfigFileIfNotExists / another address -> kept; stricter: only if it is the same cluster's
/// kubeadm: TestValidateKubeConfig / different server URL -> ok; stricter: only if it is the same cluster's
#[test]
fn a_kubeconfig_with_another_way_to_the_same_cluster_is_kept_with_a_warning() {
    for name in KUBECONFIGS {
        for other in [
            "https://10.96.0.1:6443",
            "https://kubernetes:6443",
            "https://192.0.2.11:6444",
        ] {
            let tree = TestTree::new();
            let server = server_of(&tree, name);
            tree.replace(name, &server, other);
            let run = kept(&tree);
            let wanted = format!(
                "warning: `{name}`: its server is `{other}`, the configuration says `{server}`; correct the server in it or in the configuration\n"
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
            "https://127.0.0.1:6443",
            "http://192.0.2.11:6443",
            "''",
        ] {
            let tree = TestTree::new();
            let server = server_of(&tree, name);
            tree.replace(name, &server, other);
            let points = match other {
                "''" => format!("`{name}`: it names no server"),
                other => format!("`{name}`: its server is `{other}`"),
            };
            tree.pki(&["init"])
                .exits(3)
                .says(&points)
                .says(&format!("the configuration says `{server}`"))
                .changed_nothing();
        }
    }
}

/// kubeadm: TestValidateKubeConfig / invalid CA -> error; same
#[test]
fn a_kubeconfig_whose_ca_is_empty_or_no_certificate_is_refused() {
    for bytes in ["", "not a certificate"] {
        let tree = TestTree::new();
        tree.embed("admin.conf", "certificate-authority-data", bytes);
        tree.pki(&["init"])
            .exits(3)
            .says("admin.conf")
            .changed_nothing();
    }
}

/// kubeadm: TestValidateKubeConfig / CA contains whitespace -> ok; same
#[test]
fn white_space_around_the_ca_of_a_kubeconfig_does_not_matter() {
    let tree = TestTree::new();
    let padded = format!("\n \t\n{} \n\n", tree.text("pki/ca.crt"));
    tree.embed("admin.conf", "certificate-authority-data", padded);
    kept(&tree);
}

/// Lets a kubeconfig name its CA as a file instead of embedding it.
fn refer_to_ca(tree: &TestTree, name: &str, ca: &str) {
    let embedded = STANDARD.encode(tree.embedded(name, "certificate-authority-data"));
    tree.replace(
        name,
        &format!("certificate-authority-data: {embedded}"),
        &format!("certificate-authority: {}", tree.path(ca).display()),
    );
}

/// kubeadm: TestValidateKubeConfig / CA is an external file -> ok; same
#[test]
fn a_kubeconfig_whose_ca_is_a_file_of_its_own_is_kept() {
    let tree = TestTree::new();
    refer_to_ca(&tree, "admin.conf", "pki/ca.crt");
    kept(&tree);
}

#[test]
fn a_kubeconfig_that_names_the_file_of_another_ca_is_refused() {
    let tree = TestTree::new();
    refer_to_ca(&tree, "admin.conf", "pki/front-proxy-ca.crt");
    tree.pki(&["init"])
        .exits(3)
        .says("`admin.conf`: it names the file of another CA, `front-proxy-ca`")
        .changed_nothing();
}

/// kubeadm: TestCreateKubeConfigFileIfNotExists / same cluster
#[test]
fn expired_client_certificate_is_refused() {
    let tree = TestTree::new();
    let later = NOW + time::Duration::days(366);
    tree.pki_at(later, &[&["renew"], &PAIRS[..]].concat())
        .exits(0);
    tree.pki_at(later, &["init"])
        .exits(3)
        .says("`admin.conf`: it expired on 2027-11-22")
        .says("pki renew admin.conf")
        .changed_nothing();
}

// External CAs.

/// A tree of which everything that the cluster CA signs is there, and its key is not.
fn external_ca() -> TestTree {
    let tree = TestTree::new();
    tree.remove("pki/ca.key");
    tree
}

fn lacks(tree: &TestTree, names: &[&str]) {
    let run = tree.pki(&["init"]).exits(5).changed_nothing();
    let lacking: Vec<_> = run
        .stdout
        .lines()
        .filter_map(|line| line.trim_start().split_once(": it is missing, and its CA `ca` is external; have that CA sign a certificate for `CN="))
        .filter(|(_, wish)| wish.ends_with("`, usages clientAuth, see `pki help csr`"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(lacking, names, "{run}");
}

/// kubeadm: TestValidateKubeconfigsForExternalCA / files don't exist -> error; stricter: all are named
#[test]
fn an_external_ca_without_any_kubeconfig_is_incomplete() {
    let tree = external_ca();
    tree.remove_all(&KUBECONFIGS);
    lacks(&tree, &KUBECONFIGS);
}

/// kubeadm: TestValidateKubeConfig / does not exist -> error; same: an error where it cannot be made
/// kubeadm: TestValidateKubeconfigsForExternalCA / some don't exist -> error; stricter: each of the five
#[test]
fn an_external_ca_without_one_of_the_kubeconfigs_is_incomplete() {
    for name in KUBECONFIGS {
        let tree = external_ca();
        tree.remove(name);
        lacks(&tree, &[name]);
    }
}

/// kubeadm: TestValidateKubeconfigsForExternalCA / some with invalid CA -> error; stricter: all are named
#[test]
fn an_external_ca_beside_kubeconfigs_of_another_ca_is_refused() {
    let (tree, other) = (external_ca(), TestTree::of_another_cluster());
    for name in ["controller-manager.conf", "kubelet.conf"] {
        tree.write(name, other.read(name));
    }
    tree.pki(&["init"])
        .exits(3)
        .says("`controller-manager.conf`: it does not trust this tree's CA")
        .says("`kubelet.conf`: it does not trust this tree's CA")
        .changed_nothing();
}

/// kubeadm: TestValidateKubeconfigsForExternalCA / different server URL -> ok; stricter: only if it is the same cluster's
#[test]
fn an_external_ca_beside_a_kubeconfig_with_another_server_is_fine_if_it_is_the_same_clusters() {
    let tree = external_ca();
    let own = "https://192.0.2.11:6443";
    tree.replace("kubelet.conf", own, "https://kubernetes.default:6443");
    kept(&tree).says("warning: `kubelet.conf`: its server is `https://kubernetes.default:6443`");
    let tree = external_ca();
    tree.replace("kubelet.conf", own, "https://1.2.3.4:1111");
    tree.pki(&["init"])
        .exits(3)
        .says("`kubelet.conf`: its server is `https://1.2.3.4:1111`")
        .changed_nothing();
}

/// kubeadm: TestValidateKubeconfigsForExternalCA / all valid -> ok; same
#[test]
fn an_external_ca_with_all_its_leaves_is_valid() {
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
fn external_tree(bundle: &[&Authority], issuer: &Authority) -> TestTree {
    let tree = TestTree::empty();
    let pem: String = bundle.iter().map(|ca| ca.pem.as_str()).collect();
    tree.write("pki/ca.crt", pem);
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
        tree.write(&format!("pki/{base}.crt"), certificate);
        tree.write(&format!("pki/{base}.key"), key);
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
        tree.write(name, format!(
            "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority-data: {ca}\n    server: {server}\n  name: kubernetes\n\
             contexts:\n- context:\n    cluster: kubernetes\n    user: {user}\n  name: x\ncurrent-context: x\nkind: Config\n\
             users:\n- name: {user}\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        ));
    }
    tree
}

/// kubeadm: TestValidateKubeconfigsForExternalCAMissingRoot / RootCA, 1A, 2A, 2B without root -> ok; stricter: the client certificates verify
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
        let tree = external_tree(bundle, issuer);
        let config = config_of(EXTERNAL_ETCD);
        let run = tree
            .pki(&["init", "--new-ca", "--config", &config])
            .exits(0);
        let new = "warning: new on this host; copy to the other control plane nodes: `front-proxy-ca`, `sa`\n";
        assert_eq!(run.stderr, new, "{case}: {run}");
        // What is not the external CA's is made, and nothing of what is there changes.
        for change in run.changes.as_ref().unwrap() {
            let is_made = change.ends_with(": made") || change.ends_with("/: written again");
            assert!(is_made, "{case}: {change}");
        }
        assert!(tree.exists("pki/front-proxy-client.crt"), "{case}");
    }
}

/// kubeadm: TestValidateKubeconfigsForExternalCAMissingRoot / different issuer, 2B with only 1A -> error; stricter: all are named
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
        let tree = external_tree(bundle, issuer);
        tree.pki(&["init", "--config", &config])
            .exits(3)
            .says("CA `ca`: it did not sign any of the certificates")
            .changed_nothing();
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

/// kubeadm: TestGetCurrentAuthInfo (`util/kubeconfig`) / 8 shapes -> one is valid; stricter: two users of one name are an error
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
    // client-go takes the last of two entries of one name; it is not clear which one is meant.
    let two = json!([{"name": "kubernetes", "user": {}}, {"name": "kubernetes", "user": {}}]);
    assert!(parse("kubernetes", context("kubernetes", "kubernetes"), two).is_err());
}

/// kubeadm: TestHasCredentials (`util/kubeconfig`) / 5 shapes -> three have some; stricter: which, and half a pair is an error
#[test]
fn the_kinds_of_credentials_are_told_apart() {
    let client = |user: Value| {
        let context = json!([{"name": "x", "context": {"cluster": "c", "user": "u"}}]);
        parse("x", context, json!([{"name": "u", "user": user}]))
            .unwrap()
            .credentials()
    };
    // kubeadm calls such a user one without credentials, and a truncated file has one.
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
