//! Files that are named on the command line, and standard input.

use std::io::{IsTerminal, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context, Result};
use zeroize::Zeroizing;

use super::failure::Invalid;
use crate::fs::file;

/// What was read.
pub(super) struct Input {
    /// Its name in messages.
    pub(super) name: String,
    /// The contents; they may hold a key.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Reads a file, or standard input for `-`. Errors name `what` is read, and how standard input is asked for.
///
/// # Errors
/// If it cannot be read; a terminal is not read.
pub(super) fn read_input(path: &Path, what: &str, from_stdin: &str) -> Result<Input> {
    if path == Path::new("-") {
        let mut stdin = std::io::stdin().lock();
        if stdin.is_terminal() {
            let message = format!("reading {what}: standard input is a terminal");
            return Err(Invalid::new(message)
                .with_hint("redirect a file to standard input")
                .into());
        }
        let mut bytes = Zeroizing::new(Vec::new());
        // One byte more than is accepted, so that too much is noticed.
        Read::take(&mut stdin, file::MAX_FILE_SIZE + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("reading {what} from standard input"))?;
        return Ok(Input {
            name: "standard input".to_owned(),
            bytes,
        });
    }
    let contents = file::read_given(path).map_err(|error| {
        // What a shell makes of `<(...)` is a pipe, which standard input is for.
        let is_pipe = path
            .metadata()
            .is_ok_and(|metadata| metadata.file_type().is_fifo());
        match is_pipe {
            true => Invalid::new(error.to_string())
                .with_hint(format!(
                    "use `{from_stdin}` and redirect it to standard input"
                ))
                .into(),
            false => anyhow::Error::new(error),
        }
    })?;
    Ok(Input {
        name: path.display().to_string(),
        bytes: contents.bytes,
    })
}
