//! Files that are named on the command line, and standard input.

use std::io::{IsTerminal, Read};
use std::path::Path;

use anyhow::{Context, Result};
use zeroize::Zeroizing;

use super::failure::Invalid;
use crate::config::problem::STANDARD_INPUT;
use crate::fs::file::{self, GivenKind};

/// What was read.
pub(super) struct Input {
    /// Its name in messages.
    pub(super) name: String,
    /// The contents; they may hold a key.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// The limit of an input that is not a configuration: a list of names, or a bundle of certificates.
const MAX_INPUT_SIZE: u64 = 16 * 1024 * 1024;

/// Reads a file, or standard input for `-`. Errors name `what` is read, and how standard input is asked for.
///
/// # Errors
/// If it cannot be read or is too large; a terminal is not read.
pub(super) fn read_input(path: &Path, what: &str, from_stdin: &str) -> Result<Input> {
    read_up_to(MAX_INPUT_SIZE, path, what, from_stdin)
}

/// Reads a configuration, as [`read_input`].
///
/// # Errors
/// As [`read_input`].
pub(super) fn read_config_input(path: &Path) -> Result<Input> {
    read_up_to(file::MAX_FILE_SIZE, path, "the configuration", "--config -")
}

fn read_up_to(limit: u64, path: &Path, what: &str, from_stdin: &str) -> Result<Input> {
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
        Read::take(&mut stdin, limit + 1)
            .read_to_end(&mut bytes)
            .with_context(|| format!("reading {what} from standard input"))?;
        if bytes.len() as u64 > limit {
            let message = format!("reading {what}: standard input has more than {limit} bytes");
            return Err(Invalid::new(message).into());
        }
        return Ok(Input {
            name: STANDARD_INPUT.to_owned(),
            bytes,
        });
    }
    let contents = file::read_given(path, limit).map_err(|error| {
        // That is what standard input is for.
        let is_pipe = matches!(file::given_kind(path), Ok(Some(GivenKind::Pipe)));
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
