//! Running programs, and the trees that tests share. Nothing here judges a tree: see `peers`.

mod process;
mod tree;

pub(crate) use process::{
    Run, Server, free_port, peer, peers, pki, record_skip, run, run_with_input, say, skip, until,
};
pub(crate) use tree::{Tree, renewed_tree, tree};
