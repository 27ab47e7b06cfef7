//! Reports as text.

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
