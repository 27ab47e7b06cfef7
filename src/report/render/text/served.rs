//! The text of `served`.

use std::fmt::Write as _;

use super::{cells, severity_label};
use crate::report::render::{Report, TextTarget};
use crate::report::served::{ServedEntry, ServedReport};
use crate::util::escape::escape_line;
use crate::util::table::{Cell, Spacing, table};

impl Report for ServedReport {
    /// A table of the endpoints, the findings below it, and the commands that restart components.
    fn text(&self, text_target: TextTarget) -> String {
        let mut rows = vec![cells([
            "COMPONENT",
            "ENDPOINT",
            "CERTIFICATE",
            "EXPIRES (UTC)",
            "STARTED (UTC)",
        ])];
        rows.extend(self.endpoints.iter().map(row));
        let mut text = table(&rows, Spacing::Narrow);
        for entry in &self.endpoints {
            for line in &entry.lines {
                let label = severity_label(text_target, line.severity);
                let what = escape_line(&line.text);
                let endpoint = escape_line(&title(entry));
                _ = writeln!(text, "{label}: {endpoint}: {what} [{}]", line.id);
                if !line.remedy.is_empty() {
                    _ = writeln!(text, "  {}", escape_line(&line.remedy));
                }
            }
        }
        if !self.restart.is_empty() {
            text.push_str("Restart these, one at a time:\n");
            for command in &self.restart {
                _ = writeln!(text, "  {command}");
            }
        }
        text
    }
}

fn row(entry: &ServedEntry) -> Vec<Cell> {
    let expires = entry.certificate.as_ref().map_or_else(
        || "-".to_owned(),
        |certificate| certificate.not_after.short(),
    );
    let started = entry
        .started
        .as_ref()
        .map_or_else(|| "-".to_owned(), |started| started.short());
    cells([
        entry.component,
        &entry.endpoint,
        entry.state,
        &expires,
        &started,
    ])
}

fn title(entry: &ServedEntry) -> String {
    match entry.component {
        "-" => entry.endpoint.clone(),
        component => component.to_owned(),
    }
}
