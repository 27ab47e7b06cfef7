//! The output of the commands: data on standard output, messages on standard error, and the full text of both.

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{NOW_ARGUMENT, Run, TestTree, peer, pki, run};

const BORN: &str = "2026-01-01T00:00:00Z";

/// A tree made at a known time, so that every date in a message is known.
fn dated() -> TestTree {
    let tree = TestTree::empty();
    let arguments = [
        "init",
        "--now",
        BORN,
        "--node-name",
        "cp-1",
        "--apiserver-advertise-address",
        "192.0.2.11",
        "--encryption-algorithm",
        "ECDSA-P256",
    ];
    tree.pki(&arguments).ok();
    tree
}

/// Returns both streams with the folder replaced, without the blanks that tables end with.
fn shown(tree: &TestTree, run: &Run) -> String {
    let text = format!(
        "exit code {}\n-- stdout\n{}-- stderr\n{}",
        run.code.unwrap(),
        run.stdout,
        run.stderr
    );
    let text = text.replace(tree.root().to_str().unwrap(), "[ROOT]");
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// The same without the hints, which have tests of their own.
fn without_hints(tree: &TestTree, run: &Run) -> String {
    let text = shown(tree, run);
    let lines = text.lines().filter(|line| !line.starts_with("hint: "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn init_says_what_it_made_and_then_that_all_is_there() {
    let tree = TestTree::empty();
    let arguments = [
        "init",
        "--now",
        BORN,
        "--node-name",
        "cp-1",
        "--apiserver-advertise-address",
        "192.0.2.11",
        "--encryption-algorithm",
        "ECDSA-P256",
    ];
    let first = tree.pki(&arguments);
    assert_snapshot!(shown(&tree, &first), @r"
    exit code 0
    -- stdout
    certificates in [ROOT]/etc/kubernetes/pki, kubeconfigs in [ROOT]/etc/kubernetes
      NAME                      EXPIRES (UTC)
    + ca                        2035-12-30 00:00
    + apiserver                 2027-01-01 00:00
    + apiserver-kubelet-client  2027-01-01 00:00
    + front-proxy-ca            2035-12-30 00:00
    + front-proxy-client        2027-01-01 00:00
    + etcd-ca                   2035-12-30 00:00
    + etcd-server               2027-01-01 00:00
    + etcd-peer                 2027-01-01 00:00
    + etcd-healthcheck-client   2027-01-01 00:00
    + apiserver-etcd-client     2027-01-01 00:00
    + sa
    + admin.conf                2027-01-01 00:00
    + super-admin.conf          2027-01-01 00:00
    + kubelet.conf              2027-01-01 00:00
    + controller-manager.conf   2027-01-01 00:00
    + scheduler.conf            2027-01-01 00:00
    key of each: new ECDSA-P256

    Once the API server is up, give the users of this tree their rights:
        pki template rbac | kubectl --kubeconfig [ROOT]/etc/kubernetes/super-admin.conf apply -f -

    16 new
    -- stderr
    ");
    let second = tree.pki(&arguments);
    assert_snapshot!(shown(&tree, &second), @r"
    exit code 0
    -- stdout
    certificates in [ROOT]/etc/kubernetes/pki, kubeconfigs in [ROOT]/etc/kubernetes

    16 kept; nothing was written
    -- stderr
    ");
}

#[test]
fn a_refusal_names_everything_at_once() {
    let tree = dated();
    tree.write("pki/etcd/ca.key", "");
    tree.copy("pki/etcd/server.key", "pki/apiserver.key");
    tree.remove("pki/front-proxy-client.key");
    let refused = tree.pki(&["init", "--now", BORN]);
    assert_snapshot!(without_hints(&tree, &refused), @r"
    exit code 3
    -- stdout
    -- stderr
    error: `apiserver`: its key does not belong to it (the public keys differ)
    error: `front-proxy-client`: its certificate exists, its key is missing
    error: `[ROOT]/etc/kubernetes/pki/etcd/ca.key`: the file is empty
    ");
    let refused = tree.pki(&["renew", "all", "--now", BORN]);
    assert_snapshot!(without_hints(&tree, &refused), @r"
    exit code 5
    -- stdout
    certificates in [ROOT]/etc/kubernetes/pki, kubeconfigs in [ROOT]/etc/kubernetes
      NAME                      OLD EXPIRY (UTC)  EXPIRES (UTC)
    ~ apiserver                 2027-01-01 00:00  2027-01-01 00:00
    ~ apiserver-kubelet-client  2027-01-01 00:00  2027-01-01 00:00
    ~ front-proxy-client        2027-01-01 00:00  2027-01-01 00:00
    ! etcd-server
    ! etcd-peer
    ! etcd-healthcheck-client
    ! apiserver-etcd-client
    ~ admin.conf                2027-01-01 00:00  2027-01-01 00:00
    ~ super-admin.conf          2027-01-01 00:00  2027-01-01 00:00
    ~ kubelet.conf              2027-01-01 00:00  2027-01-01 00:00
    ~ controller-manager.conf   2027-01-01 00:00  2027-01-01 00:00
    ~ scheduler.conf            2027-01-01 00:00  2027-01-01 00:00
    key of each: new ECDSA-P256

    skipped:
        etcd-server, etcd-peer, etcd-healthcheck-client, apiserver-etcd-client: `[ROOT]/etc/kubernetes/pki/etcd/ca.key`: the file is empty; put the file back from a backup

    Restart these, one at a time (all other components reload their files):
        crictl stopp $(crictl pods -q --namespace kube-system --name kube-controller-manager)
        crictl stopp $(crictl pods -q --namespace kube-system --name kube-scheduler)
        systemctl restart kubelet

    Replace the copies of admin.conf and super-admin.conf, such as ~/.kube/config.

    8 renewed, 4 skipped; the old files are kept as generation 20260101T000000Z-renew
    -- stderr
    warning: `apiserver`: its key does not belong to it (the public keys differ); this renewal repairs it
    warning: `front-proxy-client`: its certificate exists, its key is missing; this renewal repairs it
    warning: CA `etcd-ca`: `[ROOT]/etc/kubernetes/pki/etcd/ca.key`: the file is empty; put the file back from a backup
    ");
}

#[test]
fn a_renewal_says_what_changed_and_what_is_to_be_restarted() {
    let tree = dated();
    let run = tree.pki(&[
        "renew",
        "apiserver",
        "scheduler.conf",
        "--now",
        "2026-12-15T00:00:00Z",
    ]);
    assert_snapshot!(shown(&tree, &run), @r"
    exit code 0
    -- stdout
    certificates in [ROOT]/etc/kubernetes/pki, kubeconfigs in [ROOT]/etc/kubernetes
      NAME            OLD EXPIRY (UTC)  EXPIRES (UTC)
    ~ apiserver       2027-01-01 00:00  2027-12-15 00:00
    ~ scheduler.conf  2027-01-01 00:00  2027-12-15 00:00
    key of each: new ECDSA-P256

    Restart these, one at a time (all other components reload their files):
        crictl stopp $(crictl pods -q --namespace kube-system --name kube-scheduler)

    2 renewed; the old files are kept as generation 20261215T000000Z-renew
    -- stderr
    ");
}

#[test]
fn a_check_shows_one_row_for_everything() {
    let tree = dated();
    tree.pki(&["renew", "apiserver", "--now", "2026-07-01T00:00:00Z"])
        .ok();
    tree.remove("pki/front-proxy-client.crt");
    tree.remove("pki/front-proxy-client.key");
    let run = tree.pki(&["check-expiration", "--now", "2026-12-15T00:00:00Z"]);
    assert_snapshot!(shown(&tree, &run), @r"
    exit code 5
    -- stdout
    CERTIFICATE                    EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED
    admin.conf                     Jan 01, 2027 00:00 UTC   17d             ca                      no
    apiserver                      Jul 01, 2027 00:00 UTC   198d            ca                      no
    apiserver-etcd-client          Jan 01, 2027 00:00 UTC   17d             etcd-ca                 no
    apiserver-kubelet-client       Jan 01, 2027 00:00 UTC   17d             ca                      no
    controller-manager.conf        Jan 01, 2027 00:00 UTC   17d             ca                      no
    etcd-healthcheck-client        Jan 01, 2027 00:00 UTC   17d             etcd-ca                 no
    etcd-peer                      Jan 01, 2027 00:00 UTC   17d             etcd-ca                 no
    etcd-server                    Jan 01, 2027 00:00 UTC   17d             etcd-ca                 no
    !MISSING! front-proxy-client
    kubelet.conf                   Jan 01, 2027 00:00 UTC   17d             ca                      no
    scheduler.conf                 Jan 01, 2027 00:00 UTC   17d             ca                      no
    super-admin.conf               Jan 01, 2027 00:00 UTC   17d             ca                      no

    CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED
    ca                      Dec 30, 2035 00:00 UTC   9y              no
    etcd-ca                 Dec 30, 2035 00:00 UTC   9y              no
    front-proxy-ca          Dec 30, 2035 00:00 UTC   9y              no
    -- stderr
    warning: `front-proxy-client`: missing; run `pki init --rootfs [ROOT]`
    warning: `apiserver-kubelet-client`, `etcd-server`, `etcd-peer`, `etcd-healthcheck-client`, `apiserver-etcd-client`, `admin.conf`, `super-admin.conf`, `kubelet.conf`, `controller-manager.conf`, `scheduler.conf`: expires on 2027-01-01; run `pki renew --due 30d --rootfs [ROOT]`
    ");
}

/// Expired rows come last, and due rows before them. A row that is not valid yet counts as expired.
#[test]
fn quiet_shows_the_most_urgent_last() {
    let tree = dated();
    let renew = |name: &str, now: &str| drop(tree.pki(&["renew", name, "--now", now]));
    renew("apiserver", "2026-06-01T00:00:00Z");
    renew("scheduler.conf", "2026-01-20T00:00:00Z");
    renew("etcd-peer", "2026-01-25T00:00:00Z");
    renew("front-proxy-client", "2027-06-01T00:00:00Z");
    tree.remove("pki/etcd/server.crt");
    let run = tree
        .pki(&[
            "check-expiration",
            "--quiet",
            "--now",
            "2027-01-10T00:00:00Z",
        ])
        .exits(5);
    let names: Vec<_> = run
        .stdout
        .lines()
        .skip(1)
        .map(|line| {
            line.split_whitespace()
                .find(|word| !word.starts_with('!'))
                .unwrap()
        })
        .collect();
    let at = |name: &str| {
        names
            .iter()
            .position(|found| *found == name)
            .unwrap_or_else(|| panic!("{name}: {run}"))
    };
    assert!(
        !names.contains(&"apiserver"),
        "it needs no attention: {run}"
    );
    assert!(
        at("etcd-peer") < at("scheduler.conf"),
        "the one with less time is more urgent: {run}"
    );
    assert!(
        at("scheduler.conf") < at("admin.conf"),
        "expired is more urgent than due: {run}"
    );
    assert!(
        at("scheduler.conf") < at("front-proxy-client"),
        "not valid yet is more urgent than due: {run}"
    );
    assert_eq!(
        at("etcd-server"),
        names.len() - 1,
        "nothing is worse than nothing: {run}"
    );
}

#[test]
fn quiet_prints_nothing_when_nothing_needs_attention() {
    let tree = dated();
    for format in ["text", "json", "yaml"] {
        let run = tree
            .pki(&["check-expiration", "--quiet", "-o", format, "--now", BORN])
            .ok();
        assert_eq!(
            (run.stdout.as_str(), run.stderr.as_str()),
            ("", ""),
            "{run}"
        );
    }
    // Nor when the rows are inferred.
    std::fs::remove_dir_all(tree.path(".pki")).unwrap();
    let run = tree
        .pki(&["check-expiration", "--quiet", "--now", BORN])
        .ok();
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("", ""),
        "{run}"
    );
}

/// Programs can read standard output even if there are messages.
#[test]
fn data_goes_to_standard_output_and_messages_to_standard_error() {
    let tree = dated();
    tree.write("admin.conf", "");
    std::fs::remove_dir_all(tree.path(".pki")).unwrap();
    for quiet in [&[][..], &["--quiet"]] {
        let arguments = [
            &["check-expiration", "--now", "2027-01-10T00:00:00Z"],
            quiet,
        ]
        .concat();
        let json = tree
            .pki(&[&arguments[..], &["-o", "json"]].concat())
            .exits(5);
        let value: Value =
            serde_json::from_str(&json.stdout).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(value["kind"], "CertificateExpirationInfo");
        let yaml = tree.pki(&[&arguments[..], &["-o", "yaml"]].concat());
        let same: Value =
            serde_saphyr::from_str(&yaml.stdout).unwrap_or_else(|error| panic!("{error}: {yaml}"));
        assert_eq!(same, value);
        for run in [json, yaml] {
            assert!(run.stderr.contains("warning: `admin.conf`"), "{run}");
        }
    }
    // Without configuration the renewal has something to say about itself, and still reports on standard output only.
    tree.pki(&["renew", "apiserver", "--now", "2027-01-10T00:00:00Z"])
        .marks('~', &["apiserver"])
        .says("no configuration is recorded");
}

#[test]
fn renewing_what_is_not_there_is_not_called_nothing_due() {
    let tree = TestTree::empty();
    let run = tree
        .pki(&["renew", "all"])
        .exits(5)
        .says("neither certificates nor kubeconfigs were found")
        .prints("nothing to renew; nothing was written");
    assert!(tree.snapshot().is_empty(), "{run}");
}

/// A CA that expires soon limits both certificates to the same last second.
#[test]
fn the_old_expiry_is_shown_even_if_it_is_the_new_one() {
    let tree = TestTree::empty();
    let arguments = [
        "init",
        "--now",
        BORN,
        "--encryption-algorithm",
        "ECDSA-P256",
        "--ca-certificate-validity-period",
        "100d",
        "--node-name",
        "cp-1",
    ];
    tree.pki(&arguments)
        .ok()
        .says("`apiserver`: valid only until 2026-04-11, when its CA `ca` expires");
    let run = tree
        .pki(&["renew", "apiserver", "--now", "2026-02-01T00:00:00Z"])
        .ok();
    let line = run
        .stdout
        .lines()
        .find(|line| line.starts_with("~ apiserver "))
        .unwrap();
    assert_eq!(line.matches("2026-04-11 00:00").count(), 2, "{run}");
}

#[test]
fn the_rbac_manifests_name_every_identity_that_needs_one() {
    let run = run(pki().args(["template", "rbac"])).ok().says_nothing();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&run.stdout).unwrap();
    assert!(documents.len() > 3, "{}", documents.len());
    let mut subjects = Vec::new();
    for document in &documents {
        assert_eq!(
            document["apiVersion"], "rbac.authorization.k8s.io/v1",
            "{document}"
        );
        assert!(document["metadata"]["name"].is_string(), "{document}");
        for subject in document["subjects"].as_array().into_iter().flatten() {
            assert!(
                subject["kind"] == "User" || subject["kind"] == "Group",
                "{subject}"
            );
            subjects.push(subject["name"].as_str().unwrap().to_owned());
        }
        if document["kind"].as_str().unwrap().ends_with("Binding") {
            assert!(
                document["roleRef"]["name"].is_string() && document["subjects"].is_array(),
                "{document}"
            );
        }
    }
    // Kubernetes itself knows what begins with `system:`.
    let groups = pki::catalog::CATALOG
        .iter()
        .filter_map(|row| match row.profile {
            pki::catalog::Profile::Client { organization, .. } => organization,
            _ => None,
        });
    let wanted: Vec<_> = groups
        .filter(|group| !group.starts_with("system:"))
        .collect();
    assert!(!wanted.is_empty());
    for name in wanted.into_iter().chain([
        "kube-apiserver-kubelet-client",
        "system:bootstrappers:kubeadm:default-node-token",
        "system:nodes",
    ]) {
        assert!(
            subjects.iter().any(|subject| subject == name),
            "{name} is not among {subjects:?}"
        );
    }
}

/// Runs our binary on a pseudo-terminal; none if the program for that is not installed.
fn on_terminal(
    tree: &TestTree,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> Option<String> {
    typed_on_terminal(&tree.command(arguments), environment)
}

fn typed_on_terminal(
    command: &std::process::Command,
    environment: &[(&str, &str)],
) -> Option<String> {
    let script = peer("script")?;
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let run = run(std::process::Command::new(script)
        .args(["-qec", &words.join(" "), "/dev/null"])
        .env_remove("NO_COLOR")
        // Colour libraries take a CI system's log for a terminal of any kind.
        .env_remove("CI")
        .env("TERM", "xterm")
        .envs(environment.iter().copied()));
    Some(run.stdout)
}

#[test]
fn a_terminal_gets_colours_unless_it_does_not_want_them() {
    let tree = TestTree::empty();
    let arguments = ["renew", "apiserver"];
    let Some(text) = on_terminal(&tree, &arguments, &[]) else {
        return;
    };
    assert!(
        text.contains("\u{1b}[") && text.contains("error:"),
        "{text:?}"
    );
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let text = on_terminal(&tree, &arguments, &[environment]).unwrap();
        assert!(
            !text.contains('\u{1b}') && text.contains("error: cannot renew"),
            "{environment:?}: {text:?}"
        );
    }
}

#[test]
fn a_terminal_gets_a_progress_bar_for_rsa_keys_and_a_log_gets_none() {
    let tree = TestTree::empty();
    let arguments = [
        "init",
        "--encryption-algorithm",
        "RSA-2048",
        "--node-name",
        "cp-1",
    ];
    let Some(text) = on_terminal(&tree, &arguments, &[]) else {
        return;
    };
    assert!(
        text.contains("making keys [") && text.contains(" of 16"),
        "{text:?}"
    );
    assert!(text.contains("scheduler.conf"), "{text:?}");

    let tree = TestTree::empty();
    run(tree.command(&arguments).env("TERM", "xterm"))
        .ok()
        .does_not_say("making keys")
        .does_not_say("\u{1b}");
}

#[test]
fn a_quiet_run_over_many_trees_and_a_log_get_no_progress_bar() {
    let tree = TestTree::new();
    let list = tree.root().join("list");
    let list = list.to_str().unwrap();
    let names = format!("{}\n", tree.root().display()).repeat(500);
    std::fs::write(list, names).unwrap();
    let bar = "checking trees [";
    let check = [
        "check-expiration",
        "-o",
        "jsonl",
        "--only",
        "missing",
        "--now",
        NOW_ARGUMENT,
        "--trees-from",
        list,
    ];
    let Some(text) = typed_on_terminal(pki().args(check).arg("--quiet"), &[]) else {
        return;
    };
    assert!(!text.contains(bar), "{text:?}");
    run(pki().args(check)).ok().does_not_say(bar);
}

#[test]
fn nothing_but_a_terminal_gets_colours() {
    let tree = TestTree::empty();
    for arguments in [
        &["renew", "apiserver"][..],
        &["renew"],
        &["check-expiration"],
        &["--help"],
    ] {
        run(tree
            .command(arguments)
            .env("TERM", "xterm-256color")
            .env("COLORTERM", "truecolor"))
        .does_not_say("\u{1b}");
    }
}

#[test]
fn no_configuration_is_read_from_a_terminal() {
    let tree = TestTree::empty();
    let Some(text) = on_terminal(&tree, &["init", "--config", "-"], &[]) else {
        return;
    };
    assert!(text.contains("standard input is a terminal"), "{text:?}");
    assert!(tree.snapshot().is_empty());
}
