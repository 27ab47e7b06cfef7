//! Checks of the output of all runs: no panic, no secret, no control characters, and messages in one form.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};

use super::run::Run;

/// Returns the run if it ended by itself, without a panic, and printed nothing that a terminal acts on and no PEM.
#[track_caller]
pub(crate) fn safe(run: Run) -> Run {
    assert!(run.code.is_some_and(|code| code != 101), "{run}");
    assert!(!run.stderr.contains("panicked"), "{run}");
    for text in [&run.stdout, &run.stderr] {
        let stray = text.chars().find(|character| steers(*character));
        assert!(stray.is_none(), "{stray:?} is in the output: {run}");
        assert!(!text.contains("-----BEGIN "), "PEM is in the output: {run}");
    }
    run
}

/// The same if all its messages are in one form.
#[track_caller]
pub(crate) fn sane(run: Run) -> Run {
    let run = safe(run);
    // Wrong usage is answered by clap.
    if run.code != Some(2) {
        let bad = run.stderr.lines().find(|line| !is_well_formed(line));
        assert!(bad.is_none(), "{bad:?} is no message: {run}");
    }
    run
}

/// What a line of a message begins with, unless it is a plain sentence.
const LABELS: [&str; 4] = ["error: ", "warning: ", "hint: ", "note: "];

/// The longest message; messages may quote text of a file.
const LONGEST: usize = 1000;

/// Returns whether a line is a message: it says something, begins in lower case or with a name, does not end in a stop, and
/// shows nothing as Rust would print it for a programmer.
fn is_well_formed(line: &str) -> bool {
    let said = LABELS
        .iter()
        .find_map(|label| line.strip_prefix(label))
        .unwrap_or(line);
    let is_capital = said.starts_with(|first: char| first.is_uppercase());
    let begins = !is_capital || said.starts_with("CA `");
    let ends = !said.trim().is_empty() && !said.ends_with(['.', ':', ' ']);
    // What stands in backticks comes from a file or from the command line.
    let own = said.split('`').step_by(2).collect::<String>();
    let is_for_people = !own.replace("'{'", "").contains(['{', '}', '"']);
    begins && ends && is_for_people && line.len() < LONGEST
}

/// Returns whether a terminal acts on a character, hides it, or shows what follows in another order.
fn steers(character: char) -> bool {
    let is_hidden = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    );
    is_hidden || (character.is_control() && character != '\n')
}

/// A match of this many characters of a key's base64 is not a coincidence.
const PIECE: usize = 40;

/// Fails if a run printed a piece of a secret, even across lines.
#[track_caller]
pub(super) fn assert_no_secret(run: &Run, secrets: &BTreeSet<String>) {
    let in_one_line = |text: &str| text.split_whitespace().collect::<String>();
    let texts = [&run.stdout, &run.stderr];
    let joined = texts.map(|text| in_one_line(text));
    let pieces: BTreeSet<&[u8]> = texts
        .into_iter()
        .chain(&joined)
        .flat_map(|text| text.split(|character| !is_base64(character)))
        .flat_map(|word| word.as_bytes().windows(PIECE))
        .collect();
    let is_printed = |secret: &String| match secret.len() {
        ..PIECE => texts.iter().any(|text| text.contains(secret.as_str())),
        _ => secret
            .as_bytes()
            .windows(PIECE)
            .any(|piece| pieces.contains(piece)),
    };
    assert!(
        !secrets.iter().any(is_printed),
        "a secret is in the output of {}",
        run.command
    );
}

fn is_base64(character: char) -> bool {
    character.is_ascii_alphanumeric() || "+/=".contains(character)
}

/// Returns the base64 of the private keys in a file, in whatever form, and the tokens and passwords.
fn secrets(text: &str) -> Vec<String> {
    let mut secrets = keys(text);
    // However a value is folded, quoted or indented.
    let packed: String = text
        .chars()
        .filter(|character| !character.is_whitespace() && !"\"'|>".contains(*character))
        .collect();
    for after in packed.split("client-key-data:").skip(1) {
        let value: String = after.chars().take_while(|c| is_base64(*c)).collect();
        let decoded = STANDARD.decode(&value).unwrap_or_default();
        secrets.extend(keys(&String::from_utf8_lossy(&decoded)));
        secrets.push(value);
    }
    for line in text.lines() {
        let field = line.trim_start().trim_start_matches("- ");
        let value = ["token: ", "password: "]
            .iter()
            .find_map(|name| field.strip_prefix(name));
        secrets.extend(value.map(|value| value.trim_matches(['"', '\'']).to_owned()));
    }
    secrets.retain(|secret| secret.len() >= 8);
    secrets
}

/// Returns the base64 of the private keys in PEM text.
fn keys(text: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut current: Option<String> = None;
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("-----BEGIN") {
            current = line.contains("PRIVATE KEY").then(String::new);
        } else if line.starts_with("-----END") {
            keys.extend(current.take());
        } else if let Some(key) = current.as_mut().filter(|_| line.chars().all(is_base64)) {
            key.push_str(line);
        }
    }
    // One that has no end is still a key.
    keys.extend(current);
    keys
}

/// Returns the base64 of every private key below a directory, and every token and password.
pub(super) fn secrets_below(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let metadata = path.symlink_metadata().unwrap();
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() && metadata.len() <= 1 << 20 {
                found.extend(secrets(&String::from_utf8_lossy(&fs::read(&path).unwrap())));
            }
        }
    }
    found
}
