//! Errors stop `init` before anything is written. `renew all` skips rows with errors and rows of a CA with an error, and
//! renews the others.

use time::OffsetDateTime;

use crate::support::{
    EXTERNAL_ETCD, NOW, Openssl, SAN, TestTree, config_of, days, made_at,
    rows::{OF_CA, OF_ETCD_CA},
};

/// Checks that `renew all` skips the rows of a CA with an error, says why, and exits with 5.
#[track_caller]
fn leaves_out(tree: &TestTree, now: OffsetDateTime, rows: &[&str], reason: &str) {
    let file = |row: &str| match row.ends_with(".conf") {
        true => row.to_owned(),
        false => format!("pki/{row}.crt"),
    };
    let before: Vec<_> = rows.iter().map(|row| tree.read(&file(row))).collect();
    let mut run = tree.pki_at(now, &["renew", "all"]).exits(5);
    for row in rows {
        run = run.skips(row, reason);
    }
    let after: Vec<_> = rows.iter().map(|row| tree.read(&file(row))).collect();
    assert!(before == after, "they changed: {run}");
}

#[test]
fn nothing_is_renewed_once_a_ca_has_expired() {
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let now = time::macros::datetime!(2031-11-21 00:20:38 UTC);
    for (ca, row) in [
        ("ca", "apiserver"),
        ("etcd-ca", "apiserver-etcd-client"),
        ("front-proxy-ca", "front-proxy-client"),
    ] {
        let reason = format!("CA `{ca}`: it expired on 2031-11-21");
        leaves_out(&tree, now, &[row], &reason);
    }
    let config = config_of("kubeadm-1.36/ha");
    tree.pki_at(now, &["init", "--config", &config])
        .exits(3)
        .says("CA `ca`")
        .says("expired on 2031-11-21")
        .changed_nothing();
}

#[test]
fn nothing_is_renewed_before_a_ca_is_valid() {
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let now = made_at("kubeadm-1.36") - days(1);
    leaves_out(
        &tree,
        now,
        &["apiserver", "admin.conf", "front-proxy-client"],
        "CA `",
    );
    tree.pki_at(now, &["renew", "all"])
        .says("each is not valid before 2026-11-22 00:15 UTC");
}

#[test]
fn a_ca_key_that_belongs_to_another_ca_is_refused() {
    for (ca, other, row) in [
        ("ca", "front-proxy-ca", "CA `ca`"),
        ("front-proxy-ca", "ca", "CA `front-proxy-ca`"),
    ] {
        let tree = TestTree::fixture(EXTERNAL_ETCD);
        tree.copy(&format!("pki/{other}.key"), &format!("pki/{ca}.key"));
        let reason = format!("{row}: its key does not belong to it");
        tree.pki(&["init", "--config", &config_of(EXTERNAL_ETCD)])
            .exits(3)
            .says(&reason)
            .changed_nothing();
        let leaf = match ca {
            "ca" => "apiserver",
            _ => "front-proxy-client",
        };
        leaves_out(&tree, NOW, &[leaf], &reason);
    }
}

/// kubeadm: TestWriteCertificateAuthorityFilesIfNotExist / (4) no CA
#[test]
fn leaf_in_place_of_a_ca_is_refused() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    // The key belongs to it, so only the CA flag is wrong.
    tree.copy("pki/apiserver.crt", "pki/ca.crt");
    tree.copy("pki/apiserver.key", "pki/ca.key");
    let reason = "CA `ca`: it is not a CA certificate";
    tree.pki(&["init", "--config", &config_of(EXTERNAL_ETCD)])
        .exits(3)
        .says(reason)
        .changed_nothing();
    leaves_out(&tree, NOW, &["apiserver", "scheduler.conf"], reason);
}

#[test]
fn an_incomplete_ca_file_stops_the_rows_that_it_would_sign() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let text = tree.text("pki/ca.crt");
    tree.write("pki/ca.crt", &text[..text.len() / 2]);
    let reason = format!("`{}`: malformed PEM", tree.path("pki/ca.crt").display());
    leaves_out(&tree, NOW, &["apiserver", "admin.conf"], &reason);
}

#[test]
fn broken_ca_that_signs_no_selected_row_does_not_matter() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    tree.copy("pki/ca.key", "pki/front-proxy-ca.key");
    tree.pki(&["renew", "apiserver"]).exits(0);
    tree.pki(&["renew", "front-proxy-client"])
        .exits(3)
        .says("CA `front-proxy-ca`")
        .changed_nothing();
}

#[test]
fn truncated_certificate_does_not_stop_the_others() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let old = openssl.tree(&tree);
    let text = tree.text("pki/apiserver.crt");
    let torn = &text[..text.len() / 2];
    tree.write("pki/apiserver.crt", torn);
    let key = tree.read("pki/apiserver.key");
    let now = made_at("kubeadm-1.36") + days(1);
    let run = tree
        .pki_at(now, &["renew", "all"])
        .exits(5)
        .skips("apiserver", "")
        .says("pki/apiserver.crt")
        .prints("--config");
    assert_eq!(tree.text("pki/apiserver.crt"), torn, "{run}");
    assert!(tree.read("pki/apiserver.key") == key, "another key: {run}");
    tree.remove("pki/apiserver.crt");
    for (name, new) in openssl.tree(&tree) {
        assert_ne!(new.serial, old[name].serial, "{name}");
    }
}

#[test]
fn truncated_certificate_is_reissued_from_the_configuration() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let old = openssl.tree(&tree);
    tree.write("pki/apiserver.crt", &tree.text("pki/apiserver.crt")[..300]);
    let config = config_of(EXTERNAL_ETCD);
    tree.pki(&["renew", "all", "--config", &config]).exits(0);
    let new = openssl.tree(&tree);
    assert_eq!(new["apiserver"].subject, old["apiserver"].subject);
    assert_eq!(
        new["apiserver"].extensions[SAN],
        old["apiserver"].extensions[SAN]
    );
}

/// A copy of another certificate says nothing about the row whose file it replaces.
#[test]
fn certificate_of_another_row_is_replaced_by_what_the_catalog_says_or_refused() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.36/stacked");
    tree.copy("scheduler.conf", "controller-manager.conf");
    tree.copy_pair("apiserver-etcd-client", "etcd/peer");
    let now = made_at("kubeadm-1.36");
    tree.pki_at(now, &["check-expiration"])
        .exits(5)
        .says("`controller-manager.conf`: it is the certificate of `scheduler.conf`")
        .says("run `pki renew controller-manager.conf ")
        .says("`etcd-peer`: it is the certificate of `apiserver-etcd-client`")
        .says("give `--config`");
    tree.pki_at(now, &["renew", "etcd-peer"])
        .exits(3)
        .says("hint: give `--config`")
        .changed_nothing();
    tree.pki_at(now, &["renew", "all"])
        .exits(5)
        .skips("etcd-peer", "it is the certificate of");
    let unpacked = tree.unpacked("controller-manager.conf");
    let subject = openssl.facts(&unpacked[0]).subject;
    assert!(
        subject.contains("system:kube-controller-manager"),
        "{subject}"
    );
    let config = config_of("kubeadm-1.36/stacked");
    tree.pki_at(now, &["renew", "etcd-peer", "--config", &config])
        .exits(0);
    tree.pki_at(now, &["check-expiration"]).exits(0);
}

#[test]
fn a_broken_row_that_was_asked_for_by_name_stops_the_command() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    tree.write("pki/apiserver.crt", "not a certificate");
    tree.pki(&["renew", "apiserver", "front-proxy-client"])
        .exits(3)
        .says("cannot renew `apiserver`")
        .says("pki/apiserver.crt")
        .changed_nothing();
}

#[test]
fn a_broken_kubeconfig_does_not_stop_the_others() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    tree.write("scheduler.conf", "apiVersion: v1\nkind: Config\n");
    let before = tree.read("admin.conf");
    tree.pki(&["renew", "all"])
        .exits(5)
        .skips("scheduler.conf", "");
    assert_eq!(
        tree.text("scheduler.conf"),
        "apiVersion: v1\nkind: Config\n"
    );
    assert!(tree.read("admin.conf") != before, "not renewed");
}

#[test]
fn init_makes_no_control_plane_on_a_worker() {
    let source = TestTree::new();
    let worker = TestTree::empty();
    for name in ["pki/ca.crt", "kubelet.conf"] {
        worker.write(name, source.read(name));
    }
    worker
        .pki(&["init"])
        .exits(3)
        .says("this host is a worker: it has no file that only a control plane node has")
        .says("give `--config` with the configuration of the cluster")
        .changed_nothing();
}

#[test]
fn a_new_ca_is_made_with_everything_that_the_lost_one_signed_if_it_is_asked_for() {
    for (ca, replaced) in [
        ("front-proxy-ca", vec!["front-proxy-client"]),
        ("etcd-ca", OF_ETCD_CA.to_vec()),
        ("ca", OF_CA.to_vec()),
    ] {
        let tree = TestTree::new();
        tree.remove_rows(&[ca]);
        tree.pki(&["init"])
            .exits(3)
            .says("`init` with `--new-ca` replaces it and what it signed")
            .changed_nothing();
        let made = tree.pki(&["init", "--new-ca"]).exits(0);
        let mut marked = made.marked('+');
        marked.retain(|row| *row != ca);
        assert_eq!(marked, replaced, "{made}");
        tree.pki(&["verify"]).exits(0).prints(": no findings\n");
    }
}
