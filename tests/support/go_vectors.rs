//! One certificate for each rule of Go's `crypto/x509` (1.26) that differs from what other libraries do, with Go's verdict.
//!
//! Used by the unit tests of `x509::go`, which hold our rules against the verdicts, and by `peers::go`, which holds the
//! verdicts against Go itself. So this file uses nothing of the crate.

use rcgen::{KeyPair, PublicKeyData, SigningKey};

/// A chain with the CA that is trusted.
pub(crate) struct Vector {
    pub(crate) name: &'static str,
    /// The leaf first.
    pub(crate) chain: Vec<Vec<u8>>,
    pub(crate) anchor: Vec<u8>,
    pub(crate) verdict: Verdict,
}

/// What Go says of a vector, as a server's certificate; the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// `ParseCertificate` returns an error for one of the certificates.
    NotParsed,
    /// `Verify` returns an error.
    NotVerified,
    Accepted,
}

use Verdict::{Accepted, NotParsed, NotVerified};

/// The time at which the vectors are valid: 2027-01-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_798_761_600;

/// The parts of a certificate, each as it is encoded.
#[derive(Clone)]
struct Spec {
    version: Vec<u8>,
    /// The octets of the INTEGER.
    serial: Vec<u8>,
    inner_algorithm: Vec<u8>,
    outer_algorithm: Vec<u8>,
    issuer: Vec<u8>,
    validity: Vec<u8>,
    subject: Vec<u8>,
    spki: Vec<u8>,
    unique_ids: Vec<u8>,
    extensions: Vec<Vec<u8>>,
    has_extensions: bool,
    trailing: Vec<u8>,
    is_damaged: bool,
}

pub(crate) fn vectors() -> Vec<Vector> {
    let mut all = Vec::new();
    let keys = Keys {
        ca: KeyPair::generate().unwrap(),
        intermediate: KeyPair::generate().unwrap(),
        leaf: KeyPair::generate().unwrap(),
    };
    for (name, verdict, edit) in leaves() {
        let mut leaf = keys.leaf_spec();
        edit(&mut leaf);
        all.push(Vector {
            name,
            chain: vec![leaf.sign(&keys.ca)],
            anchor: keys.ca_spec().sign(&keys.ca),
            verdict,
        });
    }
    for (name, verdict, edit) in cas() {
        let mut ca = keys.ca_spec();
        edit(&mut ca);
        let mut leaf = keys.leaf_spec();
        leaf.issuer = ca.subject.clone();
        all.push(Vector {
            name,
            chain: vec![leaf.sign(&keys.ca)],
            anchor: ca.sign(&keys.ca),
            verdict,
        });
    }
    for (name, verdict, edit) in intermediates() {
        let (mut ca, mut intermediate, mut leaf) =
            (keys.ca_spec(), keys.intermediate_spec(), keys.leaf_spec());
        leaf.issuer = intermediate.subject.clone();
        edit(&mut ca, &mut intermediate, &mut leaf);
        all.push(Vector {
            name,
            chain: vec![leaf.sign(&keys.intermediate), intermediate.sign(&keys.ca)],
            anchor: ca.sign(&keys.ca),
            verdict,
        });
    }
    all
}

type Edit = fn(&mut Spec);
type EditAll = fn(&mut Spec, &mut Spec, &mut Spec);

/// Rules of `parser.go` and of `isValid`, on a leaf.
fn leaves() -> Vec<(&'static str, Verdict, Edit)> {
    vec![
        ("plain", Accepted, |_| {}),
        ("trailing data", NotParsed, |s| s.trailing = vec![0]),
        ("version 1 spelled out", Accepted, |s| {
            s.version = b"\xa0\x03\x02\x01\x00".to_vec();
            s.has_extensions = false;
        }),
        ("version 4", NotParsed, |s| {
            s.version = b"\xa0\x03\x02\x01\x03".to_vec()
        }),
        ("negative version", NotParsed, |s| {
            s.version = b"\xa0\x03\x02\x01\xff".to_vec()
        }),
        ("version 1 without extensions", Accepted, |s| {
            s.version.clear();
            s.has_extensions = false;
        }),
        ("version 2", Accepted, |s| {
            s.version = b"\xa0\x03\x02\x01\x01".to_vec();
            s.has_extensions = false;
        }),
        ("negative serial number", NotParsed, |s| {
            s.serial = vec![0x80]
        }),
        ("serial number zero", Accepted, |s| s.serial = vec![0]),
        ("serial number of 23 octets", Accepted, |s| {
            s.serial = vec![0x11; 23]
        }),
        ("serial number not minimal", NotParsed, |s| {
            s.serial = vec![0, 1]
        }),
        ("serial number without octets", NotParsed, |s| {
            s.serial = vec![]
        }),
        ("two signature algorithms", NotParsed, |s| {
            s.outer_algorithm = ecdsa(3)
        }),
        ("signed with SHA-1", NotVerified, |s| {
            let sha1 = seq(&[oid(b"\x2a\x86\x48\xce\x3d\x04\x01")]);
            (s.inner_algorithm, s.outer_algorithm) = (sha1.clone(), sha1);
        }),
        ("signed with MD5 and RSA", NotVerified, |s| {
            let md5 = seq(&[oid(b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"), null()]);
            (s.inner_algorithm, s.outer_algorithm) = (md5.clone(), md5);
        }),
        ("unknown signature algorithm", NotVerified, |s| {
            let unknown = seq(&[oid(b"\x2a\x03\x04")]);
            (s.inner_algorithm, s.outer_algorithm) = (unknown.clone(), unknown);
        }),
        ("damaged signature", NotVerified, |s| s.is_damaged = true),
        ("underscore in a PrintableString", NotParsed, |s| {
            s.subject = name(0x13, b"a_b")
        }),
        (
            "asterisk and ampersand in a PrintableString",
            Accepted,
            |s| s.subject = name(0x13, b"*&"),
        ),
        ("invalid UTF8String", NotParsed, |s| {
            s.subject = name(0x0c, b"\xff")
        }),
        ("invalid IA5String", NotParsed, |s| {
            s.subject = name(0x16, b"\xe4")
        }),
        ("NumericString with a letter", NotParsed, |s| {
            s.subject = name(0x12, b"1a")
        }),
        ("NumericString", Accepted, |s| {
            s.subject = name(0x12, b"1 2")
        }),
        ("T61String", Accepted, |s| s.subject = name(0x14, b"\xe4")),
        ("BMPString", Accepted, |s| s.subject = name(0x1e, b"\0a\0b")),
        ("BMPString of three octets", NotParsed, |s| {
            s.subject = name(0x1e, b"\0ab")
        }),
        ("surrogate in a BMPString", NotParsed, |s| {
            s.subject = name(0x1e, b"\xd8\0\xdc\0")
        }),
        ("UniversalString", NotParsed, |s| {
            s.subject = name(0x1c, b"\0\0\0a")
        }),
        ("name that is an INTEGER", NotParsed, |s| {
            s.subject = name(0x02, b"\x01")
        }),
        ("empty subject", Accepted, |s| s.subject = seq(&[])),
        ("date that is a string", NotParsed, |s| {
            s.validity = seq(&[tlv(0x0c, b"260101000000Z"), tlv(0x17, b"490101000000Z")]);
        }),
        ("GeneralizedTime before 2050", Accepted, |s| {
            s.validity = seq(&[tlv(0x18, b"20260101000000Z"), tlv(0x18, b"20300101000000Z")]);
        }),
        ("GeneralizedTime with a fraction", NotParsed, |s| {
            s.validity = seq(&[
                tlv(0x18, b"20260101000000.5Z"),
                tlv(0x18, b"20300101000000Z"),
            ]);
        }),
        ("February 30", NotParsed, |s| {
            s.validity = seq(&[tlv(0x17, b"260230000000Z"), tlv(0x17, b"490101000000Z")]);
        }),
        ("expired", NotVerified, |s| {
            s.validity = seq(&[tlv(0x17, b"250101000000Z"), tlv(0x17, b"260101000000Z")]);
        }),
        ("not yet valid", NotVerified, |s| {
            s.validity = seq(&[tlv(0x17, b"280101000000Z"), tlv(0x17, b"290101000000Z")]);
        }),
        ("RSA without parameters", NotParsed, |s| {
            s.spki = spki(&[oid(RSA)], &rsa(2048, &[1, 0, 1]))
        }),
        ("RSA, exponent 3", Accepted, |s| {
            s.spki = rsa_spki(2048, &[3])
        }),
        ("RSA, exponent zero", NotParsed, |s| {
            s.spki = rsa_spki(2048, &[0])
        }),
        ("RSA, negative exponent", NotParsed, |s| {
            s.spki = rsa_spki(2048, &[0xfd])
        }),
        ("RSA, 2056 bits", Accepted, |s| {
            s.spki = rsa_spki(2056, &[1, 0, 1])
        }),
        ("RSA, 1024 bits", Accepted, |s| {
            s.spki = rsa_spki(1024, &[1, 0, 1])
        }),
        ("RSA, negative modulus", NotParsed, |s| {
            let key = seq(&[tlv(0x02, &[0x81; 256]), tlv(0x02, &[3])]);
            s.spki = spki(&[oid(RSA), null()], &key);
        }),
        ("RSA key that is not a SEQUENCE", NotParsed, |s| {
            s.spki = spki(&[oid(RSA), null()], b"\x04\x00")
        }),
        ("curve secp256k1", NotParsed, |s| {
            s.spki = spki(&[oid(EC), oid(b"\x2b\x81\x04\x00\x0a")], &[4; 65]);
        }),
        ("curve that is not named", NotParsed, |s| {
            s.spki = spki(&[oid(EC), seq(&[])], &[4; 65])
        }),
        ("point that is not on the curve", NotParsed, |s| {
            s.spki = spki(&[oid(EC), oid(P256)], &[4; 65])
        }),
        ("compressed point", NotParsed, |s| {
            s.spki = spki(&[oid(EC), oid(P256)], &[2; 33])
        }),
        ("Ed25519", Accepted, |s| {
            s.spki = spki(&[oid(ED25519)], &[7; 32])
        }),
        ("Ed25519 with parameters", NotParsed, |s| {
            s.spki = spki(&[oid(ED25519), null()], &[7; 32])
        }),
        ("Ed25519 key of 31 octets", NotParsed, |s| {
            s.spki = spki(&[oid(ED25519)], &[7; 31])
        }),
        ("unique identifiers", Accepted, |s| {
            s.unique_ids = tlv(0x81, &[0, 1])
        }),
        ("duplicate extension", NotParsed, |s| {
            let last = s.extensions.last().unwrap().clone();
            s.extensions.push(last);
        }),
        ("malformed extension", NotParsed, |s| {
            s.extensions.push(seq(&[oid(b"\x2a\x03")]))
        }),
        ("boolean that is neither 0 nor 255", NotParsed, |s| {
            s.extensions
                .push(seq(&[oid(b"\x2a\x03"), tlv(1, &[1]), tlv(4, b"")]));
        }),
        ("unknown extension", Accepted, |s| {
            s.extensions.push(extension(b"\x2a\x03", false, b"x"))
        }),
        ("unknown critical extension", NotVerified, |s| {
            s.extensions.push(extension(b"\x2a\x03", true, b"x"));
        }),
        ("critical issuer alternative name", NotVerified, |s| {
            s.extensions
                .push(extension(b"\x55\x1d\x12", true, &seq(&[tlv(0x82, b"a")])));
        }),
        ("critical subject key identifier", NotParsed, |s| {
            s.extensions
                .push(extension(b"\x55\x1d\x0e", true, &tlv(4, b"id")));
        }),
        ("critical authority key identifier", NotParsed, |s| {
            s.extensions
                .push(extension(b"\x55\x1d\x23", true, &seq(&[tlv(0x80, b"id")])));
        }),
        ("critical authority information access", NotParsed, |s| {
            s.extensions.push(extension(AIA, true, &seq(&[])));
        }),
        ("authority information access without URI", Accepted, |s| {
            let entry = seq(&[oid(b"\x2b\x06\x01\x05\x05\x07\x30\x01"), tlv(0x82, b"a")]);
            s.extensions.push(extension(AIA, false, &seq(&[entry])));
        }),
        ("malformed authority information access", NotParsed, |s| {
            s.extensions.push(extension(AIA, false, &seq(&[seq(&[])])));
        }),
        ("malformed subject key identifier", NotParsed, |s| {
            s.extensions.push(extension(b"\x55\x1d\x0e", false, b"id"));
        }),
        ("malformed key usage", NotParsed, |s| {
            s.replace(KEY_USAGE, true, &tlv(3, b""))
        }),
        ("key usage with set padding", NotParsed, |s| {
            s.replace(KEY_USAGE, true, &tlv(3, &[1, 0xff]))
        }),
        ("key usage with a tenth bit", Accepted, |s| {
            s.replace(KEY_USAGE, true, &tlv(3, &[6, 0x80, 0x40]))
        }),
        ("no key usage", Accepted, |s| s.remove(KEY_USAGE)),
        ("malformed extended key usage", NotParsed, |s| {
            s.replace(USAGES, false, b"\x04\x00")
        }),
        ("empty extended key usage", Accepted, |s| {
            s.replace(USAGES, false, &seq(&[]))
        }),
        ("no extended key usage", Accepted, |s| s.remove(USAGES)),
        ("any extended key usage", Accepted, |s| {
            s.replace(USAGES, false, &seq(&[oid(b"\x55\x1d\x25\x00")]))
        }),
        ("extended key usage of a client", NotVerified, |s| {
            s.replace(USAGES, false, &seq(&[oid(CLIENT)]))
        }),
        ("malformed basic constraints", NotParsed, |s| {
            s.replace(BASIC, true, b"\x04\x00")
        }),
        ("leaf with the CA flag", Accepted, |s| {
            s.replace(BASIC, true, &seq(&[tlv(1, &[0xff])]))
        }),
        ("IP address of 5 octets", NotParsed, |s| {
            s.replace(SANS, false, &seq(&[tlv(0x87, &[1; 5])]))
        }),
        ("DNS name with an umlaut", NotParsed, |s| {
            s.replace(SANS, false, &seq(&[tlv(0x82, "ä".as_bytes())]))
        }),
        ("DNS name with a space", Accepted, |s| {
            s.replace(SANS, false, &seq(&[tlv(0x82, b"a b")]))
        }),
        ("e-mail address with an umlaut", NotParsed, |s| {
            s.replace(SANS, false, &seq(&[tlv(0x81, b"\xe4@a")]))
        }),
        ("empty DNS name", Accepted, |s| {
            s.replace(SANS, false, &seq(&[tlv(0x82, b"")]))
        }),
        ("empty list of names", Accepted, |s| {
            s.replace(SANS, false, &seq(&[]))
        }),
        ("empty critical list of names", NotVerified, |s| {
            s.replace(SANS, true, &seq(&[]))
        }),
        (
            "critical list with a registered ID only",
            NotVerified,
            |s| {
                s.replace(SANS, true, &seq(&[tlv(0x88, b"\x2a\x03")]));
            },
        ),
        ("names that are not a SEQUENCE", NotParsed, |s| {
            s.replace(SANS, false, b"\x04\x00")
        }),
        ("SPIFFE URI", Accepted, |s| {
            s.uri(b"spiffe://cluster.local/ns/a")
        }),
        ("URI with an escaped letter in its host", NotParsed, |s| {
            s.uri(b"http://%41.example/")
        }),
        ("URI with an invalid escape", NotParsed, |s| {
            s.uri(b"http://a.example/%zz")
        }),
        ("URI with a space in its host", NotParsed, |s| {
            s.uri(b"http://a b/")
        }),
        ("URI with a dot at the end of its host", NotParsed, |s| {
            s.uri(b"http://a.example./")
        }),
        ("URI with a port", Accepted, |s| {
            s.uri(b"http://a.example:80/")
        }),
        ("URI with a port that is not a number", NotParsed, |s| {
            s.uri(b"http://a.example:x/")
        }),
        ("URI with an IPv6 address", Accepted, |s| {
            s.uri(b"http://[fd00::1]:80/")
        }),
        ("URI with an open bracket", NotParsed, |s| {
            s.uri(b"http://[fd00::1/")
        }),
        ("URI without a scheme before the colon", NotParsed, |s| {
            s.uri(b":a")
        }),
        ("URI that is a path with a colon", NotParsed, |s| {
            s.uri(b"1a:b")
        }),
        ("URN", Accepted, |s| s.uri(b"urn:a:b")),
        ("URI with a control character", NotParsed, |s| {
            s.uri(b"http://a/\x01")
        }),
        ("malformed policies", NotParsed, |s| {
            s.extensions
                .push(extension(b"\x55\x1d\x20", false, b"\x04\x00"))
        }),
        ("duplicate policy", NotParsed, |s| {
            let policy = seq(&[oid(b"\x2a\x03")]);
            s.extensions.push(extension(
                b"\x55\x1d\x20",
                false,
                &seq(&[policy.clone(), policy]),
            ));
        }),
        ("malformed distribution points", NotParsed, |s| {
            s.extensions
                .push(extension(b"\x55\x1d\x1f", false, &seq(&[tlv(4, b"")])));
        }),
    ]
}

/// Rules of `CheckSignatureFrom` and of `isValid`, on the trusted CA.
fn cas() -> Vec<(&'static str, Verdict, Edit)> {
    vec![
        ("CA: basicConstraints not critical", Accepted, |s| {
            s.replace(BASIC, false, &ca_flag())
        }),
        ("CA: no basicConstraints", NotVerified, |s| s.remove(BASIC)),
        ("CA: basicConstraints without the flag", NotVerified, |s| {
            s.replace(BASIC, true, &seq(&[]))
        }),
        ("CA: version 1", Accepted, |s| {
            s.version.clear();
            s.has_extensions = false;
        }),
        ("CA: no key usage", Accepted, |s| s.remove(KEY_USAGE)),
        ("CA: key usage without a bit", Accepted, |s| {
            s.replace(KEY_USAGE, true, &tlv(3, &[0]))
        }),
        ("CA: key usage without keyCertSign", NotVerified, |s| {
            s.replace(KEY_USAGE, true, &tlv(3, &[7, 0x80]))
        }),
        ("CA: negative serial number", NotParsed, |s| {
            s.serial = vec![0xed, 0x99]
        }),
        ("CA: serial number of 23 octets", Accepted, |s| {
            s.serial = vec![0x11; 23]
        }),
        ("CA: underscore in a PrintableString", NotParsed, |s| {
            s.subject = name(0x13, b"my_ca");
            s.issuer = s.subject.clone();
        }),
        ("CA: unknown critical extension", NotVerified, |s| {
            s.extensions.push(extension(b"\x2a\x03", true, b"x"))
        }),
        ("CA: extended key usage of a client", NotVerified, |s| {
            s.extensions
                .push(extension(USAGES, false, &seq(&[oid(CLIENT)])));
        }),
        ("CA: path length 0", Accepted, |s| {
            s.replace(BASIC, true, &path_length(&[0]))
        }),
        ("CA: path length 1000", Accepted, |s| {
            s.replace(BASIC, true, &path_length(&[3, 0xe8]))
        }),
        ("CA: negative path length", NotParsed, |s| {
            s.replace(BASIC, true, &path_length(&[0xff]))
        }),
        ("CA: its own signature is damaged", Accepted, |s| {
            s.is_damaged = true
        }),
        ("CA: constraints permit the name", Accepted, |s| {
            s.constrain(&[permitted(0x82, b"example")])
        }),
        ("CA: constraints permit another name", NotVerified, |s| {
            s.constrain(&[permitted(0x82, b"ample")])
        }),
        ("CA: constraints permit names below", Accepted, |s| {
            s.constrain(&[permitted(0x82, b".example")])
        }),
        (
            "CA: constraints permit names further below",
            NotVerified,
            |s| {
                s.constrain(&[permitted(0x82, b".leaf.example")]);
            },
        ),
        ("CA: constraints exclude the name", NotVerified, |s| {
            s.constrain(&[excluded(0x82, b"LEAF.example")])
        }),
        ("CA: constraints for other kinds of names", Accepted, |s| {
            s.constrain(&[permitted(0x81, b"example"), excluded(0x86, b"example")]);
        }),
        ("CA: constraints permit the network", Accepted, |s| {
            s.constrain(&[permitted(0x87, &[10, 0, 0, 0, 255, 0, 0, 0])]);
        }),
        ("CA: constraints permit another network", NotVerified, |s| {
            s.constrain(&[permitted(0x87, &[10, 1, 0, 0, 255, 255, 0, 0])]);
        }),
        ("CA: constraint with a broken mask", NotParsed, |s| {
            s.constrain(&[permitted(0x87, &[10, 0, 0, 0, 255, 0, 255, 0])]);
        }),
        ("CA: constraint of 5 octets", NotParsed, |s| {
            s.constrain(&[permitted(0x87, &[1; 5])])
        }),
        ("CA: constraint with an empty label", NotParsed, |s| {
            s.constrain(&[permitted(0x82, b"a..b")])
        }),
        ("CA: constraint with an IP address as URI", NotParsed, |s| {
            s.constrain(&[permitted(0x86, b"10.0.0.1")])
        }),
        ("CA: constraint with two @", NotParsed, |s| {
            s.constrain(&[permitted(0x81, b"a b@c")])
        }),
        ("CA: constraints on directory names", NotVerified, |s| {
            s.constrain(&[permitted(0xa4, &name(0x0c, b"a"))]);
        }),
        (
            "CA: constraints on directory names, not critical",
            Accepted,
            |s| {
                let value = seq(&[permitted(0xa4, &name(0x0c, b"a"))]);
                s.extensions.push(extension(CONSTRAINTS, false, &value));
            },
        ),
        ("CA: empty constraints", NotParsed, |s| s.constrain(&[])),
        ("CA: subject key identifier of another key", Accepted, |s| {
            s.extensions
                .push(extension(b"\x55\x1d\x0e", false, &tlv(4, b"other")));
        }),
    ]
}

/// Rules of `buildChains` and `isValid`, on an intermediate.
fn intermediates() -> Vec<(&'static str, Verdict, EditAll)> {
    vec![
        ("intermediate", Accepted, |_, _, _| {}),
        ("intermediate: not a CA", NotVerified, |_, i, _| {
            i.replace(BASIC, true, &seq(&[]))
        }),
        ("intermediate: version 1", NotVerified, |_, i, _| {
            i.version.clear();
            i.has_extensions = false;
        }),
        ("intermediate: no keyCertSign", NotVerified, |_, i, _| {
            i.replace(KEY_USAGE, true, &tlv(3, &[7, 0x80]))
        }),
        ("intermediate: expired", NotVerified, |_, i, _| {
            i.validity = seq(&[tlv(0x17, b"250101000000Z"), tlv(0x17, b"260101000000Z")]);
        }),
        (
            "intermediate: path length of the CA is 0",
            NotVerified,
            |ca, _, _| {
                ca.replace(BASIC, true, &path_length(&[0]));
            },
        ),
        (
            "intermediate: path length of the CA is 1",
            Accepted,
            |ca, _, _| {
                ca.replace(BASIC, true, &path_length(&[1]));
            },
        ),
        (
            "intermediate: usages do not nest",
            NotVerified,
            |_, i, _| {
                i.extensions
                    .push(extension(USAGES, false, &seq(&[oid(CLIENT)])));
            },
        ),
        (
            "intermediate: unknown critical extension",
            NotVerified,
            |_, i, _| {
                i.extensions.push(extension(b"\x2a\x03", true, b"x"));
            },
        ),
        (
            "intermediate: its constraints exclude the name",
            NotVerified,
            |_, i, _| {
                i.constrain(&[excluded(0x82, b"example")]);
            },
        ),
        (
            "intermediate: another name than the leaf's issuer",
            NotVerified,
            |_, i, _| {
                i.subject = name(0x0c, b"other");
            },
        ),
        (
            "intermediate: same name in another string type",
            NotVerified,
            |_, i, _| {
                i.subject = name(0x13, b"intermediate");
            },
        ),
        ("intermediate: damaged", NotVerified, |_, i, _| {
            i.is_damaged = true
        }),
    ]
}

struct Keys {
    ca: KeyPair,
    intermediate: KeyPair,
    leaf: KeyPair,
}

impl Keys {
    fn leaf_spec(&self) -> Spec {
        let mut spec = Spec::new(b"leaf", self.leaf.subject_public_key_info());
        let names = [tlv(0x82, b"leaf.example"), tlv(0x87, &[10, 0, 0, 1])];
        spec.extensions = vec![
            extension(KEY_USAGE, true, &tlv(3, &[7, 0x80])),
            extension(USAGES, false, &seq(&[oid(SERVER), oid(CLIENT)])),
            extension(BASIC, true, &seq(&[])),
            extension(SANS, false, &seq(&names)),
        ];
        spec
    }

    fn ca_spec(&self) -> Spec {
        Spec::ca(b"ca", self.ca.subject_public_key_info())
    }

    fn intermediate_spec(&self) -> Spec {
        Spec::ca(b"intermediate", self.intermediate.subject_public_key_info())
    }
}

impl Spec {
    fn new(common_name: &[u8], spki: Vec<u8>) -> Spec {
        Spec {
            version: b"\xa0\x03\x02\x01\x02".to_vec(),
            serial: vec![0x11],
            inner_algorithm: ecdsa(2),
            outer_algorithm: ecdsa(2),
            issuer: name(0x0c, b"ca"),
            validity: seq(&[tlv(0x17, b"260101000000Z"), tlv(0x17, b"490101000000Z")]),
            subject: name(0x0c, common_name),
            spki,
            unique_ids: Vec::new(),
            extensions: Vec::new(),
            has_extensions: true,
            trailing: Vec::new(),
            is_damaged: false,
        }
    }

    fn ca(common_name: &[u8], spki: Vec<u8>) -> Spec {
        let mut spec = Spec::new(common_name, spki);
        spec.extensions = vec![
            extension(KEY_USAGE, true, &tlv(3, &[2, 0x04])),
            extension(BASIC, true, &ca_flag()),
        ];
        spec
    }

    fn remove(&mut self, id: &[u8]) {
        let id = oid(id);
        self.extensions
            .retain(|extension| !extension.windows(id.len()).any(|window| window == id));
    }

    fn replace(&mut self, id: &[u8], critical: bool, value: &[u8]) {
        self.remove(id);
        self.extensions.push(extension(id, critical, value));
    }

    fn uri(&mut self, uri: &[u8]) {
        self.replace(SANS, false, &seq(&[tlv(0x86, uri)]));
    }

    fn constrain(&mut self, constraints: &[Vec<u8>]) {
        let value = seq(constraints);
        self.extensions.push(extension(CONSTRAINTS, true, &value));
    }

    fn sign(&self, key: &KeyPair) -> Vec<u8> {
        let mut tbs = vec![
            self.version.clone(),
            tlv(0x02, &self.serial),
            self.inner_algorithm.clone(),
            self.issuer.clone(),
            self.validity.clone(),
            self.subject.clone(),
            self.spki.clone(),
            self.unique_ids.clone(),
        ];
        if self.has_extensions {
            tbs.push(tlv(0xa3, &seq(&self.extensions)));
        }
        let tbs = seq(&tbs);
        let mut signature = key.sign(&tbs).unwrap();
        if self.is_damaged {
            signature = key.sign(b"something else").unwrap();
        }
        let signature = tlv(0x03, &[&[0], signature.as_slice()].concat());
        let mut der = seq(&[tbs, self.outer_algorithm.clone(), signature]);
        der.extend(&self.trailing);
        der
    }
}

const KEY_USAGE: &[u8] = b"\x55\x1d\x0f";
const SANS: &[u8] = b"\x55\x1d\x11";
const BASIC: &[u8] = b"\x55\x1d\x13";
const CONSTRAINTS: &[u8] = b"\x55\x1d\x1e";
const USAGES: &[u8] = b"\x55\x1d\x25";
const AIA: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x01\x01";
const SERVER: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x01";
const CLIENT: &[u8] = b"\x2b\x06\x01\x05\x05\x07\x03\x02";
const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const ED25519: &[u8] = b"\x2b\x65\x70";

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    let length = u16::try_from(contents.len()).unwrap();
    match length {
        0..128 => element.push(length as u8),
        128..256 => element.extend([0x81, length as u8]),
        _ => {
            element.push(0x82);
            element.extend(length.to_be_bytes());
        }
    }
    element.extend(contents);
    element
}

fn seq(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn oid(octets: &[u8]) -> Vec<u8> {
    tlv(0x06, octets)
}

fn null() -> Vec<u8> {
    tlv(0x05, b"")
}

/// ecdsa-with-SHA256 and the like.
fn ecdsa(last: u8) -> Vec<u8> {
    seq(&[oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last])])
}

fn name(tag: u8, common_name: &[u8]) -> Vec<u8> {
    let attribute = seq(&[oid(b"\x55\x04\x03"), tlv(tag, common_name)]);
    seq(&[tlv(0x31, &attribute)])
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(tlv(0x01, &[0xff]));
    }
    parts.push(tlv(0x04, value));
    seq(&parts)
}

fn ca_flag() -> Vec<u8> {
    seq(&[tlv(0x01, &[0xff])])
}

fn path_length(octets: &[u8]) -> Vec<u8> {
    seq(&[tlv(0x01, &[0xff]), tlv(0x02, octets)])
}

fn permitted(tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(0xa0, &seq(&[tlv(tag, value)]))
}

fn excluded(tag: u8, value: &[u8]) -> Vec<u8> {
    tlv(0xa1, &seq(&[tlv(tag, value)]))
}

fn spki(algorithm: &[Vec<u8>], key: &[u8]) -> Vec<u8> {
    seq(&[seq(algorithm), tlv(0x03, &[&[0], key].concat())])
}

/// An RSA public key with a modulus of this many bits; it has no private half.
fn rsa(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let mut modulus = vec![0];
    modulus.extend(vec![0xab; bits / 8]);
    seq(&[tlv(0x02, &modulus), tlv(0x02, exponent)])
}

fn rsa_spki(bits: usize, exponent: &[u8]) -> Vec<u8> {
    spki(&[oid(RSA), null()], &rsa(bits, exponent))
}
