//! The cluster's configuration: from kubeadm's YAML and flags to a [`Cluster`], which is always valid.
//!
//! It takes two steps. [`kubeadm`] reads a file into [`Settings`]: texts with their origin. [`Cluster::resolve`] adds
//! kubeadm's defaults and facts about the host, and checks all values. Both report all problems instead of the first one.
//! [`fields`] is the table of all fields. This module does not open files, inspect the host or print. Read `fields` next.

pub mod alternative_names;
pub mod cluster;
pub mod fields;
pub mod kubeadm;
pub mod names;
pub mod problem;
pub mod provenance;
mod resolve;
pub mod settings;
pub(crate) mod values;
mod yaml;

pub use alternative_names::parse_alternative_name;
pub use cluster::{Cluster, DeclaredCluster, Endpoint, Etcd, ExternalEtcd, Host, Resolved};
pub use kubeadm::{ConfigFile, read};
pub use names::parse_san;
pub use problem::{Origin, Problem, Problems, Setting};
pub use provenance::{Layer, Provenance, differences};
pub use settings::Settings;
pub(crate) use values::system_directory;
