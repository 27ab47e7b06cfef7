//! `pki csr generate`, `pki init --external-ca`, and what a check says of a request that waits.

use std::fs;

use serde_json::Value;

use super::{request_of, with_external_cas};
use crate::support::{
    FLAGS, Openssl, TestTree,
    rows::{KUBECONFIGS, PAIRS, SIGNED, files_of},
    run,
};

/// Returns what openssl says of a request after verifying its signature.
fn printed(tree: &TestTree, row: &str) -> String {
    let request = request_of(row);
    tree.openssl(&[
        "req",
        "-verify",
        "-in",
        &request,
        "-noout",
        "-subject",
        "-nameopt",
        "RFC2253,show_type",
        "-pubkey",
        "-text",
    ])
    .stdout
}

#[test]
fn each_request_asks_for_what_the_certificate_has_with_the_same_key() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = with_external_cas(TestTree::new());
    let run = tree.pki(&["csr", "generate"]).ok().marks('>', &SIGNED);
    let requests: Vec<_> = SIGNED.iter().map(|row| request_of(row)).collect();
    let run = run.changed_files(&requests);
    for (row, facts) in openssl.tree(&tree) {
        let printed = printed(&tree, row);
        assert!(printed.contains(&facts.subject), "{row}: {printed}");
        assert!(printed.contains(&facts.public_key), "{row}: {printed}");
        for name in [
            "X509v3 Subject Alternative Name",
            "X509v3 Extended Key Usage",
        ] {
            let wanted = facts.extensions.get(name).cloned();
            assert_eq!(extension(&printed, name), wanted, "{row}: {name}");
        }
        let usage = "X509v3 Key Usage: critical";
        assert_eq!(
            extension(&printed, usage),
            facts.extensions.get(usage).cloned()
        );
        assert_eq!(tree.mode(&request_of(row)), 0o600);
        let line = format!("{}: CA `", tree.path(&request_of(row)).display());
        assert!(run.stdout.contains(&line), "{run}");
    }
    // A request is no fault, and a second run has nothing to do.
    tree.pki(&["check-expiration"]).exits(0);
    tree.pki(&["csr", "generate"])
        .ok()
        .marks('=', &[])
        .prints("12 kept; nothing was written")
        .changed_nothing();
    tree.pki(&["csr", "generate", "--quiet"])
        .ok()
        .prints_nothing()
        .says_nothing();
}

/// Returns the value of an extension that openssl printed.
fn extension(printed: &str, name: &str) -> Option<String> {
    let mut lines = printed.lines().map(str::trim);
    let _name = lines.find(|line| line.trim_end_matches(':') == name)?;
    lines.next().map(str::to_owned)
}

/// kubeadm: TestCreateRenewCSR / both -> key and CSR made; stricter: with the rights of the old key, and nothing else changes
#[test]
fn a_new_key_waits_beside_the_request_and_the_old_one_stays_in_use() {
    let tree = with_external_cas(TestTree::new());
    for (row, key) in [
        ("apiserver", "pki/apiserver.csr.key"),
        ("etcd-peer", "pki/etcd/peer.csr.key"),
        ("admin.conf", "admin.conf.csr.key"),
    ] {
        let request = request_of(row);
        tree.pki(&["csr", "generate", row, "--new-key"])
            .ok()
            .marks('>', &[row])
            .prints("new ECDSA-P256")
            .changed_files(&[request.as_str(), key]);
        assert_eq!(tree.mode(key), 0o600);
        let public = tree.openssl(&["pkey", "-in", key, "-pubout"]).stdout;
        assert!(printed(&tree, row).contains(&public), "{row}");
        // The key that waits is kept, whether a new one is asked for or not.
        for flags in [&["--new-key"][..], &[]] {
            tree.pki(&[&["csr", "generate", row], flags].concat())
                .ok()
                .changed_nothing();
        }
        tree.pki(&["verify"]).exits(0).prints("[request.pending]");
    }
}

/// kubeadm: TestCreateKeyAndCSR / all cases -> error, ok, error; other: an existing key is used, and an existing request of that key is kept
#[test]
fn a_missing_key_is_made_in_its_place_and_beside_a_certificate_it_waits() {
    let tree = with_external_cas(TestTree::new());
    tree.remove_rows(&["apiserver-kubelet-client", "scheduler.conf"]);
    tree.pki(&[
        "csr",
        "generate",
        "apiserver-kubelet-client",
        "scheduler.conf",
    ])
    .ok()
    .changed_files(&[
        "pki/apiserver-kubelet-client.csr",
        "pki/apiserver-kubelet-client.key",
        "scheduler.conf",
        "scheduler.conf.csr",
    ]);
    tree.remove("pki/front-proxy-client.key");
    tree.pki(&["csr", "generate", "front-proxy-client"])
        .ok()
        .changed_files(&[
            "pki/front-proxy-client.csr",
            "pki/front-proxy-client.csr.key",
        ]);
}

/// kubeadm: TestCreateKubeConfigAndCSR / all 7 -> 6 errors, ok; same for what can be typed: the key in it is that of the request
#[test]
fn a_new_kubeconfig_has_its_key_and_no_certificate() {
    let tree = with_external_cas(TestTree::new());
    tree.remove("admin.conf");
    tree.pki(&["csr", "generate", "admin.conf"]).ok();
    let text = tree.text("admin.conf");
    assert!(
        text.contains("server: https://api.example.net:6443"),
        "{text}"
    );
    assert!(text.contains("certificate-authority-data: "), "{text}");
    assert!(!text.contains("client-certificate-data"), "{text}");
    let key = tree.beside("admin.key", tree.embedded("admin.conf", "client-key-data"));
    let public = tree.openssl(&["pkey", "-in", &key, "-pubout"]).stdout;
    assert!(printed(&tree, "admin.conf").contains(&public));
}

#[test]
fn a_request_that_waits_is_due_and_a_key_without_request_is_a_fault() {
    let tree = with_external_cas(TestTree::new());
    for row in ["apiserver", "admin.conf"] {
        tree.remove_rows(&[row]);
        tree.pki(&["csr", "generate", row]).ok();
        for command in ["check-expiration", "verify"] {
            tree.pki(&[command]).exits(4).does_not_say("key exists");
        }
        tree.pki(&["check-expiration"])
            .prints(&format!("!PENDING! {row}"))
            .says("its request waits to be signed by the CA `ca`");
        let report: Value =
            serde_json::from_str(&tree.pki(&["verify", "-o", "json"]).stdout).unwrap();
        assert!(
            report.to_string().contains("\"request.pending\""),
            "{report}"
        );
        // `init` leaves it alone.
        tree.pki(&["init"]).ok().changed_nothing();

        let request = request_of(row);
        let bytes = tree.read(&request);
        tree.remove(&request);
        for command in ["check-expiration", "verify"] {
            let run = tree.pki(&[command]).exits(5);
            let all = format!("{}{}", run.stdout, run.stderr);
            assert!(all.contains("key"), "{run}");
        }
        tree.pki(&["verify"]).prints("[certificate.key-only]");
        // A request for another key does not help.
        tree.write(
            &request,
            tree.read(
                &request_of("scheduler.conf").replace("scheduler.conf.csr", "scheduler.conf"),
            ),
        );
        tree.pki(&["verify"])
            .exits(5)
            .prints("[request.unusable]")
            .prints("[certificate.key-only]");
        tree.write(&request, bytes);
        tree.pki(&["verify"]).exits(4);
    }
}

/// kubeadm: TestNewCSR, TestWriteCSRFilesIfNotExist / none, other key, garbage -> written, kept, error; stricter: one for another key is an error
#[test]
fn what_stands_in_the_place_of_a_request_is_not_overwritten() {
    let tree = with_external_cas(TestTree::new());
    let other = TestTree::of_another_cluster();
    other.pki(&["csr", "generate", "apiserver"]).ok();
    for (bytes, reason) in [
        (
            &b"garbage"[..],
            "it contains no PEM block; it is not overwritten",
        ),
        (b"", "the file is empty; it is not overwritten"),
        (
            &other.read("pki/apiserver.csr"),
            "the request in its place is for a key that is not here",
        ),
        (
            &other.read("pki/apiserver.crt"),
            "it contains no `CERTIFICATE REQUEST` block",
        ),
    ] {
        tree.write("pki/apiserver.csr", bytes);
        tree.pki(&["csr", "generate"])
            .exits(3)
            .says("cannot make a request for `apiserver`: ")
            .says(reason)
            .says("hint: move it away")
            .changed_nothing();
        tree.pki(&["verify"]).prints("[request.unusable]");
    }
}

#[test]
fn a_changed_configuration_replaces_the_request() {
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "apiserver"]).ok();
    let sans = "--apiserver-cert-extra-sans=new.example.net";
    tree.pki(&["csr", "generate", "apiserver", sans])
        .ok()
        .marks('>', &["apiserver"])
        .changed_files(&["pki/apiserver.csr"]);
    assert!(printed(&tree, "apiserver").contains("DNS:new.example.net"));
    tree.pki(&["rollback"])
        .ok()
        .changed_files(&["pki/apiserver.csr"]);
    assert!(!printed(&tree, "apiserver").contains("DNS:new.example.net"));
}

#[test]
fn a_dry_run_makes_nothing_and_shows_what_would_be_asked_for() {
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "--dry-run", "apiserver", "--new-key"])
        .ok()
        .marks('>', &["apiserver"])
        .prints("SANs: DNS:*.apps.example.net")
        .prints("dry run: 1 to request; nothing was written")
        .changed_nothing();
    let run = tree
        .pki(&["csr", "generate", "--dry-run", "apiserver", "-o", "json"])
        .ok()
        .changed_nothing();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    let row = &report["rows"][0];
    assert_eq!(row["action"], "request");
    assert_eq!(
        row["request"],
        tree.path("pki/apiserver.csr").to_str().unwrap()
    );
    assert_eq!(row["contents"]["ca"], "ca");
    assert_eq!(row["contents"]["usages"][0], "serverAuth");
    assert_eq!(report["summary"]["requested"], 1);
}

#[test]
fn copies_go_to_a_directory_outside_the_tree() {
    let tree = with_external_cas(TestTree::new());
    let directory = tree.root().join("requests");
    fs::create_dir(&directory).unwrap();
    let flag = ["--csr-dir", directory.to_str().unwrap()];
    tree.pki(
        &[
            &["csr", "generate", "etcd-server", "admin.conf", "--dry-run"],
            &flag[..],
        ]
        .concat(),
    )
    .ok()
    .changed_nothing();
    tree.pki(&[&["csr", "generate", "etcd-server", "admin.conf"], &flag[..]].concat())
        .ok();
    for row in ["etcd-server", "admin.conf"] {
        let copy = fs::read(directory.join(format!("{row}.csr"))).unwrap();
        assert_eq!(copy, tree.read(&request_of(row)), "{row}");
    }
    let inside = tree.pki_file("");
    tree.pki(&["csr", "generate", "--csr-dir", inside.to_str().unwrap()])
        .exits(3)
        .says("is in a directory of the tree")
        .changed_nothing();
    tree.pki(&["csr", "generate", "--csr-dir", "/nonexistent/requests"])
        .exits(1)
        .says("no such file or directory")
        .changed_nothing();
}

#[test]
fn only_an_earlier_copy_is_overwritten() {
    let tree = with_external_cas(TestTree::new());
    let directory = tree.root().join("requests");
    fs::create_dir(&directory).unwrap();
    let copy = |row: &str| directory.join(format!("{row}.csr"));
    let rows = [
        "apiserver",
        "apiserver-kubelet-client",
        "front-proxy-client",
    ];
    let mut generate = vec!["csr", "generate", "--csr-dir", directory.to_str().unwrap()];
    generate.extend(rows);
    tree.pki(&generate).ok();
    // The request for a new key replaces that for the key in use.
    tree.pki(&[&generate[..], &["--new-key"]].concat()).ok();
    for row in rows {
        assert_eq!(fs::read(copy(row)).unwrap(), tree.read(&request_of(row)));
    }
    fs::copy(copy("apiserver"), copy("front-proxy-client")).unwrap();
    fs::write(copy("apiserver"), "garbage").unwrap();
    fs::copy(tree.pki_file("ca.crt"), copy("apiserver-kubelet-client")).unwrap();
    for dry_run in [&["--dry-run"][..], &[]] {
        tree.pki(&[&generate[..], dry_run].concat())
            .exits(3)
            .says("apiserver.csr`: it contains no PEM block; it is not overwritten")
            .says("apiserver-kubelet-client.csr`: it contains no `CERTIFICATE REQUEST` block")
            .says("front-proxy-client.csr`: it is a request for a key that `front-proxy-client` does not have here; it is not overwritten")
            .says("hint: move it away")
            .changed_nothing();
    }
}

#[test]
fn only_rows_of_the_tree_that_pki_manages_get_a_request() {
    let tree = with_external_cas(TestTree::new());
    tree.edit("kubelet.conf", |text| {
        let certificate = text
            .lines()
            .find(|line| line.contains("client-certificate-data"))
            .unwrap();
        let key = text
            .lines()
            .find(|line| line.contains("client-key-data"))
            .unwrap();
        text.replace(certificate, "    client-certificate: /etc/kubelet.crt")
            .replace(key, "    client-key: /etc/kubelet.key")
    });
    tree.pki(&["csr", "generate"])
        .ok()
        .skips("kubelet.conf", "its client certificate is in another file");
    tree.pki(&["csr", "generate", "kubelet.conf"])
        .exits(3)
        .says("cannot make a request for `kubelet.conf`: its client certificate is in another file")
        .changed_nothing();
    for name in ["all", "ca", "sa"] {
        tree.pki(&["csr", "generate", name]).exits(2);
    }
}

/// kubeadm: TestCreateDefaultKubeConfigsAndCSRFiles / all 3 -> 2 errors, ok; stricter: each of the five files and its request
/// kubeadm: TestPathForCSR -> path; same: every path
/// kubeadm: TestRunGenCSR -> 7 keys, 4 kubeconfigs load; stricter: every file, and the requests
#[test]
fn kubeadms_spelling_makes_the_same_requests() {
    let [ours, kubeadms] = [&["csr", "generate"][..], &["certs", "generate-csr"]].map(|words| {
        let tree = TestTree::empty();
        tree.pki(&[words, &FLAGS[..]].concat()).ok().files_changed()
    });
    assert_eq!(ours, kubeadms);
    let mut wanted: Vec<_> = SIGNED.iter().map(|row| request_of(row)).collect();
    wanted.extend(PAIRS.iter().map(|row| files_of(row)[1].clone()));
    wanted.extend(KUBECONFIGS.map(str::to_owned));
    wanted.sort();
    assert_eq!(ours, wanted);
}

#[test]
fn init_prepares_a_node_without_any_ca() {
    let tree = TestTree::empty();
    tree.init(&["--external-ca", "--dry-run"])
        .ok()
        .marks('>', &SIGNED)
        .changed_nothing();
    let run = tree.init(&["--external-ca"]).ok().marks('>', &SIGNED);
    let run = run
        .marks('+', &["sa"])
        .skips("ca", "the certificate of this external CA is not here")
        .prints("12 requested");
    assert!(run.stderr.is_empty(), "{run}");
    for row in SIGNED {
        let path = tree.path(&request_of(row));
        assert!(
            run.stdout
                .contains(&format!("    {}: CA `", path.display())),
            "{run}"
        );
    }
    tree.pki(&["check-expiration"])
        .exits(4)
        .says("its certificate is not here yet, and requests wait to be signed by it");
    tree.pki(&["verify"]).exits(4).prints("[ca.awaited]");
    tree.init(&["--external-ca"]).ok().changed_nothing();
    // Without the flag, no CA is made beside the requests.
    tree.pki(&["init"]).exits(3).changed_nothing();
}

#[test]
fn init_signs_with_the_cas_that_are_here_and_asks_the_others() {
    let tree = TestTree::empty();
    let whole = TestTree::new();
    for file in ["pki/etcd/ca.crt", "pki/etcd/ca.key", "pki/ca.crt"] {
        tree.write(file, whole.read(file));
    }
    let run = tree.init(&["--external-ca"]).ok();
    assert!(tree.exists("pki/etcd/server.crt"), "{run}");
    assert!(!tree.exists("pki/apiserver.crt"), "{run}");
    assert!(
        tree.text("admin.conf")
            .contains("certificate-authority-data"),
        "{run}"
    );
    run.prints("front-proxy-ca: the certificate of this external CA is not here");
}

#[test]
fn a_request_of_a_run_outside_a_tree_of_files_is_read_like_others() {
    let tree = with_external_cas(TestTree::new());
    tree.pki(&["csr", "generate", "apiserver"]).ok();
    let path = tree.pki_file("apiserver.csr");
    let shown = run(crate::support::pki().arg("show").arg(path)).ok();
    assert!(shown.stdout.contains("CN=kube-apiserver"), "{shown}");
}
