//! What surrounds a process and has no effect: variables, working directory, umask, programs, a silent standard input.

use std::{
    ffi::OsStr,
    fs,
    io::pipe,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    process::{Command, Stdio},
};

use crate::support::{FLAGS, TestTree, What, differences};

/// Returns names, kinds, modes and owners of everything in a tree.
fn outline(tree: &TestTree) -> Vec<String> {
    let kind = |what: &What| match what {
        What::File(_) => "file".to_owned(),
        other => format!("{other:?}"),
    };
    tree.snapshot()
        .iter()
        .map(|(path, entry)| {
            let kind = kind(&entry.what);
            format!(
                "{} {:04o} {:?} {kind}",
                path.display(),
                entry.mode,
                entry.owner
            )
        })
        .collect()
}

/// `pki init` of a tree of ECDSA keys.
fn init() -> Vec<&'static str> {
    [&["init", "--encryption-algorithm=ECDSA-P256"], &FLAGS[..]].concat()
}

#[test]
fn variables_do_not_change_what_init_makes_or_says() {
    let plain = TestTree::empty();
    let expected = plain.pki(&init()).exits(0);
    let elsewhere = TestTree::empty();
    let kubeconfig = elsewhere.beside("kubeconfig", "kind: Config\n");
    let elsewhere = elsewhere.root().to_str().unwrap();
    for (name, value) in [
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "xx_nonsense"),
        ("TZ", "Pacific/Kiritimati"),
        ("HOME", elsewhere),
        ("HOME", "/nowhere"),
        ("TMPDIR", elsewhere),
        ("TMPDIR", "/nowhere"),
        ("RUST_BACKTRACE", "1"),
        ("KUBECONFIG", &kubeconfig),
        ("SSL_CERT_FILE", "/nowhere"),
        ("OPENSSL_CONF", "/nowhere"),
    ] {
        let tree = TestTree::empty();
        let run = tree.watch(tree.command(&init()).env(name, value)).exits(0);
        assert_eq!(outline(&tree), outline(&plain), "{name}={value}");
        let record = ".pki/cluster.yaml";
        assert_eq!(tree.text(record), plain.text(record), "{name}={value}");
        let here = |text: &str, tree: &TestTree| text.replace(tree.root().to_str().unwrap(), "");
        assert_eq!(
            here(&run.stdout, &tree),
            here(&expected.stdout, &plain),
            "{name}={value}"
        );
        assert_eq!(run.stderr, expected.stderr, "{name}={value}");
    }
}

#[test]
fn variables_do_not_change_what_a_check_says() {
    let tree = TestTree::new();
    tree.write("pki/front-proxy-client.crt", "");
    let plain = tree.pki(&["check-expiration"]);
    let long = "x".repeat(100_000);
    for (name, value) in [
        ("TZ", "Asia/Kathmandu"),
        ("TZ", ":/dev/zero"),
        ("TZ", "../../../etc/passwd"),
        ("TZDIR", "/nowhere"),
        ("LC_ALL", "ar_EG.UTF-8"),
        ("LANGUAGE", "de:fr"),
        ("PKI_ROOTFS", "/nowhere"),
        ("PKI_CONFIG", "/nowhere"),
        ("PKI_CERT_DIR", "/nowhere"),
        ("KUBECONFIG", "/nowhere"),
        ("SSL_CERT_DIR", "/nowhere"),
        ("OPENSSL_MODULES", "/nowhere"),
        ("SOURCE_DATE_EPOCH", "0"),
        ("RUST_BACKTRACE", "full"),
        ("RUST_LIB_BACKTRACE", "1"),
        ("RUST_LOG", "trace"),
        ("COLUMNS", "10"),
        ("LINES", "1"),
        ("TERM", "xterm-256color"),
        ("CLICOLOR", "1"),
        ("COLORTERM", "truecolor"),
        ("CI", "true"),
        ("http_proxy", "http://127.0.0.1:1"),
        ("LONG", &long),
    ] {
        let run = tree
            .watch(tree.command(&["check-expiration"]).env(name, value))
            .changed_nothing();
        assert_eq!(
            (run.code, &run.stdout, &run.stderr),
            (plain.code, &plain.stdout, &plain.stderr),
            "{name}"
        );
    }
    let binary = OsStr::from_bytes(b"\xff\xfe");
    let mut command = tree.command(&["check-expiration"]);
    let run = tree.watch(command.env("LANG", binary).env(binary, binary));
    assert_eq!(run.stdout, plain.stdout);
}

#[test]
fn backtraces_are_not_in_error_messages() {
    let tree = TestTree::new();
    tree.write("pki/ca.key", "");
    let plain = tree.pki(&["renew", "apiserver"]).exits(3);
    let mut command = tree.command(&["renew", "apiserver"]);
    let traced = tree.watch(
        command
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LIB_BACKTRACE", "1"),
    );
    assert_eq!(traced.stderr, plain.stderr);
}

#[test]
fn files_in_the_working_directory_are_not_read() {
    let (tree, elsewhere) = (TestTree::empty(), TestTree::empty());
    for name in ["cluster.yaml", "kubeadm.yaml", "config.yaml", ".pki"] {
        elsewhere.beside(name, "kind: {");
    }
    tree.watch(tree.command(&init()).current_dir(elsewhere.root()))
        .exits(0);
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let wanted = |path: &str, what: &What| match what {
        What::Directory if path.contains(".pki") => 0o700,
        What::Directory => 0o755,
        _ if path.contains(".pki/") => 0o600,
        _ if path.ends_with(".crt") => 0o644,
        _ => 0o600,
    };
    for umask in ["000", "022", "077"] {
        let tree = TestTree::empty();
        for arguments in [&init()[..], &["renew", "all"]] {
            let command = tree.command(arguments);
            let shell = format!("umask {umask}; exec \"$0\" \"$@\"");
            tree.watch(
                Command::new("sh")
                    .args(["-c", &shell])
                    .arg(command.get_program())
                    .args(command.get_args()),
            )
            .exits(0);
            let entries = tree.snapshot();
            assert!(entries.len() > 30, "{}", entries.len());
            for (path, entry) in entries.iter() {
                let path = path.to_str().unwrap();
                assert_eq!(
                    entry.mode,
                    wanted(path, &entry.what),
                    "{path} after umask {umask} and {arguments:?}"
                );
            }
        }
    }
}

#[test]
fn no_program_on_the_path_is_run() {
    let (tree, traps) = (TestTree::new(), TestTree::empty());
    for program in [
        "openssl",
        "kubectl",
        "kubeadm",
        "sh",
        "hostname",
        "ip",
        "systemctl",
        "pki",
    ] {
        let sprung = traps.root().join("sprung");
        let path = traps.beside(program, format!("#!/bin/sh\n: > {}\n", sprung.display()));
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let before = traps.snapshot();
    for words in [
        &["init"][..],
        &["check-expiration"],
        &["renew", "all"],
        &["rollback"],
        &["ledger"],
    ] {
        let mut command = tree.command(words);
        let run = tree
            .watch(command.env("PATH", traps.root()).current_dir(traps.root()))
            .exits(0);
        assert_eq!(differences(&before, &traps.snapshot()), "", "{run}");
    }
}

/// Under cron no user can answer, so a command must not ask for a passphrase or anything else.
#[test]
fn nothing_is_read_from_a_standard_input_that_stays_open() {
    for encrypted in ["pki/ca.key", "pki/apiserver.key"] {
        for words in [&["init"][..], &["renew", "all"], &["check-expiration"]] {
            let tree = TestTree::new();
            tree.edit(encrypted, |text| {
                text.replace("EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
            });
            let (reader, writer) = pipe().unwrap();
            let output = tree
                .command(words)
                .stdin(reader)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .output()
                .unwrap();
            drop(writer);
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(!text.to_lowercase().contains("passphrase:"), "{text}");
            assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
        }
    }
}
