//! Kubeconfigs that are not what they should be. None is written anew over a file that could not be read.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Check::{Healthy, Shows},
    Init::{Keeps, Refuses},
    Renew::{Heals, LeavesOut},
    cases,
    specimen::Specimen,
};

const ADMIN: &str = "admin.conf";

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

cases! {
    no_bytes: |t| t.write(ADMIN, "") => Refuses("admin.conf`: the file is empty"), Shows("admin.conf"),
        LeavesOut("admin.conf", "the file is empty");
    not_yaml: |t| t.write(ADMIN, "{{{{") => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    not_utf8: |t| t.write(ADMIN, b"\xff\xfe\x00") => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "malformed YAML");
    a_list: |t| t.write(ADMIN, "- a\n") => Refuses("admin.conf`: "), Shows("admin.conf"), LeavesOut("admin.conf", "admin.conf`: ");
    nested_without_end: |t| t.write(ADMIN, format!("a: {}", "[".repeat(20_000)))
        => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"), LeavesOut("admin.conf", "malformed YAML");
    a_bomb_of_aliases: |t| {
        let line = |(from, to): (u8, u8)| format!("{}: &{} [{}]\n", to as char, to as char, vec![format!("*{}", from as char); 9].join(", "));
        let bomb: String = (b'a'..=b'y').zip(b'b'..=b'z').map(line).collect();
        t.edit(ADMIN, |text| format!("a: &a [x]\n{bomb}{text}"));
    } => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"), LeavesOut("admin.conf", "malformed YAML");
    duplicate_key: |t| t.edit(ADMIN, |text| text + "kind: Config\n") => Refuses("admin.conf`: malformed YAML"), Shows("admin.conf"),
        LeavesOut("admin.conf", "duplicate");
    of_another_kind: |t| set(t, "kind", "kind: Secret") => Refuses("admin.conf`: kind: it is `Secret`, want `Config`"), Shows("admin.conf"),
        LeavesOut("admin.conf", "want `Config`");
    current_context_missing: |t| set(t, "current-context", "") => Refuses("admin.conf`: current-context: it is missing"), Shows("admin.conf"),
        LeavesOut("admin.conf", "current-context: it is missing");
    current_context_names_none: |t| set(t, "current-context", "current-context: other")
        => Refuses("admin.conf`: current-context: there is no `other`"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no `other`");
    two_users_of_one_name: |t| t.edit(ADMIN, |text| {
        let (_, users) = text.split_once("users:\n").unwrap();
        text.clone() + users
    }) => Refuses("admin.conf`: users: there are several"), Shows("admin.conf"), LeavesOut("admin.conf", "there are several");
    certificate_not_base64: |t| set(t, "client-certificate-data", "client-certificate-data: '*'")
        => Refuses("client-certificate-data: it is not base64"), Shows("admin.conf"), LeavesOut("admin.conf", "it is not base64");
    certificate_is_none: |t| {
        let line = format!("client-certificate-data: {}", STANDARD.encode("nothing"));
        set(t, "client-certificate-data", &line);
    } => Refuses("client-certificate-data: there is no PEM block"), Shows("admin.conf"), LeavesOut("admin.conf", "there is no PEM block");
    key_is_none: |t| { let line = format!("client-key-data: {}", STANDARD.encode("nothing")); set(t, "client-key-data", &line); }
        => Refuses("client-key-data: there is no PEM block"), Healthy, LeavesOut("admin.conf", "there is no PEM block");
    key_missing: |t| set(t, "client-key-data", "")
        => Refuses("client-key-data: it is missing"), Shows("admin.conf"), LeavesOut("admin.conf", "it is missing");
    ca_is_none: |t| set(t, "certificate-authority-data", "certificate-authority-data: bm90aGluZw==")
        => Refuses("certificate-authority-data: "), Shows("admin.conf"), LeavesOut("admin.conf", "certificate-authority-data: ");
    key_of_another: |t| { let line = field(t, "scheduler.conf", "client-key-data"); set(t, "client-key-data", &line); }
        => Refuses("`admin.conf`: its key does not belong to it"), Healthy, Heals("admin.conf");
    ca_of_another_tree: |t| {
        let line = format!("certificate-authority-data: {}", STANDARD.encode(t.read("pki/etcd/ca.crt")));
        set(t, "certificate-authority-data", &line);
    } => Refuses("`admin.conf`: it trusts another CA"), Healthy, Heals("admin.conf");
    certificate_in_a_file: |t| {
        set(t, "client-certificate-data", "client-certificate: /nowhere/admin.crt");
        set(t, "client-key-data", "client-key: /nowhere/admin.key");
    } => Keeps, Shows("admin.conf"), LeavesOut("admin.conf", "its client certificate lies outside the tree, in `/nowhere/admin.crt`");
    a_token: |t| { set(t, "client-certificate-data", "token: t0ken"); set(t, "client-key-data", ""); }
        => Keeps, Shows("admin.conf"), LeavesOut("admin.conf", "its user has no client certificate");
    a_plugin: |t| {
        set(t, "client-certificate-data", "exec: {apiVersion: client.authentication.k8s.io/v1, command: login}");
        set(t, "client-key-data", "");
    } => Keeps, Shows("admin.conf"), LeavesOut("admin.conf", "its user has no client certificate");
    folded_base64: |t| t.edit(ADMIN, |text| {
        let line = text.lines().find(|line| line.contains("client-key-data")).unwrap();
        let (name, value) = line.split_once(": ").unwrap();
        let (one, other) = value.split_at(64);
        text.replace(line, &format!("{name}: |\n      {one}\n      {other}"))
    }) => Keeps, Healthy, Heals("admin.conf");
    crlf: |t| t.edit(ADMIN, |text| text.replace('\n', "\r\n")) => Keeps, Healthy, Heals("admin.conf");
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

#[test]
fn another_server_is_kept_and_said() {
    let specimen = Specimen::new();
    set(&specimen, "server", "server: https://other.example:6443");
    let run = specimen.pki(&["init"]).ok();
    assert!(
        run.stderr
            .contains("admin.conf: it points at `https://other.example:6443`"),
        "{run}"
    );
    specimen.pki(&["renew", "admin.conf"]).ok();
    assert_eq!(
        field(&specimen, ADMIN, "server"),
        "server: https://other.example:6443"
    );
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
    specimen.edit(ADMIN, |text| text + "kind: Config\n");
    let run = specimen.pki(&["init"]).refused("duplicate");
    assert!(
        !run.stderr.contains("Options"),
        "it advises the programmer, not the operator: {run}"
    );
}
