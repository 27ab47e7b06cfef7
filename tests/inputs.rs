//! Damaged and unusual files in a tree: the findings, and how the commands react.
//!
//! Most cases are rows of the tables below, judged in this process. A case is a change to a tree, then all findings as
//! `ROW: FINDING`, then the result of `init` and `renew all` unless they keep and renew everything. [`verdicts`] has a
//! test at the command line for each verdict, and [`hints`] tests the wording of remedies.

mod cas;
mod certificates;
mod chains;
mod config;
mod hints;
mod judgement;
mod keys;
mod kubeconfigs;
mod names;
mod partial;
mod remedies;
mod table;
mod verdicts;

use judgement::judged;
