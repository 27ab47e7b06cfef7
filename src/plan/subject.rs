//! The subject and the alternative names that somebody asks for: each is judged before a request or a CA is made with them.

use super::{PlanError, Reason};
use crate::config::parse_alternative_name;
use crate::config::values::MAX_COMMON_NAME;
use crate::util::secret::{is_key, quote};
use crate::x509::attribute::Attribute;
use crate::x509::san::AlternativeName;

/// The longest locality and state (ub-locality-name, ub-state-name).
const MAX_PLACE: usize = 128;

/// Names that are asked for. Each begins with its place in messages: a flag, or a field of a file.
#[derive(Clone, Debug, Default)]
pub struct DesiredNames {
    /// The attributes of the subject, in their order.
    pub subject: Vec<(String, Attribute, String)>,
    /// The alternative names.
    pub alternative: Vec<(String, String)>,
}

impl DesiredNames {
    /// Returns the subject, and adds what is wrong with it to the error.
    pub(super) fn subject(&self, error: &mut PlanError) -> Vec<(Attribute, String)> {
        for (place, attribute, value) in &self.subject {
            error
                .reasons
                .extend(attribute_problem(place, *attribute, value));
        }
        let attributes = self.subject.iter();
        attributes
            .map(|(_, attribute, value)| (*attribute, value.clone()))
            .collect()
    }

    /// Returns the alternative names without repetitions, and adds what is wrong with them to the error.
    pub(super) fn alternative_names(&self, error: &mut PlanError) -> Vec<AlternativeName> {
        let mut names = Vec::new();
        for (place, text) in &self.alternative {
            match parse_alternative_name(text) {
                Ok(name) if names.contains(&name) => {}
                Ok(name) => names.push(name),
                Err(problem) => error.add(Reason::new(format!("{place}: {problem}"), "")),
            }
        }
        names
    }
}

/// Returns why a text cannot be the value of an attribute.
fn attribute_problem(place: &str, attribute: Attribute, text: &str) -> Option<Reason> {
    match attribute {
        Attribute::Country => {
            let is_code = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
            let problem = || {
                Reason::new(
                    format!("{place}: {} is not a code of two letters", quote(text)),
                    "",
                )
            };
            (!is_code).then(problem)
        }
        Attribute::State | Attribute::Locality => text_problem(place, text, MAX_PLACE),
        Attribute::Organization | Attribute::Unit | Attribute::CommonName => {
            name_problem(place, text, NameUse::Certificate)
        }
    }
}

/// What a name is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameUse {
    /// A certificate, which limits its length.
    Certificate,
    /// Only a kubeconfig, as that of a token.
    Kubeconfig,
}

/// Returns why a text cannot be a common name or an organization: the name of a user, a group or a CA.
pub fn name_problem(place: &str, text: &str, name_use: NameUse) -> Option<Reason> {
    let limit = match name_use {
        NameUse::Certificate => MAX_COMMON_NAME,
        NameUse::Kubeconfig => usize::MAX,
    };
    text_problem(place, text, limit)
}

fn text_problem(place: &str, text: &str, limit: usize) -> Option<Reason> {
    let shown = quote(text);
    let length = text.chars().count();
    let problem = if is_key(text) {
        "looks like a key, so it is refused and not shown".to_owned()
    } else if text.is_empty() {
        "is empty".to_owned()
    } else if text.trim() != text || text.chars().any(char::is_control) {
        format!("{shown} has white space at an end, or control characters")
    } else if length > limit {
        format!("{shown} has {length} characters, a certificate allows {limit}")
    } else {
        return None;
    };
    Some(Reason::new(format!("{place}: {problem}"), ""))
}

/// Returns a reason without a remedy that is not about a row.
pub(super) fn invalid(message: String) -> Reason {
    Reason::new(message, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what is wrong with an attribute.
    fn problem(attribute: Attribute, text: &str) -> Option<String> {
        attribute_problem("P", attribute, text).map(|reason| reason.message)
    }

    #[test]
    fn attributes_have_the_limits_of_their_kind() {
        assert_eq!(problem(Attribute::Country, "DE"), None);
        for country in ["", "DEU", "D1", "ß"] {
            let wanted = format!("P: `{country}` is not a code of two letters");
            assert_eq!(problem(Attribute::Country, country), Some(wanted));
        }
        let long = "a b ".repeat(16);
        let (fits, long) = (&long[..63], format!("{long}a b"));
        for attribute in [
            Attribute::CommonName,
            Attribute::Organization,
            Attribute::Unit,
        ] {
            assert_eq!(problem(attribute, fits), None);
            let found = problem(attribute, &long).unwrap_or_default();
            assert!(
                found.ends_with("has 67 characters, a certificate allows 64"),
                "{found}"
            );
        }
        assert_eq!(problem(Attribute::Locality, &long), None);
        for (text, wanted) in [
            ("", "P: is empty"),
            (
                " a",
                "P: ` a` has white space at an end, or control characters",
            ),
            (
                "a\nb",
                "P: `a\\nb` has white space at an end, or control characters",
            ),
        ] {
            assert_eq!(
                problem(Attribute::CommonName, text).as_deref(),
                Some(wanted)
            );
        }
    }
}
