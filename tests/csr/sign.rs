//! `pki csr sign`.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{request_of, with_external_cas};
use crate::support::{
    KEY_USAGE, NOW, Openssl, SAN, TestTree, USAGES, days, fixtures, rows::SIGNED, run,
    run_with_input,
};

/// Makes a key and a request with openssl, and returns the path of the request.
fn request(tree: &TestTree, name: &str, subject: &str, extensions: &[&str]) -> String {
    let config = tree.beside("req.conf", "[req]\ndistinguished_name=none\n[none]\n");
    let key = tree.root().join(format!("{name}.pem"));
    let path = tree.root().join(format!("{name}.csr"));
    let mut words = vec![
        "req",
        "-new",
        "-batch",
        "-config",
        &config,
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        key.to_str().unwrap(),
        "-subj",
        subject,
        "-multivalue-rdn",
        "-out",
        path.to_str().unwrap(),
    ];
    for extension in extensions {
        words.extend(["-addext", extension]);
    }
    tree.openssl(&words);
    path.to_str().unwrap().to_owned()
}

/// Signs one request, and returns the certificate.
#[track_caller]
fn signed(tree: &TestTree, arguments: &[&str]) -> String {
    let run = run(&mut tree.command(&[&["csr", "sign"], arguments].concat())).ok();
    assert!(
        run.stdout.starts_with("-----BEGIN CERTIFICATE-----\n"),
        "{run}"
    );
    run.stdout
}

/// Refuses requests, and changes nothing.
#[track_caller]
fn refuses(tree: &TestTree, arguments: &[&str], reason: &str) {
    tree.pki(&[&["csr", "sign"], arguments].concat())
        .exits(3)
        .says(reason)
        .prints_nothing()
        .changed_nothing();
}

/// Signs a request, or refuses it for this problem.
fn is_judged(tree: &TestTree, arguments: &[&str], problem: &str) {
    match problem {
        "" => drop(signed(tree, arguments)),
        problem => refuses(tree, arguments, problem),
    }
}

const SERVING: &str = "kubernetes.io/kubelet-serving";
const KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";
const LEGACY: &str = "kubernetes.io/legacy-unknown";

#[test]
fn the_certificate_of_each_row_is_the_one_that_init_makes() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    // The node has no CA key; the CA's host has the CAs alone.
    let node = with_external_cas(TestTree::new());
    let authority = TestTree::new();
    authority.remove_rows(&SIGNED);
    let made = openssl.tree(&node);
    node.pki(&["csr", "generate"]).ok();
    for row in SIGNED {
        let path = node.path(&request_of(row));
        let mut arguments = vec![path.to_str().unwrap()];
        arguments.extend((row == "super-admin.conf").then_some("--allow-system-masters"));
        // Any web server may have a `server.csr`, so the name says nothing.
        if ["etcd-server", "etcd-peer"].contains(&row) {
            arguments.extend(["--profile", row]);
        }
        let facts = openssl.facts_of(signed(&authority, &arguments));
        let own = &made[row];
        assert_eq!(
            (
                &facts.subject,
                &facts.issuer,
                &facts.extensions,
                &facts.public_key
            ),
            (&own.subject, &own.issuer, &own.extensions, &own.public_key),
            "{row}"
        );
        assert_eq!(
            (facts.not_before, facts.not_after),
            (own.not_before, own.not_after),
            "{row}"
        );
        assert_ne!(facts.serial, own.serial, "{row}");
    }
}

#[test]
fn each_signature_of_a_tree_is_in_its_ledger() {
    let tree = TestTree::new();
    let before = tree.text(".pki/ledger.jsonl");
    let path = request(&tree, "a", "/CN=someone", &[]);
    let run =
        run(&mut tree.command(&["csr", "sign", &path, "--signer-name", CLIENT, "-o", "json"])).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let certificate = &report["certificates"][0];
    let ledger = tree.text(".pki/ledger.jsonl");
    let added: Value = serde_json::from_str(ledger.strip_prefix(&before).unwrap()).unwrap();
    assert_eq!(added["fingerprint"], certificate["sha256"]);
    assert_eq!(added["serial"], certificate["serial"]);
    assert_eq!(added["command"], "csr sign");
    assert_eq!(added["name"], CLIENT);
    let pem = certificate["certificate"].as_str().unwrap();
    let facts = tree.openssl(&[
        "x509",
        "-in",
        &tree.beside("a.crt", pem),
        "-noout",
        "-fingerprint",
        "-sha256",
    ]);
    let fingerprint = facts
        .stdout
        .trim()
        .rsplit('=')
        .next()
        .unwrap()
        .replace(':', "")
        .to_lowercase();
    assert_eq!(added["fingerprint"], fingerprint);
    tree.pki(&["ledger"]).ok().prints(CLIENT);
}

#[test]
fn several_requests_go_to_files_and_are_imported() {
    let node = with_external_cas(TestTree::new());
    let authority = TestTree::new();
    let [requests, certificates] = ["requests", "certificates"].map(|name| {
        let path = node.root().join(name);
        fs::create_dir(&path).unwrap();
        path.to_str().unwrap().to_owned()
    });
    node.pki(&["csr", "generate", "--new-key", "--csr-dir", &requests])
        .ok();
    let files: Vec<_> = SIGNED
        .iter()
        .map(|row| format!("{requests}/{row}.csr"))
        .collect();
    let mut sign = vec![
        "csr",
        "sign",
        "--allow-system-masters",
        "--out-dir",
        &certificates,
    ];
    sign.extend(files.iter().map(String::as_str));
    authority
        .pki(&[&sign[..], &["--dry-run"]].concat())
        .ok()
        .prints("dry run: 12 to sign; nothing was signed")
        .changed_nothing();
    assert_eq!(fs::read_dir(&certificates).unwrap().count(), 0);
    authority.pki(&sign).ok().prints("12 signed");
    let signed: Vec<_> = SIGNED
        .iter()
        .map(|row| format!("{certificates}/{row}.crt"))
        .collect();
    let mut import = vec!["csr", "import"];
    import.extend(signed.iter().map(String::as_str));
    node.pki(&import).ok().marks('~', &SIGNED);
    node.assert_healthy();
}

#[test]
fn a_certificate_is_not_written_into_a_tree() {
    let tree = TestTree::new();
    tree.pki(&["csr", "generate", "apiserver", "apiserver-kubelet-client"])
        .ok();
    let [one, two] = ["apiserver", "apiserver-kubelet-client"]
        .map(|row| tree.path(&request_of(row)).to_str().unwrap().to_owned());
    refuses(&tree, &[&one, &two], "is in a directory of the tree");
    let [certificate, key] =
        ["ca.crt", "ca.key"].map(|file| tree.pki_file(file).to_str().unwrap().to_owned());
    let given = ["--ca-cert", &certificate, "--ca-key", &key];
    refuses(
        &tree,
        &[&[&*one, &*two][..], &given].concat(),
        "is in a directory of the tree",
    );
}

#[test]
fn a_configuration_without_its_node_is_used_for_what_it_has() {
    let tree = TestTree::new();
    let names = "subjectAltName=DNS:n1";
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nclusterName: c\n",
    );
    let path = request(&tree, "n", "/O=system:nodes/CN=system:node:n1", &[names]);
    let by_config =
        |further: [&'static str; 2]| [path.as_str(), "--config", &config, further[0], further[1]];
    signed(&tree, &by_config(["--signer-name", SERVING]));
    signed(&tree, &by_config(["--usages", "server auth"]));
    let client = request(&tree, "c", "/CN=kube-apiserver-kubelet-client", &[]);
    signed(&tree, &[&client, "--config", &config]);
    // Names and subject of these depend on the node.
    for (row, fields) in [
        (
            "apiserver",
            "`nodeRegistration.name` and `localAPIEndpoint.advertiseAddress`",
        ),
        ("kubelet.conf", "`nodeRegistration.name`"),
    ] {
        let problem = format!(
            "the configuration lacks {fields}, which the certificate of `{row}` depends on"
        );
        refuses(&tree, &by_config(["--profile", row]), &problem);
    }
    let other = tree.beside("bad.yaml", "kind: ClusterConfiguration\n");
    refuses(
        &tree,
        &[&path, "--config", &other, "--signer-name", SERVING],
        "bad.yaml:1:",
    );
}

#[test]
fn a_validity_period_that_no_signer_signs_for_is_refused() {
    let tree = TestTree::new();
    let path = request(&tree, "c", "/CN=c", &[]);
    refuses(
        &tree,
        &[&path, "--signer-name", CLIENT, "--validity-period", "599s"],
        "`--validity-period` is 599 seconds; signer `kubernetes.io/kube-apiserver-client` needs at least 600 seconds",
    );
    signed(
        &tree,
        &[&path, "--signer-name", CLIENT, "--validity-period", "600s"],
    );
    signed(
        &tree,
        &[&path, "--usages", "client auth", "--validity-period", "1s"],
    );
    tree.pki(&[
        "csr",
        "sign",
        &path,
        "--usages",
        "client auth",
        "--validity-period",
        "0s",
    ])
    .exits(2)
    .says("it is shorter than a second")
    .changed_nothing();
}

#[test]
fn out_dir_takes_only_what_has_a_file_name() {
    let tree = TestTree::new();
    let path = request(&tree, "c", "/CN=c", &[]);
    let text = fs::read_to_string(&path).unwrap();
    let directory = tree.root().join("signed");
    fs::create_dir(&directory).unwrap();
    let out = ["--out-dir", directory.to_str().unwrap()];
    let flags = ["csr", "sign", "--signer-name", CLIENT, out[0], out[1]];
    let from_stdin = [&flags[..], &["-"]].concat();
    let both = [&flags[..], &["-", &path]].concat();
    tree.pki_with_input(&from_stdin, &text)
        .exits(3)
        .says("a request from standard input has no name for a file in `--out-dir`")
        .says("hint: leave `--out-dir` out")
        .changed_nothing();
    tree.pki_with_input(&both, &text)
        .exits(3)
        .says("a request from standard input is signed alone")
        .changed_nothing();
    let object = object(&path, CLIENT, &["client auth"]).to_string();
    tree.pki_with_input(&from_stdin, &object)
        .exits(3)
        .says("nothing would be written to `--out-dir`")
        .changed_nothing();
    // One file goes there, the object to standard output.
    let run = run_with_input(&mut tree.command(&both), &object).ok();
    assert!(run.stdout.starts_with('{'), "{run}");
    assert!(directory.join("c.crt").exists());
}

#[test]
fn certificates_that_cannot_be_printed_are_named() {
    let tree = TestTree::new();
    let path = request(&tree, "c", "/CN=c", &[]);
    let lost = |further: &[&str]| {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = tree.command(&[&["csr", "sign", &path], further].concat());
        let output = command.stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = lost(&["--signer-name", CLIENT]);
    let ledger = tree.text(".pki/ledger.jsonl");
    let last: Value = serde_json::from_str(ledger.lines().last().unwrap()).unwrap();
    let certificate = format!(
        "that of `{path}` with serial {}",
        last["serial"].as_str().unwrap()
    );
    for part in [
        &*format!(
            "these certificates are in the ledger but not written: {certificate}: writing to standard output: no space left on device\n"
        ),
        "hint: sign these requests again",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let [certificate, key] =
        ["ca.crt", "ca.key"].map(|file| tree.pki_file(file).to_str().unwrap().to_owned());
    let said = lost(&[
        "--usages",
        "client auth",
        "--ca-cert",
        &certificate,
        "--ca-key",
        &key,
    ]);
    assert!(
        said.contains("these certificates are signed but not written"),
        "{said}"
    );
}

/// etcd's request has the same name, and its certificate is a login to etcd.
#[test]
fn the_request_of_a_web_server_is_not_taken_for_that_of_etcd() {
    let tree = TestTree::new();
    let names = "subjectAltName=DNS:www.example";
    let path = request(&tree, "server", "/CN=www", &[names]);
    refuses(&tree, &[&path], "nothing says what the certificate of");
}

#[test]
fn a_dry_run_looks_at_the_ledger() {
    let tree = TestTree::new();
    let path = request(&tree, "jane", "/CN=jane", &[]);
    tree.remove(".pki/ledger.jsonl");
    fs::create_dir(tree.path(".pki/ledger.jsonl")).unwrap();
    for further in [&["--dry-run"][..], &[]] {
        let arguments = [&[&*path, "--signer-name", CLIENT][..], further].concat();
        refuses(&tree, &arguments, "it is a directory, want a file");
    }
}

#[test]
fn a_file_that_is_no_certificate_is_not_overwritten() {
    let tree = TestTree::new();
    tree.pki(&["csr", "generate", "apiserver"]).ok();
    let request = tree.path(&request_of("apiserver"));
    let directory = tree.root().join("signed");
    fs::create_dir(&directory).unwrap();
    fs::copy(tree.pki_file("ca.key"), directory.join("apiserver.crt")).unwrap();
    let out = ["--out-dir", directory.to_str().unwrap()];
    let arguments = [&[request.to_str().unwrap()][..], &out].concat();
    refuses(&tree, &arguments, "exists and is no certificate");
}

#[test]
fn another_ca_signs_without_a_tree_or_a_ledger() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    tree.make_ca("company", "/CN=Company CA", crate::support::CA);
    let path = request(&tree, "web", "/CN=web", &["subjectAltName=DNS:web.example"]);
    let [certificate, key] = ["company.crt", "company.key"].map(|name| tree.root().join(name));
    let arguments = [
        "--ca-cert",
        certificate.to_str().unwrap(),
        "--ca-key",
        key.to_str().unwrap(),
        "--usages",
        "digital signature,server auth",
        &path,
    ];
    let observed = tree
        .observe(&mut tree.command(&[&["csr", "sign"], &arguments[..]].concat()))
        .ok();
    let facts = openssl.facts_of(&observed.changed_nothing().stdout);
    assert!(facts.issuer.contains("Company CA"));
    assert_eq!(facts.extensions[SAN], "DNS:web.example");
    assert_eq!(facts.extensions[USAGES], "TLS Web Server Authentication");
    assert_eq!(facts.extensions[KEY_USAGE], "Digital Signature");
    openssl
        .verify(
            &certificate,
            signed(&tree, &arguments),
            NOW,
            &["-verify_hostname", "web.example"],
        )
        .ok();

    let other = tree.pki_file("ca.key");
    tree.pki(&[
        "csr",
        "sign",
        &path,
        "--usages",
        "server auth",
        "--ca-cert",
        certificate.to_str().unwrap(),
        "--ca-key",
        other.to_str().unwrap(),
    ])
    .exits(3)
    .says("its key does not belong to it")
    .changed_nothing();
    tree.pki(&[
        "csr",
        "sign",
        &path,
        "--usages",
        "server auth",
        "--ca-cert",
        certificate.to_str().unwrap(),
    ])
    .exits(2);
}

#[test]
fn kube_controller_managers_rules_hold_for_its_signers() {
    let tree = TestTree::new();
    let node = "/O=system:nodes/CN=system:node:n1";
    let names = "subjectAltName=DNS:n1,IP:192.0.2.1";
    for (signer, subject, extensions, problem) in [
        (SERVING, node, &[names][..], ""),
        (
            SERVING,
            node,
            &[],
            "wants at least one DNS name or IP address, it asks for none",
        ),
        (
            SERVING,
            node,
            &["subjectAltName=DNS:n1,email:a@example.net"],
            "has only DNS names and IP addresses, it asks for email:a@example.net",
        ),
        (
            SERVING,
            node,
            &["subjectAltName=DNS:n1,URI:spiffe://a"],
            "it asks for URI:spiffe://a",
        ),
        (
            SERVING,
            "/CN=system:node:n1",
            &[names],
            "wants O `system:nodes` alone, it asks for none",
        ),
        (
            SERVING,
            "/O=system:nodes/O=more/CN=system:node:n1",
            &[names],
            "wants O `system:nodes` alone, it asks for `system:nodes`, `more`",
        ),
        (
            SERVING,
            "/O=system:nodes/CN=n1",
            &[names],
            "wants CN `system:node:<node name>`, it asks for `n1`",
        ),
        (KUBELET, node, &[], ""),
        (
            KUBELET,
            node,
            &[names],
            "has no alternative names, it asks for DNS:n1, IP:192.0.2.1",
        ),
        (
            KUBELET,
            "/O=admins/CN=system:node:n1",
            &[],
            "wants O `system:nodes` alone, it asks for `admins`",
        ),
        (
            CLIENT,
            "/O=team/CN=jane",
            &["subjectAltName=email:jane@example.net"],
            "",
        ),
        (
            CLIENT,
            "/O=system:masters/CN=jane",
            &[],
            "it asks for the group `system:masters`",
        ),
        (
            LEGACY,
            "/CN=anything",
            &[],
            "says no usages, and a certificate without any is good for all",
        ),
    ] {
        let path = request(&tree, "one", subject, extensions);
        let arguments = [path.as_str(), "--signer-name", signer];
        is_judged(&tree, &arguments, problem);
    }
    let path = request(&tree, "masters", "/O=system:masters/CN=jane", &[]);
    signed(
        &tree,
        &[&path, "--signer-name", CLIENT, "--allow-system-masters"],
    );
}

/// Returns a CertificateSigningRequest for a request.
fn object(path: &str, signer: &str, usages: &[&str]) -> Value {
    json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "csr-1", "resourceVersion": "0123", "uid": "1e3"},
        "spec": {
            "groups": ["system:nodes", "system:authenticated"],
            "request": STANDARD.encode(fs::read(path).unwrap()),
            "signerName": signer,
            "usages": usages,
            "username": "system:node:n1",
        },
        "status": {"conditions": [{"type": "Approved", "status": "True", "reason": "r"}]},
    })
}

#[test]
fn an_object_comes_back_with_its_certificate_and_nothing_else_changed() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let path = request(
        &tree,
        "n",
        "/O=system:nodes/CN=system:node:n1",
        &["subjectAltName=DNS:n1"],
    );
    let one = object(&path, SERVING, &["digital signature", "server auth"]);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [one, one], "metadata": {}});
    for (input, pointers) in [
        (one.clone(), &["/status/certificate"][..]),
        (
            list,
            &["/items/0/status/certificate", "/items/1/status/certificate"],
        ),
    ] {
        // JSON is YAML.
        let run = run_with_input(&mut tree.command(&["csr", "sign", "-"]), &input.to_string()).ok();
        let mut output: Value = serde_json::from_str(&run.stdout).unwrap();
        for pointer in pointers {
            let encoded = output
                .pointer(pointer)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned();
            let facts = openssl.facts_of(STANDARD.decode(encoded).unwrap());
            assert!(facts.subject.contains("system:node:n1"));
            assert_eq!(facts.extensions[KEY_USAGE], "Digital Signature");
            assert_eq!(facts.extensions[USAGES], "TLS Web Server Authentication");
            let status = pointer.rsplit_once('/').unwrap().0;
            output
                .pointer_mut(status)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove("certificate");
        }
        assert_eq!(output, input);
        assert!(!run.stderr.contains("warning"), "{run}");
    }
}

#[test]
fn an_object_that_must_not_be_signed_is_refused() {
    let tree = TestTree::new();
    let path = request(
        &tree,
        "n",
        "/O=system:nodes/CN=system:node:n1",
        &["subjectAltName=DNS:n1"],
    );
    let good = object(&path, SERVING, &["digital signature", "server auth"]);
    let with = |pointer: &str, value: Value| {
        let mut object = good.clone();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        object
    };
    for (object, reason) in [
        (
            with("/spec/usages", json!(["server auth"])),
            "wants the usages digital signature",
        ),
        (
            with(
                "/spec/usages",
                json!(["digital signature", "server auth", "client auth"]),
            ),
            "does not sign for the usages client auth",
        ),
        (
            with("/spec/usages", json!(["serverAuth"])),
            "spec.usages: `serverAuth` is no usage",
        ),
        (
            with("/spec/usages", json!([])),
            "spec.usages: want at least one usage",
        ),
        (
            with("/spec/signerName", json!("example.com/own")),
            "its signer `example.com/own` is not one of kube-controller-manager's",
        ),
        (
            with("/spec/signerName", json!(KUBELET)),
            "has no alternative names",
        ),
        (
            with("/spec/expirationSeconds", json!(599)),
            "spec.expirationSeconds is 599, want 600 or more",
        ),
        (
            with("/spec/request", json!("YWJj")),
            "spec.request: it contains no PEM block",
        ),
        (
            with("/status/certificate", json!("YWJj")),
            "it has a certificate, which is written once",
        ),
        (
            with(
                "/status/conditions",
                json!([{"type": "Denied", "status": "True"}]),
            ),
            "its condition Denied is set",
        ),
        (
            with(
                "/status/conditions",
                json!([{"type": "Failed", "status": "True"}]),
            ),
            "its condition Failed is set",
        ),
        (
            with("/apiVersion", json!("certificates.k8s.io/v1beta1")),
            "want certificates.k8s.io/v1 CertificateSigningRequest",
        ),
        (
            json!({"apiVersion": "v1", "kind": "Secret"}),
            "it has an object of kind `v1 Secret`",
        ),
    ] {
        let file = tree.beside("object.yaml", object.to_string());
        refuses(&tree, &[&file], reason);
    }
    // One that is not approved is signed, with a warning; its lifetime is the shorter one.
    let mut early = with("/spec/expirationSeconds", json!(3600));
    early["status"] = json!({});
    let run = run_with_input(&mut tree.command(&["csr", "sign", "-"]), &early.to_string()).ok();
    let run = run.says("it is not approved yet: `kubectl certificate approve csr-1`");
    assert!(run.stderr.contains("expires on 2026-11-22 01:21"), "{run}");
}

#[test]
fn legacy_unknown_and_explicit_usages_give_what_they_name() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let path = request(&tree, "n", "/CN=x", &[]);
    let object = object(
        &path,
        LEGACY,
        &["any", "code signing", "content commitment", "s/mime"],
    );
    let file = tree.beside("object.json", object.to_string());
    let run = run(&mut tree.command(&["csr", "sign", &file, "-o", "json"])).ok();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let facts = openssl.facts_of(report["certificates"][0]["certificate"].as_str().unwrap());
    assert_eq!(facts.extensions[KEY_USAGE], "Non Repudiation");
    assert_eq!(
        facts.extensions[USAGES],
        "Any Extended Key Usage, Code Signing, E-mail Protection"
    );

    let only_client = signed(&tree, &[&path, "--usages", "client auth"]);
    assert!(
        !openssl
            .facts_of(only_client)
            .extensions
            .contains_key(KEY_USAGE)
    );
    // An elliptic-curve key enciphers no keys (RFC 8813 section 3).
    let enciphers = signed(
        &tree,
        &[&path, "--usages", "client auth,key encipherment,signing"],
    );
    assert_eq!(
        openssl.facts_of(enciphers).extensions[KEY_USAGE],
        "Digital Signature"
    );
    refuses(
        &tree,
        &[&path, "--usages", "cert sign,server auth"],
        "it asks to sign certificates or revocation lists",
    );
    tree.pki(&["csr", "sign", &path, "--usages", "nonsense"])
        .exits(2);
}

#[test]
fn a_row_gets_no_more_than_it_has() {
    let tree = TestTree::new();
    let names = "subjectAltName=DNS:api.example.net,IP:192.0.2.11";
    for (row, subject, extensions, problem) in [
        ("apiserver", "/CN=kube-apiserver", &[names][..], ""),
        (
            "apiserver",
            "/CN=kube-apiserver",
            &[],
            "`apiserver` wants at least one DNS name or IP address",
        ),
        (
            "apiserver",
            "/CN=kubernetes-admin",
            &[names],
            "`apiserver` has CN `kube-apiserver`, it asks for `kubernetes-admin`",
        ),
        (
            "apiserver",
            "/O=team/CN=kube-apiserver",
            &[names],
            "`apiserver` has O none, it asks for `team`",
        ),
        (
            "apiserver",
            "/CN=kube-apiserver/CN=kube-apiserver",
            &[names],
            "it asks for `kube-apiserver`, `kube-apiserver`",
        ),
        (
            "apiserver",
            "/CN=kube-apiserver",
            &[names, "extendedKeyUsage=serverAuth,clientAuth"],
            "it asks for more usages than `apiserver` has: clientAuth",
        ),
        (
            "apiserver",
            "/CN=kube-apiserver",
            &[names, "basicConstraints=CA:TRUE"],
            "it asks for a CA certificate (CA:TRUE)",
        ),
        (
            "apiserver",
            "/CN=kube-apiserver",
            &[names, "keyUsage=keyCertSign"],
            "it asks to sign certificates",
        ),
        (
            "apiserver-kubelet-client",
            "/CN=kube-apiserver-kubelet-client",
            &[names],
            "`apiserver-kubelet-client` has no alternative names",
        ),
        ("kubelet.conf", "/O=system:nodes/CN=system:node:n1", &[], ""),
        (
            "kubelet.conf",
            "/O=system:nodes/CN=system:node:",
            &[],
            "it asks for `system:node:`",
        ),
        (
            "admin.conf",
            "/O=system:masters/CN=kubernetes-admin",
            &[],
            "it asks for the group `system:masters`",
        ),
        (
            "super-admin.conf",
            "/O=system:masters/CN=kubernetes-super-admin",
            &[],
            "`--allow-system-masters` allows it",
        ),
    ] {
        let path = request(&tree, "one", subject, extensions);
        let arguments = [path.as_str(), "--profile", row];
        is_judged(&tree, &arguments, problem);
    }
    let path = request(&tree, "one", "/CN=kube-apiserver", &[names]);
    refuses(
        &tree,
        &[&path, "--ca", "etcd-ca"],
        "`apiserver` is signed by the CA `ca`, not by `etcd-ca`",
    );
    refuses(
        &tree,
        &[&path, "--ca", "etcd-ca", "--signer-name", CLIENT],
        "is signed by the CA `ca`, not by `etcd-ca`",
    );
    // With a configuration, its names are the limit.
    let config = tree.beside("config.yaml", tree.read(".pki/cluster.yaml"));
    signed(&tree, &[&path, "--config", &config]);
    let path = request(
        &tree,
        "two",
        "/CN=kube-apiserver",
        &["subjectAltName=DNS:evil.example"],
    );
    refuses(
        &tree,
        &[&path, "--config", &config],
        "it asks for names that the configuration does not have: DNS:evil.example",
    );
}

#[test]
fn a_request_that_nobody_knows_needs_a_profile() {
    let tree = TestTree::new();
    let path = request(&tree, "unknown", "/CN=somebody", &[]);
    tree.pki(&["csr", "sign", &path])
        .exits(3)
        .says("nothing says what the certificate of `CN=somebody` is for")
        .says("hint: use `--profile`")
        .changed_nothing();
}

#[test]
fn a_bad_request_is_refused_with_all_others() {
    let tree = TestTree::new();
    let fixture = |name: &str| {
        fixtures()
            .join("requests")
            .join(name)
            .to_str()
            .unwrap()
            .to_owned()
    };
    for (name, reason) in [
        ("rsa-1024.csr", "its key is weak"),
        ("sha1.csr", "it is signed with SHA-1, which is broken"),
        ("md5.csr", "it is signed with MD5, which is broken"),
        ("ed25519.csr", "its key is not supported"),
        ("ca.csr", "it asks for a CA certificate (CA:TRUE)"),
        ("empty-subject.csr", "names nothing"),
    ] {
        refuses(&tree, &[&fixture(name), "--usages", "client auth"], reason);
    }
    let damaged = request(&tree, "damaged", "/CN=x", &[]);
    let text = fs::read_to_string(&damaged).unwrap();
    let der = pem::parse(&text).unwrap().into_contents();
    let changed: Vec<u8> = match der.windows(1).position(|byte| byte == b"x") {
        Some(place) => der
            .iter()
            .enumerate()
            .map(|(index, byte)| if index == place { b'y' } else { *byte })
            .collect(),
        None => panic!("no name in the request"),
    };
    fs::write(&damaged, changed).unwrap();
    let good = request(&tree, "good", "/CN=x", &[]);
    let [empty, text] = [("empty.csr", ""), ("text.csr", "- a\n- b: [")]
        .map(|(name, bytes)| tree.beside(name, bytes));
    refuses(
        &tree,
        &[&good, &damaged, "--usages", "client auth"],
        "its signature does not verify with its own key",
    );
    tree.pki(&[
        "csr",
        "sign",
        &good,
        &empty,
        &text,
        &fixture("../keys/rsa-2048.pem"),
        "/nonexistent",
    ])
    .exits(3)
    .says("empty.csr`: the file is empty")
    .says("text.csr`: it is neither PEM or DER, nor YAML or JSON")
    .says("private key")
    .says("/nonexistent`: no such file")
    .changed_nothing();
    assert!(!Path::new(&good.replace(".csr", ".crt")).exists());
}

#[test]
fn what_is_left_out_of_a_certificate_is_said() {
    let tree = TestTree::new();
    let path = request(
        &tree,
        "n",
        "/CN=x",
        &["extendedKeyUsage=codeSigning", "1.2.3.4=ASN1:NULL"],
    );
    let run = run(&mut tree.command(&["csr", "sign", &path, "--signer-name", CLIENT])).ok();
    run.says("the certificate will not have the usages 1.3.6.1.5.5.7.3.3, which it asks for")
        .says("the certificate will not have the extension 1.2.3.4, which it asks for");
}

#[test]
fn a_ca_that_cannot_sign_signs_nothing() {
    let tree = TestTree::new();
    let path = request(&tree, "n", "/CN=x", &[]);
    let sign = ["csr", "sign", &path, "--signer-name", CLIENT];
    tree.pki_at(NOW + days(3651), &sign)
        .exits(3)
        .says("CA `ca`: it expired on")
        .changed_nothing();
    // Near its end, the certificate ends with it.
    let run =
        run(&mut tree.command(&[&sign[..], &["--now", "2036-11-01T00:00:00Z"]].concat())).ok();
    run.says("valid only until 2036-11-19, when its CA `ca` expires");
    tree.remove("pki/ca.key");
    tree.pki(&sign)
        .exits(3)
        .says("CA `ca`: its key is not on this host")
        .says("hint: run it where the key of the CA is, or use `--ca-cert` and `--ca-key`")
        .changed_nothing();
    let empty = TestTree::empty();
    empty
        .pki(&sign)
        .exits(3)
        .says("it is not in the tree")
        .changed_nothing();
}
