//! A secret of the command line: in a file, on standard input, or typed.

use std::path::Path;

use anyhow::Result;
use zeroize::Zeroizing;

use crate::cli::SecretText;
use crate::cmd::input::read_input;

/// A secret that was given.
pub(in crate::cmd) struct GivenSecret {
    /// The name of its file or flag in messages.
    pub(in crate::cmd) name: String,
    pub(in crate::cmd) text: Zeroizing<String>,
    /// Whether it was read from a file.
    pub(in crate::cmd) is_from_file: bool,
}

/// Returns the secret of `--<flag>-file` or `--<flag>`, if one is given; `what` is its name in errors.
///
/// # Errors
/// If its file cannot be read.
pub(in crate::cmd) fn given_secret(
    flag: &str,
    what: &str,
    file: Option<&Path>,
    typed: Option<&SecretText>,
) -> Result<Option<GivenSecret>> {
    if let Some(file) = file {
        let input = read_input(file, what, &format!("--{flag}-file -"))?;
        return Ok(Some(GivenSecret {
            name: input.name,
            text: Zeroizing::new(String::from_utf8_lossy(&input.bytes).into_owned()),
            is_from_file: true,
        }));
    }
    Ok(typed.map(|typed| GivenSecret {
        name: format!("--{flag}"),
        text: typed.0.clone(),
        is_from_file: false,
    }))
}
