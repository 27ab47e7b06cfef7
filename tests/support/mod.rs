//! Running programs, and the trees that tests share. Nothing here judges a tree: see `peers`.

mod process;
mod tree;

pub(crate) use process::{Run, Server, free_port, peer, peers, pki, run, run_with_input, until};
pub(crate) use tree::{Tree, renewed_tree, tree};
