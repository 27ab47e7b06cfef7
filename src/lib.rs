//! Bootstraps, checks and renews the PKI of a Kubernetes cluster.
//!
//! Every command takes the same steps, and each step uses only the ones before it:
//!
//! ```text
//! config -> plan -> execute -> commit -> report
//! ```
//!
//! A command reads what the cluster should be (`config`) and what the tree holds (`tree::inventory`), decides a list of
//! steps (`plan`), makes all keys, certificates and files in memory and checks them (`execute`), writes them all or none
//! (`store::transaction`), and says what it did (`report`). Commands differ only in how the plan is made, so a dry run is
//! the plan, printed.
//!
//! Modules, in reading order; each uses only those above it:
//!
//! - [`util`]: small helpers: escaping, durations, tables, work on all cores.
//! - [`x509`]: keys, certificates, signing and verification. No files, no clock.
//! - [`catalog`]: the table of everything a tree holds. Start here.
//! - [`config`]: kubeadm's YAML and flags, into a [`config::Cluster`], which is always valid.
//! - [`kubeconfig`]: reads the few fields of a kubeconfig that `pki` needs, and keeps the rest.
//! - [`objects`]: the objects of Kubernetes and cfssl that `pki` reads and prints.
//! - [`contents`]: what any file holds, for `pki show`.
//! - [`fs`]: the only file access.
//! - [`net`]: the only network access.
//! - [`tree`]: reading a tree: layout, inventory, journal.
//! - [`store`]: writing a tree: transaction, generations, ledger.
//! - [`check`]: the judgement of a tree.
//! - [`plan`]: decides what to do: [`plan::init`], [`plan::renew`], [`plan::rollback`], [`plan::csr`], [`plan::ca`].
//! - [`execute`]: carries a plan out in memory.
//! - [`report`]: formats results, as strings.
//! - [`cli`] and [`cmd`]: the command line, and one thin handler for each command.
//!
//! Invariants:
//!
//! 1. The catalog is constant. What depends on the cluster is a rule there, resolved by a pure function in `check::expected`.
//! 2. The time is read once, in `main`, and passed down. Order is catalog order; no map's order reaches output or disk.
//! 3. `x509`, `check` and `plan` touch no files. Only `x509` uses AWS-LC and x509-cert. What `execute` makes is judged by webpki, which shares no code with it; what
//!    is there is judged by the rules of Go's `crypto/x509`.
//! 4. Everything is checked in memory before the first byte is written, and every write goes through one
//!    [`store::transaction::Transaction`].
//! 5. A file is judged by its open descriptor, not by its path; directories are held open while they are written in.
//! 6. Only `report` formats, only `cmd` chooses a stream, only `main` turns an error into an exit code.
//! 7. Private keys are elided in `Debug`, wiped when dropped where the libraries allow it, and reach no output.

pub mod catalog;
pub mod check;
pub mod cli;
pub mod cmd;
pub mod config;
pub mod contents;
pub mod execute;
pub mod fs;
pub mod kubeconfig;
pub mod net;
pub mod objects;
pub mod plan;
pub mod report;
pub mod store;
pub mod tree;
pub mod util;
pub mod x509;
