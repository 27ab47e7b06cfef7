//! `pki show`.

use anyhow::Result;

use super::input::read_input;
use super::{Console, Exit};
use crate::cli::ShowArgs;
use crate::contents;
use crate::report::contents::{ContentEntry, Contents};

pub(super) fn run(args: &ShowArgs, console: &Console) -> Result<Exit> {
    let mut entries = Vec::new();
    let mut exit = Exit::Done;
    for file in &args.files {
        let name = file.display().to_string();
        match read_input(file, "a file", "pki show -") {
            Ok(input) => {
                let contents = contents::read(&input.bytes);
                let described = contents.iter();
                entries.extend(
                    described.map(|content| ContentEntry::new(&name, content, console.now)),
                );
            }
            Err(error) => exit = console.report(&error),
        }
    }
    if entries.iter().any(ContentEntry::is_error) {
        exit = Exit::Invalid;
    }
    let full = args.text;
    if !entries.is_empty() {
        console.show(&Contents { entries, full }, args.output)?;
    }
    Ok(exit)
}
