//! Suggests a known field for an unknown one.

use super::schema;
use super::versions::{Kind, VERSIONS, Version};

/// Suggests what an unknown field among `siblings` was meant to be.
pub(super) fn field(
    version: &Version,
    kind: Kind,
    key: &str,
    siblings: &[&'static str],
) -> Option<String> {
    if key.contains(':') {
        return Some("a blank is missing after the colon".to_owned());
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
    for kind in Kind::ALL {
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

/// Returns whether `name` ends in `key`, as `serverCertSANs` does in `certSANs`.
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

/// Returns names as one phrase, if there are any and not too many.
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

/// Returns the paths of a document's fields of this name, outside lists.
fn places(version: &Version, kind: Kind, key: &str) -> Vec<String> {
    let mut paths = schema::paths(version, kind);
    paths.retain(|path| {
        let name = path.rsplit('.').next().unwrap_or(path);
        name.eq_ignore_ascii_case(key)
    });
    paths
}

/// Returns the name that is most like `text`, if one is.
pub(super) fn closest(
    text: &str,
    names: impl Iterator<Item = &'static str>,
) -> Option<&'static str> {
    /// The likeness from which on two names are taken for one another; clap has the same threshold.
    const THRESHOLD: f64 = 0.7;
    // A letter or two are like anything that begins so. The time grows with the product of the lengths, and no name is
    // nearly as long as the limit.
    if !(3..=64).contains(&text.len()) {
        return None;
    }
    let text = text.to_lowercase();
    names
        .map(|name| (strsim::jaro(&text, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > THRESHOLD)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
