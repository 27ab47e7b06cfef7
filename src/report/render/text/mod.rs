//! Reports for people.

mod changes;
mod configuration;
mod contents;
mod expiration;
mod history;
mod recovery;
mod templates;
mod verification;

use anstyle::{AnsiColor, Style};

use crate::util::escape::escape_line;
use crate::util::table::Cell;

/// What has expired, is missing or broken.
const RED: Style = AnsiColor::Red.on_default();
/// What is due.
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// Returns a row of a table.
fn cells<const N: usize>(texts: [&str; N]) -> Vec<Cell> {
    // What a file of the state says must not steer a terminal.
    texts
        .into_iter()
        .map(|text| Cell::from(escape_line(text).as_str()))
        .collect()
}
