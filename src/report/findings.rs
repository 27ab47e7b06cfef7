//! Findings and remedies as text. Commands in remedies are spelled only here.

use std::path::Path;

use crate::catalog::Row;
use crate::check::finding::{Finding, Findings, PkiCommand, Remedy, Severity};
use crate::check::title;
use crate::plan::message;
use crate::util::escape::{shell_path, shell_word};

/// The arguments that a printed command needs for the same tree and configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeArguments {
    /// Flags and their values, in the order in which they are printed.
    arguments: Vec<String>,
    named: Naming,
}

/// How a tree was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Naming {
    /// By flags, or not at all.
    #[default]
    Flags,
    /// As one directory.
    Directory(String),
    /// As an archive, so commands about it work only on the host that it is a copy of.
    Archive,
}

impl TreeArguments {
    /// Adds a flag with its value, if it was given.
    pub fn add(&mut self, flag: &str, value: Option<&Path>) {
        if let Some(value) = value {
            self.arguments.push(flag.to_owned());
            self.arguments.push(match value.as_os_str() == "-" {
                // Standard input, not a file of this name.
                true => "-".to_owned(),
                false => shell_path(value),
            });
        }
    }

    /// Takes the arguments of a tree that was named as one directory.
    #[must_use]
    pub fn of_named_tree(self, name: &str) -> TreeArguments {
        TreeArguments {
            named: Naming::Directory(shell_word(name)),
            ..self
        }
    }

    /// Returns the arguments for a tree that was named as an archive: those of its host, which are the default.
    pub fn of_archive() -> TreeArguments {
        TreeArguments {
            arguments: Vec::new(),
            named: Naming::Archive,
        }
    }

    /// Returns whether the commands work on this host.
    pub fn is_here(&self) -> bool {
        self.named != Naming::Archive
    }

    /// Returns advice as it can be carried out: a tree that is named as one directory takes no `--config`, and an archive is
    /// not changed.
    pub fn advice(&self, words: &str) -> String {
        let has_option = words.contains("`--config`");
        match &self.named {
            Naming::Directory(name) if has_option => {
                let flags = self.arguments.join(" ");
                format!("use `{flags}` instead of `{name}`, and {words}")
            }
            Naming::Archive if has_option || words.starts_with("run ") => on_the_host(words),
            Naming::Flags | Naming::Directory(_) | Naming::Archive => words.to_owned(),
        }
    }

    /// Returns a command that can be pasted into a shell.
    pub fn command(&self, command: &PkiCommand) -> String {
        let mut words = vec!["pki".to_owned()];
        match command {
            PkiCommand::Init => words.push("init".to_owned()),
            PkiCommand::Renew(rows) => {
                words.push("renew".to_owned());
                words.extend(rows.iter().map(|row| row.name.to_owned()));
            }
            PkiCommand::RenewAll => words.extend(["renew", "all"].map(str::to_owned)),
            PkiCommand::RenewDue(within) => {
                words.extend(["renew", "--due"].map(str::to_owned));
                words.push(within.to_string());
            }
            PkiCommand::RequestCertificates { rows, new_key } => {
                words.extend(["csr", "generate"].map(str::to_owned));
                words.extend(rows.iter().map(|row| row.name.to_owned()));
                words.extend(new_key.then(|| "--new-key".to_owned()));
            }
        }
        self.with(&words.join(" "))
    }

    /// Returns the hint of a file error with these arguments in its `pki recover` commands. Where such an error arises,
    /// nothing is known of the command line.
    pub fn hint(&self, hint: &str) -> String {
        let parts = hint.split('`').map(|part| match part {
            // One that names its directories is about another tree.
            _ if part.starts_with("pki recover ") && !part.contains(" --cert-dir ") => {
                self.with(part)
            }
            _ => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("`")
    }

    /// Returns a command with these arguments at its end.
    pub fn with(&self, command: &str) -> String {
        let words = std::iter::once(command).chain(self.arguments.iter().map(String::as_str));
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Returns a remedy as one clause, or an empty text if there is no remedy.
pub fn remedy(remedy: &Remedy, arguments: &TreeArguments) -> String {
    let commands: Vec<_> = remedy
        .commands
        .iter()
        .map(|command| format!("`{}`", arguments.command(command)))
        .collect();
    let commands = match commands.is_empty() {
        true => None,
        false => Some(format!("run {}", commands.join(", then "))),
    };
    let commands = match arguments.is_here() {
        true => commands,
        false => commands.map(|commands| on_the_host(&commands)),
    };
    let words = remedy.words.as_ref().map(|words| arguments.advice(words));
    match (words, commands) {
        (Some(words), Some(commands)) => format!("{words}: {commands}"),
        (Some(words), None) => words,
        (None, Some(commands)) => commands,
        (None, None) => String::new(),
    }
}

fn on_the_host(advice: &str) -> String {
    format!("on the host, {advice}")
}

/// Returns a reason and its remedy.
pub fn with_remedy(reason: &str, what: &Remedy, arguments: &TreeArguments) -> String {
    match remedy(what, arguments) {
        remedy if remedy.is_empty() => reason.to_owned(),
        remedy => format!("{reason}; {remedy}"),
    }
}

/// Findings that differ only in their rows.
#[derive(Clone, Debug)]
pub struct FindingGroup {
    /// The first of them, with a remedy for all.
    pub finding: Finding,
    /// Their rows.
    pub rows: Vec<&'static Row>,
}

impl FindingGroup {
    /// Returns what was found, with the names of the rows.
    pub fn text(&self) -> String {
        match self.rows.as_slice() {
            [_, _, ..] => {
                let found = match self.finding.found.strip_prefix("it ") {
                    Some(rest) => format!("each {rest}"),
                    None => self.finding.found.clone(),
                };
                format!("{}: {found}", titles(&self.rows))
            }
            [row] => format!("{}: {}", title(row), self.finding.found),
            [] => message(&self.finding),
        }
    }
}

/// Puts findings that differ only in their rows together, in the order of the first of each.
pub fn groups<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<FindingGroup> {
    let mut groups: Vec<FindingGroup> = Vec::new();
    for finding in findings {
        let known = groups
            .iter_mut()
            .find(|group| is_same(&group.finding, finding) && finding.row.is_some());
        match known {
            Some(group) => {
                group.rows.extend(finding.row);
                merge(&mut group.finding.remedy, &finding.remedy);
            }
            None => groups.push(FindingGroup {
                finding: finding.clone(),
                rows: finding.row.into_iter().collect(),
            }),
        }
    }
    groups
}

/// Returns one line for each error and warning, with what to do. Rows with the same finding share a line.
pub fn lines(findings: &Findings, arguments: &TreeArguments) -> Vec<String> {
    let relevant = findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info);
    groups(relevant)
        .iter()
        .map(|group| with_remedy(&group.text(), &group.finding.remedy, arguments))
        .collect()
}

fn titles(rows: &[&Row]) -> String {
    let titles: Vec<_> = rows.iter().map(|row| format!("`{}`", row.name)).collect();
    titles.join(", ")
}

/// Returns whether two findings differ only in their rows.
fn is_same(one: &Finding, other: &Finding) -> bool {
    let kinds = |remedy: &Remedy| {
        let kinds: Vec<_> = remedy.commands.iter().map(std::mem::discriminant).collect();
        (remedy.words.clone(), kinds)
    };
    (one.id, one.severity, &one.found, &one.file)
        == (other.id, other.severity, &other.found, &other.file)
        && one.row.is_some_and(Row::is_ca) == other.row.is_some_and(Row::is_ca)
        && kinds(&one.remedy) == kinds(&other.remedy)
}

/// Adds the rows of the other remedy to the `renew` command of the first.
fn merge(remedy: &mut Remedy, other: &Remedy) {
    for (command, other) in remedy.commands.iter_mut().zip(&other.commands) {
        if let (PkiCommand::Renew(rows), PkiCommand::Renew(others)) = (command, other) {
            rows.extend(
                others
                    .iter()
                    .copied()
                    .filter(|row| !rows.contains(row))
                    .collect::<Vec<_>>(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_the_hint_of_a_file_error_are_about_the_same_tree() {
        let mut arguments = TreeArguments::default();
        let hint = "inspect it, or run `pki recover --discard`";
        assert_eq!(arguments.hint(hint), hint);
        arguments.add("--cert-dir", Some(Path::new("/a b/pki")));
        assert_eq!(
            arguments.hint("`pki recover --discard` restores, `pki recover --finish` replaces"),
            "`pki recover --discard --cert-dir '/a b/pki'` restores, `pki recover --finish --cert-dir '/a b/pki'` replaces"
        );
        let elsewhere = "`pki recover --finish --cert-dir /b/pki` first";
        assert_eq!(arguments.hint(elsewhere), elsewhere);
        let command = "chmod go-w '/a `pki`/pki'";
        assert_eq!(arguments.hint(command), command);
    }
}
