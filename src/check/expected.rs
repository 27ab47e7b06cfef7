//! Resolves the rules of catalog rows for a cluster.

use crate::catalog::{CommonName, NODE_USER_PREFIX, Profile, Row, SanRule};
use crate::config::cluster::{Cluster, DeclaredCluster, Etcd};
use crate::x509::san::San;
use crate::x509::sign::{IssueError, LeafTemplate};

/// Returns the subject common name of a row in this cluster.
pub fn common_name(rule: CommonName, cluster: &Cluster) -> String {
    match rule {
        CommonName::Fixed(name) => name.to_owned(),
        CommonName::Node => cluster.node_name.clone(),
        CommonName::NodeUser => format!("{NODE_USER_PREFIX}{}", cluster.node_name),
    }
}

/// Returns the subject alternative names of a row in this cluster.
pub fn sans(row: &Row, cluster: &Cluster) -> Vec<San> {
    match row.profile {
        Profile::Leaf { sans, .. } => cluster.sans(sans),
        Profile::Ca { common_name } => vec![San::Dns(common_name.to_owned())],
        Profile::Client { .. } | Profile::User | Profile::ServiceAccount | Profile::Observed => {
            Vec::new()
        }
    }
}

/// Returns the contents of a row's leaf certificate in this cluster; `None` for a row without a leaf certificate.
pub fn contents(row: &Row, cluster: &Cluster) -> Option<Result<LeafTemplate, IssueError>> {
    let (rule, organization) = match row.profile {
        Profile::Leaf { common_name, .. } => (common_name, None),
        Profile::Client {
            common_name,
            organization,
            ..
        } => (common_name, organization),
        Profile::Ca { .. } | Profile::User | Profile::ServiceAccount | Profile::Observed => {
            return None;
        }
    };
    Some(LeafTemplate::new(
        &common_name(rule, cluster),
        organization,
        row.usages(),
        &sans(row, cluster),
    ))
}

/// Returns the contents of a row's leaf certificate that are the same in every cluster; `None` if they depend on the
/// cluster.
pub fn constant_contents(row: &Row) -> Option<Result<LeafTemplate, IssueError>> {
    let (common_name, organization) = match row.profile {
        Profile::Leaf {
            common_name: CommonName::Fixed(name),
            sans: SanRule::Empty,
            ..
        } => (name, None),
        Profile::Client {
            common_name: CommonName::Fixed(name),
            organization,
            ..
        } => (name, organization),
        _ => return None,
    };
    Some(LeafTemplate::new(
        common_name,
        organization,
        row.usages(),
        &[],
    ))
}

/// Returns the configuration fields that the contents of a row depend on and that are not known.
pub fn unknown_fields(row: &Row, declared: &DeclaredCluster) -> Vec<&'static str> {
    // Every serving certificate names the node and its address.
    let is_server = matches!(row.profile, Profile::Leaf { sans, .. } if sans != SanRule::Empty);
    let mut fields = Vec::new();
    if (row.names_node() || is_server) && !declared.has_node_name {
        fields.push("nodeRegistration.name");
    }
    if is_server && !declared.has_address {
        fields.push("localAPIEndpoint.advertiseAddress");
    }
    fields
}

/// Returns a template with the subject of a row's leaf certificate, if it is the same in every cluster.
pub fn constant_subject(row: &Row) -> Option<LeafTemplate> {
    let Some(CommonName::Fixed(common_name)) = row.common_name() else {
        return None;
    };
    let organization = match row.profile {
        Profile::Client { organization, .. } => organization,
        _ => None,
    };
    LeafTemplate::new(common_name, organization, &[], &[]).ok()
}

/// Returns whether the row exists in a cluster of this configuration.
pub fn is_wanted(row: &Row, cluster: &Cluster) -> bool {
    !row.needs_local_etcd() || matches!(cluster.etcd, Etcd::Local)
}
