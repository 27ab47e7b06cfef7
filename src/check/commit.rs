//! What earlier runs left in a tree: a pending commit, temporary files, the recorded configuration.

use super::finding::{Finding, FindingId};
use crate::tree::journal::Direction;
use crate::tree::layout::{TreePath, recorded_configuration};
use crate::tree::overlay::CommitState;

/// Judges what interrupted runs left.
pub fn check(state: &CommitState) -> Vec<Finding> {
    match state {
        CommitState::Settled => Vec::new(),
        CommitState::PermissionDenied(error) => {
            vec![Finding::new(FindingId::FilePermissionDenied, error)]
        }
        CommitState::Unreadable(error) => {
            vec![Finding::new(FindingId::CommitUnreadable, error)]
        }
        CommitState::Pending { command, direction } => {
            let what = match direction {
                Direction::Commit => {
                    "was interrupted after its commit; this report shows the tree after recovery"
                }
                Direction::Undo => {
                    "failed and was interrupted; this report shows the tree before that run"
                }
            };
            let text = format!("`pki {command}` {what}");
            vec![Finding::new(FindingId::CommitPending, text)]
        }
    }
}

/// Returns the finding for a recorded configuration that cannot be read or used.
pub fn unreadable_record(error: &str, is_permission_denied: bool) -> Finding {
    let finding = match is_permission_denied {
        true => Finding::new(FindingId::FilePermissionDenied, error),
        false => Finding::new(FindingId::ConfigUnreadable, error),
    };
    finding.in_file(recorded_configuration())
}

/// Returns a finding for each file that has a temporary file beside it, unless a commit is pending.
pub fn leftovers(state: &CommitState, files: Vec<TreePath>) -> Vec<Finding> {
    if *state != CommitState::Settled {
        return Vec::new();
    }
    let leftover = |file: TreePath| {
        let text = format!("{file}: an interrupted run left a temporary file beside it");
        Finding::new(FindingId::CommitLeftover, text).in_file(file)
    };
    files.into_iter().map(leftover).collect()
}
