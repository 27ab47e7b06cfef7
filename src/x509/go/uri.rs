//! Reads URIs as Go does (`Parse` in `net/url`).

use std::net::Ipv6Addr;

/// Returns the host of an ASCII URI with its port, empty if it has none; `None` if Go does not read the URI.
pub(super) fn host(uri: &[u8]) -> Option<Vec<u8>> {
    let (uri, fragment) = cut(uri, b'#');
    unescape(fragment, |_| true)?;
    if uri.iter().any(u8::is_ascii_control) {
        return None;
    }
    if uri == b"*" {
        return Some(Vec::new());
    }
    let (scheme, rest) = scheme(uri)?;
    let (rest, _) = cut(rest, b'?');
    if !rest.starts_with(b"/") {
        let (segment, _) = cut(rest, b'/');
        return match !scheme.is_empty() {
            true => Some(Vec::new()),
            false if segment.contains(&b':') => None,
            false => unescape(rest, |_| true).map(|_| Vec::new()),
        };
    }
    let has_authority = !scheme.is_empty() || !rest.starts_with(b"///");
    let (host, path) = match rest.strip_prefix(b"//").filter(|_| has_authority) {
        Some(rest) => {
            let end = rest.iter().position(|c| *c == b'/').unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            (authority_host(scheme, authority)?, path)
        }
        None => (Vec::new(), rest),
    };
    unescape(path, |_| true)?;
    Some(host)
}

/// `getScheme`: a missing scheme is not an error, an empty scheme is.
fn scheme(uri: &[u8]) -> Option<(&[u8], &[u8])> {
    let is_scheme = |c: &u8| c.is_ascii_alphanumeric() || b"+-.".contains(c);
    let end = uri.iter().position(|c| !is_scheme(c)).unwrap_or(uri.len());
    let (scheme, rest) = uri.split_at(end);
    match (scheme.first(), rest.strip_prefix(b":")) {
        (None, Some(_)) => None,
        (Some(first), Some(rest)) if first.is_ascii_alphabetic() => Some((scheme, rest)),
        _ => Some((b"", uri)),
    }
}

/// `parseAuthority`.
fn authority_host(scheme: &[u8], authority: &[u8]) -> Option<Vec<u8>> {
    let Some(at) = authority.iter().rposition(|c| *c == b'@') else {
        return parse_host(scheme, authority);
    };
    let (user, host) = authority.split_at(at);
    let is_user = |c: &u8| c.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(c);
    let host = parse_host(scheme, host.get(1..)?)?;
    (user.iter().all(is_user) && unescape(user, |_| true).is_some()).then_some(host)
}

/// `parseHost`.
fn parse_host(scheme: &[u8], host: &[u8]) -> Option<Vec<u8>> {
    match host.iter().rposition(|c| *c == b'[') {
        Some(0) => return parse_ip_literal(host),
        Some(_) => return None,
        None => {}
    }
    let colon = |c: &u8| *c == b':';
    let first = host.iter().position(colon);
    let port = match scheme.eq_ignore_ascii_case(b"http") || scheme.eq_ignore_ascii_case(b"https") {
        true => first,
        false => host.iter().rposition(colon),
    };
    is_port(port.and_then(|at| host.get(at..)).unwrap_or_default()).then_some(())?;
    unescape(host, is_escaped_in_host)
}

fn parse_ip_literal(host: &[u8]) -> Option<Vec<u8>> {
    let end = host.iter().rposition(|c| *c == b']')?;
    is_port(host.get(end + 1..)?).then_some(())?;
    let literal = unescape(host.get(1..end)?, is_escaped_in_host)?;
    let (address, zone) = cut(&literal, b'%');
    let is_zone = !literal.contains(&b'%') || !zone.is_empty();
    let address: Ipv6Addr = std::str::from_utf8(address).ok()?.parse().ok()?;
    is_zone.then(|| format!("[{address}]").into_bytes())
}

fn is_port(port: &[u8]) -> bool {
    match port.split_first() {
        None => true,
        Some((first, digits)) => *first == b':' && digits.iter().all(u8::is_ascii_digit),
    }
}

/// In a host only octets outside of ASCII and the percent sign may be escaped (RFC 3986 section 3.2.2, RFC 6874 section 2).
fn is_escaped_in_host(octet: u8) -> bool {
    !octet.is_ascii() || octet == b'%'
}

/// Decodes `%XX`; `None` if an escape is malformed or not allowed, or if a host contains a character that is not
/// allowed.
fn unescape(text: &[u8], may_be_escaped: fn(u8) -> bool) -> Option<Vec<u8>> {
    let is_host = !may_be_escaped(b'a');
    let is_host_character =
        |c: u8| c.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]<>\"".contains(&c);
    let mut unescaped = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, next)) = rest.split_first() {
        rest = next;
        if *first != b'%' {
            if is_host && first.is_ascii() && !is_host_character(*first) {
                return None;
            }
            unescaped.push(*first);
            continue;
        }
        let (digits, next) = rest.split_at_checked(2)?;
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
        let octet = u8::from_str_radix(digits, 16).ok()?;
        may_be_escaped(octet).then_some(())?;
        unescaped.push(octet);
        rest = next;
    }
    Some(unescaped)
}

fn cut(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|c| *c == separator) {
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            text.get(at + 1..).unwrap_or_default(),
        ),
        None => (text, b""),
    }
}
