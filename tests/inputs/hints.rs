//! The exact messages about damage, and tests that following a hint helps.

use std::fs;

use x509_cert::der::Tag;

use crate::support::{
    CA,
    End::{NotAfter, NotBefore},
    TestTree, peer,
};

/// Makes a test of each row: a change to a tree, a command => standard error, with ROOT for the directory.
macro_rules! said {
    ($($name:ident: $damage:expr, $words:expr => [$($line:expr),* $(,)?];)*) => {
        $(#[test] fn $name() {
            if peer("openssl").is_none() {
                return;
            }
            let tree = TestTree::new();
            let damage: fn(&TestTree) = $damage;
            damage(&tree);
            let wanted: &[&str] = &[$($line),*];
            assert_eq!(lines_of(&tree, &$words), wanted);
        })*
    };
}

fn lines_of(tree: &TestTree, words: &[&str]) -> Vec<String> {
    let text = tree.pki(words).stderr;
    let text = text.replace(tree.root().to_str().unwrap(), "ROOT");
    text.lines().map(str::to_owned).collect()
}

const CRT: &str = "pki/apiserver.crt";
const SERVER: &str = "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n";

fn expire(t: &TestTree, crt: &str, ca: &str) {
    t.forge(crt, ca, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    });
}

fn admin(t: &TestTree, from: &str, to: &str) {
    t.edit("admin.conf", |text| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
}

fn insert_ca_first(t: &TestTree) {
    t.make_ca("next", "/CN=kubernetes", CA);
    let next = fs::read_to_string(t.root().join("next.crt")).unwrap();
    t.edit("pki/ca.crt", |text| next + &text);
}

said! {
    nothing_is_said_of_a_good_tree: |_| {}, ["init"] => [];
    an_empty_certificate: |t| t.write(CRT, ""), ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.crt`: the file is empty",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_certificate_in_der: |t| { t.openssl(&["x509", "-in", CRT, "-outform", "der", "-out", CRT]); }, ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.crt`: the file is DER, want PEM (`openssl x509 -inform der` converts it)",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaked_key: |t| t.append("pki/apiserver.key", CRT), ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.crt`: this world-readable file contains a private key",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_lost_certificate: |t| t.remove(CRT), ["init"] => [
        "error: `apiserver`: its key exists, its certificate is missing",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_lost_key: |t| t.remove("pki/apiserver.key"), ["init"] => [
        "error: `apiserver`: its certificate exists, its key is missing",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_key_of_another: |t| t.copy("pki/etcd/server.key", "pki/apiserver.key"), ["init"] => [
        "error: `apiserver`: its key does not belong to it (the public keys differ)",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    an_encrypted_key: |t| {
        t.openssl(&["pkey", "-aes256", "-passout", "pass:x", "-in", "pki/apiserver.key", "-out", "encrypted"]);
        let text = t.text("encrypted");
        t.remove("encrypted");
        t.write("pki/apiserver.key", text);
    }, ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.key`: the key is encrypted with a passphrase; Kubernetes components need an unencrypted key",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_of_another_ca: |t| t.sign("apiserver", "etcd/ca", &(t.apiserver_names() + SERVER), &[]), ["init"] => [
        "error: `apiserver`: it is not signed by its CA",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_signed_with_sha1: |t| t.sign("apiserver", "ca", &(t.apiserver_names() + SERVER), &["-md", "sha1"]), ["init"] => [
        "error: `apiserver`: it is signed with an algorithm that is no longer accepted, such as SHA-1",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_without_its_usage: |t| t.sign("apiserver", "ca", &(t.apiserver_names() + "extendedKeyUsage=clientAuth\n"), &[]), ["init"] => [
        "error: `apiserver`: its extended key usage lacks serverAuth",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_without_a_name: |t| t.sign("apiserver", "ca", &(t.apiserver_names().replace("DNS:cp-1,", "") + SERVER), &[]), ["init"] => [
        "error: `apiserver`: it lacks names from the configuration: DNS:cp-1",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_that_has_expired: |t| expire(t, CRT, "ca"), ["init"] => ["error: `apiserver`: it expired on 2020-01-01", "hint: run `pki renew apiserver --rootfs ROOT`"];
    a_ca_in_place_of_a_leaf: |t| { t.copy("pki/ca.crt", CRT); t.copy("pki/ca.key", "pki/apiserver.key"); }, ["init"] => [
        "error: `apiserver`: it has the key of its CA, want a separate key",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_directory_in_place_of_a_leaf: |t| { t.remove(CRT); fs::create_dir(t.path(CRT)).unwrap(); }, ["init"] => [
        "error: reading `ROOT/etc/kubernetes/pki/apiserver.crt`: it is a directory, want a file",
        "hint: inspect the path, and move it away",
    ];
    a_link_that_leads_nowhere: |t| { t.remove(CRT); std::os::unix::fs::symlink("nowhere", t.path(CRT)).unwrap(); }, ["init"] => [
        "error: following the link `ROOT/etc/kubernetes/pki/apiserver.crt`: the target of the symbolic link does not exist",
        "hint: inspect the path, and move it away",
    ];
    a_file_that_is_too_large: |t| t.write_zeroes(CRT, 100 << 20), ["init"] => [
        "error: reading `ROOT/etc/kubernetes/pki/apiserver.crt`: it has 104857600 bytes, the limit is 1048576",
        "hint: inspect the path, and move it away",
    ];
    an_empty_ca: |t| t.write("pki/ca.crt", ""), ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/ca.crt`: the file is empty",
        "hint: put the file back from a backup",
    ];
    a_ca_that_is_lost: |t| t.remove("pki/etcd/ca.crt"), ["init"] => [
        "error: CA `etcd-ca`: its key exists, its certificate is missing",
        "hint: put the certificate back; a new CA would not match what the old one signed",
    ];
    a_ca_whose_leaves_are_left: |t| t.remove_rows(&["front-proxy-ca"]), ["init"] => [
        "error: CA `front-proxy-ca`: it is missing, but it signed these certificates: front-proxy-client",
        "hint: put the CA back from a backup or from another control plane node; if all nodes lost it, `init` with `--new-ca` replaces it and what it signed",
    ];
    a_ca_that_is_none: |t| t.resign_ca("front-proxy-ca", "keyUsage=critical,keyCertSign\n", &[]), ["init"] => ["error: CA `front-proxy-ca`: it is not a CA certificate: want basicConstraints with CA:TRUE, and keyUsage, if any, with keyCertSign", "hint: put the file back from a backup"];
    a_ca_with_the_key_of_another: |t| t.copy("pki/etcd/ca.key", "pki/front-proxy-ca.key"), ["init"] => [
        "error: CA `front-proxy-ca`: its key does not belong to it (the public keys differ)",
        "hint: put back the key that belongs to it, or remove the key if this CA is an external one",
    ];
    a_ca_that_has_expired: |t| expire(t, "pki/front-proxy-ca.crt", "front-proxy-ca"), ["init"] => ["error: CA `front-proxy-ca`: it expired on 2020-01-01; nothing it signs would be accepted", "hint: replace the CA and everything that it signed"];
    a_ca_behind_another: insert_ca_first, ["init"] => ["error: CA `ca`: its key does not belong to it (the public keys differ)", "hint: the key belongs to another certificate in the same file: put that certificate first, because the first one signs"];
    a_service_account_key_that_is_lost: |t| t.remove("pki/sa.key"), ["init"] => [
        "error: `sa`: sa.pub exists, sa.key is missing",
        "hint: put sa.key back; a new pair would invalidate every service-account token",
    ];
    a_service_account_key_of_another: |t| t.copy("pki/ca.key", "pki/sa.key"), ["init"] => [
        "error: `sa`: sa.pub does not contain the public key of sa.key",
        "hint: remove the wrong one of the two; `init` makes sa.pub from sa.key",
    ];
    a_kubeconfig_of_another_ca: |t| t.embed("admin.conf", "certificate-authority-data", t.read("pki/etcd/ca.crt")), ["init"] => [
        "error: `admin.conf`: it does not trust this tree's CA (ca.crt)",
        "hint: run `pki renew admin.conf --rootfs ROOT`",
    ];
    a_kubeconfig_of_another_server: |t| admin(t, "https://api.example.net:6443", "https://other.example:6443"), ["init"] => [
        "error: `admin.conf`: its server is `https://other.example:6443`, which is not a name in the API server's certificate; the configuration says `https://api.example.net:6443`",
        "hint: run `pki renew admin.conf --rootfs ROOT`",
    ];
    a_kubeconfig_of_this_machine: |t| admin(t, "https://api.example.net:6443", "https://127.0.0.1:6443"), ["init"] => [
        "error: `admin.conf`: its server is `https://127.0.0.1:6443`, which is not a name in the API server's certificate; the configuration says `https://api.example.net:6443`",
        "hint: run `pki renew admin.conf --rootfs ROOT`",
    ];
    a_kubeconfig_of_this_node: |t| admin(t, "https://api.example.net:6443", "https://cp-1:6443"), ["init"] => [
        "warning: `admin.conf`: its server is `https://cp-1:6443`, the configuration says `https://api.example.net:6443`; correct the server in it or in the configuration",
    ];
    a_kubeconfig_without_its_context: |t| admin(t, "current-context: ", "current-context: x"), ["init"] => [
        "error: `ROOT/etc/kubernetes/admin.conf`: current-context: there is no `xkubernetes-admin@kubernetes` in contexts",
        "hint: put the file back from a backup, or move it away and create it again",
    ];
    several_things_at_once: |t| {
        t.write("pki/etcd/ca.key", "");
        t.copy("pki/etcd/server.key", "pki/apiserver.key");
        t.remove("pki/front-proxy-client.key");
        t.write("scheduler.conf", "");
    }, ["init"] => ["error: `apiserver`: its key does not belong to it (the public keys differ)", "hint: run `pki renew apiserver --rootfs ROOT`", "error: `front-proxy-client`: its certificate exists, its key is missing", "hint: run `pki renew front-proxy-client --rootfs ROOT`", "error: `ROOT/etc/kubernetes/pki/etcd/ca.key`: the file is empty", "hint: put the file back from a backup", "error: `ROOT/etc/kubernetes/scheduler.conf`: the file is empty", "hint: put the file back from a backup, or move it away and create it again"];
    what_an_external_ca_is_to_sign: |t| { t.remove("pki/ca.key"); t.remove_rows(&["apiserver", "admin.conf"]); }, ["init"] => [];

    a_renewal_of_a_kubeconfig_without_a_ca: |t| admin(t, "certificate-authority-data:", "certificate-authority-dat:"), ["renew", "admin.conf", "--dry-run"] => [
        "warning: `admin.conf`: it names no CA, so its client cannot verify the API server's certificate; this renewal repairs it",
    ];
    check_of_what_an_external_ca_is_to_sign: |t| { t.remove("pki/ca.key"); t.remove_rows(&["apiserver"]); }, ["check-expiration"] => [
        "warning: `apiserver`: missing; have that CA sign a certificate for `CN=kube-apiserver`, usages serverAuth, names DNS:*.apps.example.net, DNS:api.example.net, DNS:cp-1, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.k8s.example.net, IP:10.96.0.1, IP:192.0.2.11, IP:2001:db8::7, see `pki help csr`",
    ];
    check_of_a_lost_leaf: |t| t.remove_rows(&["apiserver"]), ["check-expiration"] => [
        "warning: `apiserver`: missing; run `pki init --rootfs ROOT`",
    ];
    check_of_a_lost_key: |t| t.remove("pki/apiserver.key"), ["check-expiration"] => [
        "warning: `apiserver`: its certificate exists, its key is missing; run `pki renew apiserver --rootfs ROOT`",
    ];
    check_of_what_expired_with_its_ca: |t| { expire(t, "pki/front-proxy-ca.crt", "front-proxy-ca"); expire(t, "pki/front-proxy-client.crt", "front-proxy-ca"); }, ["check-expiration"] => [
        "warning: CA `front-proxy-ca`: it expired on 2020-01-01; nothing it signs would be accepted; replace the CA and everything that it signed",
        "warning: `front-proxy-client`: it expired on 2020-01-01; replace the CA and everything that it signed",
    ];
    check_of_a_lost_ca: |t| t.remove_rows(&["front-proxy-ca"]), ["check-expiration"] => [
        "warning: CA `front-proxy-ca`: it is missing, but it signed these certificates: front-proxy-client; put the CA back from a backup or from another control plane node; if all nodes lost it, `init` with `--new-ca` replaces it and what it signed",
    ];
    check_of_a_broken_leaf: |t| t.write(CRT, "broken"), ["check-expiration"] => [
        "warning: `apiserver`: `ROOT/etc/kubernetes/pki/apiserver.crt`: it contains no PEM block; run `pki renew apiserver --rootfs ROOT`",
    ];
    check_of_a_leaf_that_has_expired: |t| expire(t, CRT, "ca"), ["check-expiration"] => ["warning: `apiserver`: it expired on 2020-01-01; run `pki renew --due 30d --rootfs ROOT`"];
    check_of_a_leaf_of_another_ca: |t| t.sign("apiserver", "etcd/ca", &(t.apiserver_names() + SERVER), &[]), ["check-expiration"] => [
        "warning: `apiserver`: it is not signed by its CA; run `pki renew apiserver --rootfs ROOT`",
    ];
    check_of_a_ca_that_is_none: |t| t.resign_ca("front-proxy-ca", "keyUsage=critical,keyCertSign\n", &[]), ["check-expiration"] => ["warning: CA `front-proxy-ca`: it is not a CA certificate: want basicConstraints with CA:TRUE, and keyUsage, if any, with keyCertSign; put the file back from a backup"];
    check_of_a_token: |t| {
        let lines = |text: String| text.lines().filter(|line| !line.contains("client-")).map(|line| format!("{line}\n")).collect();
        t.edit("admin.conf", lines);
        admin(t, "  user:\n", "  user: {token: not-a-real-token}\n");
    }, ["check-expiration"] => [
        "note: not listed, because their users have no client certificate: admin.conf",
    ];
    check_without_a_configuration: TestTree::forget_configuration, ["check-expiration"] => [
        "note: no configuration is recorded for `ROOT/etc/kubernetes/pki`: `pki` infers the expected files from the existing ones",
    ];

    renewal_without_a_configuration: TestTree::forget_configuration, ["renew", "scheduler.conf"] => [
        "note: no configuration is recorded or given: each certificate keeps the names and usages of the old one",
    ];
    renewal_by_an_external_ca: |t| t.remove("pki/ca.key"), ["renew", "apiserver"] => [
        "error: cannot renew `apiserver`: its CA `ca` is external: its key is not on this host",
        "hint: have the external CA `ca` sign it, see `pki help csr`",
    ];
    renewal_by_an_empty_ca: |t| t.write("pki/ca.key", ""), ["renew", "all"] => [
        "warning: CA `ca`: `ROOT/etc/kubernetes/pki/ca.key`: the file is empty; put the file back from a backup",
    ];
    renewal_by_a_lost_ca: |t| t.remove("pki/ca.crt"), ["renew", "all"] => [
        "warning: CA `ca`: its key exists, its certificate is missing; put the certificate back; a new CA would not match what the old one signed",
    ];
    renewal_of_what_is_not_there: |t| t.remove_rows(&["scheduler.conf"]), ["renew", "scheduler.conf"] => [
        "error: cannot renew `scheduler.conf`: it is missing",
        "hint: run `pki init --rootfs ROOT`",
    ];
    renewal_of_a_lost_key: |t| t.remove("pki/apiserver.key"), ["renew", "all"] => [
        "warning: `apiserver`: its certificate exists, its key is missing; this renewal repairs it",
    ];
    renewal_of_an_empty_certificate: |t| t.write(CRT, ""), ["renew", "apiserver"] => [
        "warning: `ROOT/etc/kubernetes/pki/apiserver.crt`: the file is empty; this renewal repairs it",
    ];
    renewal_of_a_broken_kubeconfig: |t| t.write("admin.conf", ""), ["renew", "admin.conf"] => [
        "error: cannot renew `admin.conf`: `ROOT/etc/kubernetes/admin.conf`: the file is empty",
        "hint: put the file back from a backup, or move it away and create it again",
    ];
    renewal_of_a_kept_key_that_is_broken: |t| t.write("pki/apiserver.key", ""), ["renew", "apiserver", "--reuse-key"] => [
        "error: cannot renew `apiserver`: its key cannot be read, so it cannot be reused",
        "hint: renew it without `--reuse-key`",
    ];
    renewal_of_a_leaf_with_another_ca_behind_it: |t| t.append("pki/etcd/ca.crt", CRT), ["renew", "apiserver"] => [
        "warning: `apiserver`: the CA signs it directly, so the intermediate in its file is removed",
    ];
    renewal_of_what_an_external_ca_signed_long_ago: |t| { expire(t, CRT, "ca"); t.remove("pki/ca.key"); }, ["renew", "all"] => ["warning: `apiserver`: it expired on 2020-01-01; have the external CA `ca` sign it, see `pki help csr`"];
}

/// These keys cannot be made again, and `init` refuses to make others while their certificates exist.
#[test]
fn no_hint_advises_to_make_a_ca_or_sa_key_again() {
    for name in ["pki/ca.crt", "pki/ca.key", "pki/etcd/ca.crt", "pki/sa.key"] {
        let tree = TestTree::new();
        tree.write(name, "");
        tree.pki(&["init"])
            .exits(3)
            .says("the file is empty")
            .does_not_say("made again");
    }
}

/// `init` refuses to complete half a pair, and to make a CA whose leaves exist.
#[test]
fn check_does_not_advise_init_for_rows_that_init_refuses() {
    for names in [
        &["pki/apiserver.crt"][..],
        &["pki/ca.crt"],
        &["pki/ca.crt", "pki/ca.key"],
    ] {
        let tree = TestTree::new();
        tree.remove_all(names);
        tree.pki(&["check-expiration"])
            .exits(5)
            .does_not_say("`pki init` makes what is missing");
        tree.pki(&["init"]).exits(3);
    }
}

#[test]
fn init_makes_the_rows_for_which_check_advises_it() {
    for row in ["apiserver", "scheduler.conf"] {
        let tree = TestTree::new();
        tree.remove_rows(&[row]);
        tree.pki(&["check-expiration"]).exits(5).says("pki init");
        tree.pki(&["init"]).exits(0).changed_rows(&[row]);
        tree.pki(&["check-expiration"]).exits(0);
    }
}

#[test]
fn check_does_not_advise_a_renewal_for_a_ca_in_place_of_a_leaf() {
    let tree = TestTree::new();
    tree.copy_pair("ca", "apiserver");
    let init = tree.pki(&["init"]).exits(3);
    let promised = init.stderr.contains("pki renew apiserver");
    let kept = tree.pki(&["renew", "apiserver"]).code == Some(0);
    assert_eq!(promised, kept, "{init}");
}

/// Only the owner of an external CA can have it sign.
#[test]
fn check_does_not_advise_renew_for_rows_of_an_external_ca() {
    for damage in [
        (|t| expire(t, CRT, "ca")) as fn(&TestTree),
        |t| t.remove("pki/apiserver.key"),
        |t| t.remove(CRT),
        |t| t.copy("pki/etcd/server.key", "pki/apiserver.key"),
        |t| t.write(CRT, "broken"),
    ] {
        let tree = TestTree::new();
        damage(&tree);
        tree.remove("pki/ca.key");
        tree.pki(&["check-expiration"]).does_not_say("pki renew");
    }
}

/// Renewing a leaf needs the CA.
#[test]
fn no_command_advises_renew_for_rows_of_a_broken_ca() {
    for command in ["init", "check-expiration"] {
        let tree = TestTree::new();
        tree.write("pki/ca.crt", "broken");
        tree.pki(&[command]).does_not_say("pki renew apiserver");
    }
}

/// The message is about one file in place of the directory, not about eleven broken files.
#[test]
fn file_in_place_of_the_certificates_directory_is_one_error() {
    let tree = TestTree::empty();
    let file = tree.beside("file", "");
    for command in [&["init"][..], &["renew", "all"]] {
        let run = tree
            .pki(&[command, &["--cert-dir", &file]].concat())
            .exits(3)
            .does_not_say("backup")
            .changed_nothing();
        assert_eq!(run.stderr.matches("error: ").count(), 1, "{run}");
    }
}
