//! Kubernetes API objects that `pki` reads and prints.

pub mod csr;
