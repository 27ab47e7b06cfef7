//! Reads names and the strings in them (`parseName` and `parseASN1String` in `parser.go`, `domainNameValid`).

use super::GoError;
use crate::x509::der::{Der, tag};

/// Reads a Name and returns its encoding; every attribute must be a string of a known type.
pub(super) fn read_name<'a>(tbs: &mut Der<'a>, what: &'static str) -> Result<&'a [u8], GoError> {
    let malformed = GoError::Malformed(what);
    let name = tbs.any().ok_or(malformed.clone())?;
    if name.tag != tag::SEQUENCE {
        return Err(malformed);
    }
    let mut rdns = Der(name.contents);
    while !rdns.is_empty() {
        let mut rdn = rdns.read(tag::SET).ok_or(malformed.clone())?;
        while !rdn.is_empty() {
            let mut attribute = rdn.read(tag::SEQUENCE).ok_or(malformed.clone())?;
            attribute.object_identifier().ok_or(malformed.clone())?;
            let value = attribute.any().ok_or(malformed.clone())?;
            check_string(value.tag, value.contents)?;
        }
    }
    Ok(name.whole)
}

/// Returns whether Go reads an encoded Name.
pub(in crate::x509) fn is_valid_name(der: &[u8]) -> bool {
    read_name(&mut Der(der), "name").is_ok()
}

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const T61_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const BMP_STRING: u8 = 0x1e;

/// Checks that a string has only characters of its type.
fn check_string(tag: u8, value: &[u8]) -> Result<(), GoError> {
    let (is_valid, kind) = match tag {
        UTF8_STRING => (std::str::from_utf8(value).is_ok(), "UTF8String"),
        NUMERIC_STRING => (
            value.iter().all(|c| c.is_ascii_digit() || *c == b' '),
            "NumericString",
        ),
        PRINTABLE_STRING => (value.iter().all(is_printable), "PrintableString"),
        // Any octet is a character.
        T61_STRING => (true, "T61String"),
        IA5_STRING => (value.is_ascii(), "IA5String"),
        BMP_STRING => (is_bmp_string(value), "BMPString"),
        other => return Err(GoError::StringType(other)),
    };
    match is_valid {
        true => Ok(()),
        false => Err(GoError::String(kind)),
    }
}

/// Unlike X.680, Go accepts `*` and `&` as printable (`isPrintable`).
fn is_printable(c: &u8) -> bool {
    c.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(c)
}

/// Two octets per character; surrogates and noncharacters of UTF-16 are refused.
fn is_bmp_string(value: &[u8]) -> bool {
    let value = value.strip_suffix(b"\0\0").unwrap_or(value);
    let (points, rest) = value.as_chunks::<2>();
    let is_character = |point: &[u8; 2]| {
        !matches!(
            u16::from_be_bytes(*point),
            0xd800..=0xdfff | 0xfdd0..=0xfdef | 0xfffe | 0xffff
        )
    };
    rest.is_empty() && points.iter().all(is_character)
}

/// Returns whether a domain name may be in a URI or in a name constraint (`domainNameValid`); the latter may begin with a dot.
pub(super) fn is_valid_domain(name: &[u8], is_constraint: bool) -> bool {
    if name.is_empty() {
        return true;
    }
    let name = match is_constraint {
        true => name.strip_prefix(b".").unwrap_or(name),
        false => name,
    };
    name.split(|c| *c == b'.')
        .all(|label| !label.is_empty() && label.iter().all(u8::is_ascii_graphic))
}
