//! The cluster's configuration: from kubeadm's YAML and flags to a [`Cluster`], which is always valid.
//!
//! It takes two steps. [`kubeadm`] reads a file into [`Settings`]: text, each with its origin. [`Cluster::resolve`] adds
//! kubeadm's defaults and the host's facts, and checks the whole. Both collect every problem instead of stopping at the
//! first. [`fields`] is the table of all fields. Nothing here opens a file, looks at the host or prints. Read `fields` next.

pub mod cluster;
pub mod fields;
pub mod kubeadm;
pub mod names;
pub mod problem;
pub mod provenance;
mod resolve;
mod secret;
pub mod settings;
mod values;
mod yaml;

pub use cluster::{Cluster, Endpoint, Etcd, ExternalEtcd, Host, Resolved};
pub use kubeadm::{Reading, read};
pub use names::parse_san;
pub use problem::{Origin, Problem, Problems, Setting};
pub use provenance::{Layer, Provenance};
pub use settings::Settings;
