//! The trees that kubeadm 1.20 and 1.36 made: `check-expiration`, `renew` and `init` on them.
//!
//! The trees, and the output of `kubeadm certs check-expiration` for them, are in `tests/fixtures`. Each test has its own
//! copy and its own time. openssl reads the certificates.

mod archives;
mod certificates;
mod drift;
mod expiration;
mod external;
mod fleet;
mod host;
mod inference;
mod init;
mod intermediate;
mod kubeconfigs;
mod manifests;
mod metrics;
mod options;
mod refusals;
mod renewal;
mod rollback;
mod verification;
