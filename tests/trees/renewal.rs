//! `renew all` on kubeadm's trees: each certificate says what the old one said, with a new key, and nothing else changes.

use std::collections::{BTreeMap, BTreeSet};

use time::{Duration, OffsetDateTime};

use super::{
    openssl::{Facts, KEY_USAGE, Openssl, SAN, USAGES},
    sandbox::{AUTHORITIES, Ended, KUBECONFIGS, LEAVES, Sandbox, config_of, days, made_at},
};
use crate::support::Run;

const YEAR: Duration = Duration::hours(8760);

/// What an external CA signs.
const BY_EXTERNAL_CA: [&str; 8] = [
    "apiserver",
    "apiserver-kubelet-client",
    "front-proxy-client",
    "admin.conf",
    "super-admin.conf",
    "kubelet.conf",
    "controller-manager.conf",
    "scheduler.conf",
];

#[test]
fn stacked_tree_of_1_20_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.20/stacked", None, YEAR);
}

#[test]
fn ha_tree_of_1_20_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.20/ha", None, YEAR);
}

#[test]
fn external_etcd_tree_of_1_20_keeps_what_its_certificates_say() {
    renews_all("kubeadm-1.20/external-etcd", None, YEAR);
}

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
fn the_configuration_a_tree_was_made_from_changes_nothing_but_dates_and_keys() {
    for (tree, validity) in [
        ("kubeadm-1.36/ha", Duration::hours(2160)),
        ("kubeadm-1.36/external-etcd", YEAR),
    ] {
        let Some(run) = renews_all(tree, Some(&config_of(tree)), validity) else {
            return;
        };
        run.does_not_say("differed from the configuration")
            .does_not_say("warning");
    }
}

#[test]
fn what_an_external_ca_signs_is_left_out_by_name_and_the_rest_is_renewed() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture("kubeadm-1.36/external-ca");
    let (old, before) = (openssl.tree(&sandbox), sandbox.snapshot());
    let now = made_at("kubeadm-1.36") + days(1);
    let config = config_of("kubeadm-1.36/external-ca");
    let dry = sandbox
        .pki_at(now, &["renew", "all", "--dry-run"])
        .ended_with(0);
    let run = renew_all(&sandbox, now, Some(&config)).ended_with(0);
    for name in BY_EXTERNAL_CA {
        let ca = if name == "front-proxy-client" {
            "front-proxy-ca"
        } else {
            "ca"
        };
        for (run, verb) in [(&dry, "skip"), (&run, "not renewed:")] {
            let wanted = format!("{verb} {name}: its CA `{ca}` is external");
            assert!(
                run.stdout.lines().any(|line| line.starts_with(&wanted)),
                "{name}: {run}"
            );
        }
    }
    let new = openssl.tree(&sandbox);
    for (name, old) in &old {
        if BY_EXTERNAL_CA.contains(name) {
            assert_eq!(&new[name], old, "{name}");
        } else {
            assert_renewed(name, old, &new[name], now, YEAR);
        }
    }
    let etcd = [
        "apiserver-etcd-client",
        "etcd/healthcheck-client",
        "etcd/peer",
        "etcd/server",
    ];
    let wanted: BTreeSet<_> = etcd
        .iter()
        .flat_map(|base| ["crt", "key"].map(|end| format!("etc/kubernetes/pki/{base}.{end}")))
        .collect();
    assert_eq!(
        changed_files(&before.file_changes(&sandbox.snapshot())),
        wanted
    );
}

#[test]
fn the_exit_code_tells_of_rows_that_only_an_external_ca_can_renew() {
    let end = time::macros::datetime!(2027-11-22 00:20:38 UTC);
    for (now, code) in [
        (end - days(31), 0),
        (end - days(30), 4),
        (end + Duration::SECOND, 5),
    ] {
        let sandbox = Sandbox::fixture("kubeadm-1.36/external-ca");
        // The keys do not matter here, and new ones of 3072 bits take long.
        sandbox
            .pki_at(now, &["renew", "all", "--reuse-key"])
            .ended_with(code);
        // Those that are ours to renew are renewed all the same.
        let json = sandbox.expiration(now);
        for row in json["certificates"].as_array().unwrap() {
            let fresh = row["residualTime"] == YEAR.whole_seconds();
            assert_eq!(fresh, row["caName"] == "etcd-ca", "{row}");
        }
    }
}

#[test]
fn a_cluster_that_was_switched_off_for_a_year_is_renewed() {
    let sandbox = Sandbox::fixture("kubeadm-1.36/external-etcd");
    let now = made_at("kubeadm-1.36") + days(2 * 365);
    sandbox.pki_at(now, &["check-expiration"]).ended_with(5);
    renew_all(&sandbox, now, None).ended_with(0);
    sandbox.pki_at(now, &["check-expiration"]).ended_with(0);
}

#[test]
fn the_report_names_what_has_to_be_restarted_and_nothing_that_reloads_by_itself() {
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let run = sandbox.pki(&["renew", "all"]).ended_with(0);
    for name in [
        "kubelet: systemctl restart kubelet",
        "manifests/kube-controller-manager.yaml",
        "manifests/kube-scheduler.yaml",
        "admin.conf: distribute it again",
        "super-admin.conf: distribute it again",
    ] {
        assert!(run.stdout.contains(name), "{name}: {run}");
    }
    assert!(!run.stdout.contains("kube-apiserver.yaml"), "{run}");
    assert!(!run.stdout.contains("manifests/etcd.yaml"), "{run}");
    let run = sandbox
        .pki(&["renew", "apiserver", "etcd-server"])
        .ended_with(0);
    assert!(run.stdout.contains("nothing has to be restarted"), "{run}");
}

#[test]
fn a_kubelet_conf_that_points_at_the_rotated_certificate_is_left_to_the_kubelet() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let rotated = point_at_rotated_certificate(&sandbox);
    let before = sandbox.read("kubelet.conf");
    let now = made_at("kubeadm-1.36") + days(1);
    let run = sandbox.pki_at(now, &["renew", "all"]).ended_with(0);
    assert!(
        run.stdout.contains(
            "not renewed: kubelet.conf: it points at a certificate that the kubelet renews by itself"
        ),
        "{run}"
    );
    assert!(!run.stdout.contains("systemctl restart kubelet"), "{run}");
    assert!(
        sandbox.read("kubelet.conf") == before,
        "kubelet.conf changed"
    );
    assert!(
        std::fs::read(sandbox.root().join(ROTATED)).unwrap() == rotated,
        "the kubelet's own file changed"
    );
    assert_eq!(openssl.count_renewed(&sandbox, now), 11);
    // By name it is an error, and the others named with it stay as they are.
    super::sandbox::refused_untouched_at(
        &sandbox,
        now,
        &["renew", "kubelet.conf", "apiserver"],
        &[
            "cannot renew `kubelet.conf`",
            "the kubelet renews by itself",
        ],
    );
}

#[test]
fn the_certificate_that_the_kubelet_rotates_is_in_the_check() {
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    point_at_rotated_certificate(&sandbox);
    let now = made_at("kubeadm-1.36");
    let residual = |now| {
        let json = sandbox.expiration(now);
        let rows = json["certificates"].as_array().unwrap();
        let kubelet = rows.iter().find(|row| row["name"] == "kubelet.conf");
        kubelet.unwrap()["residualTime"].as_i64().unwrap()
    };
    assert_eq!(residual(now), 7_775_949);
    assert_eq!(residual(now + days(100)), 7_775_949 - 100 * 86_400);
    sandbox
        .pki_at(now + days(100), &["check-expiration"])
        .ended_with(5)
        .says("kubelet.conf");
    // Without the file there is nothing that the kubelet could present.
    std::fs::remove_file(sandbox.root().join(ROTATED)).unwrap();
    sandbox
        .pki_at(now, &["check-expiration"])
        .ended_with(5)
        .says("!MISSING! kubelet.conf");
}

#[test]
fn a_kubelet_conf_that_embeds_its_certificate_is_renewed_by_name() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let (old, before) = (openssl.tree(&sandbox), sandbox.snapshot());
    let now = made_at("kubeadm-1.36") + days(1);
    sandbox
        .pki_at(now, &["renew", "kubelet.conf"])
        .ended_with(0)
        .says("systemctl restart kubelet");
    assert_renewed(
        "kubelet.conf",
        &old["kubelet.conf"],
        &openssl.tree(&sandbox)["kubelet.conf"],
        now,
        YEAR,
    );
    assert_eq!(
        changed_files(&before.file_changes(&sandbox.snapshot())),
        BTreeSet::from(["etc/kubernetes/kubelet.conf".to_owned()])
    );
}

#[test]
fn without_a_configuration_old_organizations_are_kept() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture("kubeadm-1.20/ha");
    let now = made_at("kubeadm-1.20") + days(1);
    sandbox
        .pki_at(now, &["renew", "all", "--reuse-key"])
        .ended_with(0)
        .says("no configuration is recorded or given");
    let new = openssl.tree(&sandbox);
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
    let sandbox = Sandbox::fixture("kubeadm-1.20/stacked");
    let old = openssl.tree(&sandbox);
    // The same cluster as kubeadm 1.36 describes it.
    let config = config_of("kubeadm-1.36/stacked");
    let now = made_at("kubeadm-1.20") + days(1);

    let before = sandbox.snapshot();
    let dry = sandbox
        .pki_at(now, &["renew", "all", "--dry-run", "--config", &config])
        .ended_with(0);
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
    let run = renew_all(&sandbox, now, Some(&config)).ended_with(0);

    let new = openssl.tree(&sandbox);
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
        let about: Vec<_> = dry
            .stdout
            .lines()
            .skip_while(|line| *line != format!("renew {name}"))
            .skip(1)
            .take_while(|line| line.starts_with("    "))
            .filter(|line| line.contains("(as configured now)"))
            .collect();
        assert_eq!(about.len(), usize::from(drifts), "{name}: {dry}");
        if drifts {
            assert!(
                about[0].starts_with("    O: system:masters -> "),
                "{name}: {about:?}"
            );
        }
    }
    let clients = "apiserver-kubelet-client, etcd-healthcheck-client, apiserver-etcd-client";
    let run = run.says(&format!(
        "the old certificates differed from the configuration, which now applies:\n    \
         {clients}\n        O: system:masters -> none\n    \
         admin.conf\n        O: system:masters -> kubeadm:cluster-admins\n"
    ));
    run.says("`pki template rbac`");
    // Before it is done, too.
    for name in ["admin.conf", "apiserver-kubelet-client"] {
        let warning = format!("warning: `{name}`: it leaves the group `system:masters`");
        assert!(dry.stderr.contains(&warning), "{dry}");
    }
    // From now on the configuration is known, and nothing differs from it.
    sandbox
        .pki_at(now, &["renew", "all", "--reuse-key"])
        .ended_with(0)
        .does_not_say("differed from the configuration");
}

/// What carried `system:masters` in 1.20.
const OLD_MASTERS: [&str; 4] = [
    "admin.conf",
    "apiserver-kubelet-client",
    "apiserver-etcd-client",
    "etcd-healthcheck-client",
];

const ROTATED: &str = "var/lib/kubelet/pki/kubelet-client-current.pem";

/// Makes kubelet.conf what it is after the kubelet's bootstrap: two references to one file. Returns that file's bytes.
fn point_at_rotated_certificate(sandbox: &Sandbox) -> Vec<u8> {
    let mut pem = sandbox.embedded("kubelet.conf", "client-certificate-data");
    pem.extend(sandbox.embedded("kubelet.conf", "client-key-data"));
    sandbox.write(&format!("../../{ROTATED}"), &pem);
    let text: String = sandbox
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
    sandbox.write("kubelet.conf", text);
    pem
}

fn renew_all(sandbox: &Sandbox, now: OffsetDateTime, config: Option<&str>) -> Run {
    let config = config.into_iter().flat_map(|path| ["--config", path]);
    let arguments: Vec<_> = ["renew", "all"].into_iter().chain(config).collect();
    sandbox.pki_at(now, &arguments)
}

/// Renews a whole tree a day after it was made, and judges the result against what was there before.
///
/// Returns none where openssl is not installed.
fn renews_all(tree: &str, config: Option<&str>, validity: Duration) -> Option<Run> {
    let openssl = Openssl::find()?;
    let sandbox = Sandbox::fixture(tree);
    let now = made_at(tree.split_once('/').unwrap().0) + days(1);
    let (old, before) = (openssl.tree(&sandbox), sandbox.snapshot());
    let old_text = kubeconfigs(&sandbox);
    let run = renew_all(&sandbox, now, config).ended_with(0);

    let new = openssl.tree(&sandbox);
    assert_eq!(
        old.keys().collect::<Vec<_>>(),
        new.keys().collect::<Vec<_>>(),
        "{tree}: nothing comes or goes"
    );
    for (name, old) in &old {
        assert_renewed(name, old, &new[name], now, validity);
        assert!(
            run.stdout
                .lines()
                .any(|line| line.split_whitespace().next() == Some(name)),
            "{tree}: {name} is not in the report: {run}"
        );
    }
    assert_verifies(&openssl, &sandbox, now);
    for (name, old) in old_text {
        assert_eq!(
            but_for_the_client(&old),
            but_for_the_client(&sandbox.text(name)),
            "{tree}: {name}"
        );
    }

    // Nothing but the leaves and kubeconfigs; the state directory aside.
    let leaves = LEAVES
        .iter()
        .filter(|(name, ..)| old.contains_key(name))
        .flat_map(|(_, base, _)| ["crt", "key"].map(|end| format!("pki/{base}.{end}")));
    let clients = KUBECONFIGS
        .iter()
        .filter(|name| old.contains_key(*name))
        .map(|name| (*name).to_owned());
    let wanted: BTreeSet<_> = leaves
        .chain(clients)
        .map(|file| format!("etc/kubernetes/{file}"))
        .collect();
    let changes = before.file_changes(&sandbox.snapshot());
    assert_eq!(changed_files(&changes), wanted, "{tree}");
    for file in AUTHORITIES {
        assert!(
            !wanted.contains(&format!("etc/kubernetes/{file}")),
            "{file}"
        );
    }
    for file in &wanted {
        let file = file.strip_prefix("etc/kubernetes/").unwrap();
        let mode = if file.ends_with(".crt") { 0o644 } else { 0o600 };
        assert_eq!(sandbox.mode(file), mode, "{tree}: {file}");
    }
    Some(run)
}

/// The same subject, names and usages from the same CA; another key of the same kind, another serial, and new dates.
fn assert_renewed(name: &str, old: &Facts, new: &Facts, now: OffsetDateTime, validity: Duration) {
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

/// openssl accepts each certificate for what it is for, and each key is the one of its certificate.
fn assert_verifies(openssl: &Openssl, sandbox: &Sandbox, now: OffsetDateTime) {
    let mut keys = BTreeMap::new();
    for (name, base, ca) in LEAVES {
        if !sandbox.exists(&format!("pki/{base}.crt")) {
            continue;
        }
        let certificate = sandbox.read(&format!("pki/{base}.crt"));
        let ca = sandbox.path(&format!("pki/{ca}.crt"));
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
        keys.insert(
            name,
            (certificate, sandbox.read(&format!("pki/{base}.key"))),
        );
    }
    for name in KUBECONFIGS {
        if !sandbox.exists(name) {
            continue;
        }
        let certificate = sandbox.embedded(name, "client-certificate-data");
        openssl
            .verify(
                &sandbox.path("pki/ca.crt"),
                &certificate,
                now,
                &["-purpose", "sslclient"],
            )
            .ok();
        keys.insert(
            name,
            (certificate, sandbox.embedded(name, "client-key-data")),
        );
    }
    for (name, (certificate, key)) in keys {
        assert_eq!(
            openssl.facts_of(certificate).public_key,
            openssl.public_half(key),
            "{name}"
        );
    }
}

fn kubeconfigs(sandbox: &Sandbox) -> BTreeMap<&'static str, String> {
    sandbox
        .present(&KUBECONFIGS)
        .into_iter()
        .map(|name| (name, sandbox.text(name)))
        .collect()
}

/// Returns every line but the two that a renewal changes; what stands before their values is kept.
fn but_for_the_client(kubeconfig: &str) -> String {
    let line = |line: &str| match line.split_once("client-") {
        Some((indent, rest)) => format!("{indent}client-{}\n", rest.split_once(": ").unwrap().0),
        None => format!("{line}\n"),
    };
    let text: String = kubeconfig.lines().map(line).collect();
    assert_eq!(text.matches("client-").count(), 2);
    text
}

/// Returns the paths in a list of changes, without pki's own state.
fn changed_files(changes: &[String]) -> BTreeSet<String> {
    changes
        .iter()
        .map(|change| change.rsplit_once(": ").unwrap().0.to_owned())
        .filter(|path| !path.starts_with("etc/kubernetes/.pki/"))
        .collect()
}

impl Openssl {
    /// Returns how many leaves and embedded certificates of the tree began five minutes before `now`.
    fn count_renewed(&self, sandbox: &Sandbox, now: OffsetDateTime) -> usize {
        let leaves = LEAVES
            .iter()
            .map(|(_, base, _)| self.facts(&sandbox.path(&format!("pki/{base}.crt"))));
        let clients = KUBECONFIGS
            .iter()
            .filter(|name| **name != "kubelet.conf")
            .map(|name| self.facts_of(sandbox.embedded(name, "client-certificate-data")));
        leaves
            .chain(clients)
            .filter(|facts| facts.not_before == now - Duration::minutes(5))
            .count()
    }
}
