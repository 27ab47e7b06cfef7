//! The bootstrap token of the command line.

use anyhow::Result;
use zeroize::Zeroizing;

use crate::cli::GivenTokenArgs;
use crate::cmd::failure::Invalid;
use crate::cmd::input::read_input;
use crate::objects::bootstrap_token::BootstrapToken;

/// Returns the token that was given, if any; a file may also hold the Secret of a token.
///
/// # Errors
/// If it cannot be read, or is something else. The error does not quote it.
pub(in crate::cmd) fn given_token(args: &GivenTokenArgs) -> Result<Option<BootstrapToken>> {
    let (name, token) = match (&args.token_file, &args.token) {
        (Some(file), _) => {
            let input = read_input(file, "the token", "--token-file -")?;
            let text = Zeroizing::new(String::from_utf8_lossy(&input.bytes).into_owned());
            (input.name, BootstrapToken::parse_any(&text))
        }
        (None, Some(token)) => ("--token".to_owned(), BootstrapToken::parse(&token.0)),
        (None, None) => return Ok(None),
    };
    let token = token.map_err(|error| {
        Invalid::new(format!("{name}: {error}"))
            .with_hint("run `pki bootstrap-token new` to make one")
    })?;
    Ok(Some(token))
}
