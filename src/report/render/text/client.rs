//! The text of `kubeconfig` with `--output-file` or `--dry-run`.

use super::cells;
use crate::report::client::NewClient;
use crate::report::render::{Report, TextTarget};
use crate::report::time::Time;
use crate::util::table::{Spacing, table};

impl Report for NewClient {
    fn text(&self, _text_target: TextTarget) -> String {
        let groups = self.groups.join(", ");
        let expires = self.expiration_date.map(Time::short);
        let expires =
            expires.map_or_else(|| "with the token".to_owned(), |time| format!("{time} UTC"));
        let mut rows = vec![
            cells(["user", &self.user]),
            cells(["groups", if groups.is_empty() { "-" } else { &groups }]),
            cells(["credential", self.credential]),
            cells(["expires", &expires]),
            cells(["server", &self.server]),
        ];
        rows.extend(self.serial.iter().map(|serial| cells(["serial", serial])));
        rows.extend(self.file.iter().map(|file| cells(["file", file])));
        let text = table(&rows, Spacing::Narrow);
        match self.dry_run {
            true => format!("{text}\ndry run: nothing was written\n"),
            false => text,
        }
    }
}
