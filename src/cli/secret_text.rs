//! A secret that was typed on the command line.

use std::convert::Infallible;
use std::fmt;

use zeroize::Zeroizing;

/// A secret; `Debug` does not show it.
#[derive(Clone)]
pub struct SecretText(pub Zeroizing<String>);

impl SecretText {
    /// Takes any text: the command judges it, because clap would quote it in its error.
    pub(super) fn parse(text: &str) -> Result<SecretText, Infallible> {
        Ok(SecretText(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(elided)")
    }
}
