//! The helpers of all tests: trees, runs of `pki` and of other programs, and assertions about both.
//!
//! [`TestTree`] is a temporary directory with a tree in `etc/kubernetes`. [`TestTree::pki`] runs our binary on it at
//! [`NOW`] and returns a [`Run`] with the output and the changed files:
//!
//! ```text
//! let tree = TestTree::new();
//! tree.remove("pki/apiserver.key");
//! tree.pki(&["init"]).exits(3).says("`apiserver`: its certificate exists, its key is missing").changed_nothing();
//! tree.pki(&["renew", "apiserver"]).exits(0).changed_rows(&["apiserver"]);
//! ```
//!
//! The names of rows and files come from the catalog, by way of [`rows`].

mod authority;
mod forge;
pub(crate) mod go_vectors;
mod openssl;
mod output;
mod peers;
pub(crate) mod rows;
mod run;
mod script;
mod shared;
mod snapshot;
mod tree;

pub(crate) use authority::Authority;
pub(crate) use forge::{
    AUTHORITY_KEY_ID, COMMON_NAME, End, ORGANIZATION, SUBJECT_ALT_NAME, Tbs, general_names,
    integer, is_tagged, octets, open, text,
};
pub(crate) use openssl::{CA, CertificateFacts, KEY_USAGE, Openssl, SAN, USAGES, utc_time};
pub(crate) use output::{safe, sane};
pub(crate) use peers::{Server, free_port, peer, peers, record_skip, say, skip, wait_until_locked};
pub(crate) use run::{Run, pki, run, run_with_input};
pub(crate) use script::Script;
pub(crate) use shared::{renewed_tree, shared_tree};
pub(crate) use snapshot::{Snapshot, What, differences, sha256, snapshot};
pub(crate) use tree::{
    EXTERNAL_ETCD, FLAGS, NOW, NOW_ARGUMENT, TestTree, config_of, copy, days, fixtures, made_at,
};
