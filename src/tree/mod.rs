//! Reading a tree: where its files lie (`layout`), what a pending transaction makes of them (`overlay`, `journal`), and what they
//! hold (`inventory`).

pub mod inventory;
pub mod journal;
pub mod layout;
pub(crate) mod lookup;
pub mod overlay;
pub(crate) mod places;
