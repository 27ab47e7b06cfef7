//! Trees of which only a part is there, or more than should be: made by hand, copied, cut down, or years old.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
};

use x509_cert::der::Tag;

use super::{
    Check::{self, Attention, AttentionAll, Healthy, Lists, Says, Shows, ShowsAll},
    Init::{Keeps, KeepsSaying, Lacks, Makes, Refuses},
    Renew::{self, BesidesSaying, Heals, LeavesOut, SkipsAll},
    cases,
    certificates::CA,
    forge::End::{NotAfter, NotBefore},
    judge, judge_check, judge_completion, judge_init, judge_renewal,
    specimen::{
        AUTHORITIES, KUBECONFIGS, LEAVES, OF_CA, OF_ETCD_CA, Specimen, differences, files_of, sane,
    },
};
use crate::support::{Run, peer, run, skip};

/// What the front-proxy CA signs.
const OF_FRONT_PROXY_CA: &[&str] = &["front-proxy-client"];

/// Every row that a CA signs, as a list.
const ALL: &[&str] = &LEAVES;

/// The same without the kubelet's, which is a row only where its certificate is there.
const ALL_BUT_KUBELET: &[&str] = &[
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-client",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
    "admin.conf",
    "super-admin.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

const PAIRS: &[&str] = &[
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-client",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
];

const ETCD_FAMILY: &[&str] = &[
    "etcd-ca",
    "etcd-server",
    "etcd-peer",
    "etcd-healthcheck-client",
    "apiserver-etcd-client",
];

/// What only a node has that runs etcd.
const ETCDS_OWN: &[&str] = &["etcd-server", "etcd-peer", "etcd-healthcheck-client"];

const SUPER_ADMIN: &[&str] = &["super-admin.conf"];
const KUBELET: &[&str] = &["kubelet.conf"];

/// Removes the files of rows, those of them that are there.
fn lose(t: &Specimen, rows: &[&str]) {
    for name in rows.iter().flat_map(|row| files_of(row)) {
        drop(fs::remove_file(t.path(&name)));
    }
}

/// Takes the key of a CA away.
fn external(t: &Specimen, cas: &[&str]) {
    for ca in cas {
        t.remove(&files_of(ca)[1]);
    }
}

/// Has a row's certificate end long ago.
fn expire(t: &Specimen, crt: &str, ca: &str) {
    t.forge(crt, ca, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    });
}

/// Puts a CA of the same name that did not sign it in place of another.
fn foreign(t: &Specimen, crt: &str, name: &str) {
    t.make_ca("foreign", &format!("/CN={name}"), CA);
    t.write(crt, fs::read(t.folder().join("foreign.crt")).unwrap());
}

/// Makes one CA of two: the second one gets the first one's files.
fn share(t: &Specimen, ca: &str, other: &str) {
    for (from, to) in files_of(ca).iter().zip(files_of(other)) {
        t.copy(from, &to);
    }
}

/// As a tree is found that kubeadm made: nothing is recorded.
fn forget(t: &Specimen) {
    fs::remove_dir_all(t.path(".pki")).unwrap();
}

/// etcd runs elsewhere, and its CA and a client certificate were copied here by hand.
fn copied_etcd_client(t: &Specimen) {
    forget(t);
    lose(t, ETCDS_OWN);
    t.remove("pki/etcd/ca.key");
}

/// Backups, editors' files, directories and worse, beside every kind of file.
fn litter(t: &Specimen) {
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

cases! {
    // One file missing, each in turn.
    without_ca_crt: |t| t.remove("pki/ca.crt")
        => Refuses("CA `ca`: its key is there and its certificate is not"), Shows("ca"), Renew::Stops("ca", "CA `ca`: its key is there and its certificate is not");
    without_ca_key: |t| t.remove("pki/ca.key") => Keeps, Healthy, SkipsAll(OF_CA, "its CA `ca` is external");
    without_front_proxy_ca_crt: |t| t.remove("pki/front-proxy-ca.crt")
        => Refuses("CA `front-proxy-ca`: its key is there and its certificate is not"), Shows("front-proxy-ca"),
           Renew::Stops("front-proxy-ca", "CA `front-proxy-ca`: its key is there and its certificate is not");
    without_front_proxy_ca_key: |t| t.remove("pki/front-proxy-ca.key") => Keeps, Healthy, SkipsAll(OF_FRONT_PROXY_CA, "its CA `front-proxy-ca` is external");
    without_etcd_ca_crt: |t| t.remove("pki/etcd/ca.crt")
        => Refuses("CA `etcd-ca`: its key is there and its certificate is not"), Shows("etcd-ca"), Renew::Stops("etcd-ca", "CA `etcd-ca`: its key is there and its certificate is not");
    without_etcd_ca_key: |t| t.remove("pki/etcd/ca.key") => Keeps, Healthy, SkipsAll(OF_ETCD_CA, "its CA `etcd-ca` is external");
    without_sa_key: |t| t.remove("pki/sa.key") => Refuses("`sa`: sa.pub is there and sa.key is not"), Says("sa.pub is there and sa.key is not"), BesidesSaying("sa", "sa.key is not");
    without_sa_pub: |t| t.remove("pki/sa.pub") => Makes(&["sa"]), Says("sa.key is there and sa.pub is not"), BesidesSaying("sa", "sa.pub is not");
    without_admin_conf: |t| t.remove("admin.conf") => Makes(&["admin.conf"]), Shows("admin.conf"), LeavesOut("admin.conf", "it is missing");
    without_controller_manager_conf: |t| t.remove("controller-manager.conf")
        => Makes(&["controller-manager.conf"]), Shows("controller-manager.conf"), LeavesOut("controller-manager.conf", "it is missing");
    without_scheduler_conf: |t| t.remove("scheduler.conf") => Makes(&["scheduler.conf"]), Shows("scheduler.conf"), LeavesOut("scheduler.conf", "it is missing");
    /// A worker has none, and a kubelet that has bootstrapped itself may keep it elsewhere.
    without_kubelet_conf: |t| t.remove("kubelet.conf") => Makes(KUBELET), Lists(0, &[], KUBELET), Renew::Lists(0, &[], KUBELET);
    /// As on every node that joined.
    without_super_admin_conf: |t| t.remove("super-admin.conf") => Makes(SUPER_ADMIN), Lists(0, SUPER_ADMIN, &[]), Renew::Lists(0, SUPER_ADMIN, &[]);

    // Parts of a tree.
    nothing: |t| { lose(t, ALL); lose(t, &AUTHORITIES); lose(t, &["sa"]); }
        => Makes(&["ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client", "etcd-ca", "etcd-server", "etcd-peer",
                   "etcd-healthcheck-client", "apiserver-etcd-client", "sa", "admin.conf", "super-admin.conf", "kubelet.conf",
                   "controller-manager.conf", "scheduler.conf"]),
           Lists(5, &["ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client", "etcd-ca", "etcd-server", "etcd-peer",
                   "etcd-healthcheck-client", "apiserver-etcd-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET),
           Renew::Lists(5, ALL_BUT_KUBELET, KUBELET);
    only_cas: |t| lose(t, ALL) => Makes(ALL), Lists(5, ALL_BUT_KUBELET, KUBELET), Renew::Lists(5, ALL_BUT_KUBELET, KUBELET);
    only_cas_and_no_sa: |t| { lose(t, ALL); lose(t, &["sa"]); }
        => Makes(&["apiserver", "apiserver-kubelet-client", "front-proxy-client", "etcd-server", "etcd-peer", "etcd-healthcheck-client",
                   "apiserver-etcd-client", "sa", "admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"]),
           Lists(5, ALL_BUT_KUBELET, KUBELET), Renew::Lists(5, ALL_BUT_KUBELET, KUBELET);
    only_the_cluster_ca: |t| { lose(t, ALL); lose(t, &["sa", "front-proxy-ca", "etcd-ca"]); }
        => Makes(&["apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client", "etcd-ca", "etcd-server", "etcd-peer",
                   "etcd-healthcheck-client", "apiserver-etcd-client", "sa", "admin.conf", "super-admin.conf", "kubelet.conf",
                   "controller-manager.conf", "scheduler.conf"]),
           Lists(5, &["front-proxy-ca", "etcd-ca", "apiserver", "apiserver-kubelet-client", "front-proxy-client", "etcd-server", "etcd-peer",
                   "etcd-healthcheck-client", "apiserver-etcd-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET),
           Renew::Lists(5, ALL_BUT_KUBELET, KUBELET);
    only_sa: |t| { lose(t, ALL); lose(t, &AUTHORITIES); }
        => Makes(&["ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client", "etcd-ca", "etcd-server", "etcd-peer",
                   "etcd-healthcheck-client", "apiserver-etcd-client", "admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"]),
           Lists(5, &["ca", "apiserver", "apiserver-kubelet-client", "front-proxy-ca", "front-proxy-client", "etcd-ca", "etcd-server", "etcd-peer",
                   "etcd-healthcheck-client", "apiserver-etcd-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET),
           Renew::Lists(5, ALL_BUT_KUBELET, KUBELET);
    only_leaves: |t| lose(t, &AUTHORITIES)
        => Refuses("CA `ca`: it is missing, and these certificates need it: apiserver, apiserver-kubelet-client"), ShowsAll(&AUTHORITIES), Renew::Lists(5, ALL, &[]);
    only_leaves_and_ca_certificates: |t| external(t, &AUTHORITIES) => Keeps, Healthy, SkipsAll(ALL, "external");
    only_leaves_and_ca_keys: |t| for ca in AUTHORITIES { t.remove(&files_of(ca)[0]); }
        => Refuses("CA `etcd-ca`: its key is there and its certificate is not"), ShowsAll(&AUTHORITIES), Renew::Lists(5, ALL, &[]);
    only_kubeconfigs: |t| { lose(t, PAIRS); lose(t, &AUTHORITIES); lose(t, &["sa"]); }
        => Refuses("CA `ca`: it is missing, and these certificates need it: admin.conf"), ShowsAll(&["ca", "front-proxy-ca", "etcd-ca", "apiserver", "apiserver-kubelet-client", "front-proxy-client", "etcd-server", "etcd-peer",
                      "etcd-healthcheck-client", "apiserver-etcd-client"]), Renew::Lists(5, ALL, &[]);
    no_kubeconfigs: |t| lose(t, &KUBECONFIGS)
        => Makes(&KUBECONFIGS), Lists(5, &["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET),
           Renew::Lists(5, &["admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET);
    no_pairs: |t| lose(t, PAIRS) => Makes(PAIRS), ShowsAll(PAIRS), Renew::Lists(5, PAIRS, &[]);
    no_cluster_family: |t| { lose(t, OF_CA); lose(t, &["ca"]); }
        => Refuses("it is missing, and other files show that this host belongs to a cluster"), Lists(5, &["ca", "apiserver", "apiserver-kubelet-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET), Renew::Lists(5, &["apiserver", "apiserver-kubelet-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET);
    no_front_proxy_family: |t| lose(t, &["front-proxy-ca", "front-proxy-client"])
        => Refuses("it is missing, and other files show that this host belongs to a cluster"), ShowsAll(&["front-proxy-ca", "front-proxy-client"]), Renew::Lists(5, OF_FRONT_PROXY_CA, &[]);
    no_etcd_family: |t| lose(t, ETCD_FAMILY) => Refuses("it is missing, and other files show that this host belongs to a cluster"), ShowsAll(ETCD_FAMILY), Renew::Lists(5, OF_ETCD_CA, &[]);
    no_front_proxy_ca_beside_its_client: |t| lose(t, &["front-proxy-ca"])
        => Refuses("CA `front-proxy-ca`: it is missing, and these certificates need it: front-proxy-client"), Shows("front-proxy-ca"), Renew::Stops("front-proxy-ca", "CA `front-proxy-ca`: it is missing, and these certificates need it");
    no_etcd_ca_beside_one_leaf: |t| lose(t, &["etcd-ca", "etcd-server", "etcd-peer", "etcd-healthcheck-client"])
        => Refuses("CA `etcd-ca`: it is missing, and these certificates need it: apiserver-etcd-client"), ShowsAll(&["etcd-ca", "etcd-server", "etcd-peer", "etcd-healthcheck-client"]), Renew::Lists(5, OF_ETCD_CA, &[]);
    no_directory_of_etcd: |t| { fs::remove_dir_all(t.path("pki/etcd")).unwrap(); lose(t, &["apiserver-etcd-client"]); }
        => Refuses("it is missing, and other files show that this host belongs to a cluster"), ShowsAll(ETCD_FAMILY), Renew::Lists(5, OF_ETCD_CA, &[]);
    only_certificates_and_no_keys: |t| for row in PAIRS { t.remove(&files_of(row)[1]); }
        => Refuses("`apiserver`: its certificate is there and its key is not"), ShowsAll(PAIRS), Heals("apiserver");
    only_keys_and_no_certificates: |t| for row in PAIRS { t.remove(&files_of(row)[0]); }
        => Refuses("`apiserver`: its key is there and its certificate is not"), ShowsAll(PAIRS), Heals("apiserver");
    every_file_empty: |t| for row in LEAVES.into_iter().chain(AUTHORITIES).chain(["sa"]) { for name in files_of(row) { t.write(&name, ""); } }
        => Refuses("ca.crt`: the file is empty"), Lists(5, &["ca", "front-proxy-ca", "etcd-ca", "apiserver", "apiserver-kubelet-client", "front-proxy-client", "etcd-server", "etcd-peer",
                      "etcd-healthcheck-client", "apiserver-etcd-client", "admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf",
                      "scheduler.conf"], &[]), Renew::Lists(5, ALL, &[]);

    // External CAs.
    external_ca_and_front_proxy_ca: |t| external(t, &["ca", "front-proxy-ca"])
        => Keeps, Healthy, SkipsAll(&["apiserver", "apiserver-kubelet-client", "front-proxy-client", "admin.conf", "super-admin.conf", "kubelet.conf",
                                      "controller-manager.conf", "scheduler.conf"], "external");
    external_ca_and_etcd_ca: |t| external(t, &["ca", "etcd-ca"])
        => Keeps, Healthy, SkipsAll(&["apiserver", "apiserver-kubelet-client", "etcd-server", "etcd-peer", "etcd-healthcheck-client",
                                      "apiserver-etcd-client", "admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"], "external");
    external_front_proxy_ca_and_etcd_ca: |t| external(t, &["front-proxy-ca", "etcd-ca"])
        => Keeps, Healthy, SkipsAll(&["front-proxy-client", "etcd-server", "etcd-peer", "etcd-healthcheck-client", "apiserver-etcd-client"], "external");
    external_ca_and_a_leaf_missing: |t| { external(t, &["ca"]); lose(t, &["apiserver"]); } => Lacks(&[], &["apiserver"]), Shows("apiserver"), Renew::Lists(5, OF_CA, &[]);
    external_ca_and_a_kubeconfig_missing: |t| { external(t, &["ca"]); lose(t, &["scheduler.conf"]); }
        => Lacks(&[], &["scheduler.conf"]), Shows("scheduler.conf"), Renew::Lists(5, OF_CA, &[]);
    external_ca_and_all_of_it_missing: |t| { external(t, &["ca"]); lose(t, OF_CA); }
        => Lacks(&[], OF_CA), Lists(5, &["apiserver", "apiserver-kubelet-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET),
           Renew::Lists(5, &["apiserver", "apiserver-kubelet-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET);
    external_ca_and_another_leaf_missing: |t| { external(t, &["ca"]); lose(t, &["etcd-peer"]); }
        => Makes(&["etcd-peer"]), Shows("etcd-peer"),
           Renew::Lists(5, &["apiserver", "apiserver-kubelet-client", "etcd-peer", "admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"], &[]);
    external_ca_and_leaves_of_two_missing: |t| { external(t, &["ca"]); lose(t, &["apiserver", "front-proxy-client"]); }
        => Lacks(&["front-proxy-client"], &["apiserver"]), ShowsAll(&["apiserver", "front-proxy-client"]),
           Renew::Lists(5, &["apiserver", "apiserver-kubelet-client", "front-proxy-client", "admin.conf", "super-admin.conf", "kubelet.conf",
                             "controller-manager.conf", "scheduler.conf"], &[]);
    external_ca_and_the_rest_missing: |t| { external(t, &["ca"]); lose(t, &["front-proxy-ca", "front-proxy-client", "sa"]); lose(t, ETCD_FAMILY); }
        => Refuses("it is missing, and other files show that this host belongs to a cluster"), ShowsAll(&["front-proxy-ca", "front-proxy-client", "etcd-ca", "etcd-server", "etcd-peer", "etcd-healthcheck-client", "apiserver-etcd-client"]), Renew::Lists(5, ALL, &[]);
    external_ca_alone: |t| { external(t, &["ca"]); lose(t, ALL); lose(t, &["front-proxy-ca", "etcd-ca", "sa"]); }
        => Lacks(&["front-proxy-ca", "front-proxy-client", "etcd-ca", "etcd-server", "etcd-peer", "etcd-healthcheck-client", "apiserver-etcd-client", "sa"], OF_CA),
           Lists(5, &["front-proxy-ca", "etcd-ca", "apiserver", "apiserver-kubelet-client", "front-proxy-client", "etcd-server", "etcd-peer",
                   "etcd-healthcheck-client", "apiserver-etcd-client", "admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf"], KUBELET),
           Renew::Lists(5, ALL_BUT_KUBELET, KUBELET);
    external_front_proxy_ca_and_its_client_missing: |t| { external(t, &["front-proxy-ca"]); lose(t, OF_FRONT_PROXY_CA); }
        => Lacks(&[], OF_FRONT_PROXY_CA), Shows("front-proxy-client"), LeavesOut("front-proxy-client", "");
    external_etcd_ca_and_a_leaf_missing: |t| { external(t, &["etcd-ca"]); lose(t, &["etcd-healthcheck-client"]); }
        => Lacks(&[], &["etcd-healthcheck-client"]), Shows("etcd-healthcheck-client"), Renew::Lists(5, OF_ETCD_CA, &[]);
    external_cas_alone: |t| { external(t, &AUTHORITIES); lose(t, ALL); lose(t, &["sa"]); }
        => Lacks(&["sa"], ALL), Lists(5, ALL_BUT_KUBELET, KUBELET), Renew::Lists(5, ALL_BUT_KUBELET, KUBELET);
    external_cas_and_one_leaf_of_each_missing: |t| { external(t, &AUTHORITIES); lose(t, &["apiserver", "front-proxy-client", "etcd-server"]); }
        => Lacks(&[], &["apiserver", "front-proxy-client", "etcd-server"]), ShowsAll(&["apiserver", "front-proxy-client", "etcd-server"]), Renew::Lists(5, ALL, &[]);
    external_ca_and_an_expired_leaf: |t| { expire(t, "pki/apiserver.crt", "ca"); external(t, &["ca"]); }
        => Refuses("`apiserver`: it expired on 2020-01-01"), Attention("apiserver", "expired"), Renew::Lists(5, OF_CA, &[]);
    external_front_proxy_ca_and_its_client_expired: |t| { expire(t, "pki/front-proxy-client.crt", "front-proxy-ca"); external(t, &["front-proxy-ca"]); }
        => Refuses("`front-proxy-client`: it expired on 2020-01-01"), Attention("front-proxy-client", "expired"), LeavesOut("front-proxy-client", "external");
    external_etcd_ca_and_an_expired_leaf: |t| { expire(t, "pki/etcd/peer.crt", "etcd/ca"); external(t, &["etcd-ca"]); }
        => Refuses("`etcd-peer`: it expired on 2020-01-01"), Attention("etcd-peer", "expired"), Renew::Lists(5, OF_ETCD_CA, &[]);
    external_ca_of_another_cluster: |t| { foreign(t, "pki/ca.crt", "kubernetes"); external(t, &["ca"]); }
        => Refuses("it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Renew::Lists(5, OF_CA, &[]);
    external_front_proxy_ca_of_another_cluster: |t| { foreign(t, "pki/front-proxy-ca.crt", "front-proxy-ca"); external(t, &["front-proxy-ca"]); }
        => Refuses("`front-proxy-client`: its signature is wrong"), Attention("front-proxy-client", "its signature is wrong"), LeavesOut("front-proxy-client", "external");
    external_etcd_ca_of_another_cluster: |t| { foreign(t, "pki/etcd/ca.crt", "etcd-ca"); external(t, &["etcd-ca"]); }
        => Refuses("it did not sign any of the certificates"), Attention("etcd-ca", "it did not sign any of the certificates"), Renew::Lists(5, OF_ETCD_CA, &[]);
    external_ca_and_a_leafs_key_lost: |t| { external(t, &["ca"]); t.remove("pki/apiserver.key"); }
        => Refuses("`apiserver`: its certificate is there and its key is not"), Shows("apiserver"), Renew::Lists(5, OF_CA, &[]);
    external_front_proxy_ca_and_its_clients_key_lost: |t| { external(t, &["front-proxy-ca"]); t.remove("pki/front-proxy-client.key"); }
        => Refuses("`front-proxy-client`: its certificate is there and its key is not"), Shows("front-proxy-client"), LeavesOut("front-proxy-client", "external");
    external_etcd_ca_and_a_leafs_key_lost: |t| { external(t, &["etcd-ca"]); t.remove("pki/etcd/server.key"); }
        => Refuses("`etcd-server`: its certificate is there and its key is not"), Shows("etcd-server"), Renew::Lists(5, OF_ETCD_CA, &[]);
    external_ca_and_a_certificate_lost: |t| { external(t, &["ca"]); t.remove("pki/apiserver.crt"); }
        => Lacks(&[], &["apiserver"]), Shows("apiserver"), Renew::Lists(5, OF_CA, &[]);
    external_ca_that_has_expired: |t| { expire(t, "pki/front-proxy-ca.crt", "front-proxy-ca"); external(t, &["front-proxy-ca"]); }
        => Refuses("CA `front-proxy-ca`: it expired on 2020-01-01"), Attention("front-proxy-ca", "expired"), LeavesOut("front-proxy-client", "it expired on 2020-01-01");
    external_ca_that_is_broken: |t| { t.write("pki/ca.crt", "broken"); external(t, &["ca"]); }
        => Refuses("ca.crt`: there is no PEM block"), Shows("ca"), Renew::Stops("ca", "ca.crt`: there is no PEM block");

    // Things that are there twice.
    front_proxy_ca_is_the_cluster_ca: |t| { share(t, "ca", "front-proxy-ca"); share(t, "apiserver-kubelet-client", "front-proxy-client"); }
        => KeepsSaying("CA `ca`: it is the same CA as `front-proxy-ca`"), Healthy, Heals("front-proxy-client");
    etcd_ca_is_the_cluster_ca: |t| {
        share(t, "ca", "etcd-ca");
        for row in OF_ETCD_CA { share(t, "apiserver-kubelet-client", row); }
    } => Refuses("`etcd-server`: its extended key usage lacks serverAuth"), AttentionAll(&["etcd-server", "etcd-peer"], ""), Heals("etcd-server");
    etcd_ca_is_a_link_to_the_cluster_ca: |t| {
        lose(t, &["etcd-ca"]);
        symlink("../ca.crt", t.path("pki/etcd/ca.crt")).unwrap();
        symlink("../ca.key", t.path("pki/etcd/ca.key")).unwrap();
    } => Refuses("CA `etcd-ca`: it is the CA `ca`"), Attention("etcd-ca", "it is the CA `ca`, and it did not sign any of the certificates"), Renew::Stops("etcd-ca", "CA `etcd-ca`: it is the CA `ca`");
    one_key_for_two_cas: |t| { t.copy("pki/ca.key", "pki/front-proxy-ca.key"); t.resign_ca("front-proxy-ca", CA, &[]); }
        => Refuses("`front-proxy-client`: its signature is wrong"), Attention("front-proxy-client", "its signature is wrong"), Heals("front-proxy-client");
    one_serial_for_two: |t| for (crt, ca) in [("pki/apiserver.crt", "ca"), ("pki/apiserver-kubelet-client.crt", "ca"), ("pki/front-proxy-client.crt", "front-proxy-ca")] {
        t.forge(crt, ca, |tbs| tbs.set_serial(&[7]));
    } => Keeps, Healthy, Heals("apiserver");
    one_pair_for_etcds_server_and_peer: |t| share(t, "etcd-server", "etcd-peer") => Keeps, Healthy, Heals("etcd-peer");
    one_pair_for_all_of_etcd: |t| for row in &OF_ETCD_CA[1..] { share(t, "etcd-server", row); }
        => KeepsSaying("`apiserver-etcd-client`: it"), Healthy, Heals("apiserver-etcd-client");
    one_kubeconfig_for_all: |t| for name in &KUBECONFIGS[1..4] { t.copy("admin.conf", name); } => KeepsSaying("`kubelet.conf`: it"), Healthy, Heals("kubelet.conf");

    // More than a tree.
    things_lying_around: litter => Keeps, Healthy, Heals("apiserver");
    ten_thousand_files_lying_around: |t| for number in 0..10_000 { fs::File::create(t.path(&format!("pki/stray-{number}"))).unwrap(); }
        => Keeps, Healthy, Heals("apiserver");
    a_folder_that_cannot_be_read: |t| { fs::create_dir(t.path("pki/closed")).unwrap(); t.chmod("pki/closed", 0); } => Keeps, Healthy, Heals("apiserver");
}

/// Each leaf is what somebody had left when the rest was gone.
#[test]
fn cas_and_one_leaf_are_completed() {
    for kept in LEAVES {
        let missing: Vec<&str> = LEAVES.into_iter().filter(|row| *row != kept).collect();
        let spoil = |t: &Specimen| lose(t, &missing);
        judge_completion(&spoil, &missing, &[]);
        let marked = missing.iter().copied().filter(|row| *row != "kubelet.conf");
        let marked: &[&str] = marked.collect::<Vec<_>>().leak();
        let absent = if kept == "kubelet.conf" { &[] } else { KUBELET };
        judge_check(&spoil, Lists(5, marked, absent));
        judge_renewal(&spoil, Renew::Lists(5, marked, absent));
    }
}

#[test]
fn each_pair_without_one_of_its_files_is_renewed_and_not_made_by_init() {
    for row in PAIRS {
        for (file, reason) in files_of(row).into_iter().zip([
            "its key is there and its certificate is not",
            "its certificate is there and its key is not",
        ]) {
            let reason: &str = format!("`{row}`: {reason}").leak();
            judge(|t| t.remove(&file), Refuses(reason), Shows(row), Heals(row));
        }
    }
}

#[test]
fn an_external_etcd_that_nobody_has_declared_is_inferred() {
    let listed = Lists(0, &[], ETCDS_OWN);
    judge_check(&copied_etcd_client, listed);
    judge_renewal(
        &copied_etcd_client,
        Renew::Lists(0, &["apiserver-etcd-client"], ETCDS_OWN),
    );
    // Without the copies of its client either.
    let without_client = |t: &Specimen| {
        copied_etcd_client(t);
        lose(t, &["apiserver-etcd-client"]);
    };
    judge_check(&without_client, Lists(0, &[], OF_ETCD_CA));
    judge_renewal(&without_client, Renew::Lists(0, &[], OF_ETCD_CA));
    let without_any = |t: &Specimen| {
        without_client(t);
        t.remove("pki/etcd/ca.crt");
    };
    judge_check(&without_any, Lists(0, &[], ETCD_FAMILY));
    judge_renewal(&without_any, Renew::Lists(0, &[], OF_ETCD_CA));
    // A CA's key, or any certificate that only etcd has, means that it runs here.
    for (kept, missing) in [
        ("pki/etcd/ca.key", ETCDS_OWN),
        (
            "pki/etcd/peer.crt",
            &["etcd-server", "etcd-healthcheck-client"],
        ),
    ] {
        let local = |t: &Specimen| {
            forget(t);
            for row in ETCDS_OWN.iter().filter(|row| missing.contains(row)) {
                lose(t, &[row]);
            }
            if kept != "pki/etcd/ca.key" {
                t.remove("pki/etcd/ca.key");
            }
        };
        judge_check(&local, Lists(5, missing, &[]));
    }
}

/// The client certificate that was copied by hand is its owner's to renew, and its end still matters.
#[test]
fn a_copied_client_certificate_that_has_expired_counts() {
    let spoil = |t: &Specimen| {
        expire(t, "pki/apiserver-etcd-client.crt", "etcd/ca");
        copied_etcd_client(t);
    };
    judge_renewal(
        &spoil,
        Renew::Lists(5, &["apiserver-etcd-client"], ETCDS_OWN),
    );
    let t = Specimen::new();
    spoil(&t);
    let check = t.pki(&["check-expiration"]);
    assert_eq!(check.code, Some(5), "{check}");
    assert!(
        check
            .stderr
            .contains("`apiserver-etcd-client`: it expired on"),
        "{check}"
    );
}

#[test]
fn what_lies_around_is_left_alone_even_by_a_first_init() {
    let t = Specimen::new();
    lose(&t, &LEAVES);
    lose(&t, &AUTHORITIES);
    lose(&t, &["sa"]);
    let plain = t.snapshot();
    // What it copies is there in a tree of its own.
    let full = Specimen::new();
    litter(&full);
    let littered = full.snapshot();
    let stray: Vec<_> = littered
        .keys()
        .filter(|path| !plain.contains_key(*path) && !is_of_a_row(path))
        .collect();
    assert!(stray.len() > 20, "{}", stray.len());
    for command in [&["init"][..], &["renew", "all"], &["rollback"]] {
        full.pki(command).ok();
        let after = full.snapshot();
        for path in &stray {
            assert_eq!(after.get(*path), littered.get(*path), "{}", path.display());
        }
    }
}

fn is_of_a_row(path: &Path) -> bool {
    let mut names = LEAVES
        .into_iter()
        .chain(AUTHORITIES)
        .chain(["sa"])
        .flat_map(files_of);
    names.any(|name| path == Path::new("etc/kubernetes").join(name))
}

/// A hint is a promise, and an external CA's owner is the only one who can keep this one.
#[test]
fn nobody_is_told_to_renew_what_an_external_ca_signs() {
    if peer("openssl").is_none() {
        return;
    }
    type Spoil = fn(&Specimen);
    let cases: [(&str, Spoil); 5] = [
        ("expired", |t| expire(t, "pki/apiserver.crt", "ca")),
        ("its key lost", |t| t.remove("pki/apiserver.key")),
        ("its certificate lost", |t| t.remove("pki/apiserver.crt")),
        ("its key another's", |t| {
            t.copy("pki/etcd/server.key", "pki/apiserver.key");
        }),
        ("broken", |t| t.write("pki/apiserver.crt", "broken")),
    ];
    let mut wrong = Vec::new();
    for (what, spoil) in cases {
        for command in ["init", "check-expiration"] {
            let t = Specimen::new();
            spoil(&t);
            t.remove("pki/ca.key");
            let run = t.pki(&[command]);
            if run.stderr.contains("pki renew") {
                wrong.push(format!("{what}: {run}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of 10:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Renewing a leaf needs the CA.
#[test]
fn nobody_is_told_to_renew_what_a_broken_ca_should_sign() {
    if peer("openssl").is_none() {
        return;
    }
    for command in ["init", "check-expiration"] {
        let t = Specimen::new();
        t.copy("pki/etcd/ca.crt", "pki/ca.crt");
        let run = t.pki(&[command]);
        assert!(run.stderr.contains("it is the CA `etcd-ca`"), "{run}");
        assert!(!run.stderr.contains("pki renew apiserver"), "{run}");
    }
}

/// A tree that kubeadm made, as [`Specimen`].
fn fixture(name: &str) -> Specimen {
    let t = Specimen::empty();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    copy(&from, &t.path(""));
    t
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let from = entry.unwrap().path();
        let to = to.join(from.file_name().unwrap());
        if from.is_dir() {
            copy(&from, &to);
            continue;
        }
        // Version control keeps no modes.
        fs::write(&to, fs::read(&from).unwrap()).unwrap();
        let mode = match from.extension().and_then(|extension| extension.to_str()) {
            Some("key" | "pub" | "conf") => 0o600,
            _ => 0o644,
        };
        fs::set_permissions(&to, fs::Permissions::from_mode(mode)).unwrap();
    }
}

/// A tree of kubeadm's, and what `renew all` leaves out of it by name.
const FIXTURES: [(&str, &[&str]); 7] = [
    ("kubeadm-1.20/stacked", SUPER_ADMIN),
    ("kubeadm-1.20/ha", SUPER_ADMIN),
    ("kubeadm-1.20/external-etcd", SUPER_ADMIN),
    ("kubeadm-1.36/stacked", &[]),
    ("kubeadm-1.36/ha", &[]),
    ("kubeadm-1.36/external-etcd", &[]),
    (
        "kubeadm-1.36/external-ca",
        &[
            "apiserver",
            "apiserver-kubelet-client",
            "front-proxy-client",
            "admin.conf",
            "super-admin.conf",
            "kubelet.conf",
            "controller-manager.conf",
            "scheduler.conf",
        ],
    ),
];

fn made_at(tree: &str) -> String {
    let version = tree.split('/').next().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(version);
    fs::read_to_string(path.join("MADE_AT"))
        .unwrap()
        .trim()
        .to_owned()
}

fn config_of(tree: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(tree);
    path.join("kubeadm.yaml").to_str().unwrap().to_owned()
}

fn at(t: &Specimen, tree: &str, arguments: &[&str]) -> Run {
    let now = made_at(tree);
    // Keys are of the old algorithm: RSA takes its time.
    t.pki(&[arguments, &["--now", &now]].concat())
}

#[test]
fn every_tree_of_kubeadms_is_checked_and_renewed_as_it_is_found() {
    for (tree, left) in FIXTURES {
        let t = fixture(tree);
        let before = t.snapshot();
        let check = at(&t, tree, &["check-expiration"]).ok();
        assert!(
            check.stderr.contains("no configuration is recorded"),
            "{check}"
        );
        let dry = at(&t, tree, &["renew", "all", "--dry-run"]).ok();
        assert_eq!(differences(&before, &t.snapshot()), "", "{dry}");
        let leaves = t.leaves();
        // The reason for RSA: the trees are real. The smallest ones are enough to see that it is done.
        if tree.ends_with("external-etcd") || tree == "kubeadm-1.36/ha" {
            let renewed = at(&t, tree, &["renew", "all"]).ok();
            let after = t.leaves();
            let kept: Vec<_> = LEAVES
                .into_iter()
                .filter(|row| leaves[row] == after[row] && !leaves[row].is_empty())
                .collect();
            assert_eq!(kept, [""; 0], "{renewed}");
        }
        for row in left {
            assert!(dry.reason_for_skipping(row).is_some(), "{row}: {dry}");
        }
        assert_eq!(dry.marked('!').len(), left.len(), "{dry}");
    }
}

#[test]
fn every_tree_of_kubeadms_fits_its_configuration() {
    for (tree, left) in FIXTURES {
        let config = config_of(tree);
        for command in [
            &["init"][..],
            &["check-expiration"],
            &["renew", "all", "--dry-run"],
        ] {
            let t = fixture(tree);
            let before = t.snapshot();
            let arguments = [command, &["--config", &config]].concat();
            let run = at(&t, tree, &arguments);
            assert_eq!(run.code, Some(0), "{run}");
            if tree.starts_with("kubeadm-1.20") {
                assert!(
                    run.stderr.contains("v1beta2` is no longer accepted"),
                    "{run}"
                );
                continue;
            }
            assert_eq!(run.stderr, "", "{run}");
            match command[0] {
                "init" => assert!(
                    run.stdout.contains(" kept; the configuration is recorded"),
                    "{run}"
                ),
                "renew" => assert_eq!(run.marked('!').len(), left.len(), "{run}"),
                _ => t.assert_unchanged(&before, &run),
            }
        }
    }
}

/// Runs our binary as on a machine of another name; none where that is not allowed.
fn on_another_host(t: &Specimen, arguments: &[&str]) -> Option<Run> {
    let unshare = peer("unshare")?;
    let allowed = run(Command::new(&unshare).args(["--uts", "hostname", "somewhere-else"]));
    if allowed.code != Some(0) {
        skip("unshare --uts with hostname is not allowed");
        return None;
    }
    let command = t.command(arguments);
    Some(sane(run(Command::new(unshare)
        .args([
            "--uts",
            "sh",
            "-c",
            "hostname somewhere-else; exec \"$0\" \"$@\"",
        ])
        .arg(command.get_program())
        .args(command.get_args()))))
}

/// A backup that is put on another machine stays the node that it was.
#[test]
fn a_tree_on_another_host_keeps_its_name() {
    for recorded in [true, false] {
        let t = Specimen::new();
        if !recorded {
            forget(&t);
        }
        for arguments in [
            &["check-expiration"][..],
            &["renew", "all"],
            &["check-expiration"],
        ] {
            let Some(run) = on_another_host(&t, arguments) else {
                return;
            };
            run.ok();
        }
        let names = t.openssl(
            &[
                "x509",
                "-in",
                "pki/etcd/server.crt",
                "-noout",
                "-subject",
                "-ext",
                "subjectAltName",
            ],
            "",
        );
        assert!(names.stdout.contains("cp-1"), "{names}");
        assert!(!names.stdout.contains("somewhere-else"), "{names}");
        if recorded {
            let before = t.snapshot();
            let init = on_another_host(&t, &["init"]).unwrap().ok();
            t.assert_unchanged(&before, &init);
        }
    }
}

/// The name is in certificates that are there: another one has to be asked for by a renewal.
#[test]
fn another_node_name_is_refused_by_init_and_applied_by_renew() {
    let t = Specimen::new();
    let before = t.snapshot();
    let init = t.pki(&["init", "--node-name", "cp-2"]);
    assert_eq!(init.code, Some(3), "{init}");
    assert!(
        init.stderr
            .contains("`apiserver`: it lacks names that the configuration asks for: DNS:cp-2"),
        "{init}"
    );
    t.assert_unchanged(&before, &init);
}

/// Names, not rows: a check of what the tables here say.
#[test]
fn the_lists_are_what_the_catalog_says() {
    use pki::catalog::{CATALOG, find};
    let of = |ca: &str| -> Vec<&str> {
        let rows = CATALOG.iter().filter(|row| row.signer() == find(ca));
        rows.map(|row| row.name).collect()
    };
    assert_eq!(of("ca"), OF_CA);
    assert_eq!(of("front-proxy-ca"), OF_FRONT_PROXY_CA);
    assert_eq!(of("etcd-ca"), OF_ETCD_CA);
    let cas: Vec<_> = CATALOG.iter().filter(|row| row.is_ca()).collect();
    assert_eq!(
        cas.iter().map(|row| row.name).collect::<Vec<_>>(),
        AUTHORITIES
    );
    // Every row of every table names something that there is.
    judge_init(&|_: &Specimen| {}, Keeps);
    judge_check(&|_: &Specimen| {}, Check::Healthy);
}
