//! Parses the alternative names that a request can ask for: those of a configuration, e-mail addresses and URIs.

use super::names::{parse_san, subdomain};
use crate::util::secret::quote;
use crate::x509::san::{AlternativeName, is_uri};

/// The longest local part of an e-mail address (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;

/// Parses an alternative name. As in cfssl, its form says what kind it is.
///
/// The error is a message that quotes `text` and says what is wrong.
pub fn parse_alternative_name(text: &str) -> Result<AlternativeName, String> {
    if text.is_empty() {
        let wanted = "want an IP address, a DNS name, an e-mail address or a URI";
        return Err(format!("is empty; {wanted}"));
    }
    if text.contains("://") {
        return match is_uri(text) && text.chars().all(|c| c.is_ascii_graphic()) {
            true => Ok(AlternativeName::Uri(text.to_owned())),
            false => Err(format!(
                "{} is not a URI with a host, as in `spiffe://example.com/name`",
                quote(text)
            )),
        };
    }
    match text.rsplit_once('@') {
        Some((local, domain)) => email(local, domain)
            .map_err(|reason| format!("{} is not an e-mail address: {reason}", quote(text))),
        None => parse_san(text).map(AlternativeName::San),
    }
}

/// Parses an e-mail address (RFC 5280 section 4.2.1.6: a Mailbox of RFC 2821; a quoted local part is refused).
fn email(local: &str, domain: &str) -> Result<AlternativeName, String> {
    // `atext` of RFC 5322 section 3.2.3.
    let is_atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_local = local.len() <= MAX_LOCAL_PART
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    if !is_local {
        return Err("want letters, digits and dots before the `@`".to_owned());
    }
    let domain = subdomain(domain)?;
    Ok(AlternativeName::Email(format!("{local}@{domain}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::x509::san::San;

    #[test]
    fn the_form_of_a_name_is_its_kind() {
        let parsed = |text| parse_alternative_name(text).unwrap();
        let dns = San::Dns("*.example.com".to_owned());
        assert_eq!(parsed("*.Example.com"), dns.into());
        assert_eq!(
            parsed("2001:db8::1"),
            San::Ip("2001:db8::1".parse().unwrap()).into()
        );
        let email = AlternativeName::Email("o'neil+a.b@example.com".to_owned());
        assert_eq!(parsed("o'neil+a.b@Example.com"), email);
        for uri in [
            "spiffe://example.org/ns/a",
            "https://user@[2001:db8::1]:8/a?b#c",
        ] {
            assert_eq!(parsed(uri), AlternativeName::Uri(uri.to_owned()));
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_reason() {
        for (text, reason) in [
            (
                "",
                "is empty; want an IP address, a DNS name, an e-mail address or a URI",
            ),
            (
                "a_b",
                "`a_b` is neither an IP address nor a DNS name: `_` is not allowed",
            ),
            (
                "a b@example.com",
                "`a b@example.com` is not an e-mail address: want letters, digits and dots before the `@`",
            ),
            (
                "@example.com",
                "`@example.com` is not an e-mail address: want letters, digits and dots before the `@`",
            ),
            (
                "a@b@example.com",
                "`a@b@example.com` is not an e-mail address: want letters, digits and dots before the `@`",
            ),
            ("a@", "`a@` is not an e-mail address: it is empty"),
            (
                "https://",
                "`https://` is not a URI with a host, as in `spiffe://example.com/name`",
            ),
            (
                "https://a_b.example/%zz",
                "`https://a_b.example/%zz` is not a URI with a host, as in `spiffe://example.com/name`",
            ),
            (
                "https://ä.example",
                "`https://ä.example` is not a URI with a host, as in `spiffe://example.com/name`",
            ),
        ] {
            assert_eq!(parse_alternative_name(text), Err(reason.to_owned()));
        }
    }
}
