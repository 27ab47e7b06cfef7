//! `pki ca new`: roots and intermediates outside any tree.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::standalone;
use crate::support::{
    CertificateFacts, KEY_USAGE, NOW, NOW_ARGUMENT, Openssl, Run, TestTree, days, run,
};

const CONSTRAINTS: &str = "X509v3 Basic Constraints: critical";

/// Makes a CA with an ECDSA key.
#[track_caller]
fn make(tree: &TestTree, name: &str, arguments: &[&str]) -> Run {
    let common_name = format!("CA {name}");
    let fixed = ["ca", "new", "--name", name, "--key-algorithm", "ECDSA-P256"];
    let common_name = ["--common-name", common_name.as_str()];
    standalone(tree, &[&fixed[..], &common_name, arguments].concat())
}

/// Makes a CA that this one signs.
#[track_caller]
fn make_below(tree: &TestTree, issuer: &str, name: &str, arguments: &[&str]) -> Run {
    let (certificate, key) = (format!("{issuer}.crt"), format!("{issuer}.key"));
    let files = ["--ca-cert", certificate.as_str(), "--ca-key", key.as_str()];
    make(tree, name, &[&files, arguments].concat())
}

fn facts(openssl: &Openssl, tree: &TestTree, name: &str) -> CertificateFacts {
    openssl.facts(&tree.root().join(format!("{name}.crt")))
}

/// Refuses to make anything.
#[track_caller]
fn refuses(tree: &TestTree, arguments: &[&str], reason: &str) {
    standalone(tree, &[&["ca", "new"], arguments].concat())
        .exits(3)
        .says(reason)
        .prints_nothing()
        .changed_nothing();
}

#[test]
fn a_root_and_an_intermediate_are_as_asked_for() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    let more = ["--org", "Example, Inc.", "--org", "Ops", "--path-len", "2"];
    make(
        &tree,
        "root",
        &[&more[..], &["--validity-period", "20d"]].concat(),
    )
    .ok()
    .says_nothing()
    .prints("signed by      itself\npath length    2\n");
    make_below(&tree, "root", "middle", &["--validity-period", "10d"])
        .ok()
        .says_nothing()
        .prints("signed by      CN=CA root,O=Ops,O=Example\\, Inc.\npath length    1\n");
    make_below(
        &tree,
        "middle",
        "last",
        &["--path-len", "0", "--validity-period", "5d"],
    )
    .ok();

    let root = facts(&openssl, &tree, "root");
    let subject =
        "CN=PRINTABLESTRING:CA root,O=PRINTABLESTRING:Ops,O=PRINTABLESTRING:Example\\, Inc.";
    assert_eq!(
        (root.subject.as_str(), root.issuer.as_str()),
        (subject, subject)
    );
    assert_eq!(root.not_after, NOW + days(20));
    let middle = facts(&openssl, &tree, "middle");
    assert_eq!(middle.issuer, subject);
    for (facts, length) in [
        (&root, 2),
        (&middle, 1),
        (&facts(&openssl, &tree, "last"), 0),
    ] {
        let wanted = format!("CA:TRUE, pathlen:{length}");
        assert_eq!(facts.extensions[CONSTRAINTS], wanted);
        assert_eq!(facts.extensions[KEY_USAGE], "Certificate Sign, CRL Sign");
        assert!(
            facts
                .extensions
                .contains_key("X509v3 Subject Key Identifier")
        );
    }
    let own = &middle.extensions["X509v3 Authority Key Identifier"];
    assert_eq!(*own, root.extensions["X509v3 Subject Key Identifier"]);
    for name in ["root", "middle", "last"] {
        let key = tree.root().join(format!("{name}.key"));
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let public = openssl.public_half(fs::read(&key).unwrap());
        assert_eq!(public, facts(&openssl, &tree, name).public_key);
    }
    // Each signs in the judgement of another program.
    let chain = ["root.crt", "middle.crt", "last.crt"].map(|name| tree.root().join(name));
    let [root, middle, last] = chain.each_ref().map(|path| path.to_str().unwrap());
    let at = NOW.unix_timestamp().to_string();
    let flags = ["verify", "-x509_strict", "-attime", &at, "-CAfile", root];
    openssl
        .run(&[&flags[..], &["-untrusted", middle, last]].concat())
        .ok();
}

#[test]
fn an_intermediate_ends_with_its_ca() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    make(&tree, "root", &["--validity-period", "20d"]).ok();
    // The default ends with it, and only a period that was asked for is cut short.
    make_below(&tree, "root", "default", &[])
        .ok()
        .says_nothing();
    make_below(&tree, "root", "middle", &["--validity-period", "30d"])
        .ok()
        .says_only(&["warning: valid only until 2026-12-12, when the CA that signs it expires"]);
    let end = |name| facts(&openssl, &tree, name).not_after;
    assert_eq!(end("middle"), end("root"));
    assert_eq!(end("default"), end("root"));
    // Without a path length above it, it has none.
    let constraints = facts(&openssl, &tree, "middle").extensions[CONSTRAINTS].clone();
    assert_eq!(constraints, "CA:TRUE");
}

/// A path length counts below every CA of the chain.
#[test]
fn the_issuers_of_an_issuer_limit_the_path_length() {
    let tree = TestTree::empty();
    make(&tree, "root", &["--path-len", "1"]).ok();
    make_below(&tree, "root", "middle", &[]).ok();
    let unlimited = TestTree::empty();
    make(&unlimited, "root", &[]).ok();
    make_below(&unlimited, "root", "middle", &[]).ok();
    let read = |tree: &TestTree, name: &str| fs::read_to_string(tree.root().join(name)).unwrap();
    for (tree, code) in [(&tree, 3), (&unlimited, 0)] {
        let bundle = format!("{}{}", read(tree, "middle.crt"), read(tree, "root.crt"));
        tree.beside("bundle.crt", bundle);
        fs::copy(
            tree.root().join("middle.key"),
            tree.root().join("bundle.key"),
        )
        .unwrap();
        make_below(tree, "bundle", "last", &[]).exits(code);
    }
}

#[test]
fn init_takes_a_root_and_an_intermediate_as_the_ca_of_a_tree() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let authority = TestTree::empty();
    make(&authority, "root", &["--path-len", "1"]).ok();
    make_below(
        &authority,
        "root",
        "middle",
        &["--validity-period", "3000d"],
    )
    .ok();
    for name in ["root", "middle"] {
        let tree = TestTree::empty();
        let file = |end: &str| fs::read(authority.root().join(format!("{name}.{end}"))).unwrap();
        for base in ["ca", "etcd/ca", "front-proxy-ca"] {
            tree.write(&format!("pki/{base}.crt"), file("crt"));
            tree.write(&format!("pki/{base}.key"), file("key"));
            tree.chmod(&format!("pki/{base}.key"), 0o600);
        }
        tree.init(&[]).exits(0);
        assert!(
            tree.read("pki/ca.crt") == file("crt"),
            "a CA is never touched"
        );
        tree.assert_healthy();
        let verify = ["verify", "--severity", "error"];
        tree.pki(&verify).exits(0);
        let leaf = openssl.file("leaf.crt", tree.read("pki/apiserver.crt"));
        let [root, ca] = ["root.crt", &format!("{name}.crt")]
            .map(|name| authority.root().join(name).to_str().unwrap().to_owned());
        let at = NOW.unix_timestamp().to_string();
        let flags = ["verify", "-x509_strict", "-attime", &at, "-CAfile", &root];
        openssl
            .run(&[&flags[..], &["-untrusted", &ca, &leaf]].concat())
            .ok();
    }
}

#[test]
fn a_request_of_cfssl_says_subject_key_and_section_ca() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    let request = r#"{"CN": "Company", "names": [{"C": "DE", "O": "Acme", "OU": "PKI"}], "hosts": ["a"],
        "key": {"algo": "ecdsa", "size": 384}, "ca": {"expiry": "240h", "pathlen": 3}}"#;
    let path = tree.beside("ca.json", request);
    standalone(&tree, &["ca", "new", &path, "--name", "one"])
        .ok()
        .says_only(&["warning: `hosts` is ignored: a CA needs no alternative names"]);
    let facts = facts(&openssl, &tree, "one");
    let subject = "CN=PRINTABLESTRING:Company,OU=PRINTABLESTRING:PKI,O=PRINTABLESTRING:Acme,C=PRINTABLESTRING:DE";
    assert_eq!(facts.subject, subject);
    assert_eq!(facts.extensions[CONSTRAINTS], "CA:TRUE, pathlen:3");
    assert_eq!(facts.not_after, NOW + days(10));
    assert_eq!(facts.algorithm, "id-ecPublicKey (384 bit)");
    // In cfssl, -1 means no limit.
    let unlimited = r#"{"CN": "a", "ca": {"pathlen": -1}}"#;
    let unlimited = tree.beside("unlimited.json", unlimited);
    let run = standalone(&tree, &["ca", "new", &unlimited, "--name", "unlimited"]).ok();
    assert!(!run.stdout.contains("path length"), "{}", run.stdout);
    // Flags win, and a dry run writes nothing.
    let flags = [
        "--path-len",
        "1",
        "--validity-period",
        "1d",
        "--dry-run",
        "-o",
        "json",
    ];
    let fixed = ["ca", "new", path.as_str(), "--name", "two"];
    let run = standalone(&tree, &[&fixed[..], &flags].concat())
        .ok()
        .changed_nothing();
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["pathLength"], 1);
    assert_eq!(report["keyAlgorithm"], "ECDSA-P384");
    assert_eq!(report["dryRun"], true);
    let end = (NOW + days(1)).format(&Rfc3339).unwrap();
    assert_eq!(report["expirationDate"], end);
    assert_eq!(report.get("certificate"), None);
}

#[test]
fn nothing_is_overwritten() {
    let tree = TestTree::empty();
    for taken in ["a.key", "a.crt"] {
        let path = tree.beside(taken, "somebody's");
        let reason = format!("creating `{path}`: already exists");
        for more in [&[][..], &["--dry-run"]] {
            refuses(
                &tree,
                &[&["--common-name", "a", "--name", "a"], more].concat(),
                &reason,
            );
        }
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn an_issuer_that_cannot_sign_is_refused() {
    let tree = TestTree::empty();
    make(&tree, "root", &["--path-len", "1"]).ok();
    make(&tree, "old", &["--validity-period", "1h"]).ok();
    make_below(&tree, "root", "middle", &[]).ok();
    let leaf = TestTree::new();
    for end in ["crt", "key"] {
        tree.beside(
            &format!("leaf.{end}"),
            leaf.read(&format!("pki/apiserver.{end}")),
        );
    }
    let later = ["--now", "2026-11-22T02:00:00Z"];
    for (issuer, arguments, reason) in [
        (
            "middle",
            &[][..],
            "CA `CN=CA middle` may sign leaves only: its path length, or that of a CA above it, allows no further CA",
        ),
        (
            "root",
            &["--path-len", "1"],
            "--path-len: 1 is too large, CA `CN=CA root` allows 0 at most",
        ),
        (
            "old",
            &later,
            "CA `old.crt`: it expired on 2026-11-22; nothing it signs would be accepted",
        ),
        ("leaf", &[], "CA `leaf.crt`: it is not a CA certificate"),
        ("none", &[], "`none.crt`: no such file or directory"),
    ] {
        make_below(&tree, issuer, "new", arguments)
            .exits(3)
            .says(reason)
            .changed_nothing();
    }
    let [certificate, key] = ["root.crt", "middle.key"];
    let files = ["--ca-cert", certificate, "--ca-key", key];
    make(&tree, "new", &files)
        .exits(3)
        .says("its key does not belong to it")
        .changed_nothing();
    make_below(&tree, "root", "root2", &["--common-name", "CA root"]).exits(2);
    let same = [
        "--common-name",
        "CA root",
        "--name",
        "new",
        "--ca-cert",
        "root.crt",
        "--ca-key",
        "root.key",
    ];
    refuses(
        &tree,
        &same,
        "the CA that signs has the same subject, `CN=CA root`",
    );
}

#[test]
fn a_ca_without_a_usable_name_is_refused() {
    let tree = TestTree::empty();
    refuses(
        &tree,
        &["--common-name", "", "--name", "a"],
        "--common-name: is empty",
    );
    let long = "x".repeat(65);
    let arguments = ["--common-name", "a", "--org", &long, "--name", "a"];
    refuses(
        &tree,
        &arguments,
        "has 65 characters, a certificate allows 64",
    );
    for (text, reason) in [
        ("{}", "a CA needs a subject, such as a common name"),
        (
            r#"{"names": [{"C": "Germany"}]}"#,
            "ca.json: names[0].C: `Germany` is not a code of two letters",
        ),
        (
            r#"{"CN": "a", "ca": {"pathlen": 256}}"#,
            "ca.pathlen: want a number from 0 to 255",
        ),
        (
            r#"{"CN": "a", "ca": {"pathlen": 0, "pathlenzero": "true"}}"#,
            "ca.pathlenzero: want true or false",
        ),
        (
            r#"{"CN": "a", "ca": {"expiry": "0"}}"#,
            "ca.expiry: it is shorter than a second",
        ),
        ("CN: a", "it is not JSON (line 1, column 1)"),
    ] {
        let path = tree.beside("ca.json", text);
        refuses(&tree, &[&path, "--name", "a"], reason);
    }
    for (arguments, reason) in [
        (
            &["--common-name", "a", "--name", "a/b"][..],
            "want a name without slashes",
        ),
        (&["--common-name", "a"], "--name <NAME>"),
        (&["--name", "a"], "<REQUEST|--common-name <NAME>>"),
        (
            &[
                "--common-name",
                "a",
                "--name",
                "a",
                "--key-algorithm",
                "ED25519",
            ],
            "want one of RSA-2048",
        ),
        (
            &[
                "--common-name",
                "a",
                "--name",
                "a",
                "--validity-period",
                "0s",
            ],
            "it is shorter than a second",
        ),
        (
            &["--common-name", "a", "--name", "a", "--ca-cert", "x"],
            "--ca-key <FILE>",
        ),
    ] {
        standalone(&tree, &[&["ca", "new"], arguments].concat())
            .exits(2)
            .says(reason)
            .changed_nothing();
    }
}

/// A tree is written in transactions, and nothing but `init` makes its CAs.
#[test]
fn the_directory_must_be_there_and_no_tree() {
    let tree = TestTree::empty();
    let missing = ["--common-name", "a", "--name", "a", "--out-dir", "missing"];
    refuses(&tree, &missing, "no such file or directory");
    if Path::new("/etc/kubernetes/pki").is_dir() {
        let own = [
            "--common-name",
            "a",
            "--name",
            "pki-test",
            "--out-dir",
            "/etc/kubernetes/pki",
        ];
        refuses(&tree, &own, "is in a directory of a tree");
    }
    // Another tree is known by its state.
    let other = TestTree::new();
    for directory in ["", "pki", "pki/etcd"] {
        let directory = other.path(directory);
        let flags = ["--common-name", "a", "--name", "a", "--out-dir"];
        refuses(
            &tree,
            &[&flags[..], &[directory.to_str().unwrap()]].concat(),
            "is in a directory of a tree",
        );
    }
}

/// Whoever can change the directory can take the place of the key.
#[test]
fn a_directory_that_others_can_change_is_judged_as_that_of_a_tree() {
    let tree = TestTree::empty();
    let directory = tree.root().join("shared");
    fs::create_dir(&directory).unwrap();
    let flags = ["--out-dir", directory.to_str().unwrap()];
    for mode in [0o777, 0o1777] {
        fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).unwrap();
        make(&tree, "a", &flags)
            .exits(3)
            .says("everybody can write in it")
            .changed_nothing();
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o775)).unwrap();
    make(&tree, "a", &flags)
        .ok()
        .says("can write in it: mode 0775");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    make(&tree, "b", &flags).ok().says_nothing();
}

/// A link would take the key to another directory.
#[test]
fn a_link_in_the_place_of_a_new_file_is_not_followed() {
    let tree = TestTree::empty();
    let link = tree.root().join("a.key");
    symlink("elsewhere.key", &link).unwrap();
    let reason = format!("creating `{}`: already exists", link.display());
    refuses(&tree, &["--common-name", "a", "--name", "a"], &reason);
    assert!(!tree.root().join("elsewhere.key").exists());
}

#[test]
fn a_report_that_cannot_be_written_says_that_the_files_are_there() {
    let tree = TestTree::empty();
    for name in ["ca", "csr"] {
        let mut command = crate::support::pki();
        command
            .current_dir(tree.root())
            .args([name, "new", "--common-name", "a", "--name", name])
            .args(["--key-algorithm", "ECDSA-P256", "--now", NOW_ARGUMENT])
            .stdout(fs::File::options().write(true).open("/dev/full").unwrap());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("the new files are all in place"), "{said}");
        assert!(tree.root().join(format!("{name}.key")).exists());
    }
}

/// Makes a CA with openssl, with this subject and these extensions.
fn openssl_ca(openssl: &Openssl, tree: &TestTree, name: &str, subject: &str, more: &[&str]) {
    let [key, certificate] = ["key", "crt"].map(|end| {
        tree.root()
            .join(format!("{name}.{end}"))
            .display()
            .to_string()
    });
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    let files = ["-keyout", &key, "-out", &certificate, "-subj", subject];
    let fixed = ["req", "-x509", "-noenc", "-utf8", "-days", "3650"];
    let usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    openssl
        .run(&[&fixed[..], &curve, &files, &usage, more].concat())
        .ok();
}

/// Runs `ca new` at the time of this machine, which openssl's CAs are valid from.
fn below_openssl(tree: &TestTree, issuer: &str, name: &str, common_name: &str) -> Run {
    let (certificate, key) = (format!("{issuer}.crt"), format!("{issuer}.key"));
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap();
    let fixed = ["ca", "new", "--name", name, "--common-name", common_name];
    let files = ["--ca-cert", certificate.as_str(), "--ca-key", key.as_str()];
    let more = ["--key-algorithm", "ECDSA-P256", "--now", now.as_str()];
    standalone(tree, &[&fixed[..], &files, &more].concat())
}

#[test]
fn a_name_that_differs_only_in_its_encoding_is_the_same() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    // openssl encodes it as a UTF8String, and `pki` as a PrintableString.
    openssl_ca(&openssl, &tree, "root", "/CN=Example  Root", &[]);
    for name in ["Example Root", "example ROOT"] {
        below_openssl(&tree, "root", "new", name)
            .exits(3)
            .says("the CA that signs has the same subject")
            .changed_nothing();
    }
    below_openssl(&tree, "root", "new", "Example Root 2")
        .ok()
        .says_nothing()
        .prints("signed by      CN=Example  Root\n");
}

#[test]
fn an_issuer_without_a_subject_is_refused() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    openssl_ca(&openssl, &tree, "root", "/", &[]);
    below_openssl(&tree, "root", "new", "a")
        .exits(3)
        .says("no subject")
        .changed_nothing();
}

#[test]
fn restrictions_of_an_issuer_are_told() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    for (name, extension, warning) in [
        (
            "names",
            "nameConstraints=critical,permitted;DNS:example.com",
            "CA `CN=names` has name constraints: certificates below the new CA are refused if their names do not match them",
        ),
        (
            "usage",
            "extendedKeyUsage=serverAuth",
            "CA `CN=usage` has the extended key usage serverAuth: certificates below the new CA are refused for other usages",
        ),
    ] {
        let subject = format!("/CN={name}");
        openssl_ca(&openssl, &tree, name, &subject, &["-addext", extension]);
        let warning = format!("warning: {warning}");
        below_openssl(&tree, name, &format!("below-{name}"), "a")
            .ok()
            .says_only(&[&warning]);
    }
}

#[test]
fn quiet_prints_nothing_and_json_has_the_certificate() {
    let tree = TestTree::empty();
    make(&tree, "one", &["--quiet"])
        .ok()
        .prints_nothing()
        .says_nothing();
    let mut command = crate::support::pki();
    command
        .current_dir(tree.root())
        .args(["ca", "new", "--common-name", "b", "--name", "two"]);
    command.args([
        "--key-algorithm",
        "ECDSA-P256",
        "-o",
        "json",
        "--now",
        crate::support::NOW_ARGUMENT,
    ]);
    let report: Value = serde_json::from_str(&run(&mut command).ok().stdout).unwrap();
    let certificate = fs::read_to_string(tree.root().join("two.crt")).unwrap();
    assert_eq!(report["certificate"], certificate);
    assert_eq!(report["subject"], "CN=b");
    assert_eq!(report["issuer"], "CN=b");
    assert_eq!(report.get("pathLength"), None);
}

#[test]
fn the_key_is_encrypted_if_asked_for() {
    let Some(openssl) = Openssl::find() else {
        return;
    };
    let tree = TestTree::empty();
    let passphrase = |name: &str, text: &str| tree.beside(name, format!("{text}\n"));
    let (root, ca) = (
        passphrase("root.pass", "of the root"),
        passphrase("ca.pass", "of the CA"),
    );
    make(&tree, "root", &["--key-passphrase-file", &root])
        .ok()
        .does_not_say("of the root");
    let below = ["--ca-passphrase-file", &root, "--key-passphrase-file", &ca];
    make_below(&tree, "root", "sub", &below).ok();
    for (name, file) in [("root", &root), ("sub", &ca)] {
        let key = tree.root().join(format!("{name}.key"));
        let text = fs::read_to_string(&key).unwrap();
        assert!(
            text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"),
            "{name}"
        );
        assert_eq!(
            fs::metadata(&key).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let (key, passin) = (key.to_str().unwrap(), format!("file:{file}"));
        let public = openssl
            .run(&["pkey", "-in", key, "-passin", &passin, "-pubout"])
            .ok();
        assert_eq!(
            public.stdout,
            facts(&openssl, &tree, name).public_key,
            "{name}"
        );
    }
    // The passphrase of another key, none, and a flag that would do nothing.
    make_below(&tree, "root", "wrong", &["--ca-passphrase-file", &ca])
        .exits(3)
        .says("the passphrase is wrong")
        .changed_nothing();
    make_below(&tree, "root", "none", &[])
        .exits(3)
        .says("--ca-passphrase-file")
        .changed_nothing();
    make(&tree, "typed", &["--encrypt-key"])
        .exits(3)
        .says("there is no terminal")
        .changed_nothing();
    make(&tree, "typed", &["--encrypt-key", "--dry-run"])
        .ok()
        .changed_nothing();
    make(&tree, "useless", &["--ca-passphrase-file", &root])
        .exits(2)
        .says("--ca-key")
        .changed_nothing();
}
