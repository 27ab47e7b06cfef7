//! Trees in which files are missing, of external CAs, with the same file in two places, and with stray files.

use std::{fs, os::unix::fs::symlink, process::Command};

use x509_cert::der::Tag;

use super::judgement::{judge, judged};
use crate::support::{
    CA,
    End::{NotAfter, NotBefore},
    Run, TestTree, peer,
    rows::{
        CAS, KUBECONFIGS, OF_CA, OF_ETCD_CA, OF_FRONT_PROXY_CA, PAIRS, SIGNED, files_of, signed_but,
    },
    run, skip,
};

/// The etcd CA, and what it signs.
const ETCD_FAMILY: [&str; 5] = [
    "etcd-ca",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
];

/// The files that only a node with etcd has.
const ETCDS_OWN: [&str; 3] = ["etcd-server", "etcd-peer", "etcd-healthcheck-client"];

/// Removes the existing files of rows.
fn lose(t: &TestTree, rows: &[&str]) {
    for name in rows.iter().flat_map(|row| files_of(row)) {
        drop(fs::remove_file(t.path(&name)));
    }
}

/// Removes the key of a CA.
fn external(t: &TestTree, cas: &[&str]) {
    for ca in cas {
        t.remove(&files_of(ca)[1]);
    }
}

/// Replaces a row's certificate by one that expired long ago.
fn expire(t: &TestTree, crt: &str, ca: &str) {
    t.forge(crt, ca, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    });
}

/// Replaces a CA by another one of the same name.
fn foreign(t: &TestTree, crt: &str, name: &str) {
    t.make_ca("foreign", &format!("/CN={name}"), CA);
    t.write(crt, fs::read(t.root().join("foreign.crt")).unwrap());
}

/// Copies the files of the first CA over those of the second.
fn share(t: &TestTree, ca: &str, other: &str) {
    for (from, to) in files_of(ca).iter().zip(files_of(other)) {
        t.copy(from, &to);
    }
}

/// etcd runs elsewhere, and its CA and a client certificate were copied here by hand.
fn copied_etcd_client(t: &TestTree) {
    t.forget_configuration();
    lose(t, &ETCDS_OWN);
    t.remove("pki/etcd/ca.key");
}

/// Backups, editors' files, directories and other stray files next to each kind of file.
fn add_stray_files(t: &TestTree) {
    for name in [
        "pki/apiserver.crt.bak",
        "pki/apiserver.crt~",
        "pki/.apiserver.crt.swp",
        "pki/#apiserver.crt#",
        "pki/apiserver.key.2024-01-01",
        "pki/ca.srl",
        "pki/index.txt",
        "pki/etcd/server.crt.rpmsave",
        "pki/Apiserver.crt",
        "pki/apiserver",
        "pki/sa.pub.old",
        "admin.conf.orig",
        "admin.conf.dpkg-dist",
        ".admin.conf.tmp",
        "kubeadm.yaml",
        ".pki/note",
    ] {
        t.write(name, "left lying around\n");
        t.chmod(name, 0o644);
    }
    for folder in [
        "pki/old",
        "pki/etcd/old",
        "manifests",
        "tmp/kubeadm-backup-etcd",
    ] {
        fs::create_dir_all(t.path(folder)).unwrap();
    }
    for name in ["ca.crt", "ca.key", "apiserver.crt", "apiserver.key"] {
        t.copy(&format!("pki/{name}"), &format!("pki/old/{name}"));
    }
    t.write("pki/old/apiserver.crt", "broken");
    t.write("manifests/kube-apiserver.yaml", "kind: Pod\n");
    symlink("nowhere", t.path("pki/dangling")).unwrap();
    symlink(".", t.path("pki/round")).unwrap();
    symlink("/", t.path("pki/root")).unwrap();
    run(Command::new("mkfifo").arg(t.path("pki/fifo"))).ok();
}

judged! {
    // One file missing, each in turn.
    without_ca_crt: |t| t.remove("pki/ca.crt") => ["ca: ca.certificate-missing", "init refuses", "renew all fails for all of ca"];
    without_ca_key: |t| t.remove("pki/ca.key") => ["renew all skips all of ca"];
    without_front_proxy_ca_crt: |t| t.remove("pki/front-proxy-ca.crt") => ["front-proxy-ca: ca.certificate-missing", "init refuses", "renew all fails for front-proxy-client"];
    without_front_proxy_ca_key: |t| t.remove("pki/front-proxy-ca.key") => ["renew all skips front-proxy-client"];
    without_etcd_ca_crt: |t| t.remove("pki/etcd/ca.crt") => ["etcd-ca: ca.certificate-missing", "init refuses", "renew all fails for all of etcd-ca"];
    without_etcd_ca_key: |t| t.remove("pki/etcd/ca.key") => ["renew all skips all of etcd-ca"];
    without_sa_key: |t| t.remove("pki/sa.key") => ["sa: service-account.key-missing", "init refuses"];
    without_sa_pub: |t| t.remove("pki/sa.pub") => ["sa: service-account.public-missing", "init makes sa"];
    without_admin_conf: |t| t.remove("admin.conf") => ["admin.conf: kubeconfig.missing", "init makes admin.conf", "renew all skips admin.conf"];
    without_controller_manager_conf: |t| t.remove("controller-manager.conf") => ["controller-manager.conf: kubeconfig.missing", "init makes controller-manager.conf", "renew all skips controller-manager.conf"];
    without_scheduler_conf: |t| t.remove("scheduler.conf") => ["scheduler.conf: kubeconfig.missing", "init makes scheduler.conf", "renew all skips scheduler.conf"];
    /// A worker has none, and a kubelet that has bootstrapped itself may keep it elsewhere.
    without_kubelet_conf: |t| t.remove("kubelet.conf") => ["init makes kubelet.conf", "not expected here: kubelet.conf"];
    /// As on every node that joined.
    without_super_admin_conf: |t| t.remove("super-admin.conf") => ["init makes super-admin.conf", "renew all skips super-admin.conf"];

    // Parts of a tree.
    nothing: |t| { lose(t, &SIGNED); lose(t, &CAS); lose(t, &["sa"]); } => ["ca: ca.missing", "apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-ca: ca.missing", "front-proxy-client: certificate.missing", "etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "sa: service-account.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes ca, all of ca, front-proxy-ca, front-proxy-client, etcd-ca, all of etcd-ca, sa", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    only_cas: |t| lose(t, &SIGNED) => ["apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-client: certificate.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes all of ca, front-proxy-client, all of etcd-ca", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    only_cas_and_no_sa: |t| { lose(t, &SIGNED); lose(t, &["sa"]); } => ["apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-client: certificate.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "sa: service-account.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes all of ca, front-proxy-client, all of etcd-ca, sa", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    only_the_cluster_ca: |t| { lose(t, &SIGNED); lose(t, &["sa", "front-proxy-ca", "etcd-ca"]); } => ["apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-ca: ca.missing", "front-proxy-client: certificate.missing", "etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "sa: service-account.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes all of ca, front-proxy-ca, front-proxy-client, etcd-ca, all of etcd-ca, sa", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    only_sa: |t| { lose(t, &SIGNED); lose(t, &CAS); } => ["ca: ca.missing", "apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-ca: ca.missing", "front-proxy-client: certificate.missing", "etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes ca, all of ca, front-proxy-ca, front-proxy-client, etcd-ca, all of etcd-ca", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    only_leaves: |t| lose(t, &CAS) => ["ca: ca.lost", "front-proxy-ca: ca.lost", "etcd-ca: ca.lost", "init refuses", "renew all fails for all of ca, front-proxy-client, all of etcd-ca"];
    only_leaves_and_ca_certificates: |t| external(t, &CAS) => ["renew all skips all of ca, front-proxy-client, all of etcd-ca"];
    only_leaves_and_ca_keys: |t| for ca in CAS { t.remove(&files_of(ca)[0]); } => ["ca: ca.certificate-missing", "front-proxy-ca: ca.certificate-missing", "etcd-ca: ca.certificate-missing", "init refuses", "renew all fails for all of ca, front-proxy-client, all of etcd-ca"];
    only_kubeconfigs: |t| { lose(t, &PAIRS); lose(t, &CAS); lose(t, &["sa"]); } => ["ca: ca.lost", "apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-ca: ca.missing", "front-proxy-client: certificate.missing", "etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "sa: service-account.missing", "init refuses", "renew all fails for admin.conf, super-admin.conf, kubelet.conf, controller-manager.conf, scheduler.conf", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca"];
    no_kubeconfigs: |t| lose(t, &KUBECONFIGS) => ["admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes admin.conf, super-admin.conf, kubelet.conf, controller-manager.conf, scheduler.conf", "renew all skips admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    no_pairs: |t| lose(t, &PAIRS) => ["apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-client: certificate.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "init makes apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca"];
    no_cluster_family: |t| { lose(t, &OF_CA); lose(t, &["ca"]); } => ["ca: ca.missing", "apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init refuses", "renew all skips apiserver, apiserver-kubelet-client, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    no_front_proxy_family: |t| lose(t, &["front-proxy-ca", "front-proxy-client"]) => ["front-proxy-ca: ca.missing", "front-proxy-client: certificate.missing", "init refuses", "renew all skips front-proxy-client"];
    no_etcd_family: |t| lose(t, &ETCD_FAMILY) => ["etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "init refuses", "renew all skips all of etcd-ca"];
    no_front_proxy_ca_beside_its_client: |t| lose(t, &["front-proxy-ca"]) => ["front-proxy-ca: ca.lost", "init refuses", "renew all fails for front-proxy-client"];
    no_etcd_ca_beside_one_leaf: |t| lose(t, &["etcd-ca", "etcd-server", "etcd-peer", "etcd-healthcheck-client"]) => ["etcd-ca: ca.lost", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "init refuses", "renew all fails for apiserver-etcd-client", "renew all skips etcd-server, etcd-peer, etcd-healthcheck-client"];
    no_directory_of_etcd: |t| { fs::remove_dir_all(t.path("pki/etcd")).unwrap(); lose(t, &["apiserver-etcd-client"]); } => ["etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "init refuses", "renew all skips all of etcd-ca"];
    only_certificates_and_no_keys: |t| for row in PAIRS { t.remove(&files_of(row)[1]); } => ["apiserver: certificate.key-missing", "apiserver-kubelet-client: certificate.key-missing", "front-proxy-client: certificate.key-missing", "etcd-server: certificate.key-missing", "etcd-peer: certificate.key-missing", "etcd-healthcheck-client: certificate.key-missing", "apiserver-etcd-client: certificate.key-missing", "init refuses"];
    only_keys_and_no_certificates: |t| for row in PAIRS { t.remove(&files_of(row)[0]); } => ["apiserver: certificate.key-only", "apiserver-kubelet-client: certificate.key-only", "front-proxy-client: certificate.key-only", "etcd-server: certificate.key-only", "etcd-peer: certificate.key-only", "etcd-healthcheck-client: certificate.key-only", "apiserver-etcd-client: certificate.key-only", "init refuses"];
    every_file_empty: |t| for row in SIGNED.into_iter().chain(CAS).chain(["sa"]) { for name in files_of(row) { t.write(&name, ""); } } => ["ca: file.invalid: `pki/ca.crt`: the file is empty", "ca: file.invalid: `pki/ca.key`: the file is empty", "apiserver: file.invalid: `pki/apiserver.crt`: the file is empty", "apiserver: file.invalid: `pki/apiserver.key`: the file is empty", "apiserver-kubelet-client: file.invalid: `pki/apiserver-kubelet-client.crt`: the file is empty", "apiserver-kubelet-client: file.invalid: `pki/apiserver-kubelet-client.key`: the file is empty", "front-proxy-ca: file.invalid: `pki/front-proxy-ca.crt`: the file is empty", "front-proxy-ca: file.invalid: `pki/front-proxy-ca.key`: the file is empty", "front-proxy-client: file.invalid: `pki/front-proxy-client.crt`: the file is empty", "front-proxy-client: file.invalid: `pki/front-proxy-client.key`: the file is empty", "etcd-ca: file.invalid: `pki/etcd/ca.crt`: the file is empty", "etcd-ca: file.invalid: `pki/etcd/ca.key`: the file is empty", "etcd-server: file.invalid: `pki/etcd/server.crt`: the file is empty", "etcd-server: file.invalid: `pki/etcd/server.key`: the file is empty", "etcd-peer: file.invalid: `pki/etcd/peer.crt`: the file is empty", "etcd-peer: file.invalid: `pki/etcd/peer.key`: the file is empty", "etcd-healthcheck-client: file.invalid: `pki/etcd/healthcheck-client.crt`: the file is empty", "etcd-healthcheck-client: file.invalid: `pki/etcd/healthcheck-client.key`: the file is empty", "apiserver-etcd-client: file.invalid: `pki/apiserver-etcd-client.crt`: the file is empty", "apiserver-etcd-client: file.invalid: `pki/apiserver-etcd-client.key`: the file is empty", "sa: file.invalid: `pki/sa.pub`: the file is empty", "sa: file.invalid: `pki/sa.key`: the file is empty", "admin.conf: file.invalid: `admin.conf`: the file is empty", "super-admin.conf: file.invalid: `super-admin.conf`: the file is empty", "kubelet.conf: file.invalid: `kubelet.conf`: the file is empty", "controller-manager.conf: file.invalid: `controller-manager.conf`: the file is empty", "scheduler.conf: file.invalid: `scheduler.conf`: the file is empty", "init refuses", "renew all fails for all of ca, front-proxy-client, all of etcd-ca"];

    // External CAs.
    external_ca_and_front_proxy_ca: |t| external(t, &["ca", "front-proxy-ca"]) => ["renew all skips all of ca, front-proxy-client"];
    external_ca_and_etcd_ca: |t| external(t, &["ca", "etcd-ca"]) => ["renew all skips all of ca, all of etcd-ca"];
    external_front_proxy_ca_and_etcd_ca: |t| external(t, &["front-proxy-ca", "etcd-ca"]) => ["renew all skips front-proxy-client, all of etcd-ca"];
    external_ca_and_a_leaf_missing: |t| { external(t, &["ca"]); lose(t, &["apiserver"]); } => ["apiserver: certificate.missing", "init fails for apiserver", "renew all skips all of ca"];
    external_ca_and_a_kubeconfig_missing: |t| { external(t, &["ca"]); lose(t, &["scheduler.conf"]); } => ["scheduler.conf: kubeconfig.missing", "init fails for scheduler.conf", "renew all skips all of ca"];
    external_ca_and_all_of_it_missing: |t| { external(t, &["ca"]); lose(t, &OF_CA); } => ["apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init fails for all of ca", "renew all skips apiserver, apiserver-kubelet-client, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    external_ca_and_another_leaf_missing: |t| { external(t, &["ca"]); lose(t, &["etcd-peer"]); } => ["etcd-peer: certificate.missing", "init makes etcd-peer", "renew all skips all of ca, etcd-peer"];
    external_ca_and_leaves_of_two_missing: |t| { external(t, &["ca"]); lose(t, &["apiserver", "front-proxy-client"]); } => ["apiserver: certificate.missing", "front-proxy-client: certificate.missing", "init makes front-proxy-client", "init fails for apiserver", "renew all skips all of ca, front-proxy-client"];
    external_ca_and_the_rest_missing: |t| { external(t, &["ca"]); lose(t, &["front-proxy-ca", "front-proxy-client", "sa"]); lose(t, &ETCD_FAMILY); } => ["front-proxy-ca: ca.missing", "front-proxy-client: certificate.missing", "etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "sa: service-account.missing", "init refuses", "renew all skips all of ca, front-proxy-client, all of etcd-ca"];
    external_ca_alone: |t| { external(t, &["ca"]); lose(t, &SIGNED); lose(t, &["front-proxy-ca", "etcd-ca", "sa"]); } => ["apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-ca: ca.missing", "front-proxy-client: certificate.missing", "etcd-ca: ca.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "sa: service-account.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes front-proxy-ca, front-proxy-client, etcd-ca, all of etcd-ca, sa", "init fails for all of ca", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    external_front_proxy_ca_and_its_client_missing: |t| { external(t, &["front-proxy-ca"]); lose(t, &OF_FRONT_PROXY_CA); } => ["front-proxy-client: certificate.missing", "init fails for front-proxy-client", "renew all skips front-proxy-client"];
    external_etcd_ca_and_a_leaf_missing: |t| { external(t, &["etcd-ca"]); lose(t, &["etcd-healthcheck-client"]); } => ["etcd-healthcheck-client: certificate.missing", "init fails for etcd-healthcheck-client", "renew all skips all of etcd-ca"];
    external_cas_alone: |t| { external(t, &CAS); lose(t, &SIGNED); lose(t, &["sa"]); } => ["apiserver: certificate.missing", "apiserver-kubelet-client: certificate.missing", "front-proxy-client: certificate.missing", "etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "apiserver-etcd-client: certificate.missing", "sa: service-account.missing", "admin.conf: kubeconfig.missing", "controller-manager.conf: kubeconfig.missing", "scheduler.conf: kubeconfig.missing", "init makes sa", "init fails for all of ca, front-proxy-client, all of etcd-ca", "renew all skips apiserver, apiserver-kubelet-client, front-proxy-client, all of etcd-ca, admin.conf, super-admin.conf, controller-manager.conf, scheduler.conf", "not expected here: kubelet.conf"];
    external_cas_and_one_leaf_of_each_missing: |t| { external(t, &CAS); lose(t, &["apiserver", "front-proxy-client", "etcd-server"]); } => ["apiserver: certificate.missing", "front-proxy-client: certificate.missing", "etcd-server: certificate.missing", "init fails for apiserver, front-proxy-client, etcd-server", "renew all skips all of ca, front-proxy-client, all of etcd-ca"];
    external_ca_and_an_expired_leaf: |t| { expire(t, "pki/apiserver.crt", "ca"); external(t, &["ca"]); } => ["apiserver: certificate.expired", "init refuses", "renew all skips all of ca"];
    external_front_proxy_ca_and_its_client_expired: |t| { expire(t, "pki/front-proxy-client.crt", "front-proxy-ca"); external(t, &["front-proxy-ca"]); } => ["front-proxy-client: certificate.expired", "init refuses", "renew all skips front-proxy-client"];
    external_etcd_ca_and_an_expired_leaf: |t| { expire(t, "pki/etcd/peer.crt", "etcd/ca"); external(t, &["etcd-ca"]); } => ["etcd-peer: certificate.expired", "init refuses", "renew all skips all of etcd-ca"];
    external_ca_of_another_cluster: |t| { foreign(t, "pki/ca.crt", "kubernetes"); external(t, &["ca"]); } => ["ca: ca.replaced", "init refuses", "renew all skips all of ca"];
    external_front_proxy_ca_of_another_cluster: |t| { foreign(t, "pki/front-proxy-ca.crt", "front-proxy-ca"); external(t, &["front-proxy-ca"]); } => ["front-proxy-client: certificate.damaged", "init refuses", "renew all skips front-proxy-client"];
    external_etcd_ca_of_another_cluster: |t| { foreign(t, "pki/etcd/ca.crt", "etcd-ca"); external(t, &["etcd-ca"]); } => ["etcd-ca: ca.replaced", "init refuses", "renew all skips all of etcd-ca"];
    external_ca_and_a_leafs_key_lost: |t| { external(t, &["ca"]); t.remove("pki/apiserver.key"); } => ["apiserver: certificate.key-missing", "init refuses", "renew all skips all of ca"];
    external_front_proxy_ca_and_its_clients_key_lost: |t| { external(t, &["front-proxy-ca"]); t.remove("pki/front-proxy-client.key"); } => ["front-proxy-client: certificate.key-missing", "init refuses", "renew all skips front-proxy-client"];
    external_etcd_ca_and_a_leafs_key_lost: |t| { external(t, &["etcd-ca"]); t.remove("pki/etcd/server.key"); } => ["etcd-server: certificate.key-missing", "init refuses", "renew all skips all of etcd-ca"];
    external_ca_and_a_certificate_lost: |t| { external(t, &["ca"]); t.remove("pki/apiserver.crt"); } => ["apiserver: certificate.key-only", "init fails for apiserver", "renew all skips all of ca"];
    external_ca_that_has_expired: |t| { expire(t, "pki/front-proxy-ca.crt", "front-proxy-ca"); external(t, &["front-proxy-ca"]); } => ["front-proxy-ca: ca.expired", "front-proxy-client: certificate.outlives-ca", "init refuses", "renew all fails for front-proxy-client"];
    external_ca_that_is_broken: |t| { t.write("pki/ca.crt", "broken"); external(t, &["ca"]); } => ["ca: file.invalid: `pki/ca.crt`: it contains no PEM block", "init refuses", "renew all fails for all of ca"];

    // Things that are there twice.
    front_proxy_ca_is_the_cluster_ca: |t| { share(t, "ca", "front-proxy-ca"); share(t, "apiserver-kubelet-client", "front-proxy-client"); } => ["ca: ca.shared", "front-proxy-client: certificate.differs"];
    etcd_ca_is_the_cluster_ca: |t| {
        share(t, "ca", "etcd-ca");
        for row in OF_ETCD_CA { share(t, "apiserver-kubelet-client", row); }
    } => ["ca: ca.shared", "etcd-server: certificate.usage-missing", "etcd-server: certificate.names-missing", "etcd-peer: certificate.usage-missing", "etcd-peer: certificate.names-missing", "etcd-healthcheck-client: certificate.of-another-row", "apiserver-etcd-client: certificate.of-another-row", "init refuses"];
    etcd_ca_is_a_link_to_the_cluster_ca: |t| {
        lose(t, &["etcd-ca"]);
        symlink("../ca.crt", t.path("pki/etcd/ca.crt")).unwrap();
        symlink("../ca.key", t.path("pki/etcd/ca.key")).unwrap();
    } => ["ca: ca.shared", "etcd-ca: ca.exchanged", "init refuses", "renew all fails for all of etcd-ca"];
    one_key_for_two_cas: |t| { t.copy("pki/ca.key", "pki/front-proxy-ca.key"); t.resign_ca("front-proxy-ca", CA, &[]); } => ["ca: ca.shared", "front-proxy-client: certificate.damaged", "init refuses"];
    one_serial_for_two: |t| for (crt, ca) in [("pki/apiserver.crt", "ca"), ("pki/apiserver-kubelet-client.crt", "ca"), ("pki/front-proxy-client.crt", "front-proxy-ca")] {
        t.forge(crt, ca, |tbs| tbs.set_serial(&[7]));
    } => ["apiserver-kubelet-client: certificate.same-serial"];
    one_pair_for_etcds_server_and_peer: |t| share(t, "etcd-server", "etcd-peer") => [];
    one_pair_for_all_of_etcd: |t| for row in &OF_ETCD_CA[1..] { share(t, "etcd-server", row); } => ["etcd-healthcheck-client: certificate.of-another-row", "apiserver-etcd-client: certificate.of-another-row"];
    one_kubeconfig_for_all: |t| for name in &KUBECONFIGS[1..4] { t.copy("admin.conf", name); } => ["super-admin.conf: certificate.of-another-row", "kubelet.conf: certificate.of-another-row", "controller-manager.conf: kubeconfig.server-differs", "controller-manager.conf: certificate.of-another-row"];

    // More than a tree.
    stray_files_of_every_kind: add_stray_files => [];
    ten_thousand_stray_files: |t| for number in 0..10_000 { fs::File::create(t.path(&format!("pki/stray-{number}"))).unwrap(); } => [];
    directory_that_cannot_be_read: |t| { fs::create_dir(t.path("pki/closed")).unwrap(); t.chmod("pki/closed", 0); } => [];
}

/// A file that is there is not said to be missing.
#[test]
fn init_says_why_the_certificate_of_the_api_server_is_of_no_use() {
    let tree = TestTree::new();
    let config = tree.beside("cluster.yaml", tree.text(".pki/cluster.yaml"));
    tree.forget_configuration();
    tree.write("pki/apiserver.crt", "not a certificate");
    tree.pki(&["init"])
        .exits(3)
        .says("pki/apiserver.crt`: it contains no PEM block")
        .says("`pki renew apiserver --config FILE` replaces it")
        .changed_nothing();
    tree.pki(&["renew", "apiserver", "--config", &config]).ok();
    tree.forget_configuration();
    tree.remove("pki/apiserver.crt");
    fs::create_dir(tree.path("pki/apiserver.crt")).unwrap();
    let ended = tree
        .pki(&["init"])
        .exits(3)
        .says("pki/apiserver.crt`: it is a directory, want a file")
        .changed_nothing();
    assert!(!ended.stderr.contains("is missing"), "{ended}");
}

/// CAs and one leaf or kubeconfig are there.
#[test]
fn init_completes_cas_and_one_leaf() {
    for kept in SIGNED {
        let missing = signed_but(&[kept]);
        let tree = TestTree::new();
        lose(&tree, &missing);
        tree.pki(&["init"]).exits(0).changed_rows(&missing);
        tree.assert_healthy();
    }
}

#[test]
fn pair_without_one_of_its_files_is_refused_by_init_and_renewed() {
    for row in PAIRS {
        for (file, finding) in files_of(row)
            .into_iter()
            .zip(["certificate.key-only", "certificate.key-missing"])
        {
            let tree = TestTree::new();
            tree.remove(&file);
            let wanted = [format!("{row}: {finding}"), "init refuses".to_owned()];
            assert_eq!(judge(&tree), wanted, "{file}");
        }
    }
}

judged! {
    // An external etcd that no configuration declares is inferred; its owner renews the copied files.
    external_etcd_with_a_copied_client: copied_etcd_client => ["renew all skips apiserver-etcd-client", "not expected here: etcd-server, etcd-peer, etcd-healthcheck-client"];
    external_etcd_without_a_copied_client: |t| { copied_etcd_client(t); lose(t, &["apiserver-etcd-client"]); } => ["not expected here: all of etcd-ca"];
    external_etcd_without_any_copied_file: |t| { copied_etcd_client(t); lose(t, &["apiserver-etcd-client"]); t.remove("pki/etcd/ca.crt"); } => ["not expected here: etcd-ca, all of etcd-ca"];
    external_etcd_with_an_expired_client: |t| { expire(t, "pki/apiserver-etcd-client.crt", "etcd/ca"); copied_etcd_client(t); } => ["apiserver-etcd-client: certificate.expired", "renew all skips apiserver-etcd-client", "not expected here: etcd-server, etcd-peer, etcd-healthcheck-client"];
    local_etcd_of_which_only_the_ca_key_is_left: |t| { t.forget_configuration(); lose(t, &ETCDS_OWN); } => ["etcd-server: certificate.missing", "etcd-peer: certificate.missing", "etcd-healthcheck-client: certificate.missing", "renew all skips etcd-server, etcd-peer, etcd-healthcheck-client"];
    local_etcd_of_which_only_a_peer_is_left: |t| {
        t.forget_configuration();
        lose(t, &["etcd-server", "etcd-healthcheck-client"]);
        t.remove("pki/etcd/ca.key");
    } => ["etcd-server: certificate.missing", "etcd-healthcheck-client: certificate.missing", "renew all skips all of etcd-ca"];
}

#[test]
fn stray_files_are_left_alone() {
    let tree = TestTree::new();
    let plain = tree.snapshot();
    add_stray_files(&tree);
    let before = tree.snapshot();
    let stray: Vec<_> = before
        .keys()
        .filter(|path| !plain.contains_key(*path))
        .collect();
    assert!(stray.len() > 20, "{}", stray.len());
    for command in [&["init"][..], &["renew", "all"], &["rollback"]] {
        tree.pki(command).exits(0);
        let after = tree.snapshot();
        for path in &stray {
            assert_eq!(after.get(*path), before.get(*path), "{}", path.display());
        }
    }
}

/// Runs our binary on a machine with another name; `None` if that is not permitted.
fn on_another_host(tree: &TestTree, arguments: &[&str]) -> Option<Run> {
    let unshare = peer("unshare")?;
    let allowed = run(Command::new(&unshare).args(["--uts", "hostname", "somewhere-else"]));
    if allowed.code != Some(0) {
        skip("unshare --uts with hostname is not allowed");
        return None;
    }
    let command = tree.command(arguments);
    let script = "hostname somewhere-else; exec \"$0\" \"$@\"";
    Some(
        tree.watch(
            Command::new(unshare)
                .args(["--uts", "sh", "-c", script])
                .arg(command.get_program())
                .args(command.get_args()),
        ),
    )
}

/// A backup on another machine keeps its node name.
#[test]
fn tree_on_another_host_keeps_its_name() {
    for recorded in [true, false] {
        let tree = TestTree::new();
        if !recorded {
            tree.forget_configuration();
        }
        for arguments in [
            &["check-expiration"][..],
            &["renew", "all"],
            &["check-expiration"],
        ] {
            let Some(run) = on_another_host(&tree, arguments) else {
                return;
            };
            run.exits(0);
        }
        let words = [
            "x509",
            "-in",
            "pki/etcd/server.crt",
            "-noout",
            "-subject",
            "-ext",
            "subjectAltName",
        ];
        tree.openssl(&words)
            .prints("cp-1")
            .does_not_say("somewhere-else");
        if recorded {
            let init = on_another_host(&tree, &["init"]).unwrap();
            init.exits(0).changed_nothing();
        }
    }
}
