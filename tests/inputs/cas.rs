//! CAs that must not sign, and unusual ones that may.

use x509_cert::der::Tag;

use super::{certificates::STEERS, judged};
use crate::support::{
    CA,
    End::{NotAfter, NotBefore},
    NOW, days, utc_time,
};

judged! {
    ca_no_bytes: |t| t.write("pki/ca.crt", "") => ["ca: file.invalid: `pki/ca.crt`: the file is empty", "init refuses", "renew all fails for all of ca"];
    ca_cut_in_the_middle: |t| t.edit("pki/etcd/ca.crt", |text| text[..text.len() / 2].to_owned()) => ["etcd-ca: file.invalid: `pki/etcd/ca.crt`: malformed PEM: a block has no END line: the file is truncated", "init refuses", "renew all fails for all of etcd-ca"];
    ca_der: |t| { t.openssl(&["x509", "-in", "pki/ca.crt", "-outform", "der", "-out", "pki/ca.crt"]); } => ["ca: file.invalid: `pki/ca.crt`: the file is DER, want PEM (`openssl x509 -inform der` converts it)", "init refuses", "renew all fails for all of ca"];
    ca_with_its_private_key: |t| t.append("pki/ca.key", "pki/ca.crt") => ["ca: file.private-key-exposed", "init refuses", "renew all fails for all of ca"];
    ca_after_a_byte_order_mark: |t| t.edit("pki/ca.crt", |text| format!("\u{feff}{text}")) => ["ca: file.invalid: `pki/ca.crt`: malformed PEM: an END line has no BEGIN line before it", "init refuses", "renew all fails for all of ca"];
    ca_of_one_hundred_mebibytes: |t| t.write_zeroes("pki/ca.crt", 100 << 20) => ["ca: file.unreadable: reading `pki/ca.crt`: it has 104857600 bytes, the limit is 1048576", "init refuses", "renew all fails for all of ca"];
    ca_with_text_around_it: |t| t.edit("pki/ca.crt", |text| format!("# the CA\r\n{}\r\n# of 2019", text.replace('\n', "\r\n"))) => [];
    ca_missing_beside_its_key: |t| t.remove("pki/etcd/ca.crt") => ["etcd-ca: ca.certificate-missing", "init refuses", "renew all fails for all of etcd-ca"];
    ca_without_basic_constraints: |t| t.resign_ca("ca", "keyUsage=critical,keyCertSign\n", &[]) => ["ca: ca.not-a-ca", "init refuses", "renew all fails for all of ca"];
    ca_with_basic_constraints_not_critical: |t| t.resign_ca("ca", "basicConstraints=CA:TRUE\nkeyUsage=critical,keyCertSign\n", &[]) => ["ca: ca.basic-constraints-not-critical"];
    ca_that_says_it_is_none: |t| t.resign_ca("ca", "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,keyCertSign\n", &[]) => ["ca: ca.not-a-ca", "init refuses", "renew all fails for all of ca"];
    /// The form that `openssl req -x509` makes, which older guides use for CAs.
    ca_without_key_usage: |t| t.resign_ca("ca", "basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n", &[]) => ["ca: ca.without-key-usage"];
    ca_that_may_not_sign: |t| t.resign_ca("ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n", &[]) => ["ca: ca.not-a-ca", "init refuses", "renew all fails for all of ca"];
    ca_of_version_1: |t| t.resign_ca("ca", "", &[]) => ["ca: ca.not-a-ca", "init refuses", "renew all fails for all of ca"];
    ca_that_is_a_leaf: |t| for extension in ["crt", "key"] { t.copy(&format!("pki/etcd/server.{extension}"), &format!("pki/front-proxy-ca.{extension}")); } => ["front-proxy-ca: ca.not-a-ca", "init refuses", "renew all fails for front-proxy-client"];
    ca_signed_with_sha1: |t| t.resign_ca("ca", CA, &["-md", "sha1"]) => ["ca: ca.weak-signature", "admin.conf: kubeconfig.own-ca-not-first", "super-admin.conf: kubeconfig.own-ca-not-first", "kubelet.conf: kubeconfig.own-ca-not-first", "controller-manager.conf: kubeconfig.own-ca-not-first", "scheduler.conf: kubeconfig.own-ca-not-first"];
    ca_signed_with_md5: |t| {
        t.openssl(&["genrsa", "-out", "pki/ca.key", "2048"]);
        t.resign_ca("ca", CA, &["-md", "md5"]);
    } => ["ca: ca.replaced", "init refuses"];
    ca_signed_with_sha512: |t| t.resign_ca("ca", CA, &["-md", "sha512"]) => [];
    ca_with_a_damaged_signature: |t| t.damage_signature("pki/etcd/ca.crt") => ["etcd-ca: ca.damaged", "init refuses", "renew all fails for all of etcd-ca"];
    /// Go and OpenSSL accept no chain through such a CA.
    ca_with_unknown_critical_extension: |t| t.resign_ca("ca", &format!("{CA}1.2.3.4=critical,ASN1:UTF8String:x\n"), &[]) => ["ca: ca.unknown-critical-extension", "init refuses", "renew all fails for all of ca"];
    ca_whose_constraints_exclude_our_names: |t| t.resign_ca("ca", &format!("{CA}nameConstraints=critical,excluded;DNS:kubernetes\n"), &[]) => ["apiserver: certificate.name-constraints", "init refuses", "renew all fails for apiserver"];
    ca_whose_constraints_permit_other_names_only: |t| t.resign_ca("ca", &format!("{CA}nameConstraints=critical,permitted;DNS:example.org\n"), &[]) => ["apiserver: certificate.name-constraints", "init refuses", "renew all fails for apiserver"];
    ca_whose_constraints_permit_our_names: |t| t.resign_ca("ca", &format!(
        "{CA}nameConstraints=critical,permitted;IP:0.0.0.0/0.0.0.0,permitted;IP:::/::,permitted;DNS:kubernetes,permitted;DNS:cp-1,\
         permitted;DNS:default,permitted;DNS:svc,permitted;DNS:example.net\n"
    ), &[]) => [];
    /// Go applies the usages of a CA to all leaves below it; RFC 5280 defines them only for leaves.
    ca_whose_usages_are_a_clients: |t| t.resign_ca("ca", &format!("{CA}extendedKeyUsage=clientAuth\n"), &[]) => ["apiserver: certificate.ca-usage-missing", "init refuses", "renew all fails for apiserver"];
    ca_whose_usages_are_ours: |t| t.resign_ca("ca", &format!("{CA}extendedKeyUsage=serverAuth,clientAuth\n"), &[]) => [];
    ca_of_another_family_as_certificate: |t| t.copy("pki/etcd/ca.crt", "pki/ca.crt") => ["ca: ca.key-mismatch", "init refuses", "renew all fails for all of ca"];
    ca_of_another_cluster: |t| {
        t.make_ca("other", "/CN=kubernetes", CA);
        for extension in ["crt", "key"] {
            t.write(&format!("pki/ca.{extension}"), std::fs::read(t.root().join(format!("other.{extension}"))).unwrap());
        }
    } => ["ca: ca.replaced", "init refuses"];
    /// kubeadm's own CAs had the serial number 0 for years.
    ca_of_another_date_and_serial_zero: |t| { t.resign_ca("ca", CA, &[]); t.forge("pki/ca.crt", "ca", |tbs| tbs.set_serial(&[0])); } => [];
    ca_with_path_length_zero: |t| t.resign_ca("ca", &CA.replace("TRUE", "TRUE,pathlen:0"), &[]) => [];
    /// As kubeadm's were before 1.20.
    ca_without_key_identifier: |t| t.resign_ca("ca", &CA.replace("subjectKeyIdentifier=hash\n", "subjectKeyIdentifier=none\n"), &[]) => [];
    ca_that_has_expired: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "200101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "210101000000Z");
    }) => ["front-proxy-ca: ca.expired", "front-proxy-client: certificate.outlives-ca", "init refuses", "renew all fails for front-proxy-client"];
    ca_that_is_not_valid_yet: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| {
        tbs.set_time(NotBefore, Tag::UtcTime, "480101000000Z");
        tbs.set_time(NotAfter, Tag::UtcTime, "490101000000Z");
    }) => ["front-proxy-ca: ca.not-yet-valid", "init refuses", "renew all fails for front-proxy-client"];
    ca_that_expires_soon: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| tbs.set_time(NotAfter, Tag::UtcTime, &utc_time(NOW + days(20)))) => ["front-proxy-client: certificate.outlives-ca"];
    ca_that_ends_in_9999: |t| t.forge("pki/front-proxy-ca.crt", "front-proxy-ca", |tbs| tbs.set_time(NotAfter, Tag::GeneralizedTime, "99991231235959Z")) => [];
    ca_whose_subject_with_control_characters: |t| {
        t.make_ca("other", &format!("/O={STEERS}/CN=kubernetes"), CA);
        let other = std::fs::read_to_string(t.root().join("other.crt")).unwrap();
        t.edit("pki/ca.crt", |text| text + &other);
    } => [];
    both_files_of_two_cas_exchanged: |t| {
        for extension in ["crt", "key"] {
            let [one, other] = ["ca", "front-proxy-ca"].map(|name| format!("pki/{name}.{extension}"));
            let bytes = t.read(&one);
            t.copy(&other, &one);
            t.write(&other, bytes);
        }
    } => ["ca: ca.exchanged", "front-proxy-ca: ca.exchanged", "init refuses", "renew all fails for all of ca, front-proxy-client"];
}
