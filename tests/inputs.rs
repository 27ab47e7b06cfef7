//! Damaged and unusual files in a tree: what the judgement finds, and what the commands make of it.
//!
//! Most cases are rows of the tables below, judged in this process: what is done to a tree, and then all that is found, as
//! `ROW: FINDING`, and what follows for `init` and `renew all` where they do not simply keep and renew everything. At the
//! command line there is a test for each verdict, in [`verdicts`], and the wording of remedies in [`hints`].

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
