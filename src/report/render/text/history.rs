//! The tables of `history` and `ledger`.

use std::fmt::Write as _;

use super::cells;
use crate::report::history::{History, KeptGeneration, Ledger, LedgerLine};
use crate::report::render::{Report, TextTarget};
use crate::report::time::Time;
use crate::util::escape::escape_line;
use crate::util::table::{Spacing, table, width};

impl Report for History {
    fn text(&self, _text_target: TextTarget) -> String {
        if self.generations.is_empty() {
            return "no generation is kept\n".to_owned();
        }
        if self.with_files {
            let files = |generation| files(generation, self.wide);
            return self.generations.iter().map(files).collect();
        }
        let mut rows = vec![cells(["GENERATION", "TIME (UTC)", "FILES", "REPLACED BY"])];
        rows.extend(self.generations.iter().map(|generation| {
            cells([
                &generation.name,
                &short_time(&generation.time),
                &generation.files.len().to_string(),
                &format!("pki {}", generation.command),
            ])
        }));
        table(&rows, Spacing::Narrow)
    }
}

/// Lists the files of one generation.
fn files(generation: &KeptGeneration, wide: bool) -> String {
    let mut text = String::new();
    let KeptGeneration {
        name,
        time,
        command,
        files,
    } = generation;
    _ = writeln!(
        text,
        "{name}: the files that `pki {}` replaced on {} UTC",
        escape_line(command),
        escape_line(&short_time(time))
    );
    let mut rows = vec![cells(["FILE", "SERIAL"])];
    rows.extend(files.iter().map(|file| {
        let old = match (&file.serial, file.existed) {
            (Some(serial), _) => serial_text(serial, wide),
            (None, true) => String::new(),
            (None, false) => "(did not exist)".to_owned(),
        };
        cells([&file.file, &old])
    }));
    text + &table(&rows, Spacing::Narrow)
}

impl Report for Ledger {
    fn text(&self, text_target: TextTarget) -> String {
        if self.entries.is_empty() {
            return "no certificate was issued here\n".to_owned();
        }
        let mut rows = vec![cells([
            "ISSUED (UTC)",
            "NAME",
            "SERIAL",
            "EXPIRES (UTC)",
            "COMMAND",
            "REPLACES",
        ])];
        rows.extend(self.entries.iter().map(|LedgerLine { entry, in_use }| {
            let mark = if *in_use { "*" } else { "" };
            let replaces = entry.replaces.as_deref().unwrap_or_default();
            cells([
                &short_time(&entry.time),
                &format!("{}{mark}", entry.name),
                &serial_text(&entry.serial, self.wide),
                &short_time(&entry.not_after),
                &entry.command,
                &serial_text(replaces, self.wide),
            ])
        }));
        // These columns are shown also on the narrowest terminal.
        while !self.wide
            && width(&rows, Spacing::Narrow) > text_target.width
            && rows.first().is_some_and(|row| row.len() > 4)
        {
            for row in &mut rows {
                row.pop();
            }
        }
        table(&rows, Spacing::Narrow)
    }
}

/// How many octets of a serial number are shown: enough to distinguish the certificates of a tree.
const MAX_SERIAL_OCTETS: usize = 5;

pub(super) fn serial_text(serial: &str, wide: bool) -> String {
    let mut octets = serial.split(':');
    let first: Vec<_> = octets.by_ref().take(MAX_SERIAL_OCTETS).collect();
    match wide || octets.next().is_none() {
        true => serial.to_owned(),
        false => format!("{}…", first.join(":")),
    }
}

fn short_time(time: &str) -> String {
    Time::parse(time).map_or_else(|| time.to_owned(), Time::short)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::report::history::ReplacedFile;
    use crate::report::render;
    use crate::store::ledger::LedgerEntry;

    const SERIAL: &str = "3f:1c:88:a0:42:07:9d:11:5e:60";

    fn history(with_files: bool, wide: bool) -> History {
        let file = |file: &str, existed, serial: Option<&str>| ReplacedFile {
            file: file.to_owned(),
            existed,
            serial: serial.map(str::to_owned),
        };
        History {
            generations: vec![KeptGeneration {
                name: "20261215T000000Z-renew".to_owned(),
                time: "2026-12-15T00:00:00Z".to_owned(),
                command: "renew apiserver".to_owned(),
                files: vec![
                    file("apiserver.crt", true, Some(SERIAL)),
                    file("apiserver.key", true, None),
                    file("cluster.yaml", false, None),
                ],
            }],
            with_files,
            wide,
        }
    }

    #[test]
    fn history_has_one_line_per_generation() {
        assert_snapshot!(history(false, false).text(TextTarget::PIPE), @r"
        GENERATION              TIME (UTC)        FILES  REPLACED BY
        20261215T000000Z-renew  2026-12-15 00:00  3      pki renew apiserver
        ");
    }

    #[test]
    fn the_files_of_a_generation_are_listed_with_short_serial_numbers() {
        assert_snapshot!(history(true, false).text(TextTarget::PIPE), @r"
        20261215T000000Z-renew: the files that `pki renew apiserver` replaced on 2026-12-15 00:00 UTC
        FILE           SERIAL
        apiserver.crt  3f:1c:88:a0:42…
        apiserver.key
        cluster.yaml   (did not exist)
        ");
        assert!(history(true, true).text(TextTarget::PIPE).contains(SERIAL));
    }

    #[test]
    fn json_is_a_list_with_whole_serial_numbers() {
        let json = render::json(&history(false, false)).unwrap_or_default();
        assert!(json.starts_with("[\n") && json.contains(SERIAL), "{json}");
        assert!(!json.contains("wide"), "{json}");
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns_of_the_ledger() {
        let line = |in_use| LedgerLine {
            in_use,
            entry: LedgerEntry {
                time: "2026-12-15T00:00:00Z".to_owned(),
                command: "renew all".to_owned(),
                name: "apiserver-kubelet-client".to_owned(),
                serial: SERIAL.to_owned(),
                subject: "CN=x".to_owned(),
                sans: Vec::new(),
                usages: Vec::new(),
                not_before: "2026-12-14T23:55:00Z".to_owned(),
                not_after: "2027-12-15T00:00:00Z".to_owned(),
                issuer_key_id: None,
                fingerprint: String::new(),
                replaces: Some(SERIAL.to_owned()),
            },
        };
        let ledger = |wide| Ledger {
            entries: vec![line(false), line(true)],
            wide,
        };
        assert_snapshot!(ledger(false).text(TextTarget::terminal(80)), @r"
        ISSUED (UTC)      NAME                       SERIAL           EXPIRES (UTC)
        2026-12-15 00:00  apiserver-kubelet-client   3f:1c:88:a0:42…  2027-12-15 00:00
        2026-12-15 00:00  apiserver-kubelet-client*  3f:1c:88:a0:42…  2027-12-15 00:00
        ");
        assert_snapshot!(ledger(true).text(TextTarget::terminal(80)), @r"
        ISSUED (UTC)      NAME                       SERIAL                         EXPIRES (UTC)     COMMAND    REPLACES
        2026-12-15 00:00  apiserver-kubelet-client   3f:1c:88:a0:42:07:9d:11:5e:60  2027-12-15 00:00  renew all  3f:1c:88:a0:42:07:9d:11:5e:60
        2026-12-15 00:00  apiserver-kubelet-client*  3f:1c:88:a0:42:07:9d:11:5e:60  2027-12-15 00:00  renew all  3f:1c:88:a0:42:07:9d:11:5e:60
        ");
    }
}
