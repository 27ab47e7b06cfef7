//! Suggests a known field for an unknown one.

use super::schema;
use super::versions::{ApiVersion, DocumentKind, VERSIONS};

/// Returns the rest of a warning about an unknown field: the field that was probably meant.
pub(super) fn field(
    version: &ApiVersion,
    kind: DocumentKind,
    key: &str,
    siblings: &[&'static str],
) -> Option<String> {
    if key.contains(':') {
        return Some("a space is missing after the colon".to_owned());
    }
    let siblings = || siblings.iter().copied();
    if let Some(name) = siblings().find(|name| name.eq_ignore_ascii_case(key)) {
        return Some(format!("kubeadm spells it `{name}`"));
    }
    let longer = siblings().filter(|name| !HEADER.contains(name) && ends_in(name, key));
    let same = places(version, kind, key);
    if let Some(names) = alternatives(longer.map(str::to_owned).chain(same).collect()) {
        return Some(format!("did you mean {names}?"));
    }
    for kind in DocumentKind::ALL {
        if let Some(names) = alternatives(places(version, kind, key)) {
            return Some(format!("did you mean {names} of the `{}`?", kind.name()));
        }
    }
    if let Some(other) = VERSIONS
        .iter()
        .find(|other| !places(other, kind, key).is_empty())
    {
        return Some(format!("it is a field of `{}`", other.name));
    }
    let name = closest(key, siblings())?;
    Some(format!("did you mean `{name}`?"))
}

/// The fields that every document has.
const HEADER: [&str; 2] = ["apiVersion", "kind"];

/// Returns whether `name` ends with `key`, as `serverCertSANs` ends with `certSANs`.
fn ends_in(name: &str, key: &str) -> bool {
    key.len() > 2
        && name
            .len()
            .checked_sub(key.len())
            .and_then(|start| name.get(start..))
            .is_some_and(|end| end.eq_ignore_ascii_case(key))
}

/// The most names that one suggestion lists.
const MAX_ALTERNATIVES: usize = 4;

/// Joins names with `or`; returns nothing if there are too many.
fn alternatives(names: Vec<String>) -> Option<String> {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last()? {
        (last, []) => Some(last.clone()),
        (last, others) if others.len() < MAX_ALTERNATIVES => {
            Some(format!("{} or {last}", others.join(", ")))
        }
        _ => None,
    }
}

/// Returns the paths of all fields with this name, except those inside lists.
fn places(version: &ApiVersion, kind: DocumentKind, key: &str) -> Vec<String> {
    let mut paths = schema::paths(version, kind);
    paths.retain(|path| {
        let name = path.rsplit('.').next().unwrap_or(path);
        name.eq_ignore_ascii_case(key)
    });
    paths
}

/// Returns the name that is most similar to `text`, if one is similar enough.
pub(super) fn closest(
    text: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    /// The least similarity of a suggestion; clap has the same threshold.
    const THRESHOLD: f64 = 0.7;
    // One or two letters are similar to too many names. A long text would take too much time, and no name is as long.
    if !(3..=64).contains(&text.len()) {
        return None;
    }
    let text = text.to_lowercase();
    names
        .map(|name| (strsim::jaro(&text, &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity > THRESHOLD)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
