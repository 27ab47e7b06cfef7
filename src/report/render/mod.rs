//! Turns a report into text, JSON, YAML, HTML or Prometheus' format.

mod html;
mod prometheus;
mod text;

pub use html::html;
pub use prometheus::prometheus;

use anyhow::Result;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

/// What a command reports: its fields are what JSON and YAML hold.
pub trait Report: Serialize {
    /// Returns the report for people.
    fn text(&self, text_target: TextTarget) -> String;
}

/// What the text of a report goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextTarget {
    /// Whether it is a terminal, which shows colours.
    pub is_terminal: bool,
    /// How many columns there are.
    pub width: usize,
}

impl TextTarget {
    /// A pipe or a file: no colours, any width.
    pub const PIPE: TextTarget = TextTarget {
        is_terminal: false,
        width: usize::MAX,
    };

    /// Returns a terminal with this many columns; zero means that the width is unknown and not limited.
    pub fn terminal(width: usize) -> TextTarget {
        TextTarget {
            is_terminal: true,
            width: if width == 0 { usize::MAX } else { width },
        }
    }
}

/// Returns a report as JSON, indented as kubeadm's.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn json(report: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(b"    ");
    report.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(serde::ser::Error::custom)
}

/// Returns a report as JSON in one line.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn json_line(report: &impl Serialize) -> serde_json::Result<String> {
    Ok(format!("{}\n", serde_json::to_string(report)?))
}

/// Returns a report as YAML, keys in byte order as kubeadm's.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn yaml(report: &impl Serialize) -> Result<String> {
    let mut value = serde_json::to_value(report)?;
    value.sort_all_objects();
    Ok(serde_saphyr::to_string(&value)?)
}
