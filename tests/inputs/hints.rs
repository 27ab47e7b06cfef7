//! What is said, word for word; and that a hint is a promise: whoever follows it is not worse off.

use std::fs;

use x509_cert::der::Tag;

use super::{
    certificates::CA,
    forge::End::{NotAfter, NotBefore},
    specimen::{Specimen, files_of},
};
use crate::support::peer;

/// Fails unless this is all that a run says on standard error, line by line; the folder is called ROOT, and a date DATE.
#[track_caller]
fn assert_said(spoil: impl Fn(&Specimen), words: &[&str], expected: &[&str]) {
    if peer("openssl").is_none() {
        return;
    }
    let t = Specimen::new();
    spoil(&t);
    let run = t.pki(words);
    let text = run.stderr.replace(t.folder().to_str().unwrap(), "ROOT");
    let lines: Vec<_> = text.lines().map(without_dates).collect();
    assert_eq!(lines, expected, "{lines:#?}");
}

fn without_dates(line: &str) -> String {
    const LENGTH: usize = "2026-11-22".len();
    let is_date = |text: &str| {
        let mut form = text.char_indices().map(|(index, character)| match index {
            4 | 7 => character == '-',
            _ => character.is_ascii_digit(),
        });
        form.all(|one| one)
    };
    let mut shown = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        match rest.get(..LENGTH).filter(|text| is_date(text)) {
            Some(_) => {
                shown.push_str("DATE");
                rest = &rest[LENGTH..];
            }
            None => {
                shown.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    shown
}

/// Makes a test of each row: what is spoiled, which command => all that it says.
macro_rules! said {
    ($($name:ident: $spoil:expr, $words:expr => $lines:expr;)*) => {
        $(#[test] fn $name() { assert_said($spoil, &$words, &$lines); })*
    };
}

const CRT: &str = "pki/apiserver.crt";
const SERVER: &str = "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n";

fn lose(t: &Specimen, rows: &[&str]) {
    rows.iter()
        .flat_map(|row| files_of(row))
        .for_each(|name| t.remove(&name));
}

fn expire(t: &Specimen, crt: &str, ca: &str) {
    t.forge(crt, ca, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    });
}

fn admin(t: &Specimen, from: &str, to: &str) {
    t.edit("admin.conf", |text| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
}

fn another_before_it(t: &Specimen) {
    t.make_ca("next", "/CN=kubernetes", CA);
    let next = fs::read_to_string(t.folder().join("next.crt")).unwrap();
    t.edit("pki/ca.crt", |text| next + &text);
}

said! {
    nothing_is_said_of_a_good_tree: |_| {}, ["init"] => [];
    an_empty_certificate: |t| t.write(CRT, ""), ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.crt`: the file is empty",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_certificate_in_der: |t| { t.openssl(&["x509", "-in", CRT, "-outform", "der", "-out", CRT], ""); }, ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.crt`: the file is DER, want PEM (`openssl x509 -inform der` converts it)",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaked_key: |t| t.append("pki/apiserver.key", CRT), ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.crt`: there is a private key in this world-readable file",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_lost_certificate: |t| t.remove(CRT), ["init"] => [
        "error: `apiserver`: its key is there and its certificate is not",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_lost_key: |t| t.remove("pki/apiserver.key"), ["init"] => [
        "error: `apiserver`: its certificate is there and its key is not",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_key_of_another: |t| t.copy("pki/etcd/server.key", "pki/apiserver.key"), ["init"] => [
        "error: `apiserver`: its key does not belong to it (the public keys differ)",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    an_encrypted_key: |t| {
        t.openssl(&["pkey", "-aes256", "-passout", "pass:x", "-in", "pki/apiserver.key", "-out", "encrypted"], "");
        let text = t.text("encrypted");
        t.remove("encrypted");
        t.write("pki/apiserver.key", text);
    }, ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.key`: the key is encrypted with a passphrase; Kubernetes components need it in the clear",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    two_keys: |t| t.append("pki/etcd/server.key", "pki/apiserver.key"), ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/apiserver.key`: there are 2 private keys in it, want one",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_of_another_ca: |t| t.sign("apiserver", "etcd/ca", &(t.apiserver_names() + SERVER), &[]), ["init"] => [
        "error: `apiserver`: it is not signed by its CA",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_signed_with_sha1: |t| t.sign("apiserver", "ca", &(t.apiserver_names() + SERVER), &["-sha1"]), ["init"] => [
        "error: `apiserver`: it is signed with an algorithm that is not accepted any more, such as SHA-1",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_without_its_usage: |t| t.sign("apiserver", "ca", &(t.apiserver_names() + "extendedKeyUsage=clientAuth\n"), &[]), ["init"] => [
        "error: `apiserver`: its extended key usage lacks serverAuth",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_without_a_name: |t| t.sign("apiserver", "ca", &(t.apiserver_names().replace("DNS:cp-1,", "") + SERVER), &[]), ["init"] => [
        "error: `apiserver`: it lacks names that the configuration asks for: DNS:cp-1",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_leaf_that_has_expired: |t| expire(t, CRT, "ca"), ["init"] => [
        "error: `apiserver`: it expired on DATE",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_ca_in_place_of_a_leaf: |t| { t.copy("pki/ca.crt", CRT); t.copy("pki/ca.key", "pki/apiserver.key"); }, ["init"] => [
        "error: `apiserver`: it has the key of its CA, want a leaf with a key of its own",
        "hint: run `pki renew apiserver --rootfs ROOT`",
    ];
    a_directory_in_place_of_a_leaf: |t| { t.remove(CRT); fs::create_dir(t.path(CRT)).unwrap(); }, ["init"] => [
        "error: reading `ROOT/etc/kubernetes/pki/apiserver.crt`: it is a directory, want a file",
        "hint: check what is at that path, and move it away",
    ];
    a_link_that_leads_nowhere: |t| { t.remove(CRT); std::os::unix::fs::symlink("nowhere", t.path(CRT)).unwrap(); }, ["init"] => [
        "error: following the link `ROOT/etc/kubernetes/pki/apiserver.crt`: a symbolic link that leads nowhere",
        "hint: check what is at that path, and move it away",
    ];
    a_file_that_is_too_large: |t| fs::File::create(t.path(CRT)).unwrap().set_len(100 << 20).unwrap(), ["init"] => [
        "error: reading `ROOT/etc/kubernetes/pki/apiserver.crt`: it has 104857600 bytes, more than the 1048576 that are accepted",
        "hint: check what is at that path, and move it away",
    ];
    an_empty_ca: |t| t.write("pki/ca.crt", ""), ["init"] => [
        "error: `ROOT/etc/kubernetes/pki/ca.crt`: the file is empty",
        "hint: put the file back from a backup",
    ];
    a_ca_that_is_lost: |t| t.remove("pki/etcd/ca.crt"), ["init"] => [
        "error: CA `etcd-ca`: its key is there and its certificate is not",
        "hint: put the certificate back; a new CA would not match what the old one signed",
    ];
    a_ca_whose_leaves_are_left: |t| lose(t, &["front-proxy-ca"]), ["init"] => [
        "error: CA `front-proxy-ca`: it is missing, and these certificates need it: front-proxy-client",
        "hint: put the CA back from a backup or from another control plane node",
    ];
    a_ca_that_is_none: |t| t.resign_ca("front-proxy-ca", "keyUsage=critical,keyCertSign\n", &[]), ["init"] => [
        "error: CA `front-proxy-ca`: it is not a CA certificate: want basicConstraints with CA:TRUE, and keyUsage with keyCertSign",
        "hint: put the file back from a backup",
    ];
    a_ca_with_the_key_of_another: |t| t.copy("pki/etcd/ca.key", "pki/front-proxy-ca.key"), ["init"] => [
        "error: CA `front-proxy-ca`: its key does not belong to it (the public keys differ)",
        "hint: put back the key that belongs to it, or remove the key if this CA is an external one",
    ];
    a_ca_that_has_expired: |t| expire(t, "pki/front-proxy-ca.crt", "front-proxy-ca"), ["init"] => [
        "error: CA `front-proxy-ca`: it expired on DATE; nothing it signs would be accepted",
        "hint: replace the CA and everything that it signed",
    ];
    a_ca_behind_another: another_before_it, ["init"] => [
        "error: CA `ca`: its key does not belong to it (the public keys differ)",
        "hint: the key is that of another certificate in the same file: put that one first, as the one that signs",
        "error: `admin.conf`: it trusts another CA than this tree's ca.crt",
        "error: `super-admin.conf`: it trusts another CA than this tree's ca.crt",
        "error: `kubelet.conf`: it trusts another CA than this tree's ca.crt",
        "error: `controller-manager.conf`: it trusts another CA than this tree's ca.crt",
        "error: `scheduler.conf`: it trusts another CA than this tree's ca.crt",
        "hint: is it another cluster's? move it away to have it made again",
    ];
    a_service_account_key_that_is_lost: |t| t.remove("pki/sa.key"), ["init"] => [
        "error: `sa`: sa.pub is there and sa.key is not",
        "hint: put sa.key back; a new pair would invalidate every service-account token",
    ];
    a_service_account_key_of_another: |t| t.copy("pki/ca.key", "pki/sa.key"), ["init"] => [
        "error: `sa`: sa.pub does not hold the public key of sa.key",
        "hint: remove the wrong one of the two; `init` makes sa.pub from sa.key",
    ];
    a_kubeconfig_of_another_ca: |t| t.embed("admin.conf", "certificate-authority-data", t.read("pki/etcd/ca.crt")), ["init"] => [
        "error: `admin.conf`: it trusts another CA than this tree's ca.crt",
        "hint: run `pki renew admin.conf --rootfs ROOT`",
    ];
    a_kubeconfig_of_another_server: |t| admin(t, "https://api.example.net:6443", "https://other.example:6443"), ["init"] => [
        "error: `admin.conf`: it points at `https://other.example:6443`, which the API server's certificate is not for; the configuration says `https://api.example.net:6443`",
        "hint: run `pki renew admin.conf --rootfs ROOT`",
    ];
    a_kubeconfig_of_this_node: |t| admin(t, "https://api.example.net:6443", "https://127.0.0.1:6443"), ["init"] => [
        "warning: `admin.conf`: it points at `https://127.0.0.1:6443`, the configuration says `https://api.example.net:6443`; correct the server in it or in the configuration",
    ];
    a_kubeconfig_without_its_context: |t| admin(t, "current-context: ", "current-context: x"), ["init"] => [
        "error: `ROOT/etc/kubernetes/admin.conf`: current-context: there is no `xkubernetes-admin@kubernetes` in contexts",
        "hint: put the file back from a backup, or move it away to have it made again",
    ];
    a_kubeconfig_with_a_field_twice: |t| t.edit("admin.conf", |text| text + "kind: Config\n"), ["init"] => [
        "error: `ROOT/etc/kubernetes/admin.conf`: malformed YAML: duplicate mapping key: kind",
        "hint: put the file back from a backup, or move it away to have it made again",
    ];
    several_things_at_once: |t| {
        t.write("pki/etcd/ca.key", "");
        t.copy("pki/etcd/server.key", "pki/apiserver.key");
        t.remove("pki/front-proxy-client.key");
        t.write("scheduler.conf", "");
    }, ["init"] => [
        "error: `apiserver`: its key does not belong to it (the public keys differ)",
        "hint: run `pki renew apiserver`",
        "error: `front-proxy-client`: its certificate is there and its key is not",
        "hint: put the key back, or run `pki renew front-proxy-client`, which makes both anew",
        "error: `ROOT/etc/kubernetes/pki/etcd/ca.key`: the file is empty",
        "hint: put the file back from a backup",
        "error: `ROOT/etc/kubernetes/scheduler.conf`: the file is empty",
        "hint: put the file back from a backup, or move it away to have it made again",
    ];
    what_an_external_ca_is_to_sign: |t| { t.remove("pki/ca.key"); lose(t, &["apiserver", "admin.conf"]); }, ["init"] => [];

    a_renewal_of_a_kubeconfig_without_a_ca: |t| admin(t, "certificate-authority-data:", "certificate-authority-dat:"), ["renew", "admin.conf", "--dry-run"] => [
        "warning: `admin.conf`: it names no CA, so its client cannot verify the API server's certificate; this renewal repairs it",
    ];
    check_of_what_an_external_ca_is_to_sign: |t| { t.remove("pki/ca.key"); lose(t, &["apiserver"]); }, ["check-expiration"] => [
        "warning: `apiserver`: missing; have that CA sign a certificate for `CN=kube-apiserver`, usages serverAuth, names DNS:*.apps.example.net, DNS:api.example.net, DNS:cp-1, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, DNS:kubernetes.default.svc.k8s.example.net, IP:10.96.0.1, IP:192.0.2.11, IP:2001:db8::7, and put key and certificate in place",
    ];
    check_of_a_lost_leaf: |t| lose(t, &["apiserver"]), ["check-expiration"] => [
        "warning: `apiserver`: missing; run `pki init --rootfs ROOT`",
    ];
    check_of_a_lost_key: |t| t.remove("pki/apiserver.key"), ["check-expiration"] => [
        "warning: `apiserver`: its certificate is there and its key is not; run `pki renew apiserver --rootfs ROOT`",
    ];
    check_of_a_lost_ca: |t| lose(t, &["front-proxy-ca"]), ["check-expiration"] => [
        "warning: CA `front-proxy-ca`: it is missing, and these certificates need it: front-proxy-client; put the CA back from a backup or from another control plane node",
    ];
    check_of_a_broken_leaf: |t| t.write(CRT, "broken"), ["check-expiration"] => [
        "warning: `apiserver`: `ROOT/etc/kubernetes/pki/apiserver.crt`: there is no PEM block in it; run `pki renew apiserver --rootfs ROOT`",
    ];
    check_of_a_leaf_that_has_expired: |t| expire(t, CRT, "ca"), ["check-expiration"] => [
        "warning: `apiserver`: it expired on DATE; run `pki renew --due 30d --rootfs ROOT`",
    ];
    check_of_a_leaf_of_another_ca: |t| t.sign("apiserver", "etcd/ca", &(t.apiserver_names() + SERVER), &[]), ["check-expiration"] => [
        "warning: `apiserver`: it is not signed by its CA; run `pki renew apiserver --rootfs ROOT`",
    ];
    check_of_a_ca_that_is_none: |t| t.resign_ca("front-proxy-ca", "keyUsage=critical,keyCertSign\n", &[]), ["check-expiration"] => [
        "warning: CA `front-proxy-ca`: it is not a CA certificate: want basicConstraints with CA:TRUE, and keyUsage with keyCertSign; put the file back from a backup",
    ];
    check_of_a_token: |t| {
        let lines = |text: String| text.lines().filter(|line| !line.contains("client-")).map(|line| format!("{line}\n")).collect();
        t.edit("admin.conf", lines);
        admin(t, "  user:\n", "  user: {token: not-a-real-token}\n");
    }, ["check-expiration"] => [
        "note: not listed, their users have no client certificate that could expire: admin.conf",
    ];
    check_of_what_nobody_declared: |t| fs::remove_dir_all(t.path(".pki")).unwrap(), ["check-expiration"] => [
        "note: no configuration is recorded for `ROOT/etc/kubernetes/pki`: the rows are inferred from what is there",
    ];

    renewal_of_what_nobody_declared: |t| fs::remove_dir_all(t.path(".pki")).unwrap(), ["renew", "scheduler.conf"] => [
        "note: no configuration is recorded or given: each certificate keeps the names and usages of the old one",
    ];
    renewal_by_an_external_ca: |t| t.remove("pki/ca.key"), ["renew", "apiserver"] => [
        "error: cannot renew `apiserver`: its CA `ca` is external: there is no key to sign with",
        "hint: have the external CA `ca` sign it, and put key and certificate in place",
    ];
    renewal_by_an_empty_ca: |t| t.write("pki/ca.key", ""), ["renew", "all"] => [
        "warning: CA `ca`: `ROOT/etc/kubernetes/pki/ca.key`: the file is empty; put the file back from a backup",
    ];
    renewal_by_a_lost_ca: |t| t.remove("pki/ca.crt"), ["renew", "all"] => [
        "warning: CA `ca`: its key is there and its certificate is not; put the certificate back; a new CA would not match what the old one signed",
    ];
    renewal_of_what_is_not_there: |t| lose(t, &["scheduler.conf"]), ["renew", "scheduler.conf"] => [
        "error: cannot renew `scheduler.conf`: it is missing",
        "hint: run `pki init --rootfs ROOT`",
    ];
    renewal_of_a_lost_key: |t| t.remove("pki/apiserver.key"), ["renew", "all"] => [
        "warning: `apiserver`: its certificate is there and its key is not; this renewal repairs it",
    ];
    renewal_of_an_empty_certificate: |t| t.write(CRT, ""), ["renew", "apiserver"] => [
        "warning: `ROOT/etc/kubernetes/pki/apiserver.crt`: the file is empty; this renewal repairs it",
    ];
    renewal_of_a_broken_kubeconfig: |t| t.write("admin.conf", ""), ["renew", "admin.conf"] => [
        "error: cannot renew `admin.conf`: `ROOT/etc/kubernetes/admin.conf`: the file is empty",
        "hint: put the file back from a backup, or move it away to have it made again",
    ];
    renewal_of_a_kept_key_that_is_broken: |t| t.write("pki/apiserver.key", ""), ["renew", "apiserver", "--reuse-key"] => [
        "error: cannot renew `apiserver`: its key cannot be read, so it cannot be kept",
        "hint: renew it without `--reuse-key`",
    ];
    renewal_of_a_leaf_with_another_ca_behind_it: |t| t.append("pki/etcd/ca.crt", CRT), ["renew", "apiserver"] => [
        "warning: `apiserver`: the CA signs it directly, so the other certificates in its file (1) are dropped",
    ];
    renewal_of_what_an_external_ca_signed_long_ago: |t| { expire(t, CRT, "ca"); t.remove("pki/ca.key"); }, ["renew", "all"] => [
        "warning: `apiserver`: it expired on DATE; have the external CA `ca` sign it, and put key and certificate in place",
    ];
}

/// Moving half a pair away is refused again; renewing heals it.
#[test]
fn a_broken_leaf_is_to_be_renewed() {
    for name in ["pki/apiserver.crt", "pki/apiserver.key"] {
        let specimen = Specimen::new();
        specimen.write(name, "");
        let run = specimen.pki(&["init"]).refused("the file is empty");
        assert!(
            run.stderr.contains("pki renew apiserver"),
            "`renew` would heal {name}: {run}"
        );
    }
}

/// Without these there is no way back, and `init` refuses to make other ones beside what they signed.
#[test]
fn nobody_is_told_to_have_a_ca_or_sa_key_made_again() {
    for name in ["pki/ca.crt", "pki/ca.key", "pki/etcd/ca.crt", "pki/sa.key"] {
        let specimen = Specimen::new();
        specimen.write(name, "");
        let run = specimen.pki(&["init"]).refused("the file is empty");
        assert!(!run.stderr.contains("made again"), "{name}: {run}");
    }
}

/// `init` refuses to make what lacks one half only, and a CA whose leaves are there.
#[test]
fn the_check_does_not_send_to_init_what_init_refuses() {
    for names in [
        &["pki/apiserver.crt"][..],
        &["pki/ca.crt"],
        &["pki/ca.crt", "pki/ca.key"],
    ] {
        let specimen = Specimen::new();
        names.iter().for_each(|name| specimen.remove(name));
        let check = specimen.pki(&["check-expiration"]);
        assert_eq!(check.code, Some(5), "{check}");
        assert_eq!(specimen.pki(&["init"]).code, Some(3));
        assert!(
            !check.stderr.contains("run `pki init"),
            "{names:?}: {check}"
        );
    }
}

#[test]
fn what_init_is_said_to_make_it_makes() {
    for names in [
        &["pki/apiserver.crt", "pki/apiserver.key"][..],
        &["scheduler.conf"],
    ] {
        let specimen = Specimen::new();
        names.iter().for_each(|name| specimen.remove(name));
        let check = specimen.pki(&["check-expiration"]);
        assert_eq!(check.code, Some(5), "{check}");
        assert!(
            check.stderr.contains("missing; run `pki init"),
            "{names:?}: {check}"
        );
        specimen.pki(&["init"]).ok();
        specimen.pki(&["check-expiration"]).ok();
    }
}

#[test]
fn a_ca_certificate_in_place_of_a_leaf_is_not_sent_to_a_renewal_that_refuses_it() {
    let specimen = Specimen::new();
    for extension in ["crt", "key"] {
        specimen.copy(
            &format!("pki/ca.{extension}"),
            &format!("pki/apiserver.{extension}"),
        );
    }
    let run = specimen.pki(&["init"]).refused("it has the key of its CA");
    let promised = run.stderr.contains("run `pki renew apiserver ");
    let kept = specimen.pki(&["renew", "apiserver"]).code == Some(0);
    assert_eq!(promised, kept, "{run}");
}

/// One file in the place of the directory, and not eleven broken ones.
#[test]
fn a_file_as_certificates_directory_is_called_that() {
    let specimen = Specimen::empty();
    let file = specimen.folder().join("file");
    fs::write(&file, "").unwrap();
    for command in [&["init"][..], &["renew", "all"]] {
        let arguments = [command, &["--cert-dir", file.to_str().unwrap()]].concat();
        let run = specimen.pki(&arguments);
        assert_eq!(run.code, Some(3), "{run}");
        assert!(!run.stderr.contains("backup"), "nothing is lost: {run}");
        assert!(
            run.stderr
                .lines()
                .filter(|line| line.contains("error: "))
                .count()
                == 1,
            "{run}"
        );
    }
    assert_eq!(fs::read(&file).unwrap(), b"");
}
