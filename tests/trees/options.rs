//! The options of a renewal, and what it keeps.

use crate::support::{
    CertificateFacts, EXTERNAL_ETCD, KEY_USAGE, NOW, Openssl, SAN, TestTree, USAGES, config_of,
    days, made_at,
    rows::{KUBECONFIGS, LEAVES, SIGNED},
};
use serde_json::Value;
use time::Duration;

const VERSION: &str = "kubeadm-1.36";

#[test]
fn with_reuse_key_every_key_stays_and_every_certificate_is_new() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for fixture in ["kubeadm-1.36/ha", "kubeadm-1.20/stacked"] {
        let tree = TestTree::fixture(fixture);
        let old = openssl.tree(&tree);
        let keys = |tree: &TestTree| {
            let leaves = LEAVES
                .iter()
                .map(|(_, base, _)| tree.read(&format!("pki/{base}.key")));
            let clients = tree
                .present(&KUBECONFIGS)
                .into_iter()
                .map(|name| tree.embedded(name, "client-key-data"));
            leaves.chain(clients).collect::<Vec<_>>()
        };
        let before = keys(&tree);
        tree.pki_at(made_at(VERSION) + days(1), &["renew", "all", "--reuse-key"])
            .exits(0);
        assert!(keys(&tree) == before, "{fixture}: a key is another one");
        for (name, new) in openssl.tree(&tree) {
            assert_eq!(new.public_key, old[name].public_key, "{fixture}: {name}");
            assert_ne!(new.serial, old[name].serial, "{fixture}: {name}");
            assert!(new.not_after > old[name].not_after, "{fixture}: {name}");
        }
    }
}

#[test]
fn a_key_that_does_not_belong_to_its_certificate_is_not_reused() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    tree.copy("pki/front-proxy-client.key", "pki/apiserver.key");
    tree.pki(&["renew", "apiserver", "--reuse-key"])
        .exits(3)
        .says("its key does not belong to it")
        .changed_nothing();
    // A new key repairs the pair.
    tree.pki(&["renew", "apiserver"]).exits(0);
    if let Some(openssl) = Openssl::find() {
        let certificate = openssl.facts(&tree.path("pki/apiserver.crt"));
        let key = tree.read("pki/apiserver.key");
        assert_eq!(certificate.public_key, openssl.public_half(key));
    }
}

#[test]
fn history_and_hints_show_a_period_as_it_was_typed() {
    let later = NOW + days(340);
    for period in ["720h", "30d", "719h60m"] {
        let tree = TestTree::new();
        tree.pki_at(later, &["check-expiration", "--warn", period])
            .exits(4)
            .says(&format!("`pki renew --due {period} "));
        tree.pki_at(later, &["renew", "--due", period]);
        tree.pki(&["history"])
            .prints(&format!("renew --due {period}"));
    }
}

#[test]
fn due_renews_what_expires_within_the_time_and_nothing_else() {
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let now = time::macros::datetime!(2027-02-10 00:00:00 UTC);
    // Everything expires on 2027-02-20, except these two rows.
    tree.pki_at(now, &["renew", "apiserver", "etcd-peer"])
        .exits(0);
    let fresh = [
        tree.read("pki/apiserver.crt"),
        tree.read("pki/etcd/peer.crt"),
    ];

    tree.pki_at(now, &["renew", "--due", "10d"])
        .exits(4)
        .prints("nothing to renew; nothing was written")
        .changed_nothing();

    let run = tree.pki_at(now, &["renew", "--due", "30d"]).exits(0);
    assert_eq!(
        [
            tree.read("pki/apiserver.crt"),
            tree.read("pki/etcd/peer.crt")
        ],
        fresh,
        "{run}"
    );
    for row in tree.expiration(now)["certificates"].as_array().unwrap() {
        assert_eq!(row["residualTime"], 8760 * 3600, "{row}");
    }

    tree.pki_at(now, &["renew", "--due", "30d"])
        .exits(0)
        .prints("nothing to renew; nothing was written")
        .changed_nothing();
}

#[test]
fn due_includes_rows_with_exactly_that_residual_time() {
    let tree = TestTree::new();
    let end = NOW + days(365);
    tree.pki_at(
        end - days(10) - Duration::SECOND,
        &["renew", "--due", "10d"],
    )
    .prints("nothing to renew")
    .changed_nothing();
    tree.pki_at(end - days(10), &["renew", "--due", "10d"])
        .exits(0)
        .changed_rows(&SIGNED);
}

#[test]
fn a_dry_run_of_a_renewal_reports_changes_and_writes_nothing() {
    for fixture in [
        "kubeadm-1.20/ha",
        "kubeadm-1.36/ha",
        "kubeadm-1.36/external-ca",
    ] {
        let tree = TestTree::fixture(fixture);
        let run = tree
            .pki_at(made_at(VERSION) + days(1), &["renew", "all", "--dry-run"])
            .exits(0)
            .prints("\ndry run: ")
            .prints("\n~ etcd-server ")
            .prints("2027-11-23 00:21")
            .changed_nothing();
        assert!(!tree.exists(".pki"), "{run}");
    }
}

#[test]
fn a_dry_run_of_init_reports_new_files_and_writes_nothing() {
    let tree = TestTree::empty();
    let run = tree.init(&["--dry-run"]).exits(0).changed_nothing();
    let made = run.marked('+');
    for name in ["ca", "front-proxy-ca", "etcd-ca", "sa"]
        .iter()
        .chain(&SIGNED)
    {
        assert!(made.contains(name), "{name}: {run}");
    }
}

/// kubeadm: TestRSAKeySizeFromAlgorithmType / empty
#[test]
fn the_algorithm_is_the_configurations_if_it_names_one() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.36/stacked");
    let names_none = config_of("kubeadm-1.36/stacked");
    let text = std::fs::read_to_string(&names_none).unwrap();
    let p256 = tree.beside(
        "p256.yaml",
        format!("{text}encryptionAlgorithm: ECDSA-P256\n"),
    );
    let algorithms = |wanted: &str| {
        for (name, facts) in openssl.tree(&tree) {
            assert_eq!(facts.algorithm, wanted, "{name}");
        }
    };
    algorithms("rsaEncryption (2048 bit)");
    tree.pki(&["renew", "all", "--config", &p256])
        .exits(0)
        .prints("algorithm: RSA-2048 -> ECDSA-P256");
    algorithms("id-ecPublicKey (256 bit)");
    // kubeadm would return to RSA-2048 here.
    tree.pki(&["renew", "all", "--config", &names_none])
        .exits(0);
    algorithms("id-ecPublicKey (256 bit)");
}

#[test]
fn without_a_configuration_each_algorithm_stays() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    // kubeadm 1.20 made ECDSA leaves and RSA kubeconfigs.
    let tree = TestTree::fixture("kubeadm-1.20/ha");
    tree.pki(&["renew", "all"]).exits(0);
    for (name, facts) in openssl.tree(&tree) {
        let wanted = if name.ends_with(".conf") {
            "rsaEncryption (2048 bit)"
        } else {
            "id-ecPublicKey (256 bit)"
        };
        assert_eq!(facts.algorithm, wanted, "{name}");
    }
}

#[test]
fn a_leaf_does_not_outlive_its_ca_and_a_warning_says_so() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let now = time::macros::datetime!(2031-06-01 00:00:00 UTC);
    let run = tree.pki_at(now, &["renew", "all"]).exits(0);
    for (name, facts) in openssl.tree(&tree) {
        assert_eq!(
            facts.not_after,
            time::macros::datetime!(2031-11-21 00:20:37 UTC),
            "{name}"
        );
        assert!(
            run.stderr
                .contains(&format!("warning: `{name}`: valid only until 2031-11-21")),
            "{name}: {run}"
        );
    }
}

/// kubeadm: TestCertToConfig
#[test]
fn all_contents_of_a_leaf_survive_its_renewal() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(&tree, "ca", SUBJECT, EXTENSIONS);
    tree.write("pki/apiserver-kubelet-client.crt", certificate);
    tree.write("pki/apiserver-kubelet-client.key", key);
    let path = tree.path("pki/apiserver-kubelet-client.crt");
    let old = openssl.facts(&path);
    tree.pki_at(
        made_at(VERSION) + days(1),
        &["renew", "apiserver-kubelet-client"],
    )
    .exits(0);
    let new = openssl.facts(&path);
    assert_ne!(new.serial, old.serial);
    assert_ne!(new.public_key, old.public_key);
    assert_odd_contents(&new);
    assert_eq!(new.subject, old.subject);
    for (name, value) in &old.extensions {
        let depends_on_the_key = name == "X509v3 Subject Key Identifier";
        assert!(
            depends_on_the_key || new.extensions.get(name) == Some(value),
            "{name}: {value} -> {:?}",
            new.extensions.get(name)
        );
    }
}

#[test]
fn all_contents_of_a_certificate_in_a_kubeconfig_survive_its_renewal() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(&tree, "ca", SUBJECT, EXTENSIONS);
    let old = openssl.facts_of(&certificate);
    tree.embed("admin.conf", "client-certificate-data", certificate);
    tree.embed("admin.conf", "client-key-data", key);
    tree.pki_at(made_at(VERSION) + days(1), &["renew", "all"])
        .exits(0);
    let new = openssl.facts_of(tree.embedded("admin.conf", "client-certificate-data"));
    assert_ne!(new.serial, old.serial);
    assert_eq!(new.subject, old.subject);
    assert_odd_contents(&new);
}

#[test]
fn a_configuration_does_not_change_what_it_does_not_declare() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(&tree, "ca", SUBJECT, EXTENSIONS);
    tree.write("pki/apiserver-kubelet-client.crt", certificate);
    tree.write("pki/apiserver-kubelet-client.key", key);
    let config = config_of(EXTERNAL_ETCD);
    tree.pki(&["renew", "apiserver-kubelet-client", "--config", &config])
        .exits(0)
        .prints("changes that follow from the configuration:");
    let new = openssl.facts(&tree.path("pki/apiserver-kubelet-client.crt"));
    assert_eq!(
        new.subject,
        "CN=PRINTABLESTRING:kube-apiserver-kubelet-client"
    );
    assert_eq!(new.extensions.get(SAN), None);
    assert_eq!(new.extensions[USAGES], "TLS Web Client Authentication");
    assert!(new.extensions.contains_key("1.2.3.4.5"), "{new:?}");
}

#[test]
fn every_field_of_a_kubeconfig_survives_in_its_order() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let data = |field| {
        let text = tree.text("admin.conf");
        let line = text.lines().find(|line| line.contains(field)).unwrap();
        line.trim().to_owned()
    };
    let [ca, certificate, key] = [
        "certificate-authority-data: ",
        "client-certificate-data: ",
        "client-key-data: ",
    ]
    .map(data);
    let server = tree.text("admin.conf");
    let server = server
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: "));
    let server = server.unwrap();
    // An unusual order, names that YAML reads as numbers or booleans, and fields that client-go does not know.
    let text = format!(
        "kind: Config\napiVersion: v1\npreferences: {{colors: true}}\ncurrent-context: \"007\"\nusers:\n\
         - name: \"yes\"\n  user: {{token: \"1_000\", as: someone, as-groups: [b, a]}}\n\
         - name: admin\n  user:\n    {key}\n    {certificate}\n    x-vendor: [1, 2.50, null, \"0x1f\"]\n\
         contexts:\n- name: other\n  context: {{cluster: far, user: \"yes\", namespace: kube-system}}\n\
         - context: {{user: admin, cluster: near, extensions: [{{name: e, extension: {{last: \"2026-01-01\"}}}}]}}\n  name: \"007\"\n\
         clusters:\n- name: far\n  cluster: {{server: \"https://far.example\", insecure-skip-tls-verify: true, proxy-url: \"http://p\"}}\n\
         - cluster: {{tls-server-name: kubernetes, server: \"{server}\", disable-compression: true, {ca}}}\n  name: near\n\
         x-note: |\n  two\n  lines\n"
    );
    tree.write("admin.conf", &text);
    tree.pki_at(made_at(VERSION) + days(1), &["renew", "admin.conf"])
        .exits(0);
    let after = tree.text("admin.conf");
    assert!(!after.contains(&certificate) && !after.contains(&key));
    assert_eq!(without_client(&after), without_client(&text));
}

/// kubeadm: TestWriteCertBundle
#[test]
fn a_kubeconfig_with_two_cas_keeps_both() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let bundle = [tree.text("pki/ca.crt"), tree.text("pki/front-proxy-ca.crt")].concat();
    tree.embed("admin.conf", "certificate-authority-data", &bundle);
    tree.pki(&["renew", "admin.conf"]).exits(0);
    let after = tree.embedded("admin.conf", "certificate-authority-data");
    assert_eq!(String::from_utf8(after).unwrap(), bundle);
}

#[test]
fn a_kubeconfig_gets_the_ca_of_its_tree_when_it_trusts_another_one() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let other = tree.read("pki/front-proxy-ca.crt");
    tree.embed("admin.conf", "certificate-authority-data", other);
    tree.pki(&["renew", "admin.conf"])
        .exits(0)
        .prints("    admin.conf\n        CA data: ")
        .prints("CA data: CN=front-proxy-ca");
    assert_eq!(
        tree.embedded("admin.conf", "certificate-authority-data"),
        tree.read("pki/ca.crt")
    );
}

#[test]
fn names_that_the_configuration_gained_or_lost_are_applied_and_reported() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let text = std::fs::read_to_string(config_of(EXTERNAL_ETCD)).unwrap();
    let changed = text.replace("lb.example.com", "new.example.com")
        + "apiServer: {certSANs: [198.51.100.7, \"*.example.org\"]}\n";
    let config = tree.beside("changed.yaml", changed);
    let renewal = ["renew", "apiserver", "--config", &config];
    for (arguments, changed) in [
        (&["--dry-run"][..], &[][..]),
        (&[], &["apiserver", "admin.conf", "super-admin.conf"]),
    ] {
        tree.pki(&[&renewal[..], arguments].concat())
            .exits(0)
            .prints("SANs removed: DNS:lb.example.com")
            .prints("SANs added: DNS:*.example.org, DNS:new.example.com, IP:198.51.100.7")
            .changed_rows(changed);
    }
    assert_eq!(
        openssl.facts(&tree.path("pki/apiserver.crt")).extensions[SAN],
        "DNS:*.example.org, DNS:cp1, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, \
         DNS:kubernetes.default.svc.cluster.local, DNS:new.example.com, IP Address:10.96.0.1, IP Address:192.168.10.21, \
         IP Address:198.51.100.7"
    );
}

#[test]
fn flags_of_a_renewal_replace_what_is_recorded_and_are_recorded() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::new();
    let renewal = [
        "renew",
        "apiserver",
        "--apiserver-cert-extra-sans",
        "new.example,198.51.100.7",
        "--certificate-validity-period",
        "4000h",
    ];
    for (arguments, changed) in [
        (&["--dry-run"][..], &[][..]),
        (&[], &["apiserver", "configuration"]),
    ] {
        let run = tree
            .pki(&[&renewal[..], arguments].concat())
            .exits(0)
            .says("note: the configuration changes: certificateValidityPeriod: `8760h` -> `4000h`")
            .says("note: the configuration changes: apiServer.certSANs: ")
            .says("expires on 2027-05-07, earlier than the old one on 2027-11-22")
            .prints("validity: 8760h -> 4000h");
        assert_eq!(run.files_changed().is_empty(), changed.is_empty(), "{run}");
    }
    tree.pki(&["config", "show"])
        .prints("new.example, 198.51.100.7")
        .prints("4000h");
    let facts = openssl.facts(&tree.path("pki/apiserver.crt"));
    assert!(facts.extensions[SAN].contains("DNS:new.example"));
    // What was recorded before is replaced, as kubeadm's flag does.
    assert!(!facts.extensions[SAN].contains("apps.example.net"));
}

/// Nothing is known to which the flag could be added.
#[test]
fn flags_of_a_renewal_need_a_configuration() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    let flag = ["--certificate-validity-period", "4000h"];
    tree.pki(&[&["renew", "apiserver"], &flag[..]].concat())
        .exits(3)
        .says("hint: give `--config`")
        .changed_nothing();
    let config = config_of(EXTERNAL_ETCD);
    tree.pki(&[&["renew", "apiserver", "--config", &config], &flag[..]].concat())
        .exits(0);
    tree.pki(&["config", "show"]).prints("4000h");
}

#[test]
fn the_ledger_marks_what_a_file_of_the_tree_holds() {
    let tree = TestTree::new();
    tree.pki(&["renew", "scheduler.conf"]).exits(0);
    let run = tree
        .pki(&["ledger"])
        .exits(0)
        .says("copies elsewhere, such as kubeconfigs of users, are not known");
    let marked = |name: &str| {
        let named = run.stdout.lines().filter(|line| line.contains(name));
        named.count()
    };
    // The old one; the command of the new one has the name, too.
    assert_eq!(marked("  scheduler.conf "), 1, "{run}");
    assert_eq!(marked("  scheduler.conf* "), 1, "{run}");
    assert_eq!(marked("  admin.conf* "), 1, "{run}");
    tree.pki(&["ledger", "-o", "json"])
        .prints("\"inUse\": false")
        .prints("\"inUse\": true")
        .says_nothing();
}

#[test]
fn stricter_modes_and_the_groups_read_permission_are_kept() {
    let tree = TestTree::fixture(EXTERNAL_ETCD);
    tree.chmod("pki/apiserver.crt", 0o600);
    tree.chmod("pki/apiserver.key", 0o400);
    tree.chmod("pki/front-proxy-client.key", 0o644);
    tree.chmod("admin.conf", 0o640);
    let run = tree.pki(&["renew", "all"]).exits(0);
    let modes = [
        "pki/apiserver.crt",
        "pki/apiserver.key",
        "pki/front-proxy-client.key",
        "admin.conf",
        "scheduler.conf",
    ]
    .map(|file| tree.mode(file));
    assert_eq!(modes, [0o600, 0o400, 0o640, 0o640, 0o600], "{run}");
    run.prints("front-proxy-client.key: mode 0644 -> 0640")
        .does_not_say("admin.conf: mode");
}

#[test]
fn a_new_certificate_has_at_least_the_configured_period() {
    let tree = TestTree::fixture("kubeadm-1.36/ha");
    let config = config_of("kubeadm-1.36/ha");
    let now = made_at(VERSION) + days(3);
    tree.pki_at(now, &["renew", "all", "--config", &config])
        .exits(0);
    for row in tree.expiration(now)["certificates"].as_array().unwrap() {
        assert_eq!(
            row["residualTime"],
            Duration::hours(2160).whole_seconds(),
            "{row}"
        );
    }
}

/// A subject with several O values, a multi-valued RDN, attributes that kubeadm does not use, and text that is not ASCII.
const SUBJECT: &str =
    "/C=DE/O=first/O=system:masters+OU=Bereich Süd/L=Köln/CN=kube-apiserver-kubelet-client";

/// All kinds of names, a usage and two extensions that kubeadm would lose, and an additional key usage.
const EXTENSIONS: &str = "\
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature,nonRepudiation
extendedKeyUsage=clientAuth,1.3.6.1.4.1.311.20.2.2
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
certificatePolicies=2.16.840.1.101.3.2.1.48.1
1.2.3.4.5=DER:0C:05:68:65:6C:6C:6F
subjectAltName=URI:spiffe://cluster.example/node/cp1,email:ops@example.org,DNS:cp1.example,IP:192.0.2.11,RID:1.2.3.4
";

fn assert_odd_contents(facts: &CertificateFacts) {
    assert_eq!(
        facts.subject,
        "CN=UTF8STRING:kube-apiserver-kubelet-client,L=UTF8STRING:K\\C3\\B6ln,\
         O=UTF8STRING:system:masters+OU=UTF8STRING:Bereich S\\C3\\BCd,O=UTF8STRING:first,C=PRINTABLESTRING:DE"
    );
    for (name, value) in [
        (KEY_USAGE, "Digital Signature, Non Repudiation"),
        (
            USAGES,
            "TLS Web Client Authentication, Microsoft Smartcard Login",
        ),
        (
            SAN,
            "URI:spiffe://cluster.example/node/cp1, email:ops@example.org, DNS:cp1.example, IP Address:192.0.2.11, \
             Registered ID:1.2.3.4",
        ),
        (
            "X509v3 Certificate Policies",
            "Policy: 2.16.840.1.101.3.2.1.48.1",
        ),
        ("1.2.3.4.5", "..hello"),
    ] {
        assert_eq!(
            facts.extensions.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
}

/// Returns a kubeconfig as JSON with its keys in order, without the values that a renewal changes.
fn without_client(kubeconfig: &str) -> String {
    let mut value: Value = serde_saphyr::from_str(kubeconfig).unwrap();
    let user = &mut value["users"][1]["user"];
    for field in ["client-certificate-data", "client-key-data"] {
        assert!(user[field].is_string(), "{field}");
        user[field] = Value::Null;
    }
    serde_json::to_string_pretty(&value).unwrap()
}

#[test]
fn no_renewal_is_advised_that_would_be_due_at_once() {
    let tree = TestTree::new();
    let period = ["renew", "apiserver", "--certificate-validity-period", "24h"];
    let run = tree.pki(&period).exits(4);
    assert!(!run.stderr.contains("run `pki renew"), "{run}");
    run.says("the configured validity period is shorter than the warning time");
}
