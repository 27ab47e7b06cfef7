//! Reading a tree: where its files are (`layout`), the open directories that they are read from (`places`) or
//! the archive (`archive`), both a `source`, the effect of a pending transaction (`overlay`, `journal`), who can access them (`permissions`), and
//! their contents (`inventory`). `shared` lists the files that all control-plane nodes share. A file that belongs to no tree is
//! read as one: `kubeconfig`, `certificate`.

pub(crate) mod archive;
pub(crate) mod certificate;
pub mod inventory;
pub mod journal;
pub(crate) mod kubeconfig;
pub mod kubelet;
pub mod layout;
pub mod manifests;
pub mod overlay;
pub mod permissions;
pub(crate) mod places;
pub mod shared;
pub(crate) mod source;
