//! Certificates that are not what they should be.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    Check::{Attention, Healthy, Shows},
    Init::{Keeps, Refuses},
    Renew::{self, Heals, LeavesOut},
    cases,
    specimen::{Specimen, sane},
};
use crate::support::{peer, run};

const CRT: &str = "pki/apiserver.crt";

/// What a leaf has to have besides names.
const SERVER: &str = "extendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n";

/// What a CA has to have.
const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,digitalSignature\nsubjectKeyIdentifier=hash\n";

fn sign(t: &Specimen, further: &str, options: &[&str]) {
    t.sign(
        "apiserver",
        "ca",
        &format!("{}{SERVER}{further}", t.apiserver_names()),
        options,
    );
}

fn new_key(t: &Specimen, arguments: &[&str]) {
    t.openssl(&[arguments, &["-out", "pki/apiserver.key"]].concat(), "");
}

fn relabel(t: &Specimen, label: &str) {
    t.edit(CRT, |text| text.replace("CERTIFICATE", label));
}

cases! {
    // A leaf.
    no_bytes: |t| t.write(CRT, "") => Refuses("apiserver.crt`: the file is empty"), Shows("apiserver"), Heals("apiserver");
    only_blanks: |t| t.write(CRT, "\n \n") => Refuses("apiserver.crt`: there is no PEM block"), Shows("apiserver"), Heals("apiserver");
    cut_in_the_middle: |t| t.edit(CRT, |text| text[..text.len() / 2].to_owned())
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    begin_without_end: |t| t.edit(CRT, |text| text.replace("-----END CERTIFICATE-----\n", ""))
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    der: |t| { t.openssl(&["x509", "-in", CRT, "-outform", "der", "-out", CRT], ""); }
        => Refuses("apiserver.crt`: the file is DER"), Shows("apiserver"), Heals("apiserver");
    label_trusted_certificate: |t| relabel(t, "TRUSTED CERTIFICATE")
        => Refuses("apiserver.crt`: there is no `CERTIFICATE` block"), Shows("apiserver"), Heals("apiserver");
    label_x509_certificate: |t| relabel(t, "X509 CERTIFICATE")
        => Refuses("apiserver.crt`: there is no `CERTIFICATE` block"), Shows("apiserver"), Heals("apiserver");
    a_private_key_in_it: |t| t.append("pki/apiserver.key", CRT)
        => Refuses("apiserver.crt`: there is a private key"), Shows("apiserver"), Heals("apiserver");
    a_private_key_instead_of_it: |t| t.copy("pki/apiserver.key", CRT)
        => Refuses("apiserver.crt`: "), Shows("apiserver"), Heals("apiserver");
    missing_beside_its_key: |t| t.remove(CRT)
        => Refuses("`apiserver`: its key is there and its certificate is not"), Shows("apiserver"), Heals("apiserver");
    one_hundred_mebibytes: |t| std::fs::File::create(t.path(CRT)).unwrap().set_len(100 << 20).unwrap()
        => Refuses("apiserver.crt`: it has 104857600 bytes"), Shows("apiserver"), LeavesOut("apiserver", "104857600 bytes");
    two_leaves_in_one_file: |t| t.append("pki/etcd/server.crt", CRT)
        => Refuses("apiserver"), Healthy, Heals("apiserver");
    its_ca_behind_it: |t| t.append("pki/ca.crt", CRT) => Keeps, Healthy, Heals("apiserver");
    text_around_it: |t| t.edit(CRT, |text| format!("a word before\n{text}and after\n")) => Keeps, Healthy, Heals("apiserver");
    crlf: |t| t.edit(CRT, |text| text.replace('\n', "\r\n")) => Keeps, Healthy, Heals("apiserver");
    no_final_newline: |t| t.edit(CRT, |text| text.trim_end().to_owned()) => Keeps, Healthy, Heals("apiserver");
    signed_by_openssl: |t| sign(t, "", &[]) => Keeps, Healthy, Heals("apiserver");
    version_1: |t| t.sign("apiserver", "ca", "", &[]) => Refuses("`apiserver`: "), Healthy, Heals("apiserver");
    serial_zero: |t| sign(t, "", &["-set_serial", "0"]) => Refuses("`apiserver`: "), Healthy, Heals("apiserver");
    serial_negative: |t| sign(t, "", &["-set_serial", "-5"]) => Refuses("`apiserver`: "), Healthy, Heals("apiserver");
    serial_of_21_octets: |t| sign(t, "", &["-set_serial", "0x010203040506070809101112131415161718192021"])
        => Refuses("`apiserver`: "), Healthy, Heals("apiserver");
    signed_with_sha1: |t| sign(t, "", &["-sha1"]) => Refuses("`apiserver`: "), Healthy, Heals("apiserver");
    rsa_1024: |t| {
        new_key(t, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
        sign(t, "", &[]);
    } => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    curve_p192: |t| {
        new_key(t, &["ecparam", "-name", "prime192v1", "-genkey", "-noout"]);
        sign(t, "", &[]);
    } => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    explicit_curve_parameters: |t| {
        new_key(t, &["ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-genkey", "-noout"]);
        sign(t, "", &[]);
    } => Refuses("apiserver"), Healthy, Heals("apiserver");
    usage_of_a_client: |t| {
        let extensions = t.apiserver_names() + "extendedKeyUsage=clientAuth\n";
        t.sign("apiserver", "ca", &extensions, &[]);
    } => Refuses("`apiserver`: its extended key usage lacks serverAuth"), Healthy, Heals("apiserver");
    no_names: |t| t.sign("apiserver", "ca", SERVER, &[])
        => Refuses("`apiserver`: it lacks names that the configuration asks for"), Healthy, Heals("apiserver");
    signed_by_another_ca: |t| {
        let extensions = t.apiserver_names() + SERVER;
        t.sign("apiserver", "etcd/ca", &extensions, &[]);
    } => Refuses("`apiserver`: it is not signed by its CA"), Healthy, Heals("apiserver");
    unknown_critical_extension: |t| sign(t, "1.2.3.4=critical,ASN1:UTF8String:x\n", &[])
        => Refuses("`apiserver`: "), Healthy, LeavesOut("apiserver", "extension");
    unknown_extension: |t| sign(t, "1.2.3.4=ASN1:UTF8String:x\n", &[]) => Keeps, Healthy, Heals("apiserver");
    a_leaf_that_is_its_ca: |t| { t.copy("pki/ca.crt", CRT); t.copy("pki/ca.key", "pki/apiserver.key"); }
        => Refuses("`apiserver`: it is a CA certificate, want a leaf"), Healthy,
           LeavesOut("apiserver", "it is a CA certificate, want a leaf");
    not_valid_yet: |t| {
        let run = t.pki(&["renew", "apiserver", "--now", "2030-01-01T00:00:00Z"]);
        assert_eq!(run.code, Some(5), "by then the others have expired: {run}");
    } => Refuses("`apiserver`: it is not valid before 2029-12-31"), Attention("apiserver", "is not valid before 2029-12-31"), Heals("apiserver");

    // A CA: nothing is signed, nothing is written.
    ca_no_bytes: |t| t.write("pki/ca.crt", "")
        => Refuses("ca.crt`: the file is empty"), Shows("ca"), Renew::Refuses("ca.crt`: the file is empty");
    ca_missing_beside_its_key: |t| t.remove("pki/etcd/ca.crt")
        => Refuses("CA `etcd-ca`: its key is there and its certificate is not"), Shows("etcd-ca"),
           Renew::Refuses("CA `etcd-ca`: its certificate is missing");
    ca_without_basic_constraints: |t| t.resign_ca("ca", "keyUsage=critical,keyCertSign\n", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Healthy, Renew::Refuses("CA `ca`: it is not a CA certificate");
    ca_with_basic_constraints_not_critical: |t| t.resign_ca("ca", "basicConstraints=CA:TRUE\nkeyUsage=critical,keyCertSign\n", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Healthy, Renew::Refuses("CA `ca`: it is not a CA certificate");
    ca_that_says_it_is_none: |t| t.resign_ca("ca", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign\n", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Healthy, Renew::Refuses("CA `ca`: it is not a CA certificate");
    ca_that_may_not_sign: |t| t.resign_ca("ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Healthy, Renew::Refuses("CA `ca`: it is not a CA certificate");
    ca_signed_with_sha1: |t| t.resign_ca("ca", CA, &["-sha1"])
        => Refuses("CA `ca`: "), Healthy, Renew::Refuses("CA `ca`: ");
    /// Go and OpenSSL accept no chain through such a CA.
    ca_with_unknown_critical_extension: |t| t.resign_ca("ca", &format!("{CA}1.2.3.4=critical,ASN1:UTF8String:x\n"), &[])
        => Refuses("CA `ca`: "), Healthy, Renew::Refuses("CA `ca`: ");
    ca_whose_constraints_exclude_our_names: |t| t.resign_ca("ca", &format!("{CA}nameConstraints=critical,excluded;DNS:kubernetes\n"), &[])
        => Refuses("`admin.conf`: it trusts another CA"), Healthy, Renew::Refuses("onstraint");
    ca_of_another_family_as_certificate: |t| t.copy("pki/etcd/ca.crt", "pki/ca.crt")
        => Refuses("CA `ca`: it is the CA `etcd-ca`"), Healthy, Renew::Refuses("CA `ca`: it is the CA `etcd-ca`");
    /// kubeadm's own CAs had the serial number 0 for years.
    ca_of_another_date_and_serial_zero: |t| t.resign_ca("ca", CA, &["-set_serial", "0"])
        => Refuses("`admin.conf`: it trusts another CA"), Healthy, Heals("admin.conf");
    ca_with_path_length_zero: |t| t.resign_ca("ca", &CA.replace("TRUE", "TRUE,pathlen:0"), &[])
        => Refuses("`admin.conf`: it trusts another CA"), Healthy, Heals("admin.conf");
    ca_with_a_second_one_behind_it: |t| t.append("pki/etcd/ca.crt", "pki/ca.crt") => Keeps, Healthy, Heals("admin.conf");
    both_files_of_two_cas_exchanged: |t| {
        for extension in ["crt", "key"] {
            let [one, other] = ["ca", "front-proxy-ca"].map(|name| format!("pki/{name}.{extension}"));
            let bytes = t.read(&one);
            t.copy(&other, &one);
            t.write(&other, bytes);
        }
    } => Refuses("`apiserver`: it is not signed by its CA"), Healthy, Renew::Refuses("front-proxy-ca");
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
        refused.stderr.contains("run `pki renew apiserver`"),
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
            assert_eq!(run.code, Some(3), "{run}");
            assert!(run.stderr.contains(reason), "{run}");
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
    let run = specimen.pki(&["renew", "all"]);
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
