//! `pki show`.

use anyhow::Result;

use super::input::read_input;
use super::{Console, Exit};
use crate::cli::ShowArgs;
use crate::contents;
use crate::report::contents::{ContentEntry, ShownContents};

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
            Err(error) => exit = more_serious(exit, console.report(&error)),
        }
    }
    if entries.iter().any(ContentEntry::is_error) {
        exit = more_serious(exit, Exit::Invalid);
    }
    let full = args.text;
    if !entries.is_empty() {
        console.show(&ShownContents { entries, full }, args.output)?;
    }
    Ok(exit)
}

/// Returns the exit code of two files together: a file that could not be read hides what is in it, so it counts more
/// than one with invalid contents.
fn more_serious(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Done, other) => other,
        (Exit::Invalid, Exit::Failed) => Exit::Failed,
        (one, _) => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_files_does_not_change_the_exit_code() {
        for (one, other, both) in [
            (Exit::Done, Exit::Done, Exit::Done),
            (Exit::Done, Exit::Invalid, Exit::Invalid),
            (Exit::Done, Exit::Failed, Exit::Failed),
            (Exit::Invalid, Exit::Failed, Exit::Failed),
        ] {
            assert_eq!(more_serious(one, other), both);
            assert_eq!(more_serious(other, one), both);
        }
    }
}
