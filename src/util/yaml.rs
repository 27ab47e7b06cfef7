//! How the YAML of Kubernetes is read.

use serde_saphyr::Options;
use serde_saphyr::options::DuplicateKeyPolicy;

/// Returns whether a text has too many nodes, levels or aliases. The library says so only in its text.
pub(crate) fn is_too_complex(error: &serde_saphyr::Error) -> bool {
    error.to_string().contains("budget breached")
}

/// Returns options under which a text is read as the YAML library of Kubernetes reads it: the last of two equal keys counts, and a
/// name such as `007` is text. Errors do not quote the text, which may hold a key.
pub(crate) fn options(max_nodes: usize) -> Options {
    serde_saphyr::options! {
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        with_snippet: false,
        budget: serde_saphyr::budget! { max_nodes: max_nodes },
    }
}
