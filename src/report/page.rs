//! The page of `check-expiration -o html`: everything in all trees, the most urgent first.

use time::Duration;

use super::expiration::{CertificateExpiration, TreeExpiration};
use super::time::Time;
use crate::check::finding::Outcome;

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// When the trees were checked.
    pub time: Time,
    /// How many trees were checked.
    pub trees: usize,
    /// The rows, the most urgent first.
    pub rows: Vec<PageRow>,
}

/// A certificate or kubeconfig, or a tree that could not be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRow {
    /// The tree.
    pub tree: String,
    /// Its name; empty for a tree that could not be checked.
    pub name: &'static str,
    /// What it means for the exit code.
    pub outcome: Outcome,
    /// What is wrong, in words.
    pub reason: Option<String>,
    /// Whether there is nothing.
    pub is_missing: bool,
    /// Last valid second, and the time until then.
    pub end: Option<(Time, Duration)>,
}

impl Page {
    /// Takes the reports of trees; `checked` counts those without anything to show, too.
    pub fn new(trees: &[TreeExpiration], checked: usize, time: Time) -> Page {
        let mut rows: Vec<_> = trees.iter().flat_map(rows_of).collect();
        rows.sort_by_key(|row| {
            let residual = row.end.map_or(Duration::MIN, |(_, residual)| residual);
            (std::cmp::Reverse(row.outcome), residual)
        });
        Page {
            time,
            trees: checked,
            rows,
        }
    }

    /// Returns how many rows have this outcome.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.rows
            .iter()
            .filter(|row| row.outcome == outcome)
            .count()
    }
}

fn rows_of(tree: &TreeExpiration) -> Vec<PageRow> {
    let failed = tree.error.as_ref().map(|error| PageRow {
        tree: tree.tree.clone(),
        name: "",
        outcome: Outcome::Unreadable,
        reason: Some(error.clone()),
        is_missing: false,
        end: None,
    });
    let entries = tree.info.iter().flat_map(|info| {
        info.certificates
            .iter()
            .chain(&info.certificate_authorities)
    });
    failed
        .into_iter()
        .chain(entries.map(|entry| row_of(&tree.tree, entry)))
        .collect()
}

fn row_of(tree: &str, entry: &CertificateExpiration) -> PageRow {
    PageRow {
        tree: tree.to_owned(),
        name: entry.name,
        outcome: entry.outcome,
        reason: entry.error.clone(),
        is_missing: entry.missing,
        end: entry.expiration_date.map(|end| (end, entry.residual_time)),
    }
}
