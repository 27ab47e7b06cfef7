//! Private keys that are not what they should be. `check-expiration` does not read them, and only sees whether they are there.

use super::{
    Check::{Attention, Healthy, Says, Shows},
    Init::{Keeps, Refuses},
    Renew::{self, Besides, BesidesSaying, Heals, LeavesOut},
    cases,
    certificates::CA,
    forge::{integer, is_tagged, octets, open},
    specimen::Specimen,
};
use crate::support::peer;

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

/// What `openssl ecparam -genkey` puts before a key.
const PARAMETERS: &str =
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

/// What `openssl pkcs12` puts before a key.
const BAG: &str = "Bag Attributes\n    friendlyName: x\n    localKeyID: 54 69 6D 65 \nKey Attributes: <No Attributes>\n";

/// Passes a key through openssl, which may write it in another form.
fn convert(t: &Specimen, key: &str, arguments: &[&str]) {
    let new = t.folder().join("converted");
    let new = new.to_str().unwrap();
    t.openssl(&[arguments, &["-in", key, "-out", new]].concat(), "");
    t.write(key, std::fs::read(new).unwrap());
    std::fs::remove_file(new).unwrap();
}

/// Makes a PKCS#12 file of a key and takes it out again.
fn from_pkcs12(t: &Specimen, key: &str) {
    let bundle = t.folder().join("bundle.p12");
    let bundle = bundle.to_str().unwrap();
    let export = ["pkcs12", "-export", "-nocerts", "-name", "x", "-inkey", key];
    t.openssl(
        &[&export[..], &["-passout", "pass:x", "-out", bundle]].concat(),
        "",
    );
    t.openssl(
        &[
            "pkcs12", "-in", bundle, "-passin", "pass:x", "-nodes", "-out", key,
        ],
        "",
    );
    std::fs::remove_file(bundle).unwrap();
    assert!(t.text(key).contains("Bag Attributes"));
}

fn generate(t: &Specimen, key: &str, arguments: &[&str]) {
    let (program, options) = arguments.split_at(1);
    t.openssl(&[program, &["-out", key], options].concat(), "");
}

fn curve(name: &str) -> [&str; 5] {
    ["ecparam", "-genkey", "-noout", "-name", name]
}

fn relabel(t: &Specimen, key: &str, label: &str) {
    t.edit(key, |text| text.replace("EC PRIVATE KEY", label));
}

/// Puts an empty line before a part of a key's file.
fn hollow(t: &Specimen, key: &str, part: &str) {
    t.edit(key, |text| text.replace(part, &format!("\n{part}")));
}

/// Has the CA sign another certificate for the API server's key.
fn sign(t: &Specimen) {
    let extensions = t.apiserver_names() + "extendedKeyUsage=serverAuth\n";
    t.sign("apiserver", "ca", &extensions, &[]);
}

/// Makes `sa.pub` of `sa.key`.
fn publish(t: &Specimen) {
    t.openssl(&["pkey", "-in", SA_KEY, "-pubout", "-out", SA_PUB], "");
}

/// Takes the key out of `admin.conf`, changes it, and puts it back.
fn in_kubeconfig(t: &Specimen, change: impl FnOnce(&Specimen)) {
    t.write("x.key", t.embedded("admin.conf", "client-key-data"));
    change(t);
    t.embed("admin.conf", "client-key-data", t.read("x.key"));
    t.remove("x.key");
}

/// Puts an RSA key of these numbers there: openssl writes what it is told without checking it.
fn rsa_of(t: &Specimen, key: &str, numbers: &[(&str, &str)]) {
    let fields: String = numbers
        .iter()
        .map(|(name, value)| format!("{name}=INTEGER:{value}\n"))
        .collect();
    let source = t.folder().join("asn1.conf");
    std::fs::write(&source, format!("asn1=SEQUENCE:rsa\n[rsa]\n{fields}")).unwrap();
    let der = t.folder().join("key.der");
    let [source, der] = [&source, &der].map(|path| path.to_str().unwrap());
    t.openssl(
        &["asn1parse", "-genconf", source, "-noout", "-out", der],
        "",
    );
    let body = t.openssl(&["base64", "-in", der], "").stdout;
    t.write(
        key,
        format!("-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n"),
    );
}

/// An RSA key whose modulus is even.
fn even_modulus(t: &Specimen, key: &str) {
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

cases! {
    // A leaf's: renewing makes another one.
    no_bytes: |t| t.write(KEY, "") => Refuses("apiserver.key`: the file is empty"), Attention("apiserver", "the file is empty"), Heals("apiserver");
    only_nul_bytes: |t| t.write(KEY, [0; 4096]) => Refuses("apiserver.key`: there is no PEM block"), Healthy, Heals("apiserver");
    missing_beside_its_certificate: |t| t.remove(KEY)
        => Refuses("`apiserver`: its certificate is there and its key is not"), Shows("apiserver"), Heals("apiserver");
    of_another_certificate: |t| t.copy("pki/etcd/server.key", KEY)
        => Refuses("`apiserver`: its key does not belong to it"), Healthy, Heals("apiserver");
    of_its_ca: |t| t.copy(CA_KEY, KEY) => Refuses("`apiserver`: its key does not belong to it"), Healthy, Heals("apiserver");
    encrypted_pkcs8: |t| convert(t, KEY, &["pkey", "-aes256", "-passout", "pass:secret"])
        => Refuses("apiserver.key`: the key is encrypted"), Healthy, Heals("apiserver");
    encrypted_traditional: |t| convert(t, KEY, &["ec", "-aes256", "-passout", "pass:secret"])
        => Refuses("apiserver.key`: the key is encrypted"), Healthy, Heals("apiserver");
    encrypted_rsa: |t| { t.write(KEY, RSA_2048); convert(t, KEY, &["rsa", "-traditional", "-des3", "-passout", "pass:secret"]); }
        => Refuses("apiserver.key`: the key is encrypted"), Healthy, Heals("apiserver");
    its_public_half: |t| convert(t, KEY, &["pkey", "-pubout"])
        => Refuses("apiserver.key`: there is no key in it, only `PUBLIC KEY`"), Healthy, Heals("apiserver");
    a_certificate: |t| t.copy("pki/apiserver.crt", KEY)
        => Refuses("apiserver.key`: there is no key in it, only `CERTIFICATE`"), Healthy, Heals("apiserver");
    a_request: |t| { t.openssl(&["req", "-new", "-key", KEY, "-subj", "/CN=x", "-out", "pki/x.csr"], ""); t.copy("pki/x.csr", KEY); t.remove("pki/x.csr"); }
        => Refuses("apiserver.key`: there is no key in it, only `CERTIFICATE REQUEST`"), Healthy, Heals("apiserver");
    only_its_parameters: |t| t.write(KEY, PARAMETERS) => Refuses("apiserver.key`: there is no key in it, only `EC PARAMETERS`"), Healthy, Heals("apiserver");
    two_in_one_file: |t| t.append("pki/etcd/server.key", KEY)
        => Refuses("apiserver.key`: there are 2 private keys in it"), Healthy, Heals("apiserver");
    the_same_one_twice: |t| t.append(KEY, KEY) => Refuses("apiserver.key`: there are 2 private keys in it"), Healthy, Heals("apiserver");
    four_thousand_in_one_file: |t| t.edit(KEY, |text| text.repeat(4000))
        => Refuses("apiserver.key`: there are 4000 private keys in it"), Healthy, Heals("apiserver");
    five_thousand_in_one_file: |t| t.edit(KEY, |text| text.repeat(5000)) => Refuses("apiserver.key`: it has "), Healthy, LeavesOut("apiserver", "apiserver.key");
    one_hundred_mebibytes: |t| std::fs::File::create(t.path(KEY)).unwrap().set_len(100 << 20).unwrap()
        => Refuses("apiserver.key`: it has 104857600 bytes"), Healthy, LeavesOut("apiserver", "104857600 bytes");
    der: |t| convert(t, KEY, &["ec", "-outform", "der"]) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    utf_16: |t| t.edit_bytes(KEY, |bytes| bytes.iter().flat_map(|&byte| [byte, 0]).collect())
        => Refuses("apiserver.key`: there is no PEM block"), Healthy, Heals("apiserver");
    pkcs12: |t| { t.openssl(&["pkcs12", "-export", "-in", "pki/apiserver.crt", "-inkey", KEY, "-passout", "pass:x", "-out", KEY], ""); }
        => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    pkcs11_uri: |t| t.write(KEY, "pkcs11:token=hsm;object=apiserver\n")
        => Refuses("apiserver.key`: there is no PEM block"), Healthy, Heals("apiserver");
    pkcs11_uri_in_pem: |t| relabel(t, KEY, "PKCS#11 PROVIDER URI")
        => Refuses("apiserver.key`: there is no key in it, only `PKCS#11 PROVIDER URI`"), Healthy, Heals("apiserver");
    key_of_a_tpm: |t| relabel(t, KEY, "TSS2 PRIVATE KEY")
        => Refuses("apiserver.key`: there is no key in it, only `TSS2 PRIVATE KEY`"), Healthy, Heals("apiserver");
    key_of_openssh: |t| relabel(t, KEY, "OPENSSH PRIVATE KEY")
        => Refuses("apiserver.key`: there is no key in it, only `OPENSSH PRIVATE KEY`"), Healthy, Heals("apiserver");
    label_in_lower_case: |t| relabel(t, KEY, "ec private key") => Refuses("apiserver.key`: there is no key in it"), Healthy, Heals("apiserver");
    label_of_another_kind_of_key: |t| relabel(t, KEY, "RSA PRIVATE KEY") => Refuses("apiserver.key`: malformed key"), Healthy, Heals("apiserver");
    label_of_pkcs8: |t| relabel(t, KEY, "PRIVATE KEY") => Refuses("apiserver.key`: malformed key"), Healthy, Heals("apiserver");
    cut_in_the_middle: |t| t.edit(KEY, |text| text[..text.len() / 2].to_owned())
        => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    begin_without_end: |t| t.edit(KEY, |text| text.replace("-----END EC PRIVATE KEY-----\n", "")) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    two_begins: |t| t.edit(KEY, |text| format!("-----BEGIN EC PRIVATE KEY-----\n{text}")) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    /// Nobody reads further than the first key.
    one_that_is_cut_short_behind_it: |t| t.edit(KEY, |text| text.clone() + &text[..text.len() / 2])
        => Refuses("apiserver.key`: malformed PEM: 2 blocks begin, 1 end"), Healthy, Heals("apiserver");
    garbage_in_the_base64: |t| t.edit(KEY, |text| text.replacen("\nM", "\n*", 1)) => Refuses("apiserver.key`: malformed PEM"), Healthy, Heals("apiserver");
    /// What stands before an empty line could be taken for headers, and be quoted.
    an_empty_line_before_the_end: |t| hollow(t, KEY, "\n-----END") => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    an_empty_line_in_the_base64: |t| t.edit(KEY, |text| { let (first, rest) = text.split_at(110); format!("{first}\n\n{rest}") })
        => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    headers_of_no_kind: |t| t.edit(KEY, |text| text.replacen("KEY-----\n", "KEY-----\nX-Note: old\n\n", 1)) => Keeps, Healthy, Heals("apiserver");
    /// Neither Go nor openssl finds a block that does not begin a line.
    byte_order_mark_before_it: |t| t.edit(KEY, |text| format!("\u{feff}{text}")) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    indented: |t| t.edit(KEY, |text| text.lines().map(|line| format!("    {line}\n")).collect()) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    curve_p192: |t| generate(t, KEY, &curve("prime192v1")) => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_p224: |t| generate(t, KEY, &curve("secp224r1")) => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_of_bitcoin: |t| generate(t, KEY, &curve("secp256k1")) => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_without_a_name: |t| t.edit_der(KEY, |fields| fields.retain(|field| !is_tagged(field, 0)))
        => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    public_half_of_another: |t| {
        let other = open(&t.text("pki/etcd/server.key")).into_iter().find(|field| is_tagged(field, 1)).unwrap();
        t.edit_der(KEY, |fields| *fields.iter_mut().find(|field| is_tagged(field, 1)).unwrap() = other);
    } => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    number_zero: |t| t.edit_der(KEY, |fields| fields[1] = octets(&[0; 32])) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    number_beyond_the_curve: |t| t.edit_der(KEY, |fields| fields[1] = octets(&[0xff; 32])) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    number_too_short: |t| t.edit_der(KEY, |fields| fields[1] = octets(&[1])) => Refuses("apiserver"), Healthy, Heals("apiserver");
    ed25519: |t| generate(t, KEY, &["genpkey", "-algorithm", "ED25519"])
        => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    x25519: |t| generate(t, KEY, &["genpkey", "-algorithm", "X25519"]) => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    rsa_1024: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"])
        => Refuses("apiserver.key`: unsupported key: RSA with less than 2048 bits"), Healthy, Heals("apiserver");
    rsa_2560: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2560"])
        => Refuses("apiserver.key`: unsupported key: RSA with 2560 bits"), Healthy, Heals("apiserver");
    rsa_exponent_3: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:3"])
        => Refuses("`apiserver`: its key does not belong to it"), Healthy, Heals("apiserver");
    /// Go takes none beyond 31 bits.
    rsa_exponent_of_34_bits: |t| t.write(KEY, RSA_LARGE_EXPONENT) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    rsa_even_modulus: |t| even_modulus(t, KEY) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    rsa_primes_next_to_each_other: |t| t.write(KEY, RSA_CLOSE_PRIMES) => Refuses("apiserver.key`: unsupported key: RSA with two primes"), Healthy, Heals("apiserver");
    rsa_without_primes: |t| { t.write(KEY, RSA_2048); t.edit_der(KEY, |fields| fields[4..].fill(integer(&[0]))); }
        => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    rsa_of_other_primes: |t| {
        t.write(KEY, RSA_2048);
        let other = open(RSA_CLOSE_PRIMES);
        t.edit_der(KEY, |fields| fields[1] = other[1].clone());
    } => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    rsa_8192: |t| { t.write(KEY, RSA_8192); sign(t); } => Keeps, Healthy, Heals("apiserver");
    rsa_4096: |t| { t.write(KEY, RSA_4096); sign(t); } => Keeps, Healthy, Heals("apiserver");
    rsa_in_pkcs1: |t| { t.write(KEY, RSA_2048); sign(t); } => Keeps, Healthy, Heals("apiserver");
    rsa_in_pkcs8: |t| { t.write(KEY, RSA_3072); convert(t, KEY, &["pkey"]); sign(t); } => Keeps, Healthy, Heals("apiserver");
    pkcs8: |t| convert(t, KEY, &["pkey"]) => Keeps, Healthy, Heals("apiserver");
    no_public_half: |t| convert(t, KEY, &["ec", "-no_public"]) => Keeps, Healthy, Heals("apiserver");
    explicit_curve_parameters: |t| convert(t, KEY, &["ec", "-param_enc", "explicit"]) => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    ec_parameters_before_it: |t| t.edit(KEY, |text| format!("{PARAMETERS}{text}")) => Keeps, Healthy, Heals("apiserver");
    a_bag_of_attributes_before_it: |t| t.edit(KEY, |text| format!("{BAG}{text}")) => Keeps, Healthy, Heals("apiserver");
    out_of_pkcs12: |t| from_pkcs12(t, KEY) => Keeps, Healthy, Heals("apiserver");
    openssls_text_before_it: |t| convert(t, KEY, &["pkey", "-text"]) => Keeps, Healthy, Heals("apiserver");
    text_that_is_not_utf_8_before_it: |t| t.edit_bytes(KEY, |bytes| [b"Z\xfcrich \xff\xfe\n", bytes].concat()) => Keeps, Healthy, Heals("apiserver");
    its_certificate_behind_it: |t| t.append("pki/apiserver.crt", KEY) => Keeps, Healthy, Heals("apiserver");
    its_certificate_before_it: |t| t.edit(KEY, |text| t.text("pki/apiserver.crt") + &text) => Keeps, Healthy, Heals("apiserver");
    crlf: |t| t.edit(KEY, |text| text.replace('\n', "\r\n")) => Keeps, Healthy, Heals("apiserver");
    no_final_newline: |t| t.edit(KEY, |text| text.trim_end().to_owned()) => Keeps, Healthy, Heals("apiserver");
    a_mebibyte_of_text_before_it: |t| t.edit(KEY, |text| format!("{}{text}", "a line\n".repeat(((1 << 20) - text.len()) / 7))) => Keeps, Healthy, Heals("apiserver");

    // A CA's: nothing is signed.
    ca_no_bytes: |t| t.write(CA_KEY, "")
        => Refuses("ca.key`: the file is empty"), Attention("ca", "the file is empty"), Renew::Stops("ca", "ca.key`: the file is empty");
    ca_cut_in_the_middle: |t| t.edit(CA_KEY, |text| text[..text.len() / 2].to_owned()) => Refuses("ca.key`: "), Healthy, Renew::Stops("ca", "ca.key`: ");
    ca_of_another_ca: |t| t.copy("pki/etcd/ca.key", CA_KEY)
        => Refuses("CA `ca`: its key does not belong to it"), Healthy, Renew::Stops("ca", "CA `ca`: its key does not belong to it");
    ca_of_one_of_its_leaves: |t| t.copy(KEY, CA_KEY)
        => Refuses("CA `ca`: its key does not belong to it"), Healthy, Renew::Stops("ca", "CA `ca`: its key does not belong to it");
    ca_encrypted: |t| convert(t, CA_KEY, &["pkey", "-aes256", "-passout", "pass:secret"])
        => Refuses("ca.key`: the key is encrypted"), Healthy, Renew::Stops("ca", "ca.key`: the key is encrypted");
    ca_encrypted_traditional: |t| convert(t, CA_KEY, &["ec", "-aes256", "-passout", "pass:secret"])
        => Refuses("ca.key`: the key is encrypted"), Healthy, Renew::Stops("ca", "ca.key`: the key is encrypted");
    ca_two_in_one_file: |t| t.append("pki/etcd/ca.key", CA_KEY)
        => Refuses("ca.key`: there are 2 private keys in it"), Healthy, Renew::Stops("ca", "ca.key`: there are 2 private keys in it");
    ca_its_public_half: |t| convert(t, CA_KEY, &["pkey", "-pubout"])
        => Refuses("ca.key`: there is no key in it, only `PUBLIC KEY`"), Healthy, Renew::Stops("ca", "ca.key`: there is no key in it");
    ca_its_certificate: |t| t.copy("pki/ca.crt", CA_KEY)
        => Refuses("ca.key`: there is no key in it, only `CERTIFICATE`"), Healthy, Renew::Stops("ca", "ca.key`: there is no key in it");
    ca_an_empty_line_before_the_end: |t| hollow(t, CA_KEY, "\n-----END") => Refuses("ca.key`: "), Healthy, Renew::Stops("ca", "ca.key`: ");
    ca_pkcs11_uri: |t| t.write(CA_KEY, "pkcs11:token=hsm;object=ca\n")
        => Refuses("ca.key`: there is no PEM block"), Healthy, Renew::Stops("ca", "ca.key`: there is no PEM block");
    ca_key_of_a_tpm: |t| relabel(t, CA_KEY, "TSS2 PRIVATE KEY")
        => Refuses("ca.key`: there is no key in it, only `TSS2 PRIVATE KEY`"), Healthy, Renew::Stops("ca", "ca.key`: there is no key in it");
    ca_der: |t| convert(t, CA_KEY, &["ec", "-outform", "der"]) => Refuses("ca.key`: "), Healthy, Renew::Stops("ca", "ca.key`: ");
    ca_of_one_hundred_mebibytes: |t| std::fs::File::create(t.path(CA_KEY)).unwrap().set_len(100 << 20).unwrap()
        => Refuses("ca.key`: it has 104857600 bytes"), Healthy, Renew::Stops("ca", "104857600 bytes");
    ca_ed25519: |t| generate(t, CA_KEY, &["genpkey", "-algorithm", "ED25519"])
        => Refuses("ca.key`: unsupported key"), Healthy, Renew::Stops("ca", "ca.key`: unsupported key");
    ca_ed25519_with_its_certificate: |t| { generate(t, CA_KEY, &["genpkey", "-algorithm", "ED25519"]); t.resign_ca("ca", CA, &[]); }
        => Refuses("ca.key`: unsupported key"), Attention("ca", "it did not sign any of the certificates"), Renew::Stops("ca", "ca.key`: unsupported key");
    ca_even_modulus: |t| even_modulus(t, CA_KEY) => Refuses("ca.key`: "), Healthy, Renew::Stops("ca", "ca.key`: ");
    ca_primes_next_to_each_other: |t| { t.write(CA_KEY, RSA_CLOSE_PRIMES); t.resign_ca("ca", CA, &[]); }
        => Refuses("ca.key`: unsupported key: RSA with two primes"), Attention("ca", "it did not sign any of the certificates"), Renew::Stops("ca", "ca.key`: unsupported key: RSA with two primes");
    ca_exponent_3: |t| { generate(t, CA_KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:3"]); t.resign_ca("ca", CA, &[]); }
        => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Heals("admin.conf");
    ca_rsa_1024: |t| { generate(t, CA_KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]); t.resign_ca("ca", CA, &[]); }
        => Refuses("ca.key`: unsupported key"), Attention("ca", "its own signature does not verify"), Renew::Stops("ca", "ca.key`: unsupported key");
    ca_pkcs8: |t| convert(t, CA_KEY, &["pkey"]) => Keeps, Healthy, Heals("apiserver");
    ca_ec_parameters_before_it: |t| t.edit(CA_KEY, |text| format!("{PARAMETERS}{text}")) => Keeps, Healthy, Heals("apiserver");
    ca_a_bag_of_attributes_before_it: |t| t.edit(CA_KEY, |text| format!("{BAG}{text}")) => Keeps, Healthy, Heals("apiserver");
    ca_text_that_is_not_utf_8_before_it: |t| t.edit_bytes(CA_KEY, |bytes| [b"Z\xfcrich \xff\xfe\n", bytes].concat()) => Keeps, Healthy, Heals("apiserver");
    ca_its_certificate_behind_it: |t| t.append("pki/ca.crt", CA_KEY) => Keeps, Healthy, Heals("apiserver");
    ca_on_p384: |t| { generate(t, CA_KEY, &curve("secp384r1")); t.resign_ca("ca", CA, &[]); }
        => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Heals("admin.conf");
    ca_on_p521: |t| { generate(t, CA_KEY, &curve("secp521r1")); t.resign_ca("ca", CA, &[]); }
        => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Heals("admin.conf");
    ca_on_p224: |t| { generate(t, CA_KEY, &curve("secp224r1")); t.resign_ca("ca", CA, &[]); }
        => Refuses("ca.key`: unsupported key"), Attention("ca", "its own signature does not verify"), Renew::Stops("ca", "ca.key`: unsupported key");
    ca_rsa_in_pkcs1: |t| { t.write(CA_KEY, RSA_2048); t.resign_ca("ca", CA, &[]); }
        => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Heals("admin.conf");
    ca_rsa_in_pkcs8: |t| { t.write(CA_KEY, RSA_3072); convert(t, CA_KEY, &["pkey"]); t.resign_ca("ca", CA, &[]); }
        => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Heals("admin.conf");
    ca_rsa_8192: |t| { t.write(CA_KEY, RSA_8192); t.resign_ca("ca", CA, &[]); }
        => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Heals("admin.conf");

    // The service accounts': no renewal touches it.
    sa_no_bytes: |t| t.write(SA_KEY, "") => Refuses("sa.key`: the file is empty"), Says("sa.key`: the file is empty"), BesidesSaying("sa", "the file is empty");
    sa_cut_in_the_middle: |t| t.edit(SA_KEY, |text| text[..text.len() / 2].to_owned()) => Refuses("sa.key`: "), Healthy, Besides;
    sa_missing_beside_its_public_half: |t| t.remove(SA_KEY)
        => Refuses("`sa`: sa.pub is there and sa.key is not"), Says("sa.pub is there and sa.key is not"), BesidesSaying("sa", "sa.key is not");
    sa_of_another: |t| t.copy(KEY, SA_KEY) => Refuses("`sa`: sa.pub does not hold the public key of sa.key"), Healthy, Besides;
    sa_encrypted: |t| convert(t, SA_KEY, &["pkey", "-aes256", "-passout", "pass:secret"]) => Refuses("sa.key`: the key is encrypted"), Healthy, Besides;
    sa_two_in_one_file: |t| t.append(KEY, SA_KEY) => Refuses("sa.key`: there are 2 private keys in it"), Healthy, Besides;
    sa_its_public_half: |t| t.copy(SA_PUB, SA_KEY) => Refuses("sa.key`: there is no key in it, only `PUBLIC KEY`"), Healthy, Besides;
    sa_ed25519: |t| generate(t, SA_KEY, &["genpkey", "-algorithm", "ED25519"]) => Refuses("sa.key`: unsupported key"), Healthy, Besides;
    sa_an_empty_line_before_the_end: |t| hollow(t, SA_KEY, "\n-----END") => Refuses("sa.key`: "), Healthy, Besides;
    sa_pkcs11_uri: |t| t.write(SA_KEY, "pkcs11:token=hsm;object=sa\n") => Refuses("sa.key`: there is no PEM block"), Healthy, Besides;
    sa_key_of_a_tpm: |t| relabel(t, SA_KEY, "TSS2 PRIVATE KEY") => Refuses("sa.key`: there is no key in it, only `TSS2 PRIVATE KEY`"), Healthy, Besides;
    sa_pkcs8: |t| convert(t, SA_KEY, &["pkey"]) => Keeps, Healthy, Besides;
    sa_ec_parameters_before_it: |t| t.edit(SA_KEY, |text| format!("{PARAMETERS}{text}")) => Keeps, Healthy, Besides;
    sa_a_bag_of_attributes_before_it: |t| t.edit(SA_KEY, |text| format!("{BAG}{text}")) => Keeps, Healthy, Besides;
    sa_rsa_in_pkcs1: |t| { t.write(SA_KEY, RSA_2048); publish(t); } => Keeps, Healthy, Besides;
    sa_rsa_in_pkcs8: |t| { t.write(SA_KEY, RSA_2048); convert(t, SA_KEY, &["pkey"]); publish(t); } => Keeps, Healthy, Besides;
    sa_on_p384: |t| { generate(t, SA_KEY, &curve("secp384r1")); publish(t); } => Keeps, Healthy, Besides;
    sa_pub_no_bytes: |t| t.write(SA_PUB, "") => Refuses("sa.pub`: the file is empty"), Says("sa.pub`: "), BesidesSaying("sa", "sa.pub`: ");
    sa_pub_cut_in_the_middle: |t| t.edit(SA_PUB, |text| text[..text.len() / 2].to_owned()) => Refuses("sa.pub`: "), Says("sa.pub`: "), BesidesSaying("sa", "sa.pub`: ");
    sa_pub_of_another: |t| { t.openssl(&["pkey", "-in", CA_KEY, "-pubout", "-out", SA_PUB], ""); }
        => Refuses("`sa`: sa.pub does not hold the public key of sa.key"), Healthy, Besides;
    sa_pub_of_another_kind: |t| {
        t.write("rsa.key", RSA_2048);
        t.openssl(&["pkey", "-in", "rsa.key", "-pubout", "-out", SA_PUB], "");
        t.remove("rsa.key");
    } => Refuses("`sa`: sa.pub does not hold the public key of sa.key"), Healthy, Besides;
    sa_pub_is_the_private_one: |t| t.copy(SA_KEY, SA_PUB) => Refuses("sa.pub`: there is no key in it"), Says("sa.pub`: "), BesidesSaying("sa", "sa.pub`: ");
    /// The API server reads neither of these two as kubeadm's loader does.
    sa_pub_in_pkcs1: |t| { t.write(SA_KEY, RSA_2048); t.openssl(&["rsa", "-in", SA_KEY, "-RSAPublicKey_out", "-out", SA_PUB], ""); }
        => Refuses("sa.pub`: there is no key in it, only `RSA PUBLIC KEY`"), Says("sa.pub`: "), BesidesSaying("sa", "sa.pub`: ");
    sa_pub_is_a_certificate: |t| t.write(SA_PUB, t.certify(SA_KEY, "/CN=sa", "", &["-signkey", SA_KEY]))
        => Refuses("sa.pub`: there is no key in it, only `CERTIFICATE`"), Says("sa.pub`: "), BesidesSaying("sa", "sa.pub`: ");
    sa_pub_der: |t| { t.openssl(&["pkey", "-in", SA_KEY, "-pubout", "-outform", "der", "-out", SA_PUB], ""); } => Refuses("sa.pub`: "), Says("sa.pub`: "), BesidesSaying("sa", "sa.pub`: ");
    sa_pub_is_no_der: |t| t.write(SA_PUB, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n") => Refuses("sa"), Healthy, Besides;
    sa_pub_of_two_keys_the_own_one_first: |t| { t.openssl(&["pkey", "-in", CA_KEY, "-pubout", "-out", "other.pub"], ""); t.append("other.pub", SA_PUB); t.remove("other.pub"); }
        => Keeps, Healthy, Besides;
    sa_pub_of_two_keys_the_own_one_last: |t| {
        let own = t.text(SA_PUB);
        t.openssl(&["pkey", "-in", CA_KEY, "-pubout", "-out", SA_PUB], "");
        t.edit(SA_PUB, |other| other + &own);
    } => Keeps, Healthy, Besides;
    sa_pub_of_two_other_keys: |t| for key in [CA_KEY, KEY] {
        let other = t.openssl(&["pkey", "-in", key, "-pubout"], "").stdout;
        t.edit(SA_PUB, |text| if key == CA_KEY { other } else { text + &other });
    } => Refuses("`sa`: sa.pub does not hold the public key of sa.key"), Healthy, Besides;
    sa_pub_with_text_around_it: |t| t.edit(SA_PUB, |text| format!("# of 2019\r\n{}# end", text.replace('\n', "\r\n"))) => Keeps, Healthy, Besides;
    sa_pub_of_one_hundred_mebibytes: |t| std::fs::File::create(t.path(SA_PUB)).unwrap().set_len(100 << 20).unwrap()
        => Refuses("sa.pub`: it has 104857600 bytes"), Says("sa.pub`: "), BesidesSaying("sa", "sa.pub`: ");

    // One inside a kubeconfig.
    kubeconfig_pkcs8: |t| in_kubeconfig(t, |t| convert(t, "x.key", &["pkey"])) => Keeps, Healthy, Heals("admin.conf");
    kubeconfig_ec_parameters_before_it: |t| in_kubeconfig(t, |t| t.edit("x.key", |text| format!("{PARAMETERS}{text}"))) => Keeps, Healthy, Heals("admin.conf");
    kubeconfig_a_bag_of_attributes_before_it: |t| in_kubeconfig(t, |t| t.edit("x.key", |text| format!("{BAG}{text}"))) => Keeps, Healthy, Heals("admin.conf");
    kubeconfig_crlf: |t| in_kubeconfig(t, |t| t.edit("x.key", |text| text.replace('\n', "\r\n"))) => Keeps, Healthy, Heals("admin.conf");
    kubeconfig_encrypted: |t| in_kubeconfig(t, |t| convert(t, "x.key", &["pkey", "-aes256", "-passout", "pass:secret"]))
        => Refuses("admin.conf`: client-key-data: the key is encrypted"), Healthy, LeavesOut("admin.conf", "client-key-data: the key is encrypted");
    kubeconfig_two_in_one_field: |t| in_kubeconfig(t, |t| t.append(KEY, "x.key"))
        => Refuses("client-key-data: there are 2 private keys in it"), Healthy, LeavesOut("admin.conf", "there are 2 private keys in it");
    kubeconfig_its_public_half: |t| in_kubeconfig(t, |t| convert(t, "x.key", &["pkey", "-pubout"]))
        => Refuses("client-key-data: there is no key in it, only `PUBLIC KEY`"), Healthy, LeavesOut("admin.conf", "there is no key in it");
    kubeconfig_an_empty_line_before_the_end: |t| in_kubeconfig(t, |t| hollow(t, "x.key", "\n-----END"))
        => Refuses("admin.conf`: client-key-data: "), Healthy, LeavesOut("admin.conf", "client-key-data: ");
    kubeconfig_ed25519: |t| in_kubeconfig(t, |t| generate(t, "x.key", &["genpkey", "-algorithm", "ED25519"]))
        => Refuses("client-key-data: unsupported key"), Healthy, LeavesOut("admin.conf", "unsupported key");
    kubeconfig_of_an_rsa_certificate: |t| {
        t.write("x.key", RSA_2048);
        let crt = t.certify("x.key", "/O=kubeadm:cluster-admins/CN=kubernetes-admin", "extendedKeyUsage=clientAuth\n", &["-days", "300", "-CA", "pki/ca.crt", "-CAkey", CA_KEY]);
        t.embed("admin.conf", "client-certificate-data", crt);
        t.embed("admin.conf", "client-key-data", RSA_2048);
        t.remove("x.key");
    } => Keeps, Healthy, Heals("admin.conf");
}

#[test]
fn a_missing_sa_pub_is_made_from_sa_key() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    let (public, key) = (specimen.read("pki/sa.pub"), specimen.read("pki/sa.key"));
    specimen.remove("pki/sa.pub");
    specimen.pki(&["init"]).ok();
    assert!((specimen.read("pki/sa.pub"), specimen.read("pki/sa.key")) == (public, key));
    assert_eq!(specimen.mode("pki/sa.pub"), 0o600);
}

#[test]
fn a_key_that_is_kept_is_one_that_can_be_kept() {
    for (spoil, reason) in [
        (
            (|t| t.copy("pki/etcd/server.key", KEY)) as fn(&Specimen),
            "its key does not belong to it",
        ),
        (|t| t.write(KEY, ""), "its key cannot be read"),
        // Everybody could read it: keeping it would keep the leak.
        (|t| t.append(KEY, "pki/apiserver.crt"), "private key"),
    ] {
        let specimen = Specimen::new();
        spoil(&specimen);
        let before = specimen.snapshot();
        let run = specimen.pki(&["renew", "apiserver", "--reuse-key"]);
        assert_eq!(run.code, Some(3), "{run}");
        assert!(run.stderr.contains(reason), "{reason}: {run}");
        specimen.assert_unchanged(&before, &run);
    }
}

/// kubeadm overwrites such a pair unseen.
#[test]
fn a_renewal_says_what_was_wrong_with_what_it_replaces() {
    type Spoil = fn(&Specimen);
    let cases: [(Spoil, &str); 5] = [
        (
            |t| t.copy("pki/etcd/server.key", KEY),
            "does not belong to it",
        ),
        (|t| t.write(KEY, ""), "apiserver.key`: the file is empty"),
        (
            |t| t.write("pki/apiserver.crt", ""),
            "apiserver.crt`: the file is empty",
        ),
        (|t| t.remove(KEY), "its key is not"),
        (
            |t| {
                let key = |text: &str| {
                    text.lines()
                        .find(|line| line.contains("client-key-data"))
                        .unwrap()
                        .to_owned()
                };
                let other = key(&t.text("scheduler.conf"));
                t.edit("admin.conf", |text| text.replace(&key(&text), &other));
            },
            "does not belong to it",
        ),
    ];
    let silent: Vec<_> = cases
        .into_iter()
        .filter_map(|(spoil, reason)| {
            let specimen = Specimen::new();
            spoil(&specimen);
            let run = specimen.pki(&["renew", "all"]).ok();
            let said = (run.stdout.clone() + &run.stderr).contains(reason);
            (!said).then(|| format!("nothing of {reason:?} in {run}"))
        })
        .collect();
    assert!(
        silent.is_empty(),
        "{} of 5 are silent, such as: {}",
        silent.len(),
        silent[0]
    );
}

/// A key that others can read is never kept without a word, whatever the command.
#[test]
fn every_loose_key_is_named() {
    for key in [
        "pki/ca.key",
        "pki/etcd/ca.key",
        "pki/sa.key",
        KEY,
        "admin.conf",
    ] {
        for mode in [0o640, 0o644, 0o666] {
            let specimen = Specimen::new();
            specimen.chmod(key, mode);
            let run = specimen.pki(&["init"]);
            let file = key.rsplit('/').next().unwrap();
            let named = run.stdout.contains(file) && run.stdout.contains(&format!("{mode:04o}"));
            assert!(
                named,
                "{key} has mode {mode:04o}, and `init` says nothing: {run}"
            );
        }
    }
}
