//! Standard output or error is closed or full after the commit.

use std::{
    fs::OpenOptions,
    io::{Read, pipe},
    process::Stdio,
};

use super::{
    fresh_tree,
    judge::{Judge, Selection, State},
};
use crate::support::pki;

/// Why nothing can be written.
#[derive(Clone, Copy, Debug)]
enum Why {
    /// The device is full.
    Full,
    /// It is a pipe without a reader.
    Closed,
}

impl Why {
    /// A reader that has seen enough is no error.
    fn code(self) -> i32 {
        match self {
            Why::Full => 1,
            Why::Closed => 0,
        }
    }

    fn stream(self) -> Stdio {
        match self {
            Why::Full => OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap()
                .into(),
            Why::Closed => pipe().unwrap().1.into(),
        }
    }
}

#[test]
fn a_report_that_cannot_be_written_fails_the_run_and_not_the_renewal() {
    let Some(mut judge) = Judge::start() else {
        return;
    };
    let tree = fresh_tree();
    for why in [Why::Full, Why::Closed] {
        judge.remember(tree.path());
        let (mut reader, writer) = pipe().unwrap();
        let mut command = pki();
        command.args(["renew", "all", "--rootfs"]).arg(tree.path());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(why.stream())
            .stderr(writer)
            .spawn()
            .unwrap();
        // The command holds a copy of the writer.
        drop(command);
        let mut said = String::new();
        reader.read_to_string(&mut said).unwrap();
        assert_eq!(
            child.wait().unwrap().code(),
            Some(why.code()),
            "{why:?}: {said}"
        );
        let is_said = said.contains("the new files are all in place");
        assert!(is_said, "{why:?}: {said}");
        judge.expect(State::New, tree.path(), &Selection::All);

        for (stdout, stderr, code) in [
            (why.stream(), why.stream(), why.code()),
            // All there is to say has been said.
            (Stdio::null(), why.stream(), 0),
        ] {
            judge.remember(tree.path());
            let status = pki()
                .args(["renew", "all", "--rootfs"])
                .arg(tree.path())
                .stdin(Stdio::null())
                .stdout(stdout)
                .stderr(stderr)
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(code), "{why:?}");
            judge.expect(State::New, tree.path(), &Selection::All);
        }
    }
}
