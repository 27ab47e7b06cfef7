//! Modes of files that hold private keys.

use super::finding::{Finding, FindingId};
use crate::tree::layout::{self, TreePath};

/// Returns a finding for each private file that other users can open; each is given with its mode.
pub fn check(open: &[(TreePath, u32)]) -> Vec<Finding> {
    let finding = |(file, mode): &(TreePath, u32)| {
        let text = format!("{file} has mode {:04o}", mode & 0o7777);
        let finding = Finding::new(FindingId::FileOverlyPermissive, text)
            .in_file(file.clone())
            .wanted("0600");
        match layout::row_of(file) {
            Some((row, _)) => finding.about(row),
            None => finding,
        }
    };
    open.iter().map(finding).collect()
}
