//! A file cut off after every byte, and with every bit flipped: what becomes of it in `init`, `check-expiration` and `renew`.
//!
//! Nothing may panic or hang, and nothing may succeed and leave a wrong tree. What is wrong is decided by others: a mutant
//! that `init` keeps has to say what the original says, as another library reads it; a check that finds nothing wrong has to
//! have shown the original certificates; what a renewal issues has to verify under the original CA and to say what it says
//! when the original is renewed; a configuration that is accepted has to mean what an independent reader makes of its text.
//!
//! # How much of it runs
//!
//! Every mutant of every kind of file runs, in this process: see [`case`] and [`configurations`]; of a second file of a kind
//! there may be fewer. What a renewal plans is
//! judged for all of them; it is carried out wherever the plan differs from the one for the original, wherever the damage is
//! outside the long values of a kubeconfig, and for one other mutant in sixteen. The binary itself gets a spread of them:
//! see [`sample`]. With `PKI_MUTANTS=all` in the environment there is every mutant, every renewal is carried out, and the spread is one in 97.

mod case;
pub(crate) mod configurations;
mod files;
mod mutant;
mod sample;

use std::{env, path::Path, process::Command};

use serde_json::Value;

use crate::support::{peer, run_with_input};

/// Returns whether nothing is to be left out.
fn everything() -> bool {
    env::var("PKI_MUTANTS").is_ok_and(|value| value == "all")
}

/// Gives `input` to one of the scripts beside the peers' tests; none where Python is not installed.
pub(crate) fn script(name: &str, input: &Value) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/peers")
        .join(name);
    let output = run_with_input(Command::new(peer("python")?).arg(path), &input.to_string()).ok();
    Some(serde_json::from_str(&output.stdout).unwrap())
}
