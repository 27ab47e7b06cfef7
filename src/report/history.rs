//! Formats the kept generations and the ledger.

use serde::Serialize;

use super::text::table;
use crate::store::generations::Generation;
use crate::store::ledger::Entry;

/// A file that a transaction replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replaced {
    /// The file, below the directory that it belongs to.
    pub file: String,
    /// Whether there was one before.
    pub existed: bool,
    /// Serial number of the old certificate, if it holds one.
    pub serial: Option<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    time: &'a str,
    command: &'a str,
    files: &'a [Replaced],
}

/// Returns the generations for people, oldest first.
pub fn text(generations: &[(Generation, Vec<Replaced>)]) -> String {
    if generations.is_empty() {
        return "no generation is kept\n".to_owned();
    }
    let mut text = String::new();
    for (generation, files) in generations {
        text.push_str(&format!(
            "{}  before `pki {}`\n",
            generation.name, generation.command
        ));
        let rows: Vec<_> = files
            .iter()
            .map(|file| {
                let old = match (&file.serial, file.existed) {
                    (Some(serial), _) => format!("serial {serial}"),
                    (None, true) => String::new(),
                    (None, false) => "there was none".to_owned(),
                };
                vec![String::new(), file.file.clone(), old]
            })
            .collect();
        text.push_str(&table(&rows));
    }
    text
}

/// Returns the generations as JSON.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn json(generations: &[(Generation, Vec<Replaced>)]) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(&listed(generations))? + "\n")
}

/// Returns the generations as YAML.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn yaml(generations: &[(Generation, Vec<Replaced>)]) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(&listed(generations))?)
}

fn listed(generations: &[(Generation, Vec<Replaced>)]) -> Vec<Listed<'_>> {
    generations
        .iter()
        .map(|(generation, files)| Listed {
            name: &generation.name,
            time: &generation.time,
            command: &generation.command,
            files,
        })
        .collect()
}

/// Returns the ledger for people, oldest first.
pub fn ledger_text(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "nothing was issued here\n".to_owned();
    }
    let mut rows = vec![
        [
            "ISSUED",
            "NAME",
            "SERIAL",
            "NOT AFTER",
            "REPLACES",
            "COMMAND",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    rows.extend(entries.iter().map(|entry| {
        vec![
            entry.time.clone(),
            entry.name.clone(),
            entry.serial.clone(),
            entry.not_after.clone(),
            entry.replaces.clone().unwrap_or_default(),
            entry.command.clone(),
        ]
    }));
    table(&rows)
}

/// Returns the ledger as JSON.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn ledger_json(entries: &[Entry]) -> serde_json::Result<String> {
    Ok(serde_json::to_string_pretty(entries)? + "\n")
}

/// Returns the ledger as YAML.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn ledger_yaml(entries: &[Entry]) -> anyhow::Result<String> {
    Ok(serde_saphyr::to_string(&entries)?)
}
