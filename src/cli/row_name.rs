//! The names of rows on the command line, and the message for an unknown name.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use strsim::damerau_levenshtein;

use crate::catalog::{self, Row};
use crate::tree::layout;
use crate::util::escape::quote;

/// The word that selects every row.
pub const ALL: &str = "all";

/// Parses the name of a row that a CA signs.
#[derive(Clone, Copy)]
pub(super) enum RowName {
    /// One row.
    One,
    /// One row, or [`ALL`].
    OneOrAll,
}

impl RowName {
    fn names(self) -> impl Iterator<Item = &'static str> {
        names().filter(move |name| matches!(self, RowName::OneOrAll) || *name != ALL)
    }
}

impl TypedValueParser for RowName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        _argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, Error> {
        let name = value.to_string_lossy();
        match self.names().any(|known| known == name) {
            true => Ok(name.into_owned()),
            false => {
                let message = unknown_name_message(&name);
                Err(command.clone().error(ErrorKind::InvalidValue, message))
            }
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.names().map(PossibleValue::new)))
    }
}

/// Returns the names that `renew` takes.
fn names() -> impl Iterator<Item = &'static str> {
    std::iter::once(ALL).chain(catalog::renewable().map(|row| row.name))
}

/// Returns the message for a name that cannot be renewed.
fn unknown_name_message(name: &str) -> String {
    let shown = quote(name);
    if let Some(row) = catalog::find(name) {
        return match row.is_ca() {
            true => {
                format!("{shown} is a CA: pki renews what a CA signs, and cannot replace a CA yet")
            }
            false => format!("{shown} is a key pair without a certificate: it does not expire"),
        };
    }
    if let Some(row) = row_of_file(name) {
        return format!(
            "{shown} is a file of `{}`: use `pki renew {}`",
            row.name, row.name
        );
    }
    if name.contains(',') {
        return format!("there is no {shown}; separate names with blanks");
    }
    let mut alike: Vec<_> = names().filter(|known| begins(known, name)).collect();
    if alike.is_empty() {
        let wanted = name.trim().to_lowercase();
        alike.extend(names().filter(|known| damerau_levenshtein(known, &wanted) <= 2));
    }
    if !alike.is_empty() {
        return format!("there is no {shown}; did you mean {}?", alike.join(", "));
    }
    let names: Vec<_> = names().collect();
    format!("there is no {shown}; the names are:\n  {}", wrapped(&names))
}

/// Returns whether the first words of a name are these, such as `etcd` of `etcd-server`.
fn begins(known: &str, name: &str) -> bool {
    known
        .strip_prefix(name)
        .is_some_and(|rest| !name.is_empty() && rest.starts_with(['-', '.']))
}

/// Returns the row that a file belongs to, by its name or its path.
fn row_of_file(name: &str) -> Option<&'static Row> {
    let relative = name
        .trim_start_matches("/etc/kubernetes/")
        .trim_start_matches("pki/");
    catalog::renewable().find(|row| {
        layout::files(row)
            .iter()
            .any(|(file, _)| file.relative == relative)
    })
}

/// Returns names in lines that fit on a terminal.
fn wrapped(names: &[&str]) -> String {
    let mut text = String::new();
    let mut length = 0;
    for (index, name) in names.iter().enumerate() {
        let end = if index + 1 < names.len() { "," } else { "" };
        if length + name.len() > 72 {
            text.push_str("\n ");
            length = 0;
        }
        if index > 0 {
            text.push(' ');
        }
        text.push_str(name);
        text.push_str(end);
        length += name.len() + 2;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_answered_with_all_names() {
        let text = unknown_name_message("bogus");
        for name in names() {
            assert!(text.contains(&format!(" {name}")), "{name}: {text}");
        }
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
