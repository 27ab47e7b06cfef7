//! Limits of the process cause an error and leave the tree unchanged.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::unprivileged;
use crate::support::{
    Run, TestTree, peer,
    rows::{SIGNED, files_of},
    run, wait_until_locked,
};

/// Runs our binary in a shell that sets a limit. A run that hangs is killed (exit code 137), so that the test says which one.
pub(super) fn limited(tree: &TestTree, limit: &str, arguments: &[&str]) -> Run {
    let command = tree.command(arguments);
    let shell = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    tree.observe(
        Command::new("timeout")
            .args(["-s", "KILL", "300", "sh", "-c", &shell])
            .arg(command.get_program())
            .args(command.get_args()),
    )
}

/// A signal would end it without a message, and leave its temporary files in the tree.
#[test]
fn a_file_size_limit_causes_an_error_and_not_a_signal() {
    // In blocks of 512 bytes.
    for limit in ["-f 0", "-f 1", "-f 3"] {
        let tree = TestTree::new();
        limited(&tree, limit, &["renew", "all"])
            .exits(1)
            .says("no file was changed")
            .says("file too large")
            .restored_everything();
        tree.pki(&["renew", "all"]).exits(0);
    }
}

#[test]
fn too_few_descriptors_cause_an_error_and_change_nothing() {
    let mut failed = 0;
    for number in [5, 6, 7, 8, 10, 13, 17, 24, 32, 48] {
        let tree = TestTree::new();
        let run = limited(&tree, &format!("-n {number}"), &["renew", "all"]);
        assert!(matches!(run.code, Some(0 | 1 | 3)), "{number}: {run}");
        if run.code != Some(0) {
            failed += 1;
            run.says("too many open files").changed_files(&[""; 0]);
        }
        tree.pki(&["init"]).ok();
        tree.pki(&["renew", "all"]).ok();
    }
    assert!(failed > 3, "the limits were none: {failed}");
}

#[test]
fn too_few_descriptors_for_a_first_tree_leave_none() {
    for number in [5, 6, 8, 10, 13, 17, 24, 32] {
        let tree = TestTree::empty();
        let init = [
            "init",
            "--encryption-algorithm",
            "ECDSA-P256",
            "--node-name",
            "cp-1",
        ];
        let run = limited(&tree, &format!("-n {number}"), &init);
        assert!(matches!(run.code, Some(0 | 1 | 3)), "{number}: {run}");
        if run.code != Some(0) {
            let left = tree.snapshot();
            assert!(
                left.keys().all(|path| !path.ends_with("pki")),
                "{number}: {left:#?}: {run}"
            );
        }
        tree.pki(&init).ok();
    }
}

/// Enough for a check, and for making keys one after the other.
#[test]
fn a_small_address_space_is_enough() {
    let tree = TestTree::new();
    limited(&tree, "-v 262144", &["check-expiration"]).ok();
    limited(&tree, "-v 262144", &["renew", "all"]).ok();
}

/// The standard library aborts where there is no memory left; a renewal has to be whole all the same.
#[test]
fn too_small_an_address_space_does_no_harm() {
    let mut failed = 0;
    for kibibytes in [
        4_000, 8_000, 12_000, 16_000, 20_000, 24_000, 32_000, 48_000, 64_000,
    ] {
        let tree = TestTree::new();
        let run = limited(&tree, &format!("-v {kibibytes}"), &["renew", "all"]);
        assert_ne!(run.code, Some(101), "{kibibytes}: {run}");
        let all: Vec<_> = SIGNED.iter().flat_map(|row| files_of(row)).collect();
        // A run that is aborted leaves the file that names the holder of the lock, and its staging files.
        let mut renewed = run.files_changed();
        renewed.retain(|file| all.contains(file));
        assert!(
            renewed.is_empty() || renewed.len() == all.len(),
            "{kibibytes}: {run}"
        );
        failed += usize::from(run.code != Some(0));
        tree.pki(&["init"]).ok();
        tree.pki(&["renew", "all"]).ok();
    }
    assert!(failed > 0, "the limits were none");
}

/// Thirty thousand entries take several times this memory.
#[test]
fn a_long_ledger_is_listed_in_bounded_memory() {
    let tree = TestTree::new();
    let ledger = ".pki/ledger.jsonl";
    let entries = tree.text(ledger).lines().count();
    tree.edit(ledger, |text| text.repeat(30_000 / entries));
    let run = limited(&tree, "-v 36864", &["ledger"]).exits(0);
    let [_columns, listed @ ..] = &run.stdout.lines().collect::<Vec<_>>()[..] else {
        panic!("{run}");
    };
    assert_eq!(listed.len(), 30_000 / entries * entries);
}

/// The library for cryptography aborts the process if it gets no random bytes.
#[test]
#[cfg(target_arch = "x86_64")]
fn without_random_bytes_nothing_is_made() {
    let Some(python) = peer("python") else {
        return;
    };
    let without_random = |tree: &TestTree, arguments: &[&str]| {
        let command = tree.command(arguments);
        tree.observe(
            Command::new(&python)
                .args(["-I", "-c", include_str!("without_random.py")])
                .arg(command.get_program())
                .args(command.get_args()),
        )
    };
    let tree = TestTree::new();
    for arguments in [&["renew", "all"][..], &["renew", "all", "--dry-run"]] {
        without_random(&tree, arguments)
            .exits(1)
            .says("getting random bytes from the kernel: operation not permitted")
            .says("no file was changed")
            .restored_everything();
    }
    without_random(&tree, &["verify"]).exits(0);
    without_random(&tree, &["upload-certs"])
        .exits(1)
        .says("getting random bytes from the kernel")
        .prints_nothing();
    let init = ["init", "--node-name", "cp-1"];
    without_random(&TestTree::empty(), &init)
        .exits(1)
        .restored_everything();
}

/// Deep nesting is refused before the stack overflows.
#[test]
fn a_small_stack_is_enough() {
    let tree = TestTree::new();
    limited(&tree, "-s 512", &["renew", "all"]).ok();
    limited(&tree, "-s 512", &["check-expiration"]).ok();
    limited(&tree, "-s 192", &["renew", "all"]).ok();
    // 8 MiB is what a process usually gets.
    for limit in ["-s 8192", "-s 2048"] {
        let tree = TestTree::new();
        for nested in [
            format!("a: {}", "[".repeat(100_000)),
            format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000)),
            "{a: ".repeat(100_000),
            "- ".repeat(100_000),
            "? ".repeat(100_000),
            "!!map ".repeat(100_000),
        ] {
            tree.write("admin.conf", &nested);
            let config = tree.root().join("config.yaml");
            std::fs::write(&config, &nested).unwrap();
            let kubeconfig = limited(&tree, limit, &["init"]);
            let config = limited(
                &tree,
                limit,
                &["init", "--config", config.to_str().unwrap()],
            );
            for run in [kubeconfig, config] {
                assert_eq!(run.code, Some(3), "{limit}: {run}");
            }
        }
    }
}

/// Runs our binary as a user who may start no thread; none, and recorded as skipped, if that is not possible.
fn without_threads(tree: &TestTree, arguments: &[&str]) -> Option<Run> {
    let (program, prlimit) = (unprivileged()?, crate::support::peer("prlimit")?);
    run(Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(tree.root()))
    .ok();
    let plain = program.command();
    let mut words = plain.get_args();
    // The limit is set by whom it holds for.
    Some(run(Command::new(plain.get_program())
        .args(words.by_ref().take(5))
        .arg(prlimit)
        .arg("--nproc=1:1")
        .args(words)
        .args(arguments)
        .env_clear()))
}

/// Keys are then made one after the other.
#[test]
fn a_user_who_may_start_no_more_processes_gets_a_tree_or_an_error() {
    let tree = TestTree::empty();
    let root = tree.root().to_str().unwrap();
    let init = [
        "init",
        "--encryption-algorithm",
        "RSA-2048",
        "--node-name",
        "cp-1",
        "--rootfs",
        root,
    ];
    let Some(run) = without_threads(&tree, &init) else {
        return;
    };
    assert!(matches!(run.code, Some(0 | 1)), "{run}");
    assert_eq!(
        tree.path("pki/ca.key").exists(),
        run.code == Some(0),
        "{run}"
    );
}

#[test]
fn many_trees_are_checked_without_further_threads() {
    let tree = TestTree::new();
    let root = tree.root().to_str().unwrap();
    let arguments = [
        "check-expiration",
        "--now",
        crate::support::NOW_ARGUMENT,
        root,
        root,
        root,
    ];
    let Some(run) = without_threads(&tree, &arguments) else {
        return;
    };
    assert_eq!(run.ok().stdout.matches("apiserver-etcd-client").count(), 3);
}

#[test]
fn no_core_dump_contains_keys() {
    let tree = TestTree::empty();
    let mut command = tree.command(&[
        "init",
        "--encryption-algorithm",
        "RSA-4096",
        "--node-name",
        "cp-1",
    ]);
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until_locked(&mut child);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        line.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"],
        "{line}"
    );
}

/// The kernel gives the files of a process that is not dumpable to root, so that no other process of its user can trace it or
/// read its memory (proc(5), prctl(2)).
#[test]
fn no_other_process_of_its_user_can_read_its_memory() {
    let Some(program) = unprivileged() else {
        return;
    };
    let tree = TestTree::empty();
    std::os::unix::fs::chown(tree.root(), Some(65534), Some(65534)).unwrap();
    let mut command = program.command();
    command
        .args(["init", "--encryption-algorithm", "RSA-4096"])
        .args(["--node-name", "cp-1", "--rootfs"])
        .arg(tree.root())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    wait_until_locked(&mut child);
    let process = format!("/proc/{}", child.id());
    let owner = std::fs::metadata(format!("{process}/mem")).unwrap().uid();
    let status = std::fs::read_to_string(format!("{process}/status")).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(status.contains("\nUid:\t65534\t"), "{status}");
    assert_eq!(owner, 0);
}

/// Neither a file of the tree nor one of `pki`'s own state can make a run wait for a writer that never comes.
#[test]
fn a_fifo_in_the_place_of_any_file_hangs_no_command() {
    let names = [
        "pki/ca.key",
        "pki/apiserver.crt",
        "pki/sa.pub",
        "admin.conf",
        "pki/.pki-lock",
        ".pki/cluster.yaml",
        ".pki/ledger.jsonl",
        "pki/.pki-journal.commit",
        "pki/etcd",
        "pki",
        ".pki",
    ];
    for name in names {
        for command in [
            &["init"][..],
            &["check-expiration"],
            &["renew", "all"],
            &["history"],
            &["ledger"],
            &["config", "show"],
        ] {
            let tree = TestTree::new();
            let path = tree.path(name);
            if path.is_dir() {
                std::fs::remove_dir_all(&path).unwrap();
            } else if path.exists() {
                tree.remove(name);
            }
            run(std::process::Command::new("mkfifo").arg(&path)).ok();
            // Where it does not matter, the command does its work; else it is refused, and named.
            let run = tree.pki(command);
            match run.code {
                Some(0) => {}
                Some(3..=5) => assert!(run.stderr.contains(name), "{name}: {run}"),
                _ => panic!("{name}: {run}"),
            }
        }
    }
}
