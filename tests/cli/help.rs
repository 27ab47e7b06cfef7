//! Help texts, and the answers to wrong usage.

use clap::CommandFactory;
use pki::cli::Cli;

use crate::support::{Run, TestTree, pki, run, sane};

const EXIT_CODES: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "129, 130, 143"];

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
        .chain([
            "config show",
            "config example",
            "certs renew",
            "certs check-expiration",
            "certs certificate-key",
            "bootstrap-token new",
            "kubeconfig user",
            "kubeconfig kube-proxy",
            "kubeconfig bootstrap",
            "ca new",
            "csr new",
        ])
        .map(help)
        .collect()
}

/// Fails unless clap accepts every `pki` command of a shell line; what else stands in it is left alone.
#[track_caller]
pub(crate) fn assert_parses(line: &str) {
    let line = line.split(" #").next().unwrap();
    for part in line.split('|') {
        let Some(words) = part.trim().strip_prefix("pki ") else {
            continue;
        };
        let words = words.split(['<', '>']).next().unwrap();
        let words = std::iter::once("pki".to_owned()).chain(shell_words(words));
        if let Err(error) = pki::cli::parse(words.map(std::ffi::OsString::from)) {
            panic!("{line}: {error}");
        }
    }
}

/// Splits a line as a shell does; a word may be in single quotes.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    // Every second part is in quotes.
    for (index, part) in line.split('\'').enumerate() {
        let mut pieces = match index % 2 {
            0 => part.split(char::is_whitespace).collect(),
            _ => vec![part],
        }
        .into_iter();
        words.last_mut().unwrap().extend(pieces.next());
        words.extend(pieces.map(str::to_owned));
    }
    words.retain(|word| !word.is_empty());
    words
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

/// Returns the lines of a help that explain exit codes, with the code of each.
fn exit_codes(help: &str) -> Vec<(&str, &str)> {
    help.lines()
        .skip_while(|line| !line.starts_with("Exit codes"))
        .skip(1)
        .map_while(|line| line.strip_prefix("  ")?.split_once("  "))
        .collect()
}

/// The same everywhere; a command repeats only where it has more to say.
#[test]
fn exit_codes_are_explained_once() {
    let root = run(pki().arg("--help")).ok().stdout;
    let codes: Vec<_> = exit_codes(&root).iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, EXIT_CODES);
    for (command, help) in helps().iter().filter(|(command, _)| !command.is_empty()) {
        for (code, _) in exit_codes(&help.stdout) {
            assert!(["4", "5"].contains(&code), "{command}: {code}");
        }
    }
    let readme = include_str!("../../README.md");
    for (code, meaning) in exit_codes(&root) {
        let row = format!("| {code} | {meaning} |");
        assert!(readme.contains(&row), "README lacks {row:?}");
    }
}

#[test]
fn each_help_has_examples_that_can_be_typed() {
    for (command, help) in helps() {
        let examples: Vec<_> = help
            .stdout
            .lines()
            .skip_while(|line| *line != "Examples:")
            .skip(1)
            .collect();
        assert!(!examples.is_empty(), "{command} has no example");
        for example in examples {
            assert_parses(example);
        }
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
fn help_does_not_show_the_now_flag() {
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

/// The cases of this are unit tests of `cli::usage_hints`.
#[test]
fn a_wrong_name_is_answered_with_the_right_one() {
    check_usage(&["renew", "apiserver.crt"], "use `pki renew apiserver`");
    check_usage(&["renew", "apiserver", "bogus"], " apiserver-etcd-client,");
    check_usage(&["help", "bogus"], "there is no command or topic 'bogus'");
}

#[test]
fn help_prints_commands_and_topics() {
    let help = |words: &[&str]| run(pki().args(words)).ok().stdout;
    assert_eq!(help(&["help"]), help(&["--help"]));
    assert_eq!(help(&["help", "renew"]), help(&["renew", "--help"]));
    assert_eq!(
        help(&["help", "config", "show"]),
        help(&["config", "show", "--help"])
    );
    let root = help(&["help"]);
    for topic in pki::cmd::TOPICS {
        assert!(
            root.contains(&format!("\n  {} ", topic.name)),
            "{}",
            topic.name
        );
        assert_eq!(help(&["help", topic.name]), topic.printed());
    }
    assert_eq!(help(&["version"]), help(&["--version"]));
}

#[test]
fn a_verbose_version_names_what_was_built() {
    let verbose = run(pki().args(["version", "--verbose"])).ok().stdout;
    for typed in [
        &["--version", "--verbose"][..],
        &["--verbose", "--version"],
        &["-V", "-v"],
        &["-Vv"],
        &["-vV"],
        &["version", "-v"],
    ] {
        assert_eq!(run(pki().args(typed)).ok().stdout, verbose, "{typed:?}");
    }
    let lines: Vec<_> = verbose.lines().collect();
    assert_eq!(lines[0], concat!("pki ", env!("CARGO_PKG_VERSION")));
    let value = |line: usize, name: &str| lines[line].strip_prefix(name).unwrap();
    assert!(!value(1, "commit: ").is_empty(), "{verbose}");
    let library = value(2, "cryptography: ");
    assert!(
        library.starts_with("AWS-LC ") && library.ends_with(", not its FIPS module"),
        "{verbose}"
    );
    let target = format!("{}-unknown-linux-", std::env::consts::ARCH);
    assert!(value(3, "target: ").starts_with(&target), "{verbose}");
    assert_eq!(
        run(pki().arg("--version")).ok().stdout,
        format!("{}\n", lines[0])
    );
    check_usage(&["--verbose"], "requires a subcommand");
    check_usage(&["--verbose", "init"], "--version");
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(pki().args(["completions", shell])).ok().stdout;
        assert!(script.contains("check-expiration"), "{shell}");
    }
}

#[test]
fn all_cannot_be_combined_with_names() {
    for names in [["all", "apiserver"], ["apiserver", "all"], ["all", "all"]] {
        check_usage(
            &[&["renew"], &names[..]].concat(),
            "`all` cannot be combined",
        )
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
