//! The commands in README, help and examples work, and the texts are in plain English.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use tempfile::TempDir;

use crate::cli::help::assert_parses;
use crate::support::{Run, pki, run};

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../examples/cluster.yaml");

/// The lines of the README's shell blocks, their comments taken off.
fn typed() -> Vec<String> {
    let blocks = README
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let lines: Vec<_> = blocks
        .flat_map(str::lines)
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect();
    assert!(lines.len() > 20, "{lines:?}");
    lines
}

/// Runs the `pki` command of a line in a directory; its output goes to the file after `>`, if there is one.
fn type_in(line: &str, directory: &Path) -> Run {
    let command = line.split('|').next().unwrap();
    let (words, file) = command.split_once(" > ").unwrap_or((command, ""));
    let mut program = pki();
    program
        .current_dir(directory)
        .args(words.split_whitespace().skip(1));
    // Commands without `--rootfs` are for this machine.
    let has_tree = !["completions", "template", "config example"]
        .iter()
        .any(|command| words.contains(command))
        && words != "pki certificate-key";
    if has_tree && !words.contains("--rootfs") {
        program.args(["--rootfs", "host"]);
    }
    let ended = run(&mut program);
    if !file.is_empty() {
        std::fs::write(directory.join(file.trim()), &ended.stdout).unwrap();
    }
    ended
}

/// The README is one session: commands use the files of earlier ones.
#[test]
fn every_command_of_the_readme_succeeds_in_its_order() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("setup.yaml"), EXAMPLE).unwrap();
    type_in("pki init --config setup.yaml", directory.path()).ok();
    for line in typed() {
        if line.contains("/backup/") || line.starts_with("pki show ") {
            // Files that only the operator has.
            assert_parses(&line);
        } else if line.starts_with("pki ") {
            type_in(&line, directory.path()).ok();
        } else {
            let others = ["cargo ", "$EDITOR ", "scp ", "ssh "];
            assert!(others.iter().any(|other| line.starts_with(other)), "{line}");
            // On another machine.
            if let Some(command) = line.strip_prefix("ssh cp2 ") {
                assert_parses(command);
            }
        }
    }
    for tree in ["demo", "host"] {
        let file = "etc/kubernetes/pki/apiserver.crt";
        assert!(directory.path().join(tree).join(file).exists(), "{tree}");
    }
}

#[test]
fn the_readme_can_be_read_from_top_to_bottom() {
    let lines = README.lines().count();
    assert!(lines <= 230, "{lines} lines");
}

#[test]
fn every_command_of_a_help_topic_can_be_typed() {
    let mut commands = 0;
    for topic in pki::cmd::TOPICS {
        let lines = topic.text.lines();
        let lines: Vec<_> = lines.filter_map(|line| line.strip_prefix("    ")).collect();
        for line in lines.join("\n").replace("\\\n", "").lines() {
            // After the time of a cron job, the user, or systemd's key.
            let command = line.find("pki ").map(|start| &line[start..]);
            let Some(command) = command.filter(|_| !line.starts_with('#')) else {
                continue;
            };
            commands += 1;
            assert_parses(command);
        }
    }
    assert!(commands > 5, "{commands}");
}

/// Words of sentences that a reader has to read twice.
const ODD_WORDS: [&str; 14] = [
    "lies",
    "whoever",
    "wherever",
    "nobody",
    "of it",
    "is none",
    "anew",
    "besides",
    "lacking",
    "litter",
    "behind it",
    "made again",
    "towards",
    "thereof",
];

#[test]
fn texts_for_people_use_plain_words() {
    let mut texts: Vec<(String, String)> = vec![
        ("README.md".to_owned(), README.to_owned()),
        (
            "CHANGELOG.md".to_owned(),
            include_str!("../CHANGELOG.md").to_owned(),
        ),
        ("cluster.yaml".to_owned(), EXAMPLE.to_owned()),
        (
            "rbac.yaml".to_owned(),
            include_str!("../templates/kubernetes/rbac.yaml").to_owned(),
        ),
    ];
    for topic in pki::cmd::TOPICS {
        texts.push((topic.name.to_owned(), topic.text.to_owned()));
    }
    let mut commands = vec![pki::cli::Cli::command()];
    while let Some(mut command) = commands.pop() {
        let help = command.render_long_help().to_string();
        texts.push((command.get_name().to_owned(), help));
        commands.extend(command.get_subcommands().cloned());
    }
    for (name, text) in texts {
        let words = text
            .to_lowercase()
            .split(|c: char| !c.is_alphanumeric() && c != '-')
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        for odd in ODD_WORDS {
            let found = format!(" {words} ").contains(&format!(" {odd} "));
            assert!(!found, "{name} says {odd:?}");
        }
    }
}

#[test]
fn every_example_configuration_makes_a_tree_without_a_warning() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"));
    let files: Vec<PathBuf> = std::fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    assert!(!files.is_empty());
    for file in files {
        let directory = TempDir::new().unwrap();
        let made = run(pki()
            .arg("init")
            .arg("--config")
            .arg(&file)
            .arg("--rootfs")
            .arg(directory.path()))
        .ok();
        assert_eq!(made.stderr, "", "{}", file.display());
    }
}

#[test]
fn every_direct_dependency_is_explained() {
    let manifest = include_str!("../Cargo.toml");
    let dependencies = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .map_while(|line| line.split_once(" = "));
    let topic = include_str!("../templates/help/dependencies.md");
    let explained: Vec<_> = topic
        .lines()
        .filter_map(|line| line.strip_prefix("- ")?.split_once(':'))
        .flat_map(|(names, _)| names.split(", "))
        .collect();
    let mut count = 0;
    for (name, _) in dependencies {
        count += 1;
        assert!(
            explained.contains(&name),
            "{name} has no row: {explained:?}"
        );
    }
    assert!(count > 20, "{count}");
}
