//! Damaged and unusual kubeconfigs. A kubeconfig that cannot be read is never overwritten.

use x509_cert::der::Tag;

use super::{certificates::STEERS, judged};
use crate::support::{
    CA, COMMON_NAME,
    End::{NotAfter, NotBefore},
    NOW, ORGANIZATION, Tbs, TestTree, days, utc_time,
};

const ADMIN: &str = "admin.conf";
const CERTIFICATE: &str = "client-certificate-data";
const KEY: &str = "client-key-data";
const TRUST: &str = "certificate-authority-data";

/// Replaces every line that holds this field, indentation and all.
fn set(t: &TestTree, field: &str, line: &str) {
    t.edit(ADMIN, |text| {
        assert!(text.contains(&format!("{field}:")), "{field}");
        let replace = |old: &str| match old.trim_start().starts_with(&format!("{field}:")) {
            true if line.is_empty() => String::new(),
            true => format!("{}{line}\n", &old[..old.len() - old.trim_start().len()]),
            false => format!("{old}\n"),
        };
        text.lines().map(replace).collect()
    });
}

fn field(t: &TestTree, file: &str, field: &str) -> String {
    let text = t.text(file);
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with(field))
        .unwrap();
    line.trim_start().to_owned()
}

fn replace(t: &TestTree, from: &str, to: &str) {
    t.edit(ADMIN, |text| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
}

/// Changes the server of the kubeconfig.
fn server(t: &TestTree, url: &str) {
    set(t, "server", &format!("server: {url}"));
}

/// Gives the user other credentials: the lines of its entry.
fn credentials(t: &TestTree, lines: &str) {
    set(t, CERTIFICATE, lines);
    set(t, KEY, "");
}

/// Moves the user's certificate and key into files, and has the kubeconfig name them.
fn unpack(t: &TestTree, named: &str) {
    for (name, data) in [("admin.crt", CERTIFICATE), ("admin.key", KEY)] {
        t.write(name, t.embedded(ADMIN, data));
        t.chmod(name, 0o600);
    }
    set(t, CERTIFICATE, &format!("client-certificate: {named}.crt"));
    set(t, KEY, &format!("client-key: {named}.key"));
}

/// Has the cluster's CA sign another certificate for the administrator's key.
fn sign(t: &TestTree, ca: &str, extensions: &str) {
    t.write("x.key", t.embedded(ADMIN, KEY));
    let subject = "/O=kubeadm:cluster-admins/CN=kubernetes-admin";
    let signed = t.signed_by(&format!("pki/{ca}"), "x.key", subject, extensions, &[]);
    t.embed(ADMIN, CERTIFICATE, signed);
    t.remove("x.key");
}

/// Replaces fields of the client certificate.
fn forge(t: &TestTree, change: impl FnOnce(&mut Tbs)) {
    let old = String::from_utf8(t.embedded(ADMIN, CERTIFICATE)).unwrap();
    t.embed(ADMIN, CERTIFICATE, t.forged(&old, "ca", change));
}

/// Encodes the point of a certificate's P-256 key in the hybrid form (X9.62 section 4.3.6), which OpenSSL reads and Go does not.
fn with_hybrid_point(certificate: &str) -> String {
    const BEFORE: &[u8] = b"\x03\x42\x00\x04";
    let mut der = pem::parse(certificate).unwrap().into_contents();
    let form = BEFORE.len() - 1
        + der
            .windows(BEFORE.len())
            .position(|window| window == BEFORE)
            .unwrap();
    der[form] = 0x06 | (der[form + 64] & 1);
    pem::encode(&pem::Pem::new("CERTIFICATE", der))
}

/// Appends certificates to the client's.
fn append_certificates(t: &TestTree, certificates: &str) {
    let own = String::from_utf8(t.embedded(ADMIN, CERTIFICATE)).unwrap();
    t.embed(ADMIN, CERTIFICATE, own + certificates);
}

/// Writes the same as JSON.
fn as_json(t: &TestTree) {
    let value: serde_json::Value = serde_saphyr::from_str(&t.text(ADMIN)).unwrap();
    t.write(ADMIN, serde_json::to_string_pretty(&value).unwrap());
}

/// A second user, cluster and context, which nothing uses.
const OTHERS: [(&str, &str); 3] = [
    (
        "clusters:\n",
        "clusters:\n- cluster: {server: 'https://other.example:6443', insecure-skip-tls-verify: true}\n  name: other\n",
    ),
    (
        "contexts:\n",
        "contexts:\n- context: {cluster: other, user: other}\n  name: other\n",
    ),
    (
        "users:\n",
        "users:\n- name: other\n  user: {token: not-our-token, client-certificate-data: '****'}\n",
    ),
];

/// It is renewed, and all other fields are kept.
fn several_contexts(t: &TestTree) {
    for (from, to) in OTHERS {
        replace(t, from, to);
    }
}

judged! {
    // The file.
    no_bytes: |t| t.write(ADMIN, "") => ["admin.conf: file.invalid: `admin.conf`: the file is empty", "init refuses", "renew all fails for admin.conf"];
    only_comments: |t| t.write(ADMIN, "# nothing\n---\n") => ["admin.conf: file.invalid: `admin.conf`: current-context: it is missing", "init refuses", "renew all fails for admin.conf"];
    not_yaml: |t| t.write(ADMIN, "{{{{") => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: unclosed bracket '{' at line 1, column 4", "init refuses", "renew all fails for admin.conf"];
    not_utf8: |t| t.write(ADMIN, b"\xff\xfe\x00") => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: it is not UTF-8", "init refuses", "renew all fails for admin.conf"];
    utf_16: |t| t.edit_bytes(ADMIN, |bytes| [b"\xff\xfe", &bytes.iter().flat_map(|&byte| [byte, 0]).collect::<Vec<_>>()[..]].concat()) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: it is not UTF-8", "init refuses", "renew all fails for admin.conf"];
    nul_bytes: |t| t.edit(ADMIN, |text| text.replacen('\n', "\n\0", 2)) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: unexpected character: `\\u{0}' at line 2, column 1", "init refuses", "renew all fails for admin.conf"];
    byte_order_mark: |t| t.edit(ADMIN, |text| format!("\u{feff}{text}")) => [];
    tabs: |t| t.edit(ADMIN, |text| text.replace("    ", "\t")) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: tabs disallowed within this context (block indentation) at line 4, column 2", "init refuses", "renew all fails for admin.conf"];
    a_list: |t| t.write(ADMIN, "- a\n") => ["admin.conf: file.invalid: `admin.conf`: current-context: it is missing", "init refuses", "renew all fails for admin.conf"];
    a_word: |t| t.write(ADMIN, "kubeconfig\n") => ["admin.conf: file.invalid: `admin.conf`: current-context: it is missing", "init refuses", "renew all fails for admin.conf"];
    a_certificate: |t| t.copy("pki/apiserver.crt", ADMIN) => ["admin.conf: file.invalid: `admin.conf`: current-context: it is missing", "init refuses", "renew all fails for admin.conf"];
    a_private_key: |t| t.copy("pki/apiserver.key", ADMIN) => ["admin.conf: file.invalid: `admin.conf`: current-context: it is missing", "init refuses", "renew all fails for admin.conf"];
    a_page_of_html: |t| t.write(ADMIN, "<!DOCTYPE html>\n<title>401: Unauthorized</title>\n") => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: mapping values are not allowed in this context at line 2, column 11", "init refuses", "renew all fails for admin.conf"];
    nested_without_end: |t| t.write(ADMIN, format!("a: {}", "[".repeat(20_000))) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: recursion limit exceeded at line 1, column 259", "init refuses", "renew all fails for admin.conf"];
    nested_to_the_end: |t| t.edit(ADMIN, |text| format!("{text}deep: {}{}\n", "[".repeat(20_000), "]".repeat(20_000))) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: recursion limit exceeded at line 19, column 262", "init refuses", "renew all fails for admin.conf"];
    nested_in_lines: |t| t.edit(ADMIN, |text| (0..1000).fold(text, |text, depth| format!("{text}{}a:\n", " ".repeat(depth)))) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: it is nested too deeply, or has too many aliases", "init refuses", "renew all fails for admin.conf"];
    a_bomb_of_aliases: |t| {
        let line = |(from, to): (u8, u8)| format!("{}: &{} [{}]\n", to as char, to as char, vec![format!("*{}", from as char); 9].join(", "));
        let bomb: String = (b'a'..=b'y').zip(b'b'..=b'z').map(line).collect();
        t.edit(ADMIN, |text| format!("a: &a [x]\n{bomb}{text}"));
    } => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: it is nested too deeply, or has too many aliases", "init refuses", "renew all fails for admin.conf"];
    an_alias_of_itself: |t| t.edit(ADMIN, |text| format!("a: &a [*a]\n{text}")) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: recursive references require weak recursion types at line 1, column 8", "init refuses", "renew all fails for admin.conf"];
    two_documents: |t| t.edit(ADMIN, |text| format!("{text}---\n{text}")) => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: it has several documents, want one", "init refuses", "renew all fails for admin.conf"];
    duplicate_key: |t| t.edit(ADMIN, |text| text + "kind: Config\n") => [];
    duplicate_key_in_the_user: |t| replace(t, "    client-key-data:", "    client-key-data: ''\n    client-key-data:") => [];
    one_hundred_mebibytes: |t| t.write_zeroes(ADMIN, 100 << 20) => ["admin.conf: file.unreadable: reading `admin.conf`: it has 104857600 bytes, the limit is 1048576", "init refuses", "renew all fails for admin.conf"];
    a_mebibyte_of_comments: |t| t.edit(ADMIN, |text| format!("{}{text}", "# a line\n".repeat(((1 << 20) - text.len()) / 9))) => [];
    twenty_thousand_items: |t| t.edit(ADMIN, |text| text + "more:\n" + &"- a\n".repeat(20_000)) => [];
    crlf: |t| t.edit(ADMIN, |text| text.replace('\n', "\r\n")) => [];
    no_final_newline: |t| t.edit(ADMIN, |text| text.trim_end().to_owned()) => [];
    comments_and_marks: |t| t.edit(ADMIN, |text| format!("# made by hand\n---\n{}...\n", text.replace('\n', " # so\n"))) => [];
    json: as_json => [];
    json_in_one_line: |t| { as_json(t); t.edit(ADMIN, |text| text.replace('\n', "")); } => [];
    anchors: |t| {
        let name = field(t, ADMIN, "user:").replace("user: ", "");
        replace(t, &format!("user: {name}"), &format!("user: &who {name}"));
        replace(t, &format!("- name: {name}"), "- name: *who");
    } => [];
    merged_keys: |t| {
        replace(t, "    server:", "    <<: *common\n    server:");
        t.edit(ADMIN, |text| format!("common: &common {{tls-server-name: api.example.net}}\n{text}"));
    } => [];

    a_quote_left_open_before_its_key: |t| replace(t, "client-key-data: ", "client-key-data: \"") => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: invalid indentation in multiline quoted scalar at line 19, column 1", "init refuses", "renew all fails for admin.conf"];
    a_mark_behind_its_key: |t| t.edit(ADMIN, |text| text.trim_end().to_owned() + ": x\n") => ["admin.conf: file.invalid: `admin.conf`: malformed YAML: mapping values are not allowed in this context at line 18, column 326", "init refuses", "renew all fails for admin.conf"];
    its_key_as_the_name_of_a_field: |t| replace(t, "client-key-data: ", "? ") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-key-data: it is missing beside client-certificate-data", "init refuses", "renew all fails for admin.conf"];
    its_key_as_the_user: |t| { let key = field(t, ADMIN, KEY).replace("client-key-data: ", ""); replace(t, &field(t, ADMIN, "user: "), &format!("user: {key}")); } => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context.user: there is no `…` (304 characters, not shown) in users", "init refuses", "renew all fails for admin.conf"];

    // Its fields.
    of_another_kind: |t| set(t, "kind", "kind: Secret") => ["admin.conf: file.invalid: `admin.conf`: kind: it is `Secret`, want `Config`", "init refuses", "renew all fails for admin.conf"];
    of_no_kind: |t| set(t, "kind", "") => [];
    of_another_version: |t| set(t, "apiVersion", "apiVersion: v2") => ["admin.conf: file.invalid: `admin.conf`: apiVersion: it is `v2`, want `v1`", "init refuses", "renew all fails for admin.conf"];
    kind_with_control_characters: |t| set(t, "kind", "kind: \"\\e[31mSecret\\u202e\\x9b\\n\"") => ["admin.conf: file.invalid: `admin.conf`: kind: it is `\\u{1b}[31mSecret\\u{202e}\\u{9b}\\n`, want `Config`", "init refuses", "renew all fails for admin.conf"];
    current_context_missing: |t| set(t, "current-context", "") => ["admin.conf: file.invalid: `admin.conf`: current-context: it is missing", "init refuses", "renew all fails for admin.conf"];
    current_context_empty: |t| set(t, "current-context", "current-context: ''") => ["admin.conf: file.invalid: `admin.conf`: current-context: there is no `` in contexts", "init refuses", "renew all fails for admin.conf"];
    current_context_null: |t| set(t, "current-context", "current-context:") => ["admin.conf: file.invalid: `admin.conf`: current-context: it is not a string", "init refuses", "renew all fails for admin.conf"];
    current_context_a_number: |t| set(t, "current-context", "current-context: 7") => ["admin.conf: file.invalid: `admin.conf`: current-context: it is not a string", "init refuses", "renew all fails for admin.conf"];
    current_context_names_none: |t| set(t, "current-context", "current-context: other") => ["admin.conf: file.invalid: `admin.conf`: current-context: there is no `other` in contexts", "init refuses", "renew all fails for admin.conf"];
    current_context_with_control_characters: |t| set(t, "current-context", "current-context: \"\\e]0;title\\a\\u202e\"") => ["admin.conf: file.invalid: `admin.conf`: current-context: there is no `\\u{1b}]0;title\\u{7}\\u{202e}` in contexts", "init refuses", "renew all fails for admin.conf"];
    current_context_of_ten_thousand_letters: |t| set(t, "current-context", &format!("current-context: {}", "x".repeat(10_000))) => ["admin.conf: file.invalid: `admin.conf`: current-context: there is no `…` (10000 characters, not shown) in contexts", "init refuses", "renew all fails for admin.conf"];
    no_users: |t| t.edit(ADMIN, |text| text.split_once("users:").unwrap().0.to_owned() + "users: []\n") => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context.user: there is no `kubernetes-admin` in users", "init refuses", "renew all fails for admin.conf"];
    users_null: |t| t.edit(ADMIN, |text| text.split_once("users:").unwrap().0.to_owned() + "users:\n") => ["admin.conf: file.invalid: `admin.conf`: users: it is not a list", "init refuses", "renew all fails for admin.conf"];
    users_in_a_map: |t| t.edit(ADMIN, |text| text.split_once("users:").unwrap().0.to_owned() + "users: {kubernetes-admin: {}}\n") => ["admin.conf: file.invalid: `admin.conf`: users: it is not a list", "init refuses", "renew all fails for admin.conf"];
    clusters_null: |t| replace(t, "clusters:\n", "clusters:\nclusters_:\n") => ["admin.conf: file.invalid: `admin.conf`: clusters: it is not a list", "init refuses", "renew all fails for admin.conf"];
    contexts_missing: |t| replace(t, "contexts:", "contexts_:") => ["admin.conf: file.invalid: `admin.conf`: contexts: it is missing", "init refuses", "renew all fails for admin.conf"];
    context_without_its_contents: |t| replace(t, "- context:\n", "- context_:\n") => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context: it is missing", "init refuses", "renew all fails for admin.conf"];
    context_without_a_user: |t| replace(t, "    user: ", "    user_: ") => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context.user: it is missing", "init refuses", "renew all fails for admin.conf"];
    context_without_a_cluster: |t| replace(t, "    cluster: ", "    cluster_: ") => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context.cluster: it is missing", "init refuses", "renew all fails for admin.conf"];
    user_that_is_a_number: |t| replace(t, &field(t, ADMIN, "user: "), "user: 7") => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context.user: it is not a string", "init refuses", "renew all fails for admin.conf"];
    name_that_is_a_number: |t| replace(t, "\n- name: ", "\n- name: 0x7 # ") => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context.user: there is no `kubernetes-admin` in users", "init refuses", "renew all fails for admin.conf"];
    cluster_that_is_not_there: |t| replace(t, &field(t, ADMIN, "cluster: "), "cluster: other") => ["admin.conf: file.invalid: `admin.conf`: contexts[0].context.cluster: there is no `other` in clusters", "init refuses", "renew all fails for admin.conf"];
    cluster_without_its_contents: |t| replace(t, "- cluster:\n", "- cluster_:\n") => ["admin.conf: file.invalid: `admin.conf`: clusters[0].cluster: it is missing", "init refuses", "renew all fails for admin.conf"];
    two_users_of_one_name: |t| t.edit(ADMIN, |text| {
        let (_, users) = text.split_once("users:\n").unwrap();
        text.clone() + users
    }) => ["admin.conf: file.invalid: `admin.conf`: users: there are several entries named `kubernetes-admin`", "init refuses", "renew all fails for admin.conf"];
    two_contexts_of_one_name: |t| {
        let name = field(t, ADMIN, "current-context:").replace("current-context: ", "");
        replace(t, "contexts:\n", &format!("contexts:\n- context: {{cluster: a, user: b}}\n  name: {name}\n"));
    } => ["admin.conf: file.invalid: `admin.conf`: contexts: there are several entries named `kubernetes-admin@kubernetes`", "init refuses", "renew all fails for admin.conf"];
    two_clusters_of_one_name: |t| replace(t, "clusters:\n", "clusters:\n- cluster: {server: 'https://a:1'}\n  name: kubernetes\n") => ["admin.conf: file.invalid: `admin.conf`: clusters: there are several entries named `kubernetes`", "init refuses", "renew all fails for admin.conf"];
    several_contexts_of_which_one_counts: several_contexts => [];
    fields_that_are_none_of_ours: |t| replace(t, "    server:", "    tls-server-name: api.example.net\n    proxy-url: http://proxy.example:3128\n    disable-compression: true\n    server:") => [];
    verification_turned_off: |t| replace(t, "    server:", "    insecure-skip-tls-verify: true\n    server:") => ["admin.conf: kubeconfig.insecure-with-ca", "init refuses", "renew all fails for admin.conf"];

    // The user's certificate and key.
    certificate_not_base64: |t| set(t, CERTIFICATE, "client-certificate-data: '*'") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-certificate-data: it is not base64", "init refuses", "renew all fails for admin.conf"];
    certificate_in_base64_for_addresses: |t| set(t, CERTIFICATE, "client-certificate-data: LS0tLS1CRUdJTi_-") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-certificate-data: it is not base64", "init refuses", "renew all fails for admin.conf"];
    certificate_without_padding: |t| set(t, CERTIFICATE, "client-certificate-data: QQ") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-certificate-data: it is not base64", "init refuses", "renew all fails for admin.conf"];
    certificate_a_number: |t| set(t, CERTIFICATE, "client-certificate-data: 7") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-certificate-data: it is not a string", "init refuses", "renew all fails for admin.conf"];
    certificate_is_none: |t| t.embed(ADMIN, CERTIFICATE, "nothing") => ["admin.conf: file.invalid: `admin.conf`: client-certificate-data: it contains no PEM block", "init refuses", "renew all fails for admin.conf"];
    certificate_is_der: |t| {
        let der = pem::parse(t.embedded(ADMIN, CERTIFICATE)).unwrap();
        t.embed(ADMIN, CERTIFICATE, der.contents());
    } => ["admin.conf: file.invalid: `admin.conf`: client-certificate-data: the file is DER, want PEM (`openssl x509 -inform der` converts it)", "init refuses", "renew all fails for admin.conf"];
    certificate_missing: |t| set(t, CERTIFICATE, "") => ["admin.conf: certificate.key-only", "init refuses"];
    certificate_with_its_key: |t| append_certificates(t, &String::from_utf8(t.embedded(ADMIN, KEY)).unwrap()) => ["admin.conf: file.invalid: `admin.conf`: client-certificate-data: this world-readable file contains a private key", "init refuses", "renew all fails for admin.conf"];
    certificate_and_another: |t| append_certificates(t, &t.text("pki/apiserver-kubelet-client.crt")) => ["admin.conf: certificate.extra"];
    certificate_and_its_ca: |t| append_certificates(t, &t.text("pki/ca.crt")) => [];
    certificate_and_another_ca: |t| append_certificates(t, &t.text("pki/etcd/ca.crt")) => [];
    certificate_of_another_user: |t| { let other = t.embedded("scheduler.conf", CERTIFICATE); t.embed(ADMIN, CERTIFICATE, other); t.embed(ADMIN, KEY, t.embedded("scheduler.conf", KEY)); } => ["admin.conf: certificate.of-another-row", "init refuses"];
    certificate_of_another_group: |t| forge(t, |tbs| tbs.set_subject(&[(ORGANIZATION, Tag::Utf8String, b"system:masters"), (COMMON_NAME, Tag::Utf8String, b"kubernetes-admin")])) => ["admin.conf: certificate.differs"];
    certificate_with_control_characters: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, STEERS.as_bytes())])) => ["admin.conf: certificate.differs", "admin.conf: certificate.differs"];
    certificate_of_a_server: |t| sign(t, "ca", "extendedKeyUsage=serverAuth\n") => ["admin.conf: certificate.usage-missing", "init refuses"];
    certificate_of_another_ca: |t| sign(t, "front-proxy-ca", "extendedKeyUsage=clientAuth\n") => ["admin.conf: certificate.other-issuer", "init refuses"];
    certificate_of_a_ca: |t| sign(t, "ca", CA) => ["admin.conf: certificate.differs", "admin.conf: certificate.with-ca-flag", "admin.conf: certificate.without-usages"];
    certificate_expired: |t| forge(t, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    }) => ["admin.conf: certificate.expired", "init refuses"];
    certificate_expires_soon: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, &utc_time(NOW + days(20)))) => ["admin.conf: certificate.differs"];
    key_not_base64: |t| set(t, KEY, "client-key-data: '*'") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-key-data: it is not base64", "init refuses", "renew all fails for admin.conf"];
    key_is_none: |t| t.embed(ADMIN, KEY, "nothing") => ["admin.conf: file.invalid: `admin.conf`: client-key-data: it contains no PEM block", "init refuses", "renew all fails for admin.conf"];
    key_missing: |t| set(t, KEY, "") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-key-data: it is missing beside client-certificate-data", "init refuses", "renew all fails for admin.conf"];
    key_empty: |t| set(t, KEY, "client-key-data: ''") => ["admin.conf: file.invalid: `admin.conf`: users[0].user.client-key-data: it is missing beside client-certificate-data", "init refuses", "renew all fails for admin.conf"];
    key_of_another: |t| t.embed(ADMIN, KEY, t.embedded("scheduler.conf", KEY)) => ["admin.conf: certificate.key-mismatch", "init refuses"];
    folded_base64: |t| t.edit(ADMIN, |text| {
        let line = text.lines().find(|line| line.contains(KEY)).unwrap();
        let (name, value) = line.split_once(": ").unwrap();
        let (one, other) = value.split_at(64);
        text.replace(line, &format!("{name}: |\n      {one}\n      {other}"))
    }) => [];
    a_token_besides: |t| replace(t, "    client-key-data:", "    token: not-a-real-token\n    client-key-data:") => [];
    file_names_besides: |t| replace(t, "    client-key-data:", "    client-certificate: /nowhere/a.crt\n    client-key: /nowhere/a.key\n    client-key-data:") => [];

    // A file that was cut off ends like these.
    a_user_without_anything: |t| t.edit(ADMIN, |text| text[..text.find("  user:\n").unwrap()].to_owned()) => ["admin.conf: file.invalid: `admin.conf`: users[0].user: it is missing", "init refuses", "renew all fails for admin.conf"];
    a_user_with_nothing_below: |t| t.edit(ADMIN, |text| text[..text.find("  user:\n").unwrap()].to_owned() + "  user:\n") => ["admin.conf: file.invalid: `admin.conf`: users[0].user: it is missing", "init refuses", "renew all fails for admin.conf"];
    a_user_whose_certificate_is_null: |t| credentials(t, "client-certificate-data:") => ["admin.conf: file.invalid: `admin.conf`: users[0].user: it has no credentials", "init refuses", "renew all fails for admin.conf"];
    a_user_with_an_empty_token: |t| credentials(t, "token: ''") => ["admin.conf: file.invalid: `admin.conf`: users[0].user: it has no credentials", "init refuses", "renew all fails for admin.conf"];

    // Other kinds of credentials, which do not expire.
    a_token: |t| credentials(t, "token: not-a-real-token") => ["renew all skips admin.conf"];
    a_token_in_a_file: |t| credentials(t, "tokenFile: /var/run/token") => ["renew all skips admin.conf"];
    a_password: |t| credentials(t, "username: root\n    password: not-a-real-password") => ["renew all skips admin.conf"];
    a_plugin: |t| credentials(t, "exec: {apiVersion: client.authentication.k8s.io/v1, command: login}") => ["renew all skips admin.conf"];
    an_old_plugin: |t| credentials(t, "auth-provider: {name: oidc, config: {id-token: not-a-real-token}}") => ["renew all skips admin.conf"];

    // Certificate and key in files of their own.
    files_outside: |t| { set(t, CERTIFICATE, "client-certificate: /nowhere/admin.crt"); set(t, KEY, "client-key: /nowhere/admin.key"); } => ["admin.conf: kubeconfig.client-certificate-missing", "init refuses", "renew all skips admin.conf"];
    files_beside_it: |t| unpack(t, "/etc/kubernetes/admin") => ["renew all skips admin.conf"];
    files_named_from_where_it_lies: |t| unpack(t, "admin") => ["renew all skips admin.conf"];
    files_among_the_certificates: |t| {
        unpack(t, "pki/admin");
        for name in ["admin.crt", "admin.key"] { t.copy(name, &format!("pki/{name}")); t.remove(name); }
    } => ["renew all skips admin.conf"];
    files_of_a_row: |t| { set(t, CERTIFICATE, "client-certificate: pki/apiserver-kubelet-client.crt"); set(t, KEY, "client-key: pki/apiserver-kubelet-client.key"); } => ["admin.conf: certificate.of-another-row", "init refuses", "renew all skips admin.conf"];
    files_that_are_not_there: |t| { unpack(t, "admin"); t.remove("admin.crt"); } => ["admin.conf: kubeconfig.client-certificate-missing", "init refuses", "renew all skips admin.conf"];
    files_that_are_broken: |t| { unpack(t, "admin"); t.write("admin.crt", "nothing"); } => ["admin.conf: file.invalid: `admin.crt`: it contains no PEM block", "init refuses", "renew all skips admin.conf"];
    files_that_are_too_large: |t| { unpack(t, "admin"); t.write_zeroes("admin.crt", 100 << 20); } => ["admin.conf: file.unreadable: reading `admin.crt`: it has 104857600 bytes, the limit is 1048576", "init refuses", "renew all fails for admin.conf"];
    files_of_another_ca: |t| { unpack(t, "admin"); t.copy("pki/front-proxy-client.crt", "admin.crt"); t.copy("pki/front-proxy-client.key", "admin.key"); } => ["admin.conf: certificate.other-issuer", "init refuses", "renew all skips admin.conf"];
    files_up_and_out: |t| unpack(t, "/etc/kubernetes/../kubernetes/admin") => ["renew all skips admin.conf"];
    files_through_a_link: |t| {
        unpack(t, "admin");
        std::fs::rename(t.path("admin.crt"), t.root().join("admin.crt")).unwrap();
        std::os::unix::fs::symlink("../../admin.crt", t.path("admin.crt")).unwrap();
    } => ["admin.conf: file.unreadable: following the link `admin.crt`: a symbolic link leads to `ROOT`, which is outside the tree", "init refuses", "renew all fails for admin.conf"];
    files_with_control_characters: |t| { set(t, CERTIFICATE, "client-certificate: \"/nowhere/\\e[31m\\u202ered\\n\""); set(t, KEY, "client-key: x"); } => ["admin.conf: kubeconfig.client-certificate-missing", "init refuses", "renew all skips admin.conf"];

    // Its CA.
    ca_is_none: |t| set(t, TRUST, "certificate-authority-data: bm90aGluZw==") => ["admin.conf: file.invalid: `admin.conf`: certificate-authority-data: it contains no PEM block", "init refuses", "renew all fails for admin.conf"];
    ca_not_base64: |t| set(t, TRUST, "certificate-authority-data: '*'") => ["admin.conf: file.invalid: `admin.conf`: clusters[0].cluster.certificate-authority-data: it is not base64", "init refuses", "renew all fails for admin.conf"];
    ca_missing: |t| set(t, TRUST, "") => ["admin.conf: kubeconfig.without-ca", "init refuses"];
    ca_file_without_a_name: |t| set(t, TRUST, "certificate-authority: ''") => ["admin.conf: kubeconfig.without-ca", "init refuses"];
    ca_not_asked_for: |t| set(t, TRUST, "insecure-skip-tls-verify: yes") => ["admin.conf: kubeconfig.insecure"];
    ca_of_another_tree: |t| t.embed(ADMIN, TRUST, t.read("pki/etcd/ca.crt")) => ["admin.conf: kubeconfig.other-ca", "init refuses"];
    ca_of_former_times: |t| { t.make_ca("former", "/CN=kubernetes", CA); t.embed(ADMIN, TRUST, std::fs::read(t.root().join("former.crt")).unwrap()); } => ["admin.conf: kubeconfig.other-ca", "init refuses"];
    ca_that_has_expired: |t| {
        let ca = t.forged(&t.text("pki/ca.crt"), "ca", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "260101000000Z"));
        t.embed(ADMIN, TRUST, ca);
    } => ["admin.conf: kubeconfig.other-ca", "init refuses"];
    ca_that_go_cannot_read: |t| { t.embed(ADMIN, TRUST, with_hybrid_point(&t.text("pki/ca.crt"))); t.remove("pki/apiserver.crt"); t.remove("pki/apiserver.key"); } => ["apiserver: certificate.missing", "admin.conf: kubeconfig.other-ca", "init refuses", "renew all skips apiserver"];
    ca_and_another: |t| t.embed(ADMIN, TRUST, t.text("pki/ca.crt") + &t.text("pki/etcd/ca.crt")) => [];
    another_ca_and_ours: |t| t.embed(ADMIN, TRUST, t.text("pki/etcd/ca.crt") + &t.text("pki/ca.crt")) => ["admin.conf: kubeconfig.own-ca-not-first"];
    ca_and_fifty_others: |t| t.embed(ADMIN, TRUST, t.text("pki/ca.crt") + &t.text("pki/etcd/ca.crt").repeat(50)) => [];
    ca_with_blanks: |t| t.embed(ADMIN, TRUST, format!("\n\n  \n{}\n\n", t.text("pki/ca.crt").replace('\n', " \r\n"))) => [];
    ca_in_folded_base64: |t| t.edit(ADMIN, |text| {
        let line = text.lines().find(|line| line.contains(TRUST)).unwrap();
        let (name, value) = line.split_once(": ").unwrap();
        let (one, other) = value.split_at(64);
        text.replace(line, &format!("{name}: >-\n      {one}\n\n      {other}"))
    }) => [];
    ca_in_our_file: |t| set(t, TRUST, "certificate-authority: /etc/kubernetes/pki/ca.crt") => [];
    ca_in_our_file_named_from_where_it_lies: |t| set(t, TRUST, "certificate-authority: pki/ca.crt") => [];
    ca_in_a_file_elsewhere: |t| set(t, TRUST, "certificate-authority: /nowhere/ca.crt") => [];
    ca_in_the_file_of_another: |t| set(t, TRUST, "certificate-authority: /etc/kubernetes/pki/etcd/ca.crt") => ["admin.conf: kubeconfig.ca-file-other", "init refuses"];
    ca_in_a_file_of_ours_that_is_not_there: |t| set(t, TRUST, "certificate-authority: /etc/kubernetes/pki/gone.crt") => ["admin.conf: kubeconfig.ca-file-missing", "init refuses"];
    of_another_cluster_altogether: |t| { t.embed(ADMIN, TRUST, t.read("pki/etcd/ca.crt")); server(t, "https://api.other.example:6443"); } => ["admin.conf: kubeconfig.other-cluster", "init refuses", "renew all fails for admin.conf"];

    // Its server.
    server_local: |t| server(t, "https://192.0.2.11:6443") => ["admin.conf: kubeconfig.server-differs"];
    server_loopback: |t| server(t, "https://127.0.0.1:6443") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_loopback_in_ipv6: |t| server(t, "'https://[::1]:6443'") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_localhost: |t| server(t, "https://localhost:6443") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_with_a_user: |t| server(t, "https://user@api.example.net:6443") => [];
    server_with_a_user_at_another_host: |t| server(t, "https://api.example.net@other.example:6443") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_of_the_nodes_name: |t| server(t, "https://cp-1:6443") => ["admin.conf: kubeconfig.server-differs"];
    server_of_a_further_name: |t| server(t, "https://eu.apps.example.net:6443") => ["admin.conf: kubeconfig.server-differs"];
    server_of_a_further_address: |t| server(t, "'https://[2001:db8::7]:6443'") => ["admin.conf: kubeconfig.server-differs"];
    server_in_capitals: |t| server(t, "https://API.EXAMPLE.NET:6443") => [];
    server_with_its_scheme_in_capitals: |t| server(t, "HTTPS://api.example.net:6443") => [];
    server_with_a_slash: |t| server(t, "https://api.example.net:6443/") => [];
    server_of_another_cluster: |t| server(t, "https://other.example:6443") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_of_another_address: |t| server(t, "https://192.0.2.99:6443") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_of_two_labels_below_a_wildcard: |t| server(t, "https://a.b.apps.example.net:6443") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_at_another_port: |t| server(t, "https://api.example.net:9443") => ["admin.conf: kubeconfig.server-differs"];
    server_without_a_port: |t| server(t, "https://api.example.net") => ["admin.conf: kubeconfig.server-differs"];
    server_without_a_scheme: |t| server(t, "api.example.net:6443") => [];
    other_server_without_a_scheme: |t| server(t, "other.example:6443") => ["admin.conf: kubeconfig.server-not-in-sans", "init refuses"];
    server_without_encryption: |t| server(t, "http://api.example.net:6443") => ["admin.conf: kubeconfig.server-invalid", "init refuses"];
    server_with_a_path: |t| server(t, "https://api.example.net:6443/k8s/clusters/c-7") => ["admin.conf: kubeconfig.server-differs"];
    server_empty: |t| server(t, "''") => ["admin.conf: kubeconfig.server-invalid", "init refuses"];
    server_missing: |t| set(t, "server", "") => ["admin.conf: kubeconfig.server-invalid", "init refuses"];
    server_a_number: |t| server(t, "6443") => ["admin.conf: kubeconfig.server-invalid", "init refuses"];
    server_that_is_no_address: |t| server(t, "'https://[::1'") => ["admin.conf: kubeconfig.server-invalid", "init refuses"];
    server_of_a_port_beyond_all: |t| server(t, "https://api.example.net:66443") => ["admin.conf: kubeconfig.server-invalid", "init refuses"];
    server_with_control_characters: |t| server(t, "\"https://\\e[31m\\u202e\\x9b\\n:6443\"") => ["admin.conf: kubeconfig.server-invalid", "init refuses"];
    server_of_ten_thousand_letters: |t| server(t, &format!("https://{}:6443", "x".repeat(10_000))) => ["admin.conf: file.invalid: `admin.conf`: clusters[0].cluster.server: it is neither a URL nor a host", "init refuses", "renew all fails for admin.conf"];
}

/// It may be a proxy that no configuration names.
#[test]
fn renewal_keeps_the_server() {
    for url in [
        "https://cp-1:6443",
        "https://proxy.example:6443/k8s",
        "HTTPS://API.EXAMPLE.NET:6443",
    ] {
        let tree = TestTree::new();
        server(&tree, url);
        tree.pki(&["renew", "admin.conf"]).exits(0);
        assert_eq!(field(&tree, ADMIN, "server"), format!("server: {url}"));
    }
}

/// The new certificate of the API server does not have its name.
#[test]
fn renewal_replaces_a_server_that_the_certificate_does_not_cover() {
    let tree = TestTree::new();
    server(&tree, "https://other.example:6443");
    tree.pki(&["renew", "admin.conf"])
        .exits(0)
        .prints("https://other.example:6443");
    assert_eq!(
        field(&tree, ADMIN, "server"),
        "server: https://api.example.net:6443"
    );
}

#[test]
fn renewal_keeps_what_the_current_context_does_not_use() {
    let tree = TestTree::new();
    several_contexts(&tree);
    let others = |text: &str| {
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        ["clusters", "contexts", "users"].map(|list| value[list][0].clone())
    };
    let before = others(&tree.text(ADMIN));
    tree.pki(&["renew", "all"]).exits(0);
    assert!(others(&tree.text(ADMIN)) == before);
}
