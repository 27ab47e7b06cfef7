//! Small helpers without any knowledge of certificates, Kubernetes or files.

pub mod duration;
pub mod escape;
pub mod parallel;
pub(crate) mod secret;
pub mod table;
pub(crate) mod yaml;
