//! Reads DER as Go's `golang.org/x/crypto/cryptobyte` does; `go` depends on which lengths, tags and integers it
//! accepts.

/// Universal tags, as they are encoded.
pub(super) mod tag {
    pub(in crate::x509) const BOOLEAN: u8 = 0x01;
    pub(in crate::x509) const INTEGER: u8 = 0x02;
    pub(in crate::x509) const BIT_STRING: u8 = 0x03;
    pub(in crate::x509) const OCTET_STRING: u8 = 0x04;
    pub(in crate::x509) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(in crate::x509) const UTC_TIME: u8 = 0x17;
    pub(in crate::x509) const GENERALIZED_TIME: u8 = 0x18;
    pub(in crate::x509) const SEQUENCE: u8 = 0x30;
    pub(in crate::x509) const SET: u8 = 0x31;

    /// Returns the tag of a context-specific primitive field.
    pub(in crate::x509) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// Returns the tag of a context-specific constructed field.
    pub(in crate::x509) const fn constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// DER that is still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

/// One element with its tag.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// With tag and length.
    pub(super) whole: &'a [u8],
    pub(super) contents: &'a [u8],
}

/// Returns whether DER has the form of what is signed: a certificate, a request, a revocation list. A private key has not, so it need
/// not be copied to be refused.
pub(crate) fn is_signed(der: &[u8]) -> bool {
    let Some(mut outer) = Der(der).read(tag::SEQUENCE) else {
        return false;
    };
    let [first, second, third] = [outer.any(), outer.any(), outer.any()];
    let has_tag = |element: Option<Element<'_>>, tag| element.is_some_and(|one| one.tag == tag);
    has_tag(first, tag::SEQUENCE)
        && has_tag(second, tag::SEQUENCE)
        && has_tag(third, tag::BIT_STRING)
}

impl<'a> Der<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn starts_with(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    /// Reads the next element with any tag (`readASN1`).
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (&[tag, first], _) = self.0.split_first_chunk()?;
        // Only single-octet tags are supported.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (header, length) = if first & 0x80 == 0 {
            (2, usize::from(first))
        } else {
            let octets = usize::from(first & 0x7f);
            if octets == 0 || octets > 4 {
                return None;
            }
            let length = self.0.get(2..2 + octets)?;
            // The length has to be as short as possible (X.690 section 10.1).
            if length.first() == Some(&0) {
                return None;
            }
            let length = length
                .iter()
                .fold(0, |length, octet| length << 8 | usize::from(*octet));
            if length < 128 {
                return None;
            }
            (2 + octets, length)
        };
        let (whole, rest) = self.0.split_at_checked(header.checked_add(length)?)?;
        self.0 = rest;
        Some(Element {
            tag,
            whole,
            contents: whole.get(header..)?,
        })
    }

    /// Reads an element of this tag and returns its contents.
    pub(super) fn read(&mut self, tag: u8) -> Option<Der<'a>> {
        let element = self.any()?;
        (element.tag == tag).then_some(Der(element.contents))
    }

    /// Reads an element of this tag and returns its encoding.
    pub(super) fn read_whole(&mut self, tag: u8) -> Option<&'a [u8]> {
        let element = self.any()?;
        (element.tag == tag).then_some(element.whole)
    }

    /// Reads an element of this tag if it is the next one; `None` if it is malformed.
    pub(super) fn read_optional(&mut self, tag: u8) -> Option<Option<Der<'a>>> {
        match self.starts_with(tag) {
            true => self.read(tag).map(Some),
            false => Some(None),
        }
    }

    /// Reads an INTEGER, or one with an implicit tag, and returns its octets; their number must be minimal.
    pub(super) fn integer(&mut self, tag: u8) -> Option<&'a [u8]> {
        let octets = self.read(tag)?.0;
        let is_minimal = match octets {
            [] => false,
            [_] => true,
            [0x00, second, ..] => second & 0x80 != 0,
            [0xff, second, ..] => second & 0x80 == 0,
            _ => true,
        };
        is_minimal.then_some(octets)
    }

    /// Reads an INTEGER from 0 to 2^63 - 1.
    pub(super) fn unsigned(&mut self, tag: u8) -> Option<u64> {
        let octets = self.integer(tag)?;
        if octets.len() > 8 || is_negative(octets) {
            return None;
        }
        Some(
            octets
                .iter()
                .fold(0, |value, octet| value << 8 | u64::from(*octet)),
        )
    }

    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.read(tag::BOOLEAN)?.0 {
            [0x00] => Some(false),
            [0xff] => Some(true),
            _ => None,
        }
    }

    /// Reads an OBJECT IDENTIFIER and returns its octets.
    pub(super) fn object_identifier(&mut self) -> Option<&'a [u8]> {
        let octets = self.read(tag::OBJECT_IDENTIFIER)?.0;
        (!octets.is_empty()
            && octets
                .split_inclusive(|octet| octet & 0x80 == 0)
                .all(is_arc))
        .then_some(octets)
    }

    /// Reads a BIT STRING of whole octets. Returns an empty slice for any other length: Go shifts the bits
    /// (`RightAlign`), and the result is not a key or signature.
    pub(super) fn octets_of_bit_string(&mut self) -> Option<&'a [u8]> {
        let (padding, octets) = self.bit_string()?;
        Some(if padding == 0 { octets } else { &[] })
    }

    /// Reads a BIT STRING and returns how many bits of its last octet are unused, and its octets.
    pub(super) fn bit_string(&mut self) -> Option<(u8, &'a [u8])> {
        let (padding, octets) = self.read(tag::BIT_STRING)?.0.split_first()?;
        let is_valid = match octets.last() {
            None => *padding == 0,
            Some(last) => *padding <= 7 && last & ((1 << padding) - 1) == 0,
        };
        is_valid.then_some((*padding, octets))
    }
}

/// Returns whether the octets encode one component of an OBJECT IDENTIFIER, below 2^31 (`readBase128Int`).
fn is_arc(octets: &[u8]) -> bool {
    let is_ended = octets.last().is_some_and(|last| last & 0x80 == 0);
    let is_small = octets.len() < 5
        || octets.len() == 5 && octets.first().is_some_and(|first| first & 0x7f < 0x08);
    is_ended && is_small && octets.first() != Some(&0x80)
}

/// Returns whether the octets of an INTEGER encode a negative number.
pub(super) fn is_negative(octets: &[u8]) -> bool {
    octets.first().is_some_and(|first| first & 0x80 != 0)
}

/// Returns how many bits the octets of a positive INTEGER need.
pub(super) fn bit_length(octets: &[u8]) -> u32 {
    let mut octets = octets;
    while let Some((0, rest)) = octets.split_first() {
        octets = rest;
    }
    let unused = octets.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(octets.len() * 8).unwrap_or(u32::MAX) - unused
}

/// Returns a DER element.
pub(super) fn encode(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut element = vec![tag];
    match u8::try_from(length) {
        Ok(length) if length < 128 => element.push(length),
        _ => {
            let octets = length.to_be_bytes();
            let octets = octets
                .split_at(octets.iter().take_while(|octet| **octet == 0).count())
                .1;
            // There are 8 octets at most.
            element.push(0x80 | octets.len() as u8);
            element.extend_from_slice(octets);
        }
    }
    for part in parts {
        element.extend_from_slice(part);
    }
    element
}
