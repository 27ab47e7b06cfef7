//! The text of what was signed: one line for each certificate.

use super::cells;
use crate::report::render::{Report, TextTarget};
use crate::report::signatures::Signatures;
use crate::util::table::{Spacing, table};

impl Report for Signatures {
    fn text(&self, _text_target: TextTarget) -> String {
        let mut rows = vec![cells([
            "REQUEST",
            "PROFILE",
            "CA",
            "EXPIRES (UTC)",
            "SUBJECT",
            "CERTIFICATE",
        ])];
        let certificates = self.certificates.iter();
        rows.extend(certificates.map(|signed| {
            cells([
                &signed.request,
                &signed.profile,
                &signed.ca,
                &signed.expiration_date.short(),
                &signed.subject,
                signed.file.as_deref().unwrap_or_default(),
            ])
        }));
        let count = self.certificates.len();
        let last = match self.dry_run {
            true => format!("dry run: {count} to sign; nothing was signed"),
            false => format!("{count} signed"),
        };
        format!("{}\n{last}\n", table(&rows, Spacing::Narrow))
    }
}
