//! `init`, `check-expiration` and `renew` on files that are cut off after each byte, or have one bit flipped.
//!
//! No command may panic or hang, and none may succeed and leave a wrong tree. Independent libraries decide what is wrong:
//!
//! - A mutant that `init` keeps must have the contents of the original.
//! - A check without findings must have shown the original certificates.
//! - A renewed certificate must verify with the original CA, and have the contents that a renewal of the original has.
//! - An accepted configuration must mean what an independent parser reads in its text.
//!
//! # How many mutants run
//!
//! All mutants of one file of each kind run in this process, see [`case`] and [`configurations`]. For further files of a
//! kind, there may be fewer. The plan of a renewal is
//! judged for all mutants. It is carried out wherever the plan differs from the one for the original, wherever the damage is
//! outside the long values of a kubeconfig, and for one other mutant in sixteen. The binary itself gets a spread of them:
//! see [`sample`]. With `PKI_MUTANTS=all` in the environment there is every mutant, every renewal is carried out, and the spread is one in 97.

mod case;
pub(crate) mod configurations;
mod files;
mod mutant;
mod requests;
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
