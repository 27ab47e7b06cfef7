//! Reading a tree: where its files are (`layout`), the open directories that they are read from (`places`, a
//! `source`), the effect of a pending transaction (`overlay`, `journal`), who can access them (`permissions`), and
//! their contents (`inventory`).

pub mod inventory;
pub mod journal;
pub mod layout;
pub mod manifests;
pub mod overlay;
pub mod permissions;
pub(crate) mod places;
pub(crate) mod source;
