//! The trees that kubeadm 1.20 and 1.36 made, in the hands of `check-expiration`, `renew` and `init`.
//!
//! The trees and what `kubeadm certs check-expiration` printed of them lie in `tests/fixtures`. Every test works on a copy of
//! its own, at a time of its own; openssl says what a certificate holds.

mod drift;
mod expiration;
mod external;
mod inference;
mod init;
mod intermediate;
mod options;
mod refusals;
mod renewal;

pub(crate) mod openssl;
pub(crate) mod sandbox;
