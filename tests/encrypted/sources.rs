//! Where the passphrase comes from.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{PASSPHRASE, encrypted_tree, keeps_the_secret, passphrase_file};
use crate::support::{TestTree, peers, run, run_with_input};

/// Renews a certificate of the cluster CA.
const RENEW: [&str; 2] = ["renew", "apiserver"];

#[test]
fn a_file_with_or_without_a_line_end() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    for end in ["", "\n", "\r\n"] {
        passphrase_file(&tree, format!("{PASSPHRASE}{end}"));
        let words = [&RENEW[..], &["--ca-passphrase-file", &file]].concat();
        keeps_the_secret(tree.pki(&words))
            .exits(0)
            .says_nothing()
            .changed_rows(&["apiserver"]);
    }
}

/// `pass show` prints all lines of an entry. OpenSSL takes the first one, too.
#[test]
fn the_first_line_is_the_passphrase() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let notes = "url: example.net\n".repeat(100);
    let words = [&RENEW[..], &["--ca-passphrase-file=/dev/stdin"]].concat();
    keeps_the_secret(tree.pki_with_input(&words, &format!("{PASSPHRASE}\n{notes}")))
        .exits(0)
        .changed_rows(&["apiserver"]);
}

#[test]
fn standard_input_and_any_descriptor() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    // The second is a pipe by its path, as what a shell makes of `<(...)`.
    for path in ["-", "/dev/stdin"] {
        let words = [&RENEW[..], &["--ca-passphrase-file", path]].concat();
        keeps_the_secret(tree.pki_with_input(&words, &format!("{PASSPHRASE}\n")))
            .exits(0)
            .changed_rows(&["apiserver"]);
    }
    let words = [&RENEW[..], &["--ca-passphrase-file", "/dev/fd/3"]].concat();
    let pki = tree.command(&words);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec \"$@\" 3<\"$0\"", &file])
        .arg(pki.get_program())
        .args(pki.get_args());
    keeps_the_secret(tree.watch(&mut shell))
        .exits(0)
        .changed_rows(&["apiserver"]);
}

/// Nobody else can read standard input once one has read it.
#[test]
fn standard_input_has_one_reader() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    for words in [
        &["init"][..],
        &["renew", "all"],
        &["csr", "sign", "x.csr"],
        &["kubeconfig", "user", "--client-name=x"],
        &["kubeconfig", "kube-proxy"],
        &["kubeconfig", "bootstrap", "--node-name=x"],
    ] {
        let both = ["--ca-passphrase-file=-", "--config=-"];
        tree.pki(&[words, &both].concat())
            .exits(2)
            .says("can be read from standard input")
            .changed_nothing();
    }
    tree.pki(&["csr", "sign", "-", "--ca-passphrase-file=-"])
        .exits(2)
        .changed_nothing();
}

#[test]
fn a_systemd_credential_unless_the_flag_is_given() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    let credentials = tree.root().join("credentials");
    fs::create_dir(&credentials).unwrap();
    let with_credential = |credential: Option<&str>, flags: &[&str]| {
        let path = credentials.join("pki-ca-passphrase");
        match credential {
            Some(text) => fs::write(&path, text).unwrap(),
            None => drop(fs::remove_file(&path)),
        }
        let mut command = tree.command(&[&RENEW[..], flags].concat());
        let run = tree.watch(command.env("CREDENTIALS_DIRECTORY", &credentials));
        keeps_the_secret(run)
    };
    with_credential(Some(PASSPHRASE), &[])
        .exits(0)
        .changed_rows(&["apiserver"]);
    with_credential(Some("another"), &["--ca-passphrase-file", &file])
        .exits(0)
        .changed_rows(&["apiserver"]);
    with_credential(Some("another"), &[])
        .exits(3)
        .says("credentials/pki-ca-passphrase`)")
        .changed_nothing();
    // Other services may have other credentials.
    with_credential(None, &[])
        .exits(3)
        .says("no passphrase was given")
        .changed_nothing();
}

/// systemd sets an absolute path.
#[test]
fn a_file_of_the_current_directory_is_no_credential() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    tree.beside("pki-ca-passphrase", PASSPHRASE);
    for directory in ["", "."] {
        let mut command = tree.command(&RENEW);
        command
            .current_dir(tree.root())
            .env("CREDENTIALS_DIRECTORY", directory);
        keeps_the_secret(tree.watch(&mut command))
            .exits(3)
            .says("no passphrase was given")
            .changed_nothing();
    }
}

#[test]
fn a_run_that_needs_no_passphrase_does_not_read_the_credential() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let credentials = tree.root().join("credentials");
    fs::create_dir_all(credentials.join("pki-ca-passphrase")).unwrap();
    for (words, code) in [(&["renew", "--due", "1d"][..], 0), (&RENEW, 3)] {
        let mut command = tree.command(words);
        tree.watch(command.env("CREDENTIALS_DIRECTORY", &credentials))
            .exits(code)
            .changed_nothing();
    }
}

#[test]
fn no_environment_variable_has_the_passphrase() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let mut command = tree.command(&RENEW);
    for name in ["PKI_CA_PASSPHRASE", "PKI_PASSPHRASE", "CA_PASSPHRASE"] {
        command.env(name, PASSPHRASE);
    }
    keeps_the_secret(tree.watch(&mut command))
        .exits(3)
        .changed_nothing();
}

#[test]
fn a_file_that_everybody_can_read_is_used_with_a_warning() {
    let Some((tree, file)) = encrypted_tree() else {
        return;
    };
    for (mode, is_open) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let words = [&RENEW[..], &["--ca-passphrase-file", &file]].concat();
        let run = tree.pki(&words).exits(0);
        let text = format!("mode {mode:04o}, everybody can read the passphrase: `chmod 0600 ");
        assert_eq!(run.stderr.contains(&text), is_open, "{run}");
    }
}

/// A run of our binary at a terminal.
#[track_caller]
fn at_terminal(tree: &TestTree, arguments: &[&str], steps: &[(&str, &str)]) -> Option<Value> {
    let [python] = peers(["python3"])?;
    let pki = tree.command(arguments);
    let steps: Vec<_> = steps
        .iter()
        .map(|(wait, send)| json!([wait, send]))
        .collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/encrypted/terminal.py");
    let mut command = Command::new(python);
    command
        .arg(script)
        .arg(Value::from(steps).to_string())
        .arg(pki.get_program())
        .args(pki.get_args())
        .env_clear();
    let ended = run(&mut command).ok();
    let result: Value = serde_json::from_str(&ended.stdout).unwrap();
    let output = result["output"].as_str().unwrap();
    assert!(!output.contains("horse"), "{output}");
    assert_eq!(result["echo"], true, "{output}");
    Some(result)
}

const QUESTION: &str = "Passphrase of CA `ca`";

#[test]
fn the_terminal_is_asked_without_echo() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let typed = format!("{PASSPHRASE}\n");
    let Some(result) = at_terminal(&tree, &RENEW, &[(QUESTION, &typed)]) else {
        return;
    };
    assert_eq!(result["code"], 0, "{result}");
    // One passphrase for all CAs.
    let result = at_terminal(&tree, &["renew", "all"], &[(QUESTION, &typed)]).unwrap();
    assert_eq!(result["code"], 0, "{result}");
    assert!(result["output"].as_str().unwrap().contains("12 renewed"));
}

#[test]
fn a_wrong_or_empty_answer_and_an_end_of_input_change_nothing() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    for (typed, reason) in [
        ("wrong\n", "the passphrase is wrong, or the file is damaged"),
        ("\n", "the passphrase is empty"),
        ("\u{4}", "no passphrase was typed"),
    ] {
        let before = tree.snapshot();
        let Some(result) = at_terminal(&tree, &RENEW, &[(QUESTION, typed)]) else {
            return;
        };
        assert_eq!(result["code"], 3, "{result}");
        assert!(
            result["output"].as_str().unwrap().contains(reason),
            "{result}"
        );
        assert_eq!(before.changes(&tree.snapshot()), [""; 0]);
    }
}

/// Signals set only a flag in a run that writes; the question has to notice it, and to turn the echo on again.
#[test]
fn ctrl_c_ends_the_question() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let before = tree.snapshot();
    let Some(result) = at_terminal(&tree, &RENEW, &[(QUESTION, "\u{3}")]) else {
        return;
    };
    assert_eq!(result["code"], 130, "{result}");
    assert_eq!(before.changes(&tree.snapshot()), [""; 0]);
    // The process does not stop with the echo turned off.
    let typed = format!("\u{1a}\u{1c}{PASSPHRASE}\n");
    let result = at_terminal(&tree, &RENEW, &[(QUESTION, &typed)]).unwrap();
    // Both characters belong to the line, which is no passphrase.
    assert_eq!(result["code"], 3, "{result}");
}

#[test]
fn a_new_passphrase_is_asked_for_twice() {
    let tree = TestTree::empty();
    let flags = [
        &[
            "init",
            "--encrypt-ca-keys",
            "--encryption-algorithm=ECDSA-P256",
        ],
        &crate::support::FLAGS[..],
    ]
    .concat();
    let first = "New passphrase for the CA keys";
    let again = "Repeat the passphrase";
    let typed = format!("{PASSPHRASE}\n");
    let Some(result) = at_terminal(&tree, &flags, &[(first, &typed), (again, "other\n")]) else {
        return;
    };
    assert_eq!(result["code"], 3, "{result}");
    assert!(
        result["output"]
            .as_str()
            .unwrap()
            .contains("the two passphrases differ")
    );
    assert!(!tree.exists("pki"));
    let result = at_terminal(&tree, &flags, &[(first, &typed), (again, &typed)]).unwrap();
    assert_eq!(result["code"], 0, "{result}");
    let file = passphrase_file(&tree, PASSPHRASE);
    let words = [&RENEW[..], &["--ca-passphrase-file", &file]].concat();
    tree.pki(&words).exits(0);
}

/// Where a terminal exists but nobody looks at it, a question would hang.
#[test]
fn nothing_is_asked_where_no_stream_is_a_terminal() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let mut command = tree.command(&RENEW);
    let run = run_with_input(&mut command, "");
    run.exits(3).says("no passphrase was given").says(
        "hint: use `--ca-passphrase-file FILE` or the systemd credential `pki-ca-passphrase`, or run the command at a terminal",
    );
}

/// A slow writer is waited for: a pipe that is still empty is not an empty passphrase.
#[test]
fn a_pipe_is_read_to_its_end() {
    let Some((tree, _)) = encrypted_tree() else {
        return;
    };
    let (reader, mut writer) = std::io::pipe().unwrap();
    let words = [&RENEW[..], &["--ca-passphrase-file", "/dev/fd/0"]].concat();
    let mut command = tree.command(&words);
    let mut child = command.stdin(reader).stdout(Stdio::null()).spawn().unwrap();
    for part in [&PASSPHRASE[..5], &PASSPHRASE[5..], "\n"] {
        std::thread::yield_now();
        writer.write_all(part.as_bytes()).unwrap();
    }
    drop(writer);
    assert!(child.wait().unwrap().success());
}
