//! The texts of `recover` and `history --purge`.

use std::fmt::Write as _;

use crate::report::recovery::{Purge, Recovery};
use crate::report::render::{Report, TextTarget};

impl Report for Recovery {
    fn text(&self, _text_target: TextTarget) -> String {
        if !self.was_pending {
            return "no commit is pending; nothing was written\n".to_owned();
        }
        let mut text = match &self.command {
            Some(command) => format!("the pending commit of `pki {command}` is settled\n"),
            None => "the journal could not be read; it was removed\n".to_owned(),
        };
        for (files, what) in [
            (&self.finished, "has its new content"),
            (&self.restored, "has its old content"),
            (&self.left, "was left alone"),
        ] {
            for file in files {
                _ = writeln!(text, "{file}: {what}");
            }
        }
        if let Some(generation) = &self.kept_generation {
            _ = writeln!(
                text,
                "the replaced files are kept as generation {generation}"
            );
        }
        text
    }
}

impl Report for Purge {
    fn text(&self, _text_target: TextTarget) -> String {
        if self.removed_generations.is_empty() {
            return "no generation was removed\n".to_owned();
        }
        let lines = self.removed_generations.iter();
        lines
            .map(|name| format!("removed generation {name}\n"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn a_settled_commit_names_what_became_of_each_file() {
        let recovery = Recovery {
            was_pending: true,
            command: Some("renew all".to_owned()),
            finished: vec!["apiserver.crt".to_owned()],
            restored: Vec::new(),
            left: vec!["apiserver.key".to_owned()],
            kept_generation: Some("20261215T000000Z-recover".to_owned()),
        };
        assert_snapshot!(recovery.text(TextTarget::PIPE), @r"
        the pending commit of `pki renew all` is settled
        apiserver.crt: has its new content
        apiserver.key: was left alone
        the replaced files are kept as generation 20261215T000000Z-recover
        ");
        let nothing = Recovery::default().text(TextTarget::PIPE);
        assert_eq!(nothing, "no commit is pending; nothing was written\n");
    }
}
