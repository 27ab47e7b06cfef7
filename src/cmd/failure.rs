//! An error as people see it: its messages with their hints, what state the tree is in, and the exit code.

use std::fmt;

use anyhow::Error;

use super::Exit;
use crate::config::Problems;
use crate::fs::file::FileError;
use crate::plan::PlanError;
use crate::report::findings::{TreeArguments, remedy};
use crate::store::outcome::{TransactionError, TreeState};
use crate::x509::verify::VerifyError;

/// Invalid input on the command line or standard input; nothing was changed.
#[derive(Debug)]
pub(super) struct Invalid {
    message: String,
    hint: Option<String>,
}

impl Invalid {
    pub(super) fn new(message: impl Into<String>) -> Invalid {
        Invalid {
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Invalid {
        Invalid {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Invalid {}

/// Several invalid inputs; nothing was changed.
#[derive(Debug)]
pub(super) struct Invalids(pub(super) Vec<Invalid>);

impl fmt::Display for Invalids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: Vec<_> = self.0.iter().map(|one| one.message.as_str()).collect();
        f.write_str(&messages.join("\n"))
    }
}

impl std::error::Error for Invalids {}

/// Something was signed, but could not be written; the context of the error.
#[derive(Debug)]
pub(super) struct NotWritten {
    /// What is lost.
    pub(super) message: String,
    pub(super) hint: String,
}

impl fmt::Display for NotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A plan cannot be made.
#[derive(Debug)]
pub(super) struct PlanFailure {
    pub(super) error: PlanError,
    /// What the commands in its hints need.
    pub(super) arguments: TreeArguments,
}

impl PlanFailure {
    /// Returns the failure of a command whose hints need no tree.
    pub(super) fn without_tree(error: PlanError) -> PlanFailure {
        PlanFailure {
            error,
            arguments: TreeArguments::default(),
        }
    }
}

impl fmt::Display for PlanFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for PlanFailure {}

/// The printed form of an error.
#[derive(Debug)]
pub(super) struct Failure {
    /// What went wrong.
    pub(super) lines: Vec<FailureLine>,
    /// The state of the tree, if it may have changed.
    pub(super) state: Option<TreeState>,
    pub(super) exit: Exit,
}

/// One thing that went wrong, and what to do about it.
#[derive(Debug)]
pub(super) struct FailureLine {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Failure {
    /// Returns the printed form of an error of a command with these arguments.
    pub(super) fn of(error: &Error, arguments: &TreeArguments) -> Failure {
        let transaction = error.downcast_ref::<TransactionError>();
        let state = error
            .downcast_ref::<TreeState>()
            .copied()
            .or_else(|| transaction.and_then(TransactionError::state));
        Failure {
            lines: lines(error, arguments),
            state,
            exit: exit(error, state),
        }
    }
}

fn lines(error: &Error, of_tree: &TreeArguments) -> Vec<FailureLine> {
    let line = |message, hint| FailureLine { message, hint };
    if let Some(PlanFailure { error, arguments }) = error.downcast_ref::<PlanFailure>() {
        let reasons = error.reasons.iter();
        return reasons
            .map(|reason| {
                let hint = Some(remedy(&reason.remedy, arguments)).filter(|hint| !hint.is_empty());
                line(reason.message.clone(), hint)
            })
            .collect();
    }
    if let Some(Invalids(invalids)) = error.downcast_ref::<Invalids>() {
        let invalids = invalids.iter();
        return invalids
            .map(|invalid| line(invalid.message.clone(), invalid.hint.clone()))
            .collect();
    }
    if let Some(Problems(problems)) = error.downcast_ref::<Problems>() {
        return problems
            .iter()
            .map(|problem| line(problem.to_string(), None))
            .collect();
    }
    let state = error.downcast_ref::<TreeState>().map(ToString::to_string);
    let causes: Vec<_> = error
        .chain()
        .map(ToString::to_string)
        .filter(|cause| Some(cause) != state.as_ref())
        .collect();
    vec![line(causes.join(": "), hint(error, of_tree))]
}

fn hint(error: &Error, of_tree: &TreeArguments) -> Option<String> {
    if let Some(invalid) = error.downcast_ref::<Invalid>() {
        return invalid.hint.clone();
    }
    if let Some(lost) = error.downcast_ref::<NotWritten>() {
        return Some(lost.hint.clone());
    }
    let of_file = match error.downcast_ref::<TransactionError>() {
        Some(error) => error.hint(),
        None => error.downcast_ref::<FileError>()?.hint.as_deref(),
    };
    Some(of_tree.hint(of_file?))
}

fn exit(error: &Error, state: Option<TreeState>) -> Exit {
    match error.downcast_ref::<TransactionError>() {
        Some(TransactionError::Busy(_)) => return Exit::Busy,
        Some(TransactionError::Refused(_)) => return Exit::Invalid,
        Some(TransactionError::Interrupted { signal }) => return Exit::Signal(*signal),
        Some(TransactionError::Failed { .. }) => return Exit::Failed,
        None => {}
    }
    if matches!(state, Some(TreeState::Changed | TreeState::Done)) {
        return Exit::Failed;
    }
    if let Some(PlanFailure { error, .. }) = error.downcast_ref::<PlanFailure>() {
        return match error.is_permission_denied() {
            true => Exit::Failed,
            false => Exit::Invalid,
        };
    }
    if let Some(error) = error.downcast_ref::<FileError>() {
        return match error.is_permission_denied() || error.is_too_many_files() {
            true => Exit::Failed,
            // A file that cannot be read is invalid input: this is found before anything is written.
            false => Exit::Invalid,
        };
    }
    // A CA that cannot sign is invalid input, too: this is found before anything is written.
    let is_input = error.chain().any(|cause| cause.is::<VerifyError>())
        || error.is::<Problems>()
        || error.is::<Invalid>()
        || error.is::<Invalids>();
    match is_input {
        true => Exit::Invalid,
        false => Exit::Failed,
    }
}
