//! The text of a request or a CA that belongs to no tree: one line for each of its parts.

use super::cells;
use crate::report::render::{Report, TextTarget};
use crate::report::standalone::{CreatedCa, NewCsr};
use crate::util::table::{Cell, Spacing, table};

impl Report for NewCsr {
    fn text(&self, _text_target: TextTarget) -> String {
        let (names, usages) = (self.sans.join(", "), self.usages.join(", "));
        let seconds = self.expiration_seconds.map(|seconds| seconds.to_string());
        let parts = [
            ("subject", Some(or_none(&self.subject))),
            ("names", Some(or_none(&names))),
            ("usages", Some(or_none(&usages))),
            ("object", self.object_name.as_deref()),
            ("signer", self.signer_name.as_deref()),
            ("valid seconds", seconds.as_deref()),
            ("key algorithm", Some(&self.key_algorithm)),
            ("key", self.key_file.as_deref()),
            ("request", self.request_file.as_deref()),
        ];
        lines(&parts, self.dry_run)
    }
}

impl Report for CreatedCa {
    fn text(&self, _text_target: TextTarget) -> String {
        let issuer = match self.is_root {
            true => "itself",
            false => &self.issuer,
        };
        let path_length = self.path_length.map(|length| length.to_string());
        let expires = format!("{} UTC", self.expiration_date.short());
        let parts = [
            ("subject", Some(self.subject.as_str())),
            ("signed by", Some(issuer)),
            ("path length", path_length.as_deref()),
            ("expires", Some(&expires)),
            ("key algorithm", Some(&self.key_algorithm)),
            ("key", Some(&self.key_file)),
            ("certificate", Some(&self.certificate_file)),
        ];
        lines(&parts, self.dry_run)
    }
}

fn or_none(text: &str) -> &str {
    match text.is_empty() {
        true => "none",
        false => text,
    }
}

/// Returns a line for each part that there is.
fn lines(parts: &[(&str, Option<&str>)], dry_run: bool) -> String {
    let rows: Vec<Vec<Cell>> = parts
        .iter()
        .filter_map(|(name, value)| Some(cells([name, (*value)?])))
        .collect();
    let text = table(&rows, Spacing::Narrow);
    match dry_run {
        true => format!("{text}\ndry run: nothing was written\n"),
        false => text,
    }
}
