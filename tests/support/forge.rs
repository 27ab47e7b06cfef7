//! Certificates that no tool makes: a field of a real certificate is replaced, and a CA of the tree signs it again.

use pki::x509::key::PrivateKey;
use x509_cert::der::{
    Decode, Encode, Tag, TagNumber, Tagged,
    asn1::{Any, BitString, Ia5String, ObjectIdentifier, OctetString},
};

use super::tree::TestTree;

pub(crate) const COMMON_NAME: &str = "2.5.4.3";
pub(crate) const ORGANIZATION: &str = "2.5.4.10";
pub(crate) const SUBJECT_ALT_NAME: &str = "2.5.29.17";
pub(crate) const AUTHORITY_KEY_ID: &str = "2.5.29.35";

// The fields of a TBSCertificate of version 3 (RFC 5280 section 4.1).
const VERSION: usize = 0;
const SERIAL: usize = 1;
const ALGORITHM: usize = 2;
const ISSUER: usize = 3;
const VALIDITY: usize = 4;
const SUBJECT: usize = 5;
const EXTENSIONS: usize = 7;

/// An end of a certificate's validity.
#[derive(Clone, Copy)]
pub(crate) enum End {
    NotBefore,
    NotAfter,
}

/// What a CA signs, field by field.
pub(crate) struct Tbs(Vec<Any>);

impl Tbs {
    pub(crate) fn set_version(&mut self, version: u8) {
        let number = integer(&[version]).to_der().unwrap();
        self.0[VERSION] = Any::new(explicit(0), number).unwrap();
    }

    /// Sets the octets of the serial number, most significant first.
    pub(crate) fn set_serial(&mut self, octets: &[u8]) {
        self.0[SERIAL] = integer(octets);
    }

    /// Replaces the signature algorithm only in the signed part.
    pub(crate) fn set_algorithm(&mut self, oid: &str) {
        self.0[ALGORITHM] = sequence(&[identifier(oid)]);
    }

    pub(crate) fn set_time(&mut self, end: End, tag: Tag, text: &str) {
        let mut times = parts(&self.0[VALIDITY]);
        times[end as usize] = Any::new(tag, text.as_bytes()).unwrap();
        self.0[VALIDITY] = sequence(&times);
    }

    /// Sets the subject: one attribute an RDN.
    pub(crate) fn set_subject(&mut self, attributes: &[(&str, Tag, &[u8])]) {
        self.0[SUBJECT] = name(attributes);
    }

    pub(crate) fn set_issuer(&mut self, attributes: &[(&str, Tag, &[u8])]) {
        self.0[ISSUER] = name(attributes);
    }

    /// Replaces the value of an existing extension, and keeps its position and criticality.
    pub(crate) fn set_extension(&mut self, oid: &str, value: &[u8]) {
        self.edit_extensions(|extensions| {
            let extension = extensions
                .iter_mut()
                .find(|extension| parts(extension)[0] == identifier(oid))
                .unwrap();
            let mut fields = parts(extension);
            *fields.last_mut().unwrap() = octets(value);
            *extension = sequence(&fields);
        });
    }

    pub(crate) fn add_extension(&mut self, oid: &str, critical: bool, value: &[u8]) {
        let mut fields = vec![identifier(oid)];
        if critical {
            fields.push(Any::new(Tag::Boolean, [0xff]).unwrap());
        }
        fields.push(octets(value));
        self.edit_extensions(|extensions| extensions.push(sequence(&fields)));
    }

    /// Duplicates an existing extension.
    pub(crate) fn repeat_extension(&mut self, oid: &str) {
        self.edit_extensions(|extensions| {
            let is_it = |extension: &&Any| parts(extension)[0] == identifier(oid);
            let extension = extensions.iter().find(is_it).unwrap().clone();
            extensions.push(extension);
        });
    }

    pub(crate) fn remove_extension(&mut self, oid: &str) {
        self.edit_extensions(|extensions| {
            extensions.retain(|extension| parts(extension)[0] != identifier(oid));
        });
    }

    /// Returns the value of an extension.
    pub(crate) fn extension(&self, oid: &str) -> Vec<u8> {
        let extensions = parts(&Any::from_der(self.0[EXTENSIONS].value()).unwrap());
        let is_it = |extension: &&Any| parts(extension)[0] == identifier(oid);
        let fields = parts(extensions.iter().find(is_it).unwrap());
        fields.last().unwrap().value().to_vec()
    }

    fn edit_extensions(&mut self, edit: impl FnOnce(&mut Vec<Any>)) {
        let mut extensions = parts(&Any::from_der(self.0[EXTENSIONS].value()).unwrap());
        edit(&mut extensions);
        let list = sequence(&extensions).to_der().unwrap();
        self.0[EXTENSIONS] = Any::new(explicit(3), list).unwrap();
    }
}

impl TestTree {
    /// Exchanges fields of the first certificate of a file, and has a CA of the tree sign it again.
    pub(crate) fn forge(&self, name: &str, ca: &str, change: impl FnOnce(&mut Tbs)) {
        self.write(name, self.forged(&self.text(name), ca, change));
    }

    /// The same for a certificate in PEM.
    pub(crate) fn forged(&self, pem: &str, ca: &str, change: impl FnOnce(&mut Tbs)) -> String {
        let mut certificate = open(pem);
        let mut tbs = Tbs(parts(&certificate[0]));
        change(&mut tbs);
        certificate[0] = sequence(&tbs.0);
        let key = PrivateKey::from_pem(&self.read(&format!("pki/{ca}.key"))).unwrap();
        let signature = key.sign(&certificate[0].to_der().unwrap()).unwrap();
        certificate[2] = bits(&signature);
        close(&certificate)
    }

    /// Exchanges the signature algorithm outside of what is signed.
    pub(crate) fn relabel_signature(&self, name: &str, oid: &str) {
        let mut certificate = open(&self.text(name));
        certificate[1] = sequence(&[identifier(oid)]);
        self.write(name, close(&certificate));
    }

    /// Flips the last bit of a certificate's signature; it is the first one of its file.
    pub(crate) fn damage_signature(&self, name: &str) {
        let text = self.text(name);
        let (_, behind) = text.split_once("END CERTIFICATE-----\n").unwrap();
        let mut certificate = open(&text);
        let mut signature = certificate[2].value()[1..].to_vec();
        *signature.last_mut().unwrap() ^= 1;
        certificate[2] = bits(&signature);
        self.write(name, close(&certificate) + behind);
    }

    /// Exchanges fields of the structure in a PEM file, and leaves its label.
    pub(crate) fn edit_der(&self, name: &str, edit: impl FnOnce(&mut Vec<Any>)) {
        let block = pem::parse(self.read(name)).unwrap();
        let mut fields = Vec::<Any>::from_der(block.contents()).unwrap();
        edit(&mut fields);
        self.write(
            name,
            encoded(block.tag(), sequence(&fields).to_der().unwrap()),
        );
    }

    /// Appends bytes to the certificate in its block.
    pub(crate) fn pad_der(&self, name: &str, further: &[u8]) {
        let block = pem::parse(self.read(name)).unwrap();
        let der = [block.contents(), further].concat();
        self.write(name, encoded("CERTIFICATE", der));
    }
}

/// Returns subject alternative names, each with its tag in a GeneralName (RFC 5280 section 4.2.1.6).
pub(crate) fn general_names(names: &[(u32, &[u8])]) -> Vec<u8> {
    let name = |(number, value): &(u32, &[u8])| {
        // Of these kinds only a directory name is made of parts.
        let tag = Tag::ContextSpecific {
            constructed: *number == 4,
            number: TagNumber(*number),
        };
        Any::new(tag, *value).unwrap()
    };
    let names: Vec<_> = names.iter().map(name).collect();
    sequence(&names).to_der().unwrap()
}

/// Returns the DER of a text in IA5String, which an extension of no known kind may hold.
pub(crate) fn text(text: &str) -> Vec<u8> {
    Ia5String::new(text).unwrap().to_der().unwrap()
}

/// Returns the fields of what is in a PEM block.
pub(crate) fn open(pem: &str) -> Vec<Any> {
    let block = pem::parse(pem).unwrap();
    Vec::<Any>::from_der(block.contents()).unwrap()
}

fn close(certificate: &[Any]) -> String {
    encoded("CERTIFICATE", sequence(certificate).to_der().unwrap())
}

fn encoded(label: &str, der: Vec<u8>) -> String {
    let lines = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), lines)
}

fn name(attributes: &[(&str, Tag, &[u8])]) -> Any {
    let rdn = |(oid, tag, value): &(&str, Tag, &[u8])| {
        let attribute = sequence(&[identifier(oid), Any::new(*tag, *value).unwrap()]);
        Any::new(Tag::Set, attribute.to_der().unwrap()).unwrap()
    };
    let rdns: Vec<_> = attributes.iter().map(rdn).collect();
    sequence(&rdns)
}

fn parts(constructed: &Any) -> Vec<Any> {
    Vec::<Any>::from_der(&constructed.to_der().unwrap()).unwrap()
}

fn sequence(parts: &[Any]) -> Any {
    let parts: Vec<u8> = parts
        .iter()
        .flat_map(|part| part.to_der().unwrap())
        .collect();
    Any::new(Tag::Sequence, parts).unwrap()
}

fn identifier(oid: &str) -> Any {
    Any::encode_from(&ObjectIdentifier::new_unwrap(oid)).unwrap()
}

pub(crate) fn integer(octets: &[u8]) -> Any {
    Any::new(Tag::Integer, octets).unwrap()
}

pub(crate) fn octets(value: &[u8]) -> Any {
    Any::encode_from(&OctetString::new(value).unwrap()).unwrap()
}

fn bits(value: &[u8]) -> Any {
    Any::encode_from(&BitString::from_bytes(value).unwrap()).unwrap()
}

/// Returns whether a field has this tag of its own.
pub(crate) fn is_tagged(field: &Any, number: u32) -> bool {
    field.tag() == explicit(number)
}

fn explicit(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}
