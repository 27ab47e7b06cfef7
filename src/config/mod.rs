//! The cluster's configuration, from kubeadm's own YAML to a [`Cluster`] that cannot be wrong.
//!
//! Reading goes in two steps: [`kubeadm`] turns a file into [`Settings`], what was declared and where; [`Cluster::resolve`]
//! adds kubeadm's defaults and the host's facts, and judges the whole. Both collect every problem instead of stopping at
//! the first. Nothing here opens a file, looks at the host or prints; the caller brings bytes and facts, and shows the
//! [`Problems`]. Read `cluster` next.

pub mod cluster;
pub mod document;
pub mod kubeadm;
pub mod problem;
pub mod provenance;
pub mod san;
mod schema;
pub mod settings;
mod values;
mod yaml;

pub use cluster::{Cluster, Endpoint, Etcd, ExternalEtcd, Host, Resolved};
pub use kubeadm::{Reading, read};
pub use problem::{Declared, Origin, Problem, Problems};
pub use provenance::{Layer, Provenance};
pub use san::parse_san;
pub use settings::Settings;
