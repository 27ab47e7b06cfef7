//! Kubeconfigs that are not what they should be. None is written anew over a file that could not be read.

use base64::{Engine, engine::general_purpose::STANDARD};
use x509_cert::der::Tag;

use super::{
    Check::{self, Attention, Due, Healthy, Shows},
    Init::{Keeps, KeepsSaying, Mentions, Refuses},
    Renew::{Besides, Heals, LeavesOut, Skips},
    cases,
    certificates::{CA, STEERS, in_days},
    forge::{
        COMMON_NAME,
        End::{NotAfter, NotBefore},
        ORGANIZATION,
    },
    specimen::Specimen,
};

const ADMIN: &str = "admin.conf";
const CERTIFICATE: &str = "client-certificate-data";
const KEY: &str = "client-key-data";
const TRUST: &str = "certificate-authority-data";

/// Replaces every line that holds this field, indentation and all.
fn set(t: &Specimen, field: &str, line: &str) {
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

fn field(t: &Specimen, file: &str, field: &str) -> String {
    let text = t.text(file);
    let line = text
        .lines()
        .find(|line| line.trim_start().starts_with(field))
        .unwrap();
    line.trim_start().to_owned()
}

fn replace(t: &Specimen, from: &str, to: &str) {
    t.edit(ADMIN, |text| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
}

/// Points the kubeconfig at another server.
fn server(t: &Specimen, url: &str) {
    set(t, "server", &format!("server: {url}"));
}

/// Gives the user other credentials: the lines of its entry.
fn credentials(t: &Specimen, lines: &str) {
    set(t, CERTIFICATE, lines);
    set(t, KEY, "");
}

/// Moves the user's certificate and key into files of their own, which the kubeconfig then names.
fn unpack(t: &Specimen, named: &str) {
    for (name, data) in [("admin.crt", CERTIFICATE), ("admin.key", KEY)] {
        t.write(name, t.embedded(ADMIN, data));
        t.chmod(name, 0o600);
    }
    set(t, CERTIFICATE, &format!("client-certificate: {named}.crt"));
    set(t, KEY, &format!("client-key: {named}.key"));
}

/// Has the cluster's CA sign another certificate for the administrator's key.
fn sign(t: &Specimen, ca: &str, extensions: &str) {
    t.write("x.key", t.embedded(ADMIN, KEY));
    let [crt, key] = ["crt", "key"].map(|extension| format!("pki/{ca}.{extension}"));
    let options = ["-days", "300", "-CA", &crt, "-CAkey", &key];
    let subject = "/O=kubeadm:cluster-admins/CN=kubernetes-admin";
    let signed = t.certify("x.key", subject, extensions, &options);
    t.embed(ADMIN, CERTIFICATE, signed);
    t.remove("x.key");
}

/// Exchanges fields of the client certificate.
fn forge(t: &Specimen, change: impl FnOnce(&mut super::forge::Tbs)) {
    let old = String::from_utf8(t.embedded(ADMIN, CERTIFICATE)).unwrap();
    t.embed(ADMIN, CERTIFICATE, t.forged(&old, "ca", change));
}

/// Puts certificates behind the client's.
fn behind(t: &Specimen, certificates: &str) {
    let own = String::from_utf8(t.embedded(ADMIN, CERTIFICATE)).unwrap();
    t.embed(ADMIN, CERTIFICATE, own + certificates);
}

/// Writes the same as JSON.
fn as_json(t: &Specimen) {
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

/// Renewed, and what is not ours is still there.
fn several_contexts(t: &Specimen) {
    for (from, to) in OTHERS {
        replace(t, from, to);
    }
}

cases! {
    // The file.
    no_bytes: |t| t.write(ADMIN, "") => Refuses("admin.conf`: the file is empty"), Shows("admin.conf"),
        LeavesOut("admin.conf", "the file is empty");
    only_comments: |t| t.write(ADMIN, "# nothing\n---\n") => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    not_yaml: |t| t.write(ADMIN, "{{{{") => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    not_utf8: |t| t.write(ADMIN, b"\xff\xfe\x00") => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    utf_16: |t| t.edit_bytes(ADMIN, |bytes| [b"\xff\xfe", &bytes.iter().flat_map(|&byte| [byte, 0]).collect::<Vec<_>>()[..]].concat())
        => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"), LeavesOut("admin.conf", "malformed YAML");
    nul_bytes: |t| t.edit(ADMIN, |text| text.replacen('\n', "\n\0", 2)) => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    byte_order_mark: |t| t.edit(ADMIN, |text| format!("\u{feff}{text}")) => Keeps, Healthy, Heals("admin.conf");
    tabs: |t| t.edit(ADMIN, |text| text.replace("    ", "\t")) => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    a_list: |t| t.write(ADMIN, "- a\n") => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    a_word: |t| t.write(ADMIN, "kubeconfig\n") => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    a_certificate: |t| t.copy("pki/apiserver.crt", ADMIN) => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    a_private_key: |t| t.copy("pki/apiserver.key", ADMIN) => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    a_page_of_html: |t| t.write(ADMIN, "<!DOCTYPE html>\n<title>401: Unauthorized</title>\n")
        => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    nested_without_end: |t| t.write(ADMIN, format!("a: {}", "[".repeat(20_000)))
        => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"), LeavesOut("admin.conf", "malformed YAML");
    nested_to_the_end: |t| t.edit(ADMIN, |text| format!("{text}deep: {}{}\n", "[".repeat(20_000), "]".repeat(20_000)))
        => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"), LeavesOut("admin.conf", "malformed YAML");
    nested_in_lines: |t| t.edit(ADMIN, |text| (0..1000).fold(text, |text, depth| format!("{text}{}a:\n", " ".repeat(depth))))
        => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"), LeavesOut("admin.conf", "malformed YAML");
    a_bomb_of_aliases: |t| {
        let line = |(from, to): (u8, u8)| format!("{}: &{} [{}]\n", to as char, to as char, vec![format!("*{}", from as char); 9].join(", "));
        let bomb: String = (b'a'..=b'y').zip(b'b'..=b'z').map(line).collect();
        t.edit(ADMIN, |text| format!("a: &a [x]\n{bomb}{text}"));
    } => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"), LeavesOut("admin.conf", "malformed YAML");
    an_alias_of_itself: |t| t.edit(ADMIN, |text| format!("a: &a [*a]\n{text}")) => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    two_documents: |t| t.edit(ADMIN, |text| format!("{text}---\n{text}")) => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    duplicate_key: |t| t.edit(ADMIN, |text| text + "kind: Config\n") => Keeps, Healthy, Heals("admin.conf");
    duplicate_key_in_the_user: |t| replace(t, "    client-key-data:", "    client-key-data: ''\n    client-key-data:")
        => Keeps, Healthy, Heals("admin.conf");
    one_hundred_mebibytes: |t| std::fs::File::create(t.path(ADMIN)).unwrap().set_len(100 << 20).unwrap()
        => Refuses("admin.conf`: it has 104857600 bytes"), Shows("admin.conf"), LeavesOut("admin.conf", "104857600 bytes");
    a_mebibyte_of_comments: |t| t.edit(ADMIN, |text| format!("{}{text}", "# a line\n".repeat(((1 << 20) - text.len()) / 9))) => Keeps, Healthy, Heals("admin.conf");
    twenty_thousand_items: |t| t.edit(ADMIN, |text| text + "more:\n" + &"- a\n".repeat(20_000)) => Keeps, Healthy, Heals("admin.conf");
    crlf: |t| t.edit(ADMIN, |text| text.replace('\n', "\r\n")) => Keeps, Healthy, Heals("admin.conf");
    no_final_newline: |t| t.edit(ADMIN, |text| text.trim_end().to_owned()) => Keeps, Healthy, Heals("admin.conf");
    comments_and_marks: |t| t.edit(ADMIN, |text| format!("# made by hand\n---\n{}...\n", text.replace('\n', " # so\n"))) => Keeps, Healthy, Heals("admin.conf");
    json: as_json => Keeps, Healthy, Heals("admin.conf");
    json_in_one_line: |t| { as_json(t); t.edit(ADMIN, |text| text.replace('\n', "")); } => Keeps, Healthy, Heals("admin.conf");
    anchors: |t| {
        let name = field(t, ADMIN, "user:").replace("user: ", "");
        replace(t, &format!("user: {name}"), &format!("user: &who {name}"));
        replace(t, &format!("- name: {name}"), "- name: *who");
    } => Keeps, Healthy, Heals("admin.conf");
    merged_keys: |t| {
        replace(t, "    server:", "    <<: *common\n    server:");
        t.edit(ADMIN, |text| format!("common: &common {{tls-server-name: api.example.net}}\n{text}"));
    } => Keeps, Healthy, Heals("admin.conf");

    a_quote_left_open_before_its_key: |t| replace(t, "client-key-data: ", "client-key-data: \"") => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    a_mark_behind_its_key: |t| t.edit(ADMIN, |text| text.trim_end().to_owned() + ": x\n") => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    its_key_as_the_name_of_a_field: |t| replace(t, "client-key-data: ", "? ") => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    its_key_as_the_user: |t| { let key = field(t, ADMIN, KEY).replace("client-key-data: ", ""); replace(t, &field(t, ADMIN, "user: "), &format!("user: {key}")); }
        => Refuses("admin.conf`: contexts[0].context.user: there is no `"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no `");

    // Its fields.
    of_another_kind: |t| set(t, "kind", "kind: Secret") => Refuses("admin.conf`: kind: it is `Secret`, want `Config`"), Shows("admin.conf"),
        LeavesOut("admin.conf", "want `Config`");
    of_no_kind: |t| set(t, "kind", "") => Keeps, Healthy, Heals("admin.conf");
    of_another_version: |t| set(t, "apiVersion", "apiVersion: v2") => Refuses("admin.conf`: apiVersion: it is `v2`, want `v1`"), Shows("admin.conf"),
        LeavesOut("admin.conf", "want `v1`");
    kind_that_steers_the_terminal: |t| set(t, "kind", "kind: \"\\e[31mSecret\\u202e\\x9b\\n\"") => Refuses("admin.conf`: kind: it is `"), Shows("admin.conf"),
        LeavesOut("admin.conf", "want `Config`");
    current_context_missing: |t| set(t, "current-context", "") => Refuses("admin.conf`: current-context: it is missing"), Shows("admin.conf"),
        LeavesOut("admin.conf", "current-context: it is missing");
    current_context_empty: |t| set(t, "current-context", "current-context: ''") => Refuses("admin.conf`: current-context: "), Shows("admin.conf"),
        LeavesOut("admin.conf", "current-context: ");
    current_context_null: |t| set(t, "current-context", "current-context:") => Refuses("admin.conf`: current-context: "), Shows("admin.conf"),
        LeavesOut("admin.conf", "current-context: ");
    current_context_a_number: |t| set(t, "current-context", "current-context: 7") => Refuses("admin.conf`: current-context: it is not a string"), Shows("admin.conf"),
        LeavesOut("admin.conf", "it is not a string");
    current_context_names_none: |t| set(t, "current-context", "current-context: other")
        => Refuses("admin.conf`: current-context: there is no `other`"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no `other`");
    current_context_that_steers_the_terminal: |t| set(t, "current-context", "current-context: \"\\e]0;title\\a\\u202e\"")
        => Refuses("admin.conf`: current-context: there is no `"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no `");
    current_context_of_ten_thousand_letters: |t| set(t, "current-context", &format!("current-context: {}", "x".repeat(10_000)))
        => Refuses("admin.conf`: current-context: there is no `"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no `");
    no_users: |t| t.edit(ADMIN, |text| text.split_once("users:").unwrap().0.to_owned() + "users: []\n")
        => Refuses("admin.conf`: contexts[0].context.user: there is no `"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no `");
    users_null: |t| t.edit(ADMIN, |text| text.split_once("users:").unwrap().0.to_owned() + "users:\n")
        => Refuses("admin.conf`: users: "), Shows("admin.conf"), LeavesOut("admin.conf", "users: ");
    users_in_a_map: |t| t.edit(ADMIN, |text| text.split_once("users:").unwrap().0.to_owned() + "users: {kubernetes-admin: {}}\n")
        => Refuses("admin.conf`: users: it is not a list"), Shows("admin.conf"), LeavesOut("admin.conf", "users: it is not a list");
    clusters_null: |t| replace(t, "clusters:\n", "clusters:\nclusters_:\n") => Refuses("admin.conf`: clusters: "), Shows("admin.conf"), LeavesOut("admin.conf", "clusters: ");
    contexts_missing: |t| replace(t, "contexts:", "contexts_:") => Refuses("admin.conf`: contexts: it is missing"), Shows("admin.conf"),
        LeavesOut("admin.conf", "contexts: it is missing");
    context_without_its_contents: |t| replace(t, "- context:\n", "- context_:\n") => Refuses("admin.conf`: contexts[0].context: it is missing"), Shows("admin.conf"),
        LeavesOut("admin.conf", "contexts[0].context: it is missing");
    context_without_a_user: |t| replace(t, "    user: ", "    user_: ") => Refuses("admin.conf`: contexts[0].context.user: it is missing"), Shows("admin.conf"),
        LeavesOut("admin.conf", "contexts[0].context.user: it is missing");
    context_without_a_cluster: |t| replace(t, "    cluster: ", "    cluster_: ") => Refuses("admin.conf`: contexts[0].context.cluster: it is missing"), Shows("admin.conf"),
        LeavesOut("admin.conf", "contexts[0].context.cluster: it is missing");
    user_that_is_a_number: |t| replace(t, &field(t, ADMIN, "user: "), "user: 7") => Refuses("admin.conf`: contexts[0].context.user: it is not a string"), Shows("admin.conf"),
        LeavesOut("admin.conf", "it is not a string");
    name_that_is_a_number: |t| replace(t, "\n- name: ", "\n- name: 0x7 # ") => Refuses("admin.conf`: contexts[0].context.user: there is no `"), Shows("admin.conf"),
        LeavesOut("admin.conf", "there is no `");
    cluster_that_is_not_there: |t| replace(t, &field(t, ADMIN, "cluster: "), "cluster: other") => Refuses("admin.conf`: contexts[0].context.cluster: there is no `other`"),
        Shows("admin.conf"), LeavesOut("admin.conf", "there is no `other`");
    cluster_without_its_contents: |t| replace(t, "- cluster:\n", "- cluster_:\n") => Refuses("admin.conf`: clusters[0].cluster: "), Shows("admin.conf"),
        LeavesOut("admin.conf", "clusters[0].cluster: ");
    two_users_of_one_name: |t| t.edit(ADMIN, |text| {
        let (_, users) = text.split_once("users:\n").unwrap();
        text.clone() + users
    }) => Refuses("admin.conf`: users: there are several"), Shows("admin.conf"), LeavesOut("admin.conf", "there are several");
    two_contexts_of_one_name: |t| {
        let name = field(t, ADMIN, "current-context:").replace("current-context: ", "");
        replace(t, "contexts:\n", &format!("contexts:\n- context: {{cluster: a, user: b}}\n  name: {name}\n"));
    } => Refuses("admin.conf`: contexts: there are several"), Shows("admin.conf"), LeavesOut("admin.conf", "there are several");
    two_clusters_of_one_name: |t| replace(t, "clusters:\n", "clusters:\n- cluster: {server: 'https://a:1'}\n  name: kubernetes\n")
        => Refuses("admin.conf`: clusters: there are several"), Shows("admin.conf"), LeavesOut("admin.conf", "there are several");
    several_contexts_of_which_one_counts: several_contexts => Keeps, Healthy, Heals("admin.conf");
    fields_that_are_none_of_ours: |t| replace(t, "    server:", "    tls-server-name: api.example.net\n    proxy-url: http://proxy.example:3128\n    disable-compression: true\n    server:")
        => Keeps, Healthy, Heals("admin.conf");
    verification_turned_off: |t| replace(t, "    server:", "    insecure-skip-tls-verify: true\n    server:") => Refuses("`admin.conf`: it has a CA and insecure-skip-tls-verify"), Attention("admin.conf", "which client-go refuses together"), LeavesOut("admin.conf", "which client-go refuses together");

    // The user's certificate and key.
    certificate_not_base64: |t| set(t, CERTIFICATE, "client-certificate-data: '*'")
        => Refuses("client-certificate-data: it is not base64"), Shows("admin.conf"), LeavesOut("admin.conf", "it is not base64");
    certificate_in_base64_for_addresses: |t| set(t, CERTIFICATE, "client-certificate-data: LS0tLS1CRUdJTi_-")
        => Refuses("client-certificate-data: it is not base64"), Shows("admin.conf"), LeavesOut("admin.conf", "it is not base64");
    certificate_without_padding: |t| t.edit(ADMIN, |text| text.replace('=', ""))
        => Refuses("it is not base64"), Shows("admin.conf"), LeavesOut("admin.conf", "it is not base64");
    certificate_a_number: |t| set(t, CERTIFICATE, "client-certificate-data: 7")
        => Refuses("client-certificate-data: it is not a string"), Shows("admin.conf"), LeavesOut("admin.conf", "it is not a string");
    certificate_is_none: |t| t.embed(ADMIN, CERTIFICATE, "nothing")
        => Refuses("client-certificate-data: there is no PEM block"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no PEM block");
    certificate_is_der: |t| {
        let der = pem::parse(t.embedded(ADMIN, CERTIFICATE)).unwrap();
        t.embed(ADMIN, CERTIFICATE, der.contents());
    } => Refuses("client-certificate-data: the file is DER"), Shows("admin.conf"), LeavesOut("admin.conf", "DER");
    certificate_missing: |t| set(t, CERTIFICATE, "")
        => Refuses("client-certificate-data: it is missing"), Shows("admin.conf"), LeavesOut("admin.conf", "it is missing");
    certificate_with_its_key: |t| behind(t, &String::from_utf8(t.embedded(ADMIN, KEY)).unwrap())
        => Refuses("client-certificate-data: there is a private key"), Shows("admin.conf"), LeavesOut("admin.conf", "there is a private key");
    certificate_and_another: |t| behind(t, &t.text("pki/apiserver-kubelet-client.crt"))
        => KeepsSaying("`admin.conf`: its file holds another certificate"), Healthy, Heals("admin.conf");
    certificate_and_its_ca: |t| behind(t, &t.text("pki/ca.crt")) => Keeps, Healthy, Heals("admin.conf");
    certificate_and_another_ca: |t| behind(t, &t.text("pki/etcd/ca.crt")) => Keeps, Healthy, Heals("admin.conf");
    certificate_of_another_user: |t| { let other = t.embedded("scheduler.conf", CERTIFICATE); t.embed(ADMIN, CERTIFICATE, other); t.embed(ADMIN, KEY, t.embedded("scheduler.conf", KEY)); }
        => KeepsSaying("`admin.conf`: it"), Healthy, Heals("admin.conf");
    certificate_of_another_group: |t| forge(t, |tbs| tbs.set_subject(&[(ORGANIZATION, Tag::Utf8String, b"system:masters"), (COMMON_NAME, Tag::Utf8String, b"kubernetes-admin")]))
        => KeepsSaying("`admin.conf`: it"), Healthy, Heals("admin.conf");
    certificate_that_steers_the_terminal: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, STEERS.as_bytes())]))
        => KeepsSaying("`admin.conf`: it"), Healthy, Heals("admin.conf");
    certificate_of_a_server: |t| sign(t, "ca", "extendedKeyUsage=serverAuth\n")
        => Refuses("`admin.conf`: its extended key usage lacks clientAuth"), Attention("admin.conf", "lacks clientAuth"), Heals("admin.conf");
    certificate_of_another_ca: |t| sign(t, "front-proxy-ca", "extendedKeyUsage=clientAuth\n")
        => Refuses("`admin.conf`: it is not signed by its CA"), Attention("admin.conf", "it is not signed by its CA"), Heals("admin.conf");
    certificate_of_a_ca: |t| sign(t, "ca", CA)
        => KeepsSaying("`admin.conf`: it is a CA certificate, want a leaf"), Healthy, Heals("admin.conf");
    certificate_expired: |t| forge(t, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    }) => Refuses("`admin.conf`: it expired on 2020-01-01"), Attention("admin.conf", "expired"), Heals("admin.conf");
    certificate_expires_soon: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, &in_days(20))) => Keeps, Due("admin.conf"), Heals("admin.conf");
    key_not_base64: |t| set(t, KEY, "client-key-data: '*'") => Refuses("client-key-data: it is not base64"), Shows("admin.conf"), LeavesOut("admin.conf", "it is not base64");
    key_is_none: |t| t.embed(ADMIN, KEY, "nothing")
        => Refuses("client-key-data: there is no PEM block"), Healthy, LeavesOut("admin.conf", "there is no PEM block");
    key_missing: |t| set(t, KEY, "")
        => Refuses("client-key-data: it is missing"), Shows("admin.conf"), LeavesOut("admin.conf", "it is missing");
    key_empty: |t| set(t, KEY, "client-key-data: ''")
        => Refuses("client-key-data: it is missing"), Shows("admin.conf"), LeavesOut("admin.conf", "it is missing");
    key_of_another: |t| t.embed(ADMIN, KEY, t.embedded("scheduler.conf", KEY))
        => Refuses("`admin.conf`: its key does not belong to it"), Healthy, Heals("admin.conf");
    folded_base64: |t| t.edit(ADMIN, |text| {
        let line = text.lines().find(|line| line.contains(KEY)).unwrap();
        let (name, value) = line.split_once(": ").unwrap();
        let (one, other) = value.split_at(64);
        text.replace(line, &format!("{name}: |\n      {one}\n      {other}"))
    }) => Keeps, Healthy, Heals("admin.conf");
    a_token_besides: |t| replace(t, "    client-key-data:", "    token: not-a-real-token\n    client-key-data:") => Keeps, Healthy, Heals("admin.conf");
    file_names_besides: |t| replace(t, "    client-key-data:", "    client-certificate: /nowhere/a.crt\n    client-key: /nowhere/a.key\n    client-key-data:")
        => Keeps, Healthy, Heals("admin.conf");

    // A file that was cut off ends like these.
    a_user_without_anything: |t| t.edit(ADMIN, |text| text[..text.find("  user:\n").unwrap()].to_owned())
        => Refuses("users[0].user: it is missing"), Shows("admin.conf"), LeavesOut("admin.conf", "users[0].user: it is missing");
    a_user_with_nothing_below: |t| t.edit(ADMIN, |text| text[..text.find("  user:\n").unwrap()].to_owned() + "  user:\n")
        => Refuses("users[0].user: it is missing"), Shows("admin.conf"), LeavesOut("admin.conf", "users[0].user: it is missing");
    a_user_whose_certificate_is_null: |t| credentials(t, "client-certificate-data:")
        => Refuses("users[0].user: it has no credentials"), Shows("admin.conf"), LeavesOut("admin.conf", "users[0].user: it has no credentials");
    a_user_with_an_empty_token: |t| credentials(t, "token: ''")
        => Refuses("users[0].user: it has no credentials"), Shows("admin.conf"), LeavesOut("admin.conf", "users[0].user: it has no credentials");

    // Another way to prove who one is: nothing that could expire.
    a_token: |t| credentials(t, "token: not-a-real-token") => Keeps, Check::LeavesOut("admin.conf"), Skips("admin.conf", "its user has no client certificate");
    a_token_in_a_file: |t| credentials(t, "tokenFile: /var/run/token") => Keeps, Check::LeavesOut("admin.conf"), Skips("admin.conf", "its user has no client certificate");
    a_password: |t| credentials(t, "username: root\n    password: not-a-real-password") => Keeps, Check::LeavesOut("admin.conf"),
        Skips("admin.conf", "its user has no client certificate");
    a_plugin: |t| credentials(t, "exec: {apiVersion: client.authentication.k8s.io/v1, command: login}")
        => Keeps, Check::LeavesOut("admin.conf"), Skips("admin.conf", "its user has no client certificate");
    an_old_plugin: |t| credentials(t, "auth-provider: {name: oidc, config: {id-token: not-a-real-token}}")
        => Keeps, Check::LeavesOut("admin.conf"), Skips("admin.conf", "its user has no client certificate");

    // Certificate and key in files of their own.
    files_outside: |t| { set(t, CERTIFICATE, "client-certificate: /nowhere/admin.crt"); set(t, KEY, "client-key: /nowhere/admin.key"); }
        => Refuses("`admin.conf`: its client certificate should be in `/nowhere/admin.crt"), Shows("admin.conf"), LeavesOut("admin.conf", "is outside the tree");
    files_beside_it: |t| unpack(t, "/etc/kubernetes/admin") => Keeps, Healthy, Skips("admin.conf", "/etc/kubernetes/admin.crt");
    files_named_from_where_it_lies: |t| unpack(t, "admin") => Keeps, Healthy, Skips("admin.conf", "admin.crt");
    files_among_the_certificates: |t| {
        unpack(t, "pki/admin");
        for name in ["admin.crt", "admin.key"] { t.copy(name, &format!("pki/{name}")); t.remove(name); }
    } => Keeps, Healthy, Skips("admin.conf", "pki/admin.crt");
    files_of_a_row: |t| { set(t, CERTIFICATE, "client-certificate: pki/apiserver-kubelet-client.crt"); set(t, KEY, "client-key: pki/apiserver-kubelet-client.key"); }
        => Mentions("admin.conf"), Healthy, Skips("admin.conf", "pki/apiserver-kubelet-client.crt");
    files_that_are_not_there: |t| { unpack(t, "admin"); t.remove("admin.crt"); }
        => Refuses("admin.crt"), Shows("admin.conf"), LeavesOut("admin.conf", "admin.crt");
    files_that_are_broken: |t| { unpack(t, "admin"); t.write("admin.crt", "nothing"); }
        => Refuses("admin.crt"), Shows("admin.conf"), LeavesOut("admin.conf", "admin.crt");
    files_that_are_too_large: |t| { unpack(t, "admin"); std::fs::File::create(t.path("admin.crt")).unwrap().set_len(100 << 20).unwrap(); }
        => Refuses("admin.crt"), Shows("admin.conf"), LeavesOut("admin.conf", "admin.crt");
    files_of_another_ca: |t| { unpack(t, "admin"); t.copy("pki/front-proxy-client.crt", "admin.crt"); t.copy("pki/front-proxy-client.key", "admin.key"); }
        => Refuses("admin.conf"), Attention("admin.conf", "it is not signed by its CA"), LeavesOut("admin.conf", "admin.crt");
    files_up_and_out: |t| unpack(t, "/etc/kubernetes/../kubernetes/admin") => KeepsSaying("which is not read"), Check::LeavesOut("admin.conf"), Skips("admin.conf", "is outside the tree");
    files_through_a_link: |t| {
        unpack(t, "admin");
        std::fs::rename(t.path("admin.crt"), t.folder().join("admin.crt")).unwrap();
        std::os::unix::fs::symlink("../../admin.crt", t.path("admin.crt")).unwrap();
    } => Refuses("admin.crt"), Shows("admin.conf"), LeavesOut("admin.conf", "admin.crt");
    files_named_to_steer_the_terminal: |t| { set(t, CERTIFICATE, "client-certificate: \"/nowhere/\\e[31m\\u202ered\\n\""); set(t, KEY, "client-key: x"); }
        => Refuses("`admin.conf`: its client certificate should be in `"), Shows("admin.conf"), LeavesOut("admin.conf", "is outside the tree");

    // Whom it trusts.
    ca_is_none: |t| set(t, TRUST, "certificate-authority-data: bm90aGluZw==")
        => Refuses("certificate-authority-data: "), Shows("admin.conf"), LeavesOut("admin.conf", "certificate-authority-data: ");
    ca_not_base64: |t| set(t, TRUST, "certificate-authority-data: '*'")
        => Refuses("certificate-authority-data: it is not base64"), Shows("admin.conf"), LeavesOut("admin.conf", "certificate-authority-data: ");
    ca_missing: |t| set(t, TRUST, "") => Refuses("`admin.conf`: it names no CA"), Attention("admin.conf", "it names no CA, so its client cannot verify the API server's certificate; run `pki renew admin.conf "), Heals("admin.conf");
    ca_file_without_a_name: |t| set(t, TRUST, "certificate-authority: ''") => Refuses("`admin.conf`: it names no CA"), Attention("admin.conf", "it names no CA"), Heals("admin.conf");
    ca_not_asked_for: |t| set(t, TRUST, "insecure-skip-tls-verify: yes") => KeepsSaying("`admin.conf`: it does not verify the API server's certificate"), Healthy, Besides;
    ca_of_another_tree: |t| t.embed(ADMIN, TRUST, t.read("pki/etcd/ca.crt"))
        => Refuses("`admin.conf`: it trusts another CA"), Attention("admin.conf", "it trusts another CA than this tree's ca.crt"), Heals("admin.conf");
    ca_of_former_times: |t| { t.make_ca("former", "/CN=kubernetes", CA); t.embed(ADMIN, TRUST, std::fs::read(t.folder().join("former.crt")).unwrap()); }
        => Refuses("`admin.conf`: it trusts another CA"), Attention("admin.conf", "it trusts another CA than this tree's ca.crt"), Heals("admin.conf");
    ca_that_has_expired: |t| {
        let ca = t.forged(&t.text("pki/ca.crt"), "ca", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "260101000000Z"));
        t.embed(ADMIN, TRUST, ca);
    } => Refuses("`admin.conf`: it trusts another CA"), Attention("admin.conf", "it trusts another CA than this tree's ca.crt"), Heals("admin.conf");
    ca_and_another: |t| t.embed(ADMIN, TRUST, t.text("pki/ca.crt") + &t.text("pki/etcd/ca.crt")) => Keeps, Healthy, Heals("admin.conf");
    another_ca_and_ours: |t| t.embed(ADMIN, TRUST, t.text("pki/etcd/ca.crt") + &t.text("pki/ca.crt"))
        => KeepsSaying("`admin.conf`: it trusts this tree's CA, but names another one before it"), Healthy, Heals("admin.conf");
    ca_and_fifty_others: |t| t.embed(ADMIN, TRUST, t.text("pki/ca.crt") + &t.text("pki/etcd/ca.crt").repeat(50)) => Keeps, Healthy, Heals("admin.conf");
    ca_with_blanks: |t| t.embed(ADMIN, TRUST, format!("\n\n  \n{}\n\n", t.text("pki/ca.crt").replace('\n', " \r\n"))) => Keeps, Healthy, Heals("admin.conf");
    ca_in_folded_base64: |t| t.edit(ADMIN, |text| {
        let line = text.lines().find(|line| line.contains(TRUST)).unwrap();
        let (name, value) = line.split_once(": ").unwrap();
        let (one, other) = value.split_at(64);
        text.replace(line, &format!("{name}: >-\n      {one}\n\n      {other}"))
    }) => Keeps, Healthy, Heals("admin.conf");
    ca_in_our_file: |t| set(t, TRUST, "certificate-authority: /etc/kubernetes/pki/ca.crt") => Keeps, Healthy, Heals("admin.conf");
    ca_in_our_file_named_from_where_it_lies: |t| set(t, TRUST, "certificate-authority: pki/ca.crt") => Keeps, Healthy, Heals("admin.conf");
    ca_in_a_file_elsewhere: |t| set(t, TRUST, "certificate-authority: /nowhere/ca.crt")
        => Keeps, Healthy, Heals("admin.conf");
    ca_in_the_file_of_another: |t| set(t, TRUST, "certificate-authority: /etc/kubernetes/pki/etcd/ca.crt")
        => Refuses("`admin.conf`: it names the file of another CA, `etcd-ca`"), Attention("admin.conf", "it names the file of another CA, `etcd-ca`"), Heals("admin.conf");
    ca_in_a_file_of_ours_that_is_not_there: |t| set(t, TRUST, "certificate-authority: /etc/kubernetes/pki/gone.crt")
        => Refuses("`admin.conf`: it names `/etc/kubernetes/pki/gone.crt` as its CA, which is missing"), Attention("admin.conf", "it names `/etc/kubernetes/pki/gone.crt` as its CA, which is missing"), Heals("admin.conf");
    of_another_cluster_altogether: |t| { t.embed(ADMIN, TRUST, t.read("pki/etcd/ca.crt")); server(t, "https://api.other.example:6443"); }
        => Refuses("`admin.conf`: it trusts another CA"), Attention("admin.conf", "it trusts another CA, and points at `https://api.other.example:6443`, which the API server's certificate is not for"), LeavesOut("admin.conf", "it trusts another CA, and points at `https://api.other.example:6443`");

    // Which server it leads to.
    server_local: |t| server(t, "https://192.0.2.11:6443") => KeepsSaying("it points at `https://192.0.2.11:6443`"), Healthy, Heals("admin.conf");
    server_loopback: |t| server(t, "https://127.0.0.1:6443") => KeepsSaying("it points at `https://127.0.0.1:6443`"), Healthy, Heals("admin.conf");
    server_loopback_in_ipv6: |t| server(t, "'https://[::1]:6443'") => KeepsSaying("it points at `https://[::1]:6443`"), Healthy, Heals("admin.conf");
    server_localhost: |t| server(t, "https://localhost:6443") => KeepsSaying("it points at `https://localhost:6443`"), Healthy, Heals("admin.conf");
    server_of_the_nodes_name: |t| server(t, "https://cp-1:6443") => KeepsSaying("it points at `https://cp-1:6443`"), Healthy, Heals("admin.conf");
    server_of_a_further_name: |t| server(t, "https://eu.apps.example.net:6443") => KeepsSaying("it points at `https://eu.apps.example.net:6443`"), Healthy, Heals("admin.conf");
    server_of_a_further_address: |t| server(t, "'https://[2001:db8::7]:6443'") => KeepsSaying("it points at `https://[2001:db8::7]:6443`"), Healthy, Heals("admin.conf");
    server_in_capitals: |t| server(t, "https://API.EXAMPLE.NET:6443") => Keeps, Healthy, Heals("admin.conf");
    server_with_its_scheme_in_capitals: |t| server(t, "HTTPS://api.example.net:6443") => Keeps, Healthy, Besides;
    server_with_a_slash: |t| server(t, "https://api.example.net:6443/") => Keeps, Healthy, Heals("admin.conf");
    server_of_another_cluster: |t| server(t, "https://other.example:6443") => Refuses("`admin.conf`: it points at `https://other.example:6443`"), Attention("admin.conf", "it points at"), Heals("admin.conf");
    server_of_another_address: |t| server(t, "https://192.0.2.99:6443") => Refuses("`admin.conf`: it points at `https://192.0.2.99:6443`"), Attention("admin.conf", "it points at"), Heals("admin.conf");
    server_of_two_labels_below_a_wildcard: |t| server(t, "https://a.b.apps.example.net:6443") => Refuses("`admin.conf`: it points at `"), Attention("admin.conf", "it points at"), Heals("admin.conf");
    server_at_another_port: |t| server(t, "https://api.example.net:9443") => KeepsSaying("`admin.conf`: it points at `https://api.example.net:9443`"), Healthy, Besides;
    server_without_a_port: |t| server(t, "https://api.example.net") => KeepsSaying("`admin.conf`: it points at `https://api.example.net`"), Healthy, Besides;
    server_without_a_scheme: |t| server(t, "api.example.net:6443") => Mentions("api.example.net:6443"), Healthy, Besides;
    server_without_encryption: |t| server(t, "http://api.example.net:6443") => Refuses("`admin.conf`: it points at `http://api.example.net:6443`, want an https URL"), Attention("admin.conf", "want an https URL"), Heals("admin.conf");
    server_with_a_path: |t| server(t, "https://api.example.net:6443/k8s/clusters/c-7") => Mentions("`https://api.example.net:6443/k8s/clusters/c-7`"), Healthy, Besides;
    server_empty: |t| server(t, "''") => Refuses("`admin.conf`: it names no server"), Attention("admin.conf", "it names no server"), Heals("admin.conf");
    server_missing: |t| set(t, "server", "") => Refuses("`admin.conf`: it names no server"), Attention("admin.conf", "it names no server"), Heals("admin.conf");
    server_a_number: |t| server(t, "6443") => Refuses("`admin.conf`: it names no server"), Attention("admin.conf", "it names no server"), Heals("admin.conf");
    server_that_is_no_address: |t| server(t, "'https://[::1'") => Mentions("admin.conf"), Healthy, Besides;
    server_of_a_port_beyond_all: |t| server(t, "https://api.example.net:66443") => Mentions("https://api.example.net:66443"), Healthy, Besides;
    server_that_steers_the_terminal: |t| server(t, "\"https://\\e[31m\\u202e\\x9b\\n:6443\"") => Refuses("admin.conf"), Attention("admin.conf", "it points at"), Heals("admin.conf");
    server_of_ten_thousand_letters: |t| server(t, &format!("https://{}:6443", "x".repeat(10_000)))
        => Refuses("server: it is neither a URL nor a host"), Shows("admin.conf"), LeavesOut("admin.conf", "neither a URL");
}

#[test]
fn a_kubeconfig_cut_anywhere_is_never_written_over() {
    let specimen = Specimen::new();
    let whole = specimen.read(ADMIN);
    for length in (0..whole.len() - 1).step_by(whole.len() / 24) {
        specimen.write(ADMIN, &whole[..length]);
        let init = specimen.pki(&["init"]);
        assert_eq!(init.code, Some(3), "{length} bytes: {init}");
        assert!(init.stderr.contains("admin.conf"), "{length} bytes: {init}");
        let renew = specimen.pki(&["renew", "admin.conf"]);
        assert_eq!(renew.code, Some(3), "{length} bytes: {renew}");
        assert!(
            specimen.read(ADMIN) == whole[..length],
            "{length} bytes: {renew}"
        );
    }
}

/// It may be a load balancer that no configuration names, or a path that somebody needs.
#[test]
fn no_renewal_changes_a_server_that_is_reached() {
    for url in [
        "https://127.0.0.1:6443",
        "https://192.0.2.11:443",
        "https://api.example.net:6443/k8s",
        "HTTPS://API.EXAMPLE.NET:6443",
    ] {
        let specimen = Specimen::new();
        server(&specimen, url);
        specimen.pki(&["renew", "admin.conf"]).ok();
        assert_eq!(field(&specimen, ADMIN, "server"), format!("server: {url}"));
    }
}

#[test]
fn what_no_context_uses_is_none_of_a_renewals_business() {
    let specimen = Specimen::new();
    several_contexts(&specimen);
    let others = |text: &str| {
        let value: serde_json::Value = serde_saphyr::from_str(text).unwrap();
        ["clusters", "contexts", "users"].map(|list| value[list][0].clone())
    };
    let before = others(&specimen.text(ADMIN));
    specimen.pki(&["renew", "all"]).ok();
    assert!(others(&specimen.text(ADMIN)) == before);
}

#[test]
fn another_ca_is_replaced_and_said() {
    let specimen = Specimen::new();
    let wanted = field(&specimen, ADMIN, "certificate-authority-data");
    let line = format!(
        "certificate-authority-data: {}",
        STANDARD.encode(specimen.read("pki/etcd/ca.crt"))
    );
    set(&specimen, "certificate-authority-data", &line);
    let run = specimen.pki(&["renew", "admin.conf"]).ok();
    assert!(run.stdout.contains("CA data: CN=etcd-ca"), "{run}");
    assert!(
        field(&specimen, ADMIN, "certificate-authority-data") == wanted,
        "{run}"
    );
}

#[test]
fn a_kubeconfig_without_any_ca_is_not_said_to_trust_another_one() {
    let specimen = Specimen::new();
    set(&specimen, "certificate-authority-data", "");
    let run = specimen.pki(&["init"]).refused("`admin.conf`: ");
    assert!(!run.stderr.contains("another CA"), "it names none: {run}");
}

#[test]
fn fields_that_are_none_of_ours_stay_with_their_order() {
    let specimen = Specimen::new();
    specimen.edit(ADMIN, |text| {
        let text = text.replace(
            "kind: Config\n",
            "kind: Config\npreferences: {colors: true}\nz-last: 007\na-first: 'no'\n",
        );
        text.replace(
            "    server:",
            "    proxy-url: http://proxy.example:3128\n    server:",
        )
    });
    specimen.pki(&["renew", "admin.conf"]).ok();
    let lines: Vec<_> = specimen.text(ADMIN).lines().map(str::to_owned).collect();
    let at = |part: &str| {
        lines
            .iter()
            .position(|line| line.contains(part))
            .unwrap_or_else(|| panic!("{part} is gone"))
    };
    assert!(
        at("kind: Config") < at("preferences")
            && at("colors: true") < at("z-last")
            && at("z-last") < at("a-first")
    );
    assert!(at("proxy-url: http://proxy.example:3128") < at("server:"));
    assert!(
        ["007", "\"007\"", "'007'"]
            .iter()
            .any(|value| lines[at("z-last")] == format!("z-last: {value}")),
        "{}",
        lines[at("z-last")]
    );
    assert!(
        !lines[at("a-first")].ends_with(": no"),
        "a string became a boolean"
    );
}

#[test]
fn a_message_about_a_kubeconfig_is_for_people() {
    let specimen = Specimen::new();
    specimen.edit(ADMIN, |text| text + "a: [\n");
    let run = specimen.pki(&["init"]).refused("malformed YAML");
    assert!(
        !run.stderr.contains("Options"),
        "it advises the programmer, not the operator: {run}"
    );
}
