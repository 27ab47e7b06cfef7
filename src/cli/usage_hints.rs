//! Answers common mistakes on the command line with the correct argument.

use std::ffi::OsString;
use std::fmt::Display;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error, Parser};

use super::Cli;
use crate::util::escape::quote;
use crate::util::secret::is_key;

/// Parses a command line.
///
/// # Errors
/// Wrong usage, a request for help or for the version; all are clap's.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Error> {
    let arguments: Vec<_> = arguments.into_iter().collect();
    Cli::try_parse_from(&arguments).or_else(|error| {
        if error.kind() == ErrorKind::DisplayVersion && arguments.iter().any(is_verbose) {
            return Cli::try_parse_from(["pki", "version", "--verbose"]);
        }
        Err(match hint_for(&error) {
            Some(message) => command(&arguments).error(error.kind(), message),
            None => error,
        })
    })
}

/// Returns whether an argument of `pki --version` asks for all details: `--verbose`, `-v`, `-Vv` or `-vV`. Clap stops at the
/// flag for the version, and does not say what else was typed.
fn is_verbose(argument: &OsString) -> bool {
    let short =
        |letters: &str| letters.contains('v') && letters.trim_matches(['v', 'V']).is_empty();
    argument.to_str().is_some_and(|argument| {
        argument == "--verbose" || argument.strip_prefix('-').is_some_and(short)
    })
}

/// Flags of other tools, and what to use instead.
const FLAGS: [(&str, &str); 8] = [
    ("--json", "use `-o json`"),
    ("--yaml", "use `-o yaml`"),
    ("--all", "use `pki renew all`"),
    (
        "--force",
        "`pki rollback` takes `--allow-invalid`; nothing else can be forced",
    ),
    (
        "--upload-certs",
        "use `pki upload-certs`, see `pki help join`",
    ),
    (
        "--certificate-key",
        "`pki upload-certs` and `pki download-certs` take it, see `pki help join`",
    ),
    ("--kubeconfig", "it is not used; see `--kubeconfig-dir`"),
    ("--csr-only", "use `pki csr generate`"),
];

fn hint_for(error: &Error) -> Option<String> {
    let quoted = [
        ContextKind::InvalidArg,
        ContextKind::InvalidValue,
        ContextKind::InvalidSubcommand,
    ];
    let is_secret =
        |kind| matches!(error.get(kind), Some(ContextValue::String(text)) if is_key(text));
    if quoted.into_iter().any(is_secret) {
        let message = "unexpected argument: it looks like a key, so it is not shown";
        return Some(message.to_owned());
    }
    let ErrorKind::UnknownArgument = error.kind() else {
        return None;
    };
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = argument.split('=').next().unwrap_or_default();
    if let Some((_, meant)) = FLAGS.iter().find(|(known, _)| *known == flag) {
        return Some(format!("unexpected argument '{flag}': {meant}"));
    }
    let is_path = argument.starts_with(['/', '.', '~']);
    is_path.then(|| {
        format!(
            "unexpected argument {}: name the tree by `--kubeconfig-dir` or `--rootfs`",
            quote(argument)
        )
    })
}

/// Returns wrong usage that is found after parsing, with the usage of the command that was typed.
pub fn wrong_usage(kind: ErrorKind, message: impl Display) -> Error {
    let arguments: Vec<_> = std::env::args_os().collect();
    command(&arguments).error(kind, message)
}

/// Returns the command that was typed, so that an error shows its usage.
fn command(arguments: &[OsString]) -> clap::Command {
    let mut command = Cli::command();
    command.build();
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(found) = command.find_subcommand(word) {
            command = found.clone();
        }
    }
    command
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Returns the first line of what is said.
    fn error(line: &str) -> String {
        let words = line.split(' ').map(OsString::from);
        let error = parse(words).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}: {error}");
        error.to_string().lines().next().unwrap().to_owned()
    }

    #[test]
    fn a_first_try_is_answered_in_one_line() {
        for (line, meant) in [
            ("pki check-expiration --json", "use `-o json`"),
            (
                "pki ledger /etc/kubernetes",
                "by `--kubeconfig-dir` or `--rootfs`",
            ),
            ("pki renew apiserver.crt", "use `pki renew apiserver`"),
            (
                "pki renew /etc/kubernetes/pki/etcd/peer.key",
                "use `pki renew etcd-peer`",
            ),
            ("pki renew ca", "cannot replace a CA"),
            ("pki renew sa", "does not expire"),
            (
                "pki renew etcd",
                "etcd-server, etcd-peer, etcd-healthcheck-client",
            ),
            ("pki renew APISERVER", "did you mean apiserver?"),
            ("pki renew admin", "did you mean admin.conf?"),
            ("pki renew x --quiet", "there is no `x`"),
            ("pki renew --all", "use `pki renew all`"),
            ("pki init --upload-certs", "use `pki upload-certs`"),
            (
                "pki upload-certs e6a2eb8581237ab72a4f494f30285ec12a9694d750b9785706a83bfcbbbd2204",
                "it looks like a key, so it is not shown",
            ),
            ("pki certs renew all --kubeconfig=a", "`--kubeconfig-dir`"),
        ] {
            let first = error(line);
            assert!(first.contains(meant), "{line}: {first}");
            assert!(first.chars().count() <= 100, "{line}: {first}");
        }
    }

    #[test]
    fn what_kubeadm_users_type_is_accepted() {
        for line in [
            "pki check",
            "pki list",
            "pki certs check-expiration -o yaml",
            "pki certs renew all",
            "pki certs renew apiserver --config cluster.yaml --cert-dir pki",
            "pki renew all -q -o json",
            "pki help",
            "pki help renew",
            "pki help files",
            "pki version",
            "pki completions bash",
        ] {
            parse(line.split(' ').map(OsString::from)).unwrap();
        }
    }
}
