//! cfssl's JSON: requests for a key and a certificate (`csr.CertificateRequest`), and what `cfssl genkey` prints.

use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::util::duration::Period;
use crate::util::secret::quote;
use crate::x509::algorithm::Algorithm;
use crate::x509::attribute::Attribute;

/// A request. Every value has its place in the file, for messages.
#[derive(Clone, Debug, PartialEq)]
pub struct CfsslRequest {
    /// The subject, in the order in which names usually have their attributes.
    pub subject: Vec<(String, Attribute, String)>,
    /// `hosts`.
    pub hosts: Vec<(String, String)>,
    /// `key`; as in cfssl, ECDSA on P-256 if it is missing.
    pub algorithm: Algorithm,
    /// `ca`, which only a request for a CA has.
    pub ca: Option<CfsslCa>,
    /// Fields that neither cfssl nor `pki` knows.
    pub ignored: Vec<String>,
}

/// The section `ca` of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CfsslCa {
    /// `expiry`.
    pub period: Option<Period>,
    /// `pathlen`; 0 only with `pathlenzero`, and none for -1.
    pub path_length: Option<u8>,
}

impl CfsslRequest {
    /// Reads a request. The names of fields are read in upper or lower case, as Go does.
    ///
    /// # Errors
    /// Everything that is wrong with it; never more of the text than a value.
    pub fn parse(text: &[u8]) -> Result<CfsslRequest, Vec<String>> {
        let value: Value = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            vec![format!("it is not JSON (line {line}, column {column})")]
        })?;
        let Value::Object(object) = value else {
            return Err(vec!["it is not a JSON object".to_owned()]);
        };
        let mut reader = Reader::default();
        let request = reader.request(&object);
        match reader.problems.is_empty() {
            true => Ok(request),
            false => Err(reader.problems),
        }
    }
}

impl CfsslRequest {
    /// Returns the request with the name of its file before each place.
    pub fn below(mut self, file: &str) -> CfsslRequest {
        let places = self.subject.iter_mut().map(|(place, _, _)| place);
        let places = places.chain(self.hosts.iter_mut().map(|(place, _)| place));
        for place in places {
            *place = format!("{file}: {place}");
        }
        self
    }
}

/// Fields that would change the certificate, and that `pki` does not support.
const UNSUPPORTED: [&str; 4] = [
    "serialnumber",
    "delegation_enabled",
    "extensions",
    "crl_override",
];

/// The same in an entry of `names`.
const UNSUPPORTED_NAMES: [&str; 3] = ["E", "SerialNumber", "OID"];

#[derive(Default)]
struct Reader {
    problems: Vec<String>,
    ignored: Vec<String>,
}

impl Reader {
    fn request(&mut self, object: &Map<String, Value>) -> CfsslRequest {
        let known = ["CN", "names", "hosts", "key", "ca"];
        self.others(object, "", &known, &UNSUPPORTED);
        let common_name = self.text(object, "", "CN");
        let names = self.items(object, "names");
        let names: Vec<_> = names
            .into_iter()
            .flat_map(|(place, item)| self.name(&place, item))
            .collect();
        let mut subject = Vec::new();
        for attribute in Attribute::ALL {
            let own = names.iter().filter(|(_, found, _)| *found == attribute);
            subject.extend(own.cloned());
        }
        subject.extend(common_name.map(|name| ("CN".to_owned(), Attribute::CommonName, name)));
        let mut hosts = Vec::new();
        for (place, host) in self.items(object, "hosts") {
            match host.as_str() {
                // Tutorials have `"hosts": [""]`, which cfssl takes for none.
                Some("") => {}
                Some(host) => hosts.push((place, host.to_owned())),
                None => self.problem(&place, "it is not a string"),
            }
        }
        CfsslRequest {
            subject,
            hosts,
            algorithm: self.algorithm(object),
            ca: self
                .object(object, "ca")
                .map(|object| self.authority(object)),
            ignored: std::mem::take(&mut self.ignored),
        }
    }

    /// Returns the attributes of an entry of `names`.
    fn name(&mut self, place: &str, item: &Value) -> Vec<(String, Attribute, String)> {
        let Value::Object(object) = item else {
            self.problem(place, "it is not an object");
            return Vec::new();
        };
        let known = ["C", "ST", "L", "O", "OU"];
        let prefix = format!("{place}.");
        self.others(object, &prefix, &known, &UNSUPPORTED_NAMES);
        let attributes = Attribute::ALL.into_iter();
        let attributes = attributes.filter(|attribute| known.contains(&attribute.name()));
        attributes
            .filter_map(|attribute| {
                let value = self.text(object, &prefix, attribute.name())?;
                Some((format!("{prefix}{}", attribute.name()), attribute, value))
            })
            .collect()
    }

    fn algorithm(&mut self, object: &Map<String, Value>) -> Algorithm {
        let Some(key) = self.object(object, "key") else {
            return Algorithm::EcdsaP256;
        };
        self.others(key, "key.", &["algo", "size"], &[]);
        let name = self.text(key, "key.", "algo");
        let size = field(key, "size");
        let size = size.map(|size| size.as_u64().unwrap_or_default());
        match (name.as_deref(), size) {
            (None | Some("ecdsa"), None | Some(256)) => Algorithm::EcdsaP256,
            (Some("ecdsa"), Some(384)) => Algorithm::EcdsaP384,
            (Some("ecdsa"), Some(521)) => Algorithm::EcdsaP521,
            (Some("ecdsa"), Some(_)) => self.bad_size("256, 384 or 521"),
            (Some("rsa"), Some(2048)) => Algorithm::Rsa2048,
            (Some("rsa"), Some(3072)) => Algorithm::Rsa3072,
            (Some("rsa"), Some(4096)) => Algorithm::Rsa4096,
            (Some("rsa"), Some(8192)) => Algorithm::Rsa8192,
            (Some("rsa"), _) => self.bad_size("2048, 3072, 4096 or 8192"),
            (name, _) => {
                let found = name.map_or_else(|| "it is missing".to_owned(), quote);
                self.problem("key.algo", &format!("{found}, want `ecdsa` or `rsa`"));
                Algorithm::EcdsaP256
            }
        }
    }

    fn bad_size(&mut self, wanted: &str) -> Algorithm {
        self.problem("key.size", &format!("want {wanted}"));
        Algorithm::EcdsaP256
    }

    fn authority(&mut self, object: &Map<String, Value>) -> CfsslCa {
        let known = ["expiry", "pathlen", "pathlenzero"];
        self.others(object, "ca.", &known, &["backdate"]);
        let period = self.text(object, "ca.", "expiry");
        let period = period.and_then(|text| match Period::parse(&text) {
            Ok(period) if period.length().as_secs() > 0 => Some(period),
            Ok(_) => {
                self.problem("ca.expiry", "it is shorter than a second");
                None
            }
            Err(error) => {
                self.problem("ca.expiry", &error);
                None
            }
        });
        let is_zero = match field(object, "pathlenzero") {
            None => false,
            Some(Value::Bool(zero)) => *zero,
            Some(_) => {
                self.problem("ca.pathlenzero", "want true or false");
                false
            }
        };
        // Go's `MaxPathLen` is -1 for no limit.
        let length = field(object, "pathlen").filter(|length| length.as_i64() != Some(-1));
        let path_length = match length.map(|length| length.as_u64().map(u8::try_from)) {
            // cfssl says with its own field that 0 is meant.
            None | Some(Some(Ok(0))) => is_zero.then_some(0),
            Some(Some(Ok(length))) => Some(length),
            Some(_) => {
                self.problem("ca.pathlen", "want a number from 0 to 255");
                None
            }
        };
        CfsslCa {
            period,
            path_length,
        }
    }

    /// Notes the fields that are not known, and refuses those that are not supported.
    fn others(
        &mut self,
        object: &Map<String, Value>,
        prefix: &str,
        known: &[&str],
        unsupported: &[&str],
    ) {
        let is_in =
            |names: &[&str], name: &str| names.iter().any(|one| one.eq_ignore_ascii_case(name));
        for (name, value) in object {
            if is_in(unsupported, name) {
                if !is_empty(value) {
                    let place = format!("{prefix}{name}");
                    self.problem(&place, "`pki` does not support it; take it out");
                }
            } else if !is_in(known, name) {
                self.ignored.push(format!("{prefix}{name}"));
            }
        }
    }

    /// Returns a text, unless it is empty, which cfssl takes for missing.
    fn text(&mut self, object: &Map<String, Value>, prefix: &str, name: &str) -> Option<String> {
        let value = field(object, name)?;
        match value.as_str() {
            Some(text) => (!text.is_empty()).then(|| text.to_owned()),
            None => {
                self.problem(&format!("{prefix}{name}"), "it is not a string");
                None
            }
        }
    }

    fn object<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        name: &str,
    ) -> Option<&'v Map<String, Value>> {
        let value = field(object, name)?;
        let found = value.as_object();
        if found.is_none() {
            self.problem(name, "it is not an object");
        }
        found
    }

    /// Returns the items of a list with their places.
    fn items<'v>(
        &mut self,
        object: &'v Map<String, Value>,
        name: &str,
    ) -> Vec<(String, &'v Value)> {
        let Some(value) = field(object, name) else {
            return Vec::new();
        };
        let Some(items) = value.as_array() else {
            self.problem(name, "it is not a list");
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| (format!("{name}[{index}]"), item))
            .collect()
    }

    fn problem(&mut self, place: &str, what: &str) {
        self.problems.push(format!("{place}: {what}"));
    }
}

/// Returns a field that is not null.
fn field<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let exact = object.get(name);
    let any_case = || {
        let mut fields = object.iter();
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name))
    };
    let value = exact.or_else(|| any_case().map(|(_, value)| value))?;
    (!value.is_null()).then_some(value)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// What `cfssl genkey` prints, which `cfssljson -bare` reads.
#[derive(Serialize)]
struct GeneratedKey<'a> {
    csr: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

/// Returns a request and, if it is new, its key, as `cfssl genkey` prints them.
///
/// # Errors
/// None that is known: serializing plain data cannot fail.
pub fn generated_key(csr: &str, key: Option<&str>) -> serde_json::Result<Zeroizing<Vec<u8>>> {
    // Large enough for two characters in the place of each line end: a buffer that grows leaves a copy of the key.
    let length = csr.len() + key.map_or(0, str::len);
    let mut text = Zeroizing::new(Vec::with_capacity(2 * length + 64));
    serde_json::to_writer(&mut *text, &GeneratedKey { csr, key })?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<CfsslRequest, Vec<String>> {
        CfsslRequest::parse(text.as_bytes())
    }

    #[test]
    fn every_field_is_read_with_its_place() {
        let request = parse(
            r#"{
              "cn": "server", "hosts": ["a.example", "192.0.2.1"], "key": {"algo": "rsa", "size": 3072},
              "names": [{"OU": "ops", "O": "acme", "ST": "", "C": "DE"}, {"O": "second", "x": 1}],
              "ca": {"expiry": "48h", "pathlen": 2}, "serialnumber": "", "comment": "none"
            }"#,
        )
        .unwrap();
        let subject: Vec<_> = request
            .subject
            .iter()
            .map(|(place, attribute, value)| (place.as_str(), attribute.name(), value.as_str()))
            .collect();
        assert_eq!(
            subject,
            [
                ("names[0].C", "C", "DE"),
                ("names[0].O", "O", "acme"),
                ("names[1].O", "O", "second"),
                ("names[0].OU", "OU", "ops"),
                ("CN", "CN", "server"),
            ]
        );
        let host = |place: &str, host: &str| (place.to_owned(), host.to_owned());
        assert_eq!(
            request.hosts,
            [host("hosts[0]", "a.example"), host("hosts[1]", "192.0.2.1")]
        );
        assert_eq!(request.algorithm, Algorithm::Rsa3072);
        let ca = request.ca.unwrap();
        assert_eq!(ca.period, Some(Period::parse("2d").unwrap()));
        assert_eq!(ca.path_length, Some(2));
        assert_eq!(request.ignored, ["comment", "names[1].x"]);
    }

    #[test]
    fn what_is_missing_is_as_in_cfssl() {
        let request = parse("{}").unwrap();
        assert_eq!(request.algorithm, Algorithm::EcdsaP256);
        assert_eq!((request.subject, request.ca), (Vec::new(), None));
        for (ca, length) in [
            ("{}", None),
            (r#"{"pathlen": 0}"#, None),
            (r#"{"pathlen": 0, "pathlenzero": true}"#, Some(0)),
        ] {
            let request = parse(&format!(r#"{{"ca": {ca}}}"#)).unwrap();
            assert_eq!(request.ca.unwrap().path_length, length, "{ca}");
        }
    }

    #[test]
    fn all_problems_are_reported_and_no_text_is_quoted() {
        let sizes = "want 2048, 3072, 4096 or 8192";
        for (text, problems) in [
            ("{", &["it is not JSON (line 1, column 1)"][..]),
            ("[]", &["it is not a JSON object"]),
            (
                r#"{"CN": 1, "hosts": {}, "names": [[], {"O": 2}], "ca": 1}"#,
                &[
                    "CN: it is not a string",
                    "names[0]: it is not an object",
                    "names[1].O: it is not a string",
                    "hosts: it is not a list",
                    "ca: it is not an object",
                ],
            ),
            (
                r#"{"key": {"algo": "ed25519"}}"#,
                &["key.algo: `ed25519`, want `ecdsa` or `rsa`"],
            ),
            (
                r#"{"key": {"size": 384}}"#,
                &["key.algo: it is missing, want `ecdsa` or `rsa`"],
            ),
            (
                r#"{"key": {"algo": "ecdsa", "size": 224}}"#,
                &["key.size: want 256, 384 or 521"],
            ),
            (
                r#"{"key": {"algo": "rsa"}}"#,
                &[&format!("key.size: {sizes}")],
            ),
            (
                r#"{"key": {"algo": "rsa", "size": 1024}}"#,
                &[&format!("key.size: {sizes}")],
            ),
            (
                r#"{"key": {"algo": "rsa", "size": "2048"}}"#,
                &[&format!("key.size: {sizes}")],
            ),
            (
                r#"{"serialnumber": "1", "names": [{"E": "a@b"}], "ca": {"backdate": "1h", "pathlen": -2, "expiry": "x"}}"#,
                &[
                    "serialnumber: `pki` does not support it; take it out",
                    "names[0].E: `pki` does not support it; take it out",
                    "ca.backdate: `pki` does not support it; take it out",
                    "ca.expiry: `x` is not a duration; write `30d` or `720h`",
                    "ca.pathlen: want a number from 0 to 255",
                ],
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), problems, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_messages_are_printable(
            text in r#"\{("(CN|names|hosts|key|ca|x)": ([0-9]|""|null|\["\PC{0,3}"\]|\{"(size|algo|O|pathlen|expiry)": ("\PC{0,3}"|[0-9]{1,3})\})(, )?){0,4}\}?"#
        ) {
            if let Err(problems) = parse(&text) {
                prop_assert!(!problems.is_empty());
                prop_assert!(!problems.concat().chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn a_key_that_is_not_new_is_left_out() {
        let text = generated_key("C", None).unwrap();
        assert_eq!(*text, b"{\"csr\":\"C\"}\n");
        let text = generated_key("C\n", Some("K")).unwrap();
        assert_eq!(*text, b"{\"csr\":\"C\\n\",\"key\":\"K\"}\n");
    }
}
