//! What surrounds a process and must not matter: variables, working directory, umask.

use std::{fs, process::Command};

use crate::support::{TestTree, What, run, sane, snapshot};

const INIT: [&str; 7] = [
    "init",
    "--encryption-algorithm",
    "ECDSA-P256",
    "--node-name",
    "cp-1",
    "--apiserver-advertise-address",
    "192.0.2.11",
];

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

#[test]
fn no_variable_has_an_effect() {
    let plain = TestTree::empty();
    let expected = plain.pki(&INIT).ok();
    let elsewhere = TestTree::empty();
    let elsewhere_path = elsewhere.root().to_str().unwrap();
    let kubeconfig = elsewhere.root().join("kubeconfig");
    fs::write(&kubeconfig, "kind: Config\n").unwrap();
    for (name, value) in [
        ("LANG", "tr_TR.UTF-8"),
        ("LC_ALL", "xx_nonsense"),
        ("TZ", "Pacific/Kiritimati"),
        ("TZ", "../../../etc/passwd"),
        ("HOME", elsewhere_path),
        ("HOME", "/nowhere"),
        ("TMPDIR", elsewhere_path),
        ("TMPDIR", "/nowhere"),
        ("RUST_BACKTRACE", "1"),
        ("RUST_LOG", "trace"),
        ("KUBECONFIG", kubeconfig.to_str().unwrap()),
        ("SSL_CERT_FILE", "/nowhere"),
        ("OPENSSL_CONF", "/nowhere"),
        ("COLUMNS", "1"),
        ("CLICOLOR", "1"),
    ] {
        let tree = TestTree::empty();
        let run = tree.watch(tree.command(&INIT).env(name, value)).exits(0);
        assert_eq!(outline(&tree), outline(&plain), "{name}={value}");
        assert_eq!(
            tree.text(".pki/cluster.yaml"),
            plain.text(".pki/cluster.yaml"),
            "{name}={value}"
        );
        let here = |text: &str, tree: &TestTree| text.replace(tree.root().to_str().unwrap(), "");
        assert_eq!(
            here(&run.stdout, &tree),
            here(&expected.stdout, &plain),
            "{name}={value}"
        );
        assert_eq!(run.stderr, expected.stderr, "{name}={value}");
        tree.pki(&["check-expiration"]).ok();
    }
}

/// A backtrace is for us and not for operators.
#[test]
fn an_error_is_the_same_with_a_backtrace_asked_for() {
    let tree = TestTree::new();
    tree.write("pki/ca.key", "");
    let plain = tree.pki(&["renew", "all"]);
    let traced = sane(run(tree
        .command(&["renew", "all"])
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LIB_BACKTRACE", "1")));
    assert_eq!(traced.stderr, plain.stderr);
}

#[test]
fn the_working_directory_holds_no_configuration() {
    let tree = TestTree::empty();
    let elsewhere = TestTree::empty();
    for name in ["cluster.yaml", "kubeadm.yaml", "config.yaml", ".pki"] {
        fs::write(elsewhere.root().join(name), "kind: {").unwrap();
    }
    sane(run(tree.command(&INIT).current_dir(elsewhere.root()))).ok();
}

#[test]
fn relative_paths_are_below_the_working_directory() {
    let tree = TestTree::empty();
    let mut command = crate::support::pki();
    command
        .current_dir(tree.root())
        .args(INIT)
        .args(["--rootfs", "demo"]);
    let run = sane(run(&mut command)).ok();
    // Where it wrote is always said in full.
    assert!(
        run.stdout.contains(
            &tree
                .root()
                .join("demo/etc/kubernetes/pki")
                .display()
                .to_string()
        ),
        "{run}"
    );
    assert!(tree.root().join("demo/etc/kubernetes/pki/ca.key").exists());
    assert_eq!(fs::read_dir(tree.root()).unwrap().count(), 1);
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let wanted = |path: &str, entry: &What| match entry {
        What::Directory if path.contains(".pki") => 0o700,
        What::Directory => 0o755,
        _ if path.contains(".pki/") => 0o600,
        _ if path.ends_with(".crt") => 0o644,
        _ => 0o600,
    };
    for umask in ["000", "022", "077"] {
        let tree = TestTree::empty();
        for arguments in [&INIT[..], &["renew", "all"]] {
            let command = tree.command(arguments);
            let shell = format!("umask {umask}; exec \"$0\" \"$@\"");
            sane(run(Command::new("sh")
                .args(["-c", &shell])
                .arg(command.get_program())
                .args(command.get_args())))
            .ok();
            let entries = snapshot(tree.root());
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
