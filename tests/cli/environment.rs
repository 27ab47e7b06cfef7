//! What surrounds a process and must not matter: variables, working directory, umask.

use std::{fs, process::Command};

use crate::{
    inputs::specimen::{Snapshot, Specimen, What, sane, snapshot},
    support::run,
};

const INIT: [&str; 7] = [
    "init",
    "--encryption-algorithm",
    "ECDSA-P256",
    "--node-name",
    "cp-1",
    "--apiserver-advertise-address",
    "192.0.2.11",
];

/// Returns names, kinds, modes and owners, and the bytes of the one file that is the same every time.
fn outline(entries: &Snapshot) -> Vec<String> {
    entries
        .iter()
        .map(|(path, entry)| {
            let bytes = match &entry.what {
                What::File(bytes) if path.ends_with("cluster.yaml") => {
                    String::from_utf8_lossy(bytes).into_owned()
                }
                What::File(_) => "file".to_owned(),
                other => format!("{other:?}"),
            };
            format!(
                "{} {:04o} {:?} {bytes}",
                path.display(),
                entry.mode,
                entry.owner
            )
        })
        .collect()
}

#[test]
fn no_variable_has_an_effect() {
    let plain = Specimen::empty();
    let expected = plain.pki(&INIT).ok();
    let elsewhere = Specimen::empty();
    let elsewhere_path = elsewhere.folder().to_str().unwrap();
    let kubeconfig = elsewhere.folder().join("kubeconfig");
    fs::write(&kubeconfig, "kind: Config\n").unwrap();
    let before = elsewhere.snapshot();
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
        let specimen = Specimen::empty();
        let run = sane(run(specimen.command(&INIT).env(name, value))).ok();
        assert_eq!(
            outline(&specimen.snapshot()),
            outline(&plain.snapshot()),
            "{name}={value}"
        );
        let here =
            |text: &str, specimen: &Specimen| text.replace(specimen.folder().to_str().unwrap(), "");
        assert_eq!(
            here(&run.stdout, &specimen),
            here(&expected.stdout, &plain),
            "{name}={value}"
        );
        assert_eq!(run.stderr, expected.stderr, "{name}={value}");
        specimen.pki(&["check-expiration"]).ok();
    }
    elsewhere.assert_unchanged(&before, &expected);
}

/// A backtrace is for us and not for operators.
#[test]
fn an_error_is_the_same_with_a_backtrace_asked_for() {
    let specimen = Specimen::new();
    specimen.write("pki/ca.key", "");
    let plain = specimen.pki(&["renew", "all"]);
    let traced = sane(run(specimen
        .command(&["renew", "all"])
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LIB_BACKTRACE", "1")));
    assert_eq!(traced.stderr, plain.stderr);
}

#[test]
fn the_working_directory_holds_no_configuration() {
    let specimen = Specimen::empty();
    let elsewhere = Specimen::empty();
    for name in ["cluster.yaml", "kubeadm.yaml", "config.yaml", ".pki"] {
        fs::write(elsewhere.folder().join(name), "kind: {").unwrap();
    }
    let before = elsewhere.snapshot();
    let run = sane(run(specimen.command(&INIT).current_dir(elsewhere.folder()))).ok();
    elsewhere.assert_unchanged(&before, &run);
}

#[test]
fn relative_paths_are_below_the_working_directory() {
    let specimen = Specimen::empty();
    let mut command = crate::support::pki();
    command
        .current_dir(specimen.folder())
        .args(INIT)
        .args(["--rootfs", "demo"]);
    let run = sane(run(&mut command)).ok();
    // Where it wrote is always said in full.
    assert!(
        run.stdout.contains(
            &specimen
                .folder()
                .join("demo/etc/kubernetes/pki")
                .display()
                .to_string()
        ),
        "{run}"
    );
    assert!(
        specimen
            .folder()
            .join("demo/etc/kubernetes/pki/ca.key")
            .exists()
    );
    assert_eq!(fs::read_dir(specimen.folder()).unwrap().count(), 1);
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
        let specimen = Specimen::empty();
        for arguments in [&INIT[..], &["renew", "all"]] {
            let command = specimen.command(arguments);
            let shell = format!("umask {umask}; exec \"$0\" \"$@\"");
            sane(run(Command::new("sh")
                .args(["-c", &shell])
                .arg(command.get_program())
                .args(command.get_args())))
            .ok();
            let entries = snapshot(specimen.folder());
            assert!(entries.len() > 30, "{}", entries.len());
            for (path, entry) in entries {
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
