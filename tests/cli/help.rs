//! Help texts, and what wrong usage is answered with.

use clap::CommandFactory;
use pki::{catalog, cli::Cli};

use crate::support::{Run, TestTree, pki, run, sane};

const EXIT_CODES: [&str; 7] = ["0", "1", "2", "3", "4", "5", "6"];

/// Returns `pki --help` and the help of each command, by name.
fn helps() -> Vec<(String, Run)> {
    let commands: Vec<_> = Cli::command()
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    assert!(commands.len() >= 4, "{commands:?}");
    let help = |command: &str| {
        (
            command.to_owned(),
            sane(run(pki().args(command.split_whitespace()).arg("--help"))).ok(),
        )
    };
    std::iter::once("")
        .chain(commands.iter().map(String::as_str))
        .map(help)
        .collect()
}

#[test]
fn each_help_begins_with_one_imperative_line() {
    for (command, help) in helps() {
        let first = help.stdout.lines().next().unwrap();
        assert!(
            first.len() <= 80 && !first.ends_with('.'),
            "{command}: {first}"
        );
        let verb = first.split([' ', ',']).next().unwrap();
        assert!(verb.starts_with(char::is_uppercase), "{command}: {first}");
        assert!(
            !["s", "ing", "ed"]
                .iter()
                .any(|ending| verb.ends_with(ending)),
            "{command}: {first}"
        );
        assert_eq!(help.stderr, "", "{command}");
    }
}

#[test]
fn no_line_of_help_is_too_wide() {
    for (command, help) in helps() {
        for line in help.stdout.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
}

#[test]
fn each_help_explains_the_exit_codes() {
    for (command, help) in helps() {
        let codes: Vec<_> = help
            .stdout
            .lines()
            .skip_while(|line| *line != "Exit codes:")
            .skip(1)
            .filter_map(|line| line.trim().split_once("  "))
            .map(|(code, _)| code)
            .collect();
        assert_eq!(codes, EXIT_CODES, "{command}: {}", help.stdout);
    }
}

#[test]
fn a_flag_stands_under_the_heading_it_belongs_to() {
    let tree = [
        "--cert-dir",
        "--kubeconfig-dir",
        "--kubelet-cert-dir",
        "--rootfs",
    ];
    for (command, help) in helps() {
        let below = help
            .stdout
            .lines()
            .skip_while(|line| *line != "Tree:")
            .skip(1);
        let below = below.take_while(|line| line.is_empty() || line.starts_with(' '));
        for line in below.filter(|line| line.trim_start().starts_with('-')) {
            assert!(
                tree.iter().any(|flag| line.contains(flag)),
                "{command}: not about the tree: {line}"
            );
        }
    }
}

#[test]
fn what_is_for_tests_is_not_shown() {
    for (command, help) in helps() {
        assert!(!help.stdout.contains("--now"), "{command}");
    }
}

/// Wrong usage: exit code 2, the reason on standard error, nothing else.
#[track_caller]
fn check_usage(arguments: &[&str], reason: &str) -> Run {
    let tree = TestTree::empty();
    let run = sane(run(pki().current_dir(tree.root()).args(arguments)))
        .exits(2)
        .says(reason)
        .prints_nothing();
    assert!(tree.snapshot().is_empty(), "{run}");
    run
}

#[test]
fn wrong_usage() {
    check_usage(&[], "Usage: pki <COMMAND>");
    check_usage(&["bogus"], "unrecognized subcommand 'bogus'");
    check_usage(&["init", "--bogus"], "unexpected argument '--bogus'");
    check_usage(&["init", "word"], "unexpected argument 'word'");
    check_usage(
        &["check-expiration", "--", "--quiet", "x"],
        "unexpected argument '--quiet'",
    );
    check_usage(
        &["init", "--rootfs", "a", "--rootfs", "b"],
        "cannot be used multiple times",
    );
    check_usage(
        &["renew", "all", "--dry-run", "--dry-run"],
        "cannot be used multiple times",
    );
    check_usage(
        &["init", "--node-name", "a", "--node-name", "b"],
        "cannot be used multiple times",
    );
    for flag in [
        "--rootfs",
        "--cert-dir",
        "--kubeconfig-dir",
        "--kubelet-cert-dir",
        "--config",
    ] {
        check_usage(&["init", flag, ""], "the path is empty");
        check_usage(&["check-expiration", flag], "a value is required");
    }
    check_usage(&["check-expiration", "--warn", ""], "is not a duration");
    check_usage(&["check-expiration", "--warn", "30"], "is not a duration");
    check_usage(&["check-expiration", "--warn=-1d"], "is negative");
    check_usage(
        &["check-expiration", "--critical", "1y"],
        "is not a duration",
    );
    check_usage(
        &["check-expiration", "--warn", "99999999999999999999d"],
        "longer than 100 years",
    );
    check_usage(&["check-expiration", "-o", "xml"], "invalid value 'xml'");
    check_usage(&["renew"], "<NAME|--due <DURATION>>");
    check_usage(&["renew", "--dry-run"], "<NAME|--due <DURATION>>");
    check_usage(&["renew", "all", "--due", "30d"], "cannot be used with");
    check_usage(
        &["renew", "apiserver", "--due", "30d"],
        "cannot be used with",
    );
    check_usage(&["renew", "--", "--dry-run"], "invalid value '--dry-run'");
    check_usage(&["renew", ""], "[possible values: all, apiserver,");
    check_usage(&["template"], "<TEMPLATE>");
    check_usage(&["template", "bogus"], "[possible values: rbac]");
    check_usage(&["init", "--now", "yesterday"], "invalid value 'yesterday'");
}

#[test]
fn an_unknown_name_is_answered_with_all_names() {
    // The CAs and the service-account key are no certificates that some CA signs.
    for name in [
        "bogus",
        "APISERVER",
        "apiserver.crt",
        "ca",
        "etcd-ca",
        "front-proxy-ca",
        "sa",
    ] {
        let run = check_usage(&["renew", name], &format!("invalid value '{name}'"));
        for row in catalog::renewable() {
            assert!(
                run.stderr.contains(&format!(" {}", row.name)),
                "{}: {run}",
                row.name
            );
        }
        check_usage(
            &["renew", "apiserver", name],
            &format!("invalid value '{name}'"),
        );
    }
}

#[test]
fn all_stands_alone() {
    for names in [["all", "apiserver"], ["apiserver", "all"], ["all", "all"]] {
        check_usage(&[&["renew"], &names[..]].concat(), "`all` stands alone")
            .says("Usage: pki renew ");
    }
}

#[test]
fn the_same_name_twice_is_renewed_once() {
    let tree = TestTree::new();
    let run = tree
        .pki(&["renew", "scheduler.conf", "apiserver", "scheduler.conf"])
        .ok();
    let renewed: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.contains("new ECDSA-P256"))
        .collect();
    assert_eq!(renewed.len(), 2, "{run}");
    // In catalog order, however they were typed.
    assert!(
        renewed[0].starts_with("apiserver ") && renewed[1].starts_with("scheduler.conf "),
        "{run}"
    );
}

#[test]
fn a_wrong_value_is_refused_by_its_flag_before_anything_is_written() {
    for (flag, value, reason) in [
        ("--node-name", "", "--node-name: is empty"),
        ("--node-name", "a b", "--node-name: "),
        (
            "--apiserver-advertise-address",
            "300.1.1.1",
            "--apiserver-advertise-address: ",
        ),
        ("--apiserver-bind-port", "0", "--apiserver-bind-port: "),
        ("--apiserver-bind-port", "65536", "--apiserver-bind-port: "),
        (
            "--apiserver-cert-extra-sans",
            "",
            "--apiserver-cert-extra-sans: is empty",
        ),
        (
            "--apiserver-cert-extra-sans",
            "a,,b",
            "--apiserver-cert-extra-sans: is empty",
        ),
        (
            "--apiserver-cert-extra-sans",
            "api_1.example",
            "--apiserver-cert-extra-sans: ",
        ),
        (
            "--apiserver-cert-extra-sans",
            "https://a.example",
            "--apiserver-cert-extra-sans: ",
        ),
        (
            "--control-plane-endpoint",
            "a.example:0",
            "--control-plane-endpoint: ",
        ),
        ("--service-cidr", "10.96.0.0", "--service-cidr: "),
        ("--service-dns-domain", "..", "--service-dns-domain: "),
        (
            "--encryption-algorithm",
            "rsa-2048",
            "want one of `RSA-2048`",
        ),
        ("--encryption-algorithm", "DSA", "want one of `RSA-2048`"),
        (
            "--certificate-validity-period",
            "0h",
            "--certificate-validity-period: ",
        ),
        (
            "--certificate-validity-period",
            "-1h",
            "--certificate-validity-period: ",
        ),
        (
            "--ca-certificate-validity-period",
            "1000y",
            "--ca-certificate-validity-period: ",
        ),
        ("--cert-dir", "a/../b", "--cert-dir: "),
        ("--cert-dir", "a\u{1b}[31mb", "--cert-dir: "),
    ] {
        let tree = TestTree::empty();
        let flag_and_value = format!("{flag}={value}");
        let run = sane(run(tree
            .command(&["init", &flag_and_value])
            .current_dir(tree.root())))
        .exits(3)
        .says(reason)
        .does_not_say("\u{1b}");
        assert!(tree.snapshot().is_empty(), "{run}");
    }
}
