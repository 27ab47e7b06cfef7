//! Kubernetes objects that `pki` reads and prints. Nothing here talks to a cluster: `kubectl` does.

pub mod bootstrap_token;
pub mod csr;
pub mod documents;
pub mod kubeadm_certs;
pub mod secret;
