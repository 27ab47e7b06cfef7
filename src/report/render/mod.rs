//! Turns a report into text, JSON, YAML, HTML or Prometheus' format.

mod html;
mod prometheus;
mod text;

pub use html::html;
pub use prometheus::prometheus;

use anyhow::Result;
use serde::Serialize;
use serde_json::ser::PrettyFormatter;

/// The report of a command. Its fields are the keys of its JSON and YAML.
pub trait Report: Serialize {
    /// Returns the report as text.
    fn text(&self, text_target: TextTarget) -> String;
}

/// The destination of a report's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextTarget {
    /// Whether it shows colours.
    pub is_terminal: bool,
    /// The number of columns.
    pub width: usize,
}

impl TextTarget {
    /// A pipe or a file: no colours, unlimited width.
    pub const PIPE: TextTarget = TextTarget {
        is_terminal: false,
        width: usize::MAX,
    };

    /// Returns a terminal of this width. Zero means that the width is unknown and not limited.
    pub fn terminal(width: usize) -> TextTarget {
        TextTarget {
            is_terminal: true,
            width: if width == 0 { usize::MAX } else { width },
        }
    }
}

/// Returns a report as JSON, indented as in kubeadm.
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

/// Returns a report as YAML, with keys in byte order as in kubeadm.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn yaml(report: &impl Serialize) -> Result<String> {
    let mut value = serde_json::to_value(report)?;
    value.sort_all_objects();
    Ok(serde_saphyr::to_string(&value)?)
}
