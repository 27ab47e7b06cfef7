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

/// Types a command line in an empty directory: exit code 2, the reason on standard error, nothing else.
#[track_caller]
fn check_usage(arguments: &[&str], reason: &str) -> Run {
    let folder = TestTree::empty();
    let mut command = pki();
    command.current_dir(folder.root()).args(arguments);
    folder
        .watch(&mut command)
        .exits(2)
        .says(reason)
        .prints_nothing()
        .changed_nothing()
}

#[test]
fn wrong_usage_exits_with_2() {
    check_usage(&["init", "--bogus"], "unexpected argument '--bogus'");
    // What our own types of arguments say.
    for flag in [
        "--rootfs",
        "--cert-dir",
        "--kubeconfig-dir",
        "--kubelet-cert-dir",
        "--config",
    ] {
        check_usage(&["init", flag, ""], "the path is empty");
    }
    check_usage(&["check-expiration", "--warn", "30"], "is not a duration");
    check_usage(&["check-expiration", "--critical=-1d"], "is negative");
    check_usage(
        &["renew", "--due", "99999999999999999999d"],
        "longer than 100 years",
    );
    check_usage(&["renew"], "<NAME|--due <DURATION>>");
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
    // In catalog order, however they were typed.
    assert_eq!(run.marked('~'), ["apiserver", "scheduler.conf"], "{run}");
}
