//! Kubeconfigs.

use std::io;

use pki::kubeconfig::{Credentials, Kubeconfig};

use crate::{Seed, assert_printable, files, fixtures, has_extension, odd};

const CERTIFICATE: &str = "another certificate";
const KEY: &str = "another key";

pub(crate) fn check(data: &[u8]) {
    let kubeconfig = match Kubeconfig::parse(data) {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => return assert_printable(error),
    };
    assert_reads_back(&kubeconfig);
    if let Err(error) = kubeconfig.ca() {
        assert_printable(error);
    }
    if let Err(error) = kubeconfig.credentials() {
        assert_printable(error);
    }
    let (server, ca_file) = (kubeconfig.server(), kubeconfig.ca_file());

    // What renewal does; the bytes need not be PEM.
    let mut renewed = kubeconfig.clone();
    renewed.set_client(CERTIFICATE, Some(KEY));
    assert_reads_back(&renewed);
    assert!((renewed.server(), renewed.ca_file()) == (server, ca_file));
    match renewed.credentials() {
        Ok(Credentials::Embedded { certificate, key }) => {
            assert!(certificate == CERTIFICATE.as_bytes() && *key == KEY.as_bytes());
        }
        // A user without an entry of its own has nowhere to put them.
        _ => assert!(renewed == kubeconfig, "the credentials are half replaced"),
    }
    let mut once = renewed.clone();
    once.set_client(CERTIFICATE, None);
    assert!(once == renewed);
    renewed.set_ca("another CA");
    assert_reads_back(&renewed);
    assert!(renewed.server() == server);
}

/// The text holds keys, so that it must not be shown.
#[track_caller]
fn assert_reads_back(kubeconfig: &Kubeconfig) {
    let text = kubeconfig.to_yaml().unwrap();
    let again = Kubeconfig::parse(text.as_bytes()).expect("what is written can be read");
    assert!(again == *kubeconfig, "it reads back as another");
    assert!(again.to_yaml().unwrap() == text);
}

pub(crate) fn seeds() -> io::Result<Vec<Seed>> {
    let mut seeds = files(&fixtures(), &|path| has_extension(path, "conf"))?;
    let minimal = |field: &str, value: &str| {
        SMALL.replace(&format!("{field}: x"), &format!("{field}: {value}"))
    };
    let odd_ones = [
        SMALL,
        &minimal("server", "'https://[::1]:6443'"),
        &minimal("server", "1.10"),
        &minimal("token", "0x1f"),
        &minimal("token", "!!binary eA=="),
        &minimal("token", "\"\\u0000\\e\\x85\\u2028\\ud83d\\ude00\""),
        &minimal("token", "|2+\n      a\n\n     b\n"),
        &minimal("token", ">-\n     a\n     b\n\n     c\n"),
        &minimal(
            "token",
            "{client-certificate: /a, ? b : [~, true, -0.0, 1e999]}",
        ),
        "",
        "kind: Config\napiVersion: v1\n",
        RICH,
        // Two users of a name, and references that lead nowhere.
        &RICH.replace("name: other", "name: node"),
        &RICH.replace("current-context: main", "current-context: ''"),
        &RICH.replace("b2xk", "b2x k\n"),
        "{\"apiVersion\": \"v1\", \"kind\": \"Config\", \"current-context\": \"\", \"contexts\": [{\"name\": \"\", \"context\": {\"cluster\": \"\", \"user\": \"\"}}], \"clusters\": [{\"name\": \"\", \"cluster\": {}}], \"users\": [{\"name\": \"\", \"user\": null}]}",
        "a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: [*b, *b, *b, *b, *b, *b, *b, *b]\n",
        &"[".repeat(4000),
        &"a: {".repeat(4000),
        &"- ".repeat(4000),
        &format!("{RICH}big: {}\n", "x".repeat(40_000)),
    ];
    seeds.extend(odd(odd_ones));
    Ok(seeds)
}

/// As little as there can be.
const SMALL: &str = "\
apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: x}}]
users:
- name: a
  user:
    token: x
";

/// What client-go accepts and `pki` does not know, in an order of its own, with words that readers of YAML disagree on.
const RICH: &str = "\
kind: Config
apiVersion: v1
preferences: {colors: true}
users:
- name: other
  user:
    exec: {apiVersion: client.authentication.k8s.io/v1, command: get-token, args: [a, '007', 'no', 1.10, 0755, 1_000, 0x1f, ~, .inf, -0.0]}
- name: node
  user:
    client-key-data: b2xkIGtleQ==
    client-certificate-data: b2xk
    as: someone
current-context: main
contexts:
- name: main
  context: {user: node, cluster: here, namespace: kube-system}
clusters:
- name: here
  cluster:
    proxy-url: http://proxy.example:3128
    certificate-authority-data: b2xk
    server: https://10.0.0.1:6443
extensions:
- name: note
  extension: |
    line
      indented

    last
";
