//! `cargo xtask gen`: generates parts of documents from the source.
//!
//! A part is the text between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. One function both writes and checks.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use pki::{
    catalog::{
        CATALOG, CommonName, Profile, Row, SanRule,
        components::{READERS, Reload},
    },
    check::finding::{Severity, TABLE},
    tree::layout::{self, Access, Root, TreePath},
    util::table::{Cell, Spacing, table},
};

use crate::{cases, command::top};

/// Whether outdated text is an error or is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Check,
    Write,
}

/// A part of a document.
struct Part {
    file: &'static str,
    name: &'static str,
    text: fn() -> Result<String>,
}

const PARTS: [Part; 7] = [
    topic(FILES, "catalog", || Ok(catalog())),
    topic(FILES, "subjects", || Ok(subjects())),
    topic(FILES, "organizations", || Ok(organizations())),
    topic(FILES, "sans", || Ok(sans())),
    topic(FILES, "readers", || Ok(readers())),
    topic(FINDINGS, "findings", || Ok(findings())),
    Part {
        file: "tests/cases/README.md",
        name: "cases",
        text: cases::table,
    },
];

const FILES: &str = "templates/help/files.md";
const FINDINGS: &str = "templates/help/findings.md";

const fn topic(file: &'static str, name: &'static str, text: fn() -> Result<String>) -> Part {
    Part { file, name, text }
}

/// Checks or writes all parts.
pub(crate) fn run(mode: Mode) -> Result<ExitCode> {
    for Part { file, name, text } in PARTS {
        let path = top()?.join(file);
        let old = fs::read_to_string(&path).with_context(|| format!("cannot read {file}"))?;
        let new = replace(&old, name, &text()?).with_context(|| format!("in {file}"))?;
        compare_or_write(mode, file, &old, &new, |text| {
            fs::write(&path, text).with_context(|| format!("cannot write {file}"))
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

fn compare_or_write(
    mode: Mode,
    file: &str,
    old: &str,
    new: &str,
    write: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    if old == new {
        return Ok(());
    }
    match mode {
        Mode::Check => bail!("{file} is stale: run `cargo xtask gen`"),
        Mode::Write => {
            println!("{file}: updated");
            write(new)
        }
    }
}

/// Replaces the named part of a document.
fn replace(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (
        format!("<!-- begin: {name} -->\n"),
        format!("<!-- end: {name} -->"),
    );
    let (before, rest) = document
        .split_once(&begin)
        .with_context(|| format!("there is no line `{}`", begin.trim_end()))?;
    let (_, after) = rest
        .split_once(&end)
        .with_context(|| format!("there is no line `{end}` after its beginning"))?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

/// Returns the table of the rows of a tree.
fn catalog() -> String {
    let rows = CATALOG
        .iter()
        .map(|row| [row.name.to_owned(), files(row), row.description.to_owned()]);
    block(["NAME", "FILES", "WHAT IT IS"], rows)
}

/// Returns the table of the contents of certificates.
fn subjects() -> String {
    let rows = CATALOG.iter().filter_map(|row| {
        let common_name = match &row.profile {
            Profile::Ca { common_name } => (*common_name).to_owned(),
            Profile::Leaf { common_name, .. } | Profile::Client { common_name, .. } => {
                common_name_text(*common_name)
            }
            Profile::User | Profile::ServiceAccount | Profile::Observed => return None,
        };
        let usages: Vec<_> = row.usages().iter().map(|usage| usage.name()).collect();
        Some([
            row.name.to_owned(),
            row.signer()
                .map_or("itself", |signer| signer.name)
                .to_owned(),
            common_name,
            usages.join(", "),
        ])
    });
    block(["NAME", "SIGNED BY", "CN", "USAGES"], rows)
}

/// Returns the list of subject alternative names.
fn sans() -> String {
    CATALOG
        .iter()
        .filter_map(|row| match row.profile {
            Profile::Leaf { sans, .. } if sans != SanRule::Empty => {
                Some(format!("- {}: {}\n", row.name, san_text(sans)))
            }
            _ => None,
        })
        .collect()
}

/// Returns the list of organizations, which are groups in Kubernetes.
fn organizations() -> String {
    CATALOG
        .iter()
        .filter_map(|row| match row.profile {
            Profile::Client { organization, .. } => {
                Some(format!("- {}: {}\n", row.name, organization?))
            }
            _ => None,
        })
        .collect()
}

/// Returns the table of components and the files that they read.
fn readers() -> String {
    let mut last = "";
    let mut rows = Vec::new();
    for reader in READERS {
        let component = reader.component.name();
        if component != last {
            rows.push([component, "", ""].map(str::to_owned));
            last = component;
        }
        for line in 0..reader.options.len().max(reader.files.len()) {
            let reload = match (line, reader.reload) {
                (0, Reload::Automatic) => "yes",
                (0, Reload::Restart) => "no",
                _ => "",
            };
            let cell = |texts: &[&'static str]| texts.get(line).copied().unwrap_or_default();
            rows.push([
                format!("  {}", cell(reader.options)),
                cell(reader.files).to_owned(),
                reload.to_owned(),
            ]);
        }
    }
    block(
        ["COMPONENT AND OPTION", "FILE", "RELOADS"],
        rows.into_iter(),
    )
}

/// Returns the list of all kinds of findings, by subject.
fn findings() -> String {
    let mut text = String::new();
    for kind in TABLE {
        let severity = match kind.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let advice = match kind.advice {
            "" => String::new(),
            advice => format!(" What to do: {advice}."),
        };
        let entry = format!("- {} ({severity}): {}{advice}", kind.name, kind.meaning);
        text.push_str(&wrapped(&entry));
    }
    text
}

/// Returns an entry of a list in lines of at most 96 characters.
fn wrapped(entry: &str) -> String {
    let mut lines = vec![String::new()];
    for word in entry.split(' ') {
        let line = lines.last().map_or(0, String::len);
        if line > 0 && line + 1 + word.len() > 96 {
            lines.push(" ".to_owned());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// Returns a table as an indented block.
fn block<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut cells: Vec<Vec<Cell>> = vec![header.into_iter().map(Cell::from).collect()];
    cells.extend(rows.map(|row| row.into_iter().map(Cell::from).collect()));
    let text = table(&cells, Spacing::Narrow);
    let lines = text.lines().map(|line| format!("    {line}\n"));
    lines.collect()
}

fn files(row: &Row) -> String {
    let text = |(file, _): &(TreePath, Access)| {
        let folder = match file.root {
            Root::Certificates => "pki/",
            _ => "",
        };
        format!("{folder}{}", file.relative)
    };
    let mut files = layout::files(row).iter().map(text).collect::<Vec<_>>();
    // The second file differs only in its extension.
    if let Some(second) = files.get_mut(1)
        && let Some((_, extension)) = second.clone().rsplit_once('.')
    {
        *second = format!(".{extension}");
    }
    files.join(", ")
}

fn common_name_text(common_name: CommonName) -> String {
    match common_name {
        CommonName::Fixed(name) => name.to_owned(),
        CommonName::Node => "<node name>".to_owned(),
        CommonName::NodeUser => "system:node:<node name>".to_owned(),
    }
}

fn san_text(rule: SanRule) -> &'static str {
    match rule {
        SanRule::Empty => "",
        SanRule::ApiServer => {
            "node name, kubernetes[.default[.svc[.DOMAIN]]], first service address, advertise\n  address, control-plane endpoint, apiServer.certSANs"
        }
        SanRule::EtcdServer => {
            "node name, localhost, advertise address, 127.0.0.1, ::1, etcd.local.serverCertSANs"
        }
        SanRule::EtcdPeer => {
            "node name, localhost, advertise address, 127.0.0.1, ::1, etcd.local.peerCertSANs"
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::cell::Cell;

    use super::*;

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let document = "a\n<!-- begin: x -->\nold\n<!-- end: x -->\nb\n";
        assert_eq!(
            replace(document, "x", "new\n").unwrap(),
            document.replace("old", "new")
        );
        assert_eq!(
            replace(document, "y", "new\n").unwrap_err().to_string(),
            "there is no line `<!-- begin: y -->`"
        );
    }

    #[test]
    fn stale_text_is_an_error_for_a_check_and_written_otherwise() {
        let written = Cell::new(None);
        let apply = |mode, old, new: &str| {
            compare_or_write(mode, "README.md", old, new, |text| {
                written.set(Some(text.to_owned()));
                Ok(())
            })
        };
        apply(Mode::Check, "same", "same").unwrap();
        assert!(
            apply(Mode::Check, "old", "new")
                .unwrap_err()
                .to_string()
                .contains("cargo xtask gen")
        );
        assert_eq!(written.take(), None);
        apply(Mode::Write, "old", "new").unwrap();
        assert_eq!(written.take().as_deref(), Some("new"));
    }

    #[test]
    fn the_table_has_a_line_for_every_row_of_the_catalog() {
        let table = catalog();
        assert_eq!(table.trim().lines().count(), CATALOG.len() + 1);
        assert!(
            table.contains("\n    etcd-server               pki/etcd/server.crt, .key "),
            "{table}"
        );
        assert!(readers().contains("--tls-private-key-file"));
    }
}
