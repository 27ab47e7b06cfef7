//! `cargo xtask gen`: the parts of README.md that follow from the source.
//!
//! A part is what stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`. Writing and checking are one function.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};
use pki::{
    catalog::{CATALOG, CommonName, Profile, Row, SanRule, Sharing},
    tree::layout::{self, Access, Root, TreePath},
};

use crate::{cases, command::top};

/// Whether stale text is written anew, or is an error.
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

const PARTS: [Part; 2] = [
    Part {
        file: "README.md",
        name: "catalog",
        text: || Ok(catalog()),
    },
    Part {
        file: "tests/cases/README.md",
        name: "cases",
        text: cases::table,
    },
];

/// Compares every part with the source, or writes it.
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
            println!("{file}: written anew");
            write(new)
        }
    }
}

/// Returns the document with the part of that name replaced.
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

/// Returns the table of everything that `pki` keeps in a tree.
fn catalog() -> String {
    let mut table = "| name | what it is | files, with mode | CN | O | signer | usages | SANs | of |\n|---|---|---|---|---|---|---|---|---|\n".to_owned();
    for row in CATALOG {
        table.push_str(&format!("| {} |\n", cells(row).join(" | ")));
    }
    table
}

fn cells(row: &Row) -> [String; 9] {
    let (common_name, organization, sans) = match &row.profile {
        Profile::Ca { common_name } => (quote(common_name), None, quote(common_name)),
        Profile::Leaf {
            common_name, sans, ..
        } => (
            common_name_text(*common_name),
            None,
            san_text(*sans).to_owned(),
        ),
        Profile::Client {
            common_name,
            organization,
            ..
        } => (common_name_text(*common_name), *organization, String::new()),
        Profile::ServiceAccount => Default::default(),
    };
    let signer = match row.signer() {
        Some(signer) => quote(signer.name),
        None if row.is_ca() => "itself".to_owned(),
        None => String::new(),
    };
    let usages: Vec<_> = row.usages().iter().map(|usage| usage.name()).collect();
    let organization = organization.map(quote).unwrap_or_default();
    [
        quote(row.name),
        row.description.to_owned(),
        files(row),
        common_name,
        organization,
        signer,
        usages.join(", "),
        sans,
        match row.sharing {
            Sharing::Cluster => "the cluster",
            Sharing::Node => "each node",
        }
        .to_owned(),
    ]
}

fn files(row: &Row) -> String {
    let text = |(file, access): &(TreePath, Access)| {
        let folder = if file.root == Root::Certificates {
            "pki/"
        } else {
            ""
        };
        format!("`{folder}{}` {:04o}", file.relative, access.mode())
    };
    layout::files(row)
        .iter()
        .map(text)
        .collect::<Vec<_>>()
        .join(", ")
}

fn common_name_text(common_name: CommonName) -> String {
    match common_name {
        CommonName::Fixed(name) => quote(name),
        CommonName::Node => "node name".to_owned(),
        CommonName::NodeUser => "`system:node:` and the node name".to_owned(),
    }
}

fn san_text(rule: SanRule) -> &'static str {
    match rule {
        SanRule::Empty => "",
        SanRule::ApiServer => {
            "node name, `kubernetes[.default[.svc[.DOMAIN]]]`, first service address, advertise address, control-plane endpoint, extra ones"
        }
        SanRule::EtcdServer | SanRule::EtcdPeer => {
            "node name, `localhost`, advertise address, `127.0.0.1`, `::1`, extra ones"
        }
    }
}

fn quote(text: &str) -> String {
    format!("`{text}`")
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
        assert_eq!(table.lines().count(), CATALOG.len() + 2);
        let columns = |line: &str| line.matches(" | ").count();
        assert!(
            table.lines().skip(2).all(|line| columns(line) == 8),
            "{table}"
        );
        assert!(table.contains("| `etcd-server` | serving certificate of etcd | `pki/etcd/server.crt` 0644, `pki/etcd/server.key` 0600 | node name |  | `etcd-ca` | serverAuth, clientAuth | node name,"));
    }
}
