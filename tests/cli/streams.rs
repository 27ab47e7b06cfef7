//! Standard streams that are closed, full, broken or endless.

use std::{
    fs::File,
    io::pipe,
    process::{Command, Stdio},
};

use crate::{
    inputs::specimen::{Specimen, sane},
    support::{Run, run, run_with_input},
};

/// Runs our binary through a shell that redirects its streams.
fn redirected(specimen: &Specimen, arguments: &[&str], redirection: &str) -> Run {
    let command = specimen.command(arguments);
    let shell = format!("exec \"$0\" \"$@\" {redirection}");
    sane(run(Command::new("sh")
        .args(["-c", &shell])
        .arg(command.get_program())
        .args(command.get_args())))
}

/// Fails unless the tree is one that can be used: old or new, but whole.
#[track_caller]
fn assert_whole(specimen: &Specimen, after: &Run) {
    for arguments in [&["check-expiration"][..], &["init"]] {
        let run = specimen.pki(arguments);
        assert_eq!(
            run.code,
            Some(0),
            "after {after}\nthe tree is not whole: {run}"
        );
    }
    for (path, entry) in specimen.snapshot() {
        let name = path.to_string_lossy();
        assert!(
            !name.contains(".pki-new") && !name.contains(".pki-old"),
            "{name} is left by {after}"
        );
        if let crate::inputs::specimen::What::File(bytes) = entry.what {
            // A file that got the number of a closed stream would hold it.
            assert!(
                !String::from_utf8_lossy(&bytes).contains("RENEWED"),
                "the report is in {name}"
            );
        }
    }
}

#[test]
fn a_full_standard_output_is_an_error_that_says_what_became_of_the_tree() {
    let specimen = Specimen::new();
    for arguments in [
        &["check-expiration"][..],
        &["renew", "all", "--dry-run"],
        &["init"],
    ] {
        let before = specimen.snapshot();
        let run = redirected(&specimen, arguments, ">/dev/full");
        assert_eq!(run.code, Some(1), "{run}");
        assert!(
            run.stderr
                .contains("writing to standard output: No space left"),
            "{run}"
        );
        specimen.assert_unchanged(&before, &run);
    }
    let leaves = specimen.leaves();
    let run = redirected(&specimen, &["renew", "all"], ">/dev/full");
    assert_eq!(run.code, Some(1), "{run}");
    assert_whole(&specimen, &run);
    let done = specimen.leaves() != leaves;
    assert!(done, "{run}");
    assert!(
        run.stderr.contains("note: ") || run.stderr.lines().count() > 1,
        "was anything renewed? {run}"
    );
}

#[test]
fn a_broken_pipe_is_no_success_and_no_panic() {
    for arguments in [
        &["check-expiration"][..],
        &["renew", "all"],
        &["init"],
        &["template", "rbac"],
    ] {
        let specimen = Specimen::new();
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let output = match arguments[0] {
            "template" => crate::support::pki()
                .args(arguments)
                .stdout(writer)
                .output(),
            _ => specimen.command(arguments).stdout(writer).output(),
        }
        .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{arguments:?}: {stderr}");
    }
}

/// `pki renew all | head -1`: what was done is on nobody's screen.
#[test]
fn a_renewal_into_a_broken_pipe_says_on_standard_error_that_it_is_done() {
    let specimen = Specimen::new();
    let leaves = specimen.leaves();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let output = specimen
        .command(&["renew", "all"])
        .stdout(writer)
        .output()
        .unwrap();
    assert!(specimen.leaves() != leaves, "nothing was renewed");
    assert_ne!(
        output.stderr,
        b"",
        "exit code {:?} and not a word",
        output.status.code()
    );
}

/// Rust opens /dev/null in place of a closed stream, so nothing is lost but the words.
#[test]
fn closed_streams_do_no_harm() {
    for redirection in [">&-", "2>&-", "<&-", ">&- 2>&-", ">&- 2>&- <&-"] {
        let specimen = Specimen::new();
        let leaves = specimen.leaves();
        let run = redirected(&specimen, &["renew", "all"], redirection).ok();
        assert!(
            specimen
                .leaves()
                .iter()
                .all(|(row, bytes)| leaves[row] != *bytes),
            "{run}"
        );
        assert_whole(&specimen, &run);
        let refused = redirected(
            &specimen,
            &["renew", "all", "--now", "2040-01-01T00:00:00Z"],
            redirection,
        );
        assert_eq!(refused.code, Some(3), "{refused}");
    }
}

#[test]
fn a_full_standard_error_changes_nothing() {
    let specimen = Specimen::new();
    redirected(&specimen, &["renew", "all"], "2>/dev/full").ok();
    let refused = redirected(
        &specimen,
        &["renew", "all", "--now", "2040-01-01T00:00:00Z"],
        "2>/dev/full",
    );
    assert_eq!(refused.code, Some(3), "{refused}");
    let usage = redirected(&specimen, &["renew"], "2>/dev/full");
    assert_eq!(usage.code, Some(2), "{usage}");
    assert_whole(&specimen, &usage);
}

#[test]
fn a_configuration_that_does_not_arrive_is_refused() {
    for redirection in ["<&-", "</dev/null"] {
        let specimen = Specimen::empty();
        let run = redirected(&specimen, &["init", "--config", "-"], redirection);
        assert_eq!(run.code, Some(3), "{run}");
        assert!(run.stderr.contains("standard input"), "{run}");
        assert!(specimen.snapshot().is_empty(), "{run}");
    }
    // As the directory that someone meant a file in.
    let specimen = Specimen::empty();
    let run = redirected(&specimen, &["init", "--config", "-"], "</");
    assert_ne!(run.code, Some(0), "{run}");
    assert!(run.stderr.contains("standard input"), "{run}");
    assert!(specimen.snapshot().is_empty(), "{run}");
}

#[test]
fn an_endless_configuration_is_not_read_to_its_end() {
    let specimen = Specimen::empty();
    let mut command = specimen.command(&["init", "--config", "-"]);
    let output = command
        .stdin(File::open("/dev/zero").unwrap())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(specimen.snapshot().is_empty(), "{stderr}");
}

#[test]
fn a_configuration_arrives_by_standard_input() {
    let specimen = Specimen::empty();
    let text = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nencryptionAlgorithm: ECDSA-P256\nclusterName: from-a-pipe\n";
    let mut command = specimen.command(&["init", "--config", "-", "--node-name", "cp-1"]);
    sane(run_with_input(&mut command, text)).ok();
    assert!(specimen.text("admin.conf").contains("name: from-a-pipe"));
}

#[test]
fn what_is_not_a_file_is_no_configuration() {
    for path in [
        "/",
        "/dev/null",
        "/dev/zero",
        "/nowhere/at/all",
        "/proc/self/mem",
    ] {
        let specimen = Specimen::empty();
        let run = specimen.pki(&["init", "--config", path]);
        assert_eq!(run.code, Some(3), "{run}");
        assert!(
            run.stderr.contains(&format!("`{path}`")) || path == "/proc/self/mem",
            "{run}"
        );
        assert!(specimen.snapshot().is_empty(), "{run}");
    }
}
