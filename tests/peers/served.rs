//! `pki served` against servers that we did not write: openssl in the place of the components, and a real etcd.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::etcd::{Member, etcdctl_command, fresh_tree, wait_for_health};
use crate::support::{Run, Server, TestTree, free_port, peer, peers, run};

/// A tree with a manifest of the API server, and openssl in its place.
struct Apiserver {
    openssl: PathBuf,
    tree: TestTree,
    port: u16,
}

impl Apiserver {
    fn new(openssl: PathBuf) -> Apiserver {
        let tree = fresh_tree("ECDSA-P256");
        // The kubelet's listener has a fixed port, and is no part of these tests.
        tree.remove("kubelet.conf");
        let port = free_port();
        let options = format!(
            "--secure-port={port}\n    - --bind-address=127.0.0.1\n    - --tls-cert-file=/etc/kubernetes/pki/apiserver.crt\n    - --client-ca-file=/etc/kubernetes/pki/ca.crt\n    - --requestheader-client-ca-file=/etc/kubernetes/pki/front-proxy-ca.crt"
        );
        write_manifest(&tree, "kube-apiserver", &options);
        Apiserver {
            openssl,
            tree,
            port,
        }
    }

    fn start(&self, cas: &[&str], options: &[&str]) -> Server {
        let cas: String = cas
            .iter()
            .map(|ca| self.tree.text(&format!("pki/{ca}.crt")))
            .collect();
        let file = self.tree.beside("clients.crt", cas);
        let pair = ["crt", "key"].map(|end| self.tree.pki_file(&format!("apiserver.{end}")));
        let mut command = server(&self.openssl, self.port, &pair);
        command
            .args(["-verify", "1", "-CAfile", &file])
            .args(options);
        start(&mut command)
    }

    /// Asks an hour later: what changed less than a minute ago may still be loaded.
    fn served(&self) -> Run {
        let later = OffsetDateTime::now_utc() + Duration::HOUR;
        self.tree.pki_at(later, &["served", "-o", "json"])
    }
}

pub(super) fn write_manifest(tree: &TestTree, component: &str, options: &str) {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: {component}\n    command:\n    - {component}\n    - {options}\n"
    );
    tree.write(&format!("manifests/{component}.yaml"), text);
}

fn server(openssl: &Path, port: u16, [certificate, key]: &[PathBuf; 2]) -> Command {
    let mut command = Command::new(openssl);
    command.args(["s_server", "-www", "-accept", &format!("127.0.0.1:{port}")]);
    command.arg("-cert").arg(certificate).arg("-key").arg(key);
    command
}

/// Makes a certificate as a component makes it in memory when it starts, and its key.
fn self_signed(openssl: &Path, tree: &TestTree, subject: &str, days: &str) -> [PathBuf; 2] {
    let pair = ["crt", "key"].map(|end| PathBuf::from(tree.beside(&format!("memory.{end}"), "")));
    let key = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
    ];
    let mut command = Command::new(openssl);
    command.args(["req", "-x509"]).args(key);
    command.args(["-days", days, "-subj", subject, "-out"]);
    run(command.arg(&pair[0]).arg("-keyout").arg(&pair[1])).ok();
    pair
}

fn start(command: &mut Command) -> Server {
    let server = Server::start(command);
    server.wait_for("ACCEPT");
    server
}

/// Returns the ids of the findings about the first endpoint, apart from those about start times.
fn ids(run: &Run) -> Vec<String> {
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = report["endpoints"][0]["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .filter(|id| !["served.files-current", "served.start-unknown"].contains(&id.as_str()))
        .collect()
}

#[test]
fn what_a_server_serves_and_has_loaded_is_compared_with_the_files() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let all = ["ca", "front-proxy-ca"];
    for version in ["-tls1_2", "-tls1_3"] {
        let apiserver = Apiserver::new(openssl.clone());
        let running = apiserver.start(&all, &[version]);
        let good = apiserver.served().exits(0);
        assert_eq!(
            ids(&good),
            ["served.match", "served.ca-loaded"],
            "{version}"
        );

        apiserver
            .tree
            .pki_at(OffsetDateTime::now_utc(), &["renew", "apiserver"])
            .exits(0);
        let stale = apiserver.served().exits(5);
        assert_eq!(
            ids(&stale),
            ["served.stale", "served.ca-loaded"],
            "{version}"
        );
        let report: Value = serde_json::from_str(&stale.stdout).unwrap();
        let restart =
            "crictl stopp $(crictl pods -q --namespace kube-system --name kube-apiserver)";
        assert_eq!(report["restart"][0], restart);
        let now = OffsetDateTime::now_utc();
        let pending = apiserver
            .tree
            .pki_at(now, &["served", "-o", "json"])
            .exits(0);
        assert_eq!(
            ids(&pending),
            ["served.pending", "served.ca-loaded"],
            "{version}"
        );
        drop(running);

        let running = apiserver.start(&["ca", "etcd/ca"], &[version]);
        let other = [
            "served.match",
            "served.ca-not-loaded",
            "served.ca-still-loaded",
        ];
        assert_eq!(ids(&apiserver.served().exits(5)), other, "{version}");
        drop(running);

        let pair = ["crt", "key"].map(|end| apiserver.tree.pki_file(&format!("etcd/server.{end}")));
        let _running = start(server(&openssl, apiserver.port, &pair).arg(version));
        let unknown = apiserver.served().exits(5);
        let expected = [
            "served.unknown",
            "served.ca-not-loaded",
            "served.ca-not-loaded",
        ];
        assert_eq!(ids(&unknown), expected, "{version}");
    }
}

#[test]
fn an_intermediate_that_is_not_served_and_dates_are_reported() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let apiserver = Apiserver::new(openssl);
    let _running = apiserver.start(&["ca", "front-proxy-ca"], &[]);
    // Not the CA that signed it: openssl sends that on its own.
    apiserver
        .tree
        .append("pki/etcd/ca.crt", "pki/apiserver.crt");
    let ids_at = |now, code| {
        ids(&apiserver
            .tree
            .pki_at(now, &["served", "-o", "json"])
            .exits(code))
    };
    let now = OffsetDateTime::now_utc();
    let loaded = "served.ca-loaded";
    assert_eq!(ids_at(now, 0), ["served.chain-incomplete", loaded]);
    let soon = now + Duration::days(350);
    assert_eq!(
        ids_at(soon, 4),
        ["served.chain-incomplete", "served.expires-soon", loaded]
    );
    let late = now + Duration::days(370);
    assert_eq!(
        ids_at(late, 5),
        ["served.chain-incomplete", "served.expired", loaded]
    );
}

#[test]
fn a_component_that_started_before_its_kubeconfig_changed_has_to_be_restarted() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    tree.remove("kubelet.conf");
    let port = free_port();
    write_manifest(
        &tree,
        "kube-controller-manager",
        &format!("--secure-port={port}\n    - --client-ca-file=/etc/kubernetes/pki/ca.crt"),
    );
    let now = OffsetDateTime::now_utc();
    for (started, code, id) in [
        (now - Duration::HOUR, 5, "served.client-stale"),
        (now + Duration::HOUR, 0, "served.files-current"),
        (now, 0, "served.start-unknown"),
    ] {
        let subject = format!("/CN=localhost@{}", started.unix_timestamp());
        let pair = self_signed(&openssl, &tree, &subject, "365");
        let mut command = server(&openssl, port, &pair);
        command
            .args(["-verify", "1", "-CAfile"])
            .arg(tree.pki_file("ca.crt"));
        let _running = start(&mut command);
        let report = tree.pki_at(now, &["served", "-o", "json"]).exits(code);
        let value: Value = serde_json::from_str(&report.stdout).unwrap();
        let endpoint = &value["endpoints"][0];
        let found: Vec<_> = endpoint["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["id"].as_str().unwrap())
            .collect();
        assert!(
            found.contains(&"served.in-memory") && found.contains(&id),
            "{value}"
        );
        let second = OffsetDateTime::from_unix_timestamp(started.unix_timestamp()).unwrap();
        let second = second
            .format(&time::format_description::well_known::Rfc3339)
            .unwrap();
        assert_eq!(endpoint["started"], second);
        assert_eq!(
            value["restart"].as_array().unwrap().len(),
            usize::from(code == 5),
            "{value}"
        );
    }
}

#[test]
fn the_api_servers_certificate_for_itself_tells_when_it_started() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let apiserver = Apiserver::new(openssl.clone());
    let started = OffsetDateTime::now_utc() - Duration::HOUR;
    let subject = format!("/CN=apiserver-loopback-client@{}", started.unix_timestamp());
    let pair = self_signed(&openssl, &apiserver.tree, &subject, "20");
    let pair = pair.each_ref().map(|file| file.to_str().unwrap());
    let options = [
        "-servername",
        "apiserver-loopback-client",
        "-cert2",
        pair[0],
        "-key2",
        pair[1],
    ];
    let _running = apiserver.start(&["ca", "front-proxy-ca"], &options);
    let found = ids(&apiserver.served().exits(5));
    // It started before the files were made that it reads only then.
    let expected = [
        "served.match",
        "served.ca-loaded",
        "served.file-stale",
        "served.file-stale",
        "served.file-stale",
        "served.loopback-expires-soon",
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_cannot_be_read_is_said_and_the_component_is_asked_all_the_same() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let apiserver = Apiserver::new(openssl);
    let running = apiserver.start(&["ca", "front-proxy-ca"], &[]);
    let certificate = apiserver.tree.text("pki/apiserver.crt");
    apiserver.tree.write("pki/apiserver.crt", "damaged");
    let run = apiserver.served().exits(0);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let finding = &report["endpoints"][0]["findings"][0];
    assert_eq!(
        (&finding["id"], &finding["severity"]),
        (&"served.not-compared".into(), &"warning".into())
    );
    drop(running);

    apiserver.tree.write("pki/apiserver.crt", certificate);
    apiserver
        .tree
        .write("manifests/kube-apiserver.yaml", "not a pod");
    // At the usual address, where nothing listens or something else does.
    let run = apiserver.served();
    assert!(
        ids(&run).contains(&"manifest.unreadable".to_owned()),
        "{run}"
    );
}

#[test]
fn an_endpoint_that_shows_no_certificate_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tree = TestTree::new();
    let endpoint = format!("127.0.0.1:{port}");
    let ask = || tree.pki(&["served", "--endpoint", &endpoint]).exits(5);
    // One that accepts the connection, and never answers.
    ask().prints("it does not answer in time");
    let answer = thread::spawn(move || {
        // That of the first question is still waiting.
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 64];
        let length = stream.read(&mut request).unwrap();
        assert!(length > 0);
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        drop(listener.accept().unwrap());
    });
    ask().prints("it does not speak TLS");
    ask().prints("error: 127.0.0.1");
    answer.join().unwrap();
    ask().prints("it cannot be reached: Connection refused");
}

#[test]
fn a_named_endpoint_may_be_on_another_host() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let apiserver = Apiserver::new(openssl);
    let _running = apiserver.start(&["ca", "front-proxy-ca"], &[]);
    let served = |host: &str| {
        let endpoint = format!("{host}:{}", apiserver.port);
        let now = OffsetDateTime::now_utc();
        let arguments = ["served", "--endpoint", &endpoint, "-o", "json"];
        ids(&apiserver.tree.pki_at(now, &arguments).exits(0))
    };
    // The port is no component's, and the API server's certificate does not have the second name.
    assert_eq!(served("127.0.0.1"), ["served.match"]);
    assert_eq!(
        served("localhost"),
        ["served.match", "served.name-mismatch"]
    );
}

#[test]
fn a_certificate_of_another_host_is_told_from_an_earlier_one() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    let keep = |name: &str| {
        ["crt", "key"].map(|end| {
            let bytes = tree.read(&format!("pki/apiserver.{end}"));
            PathBuf::from(tree.beside(&format!("{name}.{end}"), bytes))
        })
    };
    let cas = tree.text("pki/ca.crt") + &tree.text("pki/front-proxy-ca.crt");
    let cas = tree.beside("clients.crt", cas);
    let serve = |[certificate, key]: &[PathBuf; 2]| {
        let mut command = Command::new(&openssl);
        command.args(["s_server", "-www", "-accept", NAMED_ENDPOINT]);
        command.arg("-cert").arg(certificate).arg("-key").arg(key);
        start(command.args(["-verify", "1", "-CAfile", &cas]))
    };
    let now = OffsetDateTime::now_utc();
    let served = |now, code| {
        let run = tree.pki_at(now, &["served", "--endpoint", NAMED_ENDPOINT, "-o", "json"]);
        ids(&run.exits(code)).remove(0)
    };
    let running = serve(&keep("old"));
    assert_eq!(served(now, 0), "served.match");
    let names = "--apiserver-cert-extra-sans=other.example";
    tree.pki_at(now, &["renew", "apiserver", names]).exits(0);
    // The ledger knows the certificate, although its names are not those in the file any more.
    let later = now + Duration::HOUR;
    assert_eq!(served(later, 5), "served.stale");
    // A restart here would not help the other host.
    let run = tree.pki_at(
        later,
        &["served", "--endpoint", NAMED_ENDPOINT, "-o", "json"],
    );
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["restart"], serde_json::json!([]));
    let advice = "restart kube-apiserver on the host of 127.0.77.7:6443";
    assert_eq!(report["endpoints"][0]["findings"][0]["advice"], advice);
    drop(running);

    let _running = serve(&keep("new"));
    assert_eq!(served(later, 0), "served.match");
    tree.pki_at(now, &["rollback"]).exits(0);
    assert_eq!(served(later, 5), "served.stale");
    tree.remove(".pki/ledger.jsonl");
    assert_eq!(served(later, 0), "served.not-compared");
}

#[test]
fn the_kubelets_configuration_tells_its_address_and_its_files() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    let port = free_port();
    let host = |file: &str| tree.root().join(file);
    std::fs::create_dir_all(host("etc/kubelet")).unwrap();
    std::fs::create_dir_all(host("var/lib/kubelet")).unwrap();
    let pair = ["crt", "key"].map(|end| host(&format!("etc/kubelet/server.{end}")));
    for (to, from) in pair.iter().zip(["apiserver.crt", "apiserver.key"]) {
        std::fs::copy(tree.pki_file(from), to).unwrap();
    }
    let configuration = |address: &str| {
        let text = format!(
            "kind: KubeletConfiguration\naddress: {address}\nport: {port}\ntlsCertFile: /etc/kubelet/server.crt\nauthentication:\n  x509:\n    clientCAFile: /etc/kubernetes/pki/ca.crt\n"
        );
        std::fs::write(host("var/lib/kubelet/config.yaml"), text).unwrap();
    };
    // Nothing else is a component of this host.
    write_manifest(&tree, "kube-scheduler", "--secure-port=0");
    configuration("127.0.0.1");
    let mut command = server(&openssl, port, &pair);
    command
        .args(["-verify", "1", "-CAfile"])
        .arg(tree.pki_file("ca.crt"));
    let running = start(&mut command);
    let served = |code| {
        tree.pki_at(OffsetDateTime::now_utc(), &["served", "-o", "json"])
            .exits(code)
    };
    let good = served(0);
    let report: Value = serde_json::from_str(&good.stdout).unwrap();
    assert_eq!(report["endpoints"][0]["component"], "kubelet");
    assert_eq!(
        report["endpoints"][0]["endpoint"],
        format!("127.0.0.1:{port}")
    );
    assert_eq!(ids(&good), ["served.match", "served.ca-loaded"]);
    std::fs::copy(tree.pki_file("front-proxy-client.crt"), &pair[0]).unwrap();
    assert_eq!(ids(&served(0))[0], "served.not-compared");
    drop(running);
    // Its address was read.
    assert_eq!(ids(&served(5)), ["served.unreachable"]);

    std::fs::write(host("var/lib/kubelet/config.yaml"), "port: x\n").unwrap();
    let unreadable = ids(&served(0));
    assert!(
        unreadable.contains(&"manifest.unreadable".to_owned()),
        "{unreadable:?}"
    );
}

#[test]
fn the_api_server_is_asked_for_each_name_with_a_certificate_of_its_own() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let apiserver = Apiserver::new(openssl.clone());
    let tree = &apiserver.tree;
    let directory = tree.root().join("etc/sni");
    std::fs::create_dir_all(&directory).unwrap();
    let pair = ["crt", "key"].map(|end| directory.join(format!("pair.{end}")));
    let replace = |days: &str| {
        let made = self_signed(&openssl, tree, "/CN=api.example", days);
        for (from, to) in made.iter().zip(&pair) {
            std::fs::copy(from, to).unwrap();
        }
    };
    replace("3000");
    tree.replace(
        "manifests/kube-apiserver.yaml",
        "    - --client-ca-file",
        "    - --tls-sni-cert-key=/etc/sni/pair.crt,/etc/sni/pair.key:*.example,192.0.2.1\n    - --client-ca-file",
    );
    let [certificate, key] = pair.each_ref().map(|file| file.to_str().unwrap());
    let cas = ["ca", "front-proxy-ca"];
    let names = [
        "-servername",
        "pki.example",
        "-cert2",
        certificate,
        "-key2",
        key,
    ];
    let _running = apiserver.start(&cas, &names);
    let endpoints = |run: &Run| -> Vec<(String, String)> {
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let endpoints = report["endpoints"].as_array().unwrap().iter();
        endpoints
            .map(|entry| (text(&entry["endpoint"]), text(&entry["findings"][0]["id"])))
            .collect()
    };
    let found = endpoints(&apiserver.served().exits(0));
    let address = format!("127.0.0.1:{}", apiserver.port);
    let own = format!("{address} (pki.example)");
    let is = |id: &str| {
        [
            (address.clone(), "served.match".to_owned()),
            (own.clone(), id.to_owned()),
        ]
    };
    assert_eq!(found, is("served.match"));
    replace("3000");
    assert_eq!(endpoints(&apiserver.served().exits(5)), is("served.stale"));
}

#[test]
fn the_file_that_a_manifest_names_tells_whether_a_component_is_older_than_it() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    tree.remove("kubelet.conf");
    let port = free_port();
    let directory = tree.root().join("etc/other");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::copy(
        tree.path("scheduler.conf"),
        directory.join("scheduler.conf"),
    )
    .unwrap();
    tree.remove("scheduler.conf");
    let options = format!("--secure-port={port}\n    - --kubeconfig=/etc/other/scheduler.conf");
    write_manifest(&tree, "kube-scheduler", &options);
    let now = OffsetDateTime::now_utc();
    let started = now - Duration::HOUR;
    let subject = format!("/CN=localhost@{}", started.unix_timestamp());
    let pair = self_signed(&openssl, &tree, &subject, "365");
    let mut command = server(&openssl, port, &pair);
    let cas = tree.text("pki/ca.crt") + &tree.text("pki/front-proxy-ca.crt");
    command.args(["-verify", "1", "-CAfile", &tree.beside("cas.crt", cas)]);
    let _running = start(&mut command);
    let run = tree.pki_at(now, &["served", "-o", "json"]).exits(5);
    assert!(run.stdout.contains("served.client-stale"), "{run}");
    assert!(
        run.stdout.contains("/etc/other/scheduler.conf changed on"),
        "{run}"
    );
}

/// Starts a server that shows when it started, as a component with a certificate in memory does, and accepts clients of these CAs.
fn started_an_hour_ago(openssl: &Path, tree: &TestTree, port: u16, cas: &[&str]) -> Server {
    let started = OffsetDateTime::now_utc() - Duration::HOUR;
    let subject = format!("/CN=localhost@{}", started.unix_timestamp());
    let pair = self_signed(openssl, tree, &subject, "365");
    let cas: String = cas.iter().map(|ca| tree.text(ca)).collect();
    let mut command = server(openssl, port, &pair);
    command.args(["-verify", "1", "-CAfile", &tree.beside("cas.crt", cas)]);
    start(&mut command)
}

const CLIENT_CAS: [&str; 2] = ["pki/ca.crt", "pki/front-proxy-ca.crt"];

#[test]
fn a_file_behind_a_link_out_of_the_tree_tells_whether_a_component_is_older() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    tree.remove("kubelet.conf");
    let port = free_port();
    let other = tree.root().join("etc/other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::rename(tree.path("scheduler.conf"), other.join("scheduler.conf")).unwrap();
    std::os::unix::fs::symlink("/etc/other/scheduler.conf", tree.path("scheduler.conf")).unwrap();
    write_manifest(&tree, "kube-scheduler", &format!("--secure-port={port}"));
    let _running = started_an_hour_ago(&openssl, &tree, port, &CLIENT_CAS);
    let run = tree.pki_at(OffsetDateTime::now_utc(), &["served", "-o", "json"]);
    let run = run.exits(5);
    assert!(
        ids(&run).contains(&"served.client-stale".to_owned()),
        "{run}"
    );
}

#[test]
fn a_file_that_a_manifest_names_and_that_is_missing_is_not_replaced_by_the_usual_one() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    tree.remove("kubelet.conf");
    let port = free_port();
    let options = format!("--secure-port={port}\n    - --kubeconfig=/etc/kubernetes/gone.conf");
    write_manifest(&tree, "kube-scheduler", &options);
    let _running = started_an_hour_ago(&openssl, &tree, port, &CLIENT_CAS);
    let run = tree.pki_at(OffsetDateTime::now_utc(), &["served", "-o", "json"]);
    let run = run.exits(5);
    let found = ids(&run);
    assert!(found.contains(&"manifest.file-missing".to_owned()), "{run}");
    assert!(!found.contains(&"served.client-stale".to_owned()), "{run}");
    let text = "kube-scheduler is started with `--kubeconfig` `/etc/kubernetes/gone.conf`, which does not exist on this host";
    assert!(run.stdout.contains(text), "{run}");
}

/// The cluster CA may hold a second certificate, and the controller manager sign with a file of its own, or the other way round.
#[test]
fn the_controller_manager_is_judged_by_the_file_that_it_signs_with() {
    let Some(openssl) = peer("openssl") else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    tree.remove("kubelet.conf");
    let port = free_port();
    let ca = tree.text("pki/ca.crt");
    std::fs::create_dir_all(tree.root().join("etc/other")).unwrap();
    let manifest = |option: &str| {
        let options = format!(
            "--secure-port={port}\n    - --client-ca-file=/etc/kubernetes/pki/ca.crt\n    - {option}=/etc/other/signer.crt"
        );
        write_manifest(&tree, "kube-controller-manager", &options);
    };
    let _running = started_an_hour_ago(&openssl, &tree, port, &CLIENT_CAS[..1]);
    for (option, signers, can_restart) in [
        ("--cluster-signing-cert-file", 1, true),
        ("--cluster-signing-cert-file", 2, false),
        ("--cluster-signing-kubelet-serving-cert-file", 2, false),
        ("--root-ca-file", 2, true),
    ] {
        manifest(option);
        let bundle = ca.clone() + &tree.text("pki/front-proxy-ca.crt").repeat(signers - 1);
        std::fs::write(tree.root().join("etc/other/signer.crt"), bundle).unwrap();
        let run = tree.pki_at(OffsetDateTime::now_utc(), &["served", "-o", "json"]);
        let run = run.exits(5);
        let report: Value = serde_json::from_str(&run.stdout).unwrap();
        let restarts = report["restart"].as_array().unwrap().len();
        assert_eq!(restarts, usize::from(can_restart), "{option}: {run}");
        let advice = format!(
            "kube-controller-manager does not start while the file of `{option}` holds several certificates"
        );
        assert_eq!(
            run.stdout.contains(&advice),
            !can_restart,
            "{option}: {run}"
        );
    }
}

/// The API server's port tells the component; the address has no other server.
const NAMED_ENDPOINT: &str = "127.0.77.7:6443";

#[test]
fn etcd_needs_a_restart_to_load_a_ca() {
    let Some([etcd, etcdctl]) = peers(["etcd", "etcdctl"]) else {
        return;
    };
    let tree = fresh_tree("ECDSA-P256");
    tree.remove("kubelet.conf");
    let member = Member::new("one");
    write_manifest(&tree, "etcd", &member.manifest_options());
    let members = std::slice::from_ref(&member);
    let mut servers = [member.start(&etcd, &tree, members)];
    let mut client = etcdctl_command(&etcdctl, &tree, &member);
    for end in ["cert", "key"] {
        let file = format!("etcd/healthcheck-client.{}", &end.replace("cert", "crt"));
        client.arg(format!("--{end}")).arg(tree.pki_file(&file));
    }
    wait_for_health(&mut servers, &mut client);

    let later = OffsetDateTime::now_utc() + Duration::HOUR;
    let good = tree.pki_at(later, &["served", "-o", "json"]).exits(0);
    assert_eq!(ids(&good), ["served.match", "served.ca-loaded"]);
    let complaint = "client didn't provide a certificate";
    assert!(
        !servers[0].log().contains(complaint),
        "{}",
        servers[0].log()
    );

    // The pair is read for each connection, the CAs only once.
    tree.pki_at(OffsetDateTime::now_utc(), &["renew", "etcd-server"])
        .exits(0);
    tree.append("pki/front-proxy-ca.crt", "pki/etcd/ca.crt");
    let stale = tree.pki_at(later, &["served", "-o", "json"]).exits(5);
    assert_eq!(ids(&stale), ["served.match", "served.ca-not-loaded"]);
    drop(servers);
    let mut servers = [member.start(&etcd, &tree, members)];
    wait_for_health(&mut servers, &mut client);
    let good = tree.pki_at(later, &["served", "-o", "json"]).exits(0);
    assert_eq!(ids(&good), ["served.match", "served.ca-loaded"]);
}
