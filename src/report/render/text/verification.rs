//! The text of `verify`.

use std::fmt::Write as _;

use super::{RED, cells, severity_label, styled};
use crate::check::finding::Severity;
use crate::report::render::{Report, TextTarget};
use crate::report::verification::{Counts, FindingList, TreeVerification, Verification};
use crate::util::escape::escape_line;
use crate::util::table::{Spacing, table};

impl Report for Verification {
    fn text(&self, text_target: TextTarget) -> String {
        let trees = self.trees.iter();
        trees.map(|tree| tree.text(text_target)).collect()
    }
}

impl Report for TreeVerification {
    /// One line for a tree without findings; otherwise its findings by severity, with the remedy under each.
    fn text(&self, text_target: TextTarget) -> String {
        let tree = escape_line(&self.tree);
        if let Some(error) = &self.error {
            let label = styled(text_target, RED, "not verified");
            return format!("{tree}: {label}: {}\n", escape_line(error));
        }
        let mut text = format!("{tree}: {}\n", counts(self.counts, self.below));
        for line in &self.lines {
            let label = severity_label(text_target, line.severity);
            let what = escape_line(&line.text);
            _ = writeln!(text, "  {label}: {what} [{}]", line.id);
            if !line.remedy.is_empty() {
                _ = writeln!(text, "    {}", escape_line(&line.remedy));
            }
        }
        text
    }
}

impl Report for FindingList {
    fn text(&self, _text_target: TextTarget) -> String {
        let mut rows = vec![cells(["ID", "SEVERITY", "MEANING"])];
        let kinds = self.kinds.iter();
        rows.extend(kinds.map(|kind| cells([kind.id, kind.severity, kind.meaning])));
        table(&rows, Spacing::Narrow)
    }
}

/// Returns the counts that are not zero, the most serious first, and how many findings are below the reported severity.
fn counts(counts: Counts, (below, severity): (usize, Severity)) -> String {
    let Counts {
        error,
        warning,
        info,
    } = counts;
    let plural = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let remarks = match info {
        0 => None,
        _ => Some(format!("{info} info")),
    };
    let below = plural(below, "finding")
        .map(|count| format!("{count} below --severity {}", severity.name()));
    let parts: Vec<_> = [
        plural(error, "error"),
        plural(warning, "warning"),
        remarks,
        below,
    ]
    .into_iter()
    .flatten()
    .collect();
    match parts.is_empty() {
        true => "no findings".to_owned(),
        false => parts.join(", "),
    }
}
