//! Damaged and unusual private keys, of leaves, CAs, service accounts and kubeconfigs.

use super::judged;
use crate::support::{CA, TestTree, integer, is_tagged, octets, open};

const KEY: &str = "pki/apiserver.key";
const CA_KEY: &str = "pki/ca.key";
const SA_KEY: &str = "pki/sa.key";
const SA_PUB: &str = "pki/sa.pub";

const RSA_2048: &str = include_str!("../fixtures/keys/rsa-2048.pem");
const RSA_3072: &str = include_str!("../fixtures/keys/rsa-3072.pem");
const RSA_4096: &str = include_str!("../fixtures/keys/rsa-4096.pem");
const RSA_8192: &str = include_str!("../fixtures/keys/rsa-8192.pem");
/// Fermat's method finds the primes at once.
const RSA_CLOSE_PRIMES: &str = include_str!("../fixtures/keys/rsa-2048-close-primes.pem");
const RSA_LARGE_EXPONENT: &str = include_str!("../fixtures/keys/rsa-2048-large-exponent.pem");

/// The block that `openssl ecparam -genkey` writes before a key.
const PARAMETERS: &str =
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

/// The text that `openssl pkcs12` writes before a key.
const BAG: &str = "Bag Attributes\n    friendlyName: x\n    localKeyID: 54 69 6D 65 \nKey Attributes: <No Attributes>\n";

/// Passes a key through openssl, which may write it in another form.
fn convert(t: &TestTree, key: &str, arguments: &[&str]) {
    let new = t.root().join("converted");
    let new = new.to_str().unwrap();
    t.openssl(&[arguments, &["-in", key, "-out", new]].concat());
    t.write(key, std::fs::read(new).unwrap());
    std::fs::remove_file(new).unwrap();
}

/// Makes a PKCS#12 file of a key and takes it out again.
fn from_pkcs12(t: &TestTree, key: &str) {
    let bundle = t.root().join("bundle.p12");
    let bundle = bundle.to_str().unwrap();
    let export = ["pkcs12", "-export", "-nocerts", "-name", "x", "-inkey", key];
    t.openssl(&[&export[..], &["-passout", "pass:x", "-out", bundle]].concat());
    t.openssl(&[
        "pkcs12", "-in", bundle, "-passin", "pass:x", "-nodes", "-out", key,
    ]);
    std::fs::remove_file(bundle).unwrap();
    assert!(t.text(key).contains("Bag Attributes"));
}

fn generate(t: &TestTree, key: &str, arguments: &[&str]) {
    let (program, options) = arguments.split_at(1);
    t.openssl(&[program, &["-out", key], options].concat());
}

fn curve(name: &str) -> [&str; 5] {
    ["ecparam", "-genkey", "-noout", "-name", name]
}

fn relabel(t: &TestTree, key: &str, label: &str) {
    t.edit(key, |text| text.replace("EC PRIVATE KEY", label));
}

/// Puts an empty line before a part of a key's file.
fn hollow(t: &TestTree, key: &str, part: &str) {
    t.edit(key, |text| text.replace(part, &format!("\n{part}")));
}

/// Has the CA sign another certificate for the API server's key.
fn sign(t: &TestTree) {
    let extensions = t.apiserver_names() + "extendedKeyUsage=serverAuth\n";
    t.sign("apiserver", "ca", &extensions, &[]);
}

/// Makes `sa.pub` of `sa.key`.
fn publish(t: &TestTree) {
    t.openssl(&["pkey", "-in", SA_KEY, "-pubout", "-out", SA_PUB]);
}

/// Takes the key out of `admin.conf`, changes it, and puts it back.
fn in_kubeconfig(t: &TestTree, change: impl FnOnce(&TestTree)) {
    t.write("x.key", t.embedded("admin.conf", "client-key-data"));
    change(t);
    t.embed("admin.conf", "client-key-data", t.read("x.key"));
    t.remove("x.key");
}

/// Writes an RSA key with these numbers; openssl does not check them.
fn rsa_of(t: &TestTree, key: &str, numbers: &[(&str, &str)]) {
    let fields: String = numbers
        .iter()
        .map(|(name, value)| format!("{name}=INTEGER:{value}\n"))
        .collect();
    let source = t.root().join("asn1.conf");
    std::fs::write(&source, format!("asn1=SEQUENCE:rsa\n[rsa]\n{fields}")).unwrap();
    let der = t.root().join("key.der");
    let [source, der] = [&source, &der].map(|path| path.to_str().unwrap());
    t.openssl(&["asn1parse", "-genconf", source, "-noout", "-out", der]);
    let body = t.openssl(&["base64", "-in", der]).stdout;
    t.write(
        key,
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n"),
    );
}

/// An RSA key whose modulus is even.
fn even_modulus(t: &TestTree, key: &str) {
    let modulus = format!("0x{}", "C".repeat(512));
    let half = format!("0x{}", "C".repeat(256));
    rsa_of(
        t,
        key,
        &[
            ("version", "0"),
            ("n", &modulus),
            ("e", "65537"),
            ("d", &modulus),
            ("p", &half),
            ("q", &half),
            ("dp", &half),
            ("dq", &half),
            ("qinv", &half),
        ],
    );
}

judged! {
    // A leaf's: renewing makes another one.
    no_bytes: |t| t.write(KEY, "") => ["apiserver: file.invalid: `pki/apiserver.key`: the file is empty", "init refuses"];
    only_nul_bytes: |t| t.write(KEY, [0; 4096]) => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no PEM block", "init refuses"];
    missing_beside_its_certificate: |t| t.remove(KEY) => ["apiserver: certificate.key-missing", "init refuses"];
    of_another_certificate: |t| t.copy("pki/etcd/server.key", KEY) => ["apiserver: certificate.key-mismatch", "init refuses"];
    of_its_ca: |t| t.copy(CA_KEY, KEY) => ["apiserver: certificate.key-mismatch", "init refuses"];
    encrypted_pkcs8: |t| convert(t, KEY, &["pkey", "-aes256", "-passout", "pass:secret"]) => ["apiserver: file.invalid: `pki/apiserver.key`: the key is encrypted with a passphrase; Kubernetes components need an unencrypted key", "init refuses"];
    encrypted_traditional: |t| convert(t, KEY, &["ec", "-aes256", "-passout", "pass:secret"]) => ["apiserver: file.invalid: `pki/apiserver.key`: the key is encrypted with a passphrase; Kubernetes components need an unencrypted key", "init refuses"];
    encrypted_rsa: |t| { t.write(KEY, RSA_2048); convert(t, KEY, &["rsa", "-traditional", "-des3", "-passout", "pass:secret"]); } => ["apiserver: file.invalid: `pki/apiserver.key`: the key is encrypted with a passphrase; Kubernetes components need an unencrypted key", "init refuses"];
    its_public_half: |t| convert(t, KEY, &["pkey", "-pubout"]) => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `PUBLIC KEY`", "init refuses"];
    a_certificate: |t| t.copy("pki/apiserver.crt", KEY) => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `CERTIFICATE`", "init refuses"];
    a_request: |t| { t.openssl(&["req", "-new", "-key", KEY, "-subj", "/CN=x", "-out", "pki/x.csr"]); t.copy("pki/x.csr", KEY); t.remove("pki/x.csr"); } => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `CERTIFICATE REQUEST`", "init refuses"];
    only_its_parameters: |t| t.write(KEY, PARAMETERS) => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `EC PARAMETERS`", "init refuses"];
    two_in_one_file: |t| t.append("pki/etcd/server.key", KEY) => [];
    the_same_one_twice: |t| t.append(KEY, KEY) => [];
    four_thousand_in_one_file: |t| t.edit(KEY, |text| text.repeat(4000)) => [];
    five_thousand_in_one_file: |t| t.edit(KEY, |text| text.repeat(5000)) => ["apiserver: file.unreadable: reading `pki/apiserver.key`: it has 1135000 bytes, the limit is 1048576", "init refuses", "renew all fails for apiserver"];
    one_hundred_mebibytes: |t| t.write_zeroes(KEY, 100 << 20) => ["apiserver: file.unreadable: reading `pki/apiserver.key`: it has 104857600 bytes, the limit is 1048576", "init refuses", "renew all fails for apiserver"];
    der: |t| convert(t, KEY, &["ec", "-outform", "der"]) => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no PEM block", "init refuses"];
    utf_16: |t| t.edit_bytes(KEY, |bytes| bytes.iter().flat_map(|&byte| [byte, 0]).collect()) => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no PEM block", "init refuses"];
    pkcs12: |t| { t.openssl(&["pkcs12", "-export", "-in", "pki/apiserver.crt", "-inkey", KEY, "-passout", "pass:x", "-out", KEY]); } => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no PEM block", "init refuses"];
    pkcs11_uri: |t| t.write(KEY, "pkcs11:token=hsm;object=apiserver\n") => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no PEM block", "init refuses"];
    pkcs11_uri_in_pem: |t| relabel(t, KEY, "PKCS#11 PROVIDER URI") => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `PKCS#11 PROVIDER URI`", "init refuses"];
    key_of_a_tpm: |t| relabel(t, KEY, "TSS2 PRIVATE KEY") => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `TSS2 PRIVATE KEY`", "init refuses"];
    key_of_openssh: |t| relabel(t, KEY, "OPENSSH PRIVATE KEY") => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `OPENSSH PRIVATE KEY`", "init refuses"];
    label_in_lower_case: |t| relabel(t, KEY, "ec private key") => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no key, only `unknown label`", "init refuses"];
    label_of_another_kind_of_key: |t| relabel(t, KEY, "RSA PRIVATE KEY") => ["apiserver: file.invalid: `pki/apiserver.key`: malformed key: UnexpectedError", "init refuses"];
    label_of_pkcs8: |t| relabel(t, KEY, "PRIVATE KEY") => ["apiserver: file.invalid: `pki/apiserver.key`: malformed key: PKCS#8 ASN.1 error: unexpected ASN.1 DER tag: expected SEQUENCE, got OCTET STRING", "init refuses"];
    cut_in_the_middle: |t| t.edit(KEY, |text| text[..text.len() / 2].to_owned()) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed PEM: a block has no END line: the file is truncated", "init refuses"];
    begin_without_end: |t| t.edit(KEY, |text| text.replace("-----END EC PRIVATE KEY-----\n", "")) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed PEM: a block has no END line: the file is truncated", "init refuses"];
    two_begins: |t| t.edit(KEY, |text| format!("-----BEGIN EC PRIVATE KEY-----\n{text}")) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed PEM: a block has no END line: the file is truncated", "init refuses"];
    /// All programs read only the first key.
    one_that_is_cut_short_behind_it: |t| t.edit(KEY, |text| text.clone() + &text[..text.len() / 2]) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed PEM: a block has no END line: the file is truncated", "init refuses"];
    garbage_in_the_base64: |t| t.edit(KEY, |text| text.replacen("\nM", "\n*", 1)) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed PEM: a block is not base64", "init refuses"];
    /// A parser could read the text before an empty line as headers, and quote it.
    an_empty_line_before_the_end: |t| hollow(t, KEY, "\n-----END") => [];
    an_empty_line_in_the_base64: |t| t.edit(KEY, |text| { let (first, rest) = text.split_at(110); format!("{first}\n\n{rest}") }) => [];
    headers_of_no_kind: |t| t.edit(KEY, |text| text.replacen("KEY-----\n", "KEY-----\nX-Note: old\n\n", 1)) => [];
    /// Go and openssl find a block only at the beginning of a line.
    byte_order_mark_before_it: |t| t.edit(KEY, |text| format!("\u{feff}{text}")) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed PEM: an END line has no BEGIN line before it", "init refuses"];
    indented: |t| t.edit(KEY, |text| text.lines().map(|line| format!("    {line}\n")).collect()) => ["apiserver: file.invalid: `pki/apiserver.key`: it contains no PEM block", "init refuses"];
    curve_p192: |t| generate(t, KEY, &curve("prime192v1")) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    curve_p224: |t| generate(t, KEY, &curve("secp224r1")) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    curve_of_bitcoin: |t| generate(t, KEY, &curve("secp256k1")) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    curve_without_a_name: |t| t.edit_der(KEY, |fields| fields.retain(|field| !is_tagged(field, 0))) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    public_half_of_another: |t| {
        let other = open(&t.text("pki/etcd/server.key")).into_iter().find(|field| is_tagged(field, 1)).unwrap();
        t.edit_der(KEY, |fields| *fields.iter_mut().find(|field| is_tagged(field, 1)).unwrap() = other);
    } => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    number_zero: |t| t.edit_der(KEY, |fields| fields[1] = octets(&[0; 32])) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    number_beyond_the_curve: |t| t.edit_der(KEY, |fields| fields[1] = octets(&[0xff; 32])) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    number_too_short: |t| t.edit_der(KEY, |fields| fields[1] = octets(&[1])) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    ed25519: |t| generate(t, KEY, &["genpkey", "-algorithm", "ED25519"]) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: a key of algorithm 1.3.101.112, neither RSA nor ECDSA", "init refuses"];
    x25519: |t| generate(t, KEY, &["genpkey", "-algorithm", "X25519"]) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: a key of algorithm 1.3.101.110, neither RSA nor ECDSA", "init refuses"];
    rsa_1024: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: RSA with less than 2048 bits", "init refuses"];
    rsa_2560: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2560"]) => ["apiserver: certificate.key-mismatch", "init refuses"];
    rsa_exponent_3: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:3"]) => ["apiserver: certificate.key-mismatch", "init refuses"];
    /// Go accepts at most 31 bits.
    rsa_exponent_of_34_bits: |t| t.write(KEY, RSA_LARGE_EXPONENT) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed key: UnexpectedError", "init refuses"];
    rsa_even_modulus: |t| even_modulus(t, KEY) => ["apiserver: file.invalid: `pki/apiserver.key`: malformed key: UnexpectedError", "init refuses"];
    rsa_primes_next_to_each_other: |t| t.write(KEY, RSA_CLOSE_PRIMES) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: RSA with two primes that are so close that the private key can be computed", "init refuses"];
    rsa_without_primes: |t| { t.write(KEY, RSA_2048); t.edit_der(KEY, |fields| fields[4..].fill(integer(&[0]))); } => ["apiserver: file.invalid: `pki/apiserver.key`: malformed key: UnexpectedError", "init refuses"];
    rsa_of_other_primes: |t| {
        t.write(KEY, RSA_2048);
        let other = open(RSA_CLOSE_PRIMES);
        t.edit_der(KEY, |fields| fields[1] = other[1].clone());
    } => ["apiserver: file.invalid: `pki/apiserver.key`: malformed key: UnexpectedError", "init refuses"];
    rsa_8192: |t| { t.write(KEY, RSA_8192); sign(t); } => ["apiserver: certificate.differs", "apiserver: certificate.differs"];
    rsa_4096: |t| { t.write(KEY, RSA_4096); sign(t); } => ["apiserver: certificate.differs", "apiserver: certificate.differs"];
    rsa_in_pkcs1: |t| { t.write(KEY, RSA_2048); sign(t); } => ["apiserver: certificate.differs", "apiserver: certificate.differs"];
    rsa_in_pkcs8: |t| { t.write(KEY, RSA_3072); convert(t, KEY, &["pkey"]); sign(t); } => ["apiserver: certificate.differs", "apiserver: certificate.differs"];
    pkcs8: |t| convert(t, KEY, &["pkey"]) => [];
    no_public_half: |t| convert(t, KEY, &["ec", "-no_public"]) => [];
    explicit_curve_parameters: |t| convert(t, KEY, &["ec", "-param_enc", "explicit"]) => ["apiserver: file.invalid: `pki/apiserver.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "init refuses"];
    ec_parameters_before_it: |t| t.edit(KEY, |text| format!("{PARAMETERS}{text}")) => [];
    a_bag_of_attributes_before_it: |t| t.edit(KEY, |text| format!("{BAG}{text}")) => [];
    out_of_pkcs12: |t| from_pkcs12(t, KEY) => [];
    openssls_text_before_it: |t| convert(t, KEY, &["pkey", "-text"]) => [];
    text_that_is_not_utf_8_before_it: |t| t.edit_bytes(KEY, |bytes| [b"Z\xfcrich \xff\xfe\n", bytes].concat()) => [];
    its_certificate_behind_it: |t| t.append("pki/apiserver.crt", KEY) => [];
    its_certificate_before_it: |t| t.edit(KEY, |text| t.text("pki/apiserver.crt") + &text) => [];
    crlf: |t| t.edit(KEY, |text| text.replace('\n', "\r\n")) => [];
    no_final_newline: |t| t.edit(KEY, |text| text.trim_end().to_owned()) => [];
    a_mebibyte_of_text_before_it: |t| t.edit(KEY, |text| format!("{}{text}", "a line\n".repeat(((1 << 20) - text.len()) / 7))) => [];

    // A CA's: nothing is signed.
    ca_no_bytes: |t| t.write(CA_KEY, "") => ["ca: file.invalid: `pki/ca.key`: the file is empty", "init refuses", "renew all fails for all of ca"];
    ca_cut_in_the_middle: |t| t.edit(CA_KEY, |text| text[..text.len() / 2].to_owned()) => ["ca: file.invalid: `pki/ca.key`: malformed PEM: a block has no END line: the file is truncated", "init refuses", "renew all fails for all of ca"];
    ca_of_another_ca: |t| t.copy("pki/etcd/ca.key", CA_KEY) => ["ca: ca.key-mismatch", "init refuses", "renew all fails for all of ca"];
    ca_of_one_of_its_leaves: |t| t.copy(KEY, CA_KEY) => ["ca: ca.key-mismatch", "init refuses", "renew all fails for all of ca"];
    ca_encrypted: |t| convert(t, CA_KEY, &["pkey", "-aes256", "-passout", "pass:secret"]) => ["ca: ca.key-encrypted"];
    ca_encrypted_traditional: |t| convert(t, CA_KEY, &["ec", "-aes256", "-passout", "pass:secret"]) => ["ca: ca.key-encrypted", "renew all fails for all of ca"];
    ca_two_in_one_file: |t| t.append("pki/etcd/ca.key", CA_KEY) => [];
    ca_its_public_half: |t| convert(t, CA_KEY, &["pkey", "-pubout"]) => ["ca: file.invalid: `pki/ca.key`: it contains no key, only `PUBLIC KEY`", "init refuses", "renew all fails for all of ca"];
    ca_its_certificate: |t| t.copy("pki/ca.crt", CA_KEY) => ["ca: file.invalid: `pki/ca.key`: it contains no key, only `CERTIFICATE`", "init refuses", "renew all fails for all of ca"];
    ca_an_empty_line_before_the_end: |t| hollow(t, CA_KEY, "\n-----END") => [];
    ca_pkcs11_uri: |t| t.write(CA_KEY, "pkcs11:token=hsm;object=ca\n") => ["ca: file.invalid: `pki/ca.key`: it contains no PEM block", "init refuses", "renew all fails for all of ca"];
    ca_key_of_a_tpm: |t| relabel(t, CA_KEY, "TSS2 PRIVATE KEY") => ["ca: file.invalid: `pki/ca.key`: it contains no key, only `TSS2 PRIVATE KEY`", "init refuses", "renew all fails for all of ca"];
    ca_der: |t| convert(t, CA_KEY, &["ec", "-outform", "der"]) => ["ca: file.invalid: `pki/ca.key`: it contains no PEM block", "init refuses", "renew all fails for all of ca"];
    ca_of_one_hundred_mebibytes: |t| t.write_zeroes(CA_KEY, 100 << 20) => ["ca: file.unreadable: reading `pki/ca.key`: it has 104857600 bytes, the limit is 1048576", "init refuses", "renew all fails for all of ca"];
    ca_ed25519: |t| generate(t, CA_KEY, &["genpkey", "-algorithm", "ED25519"]) => ["ca: file.invalid: `pki/ca.key`: unsupported key: a key of algorithm 1.3.101.112, neither RSA nor ECDSA", "init refuses", "renew all fails for all of ca"];
    ca_ed25519_with_its_certificate: |t| { generate(t, CA_KEY, &["genpkey", "-algorithm", "ED25519"]); t.resign_ca("ca", CA, &[]); } => ["ca: file.invalid: `pki/ca.key`: unsupported key: a key of algorithm 1.3.101.112, neither RSA nor ECDSA", "ca: ca.replaced", "init refuses", "renew all fails for all of ca"];
    ca_even_modulus: |t| even_modulus(t, CA_KEY) => ["ca: file.invalid: `pki/ca.key`: malformed key: UnexpectedError", "init refuses", "renew all fails for all of ca"];
    ca_primes_next_to_each_other: |t| { t.write(CA_KEY, RSA_CLOSE_PRIMES); t.resign_ca("ca", CA, &[]); } => ["ca: file.invalid: `pki/ca.key`: unsupported key: RSA with two primes that are so close that the private key can be computed", "ca: ca.replaced", "init refuses", "renew all fails for all of ca"];
    ca_exponent_3: |t| { generate(t, CA_KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:3"]); t.resign_ca("ca", CA, &[]); } => ["ca: ca.replaced", "init refuses"];
    ca_rsa_1024: |t| { generate(t, CA_KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]); t.resign_ca("ca", CA, &[]); } => ["ca: file.invalid: `pki/ca.key`: unsupported key: RSA with less than 2048 bits", "ca: ca.replaced", "init refuses", "renew all fails for all of ca"];
    ca_pkcs8: |t| convert(t, CA_KEY, &["pkey"]) => [];
    ca_ec_parameters_before_it: |t| t.edit(CA_KEY, |text| format!("{PARAMETERS}{text}")) => [];
    ca_a_bag_of_attributes_before_it: |t| t.edit(CA_KEY, |text| format!("{BAG}{text}")) => [];
    ca_text_that_is_not_utf_8_before_it: |t| t.edit_bytes(CA_KEY, |bytes| [b"Z\xfcrich \xff\xfe\n", bytes].concat()) => [];
    ca_its_certificate_behind_it: |t| t.append("pki/ca.crt", CA_KEY) => [];
    ca_on_p384: |t| { generate(t, CA_KEY, &curve("secp384r1")); t.resign_ca("ca", CA, &[]); } => ["ca: ca.replaced", "init refuses"];
    ca_on_p521: |t| { generate(t, CA_KEY, &curve("secp521r1")); t.resign_ca("ca", CA, &[]); } => ["ca: ca.replaced", "init refuses"];
    ca_on_p224: |t| { generate(t, CA_KEY, &curve("secp224r1")); t.resign_ca("ca", CA, &[]); } => ["ca: file.invalid: `pki/ca.key`: unsupported key: an elliptic-curve key that is malformed, or does not name P-256, P-384 or P-521 as its curve", "ca: ca.damaged", "init refuses", "renew all fails for all of ca"];
    ca_rsa_in_pkcs1: |t| { t.write(CA_KEY, RSA_2048); t.resign_ca("ca", CA, &[]); } => ["ca: ca.replaced", "init refuses"];
    ca_rsa_in_pkcs8: |t| { t.write(CA_KEY, RSA_3072); convert(t, CA_KEY, &["pkey"]); t.resign_ca("ca", CA, &[]); } => ["ca: ca.replaced", "init refuses"];
    ca_rsa_8192: |t| { t.write(CA_KEY, RSA_8192); t.resign_ca("ca", CA, &[]); } => ["ca: ca.replaced", "init refuses"];

    // The service accounts': no renewal touches it.
    sa_no_bytes: |t| t.write(SA_KEY, "") => ["sa: file.invalid: `pki/sa.key`: the file is empty", "init refuses"];
    sa_cut_in_the_middle: |t| t.edit(SA_KEY, |text| text[..text.len() / 2].to_owned()) => ["sa: file.invalid: `pki/sa.key`: malformed PEM: a block has no END line: the file is truncated", "init refuses"];
    sa_missing_beside_its_public_half: |t| t.remove(SA_KEY) => ["sa: service-account.key-missing", "init refuses"];
    sa_of_another: |t| t.copy(KEY, SA_KEY) => ["sa: service-account.mismatch", "init refuses"];
    sa_encrypted: |t| convert(t, SA_KEY, &["pkey", "-aes256", "-passout", "pass:secret"]) => ["sa: file.invalid: `pki/sa.key`: the key is encrypted with a passphrase; Kubernetes components need an unencrypted key", "init refuses"];
    sa_two_in_one_file: |t| t.append(KEY, SA_KEY) => [];
    sa_its_public_half: |t| t.copy(SA_PUB, SA_KEY) => ["sa: file.invalid: `pki/sa.key`: it contains no key, only `PUBLIC KEY`", "init refuses"];
    sa_ed25519: |t| generate(t, SA_KEY, &["genpkey", "-algorithm", "ED25519"]) => ["sa: file.invalid: `pki/sa.key`: unsupported key: a key of algorithm 1.3.101.112, neither RSA nor ECDSA", "init refuses"];
    sa_an_empty_line_before_the_end: |t| hollow(t, SA_KEY, "\n-----END") => [];
    sa_pkcs11_uri: |t| t.write(SA_KEY, "pkcs11:token=hsm;object=sa\n") => ["sa: file.invalid: `pki/sa.key`: it contains no PEM block", "init refuses"];
    sa_key_of_a_tpm: |t| relabel(t, SA_KEY, "TSS2 PRIVATE KEY") => ["sa: file.invalid: `pki/sa.key`: it contains no key, only `TSS2 PRIVATE KEY`", "init refuses"];
    sa_pkcs8: |t| convert(t, SA_KEY, &["pkey"]) => [];
    sa_ec_parameters_before_it: |t| t.edit(SA_KEY, |text| format!("{PARAMETERS}{text}")) => [];
    sa_a_bag_of_attributes_before_it: |t| t.edit(SA_KEY, |text| format!("{BAG}{text}")) => [];
    sa_rsa_in_pkcs1: |t| { t.write(SA_KEY, RSA_2048); publish(t); } => [];
    sa_rsa_in_pkcs8: |t| { t.write(SA_KEY, RSA_2048); convert(t, SA_KEY, &["pkey"]); publish(t); } => [];
    sa_on_p384: |t| { generate(t, SA_KEY, &curve("secp384r1")); publish(t); } => [];
    sa_pub_no_bytes: |t| t.write(SA_PUB, "") => ["sa: file.invalid: `pki/sa.pub`: the file is empty", "init refuses"];
    sa_pub_cut_in_the_middle: |t| t.edit(SA_PUB, |text| text[..text.len() / 2].to_owned()) => ["sa: file.invalid: `pki/sa.pub`: malformed PEM: a block has no END line: the file is truncated", "init refuses"];
    sa_pub_of_another: |t| { t.openssl(&["pkey", "-in", CA_KEY, "-pubout", "-out", SA_PUB]); } => ["sa: service-account.mismatch", "init refuses"];
    sa_pub_of_another_kind: |t| {
        t.write("rsa.key", RSA_2048);
        t.openssl(&["pkey", "-in", "rsa.key", "-pubout", "-out", SA_PUB]);
        t.remove("rsa.key");
    } => ["sa: service-account.mismatch", "init refuses"];
    sa_pub_is_the_private_one: |t| t.copy(SA_KEY, SA_PUB) => [];
    /// The API server does not read these two files as kubeadm does.
    sa_pub_in_pkcs1: |t| { t.write(SA_KEY, RSA_2048); t.openssl(&["rsa", "-in", SA_KEY, "-RSAPublicKey_out", "-out", SA_PUB]); } => ["sa: file.invalid: `pki/sa.pub`: it contains no key, only `RSA PUBLIC KEY`", "init refuses"];
    sa_pub_is_a_certificate: |t| t.write(SA_PUB, t.self_signed(SA_KEY, "/CN=sa", "", &[])) => [];
    sa_pub_der: |t| { t.openssl(&["pkey", "-in", SA_KEY, "-pubout", "-outform", "der", "-out", SA_PUB]); } => ["sa: file.invalid: `pki/sa.pub`: it contains no PEM block", "init refuses"];
    sa_pub_is_no_der: |t| t.write(SA_PUB, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n") => ["sa: file.invalid: `pki/sa.pub`: malformed key: malformed public key", "init refuses"];
    sa_pub_of_two_keys_the_own_one_first: |t| { t.openssl(&["pkey", "-in", CA_KEY, "-pubout", "-out", "other.pub"]); t.append("other.pub", SA_PUB); t.remove("other.pub"); } => [];
    sa_pub_of_two_keys_the_own_one_last: |t| {
        let own = t.text(SA_PUB);
        t.openssl(&["pkey", "-in", CA_KEY, "-pubout", "-out", SA_PUB]);
        t.edit(SA_PUB, |other| other + &own);
    } => [];
    sa_pub_of_two_other_keys: |t| for key in [CA_KEY, KEY] {
        let other = t.openssl(&["pkey", "-in", key, "-pubout"]).stdout;
        t.edit(SA_PUB, |text| if key == CA_KEY { other } else { text + &other });
    } => ["sa: service-account.mismatch", "init refuses"];
    sa_pub_with_text_around_it: |t| t.edit(SA_PUB, |text| format!("# of 2019\r\n{}# end", text.replace('\n', "\r\n"))) => [];
    sa_pub_of_one_hundred_mebibytes: |t| t.write_zeroes(SA_PUB, 100 << 20) => ["sa: file.unreadable: reading `pki/sa.pub`: it has 104857600 bytes, the limit is 1048576", "init refuses"];

    // One inside a kubeconfig.
    kubeconfig_pkcs8: |t| in_kubeconfig(t, |t| convert(t, "x.key", &["pkey"])) => [];
    kubeconfig_ec_parameters_before_it: |t| in_kubeconfig(t, |t| t.edit("x.key", |text| format!("{PARAMETERS}{text}"))) => [];
    kubeconfig_a_bag_of_attributes_before_it: |t| in_kubeconfig(t, |t| t.edit("x.key", |text| format!("{BAG}{text}"))) => [];
    kubeconfig_crlf: |t| in_kubeconfig(t, |t| t.edit("x.key", |text| text.replace('\n', "\r\n"))) => [];
    kubeconfig_encrypted: |t| in_kubeconfig(t, |t| convert(t, "x.key", &["pkey", "-aes256", "-passout", "pass:secret"])) => ["admin.conf: file.invalid: `admin.conf`: client-key-data: the key is encrypted with a passphrase; Kubernetes components need an unencrypted key", "init refuses", "renew all fails for admin.conf"];
    kubeconfig_two_in_one_field: |t| in_kubeconfig(t, |t| t.append(KEY, "x.key")) => [];
    kubeconfig_its_public_half: |t| in_kubeconfig(t, |t| convert(t, "x.key", &["pkey", "-pubout"])) => ["admin.conf: file.invalid: `admin.conf`: client-key-data: it contains no key, only `PUBLIC KEY`", "init refuses", "renew all fails for admin.conf"];
    kubeconfig_an_empty_line_before_the_end: |t| in_kubeconfig(t, |t| hollow(t, "x.key", "\n-----END")) => [];
    kubeconfig_ed25519: |t| in_kubeconfig(t, |t| generate(t, "x.key", &["genpkey", "-algorithm", "ED25519"])) => ["admin.conf: file.invalid: `admin.conf`: client-key-data: unsupported key: a key of algorithm 1.3.101.112, neither RSA nor ECDSA", "init refuses", "renew all fails for admin.conf"];
    kubeconfig_of_an_rsa_certificate: |t| {
        t.write("x.key", RSA_2048);
        let crt = t.signed_by("pki/ca", "x.key", "/O=kubeadm:cluster-admins/CN=kubernetes-admin", "extendedKeyUsage=clientAuth\n", &[]);
        t.embed("admin.conf", "client-certificate-data", crt);
        t.embed("admin.conf", "client-key-data", RSA_2048);
        t.remove("x.key");
    } => ["admin.conf: certificate.differs", "admin.conf: certificate.differs"];
}

#[test]
fn missing_sa_pub_is_made_from_sa_key() {
    let tree = TestTree::new();
    let public = tree.read("pki/sa.pub");
    tree.remove("pki/sa.pub");
    tree.pki(&["init"]).exits(0).changed_files(&["pki/sa.pub"]);
    assert!(tree.read("pki/sa.pub") == public);
    assert_eq!(tree.mode("pki/sa.pub"), 0o600);
}

#[test]
fn reuse_key_refuses_a_key_that_cannot_be_kept() {
    for (damage, reason) in [
        (
            (|t| t.copy("pki/etcd/server.key", KEY)) as fn(&TestTree),
            "its key does not belong to it",
        ),
        (|t| t.write(KEY, ""), "its key cannot be read"),
        // The key is world-readable, so it must not be kept.
        (|t| t.append(KEY, "pki/apiserver.crt"), "private key"),
    ] {
        let tree = TestTree::new();
        damage(&tree);
        tree.pki(&["renew", "apiserver", "--reuse-key"])
            .exits(3)
            .says(reason)
            .changed_nothing();
    }
}

/// kubeadm overwrites such a pair without a message.
#[test]
fn renewal_reports_defects_of_the_replaced_pair() {
    type Damage = fn(&TestTree);
    let cases: [(Damage, &str); 5] = [
        (
            |t| t.copy("pki/etcd/server.key", KEY),
            "does not belong to it",
        ),
        (|t| t.write(KEY, ""), "apiserver.key`: the file is empty"),
        (
            |t| t.write("pki/apiserver.crt", ""),
            "apiserver.crt`: the file is empty",
        ),
        (|t| t.remove(KEY), "its key is missing"),
        (
            |t| {
                let other = t.embedded("scheduler.conf", "client-key-data");
                t.embed("admin.conf", "client-key-data", other);
            },
            "does not belong to it",
        ),
    ];
    for (damage, reason) in cases {
        let tree = TestTree::new();
        damage(&tree);
        tree.pki(&["renew", "all"]).exits(0).says(reason);
    }
}
