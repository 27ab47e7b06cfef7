//! The report of `pki version --verbose`.

use crate::x509::library;

/// Returns the lines below the version: what was built, and for which target.
///
/// `cargo xtask dist` and packagers name the commit in `PKI_COMMIT`. Reading it from git here would fail in a source
/// archive, and would build everything again after every commit.
pub fn details() -> String {
    format!(
        "commit: {}\ncryptography: {}\ntarget: {}\n",
        option_env!("PKI_COMMIT").unwrap_or("unknown"),
        library::description(),
        env!("PKI_TARGET"),
    )
}
