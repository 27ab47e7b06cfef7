//! Runs of our binary under `tracer.py`.

use std::{path::Path, process::Command};

use serde::Deserialize;
use serde_json::{Value, json};

use super::script;
use crate::support::{Script, peer, skip};

pub(super) struct Tracer(Script);

/// A fault: what happens, at which calls, and whether it stays that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) action: FaultAction,
    /// The calls that are counted, by the tracer's name for them; that of an error for [`Action::Fail`].
    pub(super) class: &'static str,
    pub(super) sticky: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultAction {
    Kill,
    Fail,
    Short,
    Signal(i32),
}

/// How a traced run ended.
#[derive(Debug, Deserialize)]
pub(super) struct Ended {
    pub(super) exit: Option<i32>,
    pub(super) signal: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    /// The call at which the fault was injected.
    pub(super) hit: Option<String>,
    /// What a power cut after the run would lose, or might have lost under way.
    pub(super) unsynced: Vec<String>,
    /// Of a run without a fault, its calls in each class.
    #[serde(default)]
    calls: Value,
}

impl Tracer {
    /// Starts it; the test is skipped where that is not permitted.
    pub(super) fn start() -> Option<Tracer> {
        let python = peer("python")?;
        let mut helper = Script::start(Command::new(python).arg(script("tracer.py")));
        let ready = helper.listen();
        if ready["ready"] == true {
            return Some(Tracer(helper));
        }
        skip(ready["reason"].as_str().unwrap());
        None
    }

    /// Runs the binary with these arguments on a tree, without a fault.
    #[track_caller]
    pub(super) fn clean(&mut self, arguments: &[String], tree: &Path) -> Ended {
        let ended = self.run(arguments, tree, json!({}));
        assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
        ended
    }

    /// Runs it with a fault at one of the calls that it concerns.
    pub(super) fn faulty(
        &mut self,
        arguments: &[String],
        tree: &Path,
        fault: Fault,
        at: usize,
    ) -> Ended {
        let (action, number) = match fault.action {
            FaultAction::Kill => ("kill", 0),
            FaultAction::Fail => ("fail", 0),
            FaultAction::Short => ("short", 0),
            FaultAction::Signal(number) => ("signal", number),
        };
        let order = json!({"do": action, "class": fault.class, "at": at, "sticky": fault.sticky, "number": number});
        self.run(arguments, tree, order)
    }

    /// Starts a run, and returns its process when it stands still before that call that changes the tree.
    #[track_caller]
    pub(super) fn hold(&mut self, arguments: &[String], tree: &Path, at: usize) -> u64 {
        let order = json!({"do": "hold", "class": "change", "at": at});
        let answer = self.0.ask(&complete(order, arguments, tree));
        answer["held"]
            .as_u64()
            .unwrap_or_else(|| panic!("not held: {answer}"))
    }

    /// Lets the run that stands still go on to its end.
    pub(super) fn let_go(&mut self) -> Ended {
        self.end("go")
    }

    /// Kills the run that stands still.
    pub(super) fn kill(&mut self) -> Ended {
        self.end("kill")
    }

    fn end(&mut self, how: &str) -> Ended {
        self.0.tell(how);
        ended(self.0.listen())
    }

    fn run(&mut self, arguments: &[String], tree: &Path, order: Value) -> Ended {
        ended(self.0.ask(&complete(order, arguments, tree)))
    }
}

fn complete(mut order: Value, arguments: &[String], tree: &Path) -> Value {
    // A CA outside any tree has no root.
    let has_tree = arguments.first().is_none_or(|command| command != "ca");
    let rootfs = has_tree.then(|| ["--rootfs".to_owned(), tree.display().to_string()]);
    let argv: Vec<_> = std::iter::once(env!("CARGO_BIN_EXE_pki").to_owned())
        .chain(arguments.iter().cloned())
        .chain(rootfs.into_iter().flatten())
        .collect();
    order["argv"] = json!(argv);
    order["root"] = json!(tree);
    order
}

#[track_caller]
fn ended(answer: Value) -> Ended {
    let ended: Ended = serde_json::from_value(answer).unwrap();
    assert!(
        ![&ended.stdout, &ended.stderr]
            .iter()
            .any(|text| text.contains("PRIVATE KEY-----")),
        "printed a private key"
    );
    ended
}

impl Ended {
    /// Returns the calls of a class, in order.
    pub(super) fn calls(&self, class: &str) -> Vec<&str> {
        self.calls[class]
            .as_array()
            .unwrap()
            .iter()
            .map(|call| call.as_str().unwrap())
            .collect()
    }
}
