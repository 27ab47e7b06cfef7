//! One test for each verdict at the command line: the reactions of `init`, `check-expiration` and `renew all`.
//!
//! The tables beside this file say which damage leads to which finding.

use x509_cert::der::Tag;

use crate::support::{
    CA,
    End::{NotAfter, NotBefore},
    NOW, TestTree, days, peer,
    rows::{OF_CA, SIGNED, signed_but},
    utc_time,
};

const CRT: &str = "pki/apiserver.crt";
const KEY: &str = "pki/apiserver.key";

#[test]
fn healthy_tree_is_kept_and_renewed() {
    let tree = TestTree::new();
    tree.pki(&["init"])
        .exits(0)
        .says_nothing()
        .changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(0)
        .says_nothing()
        .changed_nothing();
    tree.pki(&["renew", "all"])
        .exits(0)
        .says_nothing()
        .changed_rows(&SIGNED);
    tree.assert_healthy();
}

#[test]
fn invalid_certificate_is_refused_by_init_and_renewed() {
    let tree = TestTree::new();
    tree.edit(CRT, |text| text[..text.len() / 2].to_owned());
    tree.pki(&["init"])
        .exits(3)
        .says("apiserver.crt`: malformed PEM")
        .prints_nothing()
        .changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says("apiserver.crt`: malformed PEM")
        .prints("! apiserver ")
        .changed_nothing();
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
    tree.assert_healthy();
}

#[test]
fn certificate_of_another_ca_is_refused_by_init_and_renewed() {
    let tree = TestTree::new();
    tree.copy_pair("front-proxy-client", "apiserver-kubelet-client");
    let finding = "`apiserver-kubelet-client`: it is not signed by its CA";
    tree.pki(&["init"]).exits(3).says(finding).changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says(finding)
        .prints("apiserver-kubelet-client")
        .changed_nothing();
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
    tree.assert_healthy();
}

#[test]
fn key_of_another_certificate_is_refused_by_init_and_renewed() {
    let tree = TestTree::new();
    tree.copy("pki/etcd/server.key", KEY);
    tree.pki(&["init"])
        .exits(3)
        .says("`apiserver`: its key does not belong to it")
        .changed_nothing();
    // A check reads no private keys.
    tree.pki(&["check-expiration"]).exits(0).changed_nothing();
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
    tree.assert_healthy();
}

#[test]
fn unreadable_file_is_skipped_and_everything_else_is_renewed() {
    let tree = TestTree::new();
    tree.write_zeroes(CRT, 100 << 20);
    let reason = "apiserver.crt`: it has 104857600 bytes";
    tree.pki(&["init"]).exits(3).says(reason).changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says(reason)
        .changed_nothing();
    tree.pki(&["renew", "all"])
        .exits(5)
        .prints("! apiserver")
        .prints("104857600 bytes")
        .changed_rows(&signed_but(&["apiserver"]));
    tree.pki(&["renew", "apiserver"])
        .exits(3)
        .says(reason)
        .changed_nothing();
}

#[test]
fn expired_certificate_is_refused_by_init_and_renewed() {
    let tree = TestTree::new();
    let later = NOW + days(366);
    tree.pki_at(later, &["init"])
        .exits(3)
        .says("`apiserver`: it expired on 2027-11-22")
        .says("pki renew")
        .changed_nothing();
    tree.pki_at(later, &["check-expiration"])
        .exits(5)
        .says("expired");
    tree.pki_at(later, &["renew", "all"])
        .exits(0)
        .changed_rows(&SIGNED);
    tree.pki_at(later, &["init"]).exits(0).changed_nothing();
    tree.pki_at(later, &["check-expiration"]).exits(0);
}

#[test]
fn certificate_that_expires_soon_is_kept_and_due() {
    let tree = TestTree::new();
    tree.forge(CRT, "ca", |tbs| {
        tbs.set_time(NotAfter, Tag::UtcTime, &utc_time(NOW + days(20)));
    });
    tree.pki(&["init"]).exits(0).changed_nothing();
    tree.pki(&["check-expiration"]).exits(4).says("apiserver");
    tree.pki(&["renew", "--due", "30d"])
        .exits(0)
        .changed_rows(&["apiserver"]);
    tree.assert_healthy();
}

#[test]
fn missing_leaf_is_made_by_init_and_not_by_renew() {
    let tree = TestTree::new();
    tree.remove_rows(&["apiserver"]);
    tree.pki(&["check-expiration"])
        .exits(5)
        .prints("!MISSING! apiserver")
        .changed_nothing();
    tree.pki(&["renew", "all"])
        .exits(5)
        .prints("apiserver: it is missing; run `pki init")
        .changed_rows(&signed_but(&["apiserver"]));
    tree.pki(&["init"]).exits(0).changed_rows(&["apiserver"]);
    tree.assert_healthy();
}

#[test]
fn invalid_ca_stops_init_and_the_renewal_of_what_it_signs() {
    let tree = TestTree::new();
    tree.write("pki/etcd/ca.crt", "");
    let finding = "etcd/ca.crt`: the file is empty";
    tree.pki(&["init"]).exits(3).says(finding).changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says(finding)
        .prints("! etcd-ca ")
        .changed_nothing();
    tree.pki(&["renew", "etcd-peer"])
        .exits(3)
        .says(finding)
        .changed_nothing();
}

/// Everything that was asked for is refused, and the message says that no file was changed.
#[test]
fn name_constraints_of_a_ca_stop_a_renewal_and_the_message_says_that_nothing_changed() {
    if peer("openssl").is_none() {
        return;
    }
    let tree = TestTree::new();
    let constraints = format!("{CA}nameConstraints=critical,excluded;DNS:kubernetes\n");
    tree.resign_ca("ca", &constraints, &[]);
    tree.embed_ca();
    let run = tree.pki(&["renew", "apiserver"]).exits(3).changed_nothing();
    // The error comes first, then a line about the state of the tree.
    let lines: Vec<_> = run.stderr.lines().collect();
    let error = lines.iter().position(|line| line.starts_with("error: "));
    let note = lines
        .iter()
        .position(|line| *line == "note: no file was changed");
    assert!(error.is_some() && (note.is_none() || note > error), "{run}");
}

#[test]
fn lost_ca_is_not_made_again_while_its_leaves_exist() {
    let tree = TestTree::new();
    tree.remove_rows(&["front-proxy-ca"]);
    tree.pki(&["init"])
        .exits(3)
        .says("CA `front-proxy-ca`")
        .says("front-proxy-client")
        .changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says("front-proxy-ca")
        .changed_nothing();
    tree.pki(&["renew", "front-proxy-client"])
        .exits(3)
        .changed_nothing();
}

#[test]
fn external_ca_is_healthy_and_its_rows_are_skipped() {
    let tree = TestTree::new();
    tree.remove("pki/ca.key");
    tree.pki(&["init"]).exits(0).changed_nothing();
    tree.pki(&["check-expiration"]).exits(0).changed_nothing();
    tree.pki(&["renew", "all"])
        .exits(0)
        .prints("! apiserver")
        .prints("its CA `ca` is external")
        .changed_rows(&signed_but(&OF_CA));
}

#[test]
fn missing_leaf_of_an_external_ca_is_named_and_not_made() {
    let tree = TestTree::new();
    tree.remove("pki/ca.key");
    tree.remove_rows(&["apiserver"]);
    tree.pki(&["init"])
        .exits(5)
        .prints("apiserver: it is missing, and its CA `ca` is external")
        .changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says("`apiserver`: missing; have ")
        .does_not_say("pki renew");
}

#[test]
fn service_account_key_of_another_pair_stops_init_only() {
    let tree = TestTree::new();
    tree.copy(KEY, "pki/sa.key");
    tree.pki(&["init"])
        .exits(3)
        .says("`sa`: sa.pub does not contain the public key of sa.key")
        .changed_nothing();
    tree.pki(&["check-expiration"]).exits(0).changed_nothing();
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
}

#[test]
fn invalid_kubeconfig_is_never_overwritten() {
    let tree = TestTree::new();
    tree.edit("admin.conf", |text| {
        text.replace("kind: Config", "kind: Secret")
    });
    let finding = "admin.conf`: kind: it is `Secret`, want `Config`";
    tree.pki(&["init"]).exits(3).says(finding).changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says(finding)
        .prints("! admin.conf ")
        .changed_nothing();
    tree.pki(&["renew", "all"])
        .exits(5)
        .prints("! admin.conf")
        .changed_rows(&signed_but(&["admin.conf"]));
    tree.pki(&["renew", "admin.conf"])
        .exits(3)
        .says(finding)
        .changed_nothing();
}

#[test]
fn kubeconfig_that_trusts_another_ca_is_refused_by_init_and_renewed() {
    let tree = TestTree::new();
    let other = TestTree::of_another_cluster().read("pki/ca.crt");
    tree.embed("admin.conf", "certificate-authority-data", other);
    let finding = "`admin.conf`: it does not trust this tree's CA";
    tree.pki(&["init"]).exits(3).says(finding).changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says(finding)
        .changed_nothing();
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
    tree.assert_healthy();
}

#[test]
fn kubeconfig_with_a_token_is_not_listed_and_not_renewed() {
    let tree = TestTree::new();
    tree.edit("admin.conf", |text| {
        let kept = text.lines().filter(|line| !line.contains("client-"));
        let text: String = kept.map(|line| format!("{line}\n")).collect();
        text.replace("  user:\n", "  user: {token: not-a-real-token}\n")
    });
    tree.pki(&["init"]).exits(0).changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(0)
        .says("admin.conf")
        .changed_nothing();
    tree.pki(&["renew", "all"])
        .exits(0)
        .changed_rows(&signed_but(&["admin.conf"]));
}

#[test]
fn not_yet_valid_certificate_is_refused_by_init_and_renewed() {
    let tree = TestTree::new();
    tree.forge(CRT, "ca", |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "270101000000Z");
    });
    let finding = "it is not valid before 2027-01-01";
    tree.pki(&["init"]).exits(3).says(finding).changed_nothing();
    tree.pki(&["check-expiration"])
        .exits(5)
        .says("2027-01-01")
        .changed_nothing();
    tree.pki(&["renew", "all"]).exits(0).changed_rows(&SIGNED);
    tree.assert_healthy();
}

#[test]
fn configuration_with_another_node_name_is_refused_by_init_and_applied_by_renew() {
    let tree = TestTree::new();
    tree.pki(&["init", "--node-name", "cp-2"])
        .exits(3)
        .says("`apiserver`: it lacks names from the configuration: DNS:cp-2")
        .changed_nothing();
    let config = tree.beside(
        "cp-2.yaml",
        tree.text(".pki/cluster.yaml")
            .replace("name: cp-1", "name: cp-2"),
    );
    tree.pki(&["renew", "all", "--config", &config])
        .exits(0)
        .prints("DNS:cp-2")
        .changed_rows(&SIGNED);
}
