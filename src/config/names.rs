//! Parses names and addresses: SANs and DNS-1123 subdomains.
//!
//! Every accepted name is a valid dNSName (RFC 5280 section 4.2.1.6) and a valid Kubernetes name. Names in all lists are
//! converted to lower case; kubeadm does so only for `apiServer.certSANs`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::util::secret::quote;
use crate::x509::san::San;

/// Parses a SAN: an IP address, a DNS-1123 subdomain, or `*.` and a subdomain.
///
/// The error is a message that quotes `text` and says what to give instead.
pub fn parse_san(text: &str) -> Result<San, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        let address = address.to_canonical();
        return match unreachable_kind(address) {
            Some(kind) => Err(format!("{} is {kind}", quote(text))),
            None => Ok(San::Ip(address)),
        };
    }
    if text.is_empty() {
        return Err("is empty; want an IP address or a DNS name".to_owned());
    }
    let name = match pasted(text) {
        Some(reason) => Err(reason),
        None if is_foreign_address(text) => {
            Err("some programs read it as an IPv4 address".to_owned())
        }
        None => match text.strip_prefix("*.") {
            Some(parent) => {
                subdomain_within(parent, MAX_NAME - "*.".len()).map(|n| format!("*.{n}"))
            }
            None => subdomain(text),
        },
    };
    name.map(San::Dns).map_err(|reason| {
        format!(
            "{} is neither an IP address nor a DNS name: {reason}",
            quote(text)
        )
    })
}

/// The longest DNS name in text form (RFC 1035 section 2.3.4).
pub(super) const MAX_NAME: usize = 253;
/// The longest label of a DNS name (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// Returns `text` in lower case if it is a DNS-1123 subdomain, else the reason why it is not.
///
/// Two rules are stricter than those of Kubernetes, because the name goes into a certificate: a label has at most 63
/// characters, and the last label is not a number, because verifiers would read the name as an IPv4 address.
pub fn subdomain(text: &str) -> Result<String, String> {
    subdomain_within(text, MAX_NAME)
}

/// Like [`subdomain`], for names of at most `limit` characters.
pub(super) fn subdomain_within(text: &str, limit: usize) -> Result<String, String> {
    let mistake = if text.is_empty() {
        "it is empty".to_owned()
    } else if let Some(character) = text.chars().find(|&c| !is_name_character(c)) {
        character_mistake(character)
    } else if text.len() > limit {
        let length = text.len();
        format!("it has {length} characters, at most {limit} are allowed")
    } else if text.starts_with('.') {
        "it begins with a dot".to_owned()
    } else if text.ends_with('.') {
        "it ends with a dot".to_owned()
    } else if let Some(mistake) = text.split('.').find_map(label_mistake) {
        mistake
    } else if text.rsplit('.').next().is_some_and(is_decimal) {
        "its last label is a number".to_owned()
    } else {
        return Ok(text.to_ascii_lowercase());
    };
    Err(mistake)
}

/// Returns whether a text consists of digits.
fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn character_mistake(character: char) -> String {
    match character {
        '*' => "`*` must be the whole first label".to_owned(),
        c if c.is_control() => "control characters are not allowed".to_owned(),
        c if c.is_whitespace() => "spaces are not allowed".to_owned(),
        c if is_hidden(c) => "it has an invisible character".to_owned(),
        c if !c.is_ascii() => "it is not ASCII; give its A-label (`xn--...`)".to_owned(),
        c => format!("{} is not allowed", quote(&c.to_string())),
    }
}

fn label_mistake(label: &str) -> Option<String> {
    let shown = quote(label);
    if label.is_empty() {
        Some("it has two dots in a row".to_owned())
    } else if label.len() > MAX_LABEL {
        Some(format!(
            "its label {shown} has {} characters, at most {MAX_LABEL} are allowed",
            label.len()
        ))
    } else if label.starts_with('-') || label.ends_with('-') {
        Some(format!("its label {shown} begins or ends with `-`"))
    } else {
        None
    }
}

/// Returns whether some programs read a name as an IPv4 address: one that ends with a hexadecimal number, which C's
/// `inet_aton` accepts, or four numbers with an `L` after the last.
fn is_foreign_address(text: &str) -> bool {
    let is_hex = |label: &str| {
        let digits = label.strip_prefix("0x").or(label.strip_prefix("0X"));
        digits.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    let is_number = |label: &&str| is_decimal(label) || is_hex(label);
    let labels: Vec<_> = text.split('.').collect();
    match labels[..] {
        [.., last] if is_hex(last) => true,
        [a, b, c, last] if [a, b, c].iter().all(is_number) => last
            .strip_suffix(['l', 'L'])
            .is_some_and(|digits| digits.is_empty() || is_number(&digits)),
        _ => false,
    }
}

/// Returns whether a character is invisible: a space without width, a text direction or a tag.
pub(super) fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '.'
}

/// Returns the kind of an address that no single host can have.
pub(super) fn unreachable_kind(address: IpAddr) -> Option<&'static str> {
    if address.is_unspecified() {
        Some("the unspecified address, which no client connects to")
    } else if address.is_multicast() {
        Some("a multicast address, which no single host has")
    } else if matches!(address, IpAddr::V4(v4) if v4.is_broadcast()) {
        Some("the broadcast address, which no single host has")
    } else {
        None
    }
}

/// Recognizes text that is often pasted instead of a SAN, and returns what is wrong with it.
fn pasted(text: &str) -> Option<String> {
    if text.trim() != text {
        return Some("it begins or ends with a space".to_owned());
    }
    if let Some(reason) = text.split_once(':').and_then(prefix_mistake) {
        return Some(reason);
    }
    let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
    let in_brackets = text
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let before_zone = text.split_once('%').map(|(address, _)| address);
    let has_port = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit())
    });
    let reason = if text.contains(',') {
        "it has a comma; give each name as an item of its own"
    } else if text.parse::<IpNet>().is_ok() {
        "it is a network; give single addresses"
    } else if in_brackets.is_some_and(is_address) {
        "give the address without brackets and port"
    } else if before_zone.is_some_and(is_address) {
        "it has a zone, which is valid on one host only"
    } else if has_port {
        "it has a port; give the host alone"
    } else if text.split('.').count() == 4 && text.split('.').all(is_decimal) {
        "an IPv4 address is four numbers from 0 to 255 without leading zeros"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

fn prefix_mistake((prefix, rest): (&str, &str)) -> Option<String> {
    if rest.starts_with("//") {
        return Some("it is a URL; give the host alone".to_owned());
    }
    let shown = quote(&format!("{prefix}:"));
    // The notation of OpenSSL's `subjectAltName` option.
    match prefix.to_ascii_lowercase().as_str() {
        "dns" | "ip" | "ip address" => Some(format!("give it without {shown}")),
        "uri" | "url" | "email" | "rid" | "dirname" | "othername" => {
            Some(format!("{shown} names another kind of SAN"))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dns(name: &str) -> Result<San, String> {
        Ok(San::Dns(name.to_owned()))
    }

    fn ip(address: &str) -> Result<San, String> {
        Ok(San::Ip(address.parse().unwrap()))
    }

    /// Checks that `text` is refused as a name, for that reason.
    fn check_reason(text: &str, reason: &str) {
        assert_eq!(
            parse_san(text),
            Err(format!(
                "{} is neither an IP address nor a DNS name: {reason}",
                quote(text)
            ))
        );
    }

    /// kubeadm: TestAppendSANsToAltNames / (2) abc, (3) *.abc
    #[test]
    fn addresses_come_before_names() {
        assert_eq!(parse_san("198.51.100.7"), ip("198.51.100.7"));
        assert_eq!(parse_san("2001:db8:0:0::7"), ip("2001:db8::7"));
        assert_eq!(parse_san("2001:DB8::7"), ip("2001:db8::7"));
        assert_eq!(parse_san("127.0.0.1"), ip("127.0.0.1"));
        assert_eq!(parse_san("::ffff:1.2.3.4"), ip("1.2.3.4"));
    }

    #[test]
    fn names_are_lower_cased() {
        assert_eq!(parse_san("API.Example"), dns("api.example"));
        assert_eq!(parse_san("*.Example"), dns("*.example"));
        assert_eq!(parse_san("xn--zmbo-5qa.com"), dns("xn--zmbo-5qa.com"));
        assert_eq!(parse_san("163.a"), dns("163.a"));
    }

    /// kubeadm's own table for `appendSANsToAltNames`.
    ///
    /// kubeadm: TestAppendSANsToAltNames / (2) abc, (3) *.abc -> 1; same
    /// kubeadm: TestAppendSANsToAltNames / (4) to (7) `**.abc`, `a.*.bc`, `a*.bc` -> dropped; stricter: an error
    #[test]
    fn wildcards_are_judged_as_kubeadm_does() {
        for accepted in ["abc", "*.abc", "abc.def"] {
            assert_eq!(parse_san(accepted), dns(accepted));
        }
        for refused in ["**.abc", "a.*.bc", "a*.bc", "*.*.a", "*", "*."] {
            assert!(parse_san(refused).is_err(), "{refused}");
        }
        check_reason("a.*.bc", "`*` must be the whole first label");
        check_reason("*.*.a", "`*` must be the whole first label");
        check_reason("**.abc", "`*` must be the whole first label");
    }

    #[test]
    fn lengths_are_limited() {
        let label = "a".repeat(63);
        let name = format!("{label}.{label}.{label}.{}", "a".repeat(61));
        assert_eq!(name.len(), 253);
        assert_eq!(parse_san(&name), dns(&name));
        check_reason(
            &format!("{name}a"),
            "it has 254 characters, at most 253 are allowed",
        );
        check_reason(
            &format!("*.{name}"),
            "it has 253 characters, at most 251 are allowed",
        );
        let label = "a".repeat(64);
        check_reason(
            &format!("{label}.example"),
            &format!("its label `{label}` has 64 characters, at most 63 are allowed"),
        );
    }

    #[test]
    fn malformed_names_are_refused_with_the_reason() {
        check_reason("..", "it begins with a dot");
        check_reason(".a", "it begins with a dot");
        check_reason("host.", "it ends with a dot");
        check_reason("a..b", "it has two dots in a row");
        check_reason("a-", "its label `a-` begins or ends with `-`");
        check_reason("a.-b", "its label `-b` begins or ends with `-`");
        check_reason("---", "its label `---` begins or ends with `-`");
        check_reason("api_1.example", "`_` is not allowed");
        check_reason("a b", "spaces are not allowed");
        check_reason(" a", "it begins or ends with a space");
        check_reason("a\n", "it begins or ends with a space");
        check_reason("a\nb", "control characters are not allowed");
        check_reason(
            "a,DNS:b",
            "it has a comma; give each name as an item of its own",
        );
        check_reason("../../etc/x", "`/` is not allowed");
        check_reason("$(id)", "`$` is not allowed");
        check_reason("@file", "`@` is not allowed");
        check_reason("a.163", "its last label is a number");
        check_reason("163", "its last label is a number");
        assert_eq!(
            parse_san(""),
            Err("is empty; want an IP address or a DNS name".to_owned())
        );
        assert_eq!(
            parse_san("\u{1b}[31mred"),
            Err("`\\u{1b}[31mred` is neither an IP address nor a DNS name: control characters are not allowed".to_owned())
        );
    }

    #[test]
    fn names_that_are_not_ascii_are_refused() {
        let reason = "it is not ASCII; give its A-label (`xn--...`)";
        check_reason("zömbo.com", reason);
        check_reason("zo\u{308}mbo.com", reason);
        let reason = "it has an invisible character";
        check_reason("a\u{200b}b.com", reason);
        check_reason("a\u{202e}b.com", reason);
        check_reason("\u{feff}zömbo.com", reason);
    }

    #[test]
    fn pasted_text_is_refused_with_a_hint() {
        check_reason("10.0.0.0/24", "it is a network; give single addresses");
        check_reason("1.2.3.4:6443", "it has a port; give the host alone");
        check_reason("lb.example:6443", "it has a port; give the host alone");
        check_reason("[::1]", "give the address without brackets and port");
        check_reason("[::1]:6443", "give the address without brackets and port");
        check_reason("https://a:6443", "it is a URL; give the host alone");
        check_reason("DNS:x", "give it without `DNS:`");
        check_reason("IP:1.2.3.4", "give it without `IP:`");
        check_reason("dirName:sect", "`dirName:` names another kind of SAN");
        check_reason("email:copy", "`email:` names another kind of SAN");
        check_reason(
            "fe80::1%eth0",
            "it has a zone, which is valid on one host only",
        );
        check_reason(
            "010.0.0.1",
            "an IPv4 address is four numbers from 0 to 255 without leading zeros",
        );
    }

    #[test]
    fn addresses_in_foreign_notations_are_refused() {
        for text in [
            "0x7f000001",
            "0X7F.1",
            "a.0x1f",
            "1.2.3.L",
            "1.2.3.4L",
            "1.0x2.3.4l",
        ] {
            let reason = match text {
                "0X7F.1" => "its last label is a number",
                _ => "some programs read it as an IPv4 address",
            };
            check_reason(text, reason);
        }
        for name in ["l", "5.l", "1.2.l", "a.4l", "0x7g", "1e3"] {
            assert_eq!(parse_san(name), dns(name));
        }
    }

    #[test]
    fn addresses_that_no_single_host_has_are_refused() {
        for (text, kind) in [
            (
                "0.0.0.0",
                "the unspecified address, which no client connects to",
            ),
            ("::", "the unspecified address, which no client connects to"),
            (
                "::ffff:0.0.0.0",
                "the unspecified address, which no client connects to",
            ),
            ("224.0.0.1", "a multicast address, which no single host has"),
            ("ff02::1", "a multicast address, which no single host has"),
            (
                "255.255.255.255",
                "the broadcast address, which no single host has",
            ),
        ] {
            assert_eq!(parse_san(text), Err(format!("{} is {kind}", quote(text))));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_messages_are_printable(text in any::<String>()) {
            if let Err(message) = parse_san(&text) {
                prop_assert!(!message.chars().any(char::is_control));
            }
        }

        #[test]
        fn what_is_accepted_is_accepted_again(text in "[*a-zA-Z0-9.:-]{0,20}") {
            if let Ok(san) = parse_san(&text) {
                let again = match &san {
                    San::Dns(name) => name.clone(),
                    San::Ip(address) => address.to_string(),
                };
                prop_assert_eq!(parse_san(&again), Ok(san));
            }
        }
    }
}
