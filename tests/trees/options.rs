//! How a renewal is asked for, and what it keeps.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use time::Duration;

use super::{
    openssl::{KEY_USAGE, Openssl, SAN, USAGES},
    sandbox::{EXTERNAL_ETCD, Ended, KUBECONFIGS, LEAVES, Sandbox, config_of, days, made_at},
};

const VERSION: &str = "kubeadm-1.36";

#[test]
fn with_reuse_key_every_key_stays_and_every_certificate_is_new() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    for tree in ["kubeadm-1.36/ha", "kubeadm-1.20/stacked"] {
        let sandbox = Sandbox::fixture(tree);
        let old = openssl.tree(&sandbox);
        let keys = |sandbox: &Sandbox| {
            let leaves = LEAVES
                .iter()
                .map(|(_, base, _)| sandbox.read(&format!("pki/{base}.key")));
            let clients = sandbox
                .present(&KUBECONFIGS)
                .into_iter()
                .map(|name| sandbox.embedded(name, "client-key-data"));
            leaves.chain(clients).collect::<Vec<_>>()
        };
        let before = keys(&sandbox);
        sandbox
            .pki_at(made_at(VERSION) + days(1), &["renew", "all", "--reuse-key"])
            .ended_with(0);
        assert!(keys(&sandbox) == before, "{tree}: a key is another one");
        for (name, new) in openssl.tree(&sandbox) {
            assert_eq!(new.public_key, old[name].public_key, "{tree}: {name}");
            assert_ne!(new.serial, old[name].serial, "{tree}: {name}");
            assert!(new.not_after > old[name].not_after, "{tree}: {name}");
        }
    }
}

#[test]
fn a_key_that_does_not_belong_to_its_certificate_is_not_reused() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    sandbox.copy("pki/front-proxy-client.key", "pki/apiserver.key");
    let before = sandbox.snapshot();
    sandbox
        .pki(&["renew", "apiserver", "--reuse-key"])
        .ended_with(3)
        .says("its key does not belong to it");
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
    // With a new key the pair is mended.
    sandbox.pki(&["renew", "apiserver"]).ended_with(0);
    if let Some(openssl) = Openssl::find() {
        let certificate = openssl.facts(&sandbox.path("pki/apiserver.crt"));
        let key = sandbox.read("pki/apiserver.key");
        assert_eq!(certificate.public_key, openssl.public_half(key));
    }
}

#[test]
fn due_renews_what_expires_within_the_time_and_nothing_else() {
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let now = time::macros::datetime!(2027-02-10 00:00:00 UTC);
    // Everything ends on 2027-02-20; these two no longer do.
    sandbox
        .pki_at(now, &["renew", "apiserver", "etcd-peer"])
        .ended_with(4);
    let fresh = [
        sandbox.read("pki/apiserver.crt"),
        sandbox.read("pki/etcd/peer.crt"),
    ];

    let before = sandbox.snapshot();
    sandbox
        .pki_at(now, &["renew", "--due", "10d"])
        .ended_with(4)
        .says("nothing is due; nothing was written");
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);

    let run = sandbox
        .pki_at(now, &["renew", "--due", "30d"])
        .ended_with(0);
    assert_eq!(
        [
            sandbox.read("pki/apiserver.crt"),
            sandbox.read("pki/etcd/peer.crt")
        ],
        fresh,
        "{run}"
    );
    for row in sandbox.expiration(now)["certificates"].as_array().unwrap() {
        assert_eq!(row["residualTime"], 8760 * 3600, "{row}");
    }

    let after = sandbox.snapshot();
    sandbox
        .pki_at(now, &["renew", "--due", "30d"])
        .ended_with(0)
        .says("nothing is due; nothing was written");
    assert_eq!(after.changes(&sandbox.snapshot()), [""; 0]);
}

#[test]
fn a_dry_run_of_a_renewal_says_what_would_change_and_writes_nothing() {
    for tree in [
        "kubeadm-1.20/ha",
        "kubeadm-1.36/ha",
        "kubeadm-1.36/external-ca",
    ] {
        let sandbox = Sandbox::fixture(tree);
        let before = sandbox.snapshot();
        let run = sandbox
            .pki_at(made_at(VERSION) + days(1), &["renew", "all", "--dry-run"])
            .ended_with(0)
            .says("dry run: nothing was written")
            .says("renew etcd-server")
            .says("-> 2027-11-23T00:21:28Z");
        assert_eq!(before.changes(&sandbox.snapshot()), [""; 0], "{run}");
        assert!(!sandbox.exists(".pki"), "{run}");
    }
}

#[test]
fn a_dry_run_of_init_says_what_would_be_made_and_writes_nothing() {
    let sandbox = Sandbox::empty();
    let before = sandbox.snapshot();
    let run = sandbox.init(&["--dry-run"]).ended_with(0);
    let names = LEAVES.map(|(name, ..)| name);
    for name in ["ca", "front-proxy-ca", "etcd-ca", "sa"]
        .iter()
        .chain(&names)
        .chain(&KUBECONFIGS)
    {
        assert!(
            run.stdout
                .lines()
                .any(|line| line == format!("make {name}")),
            "{name}: {run}"
        );
    }
    assert_eq!(before.changes(&sandbox.snapshot()), [""; 0], "{run}");
}

#[test]
fn the_algorithm_is_the_configurations_if_it_names_one() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture("kubeadm-1.36/stacked");
    let names_none = config_of("kubeadm-1.36/stacked");
    let text = std::fs::read_to_string(&names_none).unwrap();
    let p256 = sandbox.beside(
        "p256.yaml",
        format!("{text}encryptionAlgorithm: ECDSA-P256\n"),
    );
    let algorithms = |wanted: &str| {
        for (name, facts) in openssl.tree(&sandbox) {
            assert_eq!(facts.algorithm, wanted, "{name}");
        }
    };
    algorithms("rsaEncryption (2048 bit)");
    sandbox
        .pki(&["renew", "all", "--config", &p256])
        .ended_with(0)
        .says("algorithm: RSA-2048 -> ECDSA-P256");
    algorithms("id-ecPublicKey (256 bit)");
    // kubeadm would go back to RSA-2048 here.
    sandbox
        .pki(&["renew", "all", "--config", &names_none])
        .ended_with(0);
    algorithms("id-ecPublicKey (256 bit)");
}

#[test]
fn without_a_configuration_each_algorithm_stays() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    // kubeadm 1.20 made ECDSA leaves beside RSA kubeconfigs.
    let sandbox = Sandbox::fixture("kubeadm-1.20/ha");
    sandbox.pki(&["renew", "all"]).ended_with(0);
    for (name, facts) in openssl.tree(&sandbox) {
        let wanted = if name.ends_with(".conf") {
            "rsaEncryption (2048 bit)"
        } else {
            "id-ecPublicKey (256 bit)"
        };
        assert_eq!(facts.algorithm, wanted, "{name}");
    }
}

#[test]
fn a_leaf_ends_with_its_ca_at_the_latest_and_a_warning_says_so() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let now = time::macros::datetime!(2031-06-01 00:00:00 UTC);
    let run = sandbox.pki_at(now, &["renew", "all"]).ended_with(0);
    for (name, facts) in openssl.tree(&sandbox) {
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

#[test]
fn everything_that_a_leaf_says_survives_its_renewal() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(&sandbox, "ca", SUBJECT, EXTENSIONS);
    sandbox.write("pki/apiserver-kubelet-client.crt", certificate);
    sandbox.write("pki/apiserver-kubelet-client.key", key);
    let path = sandbox.path("pki/apiserver-kubelet-client.crt");
    let old = openssl.facts(&path);
    sandbox
        .pki_at(
            made_at(VERSION) + days(1),
            &["renew", "apiserver-kubelet-client"],
        )
        .ended_with(0);
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
fn everything_that_a_kubeconfigs_certificate_says_survives_its_renewal() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(&sandbox, "ca", SUBJECT, EXTENSIONS);
    let old = openssl.facts_of(&certificate);
    sandbox.embed("admin.conf", "client-certificate-data", certificate);
    sandbox.embed("admin.conf", "client-key-data", key);
    sandbox
        .pki_at(made_at(VERSION) + days(1), &["renew", "all"])
        .ended_with(0);
    let new = openssl.facts_of(sandbox.embedded("admin.conf", "client-certificate-data"));
    assert_ne!(new.serial, old.serial);
    assert_eq!(new.subject, old.subject);
    assert_odd_contents(&new);
}

#[test]
fn a_configuration_leaves_alone_what_it_says_nothing_about() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let (certificate, key) = openssl.leaf(&sandbox, "ca", SUBJECT, EXTENSIONS);
    sandbox.write("pki/apiserver-kubelet-client.crt", certificate);
    sandbox.write("pki/apiserver-kubelet-client.key", key);
    let config = config_of(EXTERNAL_ETCD);
    sandbox
        .pki(&["renew", "apiserver-kubelet-client", "--config", &config])
        .ended_with(0)
        .says("the old certificates differed from the configuration");
    let new = openssl.facts(&sandbox.path("pki/apiserver-kubelet-client.crt"));
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
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let data = |field| {
        let text = sandbox.text("admin.conf");
        let line = text.lines().find(|line| line.contains(field)).unwrap();
        line.trim().to_owned()
    };
    let [ca, certificate, key] = [
        "certificate-authority-data: ",
        "client-certificate-data: ",
        "client-key-data: ",
    ]
    .map(data);
    // The order of no program; names that YAML would take for numbers or truth values; fields that client-go does not know.
    let text = format!(
        "kind: Config\napiVersion: v1\npreferences: {{colors: true}}\ncurrent-context: \"007\"\nusers:\n\
         - name: \"yes\"\n  user: {{token: \"1_000\", as: someone, as-groups: [b, a]}}\n\
         - name: admin\n  user:\n    {key}\n    {certificate}\n    x-vendor: [1, 2.50, null, \"0x1f\"]\n\
         contexts:\n- name: other\n  context: {{cluster: far, user: \"yes\", namespace: kube-system}}\n\
         - context: {{user: admin, cluster: near, extensions: [{{name: e, extension: {{last: \"2026-01-01\"}}}}]}}\n  name: \"007\"\n\
         clusters:\n- name: far\n  cluster: {{server: \"https://far.example\", insecure-skip-tls-verify: true, proxy-url: \"http://p\"}}\n\
         - cluster: {{tls-server-name: api, server: \"https://lb.example.com:6443\", disable-compression: true, {ca}}}\n  name: near\n\
         x-note: |\n  two\n  lines\n"
    );
    sandbox.write("admin.conf", &text);
    sandbox
        .pki_at(made_at(VERSION) + days(1), &["renew", "admin.conf"])
        .ended_with(0);
    let after = sandbox.text("admin.conf");
    assert!(!after.contains(&certificate) && !after.contains(&key));
    assert_eq!(without_client(&after), without_client(&text));
}

#[test]
fn a_bundle_of_two_cas_in_a_kubeconfig_stays_two() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let bundle = [
        sandbox.text("pki/ca.crt"),
        sandbox.text("pki/front-proxy-ca.crt"),
    ]
    .concat();
    sandbox.embed("admin.conf", "certificate-authority-data", &bundle);
    sandbox.pki(&["renew", "admin.conf"]).ended_with(0);
    let after = sandbox.embedded("admin.conf", "certificate-authority-data");
    assert_eq!(String::from_utf8(after).unwrap(), bundle);
}

#[test]
fn a_kubeconfig_gets_the_ca_of_its_tree_when_it_trusts_another_one() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let other = sandbox.read("pki/front-proxy-ca.crt");
    sandbox.embed("admin.conf", "certificate-authority-data", other);
    sandbox
        .pki(&["renew", "admin.conf"])
        .ended_with(0)
        .says("    admin.conf\n        CA data: ")
        .says("CA data: CN=front-proxy-ca");
    assert_eq!(
        sandbox.embedded("admin.conf", "certificate-authority-data"),
        sandbox.read("pki/ca.crt")
    );
}

#[test]
fn names_that_the_configuration_gained_or_lost_are_applied_and_reported() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let text = std::fs::read_to_string(config_of(EXTERNAL_ETCD)).unwrap();
    let changed = text.replace("lb.example.com", "new.example.com")
        + "apiServer: {certSANs: [198.51.100.7, \"*.example.org\"]}\n";
    let config = sandbox.beside("changed.yaml", changed);
    let before = sandbox.snapshot();
    for arguments in [&["--dry-run"][..], &[]] {
        sandbox
            .pki(&[&["renew", "apiserver", "--config", &config], arguments].concat())
            .ended_with(0)
            .says("SANs removed: DNS:lb.example.com")
            .says("SANs added: DNS:*.example.org, DNS:new.example.com, IP:198.51.100.7");
        if !arguments.is_empty() {
            assert_eq!(before.changes(&sandbox.snapshot()), [""; 0]);
        }
    }
    assert_eq!(
        openssl.facts(&sandbox.path("pki/apiserver.crt")).extensions[SAN],
        "DNS:*.example.org, DNS:cp1, DNS:kubernetes, DNS:kubernetes.default, DNS:kubernetes.default.svc, \
         DNS:kubernetes.default.svc.cluster.local, DNS:new.example.com, IP Address:10.96.0.1, IP Address:192.168.10.21, \
         IP Address:198.51.100.7"
    );
}

#[test]
fn stricter_modes_stay_and_looser_ones_are_tightened() {
    let sandbox = Sandbox::fixture(EXTERNAL_ETCD);
    let set = |file: &str, mode: u32| {
        std::fs::set_permissions(sandbox.path(file), std::fs::Permissions::from_mode(mode))
            .unwrap();
    };
    set("pki/apiserver.crt", 0o600);
    set("pki/apiserver.key", 0o400);
    set("pki/front-proxy-client.key", 0o644);
    set("admin.conf", 0o640);
    let run = sandbox.pki(&["renew", "all"]).ended_with(0);
    let modes = [
        "pki/apiserver.crt",
        "pki/apiserver.key",
        "pki/front-proxy-client.key",
        "admin.conf",
        "scheduler.conf",
    ]
    .map(|file| sandbox.mode(file));
    assert_eq!(modes, [0o600, 0o400, 0o600, 0o600, 0o600], "{run}");
    run.says("front-proxy-client.key: others could read it")
        .says("admin.conf: others could read it");
}

#[test]
fn a_renewal_never_shortens_what_is_left_to_less_than_the_configured_period() {
    let sandbox = Sandbox::fixture("kubeadm-1.36/ha");
    let config = config_of("kubeadm-1.36/ha");
    let now = made_at(VERSION) + days(3);
    sandbox
        .pki_at(now, &["renew", "all", "--config", &config])
        .ended_with(0);
    for row in sandbox.expiration(now)["certificates"].as_array().unwrap() {
        assert_eq!(
            row["residualTime"],
            Duration::hours(2160).whole_seconds(),
            "{row}"
        );
    }
}

/// Several O values, a multi-valued RDN, attributes beyond kubeadm's, and text beyond ASCII.
const SUBJECT: &str =
    "/C=DE/O=first/O=system:masters+OU=Bereich Süd/L=Köln/CN=kube-apiserver-kubelet-client";

/// Every kind of name, a usage and two extensions that kubeadm would lose, and one key usage more.
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

fn assert_odd_contents(facts: &super::openssl::Facts) {
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

/// Returns a kubeconfig as JSON text, keys in their order, with the values that a renewal changes left out.
fn without_client(kubeconfig: &str) -> String {
    let mut value: Value = serde_saphyr::from_str(kubeconfig).unwrap();
    let user = &mut value["users"][1]["user"];
    for field in ["client-certificate-data", "client-key-data"] {
        assert!(user[field].is_string(), "{field}");
        user[field] = Value::Null;
    }
    serde_json::to_string_pretty(&value).unwrap()
}
