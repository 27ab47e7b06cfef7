//! The table of `check-expiration`: kubeadm's table in a pipe, a table of the right width on a terminal.

use super::{RED, YELLOW, cells};
use crate::check::finding::Outcome;
use crate::report::expiration::{
    CertificateExpiration, CertificateExpirationInfo, ExpirationList, TreeExpiration,
};
use crate::report::render::{Report, TextTarget};
use crate::report::time::{Time, residual_text};
use crate::util::escape::escape_line;
use crate::util::table::{Cell, Spacing, table, width};

/// A column of the table for terminals. If the width does not suffice, the last columns are dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Residual,
    Expires,
    Ca,
    External,
    /// A bar as long as the remaining life.
    Bar,
}

impl Report for CertificateExpirationInfo {
    fn text(&self, text_target: TextTarget) -> String {
        let tables = match self.attention_only {
            true => vec![(self.most_urgent_last(), TableKind::Certificates)],
            false => vec![
                (self.certificates.iter().collect(), TableKind::Certificates),
                (
                    self.certificate_authorities.iter().collect(),
                    TableKind::Authorities,
                ),
            ],
        };
        let tables: Vec<_> = tables
            .iter()
            .map(|(entries, kind)| match text_target.is_terminal {
                true => terminal(entries, *kind, text_target.width),
                false => kubeadm(entries, *kind),
            })
            .collect();
        tables.join("\n")
    }
}

impl Report for ExpirationList {
    fn text(&self, text_target: TextTarget) -> String {
        let trees = self.trees.iter().map(|tree| tree.text(text_target));
        trees.collect()
    }
}

impl Report for TreeExpiration {
    fn text(&self, text_target: TextTarget) -> String {
        let tree = escape_line(&self.tree);
        match (&self.error, &self.info) {
            (Some(error), _) => format!("{tree}: not checked: {}\n\n", escape_line(error)),
            (None, Some(info)) => format!("{tree}:\n{}\n", info.text(text_target)),
            (None, None) => String::new(),
        }
    }
}

/// One of kubeadm's two tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TableKind {
    Certificates,
    Authorities,
}

impl CertificateExpirationInfo {
    fn most_urgent_last(&self) -> Vec<&CertificateExpiration> {
        let mut entries: Vec<_> = self
            .certificates
            .iter()
            .chain(&self.certificate_authorities)
            .collect();
        entries.sort_by_key(|entry| {
            let has_date = entry.expiration_date.is_some();
            (
                entry.outcome,
                !has_date,
                std::cmp::Reverse(entry.residual_time),
            )
        });
        entries
    }
}

/// Returns kubeadm's table.
fn kubeadm(entries: &[&CertificateExpiration], kind: TableKind) -> String {
    let mut header = vec!["CERTIFICATE", "EXPIRES", "RESIDUAL TIME"];
    match kind {
        TableKind::Certificates => header.extend(["CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"]),
        TableKind::Authorities => {
            header = vec![
                "CERTIFICATE AUTHORITY",
                "EXPIRES",
                "RESIDUAL TIME",
                "EXTERNALLY MANAGED",
            ]
        }
    }
    let mut rows: Vec<Vec<Cell>> = vec![header.into_iter().map(Cell::from).collect()];
    rows.extend(entries.iter().map(|entry| {
        let mut row = match entry.expiration_date {
            Some(time) => cells([
                &format!("{}{}", mark(entry), entry.name),
                &time.kubeadm(),
                &residual_text(entry.residual_time),
                // kubeadm pads the last word to eight characters, and leaves it out if the file is missing.
                &format!("{:<8}", external(entry)),
            ]),
            None => cells([&format!("{}{}", mark(entry), entry.name), "", "", ""]),
        };
        if kind == TableKind::Certificates {
            row.insert(3, Cell::from(entry.ca_name.unwrap_or_default()));
        }
        row
    }));
    table(&rows, Spacing::Kubeadm)
}

fn mark(entry: &CertificateExpiration) -> &'static str {
    match (entry.missing, &entry.error) {
        (true, _) if entry.outcome == Outcome::Due => "!PENDING! ",
        (true, _) => "!MISSING! ",
        (false, _) if entry.unreadable => "!UNREADABLE! ",
        (false, Some(_)) => "!BROKEN! ",
        (false, None) => "",
    }
}

fn external(entry: &CertificateExpiration) -> &'static str {
    if entry.externally_managed {
        "yes"
    } else {
        "no"
    }
}

/// Returns the table with as many columns as fit.
fn terminal(entries: &[&CertificateExpiration], kind: TableKind, columns: usize) -> String {
    let mut shown = vec![
        Column::Name,
        Column::Residual,
        Column::Expires,
        Column::Ca,
        Column::External,
        Column::Bar,
    ];
    shown.retain(|column| *column != Column::Ca || kind == TableKind::Certificates);
    // The column is left out if it says "no" in all rows.
    let is_external = entries.iter().any(|entry| entry.externally_managed);
    shown.retain(|column| *column != Column::External || is_external);
    loop {
        let rows = terminal_rows(entries, kind, &shown);
        if shown.len() <= 2 || width(&rows, Spacing::Narrow) <= columns {
            return table(&rows, Spacing::Narrow);
        }
        shown.pop();
    }
}

fn terminal_rows(
    entries: &[&CertificateExpiration],
    kind: TableKind,
    columns: &[Column],
) -> Vec<Vec<Cell>> {
    let header = columns.iter().map(|column| {
        Cell::from(match column {
            Column::Name if kind == TableKind::Authorities => "CERTIFICATE AUTHORITY",
            Column::Name => "CERTIFICATE",
            Column::Residual => "RESIDUAL TIME",
            Column::Expires => "EXPIRES (UTC)",
            Column::Ca => "CA",
            Column::External => "EXTERNAL",
            Column::Bar => "",
        })
    });
    let mut rows = vec![header.collect()];
    rows.extend(entries.iter().map(|entry| {
        let cell = |column: &Column| match column {
            Column::Name => Cell::from(entry.name),
            Column::Residual => residual(entry),
            Column::Expires => {
                Cell::from(entry.expiration_date.map_or_else(String::new, Time::short))
            }
            Column::Ca => Cell::from(entry.ca_name.unwrap_or_default()),
            Column::External => Cell::from(external(entry)),
            Column::Bar => bar(entry),
        };
        columns.iter().map(cell).collect()
    }));
    rows
}

/// Draws the remaining life; the scale gives near days more room than far ones, as in the page of `-o html`.
fn bar(entry: &CertificateExpiration) -> Cell {
    const LENGTH: f64 = 24.0;
    const LONGEST_DAYS: f64 = 3650.0;
    let days = entry.residual_time.as_seconds_f64() / 86_400.0;
    let share = (days.clamp(0.0, LONGEST_DAYS) / LONGEST_DAYS).sqrt();
    // At most 24.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let length = (share * LENGTH).ceil() as usize;
    let bar = "▇".repeat(length);
    match entry.outcome {
        Outcome::Due => Cell::styled(bar, YELLOW),
        _ => Cell::from(bar),
    }
}

/// Returns the residual time; what needs attention has a colour and a word.
fn residual(entry: &CertificateExpiration) -> Cell {
    let time = entry.residual_time;
    let text = match (&entry.error, entry.missing, entry.outcome) {
        _ if entry.unreadable => "unreadable".to_owned(),
        (Some(_), ..) => "broken".to_owned(),
        (None, true, Outcome::Due) => "pending".to_owned(),
        (None, true, _) => "missing".to_owned(),
        _ if time.is_negative() => format!("expired {} ago", residual_text(-time)),
        (.., Outcome::Due) => format!("due, {}", residual_text(time)),
        _ => residual_text(time),
    };
    match entry.outcome {
        Outcome::Failing => Cell::styled(text, RED),
        Outcome::Due | Outcome::Unreadable => Cell::styled(text, YELLOW),
        Outcome::Healthy => Cell::from(text),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use time::macros::datetime;
    use time::{Duration, OffsetDateTime};

    use super::*;
    use crate::check::expiry::{ExpiringRow, Expiry, ExpiryState};
    use crate::check::finding::Findings;

    const NOW: OffsetDateTime = datetime!(2027-01-10 0:00 UTC);

    fn item(name: &'static str, state: ExpiryState, ca: Option<&'static str>) -> ExpiringRow {
        ExpiringRow {
            name,
            ca,
            external: false,
            error: None,
            outcome: match &state {
                ExpiryState::Dated { residual, .. } if residual.is_negative() => Outcome::Failing,
                ExpiryState::Dated { residual, .. } if *residual <= Duration::days(30) => {
                    Outcome::Due
                }
                ExpiryState::Dated { .. } => Outcome::Healthy,
                _ => Outcome::Failing,
            },
            state,
        }
    }

    fn days(days: i64) -> ExpiryState {
        ExpiryState::Dated {
            not_after: NOW + Duration::days(days),
            residual: Duration::days(days),
        }
    }

    fn report(attention_only: bool) -> CertificateExpirationInfo {
        let broken = ExpiringRow {
            error: Some("it is empty".to_owned()),
            ..item("etcd-server", ExpiryState::Unusable, None)
        };
        let expiry = Expiry {
            certificates: vec![
                item("admin.conf", days(-98), Some("ca")),
                item("apiserver", days(17), Some("ca")),
                item("etcd-peer", days(300), Some("etcd-ca")),
                broken,
                item("scheduler.conf", ExpiryState::Missing, None),
            ],
            authorities: vec![item("ca", days(3400), None)],
            without_certificate: Vec::new(),
            findings: Findings::default(),
        };
        CertificateExpirationInfo::new(&expiry, attention_only)
    }

    /// Replaces the escape sequences of colours by words.
    fn plain(text: &str) -> String {
        text.replace(&RED.render().to_string(), "<red>")
            .replace(&YELLOW.render().to_string(), "<yellow>")
            .replace(&anstyle::Reset.render().to_string(), "</>")
    }

    #[test]
    fn a_pipe_gets_kubeadms_tables() {
        let text = report(false).text(TextTarget::PIPE);
        let trimmed: Vec<_> = text.lines().map(str::trim_end).collect();
        assert_snapshot!(trimmed.join("\n"), @r"
        CERTIFICATE                EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED
        admin.conf                 Oct 04, 2026 00:00 UTC   <invalid>       ca                      no
        apiserver                  Jan 27, 2027 00:00 UTC   17d             ca                      no
        etcd-peer                  Nov 06, 2027 00:00 UTC   300d            etcd-ca                 no
        !BROKEN! etcd-server
        !MISSING! scheduler.conf

        CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED
        ca                      May 02, 2036 00:00 UTC   9y              no
        ");
    }

    #[test]
    fn a_terminal_gets_words_in_colour() {
        assert_snapshot!(plain(&report(false).text(TextTarget::terminal(120))), @r"
        CERTIFICATE     RESIDUAL TIME    EXPIRES (UTC)     CA
        admin.conf      <red>expired 98d ago</>  2026-10-04 00:00  ca
        apiserver       <yellow>due, 17d</>         2027-01-27 00:00  ca       <yellow>▇▇</>
        etcd-peer       300d             2027-11-06 00:00  etcd-ca  ▇▇▇▇▇▇▇
        etcd-server     <red>broken</>
        scheduler.conf  <red>missing</>

        CERTIFICATE AUTHORITY  RESIDUAL TIME  EXPIRES (UTC)
        ca                     9y             2036-05-02 00:00  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇
        ");
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns() {
        for (columns, has_ca, has_date) in [(60, true, true), (52, false, true), (40, false, false)]
        {
            let text = plain(&report(false).text(TextTarget::terminal(columns)));
            assert_eq!(text.contains(" CA"), has_ca, "{text}");
            assert_eq!(text.contains("2027-01-27 00:00"), has_date, "{text}");
            assert!(text.contains("expired 98d ago"), "{text}");
        }
    }

    #[test]
    fn rows_that_need_attention_are_one_table_with_the_most_urgent_last() {
        let text = report(true).text(TextTarget::PIPE);
        let names: Vec<_> = text
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().find(|word| !word.starts_with('!')))
            .collect();
        assert_eq!(
            names,
            ["apiserver", "admin.conf", "etcd-server", "scheduler.conf"]
        );
    }
}
