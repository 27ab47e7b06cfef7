//! `renew all` on kubeadm's trees: each certificate has the contents of the old one and a new key; nothing else changes.

use std::collections::BTreeMap;

use time::{Duration, OffsetDateTime};

use crate::support::{
    CertificateFacts, KEY_USAGE, Openssl, Run, SAN, TestTree, USAGES, config_of, days, made_at,
    rows::{KUBECONFIGS, LEAVES, OF_ETCD_CA, SIGNED, files_of},
};

const YEAR: Duration = Duration::hours(8760);

/// kubeadm: TestFileRenewer
#[test]
fn stacked_tree_of_1_20_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.20/stacked", None, YEAR);
}

/// kubeadm: TestRenewUsingLocalCA / PKI certificate, embedded in a kubeconfig
#[test]
fn ha_tree_of_1_20_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.20/ha", None, YEAR);
}

#[test]
fn external_etcd_tree_of_1_20_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.20/external-etcd", None, YEAR);
}

/// kubeadm: TestFileRenewer -> renewed one verifies; stricter: every leaf of real trees, by openssl
#[test]
fn stacked_tree_of_1_36_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.36/stacked", None, YEAR);
}

#[test]
fn ha_tree_of_1_36_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.36/ha", None, YEAR);
}

#[test]
fn external_etcd_tree_of_1_36_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.36/external-etcd", None, YEAR);
}

#[test]
fn the_configuration_of_a_tree_changes_only_dates_and_keys() {
    for (fixture, validity) in [
        ("kubeadm-1.36/ha", Duration::hours(2160)),
        ("kubeadm-1.36/external-etcd", YEAR),
    ] {
        let Some(run) = renews_all(fixture, Some(&config_of(fixture)), validity) else {
            return;
        };
        run.does_not_say("changes that follow")
            .does_not_say("warning");
    }
}

#[test]
fn rows_of_an_external_ca_are_skipped_by_name_and_the_rest_is_renewed() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.36/external-ca");
    let old = openssl.tree(&tree);
    let now = made_at("kubeadm-1.36") + days(1);
    let config = config_of("kubeadm-1.36/external-ca");
    let dry = tree.pki_at(now, &["renew", "all", "--dry-run"]).exits(0);
    let run = renew_all(&tree, now, Some(&config))
        .exits(0)
        .changed_rows(&OF_ETCD_CA);
    for name in SIGNED.into_iter().filter(|name| !OF_ETCD_CA.contains(name)) {
        let ca = if name == "front-proxy-client" {
            "front-proxy-ca"
        } else {
            "ca"
        };
        for run in [&dry, &run] {
            let reason = run.reason_for_skipping(name).unwrap_or_default();
            let wanted = format!("its CA `{ca}` is external");
            assert!(reason.starts_with(&wanted), "{name}: {run}");
        }
    }
    let new = openssl.tree(&tree);
    for (name, old) in &old {
        if !OF_ETCD_CA.contains(name) {
            assert_eq!(&new[name], old, "{name}");
        } else {
            assert_renewed(name, old, &new[name], now, YEAR);
        }
    }
}

#[test]
fn the_exit_code_reports_due_rows_of_an_external_ca() {
    let end = time::macros::datetime!(2027-11-22 00:20:38 UTC);
    for (now, code) in [
        (end - days(31), 0),
        (end - days(30), 4),
        (end + Duration::SECOND, 5),
    ] {
        let tree = TestTree::fixture("kubeadm-1.36/external-ca");
        // Keys do not matter here, and making keys of 3072 bits takes long.
        tree.pki_at(now, &["renew", "all", "--reuse-key"])
            .exits(code);
        // The rows of the other CAs are renewed.
        let json = tree.expiration(now);
        for row in json["certificates"].as_array().unwrap() {
            let fresh = row["residualTime"] == YEAR.whole_seconds();
            assert_eq!(fresh, row["caName"] == "etcd-ca", "{row}");
        }
    }
}

#[test]
fn a_cluster_that_was_switched_off_for_a_year_is_renewed() {
    let tree = TestTree::fixture("kubeadm-1.36/external-etcd");
    let now = made_at("kubeadm-1.36") + days(2 * 365);
    tree.pki_at(now, &["check-expiration"]).exits(5);
    renew_all(&tree, now, None).exits(0);
    tree.pki_at(now, &["check-expiration"]).exits(0);
}

#[test]
fn the_report_names_only_components_that_must_be_restarted() {
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let run = tree.pki(&["renew", "all"]).exits(0);
    for name in [
        "\n    crictl stopp $(crictl pods -q --namespace kube-system --name kube-controller-manager)\n",
        "\n    crictl stopp $(crictl pods -q --namespace kube-system --name kube-scheduler)\n",
        "\n    systemctl restart kubelet\n",
        "\nReplace the copies of admin.conf and super-admin.conf",
    ] {
        assert!(run.stdout.contains(name), "{name}: {run}");
    }
    assert!(!run.stdout.contains("--name kube-apiserver"), "{run}");
    assert!(!run.stdout.contains("--name etcd"), "{run}");
    tree.pki(&["renew", "apiserver", "etcd-server"])
        .exits(0)
        .prints("No restart is needed");
}

#[test]
fn a_kubelet_conf_that_points_at_the_rotated_certificate_is_left_to_the_kubelet() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let rotated = point_at_rotated_certificate(&tree);
    let before = tree.read("kubelet.conf");
    let now = made_at("kubeadm-1.36") + days(1);
    tree.pki_at(now, &["renew", "all"])
        .exits(0)
        .skips("kubelet.conf", "the kubelet renews its client certificate")
        .does_not_say("systemctl restart kubelet");
    assert!(tree.read("kubelet.conf") == before, "kubelet.conf changed");
    assert!(
        std::fs::read(tree.root().join(ROTATED)).unwrap() == rotated,
        "the kubelet's own file changed"
    );
    assert_eq!(openssl.count_renewed(&tree, now), 11);
    // Naming it is an error, and the other named rows are not renewed.
    tree.pki_at(now, &["renew", "kubelet.conf", "apiserver"])
        .exits(3)
        .says("cannot renew `kubelet.conf`")
        .says("the kubelet renews its client certificate")
        .changed_nothing();
}

#[test]
fn the_certificate_that_the_kubelet_rotates_is_in_the_check() {
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    point_at_rotated_certificate(&tree);
    let now = made_at("kubeadm-1.36");
    let residual = |now| {
        let json = tree.expiration(now);
        let rows = json["certificates"].as_array().unwrap();
        let kubelet = rows.iter().find(|row| row["name"] == "kubelet.conf");
        kubelet.unwrap()["residualTime"].as_i64().unwrap()
    };
    assert_eq!(residual(now), 7_775_949);
    assert_eq!(residual(now + days(100)), 7_775_949 - 100 * 86_400);
    tree.pki_at(now + days(100), &["check-expiration"])
        .exits(5)
        .says("kubelet.conf");
    // Without the file, the kubelet has no certificate.
    std::fs::remove_file(tree.root().join(ROTATED)).unwrap();
    tree.pki_at(now, &["check-expiration"])
        .exits(5)
        .prints("!MISSING! kubelet.conf");
}

#[test]
fn a_kubelet_conf_that_embeds_its_certificate_is_renewed_by_name() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let old = openssl.tree(&tree);
    let now = made_at("kubeadm-1.36") + days(1);
    tree.pki_at(now, &["renew", "kubelet.conf"])
        .exits(0)
        .prints("systemctl restart kubelet")
        .changed_files(&["kubelet.conf"]);
    assert_renewed(
        "kubelet.conf",
        &old["kubelet.conf"],
        &openssl.tree(&tree)["kubelet.conf"],
        now,
        YEAR,
    );
}

#[test]
fn without_a_configuration_old_organizations_are_kept() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.20/ha");
    let now = made_at("kubeadm-1.20") + days(1);
    tree.pki_at(now, &["renew", "all", "--reuse-key"])
        .exits(0)
        .says("no configuration is recorded or given");
    let new = openssl.tree(&tree);
    for name in OLD_MASTERS {
        assert!(
            new[name].subject.contains(":system:masters"),
            "{name}: {}",
            new[name].subject
        );
    }
}

#[test]
fn a_configuration_takes_the_old_organizations_away_and_the_report_says_so() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.20/stacked");
    let old = openssl.tree(&tree);
    // The same cluster as kubeadm 1.36 describes it.
    let config = config_of("kubeadm-1.36/stacked");
    let now = made_at("kubeadm-1.20") + days(1);

    let dry = tree
        .pki_at(now, &["renew", "all", "--dry-run", "--config", &config])
        .exits(0)
        .changed_nothing();
    let run = renew_all(&tree, now, Some(&config)).exits(0);

    let new = openssl.tree(&tree);
    for (name, old) in &old {
        let new = &new[name];
        let subject = match *name {
            "admin.conf" => {
                "CN=PRINTABLESTRING:kubernetes-admin,O=PRINTABLESTRING:kubeadm:cluster-admins"
            }
            "apiserver-kubelet-client" => "CN=PRINTABLESTRING:kube-apiserver-kubelet-client",
            "apiserver-etcd-client" => "CN=PRINTABLESTRING:kube-apiserver-etcd-client",
            "etcd-healthcheck-client" => "CN=PRINTABLESTRING:kube-etcd-healthcheck-client",
            _ => old.subject.as_str(),
        };
        assert_eq!(new.subject, subject, "{name}");
        assert_eq!(new.extensions.get(SAN), old.extensions.get(SAN), "{name}");
        assert_eq!(
            new.algorithm, old.algorithm,
            "{name}: the configuration names none"
        );
        assert_ne!(new.public_key, old.public_key, "{name}");
        let drifts = OLD_MASTERS.contains(name);
        let about = dry.facts(name);
        assert_eq!(about.len(), usize::from(drifts), "{name}: {dry}");
        if drifts {
            assert!(
                about[0].starts_with("O: system:masters -> "),
                "{name}: {about:?}"
            );
        }
    }
    let clients = "apiserver-kubelet-client, etcd-healthcheck-client, apiserver-etcd-client";
    let run = run.prints(&format!(
        "changes that follow from the configuration:\n    \
         {clients}\n        O: system:masters -> none\n    \
         admin.conf\n        O: system:masters -> kubeadm:cluster-admins\n"
    ));
    run.says("`pki template rbac`");
    // The dry run reports it too.
    for name in ["admin.conf", "apiserver-kubelet-client"] {
        let warning = format!("warning: `{name}`: no longer in group `system:masters`");
        assert!(dry.stderr.contains(&warning), "{dry}");
    }
    // The configuration is recorded now, and nothing differs from it.
    tree.pki_at(now, &["renew", "all", "--reuse-key"])
        .exits(0)
        .does_not_say("changes that follow");
}

/// The rows with the group `system:masters` in kubeadm 1.20.
const OLD_MASTERS: [&str; 4] = [
    "admin.conf",
    "apiserver-kubelet-client",
    "apiserver-etcd-client",
    "etcd-healthcheck-client",
];

const ROTATED: &str = "var/lib/kubelet/pki/kubelet-client-current.pem";

/// Makes kubelet.conf refer to the kubelet's rotated file, as after its bootstrap. Returns the bytes of that file.
fn point_at_rotated_certificate(tree: &TestTree) -> Vec<u8> {
    let mut pem = tree.embedded("kubelet.conf", "client-certificate-data");
    pem.extend(tree.embedded("kubelet.conf", "client-key-data"));
    tree.write(&format!("../../{ROTATED}"), &pem);
    let text: String = tree
        .text("kubelet.conf")
        .split_inclusive('\n')
        .map(|line| match line.trim_start().split_once("-data: ") {
            Some((field @ ("client-certificate" | "client-key"), _)) => {
                format!("    {field}: /{ROTATED}\n")
            }
            _ => line.to_owned(),
        })
        .collect();
    assert_eq!(text.matches(ROTATED).count(), 2);
    tree.write("kubelet.conf", text);
    pem
}

fn renew_all(tree: &TestTree, now: OffsetDateTime, config: Option<&str>) -> Run {
    let config = config.into_iter().flat_map(|path| ["--config", path]);
    let arguments: Vec<_> = ["renew", "all"].into_iter().chain(config).collect();
    tree.pki_at(now, &arguments)
}

/// Renews a whole tree a day after it was made, and compares the result with the old tree.
///
/// Returns `None` if openssl is not installed.
fn renews_all(fixture: &str, config: Option<&str>, validity: Duration) -> Option<Run> {
    let openssl = Openssl::find()?;
    let tree = TestTree::fixture(fixture);
    let now = made_at(fixture.split_once('/').unwrap().0) + days(1);
    let old = openssl.tree(&tree);
    let old_text = kubeconfigs(&tree);
    let run = renew_all(&tree, now, config).exits(0);

    let new = openssl.tree(&tree);
    assert_eq!(
        old.keys().collect::<Vec<_>>(),
        new.keys().collect::<Vec<_>>(),
        "{fixture}: nothing comes or goes"
    );
    for (name, old) in &old {
        assert_renewed(name, old, &new[name], now, validity);
        assert!(
            run.marked('~').contains(name),
            "{fixture}: {name} is not in the report: {run}"
        );
    }
    assert_verifies(&openssl, &tree, now);
    for (name, old) in old_text {
        assert_eq!(
            but_for_the_client(&old),
            but_for_the_client(&tree.text(name)),
            "{fixture}: {name}"
        );
    }

    // Only the leaves and kubeconfigs change.
    let rows: Vec<_> = old.keys().copied().collect();
    let run = run.changed_rows(&rows);
    for file in rows.iter().flat_map(|row| files_of(row)) {
        let mode = if file.ends_with(".crt") { 0o644 } else { 0o600 };
        assert_eq!(tree.mode(&file), mode, "{fixture}: {file}");
    }
    Some(run)
}

/// Checks that subject, names, usages and CA are the same, and that key, serial number and dates are new.
fn assert_renewed(
    name: &str,
    old: &CertificateFacts,
    new: &CertificateFacts,
    now: OffsetDateTime,
    validity: Duration,
) {
    assert_eq!(new.subject, old.subject, "{name}");
    assert_eq!(new.issuer, old.issuer, "{name}");
    assert_eq!(new.extensions.get(SAN), old.extensions.get(SAN), "{name}");
    assert_eq!(
        new.extensions.get(USAGES),
        old.extensions.get(USAGES),
        "{name}"
    );
    assert_eq!(new.algorithm, old.algorithm, "{name}");
    assert_ne!(new.public_key, old.public_key, "{name}");
    assert_ne!(new.serial, old.serial, "{name}");
    assert!(new.serial.len() >= 32, "{name}: 128 bits: {}", new.serial);
    assert_eq!(new.not_before, now - Duration::minutes(5), "{name}");
    assert_eq!(new.not_after, now + validity, "{name}");
    assert!(new.not_after > old.not_after, "{name}");
    let usage = if new.algorithm.starts_with("rsaEncryption") {
        "Digital Signature, Key Encipherment"
    } else {
        "Digital Signature"
    };
    assert_eq!(new.extensions[KEY_USAGE], usage, "{name}");
    assert_eq!(
        new.extensions["X509v3 Basic Constraints: critical"], "CA:FALSE",
        "{name}"
    );
    for extension in ["Subject", "Authority"] {
        let id = &new.extensions[&format!("X509v3 {extension} Key Identifier")];
        assert_eq!(id.split(':').count(), 20, "{name}: {id}");
    }
}

/// Checks that openssl accepts each certificate for its purpose, and that each key belongs to its certificate.
fn assert_verifies(openssl: &Openssl, tree: &TestTree, now: OffsetDateTime) {
    let mut keys = BTreeMap::new();
    for (name, base, ca) in LEAVES {
        if !tree.exists(&format!("pki/{base}.crt")) {
            continue;
        }
        let certificate = tree.read(&format!("pki/{base}.crt"));
        let ca = tree.path(&format!("pki/{ca}.crt"));
        let purposes: &[&str] = match name {
            "apiserver" => &["sslserver"],
            "etcd-server" | "etcd-peer" => &["sslserver", "sslclient"],
            _ => &["sslclient"],
        };
        for purpose in purposes {
            openssl
                .verify(&ca, &certificate, now, &["-purpose", purpose])
                .ok();
        }
        keys.insert(name, (certificate, tree.read(&format!("pki/{base}.key"))));
    }
    for name in KUBECONFIGS {
        if !tree.exists(name) {
            continue;
        }
        let certificate = tree.embedded(name, "client-certificate-data");
        openssl
            .verify(
                &tree.path("pki/ca.crt"),
                &certificate,
                now,
                &["-purpose", "sslclient"],
            )
            .ok();
        keys.insert(name, (certificate, tree.embedded(name, "client-key-data")));
    }
    for (name, (certificate, key)) in keys {
        assert_eq!(
            openssl.facts_of(certificate).public_key,
            openssl.public_half(key),
            "{name}"
        );
    }
}

fn kubeconfigs(tree: &TestTree) -> BTreeMap<&'static str, String> {
    tree.present(&KUBECONFIGS)
        .into_iter()
        .map(|name| (name, tree.text(name)))
        .collect()
}

/// Returns the lines of a kubeconfig without the values of the two lines that a renewal changes.
fn but_for_the_client(kubeconfig: &str) -> String {
    let line = |line: &str| match line.split_once("client-") {
        Some((indent, rest)) => format!("{indent}client-{}\n", rest.split_once(": ").unwrap().0),
        None => format!("{line}\n"),
    };
    let text: String = kubeconfig.lines().map(line).collect();
    assert_eq!(text.matches("client-").count(), 2);
    text
}

impl Openssl {
    /// Returns how many leaves and embedded certificates of the tree began five minutes before `now`.
    fn count_renewed(&self, tree: &TestTree, now: OffsetDateTime) -> usize {
        let leaves = LEAVES
            .iter()
            .map(|(_, base, _)| self.facts(&tree.path(&format!("pki/{base}.crt"))));
        let clients = KUBECONFIGS
            .iter()
            .filter(|name| **name != "kubelet.conf")
            .map(|name| self.facts_of(tree.embedded(name, "client-certificate-data")));
        leaves
            .chain(clients)
            .filter(|facts| facts.not_before == now - Duration::minutes(5))
            .count()
    }
}
