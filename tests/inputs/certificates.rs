//! Certificates that are not what they should be.

use base64::{Engine, engine::general_purpose::STANDARD};
use x509_cert::der::{Decode, Encode, Tag, asn1::Any};

use super::{
    Check::{Attention, Due, Fails, Healthy, Reads, Shows},
    Init::{Keeps, KeepsSaying, Mentions, Refuses},
    Renew::{Heals, LeavesOut},
    cases,
    forge::{
        COMMON_NAME,
        End::{NotAfter, NotBefore},
        ORGANIZATION, SUBJECT_ALT_NAME, Tbs, general_names, text,
    },
    specimen::{Specimen, sane},
};
use crate::support::{peer, run};

const CRT: &str = "pki/apiserver.crt";

/// What a leaf has to have besides names.
const SERVER: &str = "extendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n";

/// What a CA has to have.
pub(super) const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,digitalSignature\nsubjectKeyIdentifier=hash\n";

/// What a terminal would act on: colours, a bell, another direction.
pub(super) const STEERS: &str = "\u{1b}[31mred\u{7}\u{9b}2J\u{202e}desrever";

/// A block of a kind that no certificate file needs.
const OTHER: &str =
    "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

const ECDSA_WITH_SHA512: &str = "1.2.840.10045.4.3.4";

fn sign(t: &Specimen, further: &str, options: &[&str]) {
    t.sign(
        "apiserver",
        "ca",
        &format!("{}{SERVER}{further}", t.apiserver_names()),
        options,
    );
}

fn forge(t: &Specimen, change: impl FnOnce(&mut Tbs)) {
    t.forge(CRT, "ca", change);
}

/// Adds a subject alternative name; `kind` is its tag (RFC 5280 section 4.2.1.6).
fn add_name(t: &Specimen, kind: u32, value: &[u8]) {
    forge(t, |tbs| {
        let added = general_names(&[(kind, value)]);
        let names = Vec::<Any>::from_der(&tbs.extension(SUBJECT_ALT_NAME)).unwrap();
        let more = Vec::<Any>::from_der(&added).unwrap();
        tbs.set_extension(SUBJECT_ALT_NAME, &[names, more].concat().to_der().unwrap());
    });
}

fn new_key(t: &Specimen, arguments: &[&str]) {
    t.openssl(&[arguments, &["-out", "pki/apiserver.key"]].concat(), "");
}

fn new_rsa_key(t: &Specimen, bits: &str) {
    let bits = format!("rsa_keygen_bits:{bits}");
    new_key(t, &["genpkey", "-algorithm", "RSA", "-pkeyopt", &bits]);
}

fn curve(name: &str) -> [&str; 5] {
    ["ecparam", "-genkey", "-noout", "-name", name]
}

fn relabel(t: &Specimen, label: &str) {
    t.edit(CRT, |text| text.replace("CERTIFICATE", label));
}

/// Returns a time in UTCTime.
pub(super) fn in_days(days: i64) -> String {
    let time = time::OffsetDateTime::now_utc() + time::Duration::days(days);
    time.format(time::macros::format_description!(
        "[year repr:last_two][month][day][hour][minute][second]Z"
    ))
    .unwrap()
}

cases! {
    // The file.
    no_bytes: |t| t.write(CRT, "") => Refuses("apiserver.crt`: the file is empty"), Shows("apiserver"), Heals("apiserver");
    only_blanks: |t| t.write(CRT, "\n \n") => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    only_nul_bytes: |t| t.write(CRT, [0; 4096]) => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    cut_in_the_middle: |t| t.edit(CRT, |text| text[..text.len() / 2].to_owned())
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    begin_without_end: |t| t.edit(CRT, |text| text.replace("-----END CERTIFICATE-----\n", ""))
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    end_without_begin: |t| t.edit(CRT, |text| text.replace("-----BEGIN CERTIFICATE-----\n", ""))
        => Refuses("apiserver.crt`: malformed PEM: 0 blocks begin, 1 end"), Shows("apiserver"), Heals("apiserver");
    two_begins: |t| t.edit(CRT, |text| format!("-----BEGIN CERTIFICATE-----\n{text}"))
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    end_of_another_kind: |t| t.edit(CRT, |text| text.replace("END CERTIFICATE", "END X509 CRL"))
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    begin_and_end_and_nothing_between: |t| t.write(CRT, "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n")
        => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    der: |t| { t.openssl(&["x509", "-in", CRT, "-outform", "der", "-out", CRT], ""); }
        => Refuses("apiserver.crt`: the file is DER"), Shows("apiserver"), Heals("apiserver");
    pkcs12: |t| { t.openssl(&["pkcs12", "-export", "-in", CRT, "-inkey", "pki/apiserver.key", "-passout", "pass:x", "-out", CRT], ""); }
        => Refuses("apiserver.crt`: the file is DER"), Shows("apiserver"), Heals("apiserver");
    pkcs7: |t| { t.openssl(&["crl2pkcs7", "-nocrl", "-certfile", CRT, "-out", CRT], ""); }
        => Refuses("apiserver.crt`: there is no `CERTIFICATE` block in it, only `PKCS7`"), Shows("apiserver"), Heals("apiserver");
    a_request: |t| { t.openssl(&["req", "-new", "-key", "pki/apiserver.key", "-subj", "/CN=kube-apiserver", "-out", CRT], ""); }
        => Refuses("only `CERTIFICATE REQUEST`"), Shows("apiserver"), Heals("apiserver");
    a_public_key: |t| { t.openssl(&["pkey", "-in", "pki/apiserver.key", "-pubout", "-out", CRT], ""); }
        => Refuses("only `PUBLIC KEY`"), Shows("apiserver"), Heals("apiserver");
    base64_without_armour: |t| t.edit(CRT, |text| text.lines().filter(|line| !line.starts_with('-')).collect())
        => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    a_page_of_html: |t| t.write(CRT, "<!DOCTYPE html>\n<title>401 Unauthorized</title>\n")
        => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    a_kubeconfig: |t| t.copy("admin.conf", CRT) => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    utf_16: |t| t.edit_bytes(CRT, |bytes| bytes.iter().flat_map(|&byte| [byte, 0]).collect())
        => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    label_trusted_certificate: |t| relabel(t, "TRUSTED CERTIFICATE")
        => Refuses("apiserver.crt`: there is no `CERTIFICATE` block"), Shows("apiserver"), Heals("apiserver");
    label_x509_certificate: |t| relabel(t, "X509 CERTIFICATE")
        => Refuses("apiserver.crt`: there is no `CERTIFICATE` block"), Shows("apiserver"), Heals("apiserver");
    label_in_lower_case: |t| relabel(t, "certificate")
        => Refuses("apiserver.crt`: there is no `CERTIFICATE` block"), Shows("apiserver"), Heals("apiserver");
    label_that_steers_the_terminal: |t| relabel(t, "\u{1b}[31mCERTIFICATE\u{1b}[0m") => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    label_of_ten_thousand_letters: |t| relabel(t, &"X".repeat(10_000)) => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    /// Neither Go nor openssl finds a block that does not begin a line.
    byte_order_mark_before_it: |t| t.edit(CRT, |text| format!("\u{feff}{text}")) => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    indented: |t| t.edit(CRT, |text| text.lines().map(|line| format!("    {line}\n")).collect())
        => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    quoted_as_in_a_mail: |t| t.edit(CRT, |text| text.lines().map(|line| format!("> {line}\n")).collect())
        => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    four_dashes: |t| t.edit(CRT, |text| text.replace("-----", "----")) => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    /// `ParseCertsPEM` of client-go passes over a block with headers.
    headers_in_the_block: |t| t.edit(CRT, |text| text.replace("BEGIN CERTIFICATE-----\n", "BEGIN CERTIFICATE-----\nX-Note: old\n\n"))
        => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    garbage_in_the_base64: |t| t.edit(CRT, |text| text.replacen('M', "*", 3)) => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    base64_for_addresses: |t| t.edit(CRT, |text| {
        let body = text.lines().map(|line| match line.starts_with('-') { true => line.to_owned(), false => format!("{line}_-") });
        body.map(|line| line + "\n").collect()
    }) => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    a_line_of_the_base64_missing: |t| t.edit(CRT, |text| {
        let lines: Vec<_> = text.lines().collect();
        [&lines[..4], &lines[5..]].concat().join("\n")
    }) => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    bytes_behind_the_der: |t| t.pad_der(CRT, b"more") => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    a_private_key_in_it: |t| t.append("pki/apiserver.key", CRT)
        => Refuses("apiserver.crt`: there is a private key"), Shows("apiserver"), Heals("apiserver");
    a_private_key_instead_of_it: |t| t.copy("pki/apiserver.key", CRT)
        => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    five_thousand_blocks_of_no_kind: |t| t.write(CRT, "-----BEGIN X-----\nAAAA\n-----END X-----\n".repeat(5000))
        => Refuses("apiserver.crt`: there is no `CERTIFICATE` block"), Shows("apiserver"), Heals("apiserver");
    missing_beside_its_key: |t| t.remove(CRT)
        => Refuses("`apiserver`: its key is there and its certificate is not"), Shows("apiserver"), Heals("apiserver");
    one_hundred_mebibytes: |t| std::fs::File::create(t.path(CRT)).unwrap().set_len(100 << 20).unwrap()
        => Refuses("apiserver.crt`: it has 104857600 bytes"), Shows("apiserver"), LeavesOut("apiserver", "104857600 bytes");
    one_byte_too_many: |t| t.edit(CRT, |text| " ".repeat((1 << 20) + 1 - text.len()) + &text)
        => Refuses("apiserver.crt`: it has 1048577 bytes"), Shows("apiserver"), LeavesOut("apiserver", "1048577 bytes");
    a_mebibyte_of_text_before_it: |t| t.edit(CRT, |text| format!("{}\n{text}", "a line\n".repeat(((1 << 20) - text.len() - 1) / 7)))
        => Keeps, Healthy, Heals("apiserver");
    a_mebibyte_of_certificates: |t| {
        let ca = t.text("pki/ca.crt");
        t.edit(CRT, |text| text.clone() + &ca.repeat(((1 << 20) - text.len()) / ca.len()));
    } => Keeps, Healthy, Heals("apiserver");
    text_around_it: |t| t.edit(CRT, |text| format!("a word before\n{text}and after\n")) => Keeps, Healthy, Heals("apiserver");
    text_that_is_not_utf_8_before_it: |t| t.edit_bytes(CRT, |bytes| [b"Z\xfcrich \xff\xfe\n", bytes].concat()) => Keeps, Healthy, Heals("apiserver");
    nul_bytes_before_it: |t| t.edit(CRT, |text| format!("\0\0\n{text}")) => Keeps, Healthy, Heals("apiserver");
    openssls_text_before_it: |t| { t.openssl(&["x509", "-in", CRT, "-text", "-out", CRT], ""); } => Keeps, Healthy, Heals("apiserver");
    a_bag_of_attributes_before_it: |t| t.edit(CRT, |text| format!("Bag Attributes\n    localKeyID: 01\nsubject=CN = x\n{text}"))
        => Keeps, Healthy, Heals("apiserver");
    blocks_of_other_kinds_around_it: |t| t.edit(CRT, |text| format!("{OTHER}{text}{OTHER}")) => Keeps, Healthy, Heals("apiserver");
    crlf: |t| t.edit(CRT, |text| text.replace('\n', "\r\n")) => Keeps, Healthy, Heals("apiserver");
    no_final_newline: |t| t.edit(CRT, |text| text.trim_end().to_owned()) => Keeps, Healthy, Heals("apiserver");
    blanks_at_the_ends_of_lines: |t| t.edit(CRT, |text| text.replace('\n', " \t\n")) => Keeps, Healthy, Heals("apiserver");
    base64_in_one_line: |t| t.edit(CRT, |text| {
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    }) => Keeps, Healthy, Heals("apiserver");
    an_empty_line_before_the_base64: |t| t.edit(CRT, |text| text.replacen("\nM", "\n\nM", 1)) => Keeps, Healthy, Heals("apiserver");
    an_empty_line_before_the_end: |t| t.edit(CRT, |text| text.replace("\n-----END", "\n\n-----END"))
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");

    // A leaf.
    signed_by_openssl: |t| sign(t, "", &[]) => Keeps, Healthy, Heals("apiserver");
    signed_with_sha384: |t| sign(t, "", &["-sha384"]) => Keeps, Healthy, Heals("apiserver");
    version_1: |t| t.sign("apiserver", "ca", "", &[])
        => Refuses("`apiserver`: it lacks names"), Attention("apiserver", "it lacks names"), Heals("apiserver");
    version_2: |t| forge(t, |tbs| tbs.set_version(1)) => Keeps, Healthy, Heals("apiserver");
    version_42: |t| forge(t, |tbs| tbs.set_version(42)) => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    serial_zero: |t| sign(t, "", &["-set_serial", "0"]) => KeepsSaying("`apiserver`: its serial number is zero or longer than 20 octets"), Healthy, Heals("apiserver");
    serial_negative: |t| sign(t, "", &["-set_serial", "-5"]) => Refuses("`apiserver`: its serial number"), Fails("apiserver"), Heals("apiserver");
    serial_of_21_octets: |t| sign(t, "", &["-set_serial", "0x010203040506070809101112131415161718192021"])
        => KeepsSaying("`apiserver`: its serial number is zero or longer than 20 octets"), Healthy, Heals("apiserver");
    serial_of_20_octets_that_needs_a_21st: |t| forge(t, |tbs| tbs.set_serial(&[&[0][..], &[0xff; 20]].concat()))
        => KeepsSaying("`apiserver`: its serial number is zero or longer than 20 octets"), Healthy, Heals("apiserver");
    serial_of_20_octets: |t| forge(t, |tbs| tbs.set_serial(&[0x7f; 20])) => Keeps, Healthy, Heals("apiserver");
    serial_one: |t| forge(t, |tbs| tbs.set_serial(&[1])) => Keeps, Healthy, Heals("apiserver");
    serial_of_a_thousand_octets: |t| forge(t, |tbs| tbs.set_serial(&[0x7f; 1000])) => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    signed_with_sha1: |t| sign(t, "", &["-sha1"])
        => Refuses("`apiserver`: it is signed with an algorithm"), Attention("apiserver", "it is signed with an algorithm"), Heals("apiserver");
    signature_spoiled: |t| t.spoil_signature(CRT)
        => Refuses("`apiserver`: its signature is wrong"), Attention("apiserver", "its signature is wrong"), Heals("apiserver");
    signature_of_another_algorithm_inside: |t| forge(t, |tbs| tbs.set_algorithm(ECDSA_WITH_SHA512))
        => Refuses("apiserver.crt`: certificate 1 is malformed: its signature algorithm is one inside"), Shows("apiserver"), Heals("apiserver");
    signature_of_another_algorithm_outside: |t| t.relabel_signature(CRT, ECDSA_WITH_SHA512)
        => Refuses("apiserver.crt`: certificate 1 is malformed: its signature algorithm is one inside"), Shows("apiserver"), Heals("apiserver");
    signature_of_no_known_algorithm: |t| { forge(t, |tbs| tbs.set_algorithm("1.2.3.4")); t.relabel_signature(CRT, "1.2.3.4"); }
        => Refuses("apiserver"), Attention("apiserver", ""), Heals("apiserver");
    rsa_1024: |t| { new_rsa_key(t, "1024"); sign(t, "", &[]); } => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    rsa_2048: |t| { new_rsa_key(t, "2048"); sign(t, "", &[]); } => Keeps, Healthy, Heals("apiserver");
    rsa_3072: |t| { new_rsa_key(t, "3072"); sign(t, "", &[]); } => Keeps, Healthy, Heals("apiserver");
    rsa_pss: |t| { new_key(t, &["genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"]); sign(t, "", &[]); }
        => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    ed25519: |t| { new_key(t, &["genpkey", "-algorithm", "ED25519"]); sign(t, "", &[]); }
        => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    ed448: |t| { new_key(t, &["genpkey", "-algorithm", "ED448"]); sign(t, "", &[]); }
        => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_p192: |t| { new_key(t, &curve("prime192v1")); sign(t, "", &[]); } => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_p224: |t| { new_key(t, &curve("secp224r1")); sign(t, "", &[]); } => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_of_bitcoin: |t| { new_key(t, &curve("secp256k1")); sign(t, "", &[]); } => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_p384: |t| { new_key(t, &curve("secp384r1")); sign(t, "", &[]); } => Keeps, Healthy, Heals("apiserver");
    curve_p521: |t| { new_key(t, &curve("secp521r1")); sign(t, "", &[]); } => Keeps, Healthy, Heals("apiserver");
    explicit_curve_parameters: |t| {
        new_key(t, &["ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-genkey", "-noout"]);
        sign(t, "", &[]);
    } => Refuses("apiserver"), Healthy, Heals("apiserver");
    usage_of_a_client: |t| t.sign("apiserver", "ca", &(t.apiserver_names() + "extendedKeyUsage=clientAuth\n"), &[])
        => Refuses("`apiserver`: its extended key usage lacks serverAuth"), Attention("apiserver", "its extended key usage lacks serverAuth"),
           Heals("apiserver");
    usage_of_no_known_kind: |t| t.sign("apiserver", "ca", &(t.apiserver_names() + "extendedKeyUsage=1.2.3.4\n"), &[])
        => Refuses("`apiserver`: its extended key usage lacks serverAuth"), Attention("apiserver", "its extended key usage lacks serverAuth"),
           Heals("apiserver");
    usage_of_client_and_server: |t| t.sign("apiserver", "ca", &(t.apiserver_names() + "extendedKeyUsage=critical,clientAuth,serverAuth\n"), &[])
        => Keeps, Healthy, Heals("apiserver");
    /// RFC 5280 section 4.2.1.12: without the extension it serves for everything.
    usage_of_every_kind: |t| t.sign("apiserver", "ca", &t.apiserver_names(), &[]) => Keeps, Healthy, Heals("apiserver");
    key_usage_of_a_ca: |t| t.sign("apiserver", "ca", &format!("{}{}", t.apiserver_names(), SERVER.replace("digitalSignature", "digitalSignature,keyCertSign")), &[])
        => Keeps, Healthy, Heals("apiserver");
    no_names: |t| t.sign("apiserver", "ca", SERVER, &[])
        => Refuses("`apiserver`: it lacks names that the configuration asks for"), Attention("apiserver", "it lacks names"), Heals("apiserver");
    an_empty_list_of_names: |t| forge(t, |tbs| tbs.set_extension(SUBJECT_ALT_NAME, &general_names(&[]))) => Refuses("apiserver"), Reads("apiserver"), Heals("apiserver");
    one_name_missing: |t| t.sign("apiserver", "ca", &(t.apiserver_names().replace("DNS:kubernetes.default.svc,", "") + SERVER), &[])
        => Refuses("`apiserver`: it lacks names that the configuration asks for: DNS:kubernetes.default.svc"), Attention("apiserver", "it lacks names"), Heals("apiserver");
    names_in_capitals: |t| t.sign("apiserver", "ca", &(t.apiserver_names().replace("DNS:kubernetes", "DNS:KUBERNETES") + SERVER), &[])
        => Keeps, Healthy, Heals("apiserver");
    names_twice: |t| t.sign("apiserver", "ca", &(t.apiserver_names().replace("DNS:kubernetes,", "DNS:kubernetes,DNS:kubernetes,") + SERVER), &[])
        => Keeps, Healthy, Heals("apiserver");
    names_that_are_critical: |t| t.sign("apiserver", "ca", &(t.apiserver_names().replace('=', "=critical,") + SERVER), &[])
        => Keeps, Healthy, Heals("apiserver");
    names_of_every_kind: |t| {
        let names = t.apiserver_names().trim_end().to_owned();
        let more = "email:root@example.net,URI:spiffe://example.net/a,RID:1.2.3,otherName:1.2.3.4;UTF8:x,dirName:who\n";
        t.sign("apiserver", "ca", &format!("{names},{more}{SERVER}[who]\nCN=someone\n"), &[]);
    } => Keeps, Healthy, Heals("apiserver");
    a_thousand_names: |t| {
        let more: String = (0..1000).map(|number| format!(",DNS:host-{number}.example.net")).collect();
        let names = t.apiserver_names().trim_end().to_owned();
        t.sign("apiserver", "ca", &format!("{names}{more}\n{SERVER}"), &[]);
    } => Keeps, Healthy, Heals("apiserver");
    names_that_steer_the_terminal: |t| add_name(t, 2, b"\x1b[31mred\x07\x00\r\n") => Keeps, Healthy, Heals("apiserver");
    addresses_that_steer_the_terminal: |t| add_name(t, 6, b"https://a/\x1b[2J\x9b31m") => Refuses("apiserver"), Reads("apiserver"), Heals("apiserver");
    /// Go reads no certificate with such a name, whatever else is in it.
    an_address_of_three_octets: |t| add_name(t, 7, &[10, 0, 1]) => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    an_address_of_no_octets: |t| add_name(t, 7, &[]) => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    an_address_with_a_mask: |t| add_name(t, 7, &[10, 0, 0, 0, 255, 0, 0, 0]) => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    a_name_that_is_not_ascii: |t| add_name(t, 2, "zömbo.example".as_bytes()) => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    names_that_are_no_der: |t| forge(t, |tbs| tbs.set_extension(SUBJECT_ALT_NAME, b"\x30\x84\xff\xff\xff\xffnames"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    constraints_that_are_no_der: |t| forge(t, |tbs| tbs.set_extension("2.5.29.19", b"\x01"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    an_extension_twice: |t| forge(t, |tbs| tbs.repeat_extension(SUBJECT_ALT_NAME)) => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    an_unknown_extension_twice: |t| forge(t, |tbs| for _ in 0..2 { tbs.add_extension("1.2.3.4", false, &text("x")); })
        => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    another_subject: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, b"someone")]))
        => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    no_subject: |t| forge(t, |tbs| tbs.set_subject(&[])) => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    subject_in_utf_8: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, b"kube-apiserver")])) => Keeps, Healthy, Heals("apiserver");
    subject_in_utf_16: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::BmpString, b"\0k\0u\0b\0e")]))
        => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    subject_in_teletex: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::TeletexString, b"Z\xfcrich")]))
        => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    subject_that_is_not_what_its_tag_says: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, b"\xff\xfe\x1b[31m")]))
        => Mentions("apiserver"), Reads("apiserver"), Heals("apiserver");
    subject_that_steers_the_terminal: |t| forge(t, |tbs| tbs.set_subject(&[(ORGANIZATION, Tag::Utf8String, STEERS.as_bytes())]))
        => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    subject_with_a_line_end: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, b"a\nerror: everything is lost")]))
        => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    subject_of_a_thousand_characters: |t| forge(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, &[b'x'; 1000])]))
        => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    subject_of_a_thousand_parts: |t| forge(t, |tbs| tbs.set_subject(&vec![(ORGANIZATION, Tag::PrintableString, &b"x"[..]); 1000]))
        => KeepsSaying("`apiserver`: it"), Healthy, Heals("apiserver");
    signed_by_another_ca: |t| t.sign("apiserver", "etcd/ca", &(t.apiserver_names() + SERVER), &[])
        => Refuses("`apiserver`: it is not signed by its CA"), Attention("apiserver", "it is not signed by its CA"), Heals("apiserver");
    signed_by_itself: |t| t.write(CRT, t.certify("pki/apiserver.key", "/CN=kube-apiserver", &(t.apiserver_names() + SERVER), &["-signkey", "pki/apiserver.key"]))
        => Refuses("`apiserver`: it is not signed by its CA"), Attention("apiserver", "it is not signed by its CA"), Heals("apiserver");
    signed_by_a_former_ca_of_that_name: |t| {
        t.make_ca("former", "/CN=kubernetes", CA);
        let ca = ["-CA", "../../former.crt", "-CAkey", "../../former.key"];
        t.write(CRT, t.certify("pki/apiserver.key", "/CN=kube-apiserver", &(t.apiserver_names() + SERVER), &ca));
    } => Refuses("`apiserver`: its signature is wrong"), Attention("apiserver", "its signature is wrong"), Heals("apiserver");
    issuer_of_another_name: |t| forge(t, |tbs| tbs.set_issuer(&[(COMMON_NAME, Tag::PrintableString, b"kubernetes-ca")]))
        => Refuses("`apiserver`: it is not signed by its CA"), Attention("apiserver", "it is not signed by its CA"), Heals("apiserver");
    /// Go compares the bytes of the two names.
    issuer_in_another_string_type: |t| forge(t, |tbs| tbs.set_issuer(&[(COMMON_NAME, Tag::Utf8String, b"kubernetes")]))
        => Refuses("`apiserver`: it is not signed by its CA"), Attention("apiserver", "it is not signed by its CA"), Heals("apiserver");
    authority_key_identifier_of_another_ca: |t| forge(t, |tbs| tbs.set_extension("2.5.29.35", b"\x30\x06\x80\x04\x01\x02\x03\x04"))
        => Keeps, Healthy, Heals("apiserver");
    no_key_identifiers: |t| forge(t, |tbs| { tbs.remove_extension("2.5.29.35"); tbs.remove_extension("2.5.29.14"); }) => Keeps, Healthy, Heals("apiserver");
    unknown_critical_extension: |t| sign(t, "1.2.3.4=critical,ASN1:UTF8String:x\n", &[])
        => Refuses("`apiserver`: it has a critical extension that Go does not know"), Attention("apiserver", "it has a critical extension"), Heals("apiserver");
    unknown_extension: |t| sign(t, "1.2.3.4=ASN1:UTF8String:x\n", &[]) => Keeps, Healthy, Heals("apiserver");
    a_thousand_unknown_extensions: |t| forge(t, |tbs| for number in 0..1000 { tbs.add_extension(&format!("1.2.3.4.{number}"), false, &text("x")); })
        => Keeps, Healthy, Heals("apiserver");
    two_leaves_in_one_file: |t| t.append("pki/etcd/server.crt", CRT)
        => KeepsSaying("`apiserver`: its file holds another certificate that is not an intermediate"), Healthy, Heals("apiserver");
    a_leaf_that_is_its_ca: |t| { t.copy("pki/ca.crt", CRT); t.copy("pki/ca.key", "pki/apiserver.key"); }
        => Refuses("`apiserver`: it has the key of its CA"), Attention("apiserver", "it has the key of its CA"), Heals("apiserver");
    a_leaf_that_says_it_is_a_ca: |t| t.sign("apiserver", "ca", &format!("{}{CA}", t.apiserver_names()), &[])
        => KeepsSaying("`apiserver`: it is a CA certificate, want a leaf"), Healthy, Heals("apiserver");
    of_another_row: |t| for extension in ["crt", "key"] {
        t.copy(&format!("pki/apiserver-kubelet-client.{extension}"), &format!("pki/apiserver.{extension}"));
    } => Refuses("`apiserver`: its extended key usage lacks serverAuth"), Attention("apiserver", "its extended key usage lacks serverAuth"),
         Heals("apiserver");

    // Its dates.
    not_valid_yet: |t| {
        let run = t.pki(&["renew", "apiserver", "--now", "2030-01-01T00:00:00Z"]);
        assert_eq!(run.code, Some(0), "{run}");
    } => Refuses("`apiserver`: it is not valid before 2029-12-31"), Attention("apiserver", "is not valid before 2029-12-31"), Heals("apiserver");
    expired: |t| forge(t, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    }) => Refuses("`apiserver`: it expired on 2020-01-01"), Attention("apiserver", "expired"), Heals("apiserver");
    expires_soon: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, &in_days(20))) => Keeps, Due("apiserver"), Heals("apiserver");
    end_before_its_beginning: |t| forge(t, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "400101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    }) => Refuses("`apiserver`: "), Attention("apiserver", ""), Heals("apiserver");
    begins_in_1950: |t| forge(t, |tbs| tbs.set_time(NotBefore, Tag::UtcTime, "500101000000Z"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    begins_in_1970: |t| forge(t, |tbs| tbs.set_time(NotBefore, Tag::UtcTime, "700101000000Z")) => Keeps, Healthy, Heals("apiserver");
    ends_with_2049: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "491231235959Z")) => Keeps, Healthy, Heals("apiserver");
    ends_with_2049_in_the_longer_form: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::GeneralizedTime, "20491231235959Z"))
        => Keeps, Healthy, Heals("apiserver");
    ends_in_2050: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::GeneralizedTime, "20500101000000Z")) => Keeps, Healthy, Heals("apiserver");
    ends_in_2050_in_the_shorter_form: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "500101000000Z"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    ends_in_9999: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::GeneralizedTime, "99991231235959Z")) => Keeps, Healthy, Heals("apiserver");
    ends_on_a_leap_day: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "480229120000Z")) => Keeps, Healthy, Heals("apiserver");
    ends_on_a_day_that_there_is_not: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "490229120000Z"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    ends_in_the_year_zero: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::GeneralizedTime, "00000101000000Z"))
        => Refuses("apiserver"), Fails("apiserver"), Heals("apiserver");
    ends_with_a_leap_second: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "481231235960Z"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    times_without_seconds: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "4901010000Z"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    times_of_a_zone: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "490101000000+0100"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    times_with_a_fraction: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::GeneralizedTime, "20600101000000.5Z"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");
    times_that_are_no_times: |t| forge(t, |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "\u{1b}[31mtomorrow"))
        => Refuses("apiserver.crt`: certificate 1 is malformed"), Shows("apiserver"), Heals("apiserver");

    // A client's.
    client_with_the_usage_of_a_server: |t| t.sign("front-proxy-client", "front-proxy-ca", SERVER, &[])
        => Refuses("`front-proxy-client`: its extended key usage lacks clientAuth"), Attention("front-proxy-client", "lacks clientAuth"),
           Heals("front-proxy-client");
    client_of_another_name: |t| t.forge("pki/front-proxy-client.crt", "front-proxy-ca", |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::Utf8String, b"aggregator")]))
        => KeepsSaying("`front-proxy-client`: it"), Healthy, Heals("front-proxy-client");
    client_of_the_other_ca: |t| for extension in ["crt", "key"] {
        t.copy(&format!("pki/apiserver-kubelet-client.{extension}"), &format!("pki/front-proxy-client.{extension}"));
    } => Refuses("`front-proxy-client`: it is not signed by its CA"), Attention("front-proxy-client", "it is not signed by its CA"),
         Heals("front-proxy-client");
    peer_with_half_of_its_usages: |t| t.forge("pki/etcd/peer.crt", "etcd/ca", |tbs| tbs.set_extension("2.5.29.37", b"\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x01"))
        => Refuses("`etcd-peer`: its extended key usage lacks clientAuth"), Attention("etcd-peer", "lacks clientAuth"), Heals("etcd-peer");
    peer_without_its_names: |t| t.forge("pki/etcd/peer.crt", "etcd/ca", |tbs| tbs.remove_extension(SUBJECT_ALT_NAME))
        => Refuses("`etcd-peer`: it lacks names"), Attention("etcd-peer", "it lacks names"), Heals("etcd-peer");
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    let whole = specimen.text(CRT);
    let body: String = whole
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = STANDARD.decode(body).unwrap();
    // A prime step, so that every part of the certificate and every bit of an octet gets its turn.
    let flips = (0..der.len() * 8).step_by(101);
    assert!(
        flips.len() > 25,
        "{} are too few to mean anything",
        flips.len()
    );
    for bit in flips {
        let mut spoiled = der.clone();
        spoiled[bit / 8] ^= 1 << (bit % 8);
        let text = STANDARD.encode(spoiled);
        specimen.write(
            CRT,
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"),
        );
        let before = specimen.snapshot();
        let run = specimen.pki(&["init"]);
        assert_eq!(run.code, Some(3), "bit {bit}: {run}");
        assert!(run.stderr.contains("apiserver"), "bit {bit}: {run}");
        specimen.assert_unchanged(&before, &run);
    }
    specimen.write(CRT, whole);
    specimen.pki(&["init"]).ok();
}

#[test]
fn a_certificate_cut_anywhere_is_refused() {
    let specimen = Specimen::new();
    let whole = specimen.read(CRT);
    for length in (1..whole.len() - 30).step_by(37) {
        specimen.write(CRT, &whole[..length]);
        let run = specimen.pki(&["init"]);
        assert_eq!(run.code, Some(3), "{length} bytes: {run}");
        assert!(
            run.stderr.contains("apiserver.crt`: "),
            "{length} bytes: {run}"
        );
    }
}

/// A server that sends its intermediates would stop doing so.
#[test]
fn what_lies_behind_a_leaf_is_kept_or_its_loss_is_said() {
    let specimen = Specimen::new();
    specimen.append("pki/ca.crt", CRT);
    let run = specimen.pki(&["renew", "apiserver"]).ok();
    let kept = specimen.text(CRT).matches("BEGIN CERTIFICATE").count() == 2;
    let said = (run.stdout.clone() + &run.stderr).contains("`apiserver`: the CA signs it directly");
    assert!(
        kept || said,
        "the second certificate is gone without a word: {run}"
    );
}

#[test]
fn an_expired_leaf_is_refused_by_init_and_renewed() {
    let specimen = Specimen::new();
    let later = ["--now", "2028-06-01T00:00:00Z"];
    let before = specimen.snapshot();
    let refused = specimen.pki(&[&["init"], &later[..]].concat());
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(
        refused.stderr.contains("`apiserver`: it expired on "),
        "{refused}"
    );
    assert!(
        refused.stderr.contains("run `pki renew apiserver "),
        "{refused}"
    );
    specimen.assert_unchanged(&before, &refused);
    specimen.pki(&[&["renew", "all"], &later[..]].concat()).ok();
    specimen.pki(&[&["init"], &later[..]].concat()).ok();
}

#[test]
fn a_ca_that_has_expired_or_not_begun_signs_nothing() {
    for (now, reason) in [
        ("2040-01-01T00:00:00Z", "CA `ca`: it expired on "),
        ("2020-01-01T00:00:00Z", "CA `ca`: it is not valid before "),
    ] {
        for command in [
            &["renew", "all"][..],
            &["renew", "scheduler.conf"],
            &["init"],
        ] {
            let specimen = Specimen::new();
            let before = specimen.snapshot();
            let run = specimen.pki(&[command, &["--now", now]].concat());
            let code = if command.contains(&"all") { 5 } else { 3 };
            assert_eq!(run.code, Some(code), "{run}");
            assert!(
                run.stderr.contains(reason) || run.stdout.contains(reason),
                "{run}"
            );
            specimen.assert_unchanged(&before, &run);
        }
    }
}

#[test]
fn a_message_about_a_certificate_is_for_people() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    sign(&specimen, "", &["-sha1"]);
    let message = sane(run(&mut specimen.command(&["init"]))).stderr;
    assert!(
        message
            .lines()
            .all(|line| line.len() < 200 && !line.contains('{')),
        "{message}"
    );
}

#[test]
fn a_ca_with_a_weak_signature_is_not_called_damaged() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    specimen.resign_ca("ca", CA, &["-sha1"]);
    let run = specimen.pki(&["renew", "all"]).refused("CA `ca`: ");
    assert!(
        !run.stderr.contains("damaged"),
        "it is whole, and signed with SHA-1: {run}"
    );
}

/// Everything that the renewal wanted is refused, so the message has to say in what state the tree is.
#[test]
fn a_ca_that_cannot_sign_our_names_leaves_no_doubt_about_the_tree() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    specimen.resign_ca(
        "ca",
        &format!("{CA}nameConstraints=critical,excluded;DNS:kubernetes\n"),
        &[],
    );
    for name in ["pki/apiserver.crt", "pki/apiserver.key"] {
        specimen.remove(name);
    }
    let run = specimen.pki(&["init"]);
    assert_eq!(run.code, Some(3), "{run}");
    // What went wrong is the error; in what state the tree is comes after it, on a line of its own.
    let lines: Vec<_> = run.stderr.lines().collect();
    let error = lines
        .iter()
        .position(|line| line.starts_with("error: issuing `apiserver`: "));
    let note = lines
        .iter()
        .position(|line| *line == "note: no file was changed");
    assert!(error.is_some() && note > error, "{run}");
}
