//! `show`: what files hold, compared with what openssl reads in them.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use x509_cert::der::Tag;

use crate::support::{
    COMMON_NAME, NOW_ARGUMENT, ORGANIZATION, Openssl, Run, SUBJECT_ALT_NAME, TestTree,
    general_names, pki, rows::KUBECONFIGS, run, run_with_input,
};

fn shown(path: impl AsRef<Path>) -> Run {
    run(pki()
        .args(["show", "--now", NOW_ARGUMENT])
        .arg(path.as_ref()))
}

fn entries(path: impl AsRef<Path>) -> Vec<Value> {
    let mut command = pki();
    command.args(["show", "-o", "json", "--now", NOW_ARGUMENT]);
    serde_json::from_str(&run(command.arg(path.as_ref())).exits(0).stdout).unwrap()
}

/// Shows what is on standard input.
fn entries_of(input: &str) -> Vec<Value> {
    let run = run_with_input(pki().args(["show", "-o", "json", "-"]), input).exits(0);
    serde_json::from_str(&run.stdout).unwrap()
}

fn types(entries: &[Value]) -> Vec<&str> {
    let types = entries.iter().map(|entry| entry["type"].as_str().unwrap());
    types.collect()
}

#[test]
fn a_certificate_is_described_in_the_words_of_a_cluster() {
    let tree = TestTree::new();
    shown(tree.path("pki/apiserver.crt"))
        .exits(0)
        .prints("component  API server, serving (`apiserver`)")
        .prints("subject    CN=kube-apiserver")
        .prints("usage      serverAuth")
        .prints(" UTC, 365d left");
    shown(tree.path("admin.conf"))
        .exits(0)
        .prints("admin.conf: kubeconfig")
        .prints("client-certificate-data: certificate")
        .prints("user       kubernetes-admin")
        .prints("groups     kubeadm:cluster-admins");
}

#[test]
fn user_and_groups_are_those_that_kubernetes_reads() {
    let tree = TestTree::new();
    let name = "pki/apiserver-kubelet-client.crt";
    tree.forge(name, "ca", |tbs| {
        tbs.set_subject(&[
            (COMMON_NAME, Tag::Utf8String, b"alice"),
            (ORGANIZATION, Tag::Utf8String, b"dev, system:masters"),
            (ORGANIZATION, Tag::Utf8String, b"a\", \"b"),
            (ORGANIZATION, Tag::Utf8String, b"plain"),
            (COMMON_NAME, Tag::Utf8String, b"system:admin"),
        ]);
        let names = general_names(&[(2, &b"a.example, DNS:b.example"[..]), (2, b"c.example")]);
        tbs.add_extension(SUBJECT_ALT_NAME, false, &names);
    });
    shown(tree.path(name))
        .exits(0)
        .prints("user       system:admin\n")
        .prints(r#"groups     "dev, system:masters", "a\", \"b", plain"#)
        .prints(r#"names      "DNS:a.example, DNS:b.example", DNS:c.example"#);
    let [entry] = &entries(tree.path(name))[..] else {
        panic!();
    };
    assert_eq!(entry["groups"][0], "dev, system:masters");
}

#[test]
fn every_row_of_a_tree_is_recognized() {
    let tree = TestTree::new();
    for row in pki::catalog::CATALOG {
        let file = pki::tree::layout::certificate_file(row)
            .map(|file| format!("pki/{}", file.relative))
            .or_else(|| Some(pki::tree::layout::kubeconfig_file(row)?.relative));
        let entries = entries(tree.path(&file.unwrap()));
        if row.name == "sa" {
            assert_eq!(types(&entries), ["publicKey"]);
            continue;
        }
        let rows: Vec<_> = entries
            .iter()
            .flat_map(|entry| entry["rows"].as_array().into_iter().flatten())
            .collect();
        assert!(rows.contains(&&json!(row.name)), "{}: {rows:?}", row.name);
    }
}

#[test]
fn the_fields_of_a_certificate_are_those_that_openssl_reads() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    for name in ["pki/ca.crt", "pki/apiserver.crt", "pki/etcd/server.crt"] {
        let path = tree.path(name);
        let [entry] = &entries(&path)[..] else {
            panic!("{name}");
        };
        let facts = openssl.facts(&path);
        let serial = entry["serial"].as_str().unwrap().replace(':', "");
        assert_eq!(serial, facts.serial, "{name}");
        let time = |field: &str| {
            let text = entry[field].as_str().unwrap();
            time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
                .unwrap()
        };
        assert_eq!(time("notAfter"), facts.not_after, "{name}");
        let fingerprint = |kind: &str, bytes: &[u8]| {
            let file = openssl.file(kind, bytes);
            let run = openssl.run(&["dgst", "-sha256", "-r", &file]).ok();
            run.stdout.split(' ').next().unwrap().to_owned()
        };
        openssl.run(&[
            "x509",
            "-in",
            path.to_str().unwrap(),
            "-outform",
            "der",
            "-out",
            "der",
        ]);
        let der = openssl.output("der");
        assert_eq!(entry["sha256"], fingerprint("certificate", &der), "{name}");
        let public = openssl.file("public.pem", &facts.public_key);
        openssl.run(&[
            "pkey", "-pubin", "-in", &public, "-outform", "der", "-out", "spki",
        ]);
        let spki = openssl.output("spki");
        assert_eq!(entry["keySha256"], fingerprint("key", &spki), "{name}");
        let extensions = entry["details"]["extensions"].as_array().unwrap();
        assert_eq!(extensions.len(), facts.extensions.len(), "{name}");
        for extension in extensions {
            let critical = extension["critical"].as_bool().unwrap();
            let count = facts
                .extensions
                .keys()
                .filter(|key| key.ends_with(": critical"))
                .count();
            assert!(!critical || count > 0, "{name}");
        }
    }
}

#[test]
fn der_is_shown_like_pem() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let request = Path::new("tests/fixtures/requests/node.csr")
        .canonicalize()
        .unwrap();
    for (command, options, path, kind) in [
        (
            "x509",
            &[][..],
            tree.path("pki/apiserver.crt"),
            "certificate",
        ),
        ("req", &[], request, "request"),
        ("pkey", &[], tree.path("pki/ca.key"), "privateKey"),
        ("ec", &[], tree.path("pki/ca.key"), "privateKey"),
        ("pkey", &["-pubin"], tree.path("pki/sa.pub"), "publicKey"),
    ] {
        let mut arguments = vec![
            command,
            "-in",
            path.to_str().unwrap(),
            "-outform",
            "der",
            "-out",
            "der",
        ];
        arguments.extend(options);
        openssl.run(&arguments).exits(0);
        let [mut der] =
            <[Value; 1]>::try_from(entries(openssl.file("copy", openssl.output("der")))).unwrap();
        let [pem] = <[Value; 1]>::try_from(entries(&path)).unwrap();
        assert_eq!(der["type"], kind);
        der["file"] = pem["file"].clone();
        assert_eq!(der, pem, "{command}");
    }
}

#[test]
fn the_key_of_a_certificate_is_found_by_its_digest() {
    let tree = TestTree::new();
    let digest = |name: &str| entries(tree.path(name))[0]["keySha256"].clone();
    assert_eq!(digest("pki/apiserver.key"), digest("pki/apiserver.crt"));
    assert_eq!(digest("pki/sa.key"), digest("pki/sa.pub"));
    assert_ne!(digest("pki/ca.key"), digest("pki/apiserver.crt"));
}

#[test]
fn an_encrypted_key_is_recognized() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let key = tree.path("pki/ca.key");
    let key = key.to_str().unwrap();
    openssl
        .run(&[
            "pkcs8",
            "-topk8",
            "-in",
            key,
            "-passout",
            "pass:secret",
            "-out",
            "encrypted.pem",
        ])
        .exits(0);
    let path = openssl.file("copy.pem", openssl.output("encrypted.pem"));
    assert_eq!(types(&entries(path)), ["encryptedPrivateKey"]);
}

#[test]
fn kubernetes_objects_are_read_entry_by_entry() {
    let tree = TestTree::new();
    let encoded = |name: &str| BASE64_STANDARD.encode(tree.read(name));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "default"},
        "data": {"tls.crt": encoded("pki/apiserver.crt"), "tls.key": encoded("pki/apiserver.key"), "other": BASE64_STANDARD.encode("text")},
    });
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt"},
        "data": {"ca.crt": tree.text("pki/ca.crt")},
    });
    let request = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "node"},
        "spec": {"request": BASE64_STANDARD.encode(include_bytes!("../fixtures/requests/node.csr"))},
        "status": {"certificate": encoded("pki/apiserver-kubelet-client.crt")},
    });
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [secret, map, request]});
    let shown = entries_of(&list.to_string());
    assert_eq!(
        types(&shown),
        [
            "certificate",
            "privateKey",
            "certificate",
            "request",
            "certificate"
        ]
    );
    let places: Vec<_> = shown
        .iter()
        .map(|entry| entry["place"].as_str().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "Secret `default/tls`, tls.crt",
            "Secret `default/tls`, tls.key",
            "ConfigMap `kube-root-ca.crt`, ca.crt",
            "CertificateSigningRequest `node`, spec.request",
            "CertificateSigningRequest `node`, status.certificate",
        ]
    );
    let documents = format!("---\n{secret}\n---\n{map}\n");
    assert_eq!(entries_of(&documents).len(), 3);
}

#[test]
fn a_revocation_list_has_its_dates_and_its_serial_numbers() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    openssl.file(
        "index.txt",
        "R\t271122002128Z\t261122002128Z\t0A1B2C\tunknown\t/CN=someone\n",
    );
    openssl.file("number", "07\n");
    let config = openssl.file(
        "ca.conf",
        "[ca]\ndefault_ca = x\n[x]\ndatabase = index.txt\ncrlnumber = number\ndefault_md = sha256\ndefault_crl_days = 30\ncrl_extensions = e\n[e]\nauthorityKeyIdentifier = keyid\n",
    );
    let [certificate, key] = ["pki/ca.crt", "pki/ca.key"].map(|name| tree.path(name));
    openssl
        .run(&[
            "ca",
            "-gencrl",
            "-config",
            &config,
            "-cert",
            certificate.to_str().unwrap(),
            "-keyfile",
            key.to_str().unwrap(),
            "-out",
            "list.pem",
        ])
        .exits(0);
    let path = openssl.file("copy.pem", openssl.output("list.pem"));
    let [entry] = &entries(&path)[..] else {
        panic!();
    };
    assert_eq!(entry["type"], "revocationList");
    assert_eq!(entry["issuer"], "CN=kubernetes");
    assert_eq!(entry["number"], "07");
    assert_eq!(entry["revoked"][0]["serial"], "0A:1B:2C");
    assert_eq!(entry["revoked"][0]["time"], "2026-11-22T00:21:28Z");
    shown(path).exits(0).prints("certificate revocation list");
}

#[test]
fn an_unknown_algorithm_is_named_by_its_object_identifier() {
    let tree = TestTree::new();
    let certificate =
        pki::x509::certificate::Certificate::list_from_pem(&tree.read("pki/apiserver.crt"));
    let mut der = certificate.unwrap()[0].der().to_vec();
    // id-ecPublicKey becomes an identifier that nobody has given out.
    let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    let place = der.windows(7).position(|window| window == oid).unwrap();
    der[place + 6] = 0x63;
    let folder = TestTree::empty();
    let file = folder.root().join("certificate.der");
    std::fs::write(&file, der).unwrap();
    shown(&file)
        .exits(0)
        .prints("key        1.2.840.10045.2.99");
}

#[test]
fn no_file_makes_it_panic_and_each_problem_is_named() {
    let folder = TestTree::empty();
    let tree = TestTree::new();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.root().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    for (name, bytes, what) in [
        ("empty", &b""[..], "the file is empty"),
        (
            "text",
            b"hello",
            "neither certificates, keys nor a kubeconfig",
        ),
        ("binary", &[0xff; 100], "neither PEM, DER nor text"),
        (
            "sequence",
            &[0x30, 0x82, 0xff, 0xff],
            "neither PEM, DER nor text",
        ),
        (
            "cut",
            &tree.read("pki/ca.crt")[..200],
            "a block has no END line",
        ),
        ("config", b"kind: Config\n", "kubeconfig: "),
        (
            "secret",
            b"kind: Secret\ndata: {a: '%'}\n",
            "it is not base64",
        ),
    ] {
        shown(write(name, bytes)).exits(3).prints(what);
    }
    let missing = folder.root().join("missing");
    let whole = tree.path("pki/ca.crt");
    run(pki().arg("show").args([&missing, &whole]))
        .exits(3)
        .says("no such file or directory")
        .prints("cluster CA (`ca`)");
}

#[test]
fn the_full_form_has_every_extension() {
    let tree = TestTree::new();
    let run = run(pki()
        .args(["show", "--text", "--now", NOW_ARGUMENT])
        .arg(tree.path("pki/ca.crt")))
    .exits(0);
    for field in [
        "basicConstraints, critical: ",
        "keyUsage, critical: ",
        "subject key id",
        "signature ",
    ] {
        assert!(run.stdout.contains(field), "{field}: {run}");
    }
}

#[test]
fn no_form_shows_a_private_key() {
    let tree = TestTree::new();
    let mut files: Vec<_> = KUBECONFIGS.iter().map(|name| tree.path(name)).collect();
    files.extend(["pki/ca.key", "pki/sa.key", "pki/apiserver.key"].map(|name| tree.path(name)));
    // The kit looks for every secret of the tree in what is printed.
    for arguments in [&[][..], &["--text"], &["-o", "json"], &["-o", "yaml"]] {
        let mut command = pki();
        command.arg("show").args(arguments).args(&files);
        tree.observe(&mut command).exits(0);
    }
}

#[test]
fn text_before_pem_may_begin_like_der() {
    let tree = TestTree::new();
    let certificate = tree.text("pki/ca.crt");
    for text in ["0 s:CN = kubernetes\n", "00", "0\x01x\n", "0"] {
        let entries = entries_of(&format!("{text}\n{certificate}"));
        assert_eq!(types(&entries), ["certificate"], "{text:?}");
    }
}

#[test]
fn a_private_key_of_an_unknown_algorithm_is_not_an_error() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    openssl
        .run(&["genpkey", "-algorithm", "ed25519", "-out", "ed25519.pem"])
        .exits(0);
    openssl
        .run(&[
            "ecparam",
            "-name",
            "secp256k1",
            "-genkey",
            "-noout",
            "-out",
            "sec1.pem",
        ])
        .exits(0);
    openssl
        .run(&[
            "pkcs8",
            "-topk8",
            "-nocrypt",
            "-in",
            "sec1.pem",
            "-out",
            "pkcs8.pem",
        ])
        .exits(0);
    for (name, algorithm) in [
        ("ed25519.pem", "Ed25519"),
        ("sec1.pem", "ECDSA on 1.3.132.0.10"),
        ("pkcs8.pem", "ECDSA on 1.3.132.0.10"),
    ] {
        let text = String::from_utf8(openssl.output(name)).unwrap();
        let [entry] = &entries_of(&text)[..] else {
            panic!("{name}");
        };
        assert_eq!(entry["type"], "privateKey", "{name}");
        assert_eq!(entry["key"], algorithm, "{name}");
        shown(openssl.file("copy.pem", &text))
            .exits(0)
            .does_not_print_a_line_of(&text);
    }
    // An algorithm that has no name yet.
    let key = [0x30, 12, 2, 1, 0, 0x30, 5, 6, 3, 0x2a, 0x63, 0x63, 4, 0];
    let folder = TestTree::empty();
    folder.write("key.der", key);
    shown(folder.path("key.der"))
        .exits(0)
        .prints("key  1.2.99.99");
}

impl Run {
    /// Checks that no line of a PEM file is in the output.
    #[track_caller]
    fn does_not_print_a_line_of(self, pem: &str) -> Run {
        for line in pem.lines().filter(|line| !line.starts_with("-----")) {
            assert!(!self.stdout.contains(line) && !self.stderr.contains(line));
        }
        self
    }
}

#[test]
fn a_kubeconfig_with_an_unusable_part_is_an_error() {
    for (field, bytes, what) in [
        ("certificate-authority-data", "text", "unusable: "),
        ("client-certificate-data", "text", "it is not PEM"),
        ("client-key-data", "text", "it is not PEM"),
    ] {
        let tree = TestTree::new();
        tree.embed("admin.conf", field, bytes);
        shown(tree.path("admin.conf")).exits(3).prints(what);
    }
    let tree = TestTree::new();
    tree.edit("admin.conf", |text| {
        let is_kept = |line: &&str| !line.contains("client-key-data");
        let lines: Vec<_> = text.lines().filter(is_kept).collect();
        lines.join("\n")
    });
    shown(tree.path("admin.conf")).exits(3).prints("unusable: ");
}

#[test]
fn what_only_openssl_uses_is_recognized() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let [certificate, key] = ["pki/ca.crt", "pki/ca.key"].map(|name| tree.path(name));
    let [certificate, key] = [&certificate, &key].map(|path| path.to_str().unwrap());
    openssl
        .run(&[
            "pkcs12",
            "-export",
            "-in",
            certificate,
            "-inkey",
            key,
            "-passout",
            "pass:secret",
            "-out",
            "store",
        ])
        .exits(0);
    shown(openssl.file("copy.p12", openssl.output("store")))
        .exits(3)
        .prints("PKCS#12: `pki` does not read it");
    openssl
        .run(&[
            "x509",
            "-in",
            certificate,
            "-trustout",
            "-addtrust",
            "serverAuth",
            "-out",
            "trusted",
        ])
        .exits(0);
    let trusted = openssl.output("trusted");
    assert!(trusted.starts_with(b"-----BEGIN TRUSTED CERTIFICATE"));
    shown(openssl.file("copy.pem", trusted))
        .exits(0)
        .prints("component  cluster CA (`ca`)");
}

#[test]
fn the_password_in_a_server_is_not_shown() {
    for user in ["admin:PASSWORD1", "admin:PASS/WORD1", "WORD1"] {
        let tree = TestTree::new();
        tree.edit("admin.conf", |text| {
            text.replacen("server: https://", &format!("server: https://{user}@"), 1)
        });
        for format in ["text", "json", "yaml"] {
            let run = run(pki()
                .args(["show", "-o", format])
                .arg(tree.path("admin.conf")))
            .exits(0)
            .prints("https://(not shown)@");
            assert!(!run.stdout.contains("WORD1"), "{run}");
        }
    }
}

#[test]
fn long_values_do_not_fill_the_screen() {
    let tree = TestTree::new();
    let name = "pki/apiserver.crt";
    tree.forge(name, "ca", |tbs| {
        tbs.set_serial(&[0x11; 3000]);
        let names: Vec<_> = (0..50).map(|number| format!("n{number}.example")).collect();
        let names: Vec<_> = names.iter().map(|name| (2, name.as_bytes())).collect();
        tbs.set_extension(SUBJECT_ALT_NAME, &general_names(&names));
    });
    let shown = shown(tree.path(name)).exits(0);
    let serial = ["11"; 40].join(":");
    let shown = shown
        .prints(&format!("serial     {serial}… (3000 octets)\n"))
        .prints("DNS:n19.example and 30 more, 50 in all\n");
    assert!(!shown.stdout.contains("n20.example"));
    run(pki().args(["show", "--text"]).arg(tree.path(name)))
        .exits(0)
        .prints("DNS:n48.example, DNS:n49.example\n");
    let [entry] = &entries(tree.path(name))[..] else {
        panic!();
    };
    assert_eq!(entry["serial"].as_str().unwrap().len(), 3000 * 3 - 1);
    assert_eq!(entry["sans"].as_array().unwrap().len(), 50);
}

#[test]
fn an_etcd_certificate_is_named_by_its_file_and_is_no_user() {
    let tree = TestTree::new();
    for (file, other) in [("server", "peer"), ("peer", "server")] {
        let run = shown(tree.path(&format!("pki/etcd/{file}.crt"))).exits(0);
        assert!(run.stdout.contains(&format!("(`etcd-{file}`)\n")), "{run}");
        assert!(!run.stdout.contains(&format!("`etcd-{other}`")), "{run}");
        assert!(!run.stdout.contains("  user "), "{run}");
    }
    tree.copy("pki/etcd/peer.crt", "copy.crt");
    shown(tree.path("copy.crt"))
        .exits(0)
        .prints("(`etcd-server`), or ")
        .prints("(`etcd-peer`)\n");
}

#[test]
fn a_signing_request_has_its_signer_and_its_usages() {
    let request = json!({
        "apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "node"},
        "spec": {
            "request": BASE64_STANDARD.encode(include_bytes!("../fixtures/requests/node.csr")),
            "signerName": "kubernetes.io/kubelet-serving",
            "usages": ["digital signature", "server auth"],
        },
    });
    let entries = entries_of(&request.to_string());
    assert_eq!(types(&entries), ["signingRequest", "request"]);
    assert_eq!(entries[0]["signerName"], "kubernetes.io/kubelet-serving");
    let folder = TestTree::empty();
    folder.write("request.json", request.to_string());
    shown(folder.path("request.json"))
        .exits(0)
        .prints("request.json, CertificateSigningRequest `node`: request to a signer\n")
        .prints("signer  kubernetes.io/kubelet-serving\n")
        .prints("usages  digital signature, server auth\n");
}

#[test]
fn every_place_of_a_ca_in_the_api_is_read() {
    let tree = TestTree::new();
    let ca = BASE64_STANDARD.encode(tree.read("pki/ca.crt"));
    let metadata = json!({"name": "x"});
    let client = json!({"caBundle": ca});
    for (object, place) in [
        (
            json!({"kind": "ConfigMap", "metadata": metadata, "binaryData": {"ca.crt": ca}}),
            "ConfigMap `x`, ca.crt",
        ),
        (
            json!({"kind": "ValidatingWebhookConfiguration", "metadata": metadata, "webhooks": [{}, {"clientConfig": client}]}),
            "ValidatingWebhookConfiguration `x`, webhooks.1.clientConfig.caBundle",
        ),
        (
            json!({"kind": "MutatingWebhookConfiguration", "metadata": metadata, "webhooks": [{"clientConfig": client}]}),
            "MutatingWebhookConfiguration `x`, webhooks.0.clientConfig.caBundle",
        ),
        (
            json!({"kind": "APIService", "metadata": metadata, "spec": client}),
            "APIService `x`, spec.caBundle",
        ),
        (
            json!({"kind": "CustomResourceDefinition", "metadata": metadata, "spec": {"conversion": {"webhook": {"clientConfig": client}}}}),
            "CustomResourceDefinition `x`, spec.conversion.webhook.clientConfig.caBundle",
        ),
    ] {
        let list = json!({"kind": "List", "items": [object]});
        let mut typed = object.clone();
        let kind = typed.as_object_mut().unwrap().remove("kind").unwrap();
        let kind = format!("{}List", kind.as_str().unwrap());
        let typed = json!({"kind": kind, "items": [typed]});
        for object in [object, list, typed] {
            let entries = entries_of(&object.to_string());
            assert_eq!(types(&entries), ["certificate"], "{object}");
            assert_eq!(entries[0]["place"], place);
        }
    }
}

#[test]
fn a_kubeconfig_may_be_one_of_several_objects() {
    let tree = TestTree::new();
    let [admin, kubelet] = ["admin.conf", "kubelet.conf"].map(|name| tree.text(name));
    let list = format!(
        "kind: List\nitems:\n- {}\n",
        admin.trim_end().replace('\n', "\n  ")
    );
    let alone = entries_of(&admin);
    assert_eq!(types(&alone)[0], "kubeconfig");
    assert_eq!(entries_of(&list), alone);
    let both = entries_of(&format!("{admin}---\n{kubelet}"));
    assert_eq!(both.len(), 2 * alone.len());
}

#[test]
fn a_proof_that_cannot_be_checked_is_not_called_invalid() {
    for (name, proof) in [
        ("ed25519", "not checked: its key is not supported"),
        ("secp256k1", "not checked: the elliptic curve"),
        ("rsa-1024", "invalid: its key is weak"),
        ("node", "signed with its key"),
    ] {
        let path = Path::new("tests/fixtures/requests").join(format!("{name}.csr"));
        shown(path.canonicalize().unwrap())
            .exits(0)
            .prints(&format!("  {proof}"));
        let [entry] = &entries(path.canonicalize().unwrap())[..] else {
            panic!("{name}");
        };
        let is = |field: &str| entry[field].is_string();
        assert_eq!(is("proofNotChecked"), proof.starts_with("not"), "{name}");
        assert_eq!(is("proofError"), proof.starts_with("invalid"), "{name}");
    }
}

#[test]
fn malformed_yaml_is_named_by_its_position() {
    let folder = TestTree::empty();
    let bomb: String = (1..30)
        .map(|level| {
            format!(
                "a{level}: &a{level} [{}]\n",
                vec![format!("*a{}", level - 1); 9].join(", ")
            )
        })
        .collect();
    let secret = "U0VDUkVUU0VDUkVUU0VDUkVU";
    for (text, what) in [
        (
            format!("kind: Secret\ndata:\n  a: [{secret}\n  b: x\n"),
            "it is neither PEM, DER nor YAML (line ",
        ),
        (
            format!("a0: &a0 [{secret}]\n{bomb}"),
            "it is nested too deeply, or has too many nodes or aliases",
        ),
    ] {
        folder.write("file", &text);
        let run = shown(folder.path("file")).exits(3).prints(what);
        assert!(!run.stdout.contains(secret), "{run}");
        assert!(!run.stderr.contains(secret), "{run}");
    }
}
