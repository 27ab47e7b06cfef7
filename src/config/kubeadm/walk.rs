//! Reads a document by the table of known fields, [`schema`].
//!
//! The walk does not stop at a mistake, so that one run reports every problem of a file: it records a value of the wrong
//! shape as a problem and an unknown field as a warning, and continues with the next field.

use super::Diagnostics;
use super::document::{MAX_LISTED, MappingEntry, Node, Value, field_path};
use super::schema::{self, SchemaField, Shape};
use super::suggest;
use super::versions::{ApiVersion, DocumentKind};
use crate::config::problem::{Origin, Problem, Setting};

/// The values of a document's known fields on which certificates may depend.
///
/// A component's argument has the path `extraArgs.NAME`, whether the arguments are a mapping or a list. A mapping of
/// fields has one empty value.
#[derive(Debug, Default)]
pub(super) struct Declared(Vec<(String, Vec<Setting<String>>)>);

impl Declared {
    /// Returns the values of a field; an empty text has no value. The last of several arguments with the same name
    /// counts.
    pub(super) fn values(&self, path: &str) -> Option<&Vec<Setting<String>>> {
        let field = self.0.iter().rfind(|(known, _)| known == path);
        field.map(|(_, values)| values)
    }

    /// Returns the value of a field that is not a list.
    pub(super) fn value(&self, path: &str) -> Option<Setting<String>> {
        self.values(path)?.first().cloned()
    }

    /// Returns the names and values in a mapping with arbitrary keys.
    pub(super) fn entries(&self, parent: &str) -> impl Iterator<Item = (&str, &Setting<String>)> {
        self.0.iter().filter_map(move |(path, values)| {
            let name = path.strip_prefix(parent)?.strip_prefix('.')?;
            Some((name, values.first()?))
        })
    }
}

/// Returns the values of a document, and adds problems and warnings to the diagnostics.
pub(super) fn walk(
    file: &str,
    version: &'static ApiVersion,
    kind: DocumentKind,
    root: &Node,
    diagnostics: &mut Diagnostics,
) -> Declared {
    let mut walk = DocumentWalk {
        file,
        version,
        kind,
        diagnostics,
        declared: Declared::default(),
    };
    walk.fields(schema::fields(kind), root.fields(), "");
    walk.declared
}

struct DocumentWalk<'a> {
    file: &'a str,
    version: &'static ApiVersion,
    kind: DocumentKind,
    diagnostics: &'a mut Diagnostics,
    declared: Declared,
}

impl DocumentWalk<'_> {
    fn fields(&mut self, fields: &[SchemaField], entries: &[MappingEntry], parent: &str) {
        for entry in entries {
            let path = field_path(parent, &entry.key);
            let is_field =
                |field: &&SchemaField| field.name == &*entry.key && field.is_in(self.version);
            match fields.iter().find(is_field) {
                Some(field) => self.value(field.shape, &entry.value, entry.line, path),
                None => self.unknown(entry, fields, path),
            }
        }
    }

    /// Reads a value. `line` is the line of its key, or of the value itself in a list.
    fn value(&mut self, shape: Shape, node: &Node, line: usize, path: String) {
        let has_argument_maps = self.version.has_argument_maps();
        match (shape, &node.value) {
            (_, Value::Null) => {}
            (Shape::Text | Shape::Number | Shape::Boolean, Value::Scalar(scalar)) => {
                let text = Some(&scalar.text).filter(|text| !text.is_empty());
                let setting = text.map(|text| self.setting(text, node.line, &path));
                self.declare(path, setting.into_iter().collect());
            }
            (Shape::Texts | Shape::Values, Value::Sequence(items)) => {
                self.texts(shape, items, path);
            }
            (Shape::Object(fields), Value::Mapping(entries)) => {
                let presence = self.setting("", line, &path);
                self.declare(path.clone(), vec![presence]);
                self.fields(fields, entries, &path);
            }
            (Shape::Objects(fields), Value::Sequence(items)) => {
                let known = self.declared.0.len();
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.value(Shape::Object(fields), item, item.line, path);
                    // Certificates do not depend on them, and there may be very many.
                    self.declared.0.truncate(known);
                }
            }
            (Shape::Arguments, Value::Sequence(items)) if !has_argument_maps => {
                self.arguments(items, &path);
            }
            (Shape::Arguments, Value::Mapping(entries)) if has_argument_maps => {
                for entry in entries.iter() {
                    let path = field_path(&path, &entry.key);
                    self.value(Shape::Text, &entry.value, entry.line, path);
                }
            }
            (Shape::Gates, Value::Mapping(entries)) => self.gates(entries, &path),
            (shape, value) => self.mismatch(shape, value, line, path),
        }
    }

    fn texts(&mut self, shape: Shape, items: &[Node], path: String) {
        let mut texts = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{path}[{index}]");
            match (shape, &item.value) {
                (Shape::Texts, Value::Null | Value::Scalar(_)) => {}
                (_, Value::Scalar(text)) => texts.push(self.setting(&text.text, item.line, &path)),
                (_, other) => self.mismatch(Shape::Text, other, item.line, path),
            }
        }
        self.declare(path, texts);
    }

    fn gates(&mut self, entries: &[MappingEntry], path: &str) {
        for MappingEntry { key, line, value } in entries {
            let shown = field_path(path, key);
            match value.text() {
                Some(text) => {
                    let gate = self.setting(text, value.line, &shown);
                    self.declare(format!("{path}.{key}"), vec![gate]);
                }
                None => self.mismatch(Shape::Boolean, &value.value, *line, shown),
            }
        }
    }

    fn arguments(&mut self, items: &[Node], path: &str) {
        for (index, item) in items.iter().enumerate() {
            let known = self.declared.0.len();
            let shape = Shape::Object(schema::ARGUMENT);
            self.value(shape, item, item.line, format!("{path}[{index}]"));
            let parts = Declared(self.declared.0.split_off(known));
            let part = |name: &str| parts.value(&format!("{path}[{index}].{name}"));
            if let Some(name) = part("name") {
                let value = part("value").into_iter().collect();
                self.declare(format!("{path}.{}", name.value), value);
            }
        }
    }

    fn declare(&mut self, path: String, values: Vec<Setting<String>>) {
        self.declared.0.push((path, values));
    }

    fn setting(&self, text: &str, line: usize, path: &str) -> Setting<String> {
        Setting {
            value: text.to_owned(),
            origin: self.origin(line, path.to_owned()),
        }
    }

    fn origin(&self, line: usize, path: String) -> Origin {
        Origin::file(self.file, line, path)
    }

    fn mismatch(&mut self, shape: Shape, value: &Value, line: usize, path: String) {
        let has_argument_maps = self.version.has_argument_maps();
        let wanted = match shape {
            Shape::Text => "a string",
            Shape::Number => "a number",
            Shape::Boolean => "`true` or `false`",
            Shape::Texts | Shape::Values => "a list of strings",
            Shape::Object(_) | Shape::Gates => "a mapping",
            Shape::Objects(_) => "a list of mappings",
            Shape::Arguments if has_argument_maps => "a mapping from name to value",
            Shape::Arguments => "a list of `name` and `value`",
        };
        let other_version = match (shape, value) {
            (Shape::Arguments, Value::Mapping(_)) => {
                "; only versions before `v1beta4` have a mapping"
            }
            (Shape::Arguments, Value::Sequence(_)) => "; only `v1beta4` has a list",
            _ => "",
        };
        let message = format!("is {}, want {wanted}{other_version}", value.kind());
        let origin = self.origin(line, path);
        super::keep(&mut self.diagnostics.problems, &origin, message);
    }

    fn unknown(&mut self, entry: &MappingEntry, fields: &[SchemaField], path: String) {
        if self.diagnostics.warnings.len() > MAX_LISTED {
            return;
        }
        let fields = fields.iter().filter(|field| field.is_in(self.version));
        let siblings: Vec<_> = fields.map(|field| field.name).collect();
        let suggestion = match suggest::field(self.version, self.kind, &entry.key, &siblings) {
            Some(suggestion) => format!("; {suggestion}"),
            None => String::new(),
        };
        self.diagnostics.warnings.push(Problem {
            origin: self.origin(entry.line, path),
            message: format!("is not a known field and is ignored{suggestion}"),
        });
    }
}
