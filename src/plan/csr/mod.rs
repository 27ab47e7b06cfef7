//! Plans the way through an external CA: [`generate`] makes certification requests, [`sign`] accepts them where the
//! CA is, [`import`] installs what it signed.

pub mod generate;
pub mod import;
pub mod sign;
