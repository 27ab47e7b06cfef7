//! Reports as text.

mod changes;
mod client;
mod configuration;
mod contents;
mod expiration;
mod history;
mod join;
mod recovery;
mod served;
mod signatures;
mod standalone;
mod templates;
mod verification;

use anstyle::{AnsiColor, Style};

use super::TextTarget;
use crate::check::finding::Severity;
use crate::util::escape::escape_line;
use crate::util::table::Cell;

/// The colour of expired, missing or broken.
const RED: Style = AnsiColor::Red.on_default();
/// The colour of due.
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Returns a row of a table.
fn cells<const N: usize>(texts: [&str; N]) -> Vec<Cell> {
    // The texts may come from files and contain escape sequences.
    texts
        .into_iter()
        .map(|text| Cell::from(escape_line(text).as_str()))
        .collect()
}

/// Returns the name of a severity, coloured on a terminal.
fn severity_label(text_target: TextTarget, severity: Severity) -> String {
    let style = match severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
        Severity::Info => Style::new(),
    };
    styled(text_target, style, severity.name())
}

fn styled(text_target: TextTarget, style: Style, text: &str) -> String {
    match text_target.is_terminal {
        true => format!("{style}{text}{style:#}"),
        false => text.to_owned(),
    }
}
