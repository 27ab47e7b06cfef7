//! Verdicts of `judge.py`, and what it has to refuse.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use serde_json::json;

use super::{fresh_tree, generations, scratch, script};
use crate::support::{Script, copy, peer, pki, run};

pub(super) struct Judge(Script);

/// What a tree is, compared to the one that the judge remembers.
#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    pub(super) state: State,
    /// What is wrong with it.
    pub(super) problems: Vec<String>,
    /// What a killed run has left.
    pub(super) leftovers: Vec<String>,
    /// How many certificates its ledger lists.
    pub(super) ledger: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// All files are the old ones.
    Old,
    /// All that the command replaces is new.
    New,
    /// Some rows are new and some are old, and each is whole.
    Some,
    /// The new tree is promised, and some files are not yet in place.
    Commit,
    /// The new tree is promised, and every file is in place.
    Renamed,
    /// The old tree is promised.
    Undo,
    /// None of these.
    Between,
}

/// What a command replaces.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// Nothing was there.
    Init,
    /// Every leaf and kubeconfig.
    All,
    /// The API server's pair.
    Apiserver,
    /// A new key for the API server and a request for it, which wait beside its pair.
    Request,
    /// The differences from the tree in this folder, which has to come out.
    Tree(PathBuf),
    /// As `Tree`, for a tree that lacks files.
    Lost(PathBuf),
}

impl Judge {
    pub(super) fn start() -> Option<Judge> {
        Some(Judge::start_by(&mut Command::new(peer("python")?)))
    }

    /// Starts it with a command that ends in Python.
    pub(super) fn start_by(python: &mut Command) -> Judge {
        Judge(Script::start(python.arg(script("judge.py"))))
    }

    /// Takes the tree for the old one.
    pub(super) fn remember(&mut self, tree: &Path) {
        self.0.ask(&json!({"do": "remember", "tree": tree}));
    }

    /// Judges a tree; `settled` demands that nothing is pending or left over.
    pub(super) fn judge(&mut self, tree: &Path, selection: &Selection, settled: bool) -> Verdict {
        let selection = match selection {
            Selection::Init => "init",
            Selection::All => "all",
            Selection::Apiserver => "apiserver",
            Selection::Request => "request",
            Selection::Tree(folder) | Selection::Lost(folder) => folder.to_str().unwrap(),
        };
        let order =
            json!({"do": "judge", "tree": tree, "selection": selection, "settled": settled});
        serde_json::from_value(self.0.ask(&order)).unwrap()
    }

    /// Fails if the tree is not settled in this state.
    #[track_caller]
    pub(super) fn expect(&mut self, state: State, tree: &Path, selection: &Selection) -> Verdict {
        let verdict = self.judge(tree, selection, true);
        assert_eq!(verdict.state, state, "{verdict:?}");
        assert!(verdict.problems.is_empty(), "{verdict:?}");
        verdict
    }
}

impl State {
    pub(super) fn is_pending(self) -> bool {
        matches!(self, State::Commit | State::Renamed | State::Undo)
    }
}

/// Something that a transaction must never leave, done to a tree in which everything was renewed.
struct Damage {
    expected: &'static str,
    settled: bool,
    /// Is given the tree and the one before the renewal.
    inflict: fn(&Path, &Path),
}

const TOP: &str = "etc/kubernetes";

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn from_old(tree: &Path, old: &Path, name: &str) {
    fs::write(tree.join(name), fs::read(old.join(name)).unwrap()).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const DAMAGES: [Damage; 23] = [
    Damage {
        expected: "neither the old one nor the new one",
        settled: false,
        inflict: |tree, old| from_old(tree, old, "etc/kubernetes/.pki/ledger.jsonl"),
    },
    Damage {
        expected: "apiserver.key is not the key of its certificate",
        settled: false,
        inflict: |tree, old| from_old(tree, old, "etc/kubernetes/pki/apiserver.key"),
    },
    Damage {
        expected: "etcd/peer.crt: ValueError",
        settled: false,
        inflict: |tree, _| {
            edit(&tree.join("etc/kubernetes/pki/etcd/peer.crt"), |bytes| {
                bytes.truncate(300);
            });
        },
    },
    Damage {
        expected: "front-proxy-client.crt is not exactly one certificate",
        settled: false,
        inflict: |tree, old| {
            let name = "etc/kubernetes/pki/front-proxy-client.crt";
            edit(&tree.join(name), |bytes| {
                bytes.extend(fs::read(old.join(name)).unwrap());
            });
        },
    },
    Damage {
        expected: "etcd/server.crt under etc/kubernetes/pki/etcd/ca.crt: VerificationError",
        settled: false,
        inflict: |tree, _| {
            for extension in ["crt", "key"] {
                let [from, to] = ["apiserver", "etcd/server"]
                    .map(|base| tree.join(format!("{TOP}/pki/{base}.{extension}")));
                fs::write(to, fs::read(from).unwrap()).unwrap();
            }
        },
    },
    Damage {
        expected: "apiserver-etcd-client.key is missing",
        settled: false,
        inflict: |tree, _| {
            fs::remove_file(tree.join("etc/kubernetes/pki/apiserver-etcd-client.key")).unwrap();
        },
    },
    Damage {
        expected: "sa.key is not the key of its certificate",
        settled: false,
        inflict: |tree, _| {
            let key = fs::read(tree.join("etc/kubernetes/pki/apiserver.key")).unwrap();
            fs::write(tree.join("etc/kubernetes/pki/sa.key"), key).unwrap();
        },
    },
    Damage {
        expected: "ca.key was touched",
        settled: false,
        inflict: |tree, _| {
            let path = tree.join("etc/kubernetes/pki/ca.key");
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
            set_mode(&path, 0o600);
        },
    },
    Damage {
        expected: "apiserver.csr: ValueError",
        settled: false,
        inflict: |tree, _| {
            let path = tree.join("etc/kubernetes/pki/apiserver.csr");
            fs::write(&path, "a request").unwrap();
            set_mode(&path, 0o600);
        },
    },
    Damage {
        expected: "etc/kubernetes/pki/etcd is another directory",
        settled: false,
        inflict: |tree, _| {
            let path = tree.join("etc/kubernetes/pki/etcd");
            let aside = tree.join("etc/kubernetes/pki/aside");
            fs::rename(&path, &aside).unwrap();
            fs::create_dir(&path).unwrap();
            copy(&aside, &path);
            fs::remove_dir_all(&aside).unwrap();
        },
    },
    Damage {
        expected: "scheduler.conf has a client key that is not its certificate's",
        settled: false,
        inflict: |tree, old| {
            let name = "etc/kubernetes/scheduler.conf";
            let text = fs::read_to_string(tree.join(name)).unwrap();
            let before = fs::read_to_string(old.join(name)).unwrap();
            let key = |text: &str| text.split("client-key-data: ").nth(1).unwrap().to_owned();
            fs::write(tree.join(name), text.replace(&key(&text), &key(&before))).unwrap();
        },
    },
    Damage {
        expected: "admin.conf has another server",
        settled: false,
        inflict: |tree, _| {
            let path = tree.join("etc/kubernetes/admin.conf");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, text.replace("192.0.2.11", "192.0.2.12")).unwrap();
        },
    },
    Damage {
        expected: "admin.conf: ",
        settled: false,
        inflict: |tree, _| {
            edit(&tree.join("etc/kubernetes/admin.conf"), |bytes| {
                bytes.truncate(bytes.len() / 2);
            });
        },
    },
    Damage {
        expected: "apiserver.key has mode 0640",
        settled: false,
        inflict: |tree, _| set_mode(&tree.join("etc/kubernetes/pki/apiserver.key"), 0o640),
    },
    Damage {
        expected: ".apiserver.key.pki-new has mode 0644",
        settled: false,
        inflict: |tree, _| {
            let path = tree.join("etc/kubernetes/pki/.apiserver.key.pki-new");
            fs::write(&path, "").unwrap();
            set_mode(&path, 0o644);
        },
    },
    Damage {
        expected: ".pki has mode 0755",
        settled: false,
        inflict: |tree, _| set_mode(&tree.join("etc/kubernetes/.pki"), 0o755),
    },
    Damage {
        expected: "apiserver.key~ does not belong here",
        settled: false,
        inflict: |tree, _| fs::write(tree.join("etc/kubernetes/pki/apiserver.key~"), "").unwrap(),
    },
    Damage {
        expected: "link is neither a file nor a directory",
        settled: false,
        inflict: |tree, _| symlink("ca.crt", tree.join("etc/kubernetes/pki/link")).unwrap(),
    },
    Damage {
        expected: ".apiserver.crt.pki-old is left over",
        settled: true,
        inflict: |tree, _| {
            let folder = tree.join("etc/kubernetes/pki");
            fs::hard_link(
                folder.join("apiserver.crt"),
                folder.join(".apiserver.crt.pki-old"),
            )
            .unwrap();
        },
    },
    Damage {
        expected: "the journal: JSONDecodeError",
        settled: false,
        inflict: |tree, _| {
            let path = tree.join("etc/kubernetes/pki/.pki-journal.commit");
            fs::write(&path, "{\"version\": 1,").unwrap();
            set_mode(&path, 0o600);
        },
    },
    Damage {
        expected: "the ledger lost a line",
        settled: false,
        inflict: |tree, _| {
            edit(&tree.join("etc/kubernetes/.pki/ledger.jsonl"), |bytes| {
                let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
                bytes.drain(..=end);
            });
        },
    },
    Damage {
        expected: "apiserver.crt is missing",
        settled: false,
        inflict: |tree, _| {
            let folder = tree.join("etc/kubernetes/.pki/generations");
            let [name] = &generations(tree)[..] else {
                panic!("one generation");
            };
            fs::remove_file(folder.join(name).join("apiserver.crt")).unwrap();
        },
    },
    Damage {
        expected: "apiserver.key is not the file that was replaced",
        settled: false,
        inflict: |tree, _| {
            let folder = tree.join("etc/kubernetes/.pki/generations");
            let [name] = &generations(tree)[..] else {
                panic!("one generation");
            };
            let key = fs::read(tree.join("etc/kubernetes/pki/etcd/peer.key")).unwrap();
            fs::write(folder.join(name).join("apiserver.key"), key).unwrap();
        },
    },
];

#[test]
fn the_judge_of_faults_accepts_whole_trees_and_refuses_others() {
    let Some(mut judge) = Judge::start() else {
        return;
    };
    let old = fresh_tree();
    for damage in &DAMAGES {
        let tree = scratch();
        copy(old.path(), tree.path());
        judge.remember(tree.path());
        judge.expect(State::Old, tree.path(), &Selection::All);
        run(pki().args(["renew", "all", "--rootfs"]).arg(tree.path())).ok();
        judge.expect(State::New, tree.path(), &Selection::All);

        (damage.inflict)(tree.path(), old.path());
        let verdict = judge.judge(tree.path(), &Selection::All, damage.settled);
        assert!(
            verdict
                .problems
                .iter()
                .any(|problem| problem.contains(damage.expected)),
            "{:?}: {verdict:?}",
            damage.expected
        );
    }
}
