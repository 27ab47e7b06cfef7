//! Bootstraps, checks and renews the PKI of a Kubernetes cluster.

pub mod catalog;
pub mod cli;
pub mod cmd;
pub mod config;
pub mod issue;
pub mod kubeconfig;
pub mod plan;
pub mod report;
pub mod store;
pub mod x509;
