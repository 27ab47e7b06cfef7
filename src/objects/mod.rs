//! Kubernetes objects that `pki` reads and prints, and cfssl's. Nothing here talks to a cluster: `kubectl` does.

pub mod bootstrap_token;
pub mod cfssl;
pub mod csr;
pub mod documents;
pub mod kubeadm_certs;
pub mod secret;
