//! `pki ledger`.

use std::collections::BTreeSet;

use anyhow::Result;

use super::session::Session;
use super::{Console, Exit};
use crate::cli::{LedgerArgs, OutputFormat};
use crate::report::history::{Ledger, LedgerLine};
use crate::store::ledger::{self, LedgerEntry};
use crate::tree::inventory::{Depth, Inventory};
use crate::x509::digest::hex;

/// How many entries are held in memory: a ledger only ever grows.
const CHUNK_SIZE: usize = 4096;

pub(super) fn run(args: &LedgerArgs, console: &Console) -> Result<Exit> {
    let session = Session::open_tree(&args.tree, console)?;
    let (tree, places) = session.open_state()?;
    let mut entries = ledger::entries(&places, &tree)?;
    let in_use: BTreeSet<_> = Inventory::read(&tree, |_| Depth::Certificates)
        .rows()
        .filter_map(|(_, files)| files.certificate())
        .map(|certificate| hex(&certificate.fingerprint()))
        .collect();
    let mut next = || -> Result<Vec<LedgerLine>> {
        let line = |entry: LedgerEntry| LedgerLine {
            in_use: in_use.contains(&entry.fingerprint),
            entry,
        };
        let mut lines = Vec::new();
        while lines.len() < CHUNK_SIZE {
            let Some(entry) = entries.next() else { break };
            match entry {
                Ok(entry) => lines.push(line(entry)),
                Err(error) if error.is_io() => return Err(error.into()),
                // The other entries are as good as before.
                Err(error) => console.warn(&error.to_string()),
            }
        }
        Ok(lines)
    };
    let mut chunk = next()?;
    let has_notes = args.output == OutputFormat::Text && !chunk.is_empty();
    let mut is_first = true;
    loop {
        let following = next()?;
        let is_last = following.is_empty();
        let report = Ledger {
            entries: chunk,
            wide: args.wide,
        };
        let text = console.rendered(&report, args.output)?;
        console.print(part(&text, args.output, is_first, is_last))?;
        if console.is_closed() {
            return Ok(Exit::Done);
        }
        if is_last {
            if has_notes {
                console.note("`*`: in a file of this tree; copies elsewhere, such as kubeconfigs of users, are not known");
            }
            return Ok(Exit::Done);
        }
        if args.output == OutputFormat::Json {
            console.print(",\n")?;
        }
        chunk = following;
        is_first = false;
    }
}

/// Returns what one of several lists contributes to the list of all.
fn part(text: &str, format: OutputFormat, is_first: bool, is_last: bool) -> &str {
    let (head, tail) = match format {
        // Only the first one has the names of the columns.
        OutputFormat::Text => (text.find('\n').map_or(0, |end| end + 1), text.len()),
        OutputFormat::Json => ("[\n".len(), text.trim_end_matches("\n]\n").len()),
        OutputFormat::Yaml => (0, text.len()),
    };
    let start = if is_first { 0 } else { head };
    let end = if is_last { text.len() } else { tail };
    text.get(start..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_make_one_list() {
        let whole = |format, texts: [&str; 3]| {
            let [first, middle, last] = texts;
            let parts = [
                part(first, format, true, false),
                part(middle, format, false, false),
                part(last, format, false, true),
            ];
            parts.join(if format == OutputFormat::Json {
                ",\n"
            } else {
                ""
            })
        };
        let json = ["[\n    1\n]\n", "[\n    2\n]\n", "[\n    3\n]\n"];
        assert_eq!(
            whole(OutputFormat::Json, json),
            "[\n    1,\n    2,\n    3\n]\n"
        );
        let text = ["NAME\na\n", "NAME\nb\n", "NAME\nc\n"];
        assert_eq!(whole(OutputFormat::Text, text), "NAME\na\nb\nc\n");
        assert_eq!(
            whole(OutputFormat::Yaml, ["- 1\n", "- 2\n", "- 3\n"]),
            "- 1\n- 2\n- 3\n"
        );
    }
}
