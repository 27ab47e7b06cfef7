//! Private keys that are not what they should be. `check-expiration` does not read them, and only sees whether they are there.

use super::{
    Check::{Healthy, Shows},
    Init::{Keeps, Refuses},
    Renew::{self, Besides, Heals},
    cases,
    specimen::Specimen,
};
use crate::support::peer;

const KEY: &str = "pki/apiserver.key";
const CA_KEY: &str = "pki/ca.key";

/// Passes a key through openssl, which may write it in another form.
fn convert(t: &Specimen, key: &str, arguments: &[&str]) {
    let new = t.folder().join("converted");
    let new = new.to_str().unwrap();
    t.openssl(&[arguments, &["-in", key, "-out", new]].concat(), "");
    t.write(key, std::fs::read(new).unwrap());
}

fn generate(t: &Specimen, key: &str, arguments: &[&str]) {
    let (program, options) = arguments.split_at(1);
    t.openssl(&[program, &["-out", key], options].concat(), "");
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
    no_bytes: |t| t.write(KEY, "") => Refuses("apiserver.key`: the file is empty"), Healthy, Heals("apiserver");
    missing_beside_its_certificate: |t| t.remove(KEY)
        => Refuses("`apiserver`: its certificate is there and its key is not"), Shows("apiserver"), Heals("apiserver");
    of_another_certificate: |t| t.copy("pki/etcd/server.key", KEY)
        => Refuses("`apiserver`: its key does not belong to it"), Healthy, Heals("apiserver");
    encrypted_pkcs8: |t| convert(t, KEY, &["pkey", "-aes256", "-passout", "pass:secret"])
        => Refuses("apiserver.key`: the key is encrypted"), Healthy, Heals("apiserver");
    encrypted_traditional: |t| convert(t, KEY, &["ec", "-aes256", "-passout", "pass:secret"])
        => Refuses("apiserver.key`: the key is encrypted"), Healthy, Heals("apiserver");
    its_public_half: |t| convert(t, KEY, &["pkey", "-pubout"])
        => Refuses("apiserver.key`: there is no key in it, only `PUBLIC KEY`"), Healthy, Heals("apiserver");
    a_certificate: |t| t.copy("pki/apiserver.crt", KEY)
        => Refuses("apiserver.key`: there is no key in it, only `CERTIFICATE`"), Healthy, Heals("apiserver");
    two_in_one_file: |t| t.append("pki/etcd/server.key", KEY)
        => Refuses("apiserver.key`: there are 2 private keys in it"), Healthy, Heals("apiserver");
    der: |t| convert(t, KEY, &["ec", "-outform", "der"]) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    pkcs11_uri: |t| t.write(KEY, "pkcs11:token=hsm;object=apiserver\n")
        => Refuses("apiserver.key`: there is no PEM block"), Healthy, Heals("apiserver");
    cut_in_the_middle: |t| t.edit(KEY, |text| text[..text.len() / 2].to_owned())
        => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    ed25519: |t| generate(t, KEY, &["genpkey", "-algorithm", "ED25519"])
        => Refuses("apiserver.key`: unsupported key"), Healthy, Heals("apiserver");
    rsa_1024: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"])
        => Refuses("apiserver.key`: unsupported key: RSA with less than 2048 bits"), Healthy, Heals("apiserver");
    rsa_exponent_3: |t| generate(t, KEY, &["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_pubexp:3"])
        => Refuses("apiserver.key`: unsupported key: RSA with a public exponent below 65537"), Healthy, Heals("apiserver");
    rsa_even_modulus: |t| even_modulus(t, KEY) => Refuses("apiserver.key`: "), Healthy, Heals("apiserver");
    pkcs8: |t| convert(t, KEY, &["pkey"]) => Keeps, Healthy, Heals("apiserver");
    ec_parameters_before_it: |t| {
        let parameters = t.openssl(&["ecparam", "-name", "prime256v1"], "").stdout;
        t.edit(KEY, |text| parameters + &text);
    } => Keeps, Healthy, Heals("apiserver");
    a_bag_of_attributes_before_it: |t| t.edit(KEY, |text| format!("Bag Attributes\n    friendlyName: x\n{text}"))
        => Keeps, Healthy, Heals("apiserver");

    // A CA's: nothing is signed.
    ca_no_bytes: |t| t.write(CA_KEY, "")
        => Refuses("ca.key`: the file is empty"), Healthy, Renew::Refuses("ca.key`: the file is empty");
    ca_of_another_ca: |t| t.copy("pki/etcd/ca.key", CA_KEY)
        => Refuses("CA `ca`: its key does not belong to it"), Healthy, Renew::Refuses("CA `ca`: its key does not belong to it");
    ca_encrypted: |t| convert(t, CA_KEY, &["pkey", "-aes256", "-passout", "pass:secret"])
        => Refuses("ca.key`: the key is encrypted"), Healthy, Renew::Refuses("ca.key`: the key is encrypted");
    ca_two_in_one_file: |t| t.append("pki/etcd/ca.key", CA_KEY)
        => Refuses("ca.key`: there are 2 private keys in it"), Healthy, Renew::Refuses("ca.key`: there are 2 private keys in it");
    ca_pkcs11_uri: |t| t.write(CA_KEY, "pkcs11:token=hsm;object=ca\n")
        => Refuses("ca.key`: there is no PEM block"), Healthy, Renew::Refuses("ca.key`: there is no PEM block");
    ca_ed25519: |t| generate(t, CA_KEY, &["genpkey", "-algorithm", "ED25519"])
        => Refuses("ca.key`: unsupported key"), Healthy, Renew::Refuses("ca.key`: unsupported key");
    ca_even_modulus: |t| even_modulus(t, CA_KEY) => Refuses("ca.key`: "), Healthy, Renew::Refuses("ca.key`: ");
    ca_pkcs8: |t| convert(t, CA_KEY, &["pkey"]) => Keeps, Healthy, Heals("apiserver");
    ca_on_p521: |t| {
        generate(t, CA_KEY, &["ecparam", "-name", "secp521r1", "-genkey", "-noout"]);
        t.resign_ca("ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n", &[]);
    } => Refuses("`admin.conf`: it trusts another CA"), Healthy, Heals("admin.conf");
    ca_rsa_in_pkcs1: |t| {
        generate(t, CA_KEY, &["genrsa", "-traditional", "2048"]);
        t.resign_ca("ca", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n", &[]);
    } => Refuses("`admin.conf`: it trusts another CA"), Healthy, Heals("admin.conf");

    // The service accounts': no renewal touches it.
    sa_no_bytes: |t| t.write("pki/sa.key", "") => Refuses("sa.key`: the file is empty"), Healthy, Besides;
    sa_missing_beside_its_public_half: |t| t.remove("pki/sa.key")
        => Refuses("`sa`: sa.pub is there and sa.key is not"), Healthy, Besides;
    sa_public_half_of_another: |t| { t.openssl(&["pkey", "-in", CA_KEY, "-pubout", "-out", "pki/sa.pub"], ""); }
        => Refuses("`sa`: sa.pub is not the public half of sa.key"), Healthy, Besides;
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
