//! What the README and the examples tell a user to type works when typed.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Run, pki, run};

/// The lines of the first shell block of the README, its comments taken off.
fn session() -> Vec<String> {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let block = readme
        .split("```sh\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let lines: Vec<_> = block
        .lines()
        .map(|line| line.split(" #").next().unwrap().trim().to_owned())
        .collect();
    assert!(lines.len() > 5, "{block}");
    lines
}

/// Runs a line of the README in a directory, with the tested binary for the built one.
fn type_in(line: &str, directory: &Path) -> Run {
    let arguments = line
        .strip_prefix("cargo run --release -- ")
        .or_else(|| line.strip_prefix("target/release/pki "));
    let mut command = match arguments {
        Some(arguments) => {
            let mut command = pki();
            command.args(arguments.split_whitespace());
            command
        }
        None => {
            let mut words = line.split_whitespace();
            let mut command = Command::new(words.next().unwrap());
            command.args(words);
            command
        }
    };
    run(command.current_dir(directory))
}

#[test]
fn every_line_of_the_first_session_succeeds_in_its_order() {
    let directory = TempDir::new().unwrap();
    for line in session() {
        type_in(&line, directory.path()).ok();
    }
    assert!(
        directory
            .path()
            .join("demo/etc/kubernetes/pki/apiserver.crt")
            .exists()
    );
}

#[test]
fn the_usage_shown_in_the_readme_is_the_usage_of_the_binary() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let blocks = readme
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let typed: Vec<_> = blocks
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("pki "))
        .collect();
    assert!(typed.len() > 5, "{typed:?}");
    for line in typed {
        // Up to a comment or a pipe; `--help` makes clap judge the words before it and nothing else happen.
        let words = line.split(['#', '|']).next().unwrap().split_whitespace();
        let flags: Vec<_> = words
            .clone()
            .filter(|word| word.starts_with("--"))
            .collect();
        let command = words.clone().next().unwrap();
        // Of these the flags are their subcommands'.
        let depth = if command == "config" { 2 } else { 1 };
        let help = run(pki().args(words.clone().take(depth)).arg("--help")).ok();
        for flag in flags {
            assert!(
                help.stdout.contains(flag),
                "`pki {line}`: {command} has no {flag}"
            );
        }
    }
}

#[test]
fn every_example_configuration_makes_a_tree_without_a_warning() {
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"));
    let files: Vec<PathBuf> = std::fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().path())
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
