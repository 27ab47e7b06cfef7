//! Standard streams that are closed, full, broken or endless.

use std::{
    fs::File,
    io::pipe,
    process::{Command, Stdio},
};

use crate::support::{NOW_ARGUMENT, Run, TestTree, What, pki, rows::SIGNED, run_with_input, sane};

/// Runs our binary through a shell that redirects its streams.
fn redirected(tree: &TestTree, arguments: &[&str], redirection: &str) -> Run {
    let command = tree.command(arguments);
    let shell = format!("exec \"$0\" \"$@\" {redirection}");
    tree.watch(
        Command::new("sh")
            .args(["-c", &shell])
            .arg(command.get_program())
            .args(command.get_args()),
    )
}

/// Fails unless the tree is one that can be used: old or new, but whole.
#[track_caller]
fn assert_whole(tree: &TestTree, after: &Run) {
    for arguments in [&["check-expiration"][..], &["init"]] {
        tree.pki(arguments).exits(0);
    }
    for (path, entry) in tree.snapshot().iter() {
        let name = path.to_string_lossy();
        assert!(
            !name.contains(".pki-new") && !name.contains(".pki-old"),
            "{name} is left by {after}"
        );
        if matches!(entry.what, What::File(_)) {
            // A file that got the number of a closed stream would hold it.
            let text = std::fs::read(tree.root().join(path)).unwrap();
            assert!(
                !String::from_utf8_lossy(&text).contains("certificates in "),
                "the report is in {name}"
            );
        }
    }
}

#[test]
fn a_full_standard_output_is_an_error_that_says_what_became_of_the_tree() {
    let tree = TestTree::new();
    for arguments in [
        &["check-expiration"][..],
        &["renew", "all", "--dry-run"],
        &["init"],
    ] {
        redirected(&tree, arguments, ">/dev/full")
            .exits(1)
            .says("writing to standard output: no space left on device\n")
            .changed_nothing();
    }
    let run = redirected(&tree, &["renew", "all"], ">/dev/full")
        .exits(1)
        .changed_rows(&SIGNED);
    assert_whole(&tree, &run);
    assert!(
        run.stderr.contains("note: ") || run.stderr.lines().count() > 1,
        "was anything renewed? {run}"
    );
}

#[test]
fn a_closed_pipe_changes_no_exit_code() {
    for arguments in [
        &["check-expiration"][..],
        &["renew", "all"],
        &["init"],
        &["template", "rbac"],
    ] {
        let tree = TestTree::new();
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = match arguments[0] {
            "template" => crate::support::pki()
                .args(arguments)
                .stdout(writer)
                .output(),
            _ => tree.command(arguments).stdout(writer).output(),
        }
        .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

/// `pki renew all | head -1`: the report is on no screen.
#[test]
fn a_renewal_into_a_broken_pipe_says_on_standard_error_that_it_is_done() {
    let tree = TestTree::new();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let before = tree.read("scheduler.conf");
    let output = tree
        .command(&["renew", "all"])
        .stdout(writer)
        .output()
        .unwrap();
    assert!(tree.read("scheduler.conf") != before, "nothing was renewed");
    assert_ne!(output.stderr, b"", "exit code {:?}", output.status.code());
}

/// Rust opens /dev/null in place of a closed stream, so nothing is lost but the words.
#[test]
fn closed_streams_change_nothing() {
    for redirection in [">&-", "2>&-", "<&-", ">&- 2>&-", ">&- 2>&- <&-"] {
        let tree = TestTree::new();
        let run = redirected(&tree, &["renew", "all"], redirection)
            .exits(0)
            .changed_rows(&SIGNED);
        assert_whole(&tree, &run);
        redirected(
            &tree,
            &["renew", "all", "--now", "2040-01-01T00:00:00Z"],
            redirection,
        )
        .exits(5);
    }
}

#[test]
fn a_full_standard_error_changes_nothing() {
    let tree = TestTree::new();
    redirected(&tree, &["renew", "all"], "2>/dev/full").ok();
    redirected(
        &tree,
        &["renew", "all", "--now", "2040-01-01T00:00:00Z"],
        "2>/dev/full",
    )
    .exits(5);
    let usage = redirected(&tree, &["renew"], "2>/dev/full").exits(2);
    assert_whole(&tree, &usage);
}

#[test]
fn a_configuration_that_does_not_arrive_is_refused() {
    for redirection in ["<&-", "</dev/null"] {
        let tree = TestTree::empty();
        let run = redirected(&tree, &["init", "--config", "-"], redirection)
            .exits(3)
            .says("standard input");
        assert!(tree.snapshot().is_empty(), "{run}");
    }
    // As the directory that someone meant a file in.
    let tree = TestTree::empty();
    let run = redirected(&tree, &["init", "--config", "-"], "</");
    assert_ne!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("standard input"), "{run}");
    assert!(tree.snapshot().is_empty(), "{run}");
}

#[test]
fn an_endless_configuration_is_not_read_to_its_end() {
    let tree = TestTree::empty();
    let mut command = tree.command(&["init", "--config", "-"]);
    let output = command
        .stdin(File::open("/dev/zero").unwrap())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(tree.snapshot().is_empty(), "{stderr}");
}

#[test]
fn a_configuration_arrives_by_standard_input() {
    let tree = TestTree::empty();
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nencryptionAlgorithm: ECDSA-P256\nclusterName: from-a-pipe\n";
    let mut command = tree.command(&["init", "--config", "-", "--node-name", "cp-1"]);
    sane(run_with_input(&mut command, text)).ok();
    assert!(tree.text("admin.conf").contains("name: from-a-pipe"));
}

#[test]
fn standard_input_is_not_cut() {
    let tree = TestTree::new();
    let certificate = tree.text("pki/ca.crt");
    let blank = |count| "\n".repeat(count);
    // One certificate at the end of more than a file of a tree may hold.
    for (size, code) in [(2 << 20, 0), (16 << 20, 3)] {
        let text = blank(size) + &certificate;
        let run = run_with_input(pki().args(["show", "-"]), &text).exits(code);
        assert_eq!(run.stdout.contains("CN=kubernetes"), code == 0, "{run}");
        let text = format!("{}{}\n", blank(size), tree.root().display());
        let check = [
            "check-expiration",
            "--now",
            NOW_ARGUMENT,
            "--trees-from",
            "-",
        ];
        run_with_input(pki().args(check), &text).exits(code);
    }
    let mut command = tree.command(&["check-expiration", "--config", "-"]);
    run_with_input(&mut command, &blank((1 << 20) + 1))
        .exits(3)
        .says("reading the configuration: standard input has more than 1048576 bytes");
}
