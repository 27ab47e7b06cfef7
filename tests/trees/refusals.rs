//! What must not be relied on stops `init` and `renew` before anything is written; what concerns one row only does not stop
//! the others.

use super::{
    openssl::Openssl,
    sandbox::{
        EXTERNAL_ETCD, Ended, Sandbox, config_of, days, made_at, refused_untouched,
        refused_untouched_at,
    },
};

#[test]
fn nothing_is_renewed_once_a_ca_has_expired() {
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let now = time::macros::datetime!(2031-11-21 00:20:38 UTC);
    refused_untouched_at(
        &sandbox,
        now,
        &["renew", "all"],
        &[
            "CA `ca`",
            "CA `etcd-ca`",
            "CA `front-proxy-ca`",
            "expired on 2031-11-21",
        ],
    );
    let config = config_of("kubeadm-1.36/ha");
    refused_untouched_at(
        &sandbox,
        now,
        &["init", "--config", &config],
        &["CA `ca`", "expired on 2031-11-21"],
    );
}

#[test]
fn nothing_is_renewed_before_a_ca_is_valid() {
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let now = made_at("kubeadm-1.36") - days(1);
    refused_untouched_at(
        &sandbox,
        now,
        &["renew", "all"],
        &["CA `ca`", "not valid before 2026-11-22"],
    );
}

#[test]
fn a_ca_key_that_belongs_to_another_ca_is_refused() {
    for (ca, other, row) in [
        ("ca", "front-proxy-ca", "CA `ca`"),
        ("front-proxy-ca", "ca", "CA `front-proxy-ca`"),
    ] {
        let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
        sandbox.copy(&format!("pki/{other}.key"), &format!("pki/{ca}.key"));
        for command in [
            &["renew", "all"][..],
            &["init", "--config", &config_of(EXTERNAL_ETCD)],
        ] {
            refused_untouched(&sandbox, command, &[row, "key"]);
        }
    }
}

#[test]
fn a_certificate_that_is_no_ca_is_refused_as_one() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    // With its own key: nothing but the missing CA flag is wrong.
    sandbox.copy("pki/apiserver.crt", "pki/ca.crt");
    sandbox.copy("pki/apiserver.key", "pki/ca.key");
    for command in [
        &["renew", "all"][..],
        &["init", "--config", &config_of(EXTERNAL_ETCD)],
    ] {
        refused_untouched(
            &sandbox,
            command,
            &["CA `ca`", "it is not a CA certificate"],
        );
    }
}

#[test]
fn a_ca_that_is_torn_stops_the_renewal() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let text = sandbox.text("pki/ca.crt");
    sandbox.write("pki/ca.crt", &text[..text.len() / 2]);
    refused_untouched(&sandbox, &["renew", "all"], &["pki/ca.crt"]);
}

#[test]
fn a_ca_that_signs_nothing_that_is_asked_for_does_not_matter() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    sandbox.copy("pki/ca.key", "pki/front-proxy-ca.key");
    sandbox.pki(&["renew", "apiserver"]).ended_with(0);
    refused_untouched(
        &sandbox,
        &["renew", "front-proxy-client"],
        &["CA `front-proxy-ca`"],
    );
}

#[test]
fn a_torn_certificate_does_not_stop_the_others() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let old = openssl.tree(&sandbox);
    let text = sandbox.text("pki/apiserver.crt");
    let torn = &text[..text.len() / 2];
    sandbox.write("pki/apiserver.crt", torn);
    let key = sandbox.read("pki/apiserver.key");
    let now = made_at("kubeadm-1.36") + days(1);
    let run = sandbox
        .pki_at(now, &["renew", "all"])
        .ended_with(5)
        .says("not renewed: apiserver: ")
        .says("pki/apiserver.crt")
        .says("--config");
    assert_eq!(sandbox.text("pki/apiserver.crt"), torn, "{run}");
    assert!(
        sandbox.read("pki/apiserver.key") == key,
        "another key: {run}"
    );
    sandbox.remove(&["pki/apiserver.crt"]);
    for (name, new) in openssl.tree(&sandbox) {
        assert_ne!(new.serial, old[name].serial, "{name}");
    }
}

#[test]
fn a_torn_certificate_is_made_anew_where_the_configuration_says_what_it_was() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let old = openssl.tree(&sandbox);
    sandbox.write(
        "pki/apiserver.crt",
        &sandbox.text("pki/apiserver.crt")[..300],
    );
    let config = config_of(EXTERNAL_ETCD);
    sandbox
        .pki(&["renew", "all", "--config", &config])
        .ended_with(0);
    let new = openssl.tree(&sandbox);
    assert_eq!(new["apiserver"].subject, old["apiserver"].subject);
    assert_eq!(
        new["apiserver"].extensions[super::openssl::SAN],
        old["apiserver"].extensions[super::openssl::SAN]
    );
}

#[test]
fn a_broken_row_that_was_asked_for_by_name_stops_the_command() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    sandbox.write("pki/apiserver.crt", "not a certificate");
    refused_untouched(
        &sandbox,
        &["renew", "apiserver", "front-proxy-client"],
        &["cannot renew `apiserver`", "pki/apiserver.crt"],
    );
}

#[test]
fn a_broken_kubeconfig_does_not_stop_the_others() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    sandbox.write("scheduler.conf", "apiVersion: v1\nkind: Config\n");
    let before = sandbox.read("admin.conf");
    sandbox
        .pki(&["renew", "all"])
        .ended_with(5)
        .says("not renewed: scheduler.conf: ");
    assert_eq!(
        sandbox.text("scheduler.conf"),
        "apiVersion: v1\nkind: Config\n"
    );
    assert!(sandbox.read("admin.conf") != before, "not renewed");
}
