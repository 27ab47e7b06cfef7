//! `pki csr new`: any key and request, from flags or from cfssl's requests.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::standalone;
use crate::support::{
    KEY_USAGE, Openssl, Run, SAN, TestTree, USAGES, peers, pki, run, run_with_input,
};

/// Runs `csr new` with an ECDSA key, for flags that have no file of their own.
#[track_caller]
fn made(tree: &TestTree, arguments: &[&str]) -> Run {
    let algorithm = ["csr", "new", "--key-algorithm", "ECDSA-P256"];
    standalone(tree, &[&algorithm, arguments].concat())
}

/// Refuses to make anything.
#[track_caller]
fn refuses(tree: &TestTree, arguments: &[&str], reason: &str) {
    standalone(tree, &[&["csr", "new"], arguments].concat())
        .exits(3)
        .says(reason)
        .prints_nothing()
        .changed_nothing();
}

/// Runs openssl.
#[track_caller]
fn openssl(words: &[&str]) -> Run {
    run(Command::new("openssl").args(words)).ok()
}

/// Returns the subject, and the extensions with their contents, as openssl prints them.
fn asked(tree: &TestTree, request: &str) -> (String, Vec<(String, String)>) {
    let path = tree.root().join(request);
    let path = path.to_str().unwrap();
    let subject = [
        "req",
        "-noout",
        "-subject",
        "-nameopt",
        "sep_multiline",
        "-in",
        path,
    ];
    let subject = openssl(&subject).stdout;
    let text = openssl(&["req", "-verify", "-noout", "-text", "-in", path]).stdout;
    let mut lines = text
        .lines()
        .skip_while(|line| !line.contains("Requested Extensions:"));
    lines.next();
    let mut extensions = Vec::new();
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        let Some(name) = name.trim().strip_prefix("X509v3 ") else {
            break;
        };
        let name = name.trim_end_matches(':');
        extensions.push((format!("X509v3 {name}"), value.trim().to_owned()));
    }
    (subject, extensions)
}

fn extension(extensions: &[(String, String)], name: &str) -> Option<String> {
    let found = extensions.iter().find(|(found, _)| found == name);
    found.map(|(_, value)| value.clone())
}

#[test]
fn flags_become_a_key_and_a_request() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    let names = "web.example.com,192.0.2.1,2001:db8::1,ops@example.com,spiffe://example.com/web,*.a.example";
    let run = made(
        &tree,
        &[
            "--common-name",
            "web",
            "--org",
            "one",
            "--org",
            "Example, Inc.",
            "--san",
            names,
            "--san",
            "web.example.com",
            "--usages",
            "digital signature, server auth,client auth,signing,server auth",
            "--name",
            "web",
        ],
    );
    run.ok()
        .says_nothing()
        .prints("usages         digital signature, server auth, client auth\n");
    let (subject, extensions) = asked(&tree, "web.csr");
    assert_eq!(
        subject.split_whitespace().collect::<Vec<_>>().join(" "),
        "subject= O=one O=Example, Inc. CN=web"
    );
    let names = "DNS:web.example.com, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, email:ops@example.com, URI:spiffe://example.com/web, DNS:*.a.example";
    assert_eq!(extension(&extensions, SAN).as_deref(), Some(names));
    let usages = "TLS Web Server Authentication, TLS Web Client Authentication";
    assert_eq!(extension(&extensions, USAGES).as_deref(), Some(usages));
    assert_eq!(
        extension(&extensions, KEY_USAGE).as_deref(),
        Some("Digital Signature")
    );
    let key = tree.root().join("web.key");
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    let request = tree.root().join("web.csr");
    let public = ["req", "-noout", "-pubkey", "-in", request.to_str().unwrap()];
    assert_eq!(
        openssl.run(&public).ok().stdout,
        openssl.public_half(fs::read(key).unwrap())
    );
}

/// What is not asked for is not in the request, as in those of cfssl and `openssl req`.
#[test]
fn a_request_without_usages_leaves_them_to_the_signer() {
    if Openssl::find().is_none() {
        return;
    }
    let tree = TestTree::empty();
    made(&tree, &["--common-name", "web", "--name", "a"]).ok();
    assert_eq!(asked(&tree, "a.csr").1, []);
    // An extension request has at least one extension, so there is no such attribute.
    let path = tree.root().join("a.csr");
    let text = openssl(&["req", "-noout", "-text", "-in", path.to_str().unwrap()]).stdout;
    assert!(text.contains("(none)"), "{text}");
    // A request without a subject has its names.
    made(&tree, &["--san", "a.example", "--name", "b"]).ok();
    let (subject, extensions) = asked(&tree, "b.csr");
    assert_eq!(subject.trim(), "subject=");
    assert_eq!(
        extension(&extensions, SAN).as_deref(),
        Some("DNS:a.example")
    );
}

#[test]
fn every_algorithm_makes_the_key_that_it_names() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    let check = |name: &str, arguments: &[&str], size: &str| {
        let fixed = ["csr", "new", "--name", name];
        standalone(&tree, &[&fixed, arguments].concat()).ok();
        let path = tree.root().join(format!("{name}.key"));
        let printed = openssl.run(&["pkey", "-noout", "-text_pub", "-in", path.to_str().unwrap()]);
        printed.ok().prints(size);
    };
    check("default", &["--common-name", "a"], "Public-Key: (2048 bit)");
    check(
        "p384",
        &["--common-name", "a", "--key-algorithm", "ecdsa-p384"],
        "NIST CURVE: P-384",
    );
    for (key, size) in [
        (r#"{"algo": "ecdsa", "size": 521}"#, "NIST CURVE: P-521"),
        (r#"{"algo": "rsa", "size": 3072}"#, "Public-Key: (3072 bit)"),
        ("null", "NIST CURVE: P-256"),
    ] {
        let path = tree.beside("r.json", format!(r#"{{"CN": "a", "key": {key}}}"#));
        check(&size.replace(['(', ' ', ':'], "-"), &[&path], size);
    }
}

#[test]
fn a_given_key_is_used_and_not_written_again() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    for (name, option) in [
        ("rsa", "rsa_keygen_bits:2048"),
        ("ec", "ec_paramgen_curve:P-256"),
    ] {
        let key = tree.root().join(format!("{name}.pem"));
        let key = key.to_str().unwrap();
        let words = [
            "genpkey",
            "-algorithm",
            name,
            "-pkeyopt",
            option,
            "-out",
            key,
        ];
        openssl.run(&words).ok();
        let flags = [
            "csr",
            "new",
            "--common-name",
            "a",
            "--key",
            key,
            "--name",
            name,
        ];
        standalone(&tree, &flags)
            .ok()
            .prints(&format!("key            {key}\n"));
        assert!(!tree.root().join(format!("{name}.key")).exists());
        let request = tree.root().join(format!("{name}.csr"));
        let public = ["req", "-noout", "-pubkey", "-in", request.to_str().unwrap()];
        assert_eq!(
            openssl.run(&public).ok().stdout,
            openssl.public_half(fs::read(key).unwrap())
        );
    }
    let key = tree.beside(
        "no.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let flags = ["--common-name", "a", "--name", "new", "--key"];
    let reason = format!("`{key}`: it contains no key, only `CERTIFICATE`");
    refuses(&tree, &[&flags[..], &[&key]].concat(), &reason);
    refuses(
        &tree,
        &[&flags[..], &["none.pem"]].concat(),
        "`none.pem`: no such file or directory",
    );
    let weak = tree.root().join("weak.pem");
    let weak = weak.to_str().unwrap();
    openssl.run(&["genrsa", "-out", weak, "-3", "2048"]).ok();
    refuses(
        &tree,
        &[&flags[..], &[weak]].concat(),
        "its key is weak: RSA with a public exponent below 65537",
    );
}

const REQUEST: &str = r#"{
  "hosts": ["my-svc.my-namespace.svc.cluster.local", "192.0.2.24", "10.0.34.2", "ops@example.com"],
  "CN": "my-pod.my-namespace.pod.cluster.local",
  "names": [{"C": "DE", "ST": "Bayern", "L": "München", "O": "Acme", "OU": "Ops"}, {"O": "second"}],
  "key": {"algo": "ALGO", "size": SIZE}
}"#;

#[test]
fn a_request_of_cfssl_asks_for_what_cfssl_makes_of_it() {
    let Some([cfssl, cfssljson, _]) = peers(["cfssl", "cfssljson", "openssl"]) else {
        return;
    };
    for (algorithm, size) in [("ecdsa", "256"), ("ecdsa", "384"), ("rsa", "2048")] {
        let tree = TestTree::empty();
        let text = REQUEST.replace("ALGO", algorithm).replace("SIZE", size);
        let path = tree.beside("request.json", text);
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command
                .current_dir(tree.root())
                .args(["-euc", script, &path]);
            command.env("CFSSL", &cfssl).env("CFSSLJSON", &cfssljson);
            command.env("PKI", pki().get_program());
            run(&mut command).ok();
        };
        // A private key is on standard output here, and goes only to cfssljson.
        shell("$CFSSL genkey $0 | $CFSSLJSON -bare theirs");
        shell("$PKI csr new $0 --format cfssl | $CFSSLJSON -bare ours");
        standalone(&tree, &["csr", "new", &path, "--name", "pem"])
            .ok()
            .says_nothing();
        let (subject, extensions) = asked(&tree, "theirs.csr");
        for ours in ["ours.csr", "pem.csr"] {
            // cfssl puts the two organizations into one RDN.
            let lines = |subject: &str| subject.replace(" + ", "\n    ");
            let (own, own_extensions) = asked(&tree, ours);
            assert_eq!(lines(&own), lines(&subject));
            let sorted = |extensions: &[(String, String)]| {
                let names = extension(extensions, SAN).unwrap();
                let mut names: Vec<_> = names.split(", ").map(str::to_owned).collect();
                names.sort();
                names
            };
            assert_eq!(sorted(&own_extensions), sorted(&extensions));
            assert_eq!(own_extensions.len(), extensions.len());
        }
        for (key, request) in [("ours-key.pem", "ours.csr"), ("pem.key", "pem.csr")] {
            let [key, request] = [key, request].map(|name| tree.root().join(name));
            let [key, request] = [&key, &request].map(|path| path.to_str().unwrap());
            let public = openssl(&["req", "-noout", "-pubkey", "-in", request]).stdout;
            assert_eq!(openssl(&["pkey", "-pubout", "-in", key]).stdout, public);
        }
        // With a given key, cfssl's form has the request alone, and cfssljson reads it.
        shell("$PKI csr new $0 --format cfssl --key pem.key | $CFSSLJSON -bare given");
        assert_eq!(asked(&tree, "given.csr").0, asked(&tree, "pem.csr").0);
        assert!(!tree.root().join("given-key.pem").exists());
    }
}

#[test]
fn a_request_of_cfssl_comes_from_standard_input() {
    let tree = TestTree::empty();
    let mut command = pki();
    command
        .current_dir(tree.root())
        .args(["csr", "new", "-", "--name", "a"]);
    let input = r#"{"CN": "a", "comm\u001bent": "x"}"#;
    tree.watch_with_input(&mut command, input)
        .ok()
        .says_only(&["warning: standard input: `comm\\u{1b}ent` is ignored"])
        .prints("key algorithm  ECDSA-P256\n");
}

const SERVING: &str = "kubernetes.io/kubelet-serving";
const KUBELET: &str = "kubernetes.io/kube-apiserver-client-kubelet";
const CLIENT: &str = "kubernetes.io/kube-apiserver-client";

/// Each object is signed by the rules of its signer, as it is.
#[test]
fn the_object_for_each_signer_is_what_csr_sign_accepts() {
    let cluster = TestTree::new();
    let node: &[&str] = &["--common-name", "system:node:n1", "--org", "system:nodes"];
    let tls: &[&str] = &["--san", "n1,192.0.2.1"];
    for (signer, names, usages) in [
        (
            SERVING,
            [node, tls].concat(),
            "digital signature,server auth",
        ),
        (KUBELET, node.to_vec(), "digital signature,client auth"),
        (
            CLIENT,
            vec!["--common-name", "jane", "--org", "dev"],
            "client auth,digital signature",
        ),
    ] {
        for algorithm in ["ECDSA-P256", "RSA-2048"] {
            let tree = TestTree::empty();
            let flags = [
                "csr",
                "new",
                "--format",
                "kubernetes",
                "--name",
                "n1",
                "--signer-name",
                signer,
                "--expiration-seconds",
                "3600",
                "--key-algorithm",
                algorithm,
            ];
            let key = tree.root().join("n1.key");
            let run = standalone(&tree, &[&flags[..], &names].concat())
                .ok()
                .says_only(&[&format!("note: the key is in `{}`", key.display())]);
            let mode = fs::metadata(&key).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);
            assert!(!tree.root().join("n1.csr").exists());
            let object: Value = serde_saphyr::from_str(&run.stdout).unwrap();
            let mut wanted = usages.to_owned();
            if algorithm == "RSA-2048" {
                wanted.push_str(",key encipherment");
            }
            let found = object["spec"]["usages"].as_array().unwrap().iter();
            let found: Vec<_> = found.map(|usage| usage.as_str().unwrap()).collect();
            assert_eq!(found.join(","), wanted);
            assert_eq!(object["metadata"]["name"], "n1");
            assert_eq!(object["spec"]["signerName"], signer);
            assert_eq!(object["spec"]["expirationSeconds"], 3600);
            let sign = &mut cluster.command(&["csr", "sign", "-"]);
            let signed = run_with_input(sign, &run.stdout).ok();
            let signed: Value = serde_json::from_str(&signed.stdout).unwrap();
            assert!(signed["status"]["certificate"].is_string());
        }
    }
}

#[test]
fn the_object_is_one_that_kubectl_reads() {
    let Some([kubectl]) = peers(["kubectl"]) else {
        return;
    };
    let tree = TestTree::empty();
    for (format, name) in [("yaml", "a"), ("json", "b")] {
        let run = made(
            &tree,
            &[
                "--common-name",
                "web",
                "--san",
                "web.example",
                "--signer-name",
                "example.com/serving",
                "--usages",
                "server auth",
                "--format",
                "kubernetes",
                "--name",
                name,
                "-o",
                format,
            ],
        )
        .ok();
        let mut command = Command::new(&kubectl);
        command.args([
            "patch", "--local", "-f", "-", "--type", "merge", "-p", "{}", "-o", "json",
        ]);
        let read = run_with_input(&mut command, &run.stdout).ok();
        let read: Value = serde_json::from_str(&read.stdout).unwrap();
        let own: Value = serde_saphyr::from_str(&run.stdout).unwrap();
        assert_eq!(read, own);
        let request = STANDARD
            .decode(read["spec"]["request"].as_str().unwrap())
            .unwrap();
        assert!(request.starts_with(b"-----BEGIN CERTIFICATE REQUEST-----\n"));
    }
}

#[test]
fn a_request_that_its_signer_would_refuse_is_not_made() {
    let tree = TestTree::empty();
    let node = ["--common-name", "system:node:n1", "--org", "system:nodes"];
    let refused = "the request would be refused: signer ";
    for (signer, names, problem) in [
        (
            SERVING,
            &[
                "--common-name",
                "n1",
                "--org",
                "system:nodes",
                "--san",
                "n1",
            ][..],
            "wants CN `system:node:<node name>`, it asks for `n1`",
        ),
        (
            SERVING,
            &["--common-name", "system:node:n1", "--san", "n1"],
            "wants O `system:nodes` alone, it asks for none",
        ),
        (
            SERVING,
            &node,
            "wants at least one DNS name or IP address, it asks for none",
        ),
        (
            SERVING,
            &[&node[..], &["--san", "n1,a@b.example"]].concat(),
            "has only DNS names and IP addresses, it asks for email:a@b.example",
        ),
        (
            KUBELET,
            &[&node[..], &["--san", "n1"]].concat(),
            "has no alternative names, it asks for DNS:n1",
        ),
        (
            KUBELET,
            &[&node[..], &["--usages", "client auth"]].concat(),
            "wants the usages digital signature",
        ),
        (
            CLIENT,
            &[
                "--common-name",
                "jane",
                "--usages",
                "client auth,server auth",
            ],
            "does not sign for the usages server auth",
        ),
    ] {
        for format in ["kubernetes", "pem"] {
            let flags = ["--name", "a", "--signer-name", signer, "--format", format];
            let problem = format!("{refused}`{signer}` {problem}");
            refuses(&tree, &[&flags[..], names].concat(), &problem);
        }
    }
    let user = ["--common-name", "jane", "--name", "a"];
    for (flags, problem) in [
        (
            &["--org", "system:masters"][..],
            "it asks for the group `system:masters`, which no RBAC rule limits",
        ),
        (
            &["--usages", "cert sign"],
            "it asks to sign certificates or revocation lists, which only a CA may",
        ),
    ] {
        refuses(&tree, &[&user[..], flags].concat(), problem);
    }
    made(
        &tree,
        &[
            "--common-name",
            "jane",
            "--name",
            "a",
            "--org",
            "system:masters",
            "--allow-system-masters",
        ],
    )
    .ok();
    let object = [
        "--common-name",
        "jane",
        "--name",
        "b",
        "--format",
        "kubernetes",
        "--signer-name",
    ];
    let refuses =
        |signer: &str, problem: &str| refuses(&tree, &[&object[..], &[signer]].concat(), problem);
    refuses(
        "example.com/serving",
        "signer `example.com/serving` has no usages of its own",
    );
    refuses(
        "kubernetes.io/legacy-unknown",
        "the API server refuses new requests for signer `kubernetes.io/legacy-unknown`",
    );
}

#[test]
fn bad_names_and_bad_requests_of_cfssl_are_refused_with_their_place() {
    let tree = TestTree::empty();
    for (flags, reason) in [
        (
            &["--san", "a_b"][..],
            "--san: `a_b` is neither an IP address nor a DNS name: `_` is not allowed",
        ),
        (
            &["--san", "a@b@c"],
            "--san: `a@b@c` is not an e-mail address",
        ),
        (
            &["--san", "https://"],
            "--san: `https://` is not a URI with a host",
        ),
        (
            &["--san", ""],
            "--san: is empty; want an IP address, a DNS name, an e-mail address or a URI",
        ),
        (
            &[
                "--common-name",
                "a",
                "--key-algorithm",
                "ECDSA-P256",
                "--usages",
                "key encipherment",
            ],
            "--usages: a key of ECDSA-P256 cannot be used for `key encipherment`",
        ),
        (&["--org", " a"], "--org: ` a` has white space at an end"),
        (
            &["--common-name", "a", "--out-dir", "none"],
            "no such file or directory",
        ),
    ] {
        refuses(&tree, &[&["--name", "a"], flags].concat(), reason);
    }
    for (text, reason) in [
        (
            "{}",
            "it names nothing: neither subject nor alternative names",
        ),
        (
            r#"{"CN": "a", "ca": {}}"#,
            "request.json: `ca`: only a request for a CA has this section",
        ),
        (
            r#"{"CN": "a", "hosts": ["a b", "c", "d/e"]}"#,
            "request.json: hosts[2]: `d/e` is neither",
        ),
        (
            r#"{"CN": "a", "key": {"algo": "dsa", "size": 256}}"#,
            "key.algo: `dsa`, want `ecdsa` or `rsa`",
        ),
        (
            r#"{"CN": "a", "key": {"algo": "ecdsa", "size": 100}}"#,
            "key.size: want 256, 384 or 521",
        ),
        (
            r#"{"names": [{"C": "D"}]}"#,
            "names[0].C: `D` is not a code of two letters",
        ),
        ("-----BEGIN X-----", "it is not JSON (line 1, column 2)"),
    ] {
        let path = tree.beside("request.json", text);
        refuses(&tree, &[&path, "--name", "a"], reason);
    }
    let taken = tree.beside("a.csr", "somebody's");
    let reason = format!("creating `{taken}`: already exists");
    refuses(&tree, &["--common-name", "a", "--name", "a"], &reason);
}

#[test]
fn flags_that_are_missing_or_useless_are_wrong_usage() {
    let tree = TestTree::empty();
    let user = ["csr", "new", "--common-name", "a"];
    for (flags, reason) in [
        (
            &[][..],
            "`--name NAME` is missing: the files are NAME.key and NAME.csr",
        ),
        (
            &["--name", "a", "--format", "kubernetes"],
            "`--format kubernetes` needs the `--signer-name`",
        ),
        (&["--name", "a", "--format", "cfssl"], "writes no file"),
        (
            &["--name", "a", "--expiration-seconds", "600"],
            "is a field of the object",
        ),
        (
            &["--name", "a", "--expiration-seconds", "599"],
            "want 600 to 2147483647 seconds; the API server refuses others",
        ),
        (
            &["--name", "a", "--expiration-seconds", "2147483648"],
            "want 600 to 2147483647 seconds",
        ),
        (
            &["--name", "a", "--usages", "serverAuth"],
            "want some of signing, digital signature",
        ),
        (
            &["--name", "a", "--signer-name", "serving"],
            "want a domain and a name, such as `example.com/signer`",
        ),
        (&["--name", "a b"], "want a name without slashes, spaces"),
        (&["--name", "a", "request.json"], "cannot be used with"),
        (
            &["--name", "a", "--key", "x", "--key-algorithm", "RSA-2048"],
            "cannot be used with",
        ),
    ] {
        let run = standalone(&tree, &[&user[..], flags].concat())
            .exits(2)
            .says(reason)
            .changed_nothing();
        // The usage is that of this command.
        let usage = |line: &str| line.trim().starts_with("Usage: pki csr new ");
        let lines: Vec<_> = run.stderr.lines().collect();
        let shown = lines.iter().any(|line| line.contains("Usage:"));
        assert!(
            !shown || lines.iter().any(|line| usage(line)),
            "{}",
            run.stderr
        );
    }
    standalone(&tree, &["csr", "new", "--name", "a"])
        .exits(2)
        .says("<REQUEST|--common-name <NAME>|");
}

#[test]
fn a_dry_run_judges_and_writes_nothing() {
    let tree = TestTree::empty();
    let flags = [
        "--common-name",
        "web",
        "--usages",
        "server auth",
        "--name",
        "a",
        "--dry-run",
    ];
    let seconds = ["--expiration-seconds", "3600"];
    for (format, more) in [("pem", &[][..]), ("kubernetes", &seconds)] {
        let signer = ["--format", format, "--signer-name", "example.com/serving"];
        let run = made(&tree, &[&flags[..], &signer, more].concat()).ok();
        if format == "kubernetes" {
            run.prints("object         a\n")
                .prints("valid seconds  3600\n");
        }
        made(&tree, &[&flags[..], &signer, more].concat())
            .ok()
            .prints("signer         example.com/serving\n")
            .prints("dry run: nothing was written\n")
            .changed_nothing();
    }
    let run = made(&tree, &[&flags[..], &["-o", "json"]].concat())
        .ok()
        .changed_nothing();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["subject"], "CN=web");
    assert_eq!(report["usages"][0], "server auth");
    assert_eq!(
        report["keyFile"],
        tree.root().join("a.key").to_str().unwrap()
    );
    assert_eq!(report.get("request"), None);
    refuses(
        &tree,
        &["--san", "a_b", "--name", "a", "--dry-run"],
        "`_` is not allowed",
    );
    // The format of cfssl has no files to report.
    let cfssl = ["--common-name", "web", "--format", "cfssl", "--dry-run"];
    made(&tree, &cfssl).ok().prints("dry run").changed_nothing();
}

/// What a key cannot be used for is neither in the request nor in the object.
#[test]
fn usages_that_the_key_does_not_have_are_left_out() {
    let tree = TestTree::empty();
    let flags = [
        "--common-name",
        "a",
        "--usages",
        "key encipherment,digital signature,key encipherment,digital signature",
        "--signer-name",
        "example.com/serving",
        "--format",
        "kubernetes",
        "-o",
        "json",
        "--quiet",
        "--name",
    ];
    let usages = |run: Run| {
        let object: Value = serde_json::from_str(&run.stdout).unwrap();
        object["spec"]["usages"].clone()
    };
    let run = made(&tree, &[&flags[..], &["a"]].concat()).ok().says_only(&[
        "warning: the usage `key encipherment` is left out: a key of ECDSA-P256 cannot be used for it",
    ]);
    assert_eq!(usages(run), serde_json::json!(["digital signature"]));
    let rsa = ["csr", "new", "--key-algorithm", "RSA-2048"];
    let run = standalone(&tree, &[&rsa[..], &flags, &["b"]].concat())
        .ok()
        .says_nothing();
    let both = serde_json::json!(["key encipherment", "digital signature"]);
    assert_eq!(usages(run), both);
}

/// cfssl takes `"hosts": [""]`, which many tutorials have, for none.
#[test]
fn an_empty_host_is_none() {
    let tree = TestTree::empty();
    let path = tree.beside("request.json", r#"{"CN": "a", "hosts": [""]}"#);
    standalone(&tree, &["csr", "new", &path, "--name", "a"])
        .ok()
        .prints("names          none\n");
}
