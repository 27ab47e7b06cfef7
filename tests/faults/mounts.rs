//! A disk that is really full, really read-only, and files that are really immutable, in a mount namespace of its own.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{
    FLAGS, fresh_tree,
    judge::{Judge, Selection, State},
    scratch,
};
use crate::support::{Run, peers, record_skip, run};

/// A mount namespace; what is mounted in it goes away with it.
struct Room {
    child: Child,
    /// Whether it has a user namespace as well, since this does not run as root.
    mapped: bool,
    python: PathBuf,
}

impl Room {
    /// Makes one; the test is skipped where that is not permitted.
    fn new() -> Option<Room> {
        let [unshare, _, _, python] = peers(["unshare", "nsenter", "mount", "python"])?;
        for mapped in [false, true] {
            let mut command = Command::new(&unshare);
            command.arg("--mount");
            if mapped {
                command.args(["--user", "--map-root-user"]);
            }
            // Ends when its input is closed.
            command.args(["sh", "-c", "echo ready; exec cat"]);
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap())
                .read_line(&mut line)
                .unwrap();
            let room = Room {
                child,
                mapped,
                python: python.clone(),
            };
            if line == "ready\n" {
                return Some(room);
            }
        }
        record_skip("this system permits no mount namespace");
        None
    }

    /// Returns a command that runs a program in the room.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.child.id().to_string(), "--mount"]);
        if self.mapped {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        command
    }

    fn judge(&self) -> Judge {
        Judge::start_by(&mut self.command(&self.python))
    }

    fn pki(&self, arguments: &[&str], tree: &Path) -> Run {
        run(self
            .command(env!("CARGO_BIN_EXE_pki"))
            .args(arguments)
            .arg("--rootfs")
            .arg(tree))
    }

    /// Mounts a file system of that size, in memory, with a copy of the tree in it.
    #[track_caller]
    fn mount(&self, kibibytes: u64, tree: Option<&Path>, target: &Path) {
        let options = format!("size={kibibytes}k,mode=0700");
        run(self
            .command("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(target))
        .ok();
        if let Some(tree) = tree {
            run(self
                .command("cp")
                .arg("-a")
                .arg(tree.join("etc"))
                .arg(target))
            .ok();
        }
    }

    #[track_caller]
    fn remount(&self, options: &str, target: &Path) {
        run(self
            .command("mount")
            .args(["-o", &format!("remount,{options}")])
            .arg(target))
        .ok();
    }

    /// Returns how many KiB are in use.
    fn used(&self, target: &Path) -> u64 {
        let said = run(self
            .command("stat")
            .args(["--file-system", "--format", "%S %b %f"])
            .arg(target))
        .ok();
        let numbers: Vec<u64> = said
            .stdout
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        numbers[0] * (numbers[1] - numbers[2]) / 1024
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Fails unless the run failed on a file of the tree for that reason and says that nothing was changed.
#[track_caller]
fn expect_failure(ended: &Run, tree: &Path, reason: &str) {
    assert!(matches!(ended.code, Some(1 | 3)), "{ended}");
    assert!(ended.stderr.contains(reason), "{ended}");
    assert!(ended.stderr.contains(tree.to_str().unwrap()), "{ended}");
    assert!(ended.stderr.contains("no file was changed"), "{ended}");
}

#[test]
fn a_full_disk_changes_nothing_and_the_renewal_succeeds_once_there_is_room() {
    let Some(room) = Room::new() else { return };
    let (tree, folder) = (fresh_tree(), scratch());
    // The first file does not fit, or one of the new ones, or a copy of an old one, or the journal.
    for free in [0, 4, 64, 96, 140] {
        let target = folder.path().join(free.to_string());
        std::fs::create_dir(&target).unwrap();
        room.mount(1024, Some(tree.path()), &target);
        room.remount(&format!("size={}k", room.used(&target) + free), &target);
        let mut judge = room.judge();
        judge.remember(&target);
        let ended = room.pki(&["renew", "all"], &target);
        expect_failure(&ended, &target, "no space left on device");
        judge.expect(State::Old, &target, &Selection::All);
        room.remount("size=1024k", &target);
        room.pki(&["renew", "all"], &target).ok();
        judge.expect(State::New, &target, &Selection::All);
    }
}

#[test]
fn a_first_creation_on_a_disk_of_64_kib_leaves_nothing_and_succeeds_once_there_is_room() {
    let Some(room) = Room::new() else { return };
    let folder = scratch();
    room.mount(64, None, folder.path());
    let mut judge = room.judge();
    judge.remember(folder.path());
    let init = [&["init"][..], &FLAGS].concat();
    expect_failure(
        &room.pki(&init, folder.path()),
        folder.path(),
        "no space left on device",
    );
    judge.expect(State::Old, folder.path(), &Selection::Init);
    room.remount("size=1024k", folder.path());
    room.pki(&init, folder.path()).ok();
    judge.expect(State::New, folder.path(), &Selection::Init);
}

#[test]
fn a_read_only_mount_changes_nothing_and_the_renewal_succeeds_once_it_is_writable() {
    let Some(room) = Room::new() else { return };
    let (tree, folder) = (fresh_tree(), scratch());
    room.mount(1024, Some(tree.path()), folder.path());
    let mut judge = room.judge();
    judge.remember(folder.path());
    room.remount("ro", folder.path());
    let ended = room.pki(&["renew", "all"], folder.path());
    expect_failure(&ended, folder.path(), "read-only file system");
    // To check needs no write access.
    room.pki(&["check-expiration"], folder.path()).ok();
    room.remount("rw", folder.path());
    judge.expect(State::Old, folder.path(), &Selection::All);
    room.pki(&["renew", "all"], folder.path()).ok();
    judge.expect(State::New, folder.path(), &Selection::All);
}

#[test]
fn an_immutable_directory_or_file_changes_nothing_and_the_renewal_succeeds_once_it_is_mutable() {
    let Some(room) = Room::new() else { return };
    let (tree, folder) = (fresh_tree(), scratch());
    // The last one is found out only by the last rename but one, with all others done.
    for name in [
        "pki",
        "pki/etcd",
        ".pki",
        "pki/apiserver.key",
        "scheduler.conf",
    ] {
        let target = folder.path().join(name.replace('/', "-"));
        std::fs::create_dir(&target).unwrap();
        room.mount(1024, Some(tree.path()), &target);
        let immutable = target.join("etc/kubernetes").join(name);
        let chattr = |flag| run(room.command("chattr").arg(flag).arg(&immutable));
        let mut judge = room.judge();
        judge.remember(&target);
        let set = chattr("+i");
        if set.code != Some(0) {
            record_skip(&format!(
                "chattr +i is not permitted: {}",
                set.stderr.trim()
            ));
            return;
        }
        let ended = room.pki(&["renew", "all"], &target);
        let verdict = judge.judge(&target, &Selection::All, true);
        chattr("-i").ok();
        expect_failure(&ended, &target, "operation not permitted");
        assert!(
            verdict.state == State::Old && verdict.problems.is_empty(),
            "{name}: {verdict:?}"
        );
        room.pki(&["renew", "all"], &target).ok();
        judge.expect(State::New, &target, &Selection::All);
    }
}
