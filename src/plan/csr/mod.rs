//! Plans the way through an external CA: [`generate`] makes certification requests, [`import`] installs what the CA signed.

pub mod generate;
pub mod import;
