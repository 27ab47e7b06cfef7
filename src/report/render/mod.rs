//! Turns a report into text, JSON, YAML, HTML or Prometheus' format.

mod html;
mod manifests;
mod prometheus;
mod text;

pub use html::html;
pub use manifests::{manifests_json, manifests_yaml};
pub use prometheus::Exposition;

use anyhow::Result;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::ser::PrettyFormatter;
use serde_saphyr::DoubleQuoted;

use crate::util::escape;

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
    let text = String::from_utf8(bytes).map_err(serde::ser::Error::custom)?;
    Ok(escape::json(&text))
}

/// Returns a report as JSON in one line.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn json_line(report: &impl Serialize) -> serde_json::Result<String> {
    let line = serde_json::to_string(report)?;
    Ok(format!("{}\n", escape::json(&line)))
}

/// Returns a report as YAML, with keys in byte order as in kubeadm.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn yaml(report: &impl Serialize) -> Result<String> {
    let mut value = serde_json::to_value(report)?;
    value.sort_all_objects();
    Ok(escape::yaml(&serde_saphyr::to_string(&YamlValue(&value))?))
}

/// A value whose strings are in double quotes where they have characters that YAML can only escape there.
struct YamlValue<'a>(&'a Value);

impl Serialize for YamlValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(text) if escape::is_unprintable(text) => {
                DoubleQuoted(text).serialize(serializer)
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(YamlValue)),
            // The keys are names of fields.
            Value::Object(fields) => {
                serializer.collect_map(fields.iter().map(|(key, value)| (key, YamlValue(value))))
            }
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_keeps_its_value() {
        let report = json!({
            "command": "\u{9b}2J\u{202e}renew",
            "files": ["a\u{e0041}b: c", "\u{7f}", "line\n\u{200b}other\n", "it's \"zömbo\" \\"],
            "count": 3,
            "none": null,
        });
        let texts = [json(&report), json_line(&report)].map(|text| text.unwrap());
        for text in &texts {
            let read: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read, report);
        }
        let yaml = yaml(&report).unwrap();
        let read: Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(read, report, "{yaml}");
        for text in texts.iter().chain([&yaml]) {
            assert!(!escape::is_unprintable(text), "{text:?}");
            assert!(text.contains("zömbo"), "{text}");
        }
    }
}
