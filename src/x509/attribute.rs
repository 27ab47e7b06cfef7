//! The attributes of subjects and issuers.

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Ia5StringRef, ObjectIdentifier};
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::DirectoryString;
use x509_cert::name::Name;

/// An attribute of a name (RFC 5280 section 4.1.2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Country.
    Country,
    /// State or province.
    State,
    /// Locality.
    Locality,
    /// Organization; in Kubernetes, a group.
    Organization,
    /// Organizational unit.
    Unit,
    /// Common name; in Kubernetes, the user.
    CommonName,
}

impl Attribute {
    /// All of them, in the order in which names usually have them.
    pub const ALL: [Attribute; 6] = [
        Attribute::Country,
        Attribute::State,
        Attribute::Locality,
        Attribute::Organization,
        Attribute::Unit,
        Attribute::CommonName,
    ];

    /// Returns the short name (RFC 4514 section 3; `OU` is RFC 4519's).
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Country => "C",
            Attribute::State => "ST",
            Attribute::Locality => "L",
            Attribute::Organization => "O",
            Attribute::Unit => "OU",
            Attribute::CommonName => "CN",
        }
    }

    /// Returns the object identifier (ITU-T X.520).
    pub(super) const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Attribute::Country => "2.5.4.6",
            Attribute::State => "2.5.4.8",
            Attribute::Locality => "2.5.4.7",
            Attribute::Organization => "2.5.4.10",
            Attribute::Unit => "2.5.4.11",
            Attribute::CommonName => "2.5.4.3",
        })
    }

    /// Returns the values that a name has for this attribute, in their order; a value that is not text is returned as encoded.
    pub fn of(self, name: &Name) -> Vec<String> {
        self.all(name)
            .map(|attribute| text(attribute).unwrap_or_else(|| attribute.to_string()))
            .collect()
    }

    /// Returns the last value that a name has for this attribute and that is text. This is the common name in Go's
    /// `pkix.Name` (`FillFromRDNSequence`), so Kubernetes takes it for the user.
    pub fn last_of(self, name: &Name) -> Option<String> {
        self.all(name).filter_map(text).last()
    }

    fn all(self, name: &Name) -> impl Iterator<Item = &AttributeTypeAndValue> {
        name.iter()
            .filter(move |attribute| attribute.oid == self.oid())
    }
}

fn text(attribute: &AttributeTypeAndValue) -> Option<String> {
    let der = attribute.value.to_der().ok()?;
    let directory = DirectoryString::from_der(&der).map(|text| text.value().into_owned());
    // RFC 5280 does not allow it here, but Go reads it.
    let ia5 = || Ia5StringRef::from_der(&der).map(|text| text.as_str().to_owned());
    directory.or_else(|_| ia5()).ok()
}

/// Returns whether two names are equal: without regard to string types, upper and lower case, and the amount of white space
/// (RFC 5280 section 7.1).
pub(super) fn are_equal(one: &Name, other: &Name) -> bool {
    let comparable = |attribute: &AttributeTypeAndValue| {
        let value = text(attribute).unwrap_or_else(|| attribute.to_string());
        let words: Vec<_> = value.split_whitespace().map(str::to_lowercase).collect();
        (attribute.oid, words.join(" "))
    };
    one.iter().map(comparable).eq(other.iter().map(comparable))
}

/// Returns an encoded name as text, most specific attribute first.
pub fn name_text(der: &[u8]) -> String {
    Name::from_der(der).map_or_else(|_| "(unreadable)".to_owned(), |name| name.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Go takes it for a group, so the rules about `system:masters` must see it.
    #[test]
    fn an_organization_of_any_string_type_that_go_reads_is_text() {
        let group = b"system:masters";
        // UTF8String and IA5String; a PrintableString has no colon.
        for tag in [0x0c, 0x16] {
            let mut der = vec![0x30, 25, 0x31, 23, 0x30, 21, 6, 3, 0x55, 4, 10, tag, 14];
            der.extend(group);
            let name = Name::from_der(&der).unwrap();
            let found = Attribute::Organization.of(&name);
            assert_eq!(found, ["system:masters"], "{tag}");
        }
    }
}
