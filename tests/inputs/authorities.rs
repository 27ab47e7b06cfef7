//! CAs that must not sign, and some that may. Nothing is signed by one that must not, and nothing is written.

use x509_cert::der::Tag;

use super::{
    Check::{Attention, AttentionAll, Due, Healthy, Shows},
    Init::{Keeps, KeepsSaying, Refuses},
    Renew::{self, Heals, HealsForNow, LeavesOut},
    cases,
    certificates::{CA, STEERS, in_days},
    forge::End::{NotAfter, NotBefore},
};

cases! {
    ca_no_bytes: |t| t.write("pki/ca.crt", "")
        => Refuses("ca.crt`: the file is empty"), Shows("ca"), Renew::Stops("ca", "ca.crt`: the file is empty");
    ca_cut_in_the_middle: |t| t.edit("pki/etcd/ca.crt", |text| text[..text.len() / 2].to_owned())
        => Refuses("etcd/ca.crt`: malformed PEM"), Shows("etcd-ca"), Renew::Stops("etcd-ca", "etcd/ca.crt`: malformed PEM");
    ca_der: |t| { t.openssl(&["x509", "-in", "pki/ca.crt", "-outform", "der", "-out", "pki/ca.crt"], ""); }
        => Refuses("ca.crt`: the file is DER"), Shows("ca"), Renew::Stops("ca", "ca.crt`: the file is DER");
    ca_with_its_private_key: |t| t.append("pki/ca.key", "pki/ca.crt")
        => Refuses("ca.crt`: there is a private key"), Shows("ca"), Renew::Stops("ca", "ca.crt`: there is a private key");
    ca_after_a_byte_order_mark: |t| t.edit("pki/ca.crt", |text| format!("\u{feff}{text}"))
        => Refuses("ca.crt`: "), Shows("ca"), Renew::Stops("ca", "ca.crt`: ");
    ca_of_one_hundred_mebibytes: |t| std::fs::File::create(t.path("pki/ca.crt")).unwrap().set_len(100 << 20).unwrap()
        => Refuses("ca.crt`: it has 104857600 bytes"), Shows("ca"), Renew::Stops("ca", "104857600 bytes");
    ca_with_text_around_it: |t| t.edit("pki/ca.crt", |text| format!("# the CA\r\n{}\r\n# of 2019", text.replace('\n', "\r\n")))
        => Keeps, Healthy, Heals("apiserver");
    ca_missing_beside_its_key: |t| t.remove("pki/etcd/ca.crt")
        => Refuses("CA `etcd-ca`: its key is there and its certificate is not"), Shows("etcd-ca"),
           Renew::Stops("etcd-ca", "CA `etcd-ca`: its key is there and its certificate is not");
    ca_without_basic_constraints: |t| t.resign_ca("ca", "keyUsage=critical,keyCertSign\n", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Attention("ca", "it is not a CA certificate"), Renew::Stops("ca", "CA `ca`: it is not a CA certificate");
    ca_with_basic_constraints_not_critical: |t| t.resign_ca("ca", "basicConstraints=CA:TRUE\nkeyUsage=critical,keyCertSign\n", &[])
        => KeepsSaying("its basicConstraints are not marked critical"), Healthy, Heals("apiserver");
    ca_that_says_it_is_none: |t| t.resign_ca("ca", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign\n", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Attention("ca", "it is not a CA certificate"), Renew::Stops("ca", "CA `ca`: it is not a CA certificate");
    /// As `openssl req -x509` makes it, by which older guides have CAs made.
    ca_without_key_usage: |t| t.resign_ca("ca", "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n", &[]) => KeepsSaying("it has no keyUsage"), Healthy, Heals("apiserver");
    ca_that_may_not_sign: |t| t.resign_ca("ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Attention("ca", "it is not a CA certificate"), Renew::Stops("ca", "CA `ca`: it is not a CA certificate");
    ca_of_version_1: |t| t.resign_ca("ca", "", &[])
        => Refuses("CA `ca`: it is not a CA certificate"), Attention("ca", "it is not a CA certificate"), Renew::Stops("ca", "CA `ca`: it is not a CA certificate");
    ca_that_is_a_leaf: |t| for extension in ["crt", "key"] { t.copy(&format!("pki/etcd/server.{extension}"), &format!("pki/front-proxy-ca.{extension}")); }
        => Refuses("CA `front-proxy-ca`: it is not a CA certificate"), Attention("front-proxy-ca", "it is not a CA certificate"), Renew::Stops("front-proxy-ca", "CA `front-proxy-ca`: it is not a CA certificate");
    ca_signed_with_sha1: |t| t.resign_ca("ca", CA, &["-sha1"])
        => Refuses("CA `ca`: it is signed with an algorithm"), Attention("ca", "it is signed with an algorithm"), Renew::Stops("ca", "CA `ca`: it is signed with an algorithm");
    ca_signed_with_md5: |t| {
        t.openssl(&["genrsa", "-out", "pki/ca.key", "2048"], "");
        t.resign_ca("ca", CA, &["-md5"]);
    } => Refuses("CA `ca`: it is signed with an algorithm"), Attention("ca", "sign"), Renew::Stops("ca", "CA `ca`: it is signed with an algorithm");
    ca_signed_with_sha512: |t| t.resign_ca("ca", CA, &["-sha512"]) => Keeps, Healthy, Heals("admin.conf");
    ca_with_a_spoiled_signature: |t| t.spoil_signature("pki/etcd/ca.crt")
        => Refuses("CA `etcd-ca`: its own signature does not verify"), Attention("etcd-ca", "its own signature does not verify"),
           Renew::Stops("etcd-ca", "CA `etcd-ca`: its own signature does not verify");
    /// Go and OpenSSL accept no chain through such a CA.
    ca_with_unknown_critical_extension: |t| t.resign_ca("ca", &format!("{CA}1.2.3.4=critical,ASN1:UTF8String:x\n"), &[])
        => Refuses("CA `ca`: it has a critical extension"), Attention("ca", "it has a critical extension"), Renew::Stops("ca", "CA `ca`: it has a critical extension");
    ca_whose_constraints_exclude_our_names: |t| t.resign_ca("ca", &format!("{CA}nameConstraints=critical,excluded;DNS:kubernetes\n"), &[])
        => Refuses("name constraints"), Attention("apiserver", "name constraints"), LeavesOut("apiserver", "name constraints");
    ca_whose_constraints_permit_other_names_only: |t| t.resign_ca("ca", &format!("{CA}nameConstraints=critical,permitted;DNS:example.org\n"), &[])
        => Refuses("name constraints"), Attention("apiserver", "name constraints"), LeavesOut("apiserver", "name constraints");
    ca_whose_constraints_permit_our_names: |t| t.resign_ca("ca", &format!(
        "{CA}nameConstraints=critical,permitted;IP:0.0.0.0/0.0.0.0,permitted;IP:::/::,permitted;DNS:kubernetes,permitted;DNS:cp-1,\
         permitted;DNS:default,permitted;DNS:svc,permitted;DNS:example.net\n"
    ), &[]) => Keeps, Healthy, Heals("admin.conf");
    /// Go holds a CA's usages against every leaf below it (RFC 5280 knows them for leaves only).
    ca_whose_usages_are_a_clients: |t| t.resign_ca("ca", &format!("{CA}extendedKeyUsage=clientAuth\n"), &[])
        => Refuses("usage"), Attention("apiserver", "usage"), LeavesOut("apiserver", "usage");
    ca_whose_usages_are_ours: |t| t.resign_ca("ca", &format!("{CA}extendedKeyUsage=serverAuth,clientAuth\n"), &[])
        => Keeps, Healthy, Heals("admin.conf");
    ca_of_another_family_as_certificate: |t| t.copy("pki/etcd/ca.crt", "pki/ca.crt")
        => Refuses("CA `ca`: it is the CA `etcd-ca`"), Attention("ca", "it is the CA `etcd-ca`"), Renew::Stops("ca", "CA `ca`: it is the CA `etcd-ca`");
    ca_of_another_cluster: |t| {
        t.make_ca("other", "/CN=kubernetes", CA);
        for extension in ["crt", "key"] {
            t.write(&format!("pki/ca.{extension}"), std::fs::read(t.folder().join(format!("other.{extension}"))).unwrap());
        }
    } => Refuses("CA `ca`: it did not sign any of the certificates"), Attention("ca", "it did not sign any of the certificates"), Heals("apiserver");
    /// kubeadm's own CAs had the serial number 0 for years.
    ca_of_another_date_and_serial_zero: |t| t.resign_ca("ca", CA, &["-set_serial", "0"])
        => KeepsSaying("its serial number is zero"), Healthy, Heals("admin.conf");
    ca_with_path_length_zero: |t| t.resign_ca("ca", &CA.replace("TRUE", "TRUE,pathlen:0"), &[])
        => Keeps, Healthy, Heals("admin.conf");
    /// As kubeadm's were before 1.20.
    ca_without_key_identifier: |t| t.resign_ca("ca", &CA.replace("subjectKeyIdentifier=hash\n", "subjectKeyIdentifier=none\n"), &[])
        => Keeps, Healthy, Heals("admin.conf");
    ca_that_has_expired: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, "210101000000Z"))
        => Refuses("CA `front-proxy-ca`: it expired on 2021-01-01"), Attention("front-proxy-ca", "expired"),
           Renew::Stops("front-proxy-ca", "CA `front-proxy-ca`: it expired on 2021-01-01");
    ca_that_is_not_valid_yet: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| tbs.set_time(NotBefore, Tag::UtcTime, "480101000000Z"))
        => Refuses("CA `front-proxy-ca`: it is not valid before 2048-01-01"), Attention("front-proxy-ca", "is not valid before 2048-01-01"),
           Renew::Stops("front-proxy-ca", "CA `front-proxy-ca`: it is not valid before 2048-01-01");
    ca_that_expires_soon: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, &in_days(20)))
        => Keeps, Due("front-proxy-ca"), HealsForNow("front-proxy-client");
    ca_that_ends_in_9999: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| tbs.set_time(NotAfter, Tag::GeneralizedTime, "99991231235959Z"))
        => Keeps, Healthy, Heals("front-proxy-client");
    ca_whose_subject_steers_the_terminal: |t| {
        t.make_ca("other", &format!("/O={STEERS}/CN=kubernetes"), CA);
        let other = std::fs::read_to_string(t.folder().join("other.crt")).unwrap();
        t.edit("pki/ca.crt", |text| text + &other);
    } => Keeps, Healthy, Heals("admin.conf");
    both_files_of_two_cas_exchanged: |t| {
        for extension in ["crt", "key"] {
            let [one, other] = ["ca", "front-proxy-ca"].map(|name| format!("pki/{name}.{extension}"));
            let bytes = t.read(&one);
            t.copy(&other, &one);
            t.write(&other, bytes);
        }
    } => Refuses("it is the CA `"), AttentionAll(&["ca", "front-proxy-ca"], "it is the CA `"), Renew::Lists(5, &["apiserver", "apiserver-kubelet-client", "front-proxy-client", "admin.conf", "super-admin.conf", "kubelet.conf", "controller-manager.conf", "scheduler.conf"], &[]);
}
