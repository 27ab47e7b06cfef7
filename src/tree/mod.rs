//! Reading a tree: where its files are (`layout`), the open directories that they are read from (`places`, a `source`), what a
//! pending transaction makes of them (`overlay`, `journal`), whom their modes let in (`permissions`), and what they hold
//! (`inventory`).

pub mod inventory;
pub mod journal;
pub mod layout;
pub mod overlay;
pub mod permissions;
pub(crate) mod places;
pub(crate) mod source;
