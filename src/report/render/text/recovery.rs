//! The texts of `recover` and `history --purge`.

use std::fmt::Write as _;

use crate::report::recovery::{Purge, Recovery};
use crate::report::render::{Report, TextTarget};
use crate::util::escape::escape_line;

impl Report for Recovery {
    fn text(&self, _text_target: TextTarget) -> String {
        if !self.was_pending {
            return "no commit is pending; nothing was written\n".to_owned();
        }
        let mut text = match (&self.command, self.dry_run) {
            (Some(command), false) => {
                format!(
                    "the pending commit of `pki {}` is settled\n",
                    escape_line(command)
                )
            }
            (Some(command), true) => {
                format!(
                    "the pending commit of `pki {}` would be settled\n",
                    escape_line(command)
                )
            }
            (None, false) => "the journal could not be read; it was removed\n".to_owned(),
            (None, true) => "the journal cannot be read; it would be removed\n".to_owned(),
        };
        let [finished, restored, left] = match self.dry_run {
            false => [
                "has its new content",
                "has its old content",
                "was left alone",
            ],
            true => [
                "would get its new content",
                "would get its old content",
                "would be left alone",
            ],
        };
        for (files, what) in [
            (&self.finished, finished),
            (&self.restored, restored),
            (&self.left, left),
        ] {
            for file in files {
                _ = writeln!(text, "{}: {what}", escape_line(file));
            }
        }
        if let Some(generation) = &self.kept_generation {
            let kept = match self.dry_run {
                false => "are kept",
                true => "would be kept",
            };
            let generation = escape_line(generation);
            _ = writeln!(text, "the replaced files {kept} as generation {generation}");
        }
        if self.dry_run {
            text.push_str("\ndry run: nothing was written\n");
        }
        text
    }
}

impl Report for Purge {
    fn text(&self, _text_target: TextTarget) -> String {
        if self.removed_generations.is_empty() {
            return "no generation was removed\n".to_owned();
        }
        let verb = match self.dry_run {
            false => "removed",
            true => "would remove",
        };
        let lines = self.removed_generations.iter();
        let mut text: String = lines
            .map(|name| format!("{verb} generation {}\n", escape_line(name)))
            .collect();
        if self.dry_run {
            text.push_str("\ndry run: nothing was written\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn what_a_journal_says_cannot_steer_a_terminal() {
        let recovery = Recovery {
            was_pending: true,
            command: Some("\u{1b}]0;x\u{7}".to_owned()),
            left: vec!["a\u{1b}[31m".to_owned()],
            ..Recovery::default()
        };
        let text = recovery.text(TextTarget::terminal(80));
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }

    #[test]
    fn a_settled_commit_lists_each_file_with_its_content() {
        let mut recovery = Recovery {
            dry_run: false,
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
        recovery.dry_run = true;
        assert_snapshot!(recovery.text(TextTarget::PIPE), @r"
        the pending commit of `pki renew all` would be settled
        apiserver.crt: would get its new content
        apiserver.key: would be left alone
        the replaced files would be kept as generation 20261215T000000Z-recover

        dry run: nothing was written
        ");
        let nothing = Recovery::default().text(TextTarget::PIPE);
        assert_eq!(nothing, "no commit is pending; nothing was written\n");
    }

    #[test]
    fn a_purge_lists_the_generations_that_it_removes_or_would_remove() {
        let mut purge = Purge {
            dry_run: false,
            removed_generations: vec!["20261215T000000Z-renew".to_owned()],
        };
        let text = purge.text(TextTarget::PIPE);
        assert_eq!(text, "removed generation 20261215T000000Z-renew\n");
        purge.dry_run = true;
        assert_snapshot!(purge.text(TextTarget::PIPE), @r"
        would remove generation 20261215T000000Z-renew

        dry run: nothing was written
        ");
    }
}
