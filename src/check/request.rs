//! Judges what an external CA has signed by what was asked for. Everything else about a certificate is judged as it will be
//! in the tree.

use crate::x509::certificate::Certificate;
use crate::x509::sign::LeafTemplate;

/// Returns everything that a new certificate lacks of what was asked for, or has too much.
pub(crate) fn certificate_problems(
    leaf: &Certificate,
    desired: Option<&LeafTemplate>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if leaf.has_ca_flag() {
        problems.push("it is a CA certificate (CA:TRUE), want a leaf".to_owned());
    }
    let Some(desired) = desired else {
        return problems;
    };
    let found = LeafTemplate::of(leaf);
    for (what, found, wanted) in [
        ("CN", found.common_names(), desired.common_names()),
        ("O", found.organizations(), desired.organizations()),
    ] {
        let sorted = |mut values: Vec<String>| {
            values.sort_unstable();
            values
        };
        if sorted(found.clone()) != sorted(wanted.clone()) {
            problems.push(format!(
                "it has {what} {}, want {}",
                list(&found),
                list(&wanted)
            ));
        }
    }
    for (what, found, wanted) in [
        ("names", found.san_texts(), desired.san_texts()),
        (
            "extended key usages",
            found.usage_names(),
            desired.usage_names(),
        ),
    ] {
        let is_missing =
            |wanted: &String| !found.iter().any(|found| found.eq_ignore_ascii_case(wanted));
        let missing: Vec<_> = wanted.into_iter().filter(is_missing).collect();
        if !missing.is_empty() {
            problems.push(format!(
                "it lacks {what} that were asked for: {}",
                missing.join(", ")
            ));
        }
    }
    problems
}

/// Returns values as text.
fn list(values: &[String]) -> String {
    match values.is_empty() {
        true => "none".to_owned(),
        false => format!("`{}`", values.join("`, `")),
    }
}
