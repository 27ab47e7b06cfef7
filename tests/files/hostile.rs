//! Random hostile trees: whatever they hold, no command writes, removes or changes anything outside the named directories.
//!
//! Each tree is in a directory `root` with other files beside it, and some of its parts are replaced: by links that lead
//! inside and outside, hard links, FIFOs, foreign files, other modes, owners and ACLs, and by journals and manifests with
//! hostile names. Then commands run with `--rootfs root` in a random order. A snapshot of everything, before and after each
//! command, shows what changed. With `PKI_HOSTILE_TREES=all` in the environment there are 500 trees instead of a few.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use rustix::fs::XattrFlags;
use serde_json::json;

use crate::support::rows::{CAS, KUBECONFIGS, SIGNED, files_of};
use crate::support::{FLAGS, Snapshot, TestTree, copy, differences, run, say, sha256, snapshot};

const ALL: usize = 500;
const SOME: usize = 16;

/// What runs on each tree.
const COMMANDS: [&[&str]; 14] = [
    &["init"],
    &["init", "--dry-run"],
    &["renew", "all"],
    &["renew", "all", "--keep", "0"],
    &["renew", "all", "--keep", "1"],
    &["renew", "--due", "9000h"],
    &["rollback"],
    &["rollback", "--redo"],
    &["recover", "--finish"],
    &["recover", "--discard"],
    &["history", "--purge"],
    &["history"],
    &["check-expiration"],
    &["config", "show"],
];

/// How many of them run on a tree.
const RUNS: usize = 6;

#[test]
fn nothing_outside_the_named_directories_is_changed() {
    let all = env::var("PKI_HOSTILE_TREES").is_ok_and(|value| value == "all");
    let count = if all { ALL } else { SOME };
    let base = &base();
    let workers = thread::available_parallelism().unwrap().get();
    let attack = |worker: usize| -> usize {
        let seeds = (worker..count).step_by(workers);
        seeds
            .map(|seed| Hostile::new(base, seed as u64).attack())
            .sum()
    };
    let wrote: usize = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || attack(worker)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    let runs = count * RUNS;
    say(&format!(
        "hostile trees: {count} trees, {runs} runs, of which {wrote} wrote something\n"
    ));
    // If everything was refused, this test would show nothing.
    assert!(
        wrote * 8 > runs,
        "only {wrote} of {runs} runs wrote something"
    );
}

/// Returns a tree with two generations and a ledger.
fn base() -> TestTree {
    let tree = TestTree::new();
    tree.pki(&["renew", "all"]).exits(0);
    tree.pki(&["renew", "apiserver"]).exits(0);
    tree
}

/// A tree with the files around it.
struct Hostile {
    seed: u64,
    random: Random,
    tree: TestTree,
    /// The directory that holds the tree's root directory.
    around: PathBuf,
    /// The directories in which commands may write, relative to `around`.
    named: Vec<PathBuf>,
    /// What was done to the tree, for messages.
    done: Vec<String>,
}

impl Hostile {
    fn new(base: &TestTree, seed: u64) -> Hostile {
        let tree = TestTree::nested();
        let around = tree.root().parent().unwrap().to_owned();
        copy(&base.path(""), &tree.path(""));
        fs::create_dir_all(tree.root().join("var/lib/kubelet/pki")).unwrap();
        // The same names as in the tree, so that whatever goes there finds what it looks for.
        for outside in [around.join("beyond"), tree.root().join("outside")] {
            copy(&base.path(""), &outside);
            fs::write(outside.join(".admin.conf.pki-new"), "planted").unwrap();
            fs::write(outside.join(".admin.conf.pki-old"), "planted").unwrap();
        }
        Hostile {
            seed,
            random: Random(seed),
            tree,
            around,
            named: vec![PathBuf::from("root/etc/kubernetes")],
            done: Vec::new(),
        }
    }

    /// Runs commands, and returns how many of them wrote something.
    fn attack(mut self) -> usize {
        for _ in 0..=self.random.below(5) {
            let (what, act) = *self.random.one_of(&ACTS);
            let name = act(&mut self);
            self.done.push(format!("{what}: {name}"));
        }
        let mut wrote = 0;
        let mut before = snapshot(&self.around);
        for _ in 0..RUNS {
            let arguments = *self.random.one_of(&COMMANDS);
            let flags = match arguments {
                ["init", ..] => &FLAGS[..],
                _ => &[],
            };
            let run = self.tree.pki(&[arguments, flags].concat());
            let after = snapshot(&self.around);
            let changed = self.changed_outside(&before, &after);
            assert!(
                changed.is_empty(),
                "tree {}: {changed:?}\n{:#?}\n{}\n{run}",
                self.seed,
                self.done,
                differences(&before, &after)
            );
            wrote += usize::from(before != after);
            before = after;
        }
        wrote
    }

    /// Returns what changed outside the named directories, or is foreign.
    fn changed_outside(&self, before: &Snapshot, after: &Snapshot) -> Vec<PathBuf> {
        let is_foreign = |path: &Path| {
            path.components()
                .any(|part| part.as_os_str().as_bytes().starts_with(b"foreign"))
        };
        let is_named = |path: &Path| self.named.iter().any(|named| path.starts_with(named));
        // A generation that is removed gets another name first, and keeps what is foreign.
        let was_moved = |path: &Path| {
            let entry = before.get(path).or_else(|| after.get(path));
            let mut both = before.iter().chain(after.iter());
            is_named(path)
                && both.any(|(other, found)| {
                    other != path && other.file_name() == path.file_name() && Some(found) == entry
                })
        };
        let paths = before.keys().chain(after.keys());
        let mut changed: Vec<_> = paths
            .filter(|path| before.get(*path) != after.get(*path))
            .filter(|path| !is_named(path) || (is_foreign(path) && !was_moved(path)))
            .cloned()
            .collect();
        changed.dedup();
        changed
    }

    /// Returns the path of a random file of a row.
    fn file(&mut self) -> String {
        let rows = [&SIGNED[..], &CAS].concat();
        let names: Vec<_> = rows.into_iter().flat_map(files_of).collect();
        self.random.one_of(&names).clone()
    }

    /// Returns a random name in the state directory.
    fn state_file(&mut self) -> String {
        let generation = self.generation();
        let names = [
            ".pki".to_owned(),
            ".pki/generations".to_owned(),
            ".pki/cluster.yaml".to_owned(),
            ".pki/ledger.jsonl".to_owned(),
            ".pki/ledger-0.jsonl".to_owned(),
            ".pki/ledger-99999999.jsonl".to_owned(),
            ".pki/generations/.new".to_owned(),
            ".pki/generations/.old-20261121T000000Z-renew".to_owned(),
            ".pki/generations/20261121T000000Z-renew".to_owned(),
            format!(".pki/generations/{generation}"),
            format!(".pki/generations/{generation}/manifest.json"),
            format!(".pki/generations/{generation}/apiserver.crt"),
            "pki/.pki-lock".to_owned(),
            "pki/.pki-journal.commit".to_owned(),
            "pki/.pki-journal.undo".to_owned(),
            "pki/..pki-journal.commit.pki-new".to_owned(),
            "pki/.apiserver.key.pki-new".to_owned(),
            "pki/etcd/.server.crt.pki-old".to_owned(),
            ".admin.conf.pki-new".to_owned(),
        ];
        self.random.one_of(&names).clone()
    }

    /// Returns the name of a generation that the tree was made with.
    fn generation(&mut self) -> String {
        let mut names: Vec<_> = fs::read_dir(self.around.join("beyond/.pki/generations"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        self.random.one_of(&names).clone()
    }

    /// Returns a target for a link at `name`: the same name outside or inside, however that is reached.
    fn target(&mut self, name: &str) -> PathBuf {
        let up = "../".repeat(name.matches('/').count() + 2);
        let beyond = self.around.join("beyond").join(name);
        match self.random.below(8) {
            0 => Path::new("/outside").join(name),
            1 => PathBuf::from(format!("{up}outside/{name}")),
            2 => PathBuf::from(format!("{up}../beyond/{name}")),
            3 => beyond,
            4 => PathBuf::from(format!("{up}../../../../../..{}", beyond.display())),
            5 => Path::new("/etc/kubernetes").join(self.file()),
            6 => PathBuf::from(format!(
                "{up}etc/kubernetes/foreign-{}",
                self.random.below(9)
            )),
            _ => self.tree.path(name),
        }
    }

    /// Removes whatever has this name; none if its directory is not in the tree any more.
    fn clear(&self, name: &str) -> Option<PathBuf> {
        let path = self.tree.path(name);
        let parent = path.parent()?;
        // An earlier act may have made a link or a file of the directory.
        let real = parent.canonicalize().ok()?;
        let mut named = self.named.iter().map(|named| self.around.join(named));
        if !real.is_dir() || !named.any(|named| real.starts_with(named)) {
            return None;
        }
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path).ok()?,
            Ok(_) => fs::remove_file(&path).ok()?,
            Err(_) => {}
        }
        Some(path)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        if let Some(path) = self.clear(name) {
            fs::write(path, bytes).unwrap();
        }
    }
}

/// What can be done to a tree, in words; each returns the name that it was done to.
type Act = fn(&mut Hostile) -> String;

const ACTS: [(&str, Act); 16] = [
    ("link in place of a file", link_of_row),
    ("link in place of state", link_of_state),
    ("link in place of state", link_of_state),
    ("link in place of a directory", link_of_directory),
    ("hard link", hard_link),
    ("FIFO, socket or directory", odd_kind),
    ("journal", hostile_journal),
    ("journal that fits the tree", pending_journal),
    ("manifest", hostile_manifest),
    ("foreign entry", foreign_entry),
    ("junk in place of state", junk),
    ("kubeconfig that names files", named_files),
    ("mode", other_mode),
    ("owner", other_owner),
    ("ACL", acl),
    ("named directory elsewhere", moved),
];

fn link_of_row(tree: &mut Hostile) -> String {
    let name = tree.file();
    link(tree, name)
}

fn link_of_state(tree: &mut Hostile) -> String {
    let name = tree.state_file();
    link(tree, name)
}

fn link_of_directory(tree: &mut Hostile) -> String {
    let name = *tree
        .random
        .one_of(&["pki/etcd", ".pki", ".pki/generations"]);
    link(tree, name.to_owned())
}

fn link(tree: &mut Hostile, name: String) -> String {
    let target = tree.target(&name);
    if let Some(path) = tree.clear(&name) {
        symlink(&target, path).unwrap();
    }
    format!("{name} -> {}", target.display())
}

/// One file with two names: one in the tree, the other outside.
fn hard_link(tree: &mut Hostile) -> String {
    let name = match tree.random.below(2) {
        0 => tree.file(),
        _ => tree.state_file(),
    };
    let beyond = tree.around.join("beyond").join(&name);
    if beyond.is_file()
        && let Some(path) = tree.clear(&name)
    {
        fs::hard_link(beyond, path).unwrap();
    }
    name
}

fn odd_kind(tree: &mut Hostile) -> String {
    let name = match tree.random.below(2) {
        0 => tree.file(),
        _ => tree.state_file(),
    };
    let kind = tree.random.below(3);
    let Some(path) = tree.clear(&name) else {
        return name;
    };
    match kind {
        0 => drop(run(Command::new("mkfifo").arg(path)).ok()),
        1 => {
            // A long path does not fit into a socket's address.
            let socket = tree.around.join("socket");
            drop(UnixListener::bind(&socket).unwrap());
            fs::rename(socket, path).unwrap();
        }
        _ => {
            fs::create_dir(&path).unwrap();
            fs::write(path.join("foreign"), "kept").unwrap();
        }
    }
    name
}

/// Names that lead out of a directory, or to files that are not of a tree.
const HOSTILE_NAMES: [&str; 10] = [
    "../outside/admin.conf",
    "../../outside/pki/apiserver.crt",
    "../../../beyond/admin.conf",
    "/outside/admin.conf",
    "pki/../../../outside/admin.conf",
    ".",
    "",
    "foreign",
    "admin.conf\0",
    "\u{1b}[31m/../../outside/admin.conf",
];

fn hostile_journal(tree: &mut Hostile) -> String {
    let names = ["pki/.pki-journal.commit", "pki/.pki-journal.undo"];
    let name = *tree.random.one_of(&names);
    let path = *tree.random.one_of(&HOSTILE_NAMES);
    let root = *tree
        .random
        .one_of(&["certificates", "kubeconfigs", "state", "kubelet"]);
    let generation = match tree.random.below(3) {
        0 => json!(null),
        1 => json!("../../../outside/.pki/generations/new"),
        _ => json!("20261123T000000Z-renew"),
    };
    // The digests fit what is outside, so that nothing but the name can be refused.
    let outside = sha256(&fs::read(tree.around.join("beyond/admin.conf")).unwrap());
    let planted = sha256(b"planted");
    let (old, new) = match tree.random.below(2) {
        0 => (json!(outside), json!(planted)),
        _ => (json!(null), json!(outside)),
    };
    let journal = json!({
        "version": 2, "command": "renew all", "kubeconfigs": "..", "generation": generation,
        "files": [{"file": {"root": root, "path": path}, "old": old, "new": new}],
    });
    tree.put(name, journal.to_string());
    format!("{name} names {path:?} of {root}")
}

/// What a killed renewal of the API server's pair leaves, if an earlier act has not removed what it needs.
fn pending_journal(tree: &mut Hostile) -> String {
    let generation = tree.generation();
    let mut files = Vec::new();
    for (name, other) in [
        ("apiserver.key", "apiserver.key"),
        ("apiserver.crt", "apiserver.crt"),
    ] {
        let kept = format!("beyond/.pki/generations/{generation}/{other}");
        let new = fs::read(tree.around.join(kept)).unwrap();
        let old = fs::read(tree.around.join("beyond/pki").join(name)).unwrap();
        tree.put(&format!("pki/.{name}.pki-new"), &new);
        tree.put(&format!("pki/.{name}.pki-old"), &old);
        files.push(json!({
            "file": {"root": "certificates", "path": name},
            "old": sha256(&old), "new": sha256(&new),
        }));
    }
    let journal = json!({
        "version": 2, "command": "renew all", "kubeconfigs": "..", "generation": null, "files": files,
    });
    let name = match tree.random.below(2) {
        0 => "pki/.pki-journal.commit",
        _ => "pki/.pki-journal.undo",
    };
    tree.put(name, journal.to_string());
    name.to_owned()
}

fn hostile_manifest(tree: &mut Hostile) -> String {
    let name = match tree.random.below(3) {
        0 => "20261121T000000Z-renew".to_owned(),
        1 => ".new".to_owned(),
        _ => tree.generation(),
    };
    let name = format!(".pki/generations/{name}");
    let hostile = *tree.random.one_of(&HOSTILE_NAMES);
    let (path, stored) = match tree.random.below(3) {
        0 => (hostile, "admin.conf"),
        1 => ("admin.conf", hostile),
        _ => ("admin.conf", "admin.conf"),
    };
    let after = match tree.random.below(2) {
        0 => json!(null),
        _ => json!("../../../outside/.pki/generations"),
    };
    let manifest = json!({
        "version": 2, "sequence": tree.random.below(9), "command": "renew all",
        "time": "2026-11-21T00:00:00Z", "certificates": "pki",
        "change": {"new": {"after_rollback_to": after}},
        "files": [{"file": {"root": "kubeconfigs", "path": path}, "stored": stored}],
    });
    if let Some(directory) = tree.clear(&name) {
        fs::create_dir(directory).unwrap();
        tree.put(&format!("{name}/manifest.json"), manifest.to_string());
        tree.put(&format!("{name}/admin.conf"), "kept");
    }
    format!("{name} names {path:?}, stored as {stored:?}")
}

/// Something that is not of a tree, with an odd name.
fn foreign_entry(tree: &mut Hostile) -> String {
    let directory = match tree.random.below(6) {
        0 => String::new(),
        1 => "pki".to_owned(),
        2 => "pki/etcd".to_owned(),
        3 => ".pki".to_owned(),
        4 => ".pki/generations".to_owned(),
        _ => format!(".pki/generations/{}", tree.generation()),
    };
    let long = [b'x'; 240];
    let names: [&[u8]; 7] = [
        b"",
        b"\n",
        b"\x1b[31m",
        b"\xff\xfe",
        b".pki-new",
        b"-journal.commit",
        &long,
    ];
    let name = tree.random.one_of(&names);
    let name = [b"foreign", *name].concat();
    let kind = tree.random.below(3);
    if let Some(first) = tree.clear(&format!("{directory}/foreign-first")) {
        let path = first.with_file_name(OsStr::from_bytes(&name));
        match kind {
            _ if path.symlink_metadata().is_ok() => {}
            0 => fs::create_dir(path).unwrap(),
            1 => symlink("../../../../../beyond", path).unwrap(),
            _ => fs::write(path, "kept").unwrap(),
        }
    }
    format!("{directory}/{}", name.escape_ascii())
}

fn junk(tree: &mut Hostile) -> String {
    let name = tree.state_file();
    let text = *tree.random.one_of(&[
        "",
        "\n",
        "{}",
        "[[[[",
        "kind: {",
        "{\"version\": 2}",
        "\u{1b}]0;title\u{7}",
        "../../outside\n",
    ]);
    tree.put(&name, text);
    name
}

fn named_files(tree: &mut Hostile) -> String {
    let name = *tree.random.one_of(&KUBECONFIGS);
    let directory = *tree
        .random
        .one_of(&["/outside/pki", "../../../beyond/pki", "pki"]);
    let path = tree.tree.path(name);
    // An earlier act may have put a FIFO or a link there.
    if path
        .symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file())
    {
        let text = fs::read_to_string(&path).unwrap();
        let line = |line: &str| match line.trim_start().split_once("-data: ") {
            Some(("client-certificate", _)) => {
                format!("    client-certificate: {directory}/apiserver.crt")
            }
            Some(("client-key", _)) => format!("    client-key: {directory}/apiserver.key"),
            _ => line.to_owned(),
        };
        let lines: Vec<_> = text.lines().map(line).collect();
        fs::remove_file(&path).unwrap();
        fs::write(&path, lines.join("\n")).unwrap();
    }
    format!("{name} in {directory}")
}

/// Returns a file or directory of the tree that is no link.
fn no_link(tree: &mut Hostile) -> Option<(String, PathBuf)> {
    let directories = ["", "pki", "pki/etcd", ".pki", ".pki/generations"];
    let name = match tree.random.below(3) {
        0 => tree.file(),
        1 => tree.state_file(),
        _ => (*tree.random.one_of(&directories)).to_owned(),
    };
    let path = tree.tree.path(&name);
    let real = path.canonicalize().ok()?;
    let is_inside = real == path && !path.symlink_metadata().ok()?.is_symlink();
    is_inside.then_some((name, path))
}

fn other_mode(tree: &mut Hostile) -> String {
    let mode = *tree
        .random
        .one_of(&[0o777, 0o1777, 0o2775, 0o4755, 0o770, 0o700]);
    let Some((name, path)) = no_link(tree) else {
        return "nothing".to_owned();
    };
    // A file that is also outside may be changed here, before the snapshot.
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    format!("{name} {mode:04o}")
}

fn other_owner(tree: &mut Hostile) -> String {
    let name = match tree.random.below(2) {
        0 => tree.file(),
        _ => tree.state_file(),
    };
    // Only root can give files away.
    match lchown(tree.tree.path(&name), Some(4242), Some(4242)) {
        Ok(()) => name,
        Err(error) => format!("{name}: {error}"),
    }
}

fn acl(tree: &mut Hostile) -> String {
    let Some((name, path)) = no_link(tree) else {
        return "nothing".to_owned();
    };
    // Version 2, then a tag, permissions and an identifier each: owner, user 4242, group, mask, others.
    let none = u32::MAX;
    let entries = [
        (1u16, 7u16, none),
        (2, 7, 4242),
        (4, 5, none),
        (16, 7, none),
        (32, 5, none),
    ];
    let mut value = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    // Not every file system has ACLs.
    let set = rustix::fs::setxattr(path, "system.posix_acl_access", &value, XattrFlags::empty());
    format!("{name}: {set:?}")
}

/// A named directory may be reached through a link of this user: the directory that it leads to is then named.
fn moved(tree: &mut Hostile) -> String {
    let (name, to) = *tree.random.one_of(&[
        ("root/etc/kubernetes", "srv/kubernetes"),
        ("root/etc/kubernetes/pki", "srv/pki"),
    ]);
    let from = tree.around.join(name);
    let real = tree.tree.root().join(to);
    if from.canonicalize().ok().as_ref() == Some(&from) && !real.exists() {
        fs::create_dir_all(real.parent().unwrap()).unwrap();
        fs::rename(&from, &real).unwrap();
        // Seen from the machine's root directory the link leads nowhere: later acts find nothing there.
        symlink(Path::new("/").join(to), &from).unwrap();
        tree.named.push(Path::new("root").join(to));
    }
    name.to_owned()
}

/// The generator SplitMix64: the same trees each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap()
    }

    fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}
