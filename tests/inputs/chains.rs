//! CAs that are not alone in their file, CAs below other CAs, and leaves that bring their chain.
//!
//! A CA's file is a set with one signer, which stands first.

use x509_cert::der::Tag;

use super::{
    Check::{Attention, Due, Healthy, Shows},
    Init::{Keeps, Refuses},
    Renew::{self, Heals, SkipsAll},
    cases,
    certificates::{CA, in_days},
    forge::{
        AUTHORITY_KEY_ID, COMMON_NAME,
        End::{NotAfter, NotBefore},
    },
    judge_check, judge_renewal,
    specimen::{OF_CA, OF_ETCD_CA, Specimen},
};
use crate::support::peer;

const CA_CRT: &str = "pki/ca.crt";
const CRT: &str = "pki/apiserver.crt";

const LEAF: &str = "extendedKeyUsage=serverAuth\nbasicConstraints=critical,CA:FALSE\n";

/// Where openssl finds a file beside the tree.
fn beside(name: &str) -> String {
    format!("../../{name}")
}

/// Makes a CA beside the tree and returns its certificate.
fn other_ca(t: &Specimen, name: &str, subject: &str) -> String {
    t.make_ca(name, subject, CA);
    read(t, name)
}

fn read(t: &Specimen, name: &str) -> String {
    std::fs::read_to_string(t.folder().join(format!("{name}.crt"))).unwrap()
}

/// Returns a certificate for a key, signed by a CA beside the tree.
fn signed_by(t: &Specimen, ca: &str, key: &str, subject: &str, extensions: &str) -> String {
    let [crt, ca_key] = ["crt", "key"].map(|extension| beside(&format!("{ca}.{extension}")));
    let options = ["-days", "2000", "-CA", &crt, "-CAkey", &ca_key];
    t.certify(key, subject, extensions, &options)
}

/// Makes the cluster's CA one below a root, and has every kubeconfig trust it; key and name stay.
fn intermediate(t: &Specimen) {
    other_ca(t, "root", "/CN=root");
    t.write(
        CA_CRT,
        signed_by(t, "root", "pki/ca.key", "/CN=kubernetes", CA),
    );
    t.embed_ca();
}

/// Changes the intermediate, and has the root sign it again.
fn forge_intermediate(t: &Specimen, change: impl FnOnce(&mut super::forge::Tbs)) {
    intermediate(t);
    // A path from the folder of certificates.
    t.forge(CA_CRT, "../../../root", change);
    t.embed_ca();
}

/// Puts further certificates behind the one of the cluster's CA.
fn behind(t: &Specimen, further: &str) {
    t.edit(CA_CRT, |text| text + further);
}

/// Has an intermediate that is not in the tree sign the API server's certificate; the cluster's CA is its root.
fn through_an_intermediate(t: &Specimen, extensions: &str) {
    t.openssl(
        &[
            "ecparam",
            "-name",
            "prime256v1",
            "-genkey",
            "-noout",
            "-out",
            &beside("middle.key"),
        ],
        "",
    );
    let options = ["-days", "2000", "-CA", CA_CRT, "-CAkey", "pki/ca.key"];
    let middle = t.certify(&beside("middle.key"), "/CN=middle", extensions, &options);
    std::fs::write(t.folder().join("middle.crt"), middle).unwrap();
    let leaf = t.apiserver_names() + LEAF;
    t.write(
        CRT,
        signed_by(
            t,
            "middle",
            "pki/apiserver.key",
            "/CN=kube-apiserver",
            &leaf,
        ),
    );
}

/// Puts certificates behind the API server's.
fn bring(t: &Specimen, certificates: &str) {
    t.edit(CRT, |text| text + certificates);
}

fn sign_by_former_ca(t: &Specimen) {
    other_ca(t, "former", "/CN=kubernetes");
    let leaf = t.apiserver_names() + LEAF;
    t.write(
        CRT,
        signed_by(
            t,
            "former",
            "pki/apiserver.key",
            "/CN=kube-apiserver",
            &leaf,
        ),
    );
}

cases! {
    // Several CAs in one file.
    another_behind_it: |t| behind(t, &t.text("pki/etcd/ca.crt")) => Keeps, Healthy, Heals("admin.conf");
    another_of_its_name_behind_it: |t| behind(t, &other_ca(t, "former", "/CN=kubernetes")) => Keeps, Healthy, Heals("admin.conf");
    itself_behind_it: |t| behind(t, &t.text(CA_CRT)) => Keeps, Healthy, Heals("admin.conf");
    fifty_others_behind_it: |t| behind(t, &other_ca(t, "former", "/CN=kubernetes").repeat(50)) => Keeps, Healthy, Heals("admin.conf");
    hundreds_of_copies_of_one_below_others_behind_it: |t| {
        for number in 0..6 {
            t.openssl(&["ecparam", "-name", "secp521r1", "-genkey", "-noout", "-out", &beside(&format!("root-{number}.key"))], "");
            let key = beside(&format!("root-{number}.key"));
            let root = t.certify(&key, "/CN=root", CA, &["-days", "3000", "-signkey", &key]);
            std::fs::write(t.folder().join(format!("root-{number}.crt")), &root).unwrap();
            behind(t, &root);
        }
        let middle = signed_by(t, "root-5", "pki/apiserver.key", "/CN=middle", &format!("{CA}authorityKeyIdentifier=none\n"));
        behind(t, &middle.repeat(900));
    } => Keeps, Healthy, Heals("admin.conf");
    an_expired_one_behind_it: |t| {
        let other = other_ca(t, "former", "/CN=kubernetes");
        behind(t, &t.forged(&other, "../../../former", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "100101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
        }));
    } => Keeps, Healthy, Heals("admin.conf");
    one_of_the_future_behind_it: |t| {
        let other = other_ca(t, "next", "/CN=kubernetes");
        behind(t, &t.forged(&other, "../../../next", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "470101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "480101000000Z");
        }));
    } => Keeps, Healthy, Heals("admin.conf");
    one_with_a_weak_signature_behind_it: |t| {
        other_ca(t, "old", "/CN=kubernetes");
        let key = beside("old.key");
        behind(t, &t.certify(&key, "/CN=kubernetes", CA, &["-days", "3000", "-sha1", "-signkey", &key]));
    } => Keeps, Healthy, Heals("admin.conf");
    a_leaf_behind_it: |t| behind(t, &t.text(CRT)) => Keeps, Healthy, Heals("admin.conf");
    text_between_them: |t| behind(t, &format!("\n# the old one\n{}", other_ca(t, "former", "/CN=kubernetes"))) => Keeps, Healthy, Heals("admin.conf");
    another_before_it: |t| { let other = other_ca(t, "next", "/CN=kubernetes"); t.edit(CA_CRT, |text| other + &text); }
        => Refuses("put that one first"), Healthy, Renew::Stops("ca", "put that one first");
    a_leaf_before_it: |t| t.edit(CA_CRT, |text| t.text(CRT) + &text)
        => Refuses("CA `ca`: it is not a CA certificate"), Attention("ca", "it is not a CA certificate"), Renew::Stops("ca", "CA `ca`: it is not a CA certificate");
    half_of_another_behind_it: |t| { let other = other_ca(t, "former", "/CN=kubernetes"); behind(t, &other[..other.len() / 2]); }
        => Refuses("ca.crt`: malformed PEM"), Shows("ca"), Renew::Stops("ca", "ca.crt`: malformed PEM");
    a_malformed_one_behind_it: |t| behind(t, "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
        => Refuses("ca.crt`: certificate 2 is malformed"), Shows("ca"), Renew::Stops("ca", "ca.crt`: certificate 2 is malformed");
    a_private_key_behind_it: |t| behind(t, &t.text("pki/ca.key"))
        => Refuses("ca.crt`: there is a private key"), Shows("ca"), Renew::Stops("ca", "ca.crt`: there is a private key");
    /// Any of an external CA's certificates may be the one that signs: only its owner knows.
    another_before_an_external_one: |t| {
        let other = other_ca(t, "next", "/CN=kubernetes");
        t.edit(CA_CRT, |text| other + &text);
        t.remove("pki/ca.key");
    } => Keeps, Healthy, SkipsAll(OF_CA, "external");
    another_behind_the_etcd_ca: |t| t.append(CA_CRT, "pki/etcd/ca.crt") => Keeps, Healthy, Heals("etcd-server");
    another_before_the_etcd_ca: |t| t.edit("pki/etcd/ca.crt", |text| t.text(CA_CRT) + &text)
        => Refuses("CA `etcd-ca`: its key does not belong to it"), Healthy, Renew::Stops("etcd-ca", "CA `etcd-ca`: its key does not belong to it");
    another_behind_the_front_proxy_ca: |t| t.append(CA_CRT, "pki/front-proxy-ca.crt") => Keeps, Healthy, Heals("front-proxy-client");

    // A CA below another one.
    below_a_root_that_is_there: |t| { intermediate(t); behind(t, &read(t, "root")); } => Keeps, Healthy, Heals("apiserver");
    /// Kubernetes takes whatever is in the file for an anchor.
    below_a_root_that_is_not_there: intermediate => Keeps, Healthy, Heals("apiserver");
    below_a_root_that_stands_first: |t| { intermediate(t); t.edit(CA_CRT, |text| read(t, "root") + &text); }
        => Refuses("put that one first"), Healthy, Renew::Stops("ca", "put that one first");
    below_a_root_that_has_expired: |t| {
        intermediate(t);
        behind(t, &t.forged(&read(t, "root"), "../../../root", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "100101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
        }));
    } => Keeps, Healthy, Heals("apiserver");
    below_another_root_than_the_one_that_is_there: |t| { intermediate(t); behind(t, &other_ca(t, "stranger", "/CN=root")); }
        => Refuses("CA `ca`: its signature is not that of its issuer, `CN=root`"), Attention("ca", "its signature is not that of its issuer"),
           Renew::Stops("ca", "CA `ca`: its signature is not that of its issuer");
    below_a_root_that_a_kubeconfig_trusts: |t| {
        intermediate(t);
        bring(t, &t.text(CA_CRT));
        t.embed("admin.conf", "certificate-authority-data", read(t, "root"));
    } => Keeps, Healthy, Heals("admin.conf");
    below_one_of_two_roots_of_that_name: |t| {
        intermediate(t);
        let root = read(t, "root");
        behind(t, &(other_ca(t, "stranger", "/CN=root") + &root));
        t.embed_ca();
    } => Keeps, Healthy, Heals("apiserver");
    below_a_root_two_levels_up: |t| {
        other_ca(t, "root", "/CN=root");
        t.make_ca("middle", "/CN=middle", CA);
        let middle = signed_by(t, "root", &beside("middle.key"), "/CN=middle", CA);
        std::fs::write(t.folder().join("middle.crt"), middle).unwrap();
        t.write(CA_CRT, signed_by(t, "middle", "pki/ca.key", "/CN=kubernetes", CA));
        t.embed_ca();
        behind(t, &(read(t, "middle") + &read(t, "root")));
    } => Keeps, Healthy, Heals("apiserver");
    below_a_root_and_signed_with_sha1: |t| {
        intermediate(t);
        let [crt, key] = ["crt", "key"].map(|extension| beside(&format!("root.{extension}")));
        t.write(CA_CRT, t.certify("pki/ca.key", "/CN=kubernetes", CA, &["-days", "2000", "-sha1", "-CA", &crt, "-CAkey", &key]));
        t.embed_ca();
    } => Refuses("CA `ca`: it is signed with an algorithm"), Attention("ca", "it is signed with an algorithm"),
         Renew::Stops("ca", "CA `ca`: it is signed with an algorithm");
    below_a_root_and_no_ca: |t| {
        intermediate(t);
        t.write(CA_CRT, signed_by(t, "root", "pki/ca.key", "/CN=kubernetes", "basicConstraints=critical,CA:FALSE\n"));
        t.embed_ca();
    } => Refuses("CA `ca`: it is not a CA certificate"), Attention("ca", "it is not a CA certificate"), Renew::Stops("ca", "CA `ca`: it is not a CA certificate");
    below_a_root_that_did_not_sign_it: |t| {
        intermediate(t);
        behind(t, &read(t, "root"));
        t.spoil_signature(CA_CRT);
        t.embed_ca();
    } => Refuses("CA `ca`: its signature is not that of its issuer, `CN=root`"), Attention("ca", "its signature is not that of its issuer"),
         Renew::Stops("ca", "CA `ca`: its signature is not that of its issuer");
    below_a_root_that_is_not_behind_it_without_naming_its_key: |t| {
        forge_intermediate(t, |tbs| tbs.remove_extension(AUTHORITY_KEY_ID));
    } => Refuses("CA `ca`: nothing shows that it is undamaged"), Attention("ca", "nothing shows that it is undamaged"),
         Renew::Stops("ca", "CA `ca`: nothing shows that it is undamaged");
    below_a_root_named_by_its_serial_number: |t| {
        // AuthorityKeyIdentifier (RFC 5280 section 4.2.1.1) with the name of the issuer's issuer and the issuer's serial number.
        let name = b"\x30\x0f\x31\x0d\x30\x0b\x06\x03\x55\x04\x03\x0c\x04root";
        let id = [&[0x30, 0x18, 0xa1, 0x13, 0xa4, 0x11][..], name, &[0x82, 0x01, 0x07]].concat();
        forge_intermediate(t, |tbs| tbs.set_extension(AUTHORITY_KEY_ID, &id));
    } => Keeps, Healthy, Heals("apiserver");
    beside_one_below_a_ca_elsewhere: |t| {
        other_ca(t, "company", "/CN=company");
        let key = beside("company.key");
        let middle = t.certify(&key, "/CN=unit", &format!("{CA}authorityKeyIdentifier=none\n"), &["-days", "3000", "-CA", &beside("company.crt"), "-CAkey", &key]);
        behind(t, &middle);
    } => Keeps, Healthy, Heals("admin.conf");
    ends_long_ago_and_is_not_needed: |t| {
        other_ca(t, "old", "/CN=old");
        let crossed = signed_by(t, "old", "pki/ca.key", "/CN=kubernetes", CA);
        through_an_intermediate(t, CA);
        bring(t, &(read(t, "middle") + &t.forged(&crossed, "../../../old", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "210101000000Z"))));
    } => Keeps, Healthy, Heals("apiserver");
    ends_before_its_leaf: |t| {
        through_an_intermediate(t, CA);
        let middle = std::fs::read_to_string(t.folder().join("middle.crt")).unwrap();
        bring(t, &t.forged(&middle, "ca", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, &in_days(20))));
    } => Keeps, Due("apiserver"), Heals("apiserver");
    below_a_root_without_naming_its_key: |t| {
        forge_intermediate(t, |tbs| tbs.remove_extension(AUTHORITY_KEY_ID));
        behind(t, &read(t, "root"));
        t.embed_ca();
    } => Keeps, Healthy, Heals("apiserver");
    below_a_root_and_expired: |t| forge_intermediate(t, |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    }) => Refuses("CA `ca`: it expired on 2020-01-01"), Attention("ca", "expired"), Renew::Stops("ca", "CA `ca`: it expired on 2020-01-01");
    below_a_root_and_of_another_name: |t| forge_intermediate(t, |tbs| tbs.set_subject(&[(COMMON_NAME, Tag::PrintableString, b"issuing-1")]))
        => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any"), Heals("apiserver");
    below_a_root_that_is_external: |t| { intermediate(t); behind(t, &read(t, "root")); t.remove("pki/ca.key"); }
        => Keeps, Healthy, SkipsAll(OF_CA, "external");
    below_the_cluster_ca: |t| {
        let options = ["-days", "2000", "-CA", CA_CRT, "-CAkey", "pki/ca.key"];
        t.write("pki/etcd/ca.crt", t.certify("pki/etcd/ca.key", "/CN=etcd-ca", CA, &options));
    } => Keeps, Healthy, Heals("etcd-server");

    // A leaf that brings its chain.
    with_its_ca: |t| bring(t, &t.text(CA_CRT)) => Keeps, Healthy, Heals("apiserver");
    with_another_ca: |t| bring(t, &t.text("pki/etcd/ca.crt")) => Keeps, Healthy, Heals("apiserver");
    with_its_ca_and_the_root: |t| { intermediate(t); bring(t, &(t.text(CA_CRT) + &read(t, "root"))); behind(t, &read(t, "root")); }
        => Keeps, Healthy, Heals("apiserver");
    with_the_root_before_its_ca: |t| { intermediate(t); bring(t, &(read(t, "root") + &t.text(CA_CRT))); behind(t, &read(t, "root")); }
        => Keeps, Healthy, Heals("apiserver");
    below_an_intermediate_that_it_brings: |t| { through_an_intermediate(t, CA); bring(t, &read(t, "middle")); } => Keeps, Healthy, Heals("apiserver");
    below_an_intermediate_that_it_brings_last: |t| { through_an_intermediate(t, CA); bring(t, &(t.text("pki/etcd/ca.crt") + &read(t, "middle"))); }
        => Keeps, Healthy, Heals("apiserver");
    below_an_intermediate_that_it_does_not_bring: |t| through_an_intermediate(t, CA)
        => Refuses("`apiserver`: it is not signed by its CA"), Attention("apiserver", "it is not signed by its CA"), Heals("apiserver");
    below_an_intermediate_that_is_no_ca: |t| { through_an_intermediate(t, LEAF); bring(t, &read(t, "middle")); }
        => Refuses("`apiserver`: "), Attention("apiserver", ""), Heals("apiserver");
    below_an_intermediate_that_may_not_sign: |t| {
        through_an_intermediate(t, &CA.replace("keyCertSign,", ""));
        bring(t, &read(t, "middle"));
    } => Refuses("`apiserver`: "), Attention("apiserver", ""), Heals("apiserver");
    below_an_intermediate_that_has_expired: |t| {
        through_an_intermediate(t, CA);
        bring(t, &t.forged(&read(t, "middle"), "ca", |tbs| {
            tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
            tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
        }));
    } => Refuses("`apiserver`: "), Attention("apiserver", ""), Heals("apiserver");
    below_an_intermediate_too_many: |t| {
        t.resign_ca("ca", &CA.replace("TRUE", "TRUE,pathlen:0"), &[]);
        t.embed_ca();
        through_an_intermediate(t, CA);
        bring(t, &read(t, "middle"));
    } => Refuses("`apiserver`: "), Attention("apiserver", ""), Heals("apiserver");
    with_a_thousand_cas_that_did_not_sign_it: |t| { sign_by_former_ca(t); bring(t, &t.text(CA_CRT).repeat(1000)); }
        => Refuses("`apiserver`: "), Attention("apiserver", ""), Heals("apiserver");
    with_cas_that_sign_each_other: |t| {
        sign_by_former_ca(t);
        other_ca(t, "one", "/CN=one");
        let former = signed_by(t, "one", &beside("former.key"), "/CN=kubernetes", CA);
        let one = signed_by(t, "former", &beside("one.key"), "/CN=one", CA);
        bring(t, &(former + &one).repeat(20));
    } => Refuses("`apiserver`: "), Attention("apiserver", ""), Heals("apiserver");
    with_half_of_its_ca: |t| { let ca = t.text(CA_CRT); bring(t, &ca[..ca.len() / 2]); }
        => Refuses("apiserver.crt`: malformed PEM"), Shows("apiserver"), Heals("apiserver");
    etcds_with_its_ca: |t| t.append("pki/etcd/ca.crt", "pki/etcd/server.crt") => Keeps, Healthy, Heals(OF_ETCD_CA[0]);
}

fn count(pem: impl AsRef<[u8]>) -> usize {
    String::from_utf8_lossy(pem.as_ref())
        .matches("BEGIN CERTIFICATE")
        .count()
}

/// A server that sends its intermediates goes on doing so, and one whose intermediates lead nowhere any more does not.
#[test]
fn what_lies_behind_a_leaf_is_kept_if_it_still_leads_to_the_root() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    intermediate(&specimen);
    let chain = specimen.text(CA_CRT) + &read(&specimen, "root");
    behind(&specimen, &read(&specimen, "root"));
    bring(&specimen, &chain);
    let client = specimen.embedded("admin.conf", "client-certificate-data");
    let client = String::from_utf8(client).unwrap() + &chain;
    specimen.embed("admin.conf", "client-certificate-data", client);
    let run = specimen.pki(&["renew", "all"]).ok();
    let renewed = specimen.embedded("admin.conf", "client-certificate-data");
    for pem in [specimen.text(CRT), String::from_utf8(renewed).unwrap()] {
        assert!(pem.ends_with(&chain), "{run}");
        assert_eq!(count(&pem), 3, "{run}");
    }
    assert!(!(run.stdout + &run.stderr).contains("dropped"));
}

#[test]
fn what_lies_behind_a_leaf_and_leads_nowhere_any_more_is_dropped_and_said() {
    if peer("openssl").is_none() {
        return;
    }
    for chain in ["pki/etcd/ca.crt", "middle"] {
        let specimen = Specimen::new();
        match chain {
            "middle" => {
                through_an_intermediate(&specimen, CA);
                bring(&specimen, &read(&specimen, "middle"));
            }
            _ => bring(&specimen, &specimen.text(chain)),
        }
        let run = specimen.pki(&["renew", "apiserver"]).ok();
        assert_eq!(count(specimen.read(CRT)), 1, "{chain}: {run}");
        assert!(
            run.stderr.contains("`apiserver`: the CA signs it directly"),
            "{chain}: {run}"
        );
    }
}

/// The leaf has a year left: its own date in the message would send the operator to look in the wrong place.
#[test]
fn a_leaf_is_not_said_to_have_expired_when_its_intermediate_has() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    through_an_intermediate(&specimen, CA);
    let expired = specimen.forged(&read(&specimen, "middle"), "ca", |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "190101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "200101000000Z");
    });
    bring(&specimen, &expired);
    let run = specimen.pki(&["init"]);
    assert_eq!(run.code, Some(3), "{run}");
    let year = time::OffsetDateTime::now_utc().year();
    for future in year..year + 10 {
        assert!(
            !run.stderr.contains(&format!("expired on {future}")),
            "that is yet to come: {run}"
        );
    }
}

/// The CA's key is of another kind now; nothing is wrong with how the old leaf is signed.
#[test]
fn a_leaf_of_a_former_ca_is_not_said_to_be_weak() {
    if peer("openssl").is_none() {
        return;
    }
    let specimen = Specimen::new();
    specimen.openssl(&["genrsa", "-out", "pki/ca.key", "2048"], "");
    specimen.resign_ca("ca", CA, &[]);
    for command in ["init", "check-expiration"] {
        let run = specimen.pki(&[command]);
        assert!(run.stderr.contains("CA `ca`: it did not sign"), "{run}");
        assert!(
            !run.stderr.contains("SHA-1"),
            "it is signed with SHA-256: {run}"
        );
    }
}

/// What a renewal trusts for a kubeconfig is the whole file, the signer first.
#[test]
fn every_kubeconfig_gets_the_whole_set() {
    let specimen = Specimen::new();
    behind(&specimen, &specimen.text("pki/etcd/ca.crt"));
    specimen.pki(&["renew", "all"]).ok();
    for kubeconfig in super::specimen::KUBECONFIGS {
        let trusted = specimen.embedded(kubeconfig, "certificate-authority-data");
        assert!(trusted == specimen.read(CA_CRT), "{kubeconfig}");
    }
}

/// In the middle of a rotation the former CA of the same name is still in the file; CAs of old releases have no key identifier.
#[test]
fn a_leaf_of_the_former_ca_is_believed_while_that_is_trusted() {
    if peer("openssl").is_none() {
        return;
    }
    let spoil = |t: &Specimen| {
        let ca = CA.replace("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none");
        t.make_ca("former", "/CN=kubernetes", &ca);
        let leaf = t.apiserver_names() + LEAF + "authorityKeyIdentifier=none\n";
        t.write(
            CRT,
            signed_by(
                t,
                "former",
                "pki/apiserver.key",
                "/CN=kube-apiserver",
                &leaf,
            ),
        );
        behind(t, &read(t, "former"));
        t.embed_ca();
        // Nothing else says what it should be.
        std::fs::remove_dir_all(t.path(".pki")).unwrap();
    };
    judge_check(&spoil, Healthy);
    judge_renewal(&spoil, Heals("apiserver"));
}

/// Such a leaf names no key, so only its signature tells.
#[test]
fn a_damaged_leaf_of_a_ca_without_key_identifier_is_not_believed() {
    if peer("openssl").is_none() {
        return;
    }
    let spoil = |t: &Specimen| {
        let ca = CA.replace("subjectKeyIdentifier=hash", "subjectKeyIdentifier=none");
        t.resign_ca("ca", &ca, &[]);
        t.embed_ca();
        t.forge(CRT, "ca", |tbs| tbs.remove_extension(AUTHORITY_KEY_ID));
        t.spoil_signature(CRT);
        std::fs::remove_dir_all(t.path(".pki")).unwrap();
    };
    judge_check(&spoil, Attention("apiserver", "its signature is wrong"));
    judge_renewal(
        &spoil,
        Renew::LeavesOut("apiserver", "its signature is wrong"),
    );
}
