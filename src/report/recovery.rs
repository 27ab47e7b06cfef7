//! The reports of `recover` and `history --purge`.

use serde::Serialize;

use crate::store::recovery::SettledCommit;
use crate::tree::layout::TreePath;

/// How a pending commit was settled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether a commit was pending.
    pub was_pending: bool,
    /// The command that was interrupted, or `None` if the journal could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Files that now have their new content.
    pub finished: Vec<String>,
    /// Files that now have their old content.
    pub restored: Vec<String>,
    /// Files that were not changed.
    pub left: Vec<String>,
    /// The generation that keeps the replaced files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_generation: Option<String>,
}

/// The generations that were removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Purge {
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// Their names, oldest first.
    pub removed_generations: Vec<String>,
}

impl Recovery {
    /// Returns the report of a commit that was settled or, in a dry run, would be; `None` if no commit was pending.
    pub fn new(settled: Option<&SettledCommit>, dry_run: bool) -> Recovery {
        let Some(settled) = settled else {
            return Recovery {
                dry_run,
                ..Recovery::default()
            };
        };
        let names = |files: &[TreePath]| files.iter().map(ToString::to_string).collect();
        Recovery {
            dry_run,
            was_pending: true,
            command: settled.command.clone(),
            finished: names(&settled.finished),
            restored: names(&settled.restored),
            left: names(&settled.left),
            kept_generation: settled.generation.clone(),
        }
    }
}
