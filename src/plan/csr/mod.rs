//! Plans the way through an external CA: [`generate`] makes certification requests, [`sign`] accepts them where the
//! CA is, [`import`] installs what it signed. [`new`] is for requests that belong to no tree.

pub mod generate;
pub mod import;
pub mod new;
pub mod sign;
