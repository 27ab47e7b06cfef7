//! What is typed, where it leads, and what surrounds the process.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::pipe,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use clap::{ArgAction, CommandFactory};
use pki::cli::Cli;

use super::specimen::{Specimen, differences, sane};
use crate::support::{Run, pki, run};

/// Runs our binary in an empty folder, which has to stay empty unless it succeeds.
#[track_caller]
fn type_in(words: &[&str]) -> Run {
    let t = Specimen::empty();
    let start = Instant::now();
    let run = sane(run(pki().current_dir(t.folder()).args(words)));
    assert!(start.elapsed() < Duration::from_secs(5), "{run}");
    if run.code != Some(0) {
        assert_eq!(run.stdout, "", "{run}");
    }
    assert!(t.snapshot().is_empty(), "something was made: {run}");
    run
}

#[track_caller]
fn check(words: &[&str], code: i32, reason: &str) {
    let run = type_in(words);
    assert_eq!(run.code, Some(code), "{run}");
    assert!(
        run.stdout.contains(reason) || run.stderr.contains(reason),
        "{reason:?}: {run}"
    );
}

/// Makes a test of each row: what is typed => the exit code, and what is said. Nothing is made.
macro_rules! typed {
    ($($(#[$attribute:meta])* $name:ident: $words:expr => $code:expr, $reason:expr;)*) => {
        $($(#[$attribute])* #[test] fn $name() { check(&$words, $code, $reason); })*
    };
}

typed! {
    nothing: [] => 2, "Usage: pki <COMMAND>";
    an_empty_word: [""] => 2, "unrecognized subcommand ''";
    a_command_in_capitals: ["INIT"] => 2, "unrecognized subcommand 'INIT'";
    a_command_cut_short: ["check"] => 2, "unrecognized subcommand 'check'";
    a_command_misspelt: ["rewnew"] => 2, "'renew'";
    kubeadms_order: ["certs", "renew", "all"] => 2, "unrecognized subcommand 'certs'";
    a_flag_before_its_command: ["--dry-run", "init"] => 2, "unexpected argument '--dry-run'";
    the_version: ["--version"] => 0, "pki ";
    the_version_of_a_command: ["init", "--version"] => 2, "unexpected argument '--version'";
    a_flag_with_one_dash: ["init", "-rootfs", "x"] => 2, "unexpected argument '-r'";
    a_flag_cut_short: ["init", "--root", "x"] => 2, "'--rootfs'";
    a_flag_in_capitals: ["init", "--ROOTFS", "x"] => 2, "unexpected argument '--ROOTFS'";
    a_flag_with_an_underscore: ["init", "--cert_dir", "x"] => 2, "'--cert-dir'";
    a_flag_of_kubeadms_that_we_have_not: ["init", "--csr-only"] => 2, "unexpected argument '--csr-only'";
    a_flag_of_another_command: ["init", "--due", "30d"] => 2, "unexpected argument '--due'";
    a_value_for_a_switch: ["init", "--dry-run=yes"] => 2, "unexpected value 'yes'";
    a_negated_switch: ["init", "--no-dry-run"] => 2, "unexpected argument '--no-dry-run'";
    dashes_of_another_kind: ["init", "\u{2014}dry-run"] => 2, "unexpected argument";
    a_word_too_many: ["check-expiration", "demo"] => 2, "unexpected argument 'demo'";
    a_word_behind_the_dashes: ["init", "--", "--dry-run"] => 2, "unexpected argument '--dry-run'";
    only_the_dashes: ["renew", "--"] => 2, "<NAME|--due <DURATION>>";
    a_flag_behind_the_dashes: ["renew", "apiserver", "--", "--dry-run"] => 2, "invalid value '--dry-run'";
    an_unknown_name: ["renew", "api-server"] => 2, "[possible values: all, apiserver,";
    an_unknown_name_among_known_ones: ["renew", "apiserver", "etcd-servers"] => 2, "'etcd-server'";
    a_path_as_a_name: ["renew", "/etc/kubernetes/pki/apiserver.crt"] => 2, "invalid value '/etc/kubernetes/pki/apiserver.crt'";
    several_names_in_one: ["renew", "apiserver,admin.conf"] => 2, "invalid value 'apiserver,admin.conf'";
    a_name_with_a_blank: ["renew", " apiserver"] => 2, "invalid value ' apiserver'";
    a_name_and_a_time: ["renew", "apiserver", "--due", "1d"] => 2, "cannot be used with";
    a_format_in_capitals: ["check-expiration", "-o", "JSON"] => 2, "[possible values: text, json, yaml";
    an_empty_format: ["check-expiration", "-o", ""] => 2, "--output";
    two_formats: ["check-expiration", "-o", "json", "-o", "yaml"] => 2, "cannot be used multiple times";
    an_empty_time: ["renew", "--due", ""] => 2, "is not a duration";
    a_time_without_a_unit: ["renew", "--due", "30"] => 2, "is not a duration";
    a_time_in_years: ["renew", "--due", "1y"] => 2, "is not a duration";
    a_time_that_is_negative: ["renew", "--due=-1d"] => 2, "is negative";
    a_time_without_end: ["renew", "--due", "inf"] => 2, "is not a duration";
    a_time_of_many_digits: ["renew", "--due", "9999999999999999999999999999h"] => 2, "100 years";
    a_time_with_a_blank: ["renew", "--due", "30 d"] => 2, "is not a duration";
    a_time_in_other_digits: ["renew", "--due", "\u{0663}\u{0660}d"] => 2, "is not a duration";
    a_number_that_is_negative: ["renew", "all", "--keep=-1"] => 2, "--keep";
    a_number_that_is_none: ["renew", "all", "--keep", "five"] => 2, "--keep";
    a_number_with_a_fraction: ["renew", "all", "--keep", "1.5"] => 2, "--keep";
    an_empty_number: ["renew", "all", "--keep", ""] => 2, "--keep";
    a_number_beyond_all: ["renew", "all", "--keep", "99999999999999999999"] => 2, "--keep";
    two_generations: ["rollback", "a", "b"] => 2, "unexpected argument 'b'";
    a_template_that_there_is_not: ["template", "RBAC"] => 2, "[possible values: rbac]";
    a_date_of_no_kind: ["init", "--now", "2026-13-01T00:00:00Z"] => 2, "invalid value";
    a_word_that_steers_the_terminal: ["renew", "\u{1b}[31mred\u{7}"] => 2, "invalid value";

    // Where it leads.
    a_file_as_root: ["init", "--rootfs", "/etc/passwd"] => 3, "/etc/passwd";
    a_device_as_root: ["init", "--rootfs", "/dev/null"] => 3, "/dev/null";
    a_folder_below_a_file: ["init", "--cert-dir", "/etc/passwd/pki"] => 3, "/etc/passwd";
    a_file_for_certificates: ["init", "--cert-dir", "/etc/passwd"] => 3, "/etc/passwd";
    a_file_for_kubeconfigs: ["init", "--rootfs", "x", "--kubeconfig-dir", "/etc/passwd"] => 3, "/etc/passwd";
    up_and_away: ["init", "--cert-dir", "x/../../y"] => 3, "--cert-dir: ";
    a_configuration_that_is_not_there: ["init", "--config", "nowhere.yaml"] => 3, "`nowhere.yaml`: No such file";
    a_configuration_in_a_folder_that_is_not_there: ["init", "--config", "no/where.yaml"] => 3, "`no/where.yaml`: No such file";
    a_configuration_below_a_file: ["init", "--config", "/etc/passwd/x"] => 3, "/etc/passwd/x";
    a_folder_as_configuration: ["init", "--config", "."] => 3, "it is a directory, want a file";
    a_folder_as_configuration_of_a_check: ["check-expiration", "--config", "/etc"] => 3, "it is a directory, want a file";
    a_folder_as_configuration_of_a_renewal: ["renew", "all", "--config", "/etc"] => 3, "it is a directory, want a file";
    a_device_as_configuration: ["init", "--config", "/dev/zero"] => 3, "want a file";
    a_terminal_as_configuration: ["init", "--config", "/dev/tty"] => 3, "/dev/tty";
    a_program_as_configuration: ["init", "--config", "/bin/sh"] => 3, "/bin/sh";
    users_as_configuration: ["init", "--config", "/etc/passwd"] => 3, "/etc/passwd";
    no_input_as_configuration: ["init", "--config", "-"] => 3, "standard input";
    no_input_as_configuration_of_a_check: ["check-expiration", "--config", "-"] => 3, "standard input";
    no_input_as_configuration_of_a_renewal: ["renew", "all", "--config", "-"] => 3, "standard input";
    two_configurations: ["init", "--config", "-", "--config", "x"] => 2, "cannot be used multiple times";
    a_path_that_is_too_long: ["init", "--config", &"x".repeat(5000)] => 3, "too long";
    a_folder_whose_path_is_too_long: ["init", "--rootfs", &"x/".repeat(3000)] => 3, "too long";
    a_folder_whose_name_is_too_long: ["init", "--rootfs", &"x".repeat(300)] => 3, "too long";
    a_configuration_whose_name_steers_the_terminal: ["init", "--config", "\u{1b}[31m\u{202e}red\n"] => 3, "No such file";
    a_root_whose_name_steers_the_terminal: ["init", "--rootfs", "/etc/passwd/\u{1b}[31m\u{202e}red\n"] => 3, "/etc/passwd";
    certificates_whose_folder_steers_the_terminal: ["init", "--cert-dir", "\u{1b}[31m\u{202e}red\n"] => 3, "--cert-dir: ";
    a_history_of_nothing: ["history", "--rootfs", "nowhere"] => 0, "";
    a_ledger_of_nothing: ["ledger", "--rootfs", "nowhere"] => 0, "";
    nothing_to_roll_back: ["rollback", "--rootfs", "nowhere"] => 3, "no generation is kept";
    nothing_to_renew: ["renew", "apiserver", "--rootfs", "nowhere"] => 3, "cannot renew `apiserver`: there is none";
}

/// Every command with its words, also below others.
fn commands() -> Vec<(Vec<String>, clap::Command)> {
    fn collect(
        path: &[String],
        command: &clap::Command,
        found: &mut Vec<(Vec<String>, clap::Command)>,
    ) {
        if command.get_subcommands().next().is_none() {
            found.push((path.to_vec(), command.clone()));
        }
        for below in command.get_subcommands() {
            collect(
                &[path, &[below.get_name().to_owned()]].concat(),
                below,
                found,
            );
        }
    }
    let mut cli = Cli::command();
    cli.build();
    let mut found = Vec::new();
    collect(&[], &cli, &mut found);
    assert!(found.len() >= 7, "{}", found.len());
    found
}

/// Something that a flag takes; none for a switch.
fn value_for(arg: &clap::Arg) -> Option<String> {
    if !matches!(arg.get_action(), ArgAction::Set) {
        return None;
    }
    let value = match arg.get_id().as_str() {
        "warn" | "critical" | "due" => "30d",
        "keep" => "3",
        "now" => "2026-01-01T00:00:00Z",
        _ => "x",
    };
    let possible = arg.get_possible_values();
    Some(
        possible
            .first()
            .map_or(value.to_owned(), |first| first.get_name().to_owned()),
    )
}

/// Calls `each` with the words of every command, and every flag of it that may stand there once.
fn each_flag(each: impl Fn(&[&str], &str, Option<String>)) -> usize {
    let mut count = 0;
    for (path, command) in commands() {
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        let flags = command.get_arguments().filter(|arg| {
            matches!(arg.get_action(), ArgAction::Set | ArgAction::SetTrue) && !arg.is_positional()
        });
        for arg in flags {
            let flag = format!("--{}", arg.get_long().unwrap());
            each(&path, &flag, value_for(arg));
            count += 1;
        }
    }
    count
}

#[test]
fn no_flag_stands_there_twice() {
    let count = each_flag(|path, flag, value| {
        let once: Vec<&str> = [flag].into_iter().chain(value.as_deref()).collect();
        check(
            &[path, &once, &once].concat(),
            2,
            "cannot be used multiple times",
        );
    });
    assert!(count > 40, "{count}");
}

#[test]
fn no_flag_stands_there_without_its_value_or_with_an_empty_one() {
    let count = each_flag(|path, flag, value| {
        if value.is_none() {
            return;
        }
        check(&[path, &[flag]].concat(), 2, "a value is required");
        let run = type_in(&[path, &[&format!("{flag}=")]].concat());
        assert!(matches!(run.code, Some(2 | 3)), "{run}");
        assert!(run.stderr.contains(flag), "{flag} is not named: {run}");
    });
    assert!(count > 40, "{count}");
}

#[test]
fn a_flag_that_is_almost_right_is_answered_with_the_right_one() {
    each_flag(|path, flag, _| {
        let wrong = format!("{flag}s");
        // What is for tests is not offered.
        let hint = if flag == "--now" { &wrong } else { flag };
        check(&[path, &[&wrong]].concat(), 2, &format!("'{hint}"));
    });
}

#[test]
fn no_command_takes_an_unknown_flag() {
    for (path, _) in commands() {
        let path: Vec<_> = path.iter().map(String::as_str).collect();
        for flag in ["--bogus", "--bogus=x", "-Z", "--", "---"] {
            let words = [&path[..], &[flag, "bogus"]].concat();
            let run = type_in(&words);
            // Behind two dashes it is no flag but the name of a generation, of which there is none.
            let code = match (&path[..], flag) {
                (["rollback"], "--") => 3,
                _ => 2,
            };
            assert_eq!(run.code, Some(code), "{run}");
        }
    }
}

#[test]
fn no_command_is_done_when_its_arguments_are_not_text() {
    for (path, command) in commands() {
        let t = Specimen::empty();
        for word in [&b"--bogus\xff"[..], b"\xff\xfe", b"--rootfs=\xff"] {
            let run = sane(run(pki()
                .current_dir(t.folder())
                .args(&path)
                .arg(OsStr::from_bytes(word))));
            assert_eq!(run.code, Some(2), "{}: {run}", command.get_name());
            assert!(t.snapshot().is_empty(), "{run}");
        }
    }
}

/// A configuration by another name, or of another kind: refused without hanging, and nothing of it is shown.
#[test]
fn no_configuration_but_a_file_is_read() {
    type Make = fn(&Specimen, &Path);
    let cases: [(&str, Make, &str); 9] = [
        (
            "FIFO",
            |_, path| drop(run(Command::new("mkfifo").arg(path)).ok()),
            "want a file",
        ),
        (
            "socket",
            |_, path| drop(UnixListener::bind(path).unwrap()),
            "want a file",
        ),
        (
            "dangling link",
            |_, path| symlink("nowhere", path).unwrap(),
            "No such file",
        ),
        (
            "link to itself",
            |_, path| symlink(path, path).unwrap(),
            "symbolic links",
        ),
        (
            "link to a folder",
            |_, path| symlink(".", path).unwrap(),
            "want a file",
        ),
        (
            "link to a device",
            |_, path| symlink("/dev/zero", path).unwrap(),
            "want a file",
        ),
        (
            "empty file",
            |_, path| fs::write(path, "").unwrap(),
            "config",
        ),
        (
            "100 MiB",
            |_, path| File::create(path).unwrap().set_len(100 << 20).unwrap(),
            "104857600 bytes",
        ),
        (
            "a byte too many",
            |_, path| fs::write(path, vec![b'#'; (1 << 20) + 1]).unwrap(),
            "1048577 bytes",
        ),
    ];
    for (what, make, reason) in cases {
        for command in [&["init"][..], &["check-expiration"], &["renew", "all"]] {
            let t = Specimen::new();
            let path = t.folder().join("config");
            make(&t, &path);
            let before = t.snapshot();
            let run = t.pki(&[command, &["--config", path.to_str().unwrap()]].concat());
            assert_eq!(run.code, Some(3), "{what}: {run}");
            assert!(run.stderr.contains(reason), "{what}: {reason:?}: {run}");
            t.assert_unchanged(&before, &run);
            assert!(t.slowest() < Duration::from_secs(5), "{what}: {run}");
        }
    }
}

/// The wrong file of the tree, and the one with the secrets at that.
#[test]
fn a_file_of_the_tree_is_no_configuration_and_nothing_of_it_is_shown() {
    for name in [
        "pki/ca.key",
        "pki/sa.key",
        "pki/ca.crt",
        "pki/sa.pub",
        "admin.conf",
        "kubelet.conf",
        ".pki/ledger.jsonl",
    ] {
        for command in [&["init"][..], &["check-expiration"], &["renew", "all"]] {
            let t = Specimen::new();
            let before = t.snapshot();
            let path = t.path(name);
            let run = t.pki(&[command, &["--config", path.to_str().unwrap()]].concat());
            assert_eq!(run.code, Some(3), "{name}: {run}");
            assert!(run.stderr.contains(path.to_str().unwrap()), "{name}: {run}");
            t.assert_unchanged(&before, &run);
        }
    }
}

/// Whoever cannot tell which tree was meant renews the wrong one (kubernetes/kubernetes#110708).
#[test]
fn the_folders_that_are_used_are_always_said() {
    let t = Specimen::new();
    let folders = format!(
        "certificates in {}, kubeconfigs in {}",
        t.path("pki").display(),
        t.path("").display().to_string().trim_end_matches('/')
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
        let run = t.pki(command).ok();
        assert!(run.stdout.starts_with(&folders), "{run}");
    }
}

/// Flags go before the file, and what was recorded elsewhere is not asked.
#[test]
fn a_directory_on_the_command_line_goes_before_the_configurations() {
    let t = Specimen::empty();
    let config = t.folder().join("cluster.yaml");
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificatesDir: /srv/pki\nencryptionAlgorithm: ECDSA-P256\n";
    fs::write(&config, text).unwrap();
    let cert_dir = t.folder().join("here/pki");
    let words = [
        "init",
        "--node-name",
        "cp-1",
        "--config",
        config.to_str().unwrap(),
        "--cert-dir",
        cert_dir.to_str().unwrap(),
    ];
    let init = t.pki(&words).ok();
    assert!(cert_dir.join("ca.crt").is_file(), "{init}");
    assert!(!t.folder().join("srv").exists(), "{init}");
    assert!(init.stdout.contains(cert_dir.to_str().unwrap()), "{init}");
    // Without the file the record knows where everything is.
    for command in [
        &["check-expiration"][..],
        &["renew", "apiserver"],
        &["init"],
    ] {
        let kubeconfigs = t.folder().join("here");
        let words = [
            command,
            &["--kubeconfig-dir", kubeconfigs.to_str().unwrap()],
        ]
        .concat();
        t.pki(&words).ok();
    }
}

#[test]
fn a_name_behind_the_dashes_is_a_name() {
    let t = Specimen::new();
    let before = t.leaves();
    let run = sane(run(pki()
        .args(["renew", "--rootfs"])
        .arg(t.folder())
        .args(["--", "apiserver", "admin.conf"])))
    .ok();
    let after = t.leaves();
    let changed: Vec<_> = before
        .keys()
        .filter(|row| before[*row] != after[*row])
        .collect();
    assert_eq!(changed, [&"admin.conf", &"apiserver"], "{run}");
}

#[test]
fn no_generation_lies_outside() {
    let t = Specimen::new();
    t.pki(&["renew", "apiserver"]).ok();
    let before = t.snapshot();
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
        let run = sane(run(pki()
            .args(["rollback", "--rootfs"])
            .arg(t.folder())
            .args(["--", name])));
        assert!(matches!(run.code, Some(2 | 3)), "{name:?}: {run}");
        t.assert_unchanged(&before, &run);
    }
}

/// Nothing that a shell finds first is run, and no variable of ours or another's is minded.
#[test]
fn nothing_on_the_path_is_run() {
    let t = Specimen::new();
    let traps = Specimen::empty();
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
        let path = traps.folder().join(program);
        let script = format!(
            "#!/bin/sh\n: > {}\n",
            traps.folder().join("sprung").display()
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let before = traps.snapshot();
    for words in [
        &["init"][..],
        &["check-expiration"],
        &["renew", "all"],
        &["rollback"],
        &["ledger"],
    ] {
        let run = sane(run(t
            .command(words)
            .env("PATH", traps.folder())
            .current_dir(traps.folder())))
        .ok();
        assert_eq!(differences(&before, &traps.snapshot()), "", "{run}");
    }
}

#[test]
fn no_variable_changes_what_is_said_of_a_tree() {
    let t = Specimen::new();
    t.write("pki/front-proxy-client.crt", "");
    let plain = t.pki(&["check-expiration"]);
    let before = t.snapshot();
    let long = "x".repeat(100_000);
    for (name, value) in [
        ("TZ", "Asia/Kathmandu"),
        ("TZ", ":/dev/zero"),
        ("TZDIR", "/nowhere"),
        ("LC_ALL", "ar_EG.UTF-8"),
        ("LANG", "C"),
        ("LANGUAGE", "de:fr"),
        ("PKI_ROOTFS", "/nowhere"),
        ("PKI_CONFIG", "/nowhere"),
        ("PKI_CERT_DIR", "/nowhere"),
        ("KUBECONFIG", "/nowhere"),
        ("KUBEADM_CONFIG", "/nowhere"),
        ("SSL_CERT_DIR", "/nowhere"),
        ("OPENSSL_MODULES", "/nowhere"),
        ("SOURCE_DATE_EPOCH", "0"),
        ("RUST_BACKTRACE", "full"),
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
        let run = sane(run(t.command(&["check-expiration"]).env(name, value)));
        assert_eq!(
            (run.code, &run.stdout, &run.stderr),
            (plain.code, &plain.stdout, &plain.stderr),
            "{name}"
        );
    }
    let binary = OsStr::from_bytes(b"\xff\xfe");
    let run = sane(run(t
        .command(&["check-expiration"])
        .env("LANG", binary)
        .env(binary, binary)));
    assert_eq!(run.stdout, plain.stdout);
    assert_eq!(differences(&before, &t.snapshot()), "");
}

/// Under cron nobody answers: neither a passphrase nor anything else is asked for, and nothing is waited for.
#[test]
fn nothing_is_asked_of_whoever_is_not_there() {
    for encrypted in ["pki/ca.key", "pki/apiserver.key"] {
        for words in [&["init"][..], &["renew", "all"], &["check-expiration"]] {
            let t = Specimen::new();
            t.edit(encrypted, |text| {
                text.replace("EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
            });
            // A pipe that stays open and never says anything.
            let (reader, writer) = pipe().unwrap();
            let start = Instant::now();
            let output = t
                .command(words)
                .stdin(reader)
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .output()
                .unwrap();
            drop(writer);
            assert!(start.elapsed() < Duration::from_secs(5), "{words:?}");
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(!text.to_lowercase().contains("passphrase:"), "{text}");
            assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
        }
    }
}
