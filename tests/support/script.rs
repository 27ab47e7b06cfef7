//! A script in the background that answers each line with a line of JSON.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::Value;

/// The script; killed when dropped.
pub(crate) struct Script {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Script {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Script {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Script {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// Sends a line and returns the answer.
    #[track_caller]
    pub(crate) fn ask(&mut self, question: &Value) -> Value {
        self.tell(&question.to_string());
        self.listen()
    }

    /// Sends a line.
    pub(crate) fn tell(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Returns its next answer.
    #[track_caller]
    pub(crate) fn listen(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the script ended or answered nonsense: {error}"))
    }
}

impl Script {
    /// Tells it that nothing more will come, and returns its last answer.
    #[track_caller]
    pub(crate) fn finish(&mut self) -> Value {
        drop(self.input.take());
        self.listen()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
