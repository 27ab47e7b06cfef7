//! Holds the table of `tests/README.md` against the sources, so that it does not rot.

use std::{collections::BTreeMap, fs, path::Path};

use clap::CommandFactory;
use pki::cli::Cli;

/// A row of the table: kubeadm's test, verdict there, our tests, why.
struct Row {
    line: usize,
    cells: Vec<String>,
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("tests/README.md")).unwrap();
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.starts_with("| Test"))
        .map(|(index, line)| Row {
            line: index + 1,
            cells: line
                .trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect(),
        })
        .collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns what stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Returns the file that a module lies in: unit tests beside what they test, the others in this folder.
fn file_of(module: &str) -> String {
    let path = module.replace("::", "/");
    match path.strip_suffix("/tests") {
        Some(tested) => {
            let own = format!("src/{path}.rs");
            if root().join(&own).exists() {
                own
            } else {
                format!("src/{tested}.rs")
            }
        }
        None => format!("tests/{path}.rs"),
    }
}

/// Returns the names of the functions in a file that are tests, those of proptest too.
fn tests_in(path: &Path) -> Vec<String> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ")
            && std::mem::take(&mut is_test)
        {
            tests.push(rest.split('(').next().unwrap().to_owned());
        }
    }
    tests
}

#[test]
fn every_test_that_the_table_names_exists() {
    let mut files = BTreeMap::new();
    let mut named = 0;
    for row in rows() {
        for name in row.cells[2..].iter().flat_map(|cell| quoted(cell)) {
            let Some((module, test)) = name.rsplit_once("::") else {
                continue;
            };
            let file = file_of(module);
            let tests = files
                .entry(file.clone())
                .or_insert_with(|| tests_in(&root().join(&file)));
            assert!(
                tests.iter().any(|found| found == test),
                "tests/README.md:{}: there is no test {test} in {file}",
                row.line
            );
            named += 1;
        }
    }
    assert!(named > 100, "the table has not been read: {named} names");
}

#[test]
fn every_row_of_the_table_names_a_test_or_the_command_it_waits_for() {
    for row in rows() {
        assert_eq!(row.cells.len(), 4, "tests/README.md:{}", row.line);
        let ours = row.cells[2].as_str();
        if let Some(waits_for) = ours.strip_prefix("with ") {
            for command in quoted(waits_for) {
                let words = command.strip_prefix("pki ").unwrap().split(' ');
                let cli = Cli::command();
                let found = words
                    .into_iter()
                    .try_fold(&cli, |command, word| command.find_subcommand(word));
                assert!(
                    found.is_none(),
                    "tests/README.md:{}: `{command}` is there now: name its test",
                    row.line
                );
            }
        } else {
            assert!(ours.contains("::"), "tests/README.md:{}: {ours}", row.line);
        }
        let verdict = row.cells[3].as_str();
        assert!(
            ["same", "stricter", "later", "other"]
                .iter()
                .any(|word| verdict.starts_with(word)),
            "tests/README.md:{}: {verdict}",
            row.line
        );
    }
}
