//! Paths on the command line: of the tree and of its configuration.

use std::fs;

use crate::support::{Run, TestTree, pki, run, sane};

/// Types a command line in an empty directory, in which nothing is made.
#[track_caller]
fn type_in(words: &[&str]) -> Run {
    let folder = TestTree::empty();
    let mut command = pki();
    command.current_dir(folder.root()).args(words);
    folder.watch(&mut command).changed_nothing()
}

/// Makes a test of each row: what is typed, and what is said when it is refused with exit code 3.
macro_rules! refused {
    ($($(#[$attribute:meta])* $name:ident: $words:expr => $reason:expr;)*) => {
        $($(#[$attribute])* #[test] fn $name() {
            type_in(&$words).exits(3).says($reason).prints_nothing();
        })*
    };
}

refused! {
    file_as_root: ["init", "--rootfs", "/etc/passwd"] => "/etc/passwd";
    device_as_root: ["init", "--rootfs", "/dev/null"] => "/dev/null";
    directory_below_a_file: ["init", "--cert-dir", "/etc/passwd/pki"] => "/etc/passwd";
    file_for_certificates: ["init", "--cert-dir", "/etc/passwd"] => "/etc/passwd";
    file_for_kubeconfigs: ["init", "--cert-dir", "x", "--kubeconfig-dir", "/etc/passwd"] => "/etc/passwd";
    path_with_dots: ["init", "--cert-dir", "x/../../y"] => "no such file";
    missing_configuration: ["init", "--config", "nowhere.yaml"] => "`nowhere.yaml`: no such file";
    configuration_in_a_missing_directory: ["init", "--config", "no/where.yaml"] => "`no/where.yaml`: no such file";
    configuration_below_a_file: ["init", "--config", "/etc/passwd/x"] => "/etc/passwd/x";
    directory_as_configuration: ["init", "--config", "."] => "it is a directory, want a file";
    directory_as_configuration_of_a_check: ["check-expiration", "--config", "/etc"] => "it is a directory, want a file";
    directory_as_configuration_of_a_renewal: ["renew", "all", "--config", "/etc"] => "it is a directory, want a file";
    device_as_configuration: ["init", "--config", "/dev/zero"] => "want a file";
    terminal_as_configuration: ["init", "--config", "/dev/tty"] => "/dev/tty";
    program_as_configuration: ["init", "--config", "/bin/sh"] => "/bin/sh";
    other_text_as_configuration: ["init", "--config", "/etc/passwd"] => "/etc/passwd";
    no_input_as_configuration: ["init", "--config", "-"] => "standard input";
    no_input_as_configuration_of_a_check: ["check-expiration", "--config", "-"] => "standard input";
    no_input_as_configuration_of_a_renewal: ["renew", "all", "--config", "-"] => "standard input";
    too_long_path: ["init", "--config", &"x".repeat(5000)] => "too long";
    too_long_path_of_a_directory: ["init", "--rootfs", &"x/".repeat(3000)] => "too long";
    too_long_name_of_a_directory: ["init", "--rootfs", &"x".repeat(300)] => "too long";
    configuration_whose_name_has_control_characters: ["init", "--config", "\u{1b}[31m\u{202e}red\n"] => "no such file";
    root_whose_name_has_control_characters: ["init", "--rootfs", "/etc/passwd/\u{1b}[31m\u{202e}red\n"] => "/etc/passwd";
    directory_whose_name_has_control_characters: ["init", "--cert-dir", "\u{1b}[31m\u{202e}red\n"] => "--cert-dir: ";
    rollback_of_an_empty_directory: ["rollback", "--rootfs", "nowhere"] => "no generation is kept";
    renewal_of_an_empty_directory: ["renew", "apiserver", "--rootfs", "nowhere"] => "cannot renew `apiserver`: it is missing";
}

#[test]
fn history_and_ledger_of_an_empty_directory_are_empty() {
    type_in(&["history", "--rootfs", "nowhere"]).exits(0);
    type_in(&["ledger", "--rootfs", "nowhere"]).exits(0);
}

#[test]
fn file_of_the_tree_is_refused_as_configuration_and_not_shown() {
    let tree = TestTree::new();
    for name in [
        "pki/ca.key",
        "pki/sa.key",
        "pki/ca.crt",
        "pki/sa.pub",
        "admin.conf",
        "kubelet.conf",
        ".pki/ledger.jsonl",
    ] {
        let path = tree.path(name);
        let path = path.to_str().unwrap();
        for command in [&["init"][..], &["check-expiration"], &["renew", "all"]] {
            tree.pki(&[command, &["--config", path]].concat())
                .exits(3)
                .says(path)
                .changed_nothing();
        }
    }
}

/// An operator who cannot tell which tree was meant renews the wrong one (kubernetes/kubernetes#110708).
#[test]
fn directories_that_are_used_are_printed_first() {
    let tree = TestTree::new();
    let directories = format!(
        "certificates in {}, kubeconfigs in {}",
        tree.path("pki").display(),
        tree.path("").display().to_string().trim_end_matches('/')
    );
    for command in [
        &["init"][..],
        &["init", "--dry-run"],
        &["renew", "all", "--dry-run"],
        &["renew", "--due", "1d"],
        &["renew", "all"],
        &["rollback", "--dry-run"],
        &["rollback"],
    ] {
        let run = tree.pki(command).exits(0);
        assert!(run.stdout.starts_with(&directories), "{run}");
    }
}

#[test]
fn cert_dir_overrides_the_configuration_and_is_recorded() {
    let tree = TestTree::empty();
    let config = tree.beside(
        "cluster.yaml",
        "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificatesDir: /srv/pki\nencryptionAlgorithm: ECDSA-P256\n",
    );
    let cert_dir = tree.root().join("here/pki");
    let cert_dir = cert_dir.to_str().unwrap();
    tree.pki(&[
        "init",
        "--node-name",
        "cp-1",
        "--config",
        &config,
        "--cert-dir",
        cert_dir,
    ])
    .exits(0)
    .prints(cert_dir);
    assert!(tree.root().join("here/pki/ca.crt").is_file());
    assert!(!tree.root().join("srv").exists());
    // Without the file, the record knows where everything is.
    let kubeconfigs = tree.root().join("here");
    let kubeconfigs = ["--kubeconfig-dir", kubeconfigs.to_str().unwrap()];
    tree.pki(&[&["check-expiration"][..], &kubeconfigs].concat())
        .exits(0);
    tree.pki(&[&["renew", "apiserver"][..], &kubeconfigs].concat())
        .exits(0);
    tree.pki(&[&["init"][..], &kubeconfigs].concat()).exits(0);
}

#[test]
fn rollback_finds_no_generation_outside_its_directory() {
    let tree = TestTree::new();
    tree.pki(&["renew", "apiserver"]).exits(0);
    for name in [
        "",
        ".",
        "..",
        "/",
        "../../pki",
        "../../../etc",
        "-",
        " ",
        "x/../..",
        "\u{1b}[31m\u{202e}\n",
        "lock",
        "\u{feff}",
    ] {
        let mut command = pki();
        command
            .args(["rollback", "--rootfs"])
            .arg(tree.root())
            .args(["--", name]);
        let refused = tree.watch(&mut command).changed_nothing();
        assert!(matches!(refused.code, Some(2 | 3)), "{name:?}: {refused}");
    }
}

#[test]
fn relative_paths_are_below_the_working_directory() {
    let tree = TestTree::empty();
    let mut command = pki();
    command
        .current_dir(tree.root())
        .args(["init", "--rootfs", "demo", "--node-name", "cp-1"])
        .args(["--encryption-algorithm", "ECDSA-P256"]);
    // The report has the whole path.
    let certificates = tree.root().join("demo/etc/kubernetes/pki");
    sane(run(&mut command))
        .exits(0)
        .prints(certificates.to_str().unwrap());
    assert!(certificates.join("ca.key").is_file());
    assert_eq!(fs::read_dir(tree.root()).unwrap().count(), 1);
}

#[test]
fn a_link_to_a_system_directory_is_one() {
    let folder = TestTree::empty();
    let root = folder.root();
    fs::create_dir_all(root.join("etc")).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
    for arguments in [&["init"][..], &["init", "--dry-run"]] {
        let mut command = pki();
        command
            .args(arguments)
            .arg("--rootfs")
            .arg(root)
            .arg("--cert-dir")
            .arg(root.join("link"));
        folder
            .watch(&mut command)
            .exits(3)
            .says("the certificate directory `/etc` is a system directory")
            .changed_nothing();
    }
}
