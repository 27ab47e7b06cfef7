//! The trees that kubeadm 1.20 and 1.36 made: `check-expiration`, `renew` and `init` on them.
//!
//! The trees, and what `kubeadm certs check-expiration` printed for them, are in `tests/fixtures`. Each test works on a copy of
//! its own, at a time of its own; openssl reads the certificates.

mod drift;
mod expiration;
mod external;
mod fleet;
mod inference;
mod init;
mod intermediate;
mod metrics;
mod options;
mod refusals;
mod renewal;
mod rollback;
mod verification;
