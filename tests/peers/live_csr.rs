//! Certificates of CertificateSigningRequest objects, beside those of a real controller manager: `cargo xtask live`.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::live::{Component, RELOAD, controller_manager};
use super::live_join::{Cluster, now};
use crate::support::{CertificateFacts, Openssl, run_with_input};

/// A signer with the subject, the extensions and the usages of a request to it.
type Case = (
    &'static str,
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// The API has no `kubernetes.io/legacy-unknown` in version 1.
const CASES: [Case; 3] = [
    (
        "kubernetes.io/kube-apiserver-client",
        "/O=developers/CN=alice",
        &[],
        &["digital signature", "client auth"],
    ),
    (
        "kubernetes.io/kube-apiserver-client-kubelet",
        "/O=system:nodes/CN=system:node:cp-9",
        &[],
        &["digital signature", "key encipherment", "client auth"],
    ),
    (
        "kubernetes.io/kubelet-serving",
        "/O=system:nodes/CN=system:node:cp-9",
        &["subjectAltName=DNS:cp-9,IP:192.0.2.19"],
        &["digital signature", "key encipherment", "server auth"],
    ),
];

impl Cluster {
    /// Makes an approved object for a request.
    fn approved(&self, name: &str, request: &[u8], signer: &str, usages: &[&str]) {
        let object = json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {"request": STANDARD.encode(request), "signerName": signer, "usages": usages},
        });
        self.apply(&object.to_string());
        self.kubectl(None, &["certificate", "approve", name], "")
            .ok();
    }

    fn object(&self, name: &str, format: &str) -> String {
        self.kubectl(None, &["get", "csr", name, "-o", format], "")
            .ok()
            .stdout
    }

    fn status(&self, name: &str) -> Value {
        let object: Value = serde_json::from_str(&self.object(name, "json")).unwrap();
        object["status"].clone()
    }

    /// Waits until the controller manager has signed, and returns the certificate.
    fn signed(&self, name: &str) -> Vec<u8> {
        let started = Instant::now();
        loop {
            let status = self.status(name);
            if let Some(text) = status["certificate"].as_str() {
                return STANDARD.decode(text).unwrap();
            }
            assert!(started.elapsed() < RELOAD, "{name}: {status}");
            sleep(Duration::from_millis(500));
        }
    }
}

const KEY_IDENTIFIER: &str = "X509v3 Subject Key Identifier";

/// Returns what has to be the same in both: everything but the serial number, the dates, the key identifier that only `pki` gives a
/// leaf, and the types of strings, which `pki` keeps as they are in the request.
fn compared(mut facts: CertificateFacts) -> CertificateFacts {
    facts.extensions.remove(KEY_IDENTIFIER);
    CertificateFacts {
        serial: String::new(),
        subject: facts.subject.replace("UTF8STRING:", "PRINTABLESTRING:"),
        not_before: facts.not_after,
        ..facts
    }
}

#[test]
#[ignore = "needs PKI_KUBERNETES_BIN: cargo xtask live"]
fn a_real_api_server_takes_certificates_as_a_controller_manager_makes_them() {
    let (Some(cluster), Some(openssl)) = (Cluster::start(), Openssl::find()) else {
        return;
    };
    let mut requests = Vec::new();
    for (signer, subject, extensions, usages) in CASES {
        let name = signer.rsplit('/').next().unwrap();
        let mut words = vec!["req", "-new", "-batch", "-nodes", "-newkey", "rsa:2048"];
        let key = format!("{name}.key");
        words.extend(["-keyout", &key, "-out", "request.csr", "-subj", subject]);
        for extension in extensions {
            words.extend(["-addext", extension]);
        }
        openssl.run(&words).ok();
        let request = openssl.output("request.csr");
        cluster.approved(name, &request, signer, usages);
        // The pipe of `pki help csr`.
        let object = cluster.object(name, "yaml");
        let mut sign = cluster.tree.command(&["csr", "sign", "-", "--now", &now()]);
        let signed = run_with_input(&mut sign, &object).ok().stdout;
        let path = format!("/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}/status");
        cluster
            .kubectl(None, &["replace", "--raw", &path, "-f", "-"], &signed)
            .ok();
        let status = cluster.status(name);
        assert_eq!(status["conditions"][0]["type"], "Approved", "{status}");
        requests.push((name, signer, usages, request));
    }
    // It signs only what has no certificate yet.
    let mut manager: Component = controller_manager();
    manager
        .options
        .retain(|option| !option.starts_with("--controllers="));
    manager.options.push("--controllers=csrsigning".to_owned());
    cluster.tree.edit("controller-manager.conf", |text| {
        text.replace("127.0.0.1:6443", &cluster.endpoint)
    });
    // Kubeadm's manager has a service account for each controller; this one has only its own user.
    let binding = [
        "clusterrolebinding",
        "manager",
        "--clusterrole=cluster-admin",
    ];
    let user = "--user=system:kube-controller-manager";
    let create = [&["create"], &binding[..], &[user]].concat();
    cluster.kubectl(None, &create, "").ok();
    let _manager = manager.start(&cluster.tree);
    for (name, signer, usages, request) in &requests {
        let again = format!("{name}-again");
        cluster.approved(&again, request, signer, usages);
        let own = openssl.facts_of(cluster.signed(name));
        let other = openssl.facts_of(cluster.signed(&again));
        assert_ne!(own.serial, other.serial);
        // They were made some time after each other.
        let length = |facts: &CertificateFacts| facts.not_after - facts.not_before;
        assert_eq!(length(&own), length(&other), "{name}");
        let (own, other) = (compared(own), compared(other));
        assert_eq!(
            (own.subject, own.issuer, own.public_key, own.extensions),
            (
                other.subject,
                other.issuer,
                other.public_key,
                other.extensions
            ),
            "{name}"
        );
    }
    // The user of the certificate is known to the API server.
    let certificate = openssl.file("alice.crt", cluster.signed("kube-apiserver-client"));
    let key = openssl.file("alice.key", openssl.output("kube-apiserver-client.key"));
    let kubeconfig = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "a", "cluster": {
            "server": format!("https://{}", cluster.endpoint),
            "certificate-authority": cluster.tree.pki_file("ca.crt"),
        }}],
        "users": [{"name": "a", "user": {"client-certificate": certificate, "client-key": key}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "current-context": "a",
    });
    let kubeconfig = cluster.tree.beside("alice.conf", kubeconfig.to_string());
    let refused = cluster.kubectl(Some(&kubeconfig), &["get", "secrets"], "");
    assert!(
        refused.stderr.contains("User \"alice\" cannot list"),
        "{refused}"
    );
}
