//! `pki csr import`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{request_of, with_external_cas};
use crate::support::{
    NOW, Openssl, TestTree, days,
    rows::{SIGNED, files_of},
};

/// An extension file that gives a client what it asks for.
const CLIENT: &str = "keyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n";

/// Has the external CA of a row sign its request with `openssl ca`, and returns the path of the certificate.
fn signed(tree: &TestTree, row: &str, ca: &str) -> String {
    let (name, request) = (format!("signed-{row}.crt"), request_of(row));
    let directory = tree.root().join(format!("openssl-{row}"));
    std::fs::create_dir_all(&directory).unwrap();
    let in_directory = |file: &str| directory.join(file).to_str().unwrap().to_owned();
    for (file, text) in [
        ("index", String::new()),
        ("serial", "1234\n".to_owned()),
        (
            "ca.conf",
            format!(
                "[ca]\ndefault_ca=own\n[own]\ndatabase={0}/index\nserial={0}/serial\nnew_certs_dir={0}\n\
                 default_md=sha256\npolicy=any\ncopy_extensions=copy\n[any]\norganizationName=optional\n\
                 commonName=supplied\n",
                directory.display()
            ),
        ),
    ] {
        std::fs::write(in_directory(file), text).unwrap();
    }
    let [certificate, ca_certificate, ca_key] = [name, format!("{ca}.crt"), format!("{ca}.key")]
        .map(|file| tree.root().join(file).to_str().unwrap().to_owned());
    let start = crate::support::utc_time(NOW - days(1));
    let end = crate::support::utc_time(NOW + days(200));
    tree.openssl(&[
        "ca",
        "-batch",
        "-notext",
        "-preserveDN",
        "-config",
        &in_directory("ca.conf"),
        "-startdate",
        &start,
        "-enddate",
        &end,
        "-cert",
        &ca_certificate,
        "-keyfile",
        &ca_key,
        "-in",
        &request,
        "-out",
        &certificate,
    ]);
    certificate
}

/// Returns the name of the CA of a row, as [`with_external_cas`] puts its files beside the tree.
fn ca_of(row: &str) -> &'static str {
    pki::catalog::find(row).unwrap().signer().unwrap().name
}

#[test]
fn a_whole_node_is_made_with_certificates_of_external_cas() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = TestTree::empty();
    let cas = with_external_cas(TestTree::new());
    tree.init(&["--external-ca"]).ok();
    for (base, name) in [
        ("ca", "ca"),
        ("front-proxy-ca", "front-proxy-ca"),
        ("etcd/ca", "etcd-ca"),
    ] {
        for end in ["crt", "key"] {
            let bytes = std::fs::read(cas.root().join(format!("{name}.{end}"))).unwrap();
            tree.beside(&format!("{name}.{end}"), bytes);
        }
        tree.write(
            &format!("pki/{base}.crt"),
            cas.read(&format!("pki/{base}.crt")),
        );
    }
    let certificates: Vec<_> = SIGNED
        .iter()
        .map(|row| signed(&tree, row, ca_of(row)))
        .collect();
    let files: Vec<_> = certificates.iter().map(String::as_str).collect();
    let import = [&["csr", "import"], &files[..]].concat();
    tree.pki(&[&import[..], &["--dry-run"]].concat())
        .ok()
        .marks('+', &SIGNED)
        .changed_nothing();
    tree.pki(&import).ok().marks('+', &SIGNED).prints("12 new");
    for row in SIGNED {
        assert!(!tree.exists(&request_of(row)), "{row}");
    }
    tree.assert_healthy();
    let trusts = tree.embedded("admin.conf", "certificate-authority-data");
    assert_eq!(trusts, tree.read("pki/ca.crt"));
    // What was signed elsewhere is not in the ledger, and cannot be installed twice.
    tree.pki(&["ledger"]).ok().does_not_say("csr import");
    tree.pki(&import).exits(0).changed_files(&[""; 0]);
}

#[test]
fn a_new_key_takes_its_place_together_with_its_certificate() {
    if Openssl::find().is_none() {
        return;
    }
    for row in ["apiserver", "etcd-server", "admin.conf", "kubelet.conf"] {
        let tree = with_external_cas(TestTree::new());
        let files: Vec<_> = files_of(row)
            .iter()
            .map(|file| (file.clone(), tree.read(file)))
            .collect();
        tree.pki(&["csr", "generate", row, "--new-key"]).ok();
        let certificate = signed(&tree, row, ca_of(row));
        let request = request_of(row);
        let mut changed = files_of(row);
        changed.extend([format!("{request}.key"), request]);
        tree.pki(&["csr", "import", &certificate])
            .ok()
            .marks('~', &[row])
            .prints("new ECDSA-P256")
            .prints("the old files are kept as generation")
            .changed_files(&changed);
        tree.assert_healthy();
        tree.pki(&["rollback"]).ok().changed_rows(&[row]);
        for (file, old) in files {
            assert_eq!(tree.read(&file), old, "{file}");
        }
        tree.pki(&["rollback", "--redo"]).ok();
        tree.assert_healthy();
    }
}

/// A kill between the commit and the removal of the request leaves it.
#[test]
fn what_a_killed_import_leaves_is_no_request() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "etcd-peer", "--new-key"])
        .ok();
    let names = ["pki/etcd/peer.csr", "pki/etcd/peer.csr.key"];
    let left = names.map(|name| tree.read(name));
    let certificate = signed(&tree, "etcd-peer", "etcd-ca");
    tree.pki(&["csr", "import", &certificate]).ok();
    let restore = || {
        for (name, bytes) in names.iter().zip(&left) {
            tree.write(name, bytes);
        }
    };
    restore();
    tree.pki(&["verify"]).exits(0).prints("[request.settled]");
    // The import can be repeated, and removes it.
    tree.pki(&["csr", "import", &certificate])
        .ok()
        .changed_files(&names);
    assert!(names.iter().all(|name| !tree.exists(name)));
    // A new key is not taken for the one that is in use.
    restore();
    tree.pki(&["csr", "generate", "etcd-peer", "--new-key"])
        .ok()
        .prints("new ECDSA-P256")
        .changed_files(&names);
    tree.pki(&["verify"]).exits(0).prints("[request.pending]");
}

#[test]
fn a_key_in_use_keeps_its_place() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "front-proxy-client"]).ok();
    let certificate = signed(&tree, "front-proxy-client", "front-proxy-ca");
    tree.pki(&["csr", "import", &certificate])
        .ok()
        .changed_files(&["pki/front-proxy-client.crt", "pki/front-proxy-client.csr"]);
    tree.assert_healthy();
}

/// The old key is renewed once more while the new one waits for its certificate.
#[test]
fn a_new_key_that_still_waits_is_kept() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "front-proxy-client"]).ok();
    let certificate = signed(&tree, "front-proxy-client", "front-proxy-ca");
    let new_key = ["csr", "generate", "front-proxy-client", "--new-key"];
    tree.pki(&new_key).ok();
    tree.pki(&["csr", "import", &certificate])
        .ok()
        .changed_files(&["pki/front-proxy-client.crt"]);
    let certificate = signed(&tree, "front-proxy-client", "front-proxy-ca");
    tree.pki(&["csr", "import", &certificate]).ok();
    assert!(!tree.exists("pki/front-proxy-client.csr.key"));
    tree.assert_healthy();
}

/// Refuses a certificate, and installs nothing.
#[track_caller]
fn refuses(tree: &TestTree, certificate: &str, reason: &str) {
    let path = tree.beside("bad.crt", certificate);
    tree.pki(&["csr", "import", &path])
        .exits(3)
        .says(reason)
        .says("hint: ")
        .changed_nothing();
}

#[test]
fn a_certificate_that_does_not_fit_is_refused() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "apiserver", "apiserver-kubelet-client"])
        .ok();
    let names = tree.apiserver_names();
    let server =
        format!("keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n{names}");
    let sign = |key: &str, subject: &str, extensions: &str| {
        tree.signed_by("../../ca", key, subject, extensions, &[])
    };
    let apiserver = |extensions: &str| sign("pki/apiserver.key", "/CN=kube-apiserver", extensions);
    let client = |subject: &str| sign("pki/apiserver-kubelet-client.key", subject, CLIENT);

    refuses(
        &tree,
        &apiserver("extendedKeyUsage=serverAuth\n"),
        "it lacks names that were asked for: DNS:*.apps.example.net",
    );
    refuses(
        &tree,
        &apiserver(&server.replace("DNS:kubernetes.default, ", "")),
        "it lacks names that were asked for: DNS:kubernetes.default",
    );
    refuses(
        &tree,
        &apiserver(&names),
        "it lacks extended key usages that were asked for: serverAuth",
    );
    refuses(
        &tree,
        &apiserver(&format!("basicConstraints=CA:TRUE\n{server}")),
        "it is a CA certificate (CA:TRUE), want a leaf",
    );
    refuses(
        &tree,
        &client("/CN=kubernetes-admin"),
        "it has CN `kubernetes-admin`, want `kube-apiserver-kubelet-client`",
    );
    refuses(
        &tree,
        &client("/O=system:masters/CN=kube-apiserver-kubelet-client"),
        "it has O `system:masters`, want none",
    );

    // Of another CA, and of a CA that is not the row's.
    for ca in ["../../etcd-ca", "../../front-proxy-ca"] {
        let pem = tree.signed_by(ca, "pki/apiserver.key", "/CN=kube-apiserver", &server, &[]);
        refuses(
            &tree,
            &pem,
            "`apiserver`: it is not signed by its CA; the certificate is not installed",
        );
    }
    // Its key is elsewhere.
    let other = TestTree::of_another_cluster();
    refuses(
        &tree,
        &other.text("pki/apiserver.crt"),
        "no private key of the tree belongs to the certificate",
    );

    // Nothing of a run is installed if one certificate is bad.
    let good = tree.beside("good.crt", client("/CN=kube-apiserver-kubelet-client"));
    let bad = tree.beside("bad.crt", apiserver("extendedKeyUsage=serverAuth\n"));
    let foreign = tree.beside("foreign.crt", other.text("pki/etcd/peer.crt"));
    tree.pki(&["csr", "import", &good, &bad, &foreign])
        .exits(3)
        .says("/bad.crt`: it lacks names")
        .says("/foreign.crt`: no private key")
        .changed_nothing();
    tree.pki(&["csr", "import", &good, &good])
        .exits(3)
        .says("has a certificate for `apiserver-kubelet-client`, too")
        .changed_nothing();
    tree.pki(&["csr", "import", &good]).ok();
}

/// The request would be signed and refused for ever.
#[test]
fn a_request_that_the_configuration_has_outgrown_is_made_again() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "apiserver"]).ok();
    let config = tree.text(".pki/cluster.yaml");
    let config = config.replace("certSANs:\n", "certSANs:\n  - new.example\n");
    let config = tree.beside("new.yaml", config);
    let certificate = signed(&tree, "apiserver", "ca");
    let import = ["csr", "import", &certificate, "--config", &config];
    let run = tree
        .pki(&import)
        .exits(3)
        .says(
            "it lacks names from the configuration: DNS:new.example; the certificate is not installed",
        )
        .changed_nothing();
    let hint = run.stderr.lines().find_map(|line| {
        line.trim()
            .strip_prefix("hint: make a new request and have it signed: run `")?
            .strip_suffix('`')
    });
    let words: Vec<_> = hint.unwrap_or_else(|| panic!("{run}")).split(' ').collect();
    assert_eq!(words[..4], ["pki", "csr", "generate", "apiserver"]);
    crate::support::run(crate::support::pki().args(&words[1..])).ok();
    let certificate = signed(&tree, "apiserver", "ca");
    tree.pki(&["csr", "import", &certificate, "--config", &config])
        .ok();
}

#[test]
fn a_configuration_without_its_node_is_enough() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "front-proxy-client"]).ok();
    let certificate = signed(&tree, "front-proxy-client", "front-proxy-ca");
    tree.remove_rows(&["apiserver", "etcd-server", "etcd-peer", "kubelet.conf"]);
    tree.forget_configuration();
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n",
    );
    tree.pki(&["csr", "import", &certificate, "--config", &config])
        .exits(0)
        .changed_files(&["pki/front-proxy-client.crt", "pki/front-proxy-client.csr"]);
}

#[test]
fn certificates_are_taken_as_der_as_objects_and_as_one_bundle() {
    if Openssl::find().is_none() {
        return;
    }
    let rows = ["apiserver", "front-proxy-client", "scheduler.conf"];
    let made = || {
        let tree = with_external_cas(TestTree::new());
        tree.pki(&[&["csr", "generate"], &rows[..]].concat()).ok();
        let pems = rows.map(|row| std::fs::read(signed(&tree, row, ca_of(row))).unwrap());
        (tree, pems)
    };
    let (tree, pems) = made();
    let der = pem::parse(&pems[0]).unwrap().into_contents();
    tree.pki(&["csr", "import", &tree.beside("a.der", der)])
        .ok()
        .marks('~', &rows[..1]);

    let (tree, pems) = made();
    let ca = tree.read("pki/ca.crt");
    let bundle = [&pems[2], &pems[0], &ca, &pems[1]].map(|pem| pem.as_slice());
    tree.pki(&["csr", "import", &tree.beside("bundle.pem", bundle.concat())])
        .ok()
        .marks('~', &rows);
    tree.assert_healthy();

    let (tree, pems) = made();
    let object = |name: &str, status: Value| {
        json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"name": name},
            "spec": {"request": "", "signerName": "example.net/any"},
            "status": status,
        })
    };
    let signed = |row: usize| {
        object(
            rows[row],
            json!({"certificate": STANDARD.encode(&pems[row])}),
        )
    };
    let list =
        json!({"apiVersion": "v1", "kind": "List", "items": [signed(1), signed(2), signed(1)]});
    let text = format!("---\n{}\n---\n{list}\n", signed(0));
    tree.pki_with_input(&["csr", "import", "-"], &text)
        .ok()
        .marks('~', &rows);
    tree.assert_healthy();

    // Values one after the other, as `csr sign` prints them.
    let (tree, pems) = made();
    let values: String = (0..3)
        .map(|row| {
            let status = json!({"certificate": STANDARD.encode(&pems[row])});
            format!("{:#}\n", object(rows[row], status))
        })
        .collect();
    tree.pki_with_input(&["csr", "import", "-"], &values)
        .ok()
        .marks('~', &rows);

    let (tree, pems) = made();
    let waiting = json!({"apiVersion": "v1", "kind": "List", "items": [
        object("good", json!({"certificate": STANDARD.encode(&pems[0])})),
        object("waiting", json!({})),
        object("denied", json!({"conditions": [{"type": "Denied", "status": "True"}]})),
        object("text", json!({"certificate": STANDARD.encode("text")})),
        object("bad", json!({"certificate": "?"})),
    ]});
    let field = |name: &str, what: &str| {
        format!("CertificateSigningRequest `{name}`: status.certificate: {what}")
    };
    tree.pki_with_input(&["csr", "import", "-"], &waiting.to_string())
        .exits(3)
        .says(&field(
            "waiting",
            "it is missing: the request is not signed yet",
        ))
        .says(&field(
            "denied",
            "it is missing, and the condition Denied is set",
        ))
        .says(&field("text", "it contains no PEM block"))
        .says(&field("bad", "it is not base64"))
        .changed_nothing();
}

/// A bundle is imported as a whole: what is for another node is not passed over.
#[test]
fn a_bundle_with_a_certificate_of_another_node_is_refused() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "front-proxy-client"]).ok();
    let certificate = signed(&tree, "front-proxy-client", "front-proxy-ca");
    let other = TestTree::of_another_cluster().text("pki/apiserver.crt");
    let bundle = std::fs::read_to_string(certificate).unwrap() + &other;
    refuses(
        &tree,
        &bundle,
        "no private key of the tree belongs to the certificate of `CN=kube-apiserver`",
    );
}

#[test]
fn a_certificate_outside_its_validity_is_refused() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "scheduler.conf"]).ok();
    let certificate = signed(&tree, "scheduler.conf", "ca");
    for (now, reason) in [
        (NOW + days(201), "it expired on 2027-06-10"),
        (NOW - days(2), "it is not valid before"),
    ] {
        tree.pki_at(now, &["csr", "import", &certificate])
            .exits(3)
            .says(reason)
            .changed_nothing();
    }
}

#[test]
fn a_certificate_that_is_in_its_file_twice_is_one() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "front-proxy-client"]).ok();
    let certificate = signed(&tree, "front-proxy-client", "front-proxy-ca");
    let twice = std::fs::read_to_string(&certificate).unwrap().repeat(2);
    let twice = tree.beside("twice.crt", twice);
    tree.pki(&["csr", "import", &twice]).ok();
}

#[test]
fn a_key_of_two_rows_is_refused() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.copy("pki/apiserver.key", "pki/apiserver-kubelet-client.key");
    let pem = tree.signed_by(
        "../../ca",
        "pki/apiserver.key",
        "/CN=kube-apiserver",
        CLIENT,
        &[],
    );
    refuses(
        &tree,
        &pem,
        "its key belongs to several rows: `apiserver`, `apiserver-kubelet-client`",
    );
    let path = tree.beside("bad.crt", &pem);
    let command = format!(
        "run `pki csr generate apiserver apiserver-kubelet-client --new-key --rootfs {}`",
        tree.root().display()
    );
    tree.pki(&["csr", "import", &path]).says(&command);
}

#[test]
fn a_file_without_a_certificate_is_refused() {
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "apiserver"]).ok();
    let [empty, text] =
        [("empty", ""), ("text", "no PEM")].map(|(name, bytes)| tree.beside(name, bytes));
    let key = pem::parse(tree.read("pki/apiserver.key")).unwrap();
    let key = tree.beside("key.der", key.into_contents());
    let request = tree.pki_file("apiserver.csr");
    let request_der = pem::parse(std::fs::read(&request).unwrap()).unwrap();
    let request_der = tree.beside("request.der", request_der.into_contents());
    tree.pki(&[
        "csr",
        "import",
        &empty,
        &text,
        &key,
        &request_der,
        request.to_str().unwrap(),
        "/nonexistent",
    ])
    .exits(3)
    .says("/empty`: the file is empty")
    .says("/text`: it is neither PEM or DER, nor a Kubernetes object")
    .says("apiserver.csr`: it contains no `CERTIFICATE` block, only `CERTIFICATE REQUEST`")
    .says("/request.der`: it is a certification request, not a certificate")
    .says("/key.der`: it is no certificate in DER")
    .says("/nonexistent`: no such file")
    .changed_nothing();
}

#[test]
fn without_the_certificate_of_its_ca_nothing_is_imported() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "scheduler.conf"]).ok();
    let certificate = signed(&tree, "scheduler.conf", "ca");
    tree.remove("pki/ca.crt");
    tree.pki(&["csr", "import", &certificate])
        .exits(3)
        .says("the certificate of its CA `ca` is not in the tree")
        .changed_nothing();
    tree.write("pki/ca.crt", "not a certificate");
    tree.pki(&["csr", "import", &certificate])
        .exits(3)
        .says("pki/ca.crt`: it contains no PEM block")
        .changed_nothing();
}

/// The certificate may belong to the key that cannot be read, so it is not said to belong to another node.
#[test]
fn a_certificate_whose_key_cannot_be_read_is_not_said_to_be_of_another_node() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "apiserver", "--new-key"])
        .ok();
    let certificate = signed(&tree, "apiserver", "ca");
    tree.remove("pki/apiserver.csr.key");
    std::fs::create_dir(tree.path("pki/apiserver.csr.key")).unwrap();
    let ended = tree
        .pki(&["csr", "import", &certificate])
        .exits(3)
        .says("pki/apiserver.csr.key`: it is a directory, want a file")
        .changed_nothing();
    assert!(!ended.stderr.contains("no private key"), "{ended}");
}
