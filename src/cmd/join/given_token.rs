//! The bootstrap token of the command line.

use anyhow::Result;
use time::OffsetDateTime;

use super::given_secret::given_secret;
use crate::cli::GivenTokenArgs;
use crate::cmd::failure::Invalid;
use crate::objects::bootstrap_token::{BootstrapToken, TokenSecret};

/// Returns the token that was given, if any; a file may also hold the Secret of a token.
///
/// # Errors
/// If it cannot be read, or is something else. The error does not quote it.
pub(in crate::cmd) fn given_token(args: &GivenTokenArgs) -> Result<Option<BootstrapToken>> {
    Ok(read(args)?.map(|given| given.token))
}

/// As [`given_token`], for a token that is to be used now.
///
/// # Errors
/// Also if the Secret says that it has expired.
pub(in crate::cmd) fn given_valid_token(
    args: &GivenTokenArgs,
    now: OffsetDateTime,
) -> Result<Option<BootstrapToken>> {
    let Some(given) = read(args)? else {
        return Ok(None);
    };
    match given.expired(now) {
        Some(when) => {
            let what = format!("token `{}` {when}", given.token.id());
            let hint = "run `pki bootstrap-token new` to make one, and apply its Secret";
            Err(Invalid::new(what).with_hint(hint).into())
        }
        None => Ok(Some(given.token)),
    }
}

fn read(args: &GivenTokenArgs) -> Result<Option<TokenSecret>> {
    let file = args.token_file.as_deref();
    let Some(given) = given_secret("token", "the token", file, args.token.as_ref())? else {
        return Ok(None);
    };
    let token = match given.is_from_file {
        true => TokenSecret::parse(&given.text),
        false => BootstrapToken::parse(&given.text).map(TokenSecret::from),
    };
    let token = token.map_err(|error| {
        Invalid::new(format!("{}: {error}", given.name))
            .with_hint("run `pki bootstrap-token new` to make one")
    })?;
    Ok(Some(token))
}
