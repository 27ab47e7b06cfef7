//! What is read, what is kept, and what is never shown.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

/// A kubeconfig with everything that client-go accepts and `pki` does not know, in an order of its own.
const RICH: &str = "\
kind: Config
apiVersion: v1
preferences: {colors: true}
users:
- name: other
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token, args: [a, '007', 'no'], interactiveMode: Never}
- name: node
  user:
    client-key-data: b2xkIGtleQ==
    client-certificate-data: b2xk
    as: someone
current-context: main
contexts:
- name: main
  context: {user: node, cluster: here, namespace: kube-system}
- context: {cluster: there, user: other}
  name: second
clusters:
- name: there
  cluster: {server: 'https://[2001:db8::1]:6443', insecure-skip-tls-verify: true}
- cluster:
    proxy-url: http://proxy.example:3128
    tls-server-name: api.example
    certificate-authority-data: b2xk
    server: https://10.0.0.1:6443
  name: here
extensions:
- name: note
  extension: {version: 1.10, build: 0755, size: 1_000}
";

fn value(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn renewing_changes_two_fields_and_keeps_the_order_of_all() {
    let mut kubeconfig = Kubeconfig::parse(RICH.as_bytes()).unwrap();
    kubeconfig.set_client("new", Some("new key"));
    let after = kubeconfig.to_yaml().unwrap();
    let expected = RICH
        .replace("b2xkIGtleQ==", "bmV3IGtleQ==")
        .replacen("b2xk", "bmV3", 1);
    assert_eq!(value(&after)["users"], value(&expected)["users"]);
    assert_eq!(value(&after)["clusters"], value(RICH)["clusters"]);
    let keys = |text: &str| {
        value(text)
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&after), keys(RICH));
}

#[test]
fn text_that_looks_like_a_number_or_a_boolean_stays_text() {
    let kubeconfig = Kubeconfig {
        text: None,
        ..Kubeconfig::parse(RICH.as_bytes()).unwrap()
    };
    let text = kubeconfig.to_yaml().unwrap();
    for word in ["\"007\"", "\"no\"", "0755", "1_000"] {
        let plain = word.trim_matches('"');
        assert!(text.contains(plain), "{word} is gone: {}", text.as_str());
    }
    let args = &value(&text)["users"][0]["user"]["exec"]["args"];
    assert_eq!(*args, json!(["a", "007", "no"]));
}

#[test]
fn only_the_current_contexts_cluster_is_given_another_ca() {
    let mut kubeconfig = Kubeconfig::parse(RICH.as_bytes()).unwrap();
    kubeconfig.set_ca("ca");
    let after = value(&kubeconfig.to_yaml().unwrap());
    assert_eq!(
        after["clusters"][1]["cluster"]["certificate-authority-data"],
        "Y2E="
    );
    assert_eq!(after["clusters"][0], value(RICH)["clusters"][0]);
    assert_eq!(kubeconfig.server(), Some("https://10.0.0.1:6443"));
}

#[test]
fn a_new_one_is_laid_out_as_client_go_writes_it() {
    let new = KubeconfigContents {
        cluster: "prod",
        server: "https://10.0.0.1:6443",
        ca: Some("ca"),
        user: "kubernetes-admin",
        credentials: NewCredentials::Certificate {
            certificate: "certificate",
            key: "key",
        },
    };
    insta::assert_snapshot!(Kubeconfig::new(&new).to_yaml().unwrap().as_str(), @r"
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: Y2E=
            server: https://10.0.0.1:6443
          name: prod
        contexts:
        - context:
            cluster: prod
            user: kubernetes-admin
          name: kubernetes-admin@prod
        current-context: kubernetes-admin@prod
        kind: Config
        users:
        - name: kubernetes-admin
          user:
            client-certificate-data: Y2VydGlmaWNhdGU=
            client-key-data: a2V5
        ");
}

#[test]
fn errors_name_the_path_of_the_field() {
    let cases = [
        ("", "the file is empty"),
        ("kind: Config\n", "current-context: it is missing"),
        ("{}", "current-context: it is missing"),
        (
            "apiVersion: v2\nkind: Config\n",
            "apiVersion: it is `v2`, want `v1`",
        ),
        (
            "apiVersion: v1\nkind: Config\n",
            "current-context: it is missing",
        ),
        (
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: {}\n",
            "contexts: it is not a list",
        ),
        (
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: []\n",
            "current-context: there is no `a` in contexts",
        ),
        (
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a}]\n",
            "contexts[0].context: it is missing",
        ),
        (
            "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {}}, {name: c, cluster: {}}]\n",
            "clusters: there are several entries named `c`",
        ),
    ];
    for (text, expected) in cases {
        let error = Kubeconfig::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

/// client-go reads with the last one.
#[test]
fn the_last_of_two_equal_keys_counts() {
    let twice = RICH.replace("kind: Config", "kind: Other\nkind: Config");
    let kubeconfig = Kubeconfig::parse(twice.as_bytes()).unwrap();
    assert_eq!(kubeconfig.server(), Some("https://10.0.0.1:6443"));
}

/// client-go fills both in.
#[test]
fn version_and_kind_may_be_missing() {
    let text = RICH
        .replace("kind: Config\n", "")
        .replace("apiVersion: v1\n", "");
    assert!(Kubeconfig::parse(text.as_bytes()).is_ok());
}

#[test]
fn a_changed_file_keeps_comments_quotes_and_words() {
    let text = RICH
        .replace("    as: someone\n", "    as: 'someone' # not me\n")
        .replace("namespace: kube-system", "namespace: n")
        .replace(
            "insecure-skip-tls-verify: true",
            "insecure-skip-tls-verify: on",
        );
    for (from, to) in [
        (
            "client-certificate-data: b2xk",
            "client-certificate-data: bmV3",
        ),
        (
            "client-certificate-data: b2xk",
            "client-certificate-data: \"b2xk\"",
        ),
        (
            "client-certificate-data: b2xk",
            "client-certificate-data: 'b2xk' # old",
        ),
        (
            "client-certificate-data: b2xk",
            "client-certificate-data:   b2xk   # old",
        ),
    ] {
        let text = text.replace(from, to);
        let mut kubeconfig = Kubeconfig::parse(text.as_bytes()).unwrap();
        kubeconfig.set_client("newer", Some("newer key"));
        kubeconfig.set_ca("another");
        kubeconfig.set_server("https://10.0.0.2:6443");
        assert!(!kubeconfig.loses_comments(), "{to}");
        let after = kubeconfig.to_yaml().unwrap();
        let lines = |text: &str| -> Vec<String> {
            let is_changed = |line: &&str| line.contains("-data:") || line.contains("server:");
            text.lines()
                .filter(|line| !is_changed(line))
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(lines(&after), lines(&text));
        let document = value(&after);
        let user = &document["users"][1]["user"];
        assert_eq!(user["client-certificate-data"], "bmV3ZXI=");
        assert_eq!(user["client-key-data"], "bmV3ZXIga2V5");
        assert_eq!(
            document["clusters"][1]["cluster"]["certificate-authority-data"],
            "YW5vdGhlcg=="
        );
        assert_eq!(
            document["clusters"][1]["cluster"]["server"],
            "https://10.0.0.2:6443"
        );
    }
}

/// A block scalar, or a certificate that two users share by an alias.
#[test]
fn a_document_that_cannot_be_edited_is_written_as_a_whole() {
    for text in [
        RICH.replace(
            "client-key-data: b2xkIGtleQ==",
            "client-key-data: |\n      b2xkIGtleQ==",
        ),
        RICH.replace("preferences: {colors: true}", "preferences: &shared b2xk")
            .replace("client-key-data: b2xkIGtleQ==", "client-key-data: *shared"),
    ] {
        let mut kubeconfig = Kubeconfig::parse(text.as_bytes()).unwrap();
        kubeconfig.set_client("new", Some("new key"));
        let after = Kubeconfig::parse(kubeconfig.to_yaml().unwrap().as_bytes()).unwrap();
        assert_eq!(after, kubeconfig);
        assert!(matches!(
            after.credentials().unwrap(),
            Credentials::Embedded { certificate, key } if certificate == b"new" && *key == b"new key"
        ));
        assert_eq!(
            value(&after.to_yaml().unwrap())["clusters"],
            value(RICH)["clusters"]
        );
    }
}

#[test]
fn a_key_that_was_pasted_anywhere_is_not_shown() {
    let pem =
        "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIJm0a4eWdu1x\n-----END EC PRIVATE KEY-----\n";
    let base64 = encode(pem.repeat(2).as_bytes());
    let der = "MHcCAQEEIJm0a4eWdu1xZb5lHcBqkoS6m8nOe0eNzYH1mOYCQpKgoAoGCCqGSM49AwEHoUQDQgAE";
    for key in [base64.as_str(), der] {
        for field in [
            "kind: Config",
            "apiVersion: v1",
            "current-context: main",
            "name: main",
            "user: node",
            "cluster: here",
            "server: https://10.0.0.1:6443",
            "name: here",
            "name: node",
            "client-certificate-data: b2xk",
            "certificate-authority-data: b2xk",
        ] {
            let (name, _) = field.split_once(": ").unwrap();
            let text = RICH.replace(field, &format!("{name}: {key}"));
            assert_ne!(text, RICH, "{field}");
            let said = match Kubeconfig::parse(text.as_bytes()) {
                Err(error) => error.to_string(),
                Ok(kubeconfig) => format!(
                    "{kubeconfig:?} {:?} {:?} {:?}",
                    kubeconfig.cluster_name(),
                    kubeconfig.ca().map(|_| ()),
                    kubeconfig.credentials()
                ),
            };
            let secret = &key[12..28];
            assert!(!said.contains(secret), "{field}: {said}");
        }
        let files = RICH
            .replace("client-key-data: b2xkIGtleQ==", "client-key: /a")
            .replace(
                "client-certificate-data: b2xk",
                &format!("client-certificate: {key}"),
            )
            .replace(
                "certificate-authority-data: b2xk",
                &format!("certificate-authority: {key}"),
            );
        let kubeconfig = Kubeconfig::parse(files.as_bytes()).unwrap();
        assert!(kubeconfig.credentials().is_err() && kubeconfig.ca().is_err());
    }
}

#[test]
fn half_a_pair_and_bad_base64_are_errors_and_a_token_is_not() {
    let client = |user: &str| {
        let text = RICH.replace(
            "    client-key-data: b2xkIGtleQ==\n    client-certificate-data: b2xk\n",
            user,
        );
        Kubeconfig::parse(text.as_bytes()).unwrap().credentials()
    };
    let path = "users[1].user";
    let error = client("    client-certificate-data: b2xk\n")
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!("{path}.client-key-data: it is missing beside client-certificate-data")
    );
    let error = client("    client-certificate-data: '%'\n    client-key-data: b2xk\n")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("{path}.client-certificate-data: it is not base64")),
        "{error}"
    );
    assert!(matches!(
        client("    token: abc\n").unwrap(),
        Credentials::NoCertificate
    ));
    let files = client("    client-certificate: /a/b.pem\n    client-key: /a/b.pem\n").unwrap();
    assert!(
        matches!(files, Credentials::CertificateFiles { certificate } if certificate == "/a/b.pem")
    );
    let wrapped =
        client("    client-certificate-data: |\n      b2\n      xk\n    client-key-data: b2xk\n")
            .unwrap();
    assert!(matches!(wrapped, Credentials::Embedded { certificate, .. } if certificate == b"old"));
}

#[test]
fn debug_output_shows_no_key() {
    let kubeconfig = Kubeconfig::parse(RICH.as_bytes()).unwrap();
    let text = format!("{kubeconfig:?} {:?}", kubeconfig.credentials().unwrap());
    assert_eq!(
        text,
        "Kubeconfig(https://10.0.0.1:6443, elided) Embedded(elided)"
    );
}

proptest! {
    /// Whatever a field we do not know holds, writing and reading gives it back.
    #[test]
    fn an_unknown_field_survives_whatever_it_holds(text in any::<String>(), number in any::<i64>(), flag in any::<bool>()) {
        let mut document = value(RICH);
        document["extensions"] = json!([{"name": text, "extension": [text, number, flag, null, {text.clone(): text}]}]);
        let kubeconfig = Kubeconfig { text: None, document: document.clone(), cluster: 1, user: 1 };
        let again = Kubeconfig::parse(kubeconfig.to_yaml().unwrap().as_bytes()).unwrap();
        prop_assert_eq!(again.document, document);
    }
}
