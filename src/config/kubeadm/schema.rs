//! The fields of kubeadm's documents `InitConfiguration` and `ClusterConfiguration`, from `v1beta1` to `v1beta4`.
//!
//! The table lists every field, also those that do not matter to certificates, so that an unknown field is always a
//! mistake.
//!
//! Source: `cmd/kubeadm/app/apis/kubeadm/*/types.go` and `bootstraptoken/v1/types.go` of kubeadm 1.20 and 1.36;
//! `k8s.io/api/core/v1` for taints and environment variables.

use super::versions::{ApiVersion, DocumentKind};

/// A field of a mapping.
#[derive(Clone, Copy)]
pub(super) struct SchemaField {
    /// The key.
    pub(super) name: &'static str,
    /// Its type.
    pub(super) shape: Shape,
    /// The first version that has it; 1 is `v1beta1`.
    since: u8,
    /// The last version that has it.
    until: u8,
}

/// The type of a field. A null value means that the field is absent.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// A string, which may also be written as a number or a boolean.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A list of strings, which may contain null.
    Texts,
    /// A list of strings that certificates depend on; it may not contain null.
    Values,
    /// A mapping with these fields.
    Object(&'static [SchemaField]),
    /// A list of mappings with these fields.
    Objects(&'static [SchemaField]),
    /// The arguments of a component: a list of names and values since `v1beta4`, before that a mapping.
    Arguments,
    /// A mapping from feature gates to booleans, which may not be null.
    Gates,
}

use Shape::{Arguments, Boolean, Gates, Number, Object, Objects, Text, Texts, Values};

const fn field(name: &'static str, shape: Shape) -> SchemaField {
    SchemaField {
        name,
        shape,
        since: 1,
        until: 4,
    }
}

const fn text(name: &'static str) -> SchemaField {
    field(name, Text)
}

impl SchemaField {
    const fn since(self, since: u8) -> SchemaField {
        SchemaField { since, ..self }
    }

    const fn until(self, until: u8) -> SchemaField {
        SchemaField { until, ..self }
    }

    /// Returns whether a version has the field.
    pub(super) fn is_in(&self, version: &ApiVersion) -> bool {
        (self.since..=self.until).contains(&version.number)
    }
}

/// Returns the fields of a kind of document.
pub(super) fn fields(kind: DocumentKind) -> &'static [SchemaField] {
    match kind {
        DocumentKind::Init => INIT,
        DocumentKind::Cluster => CLUSTER,
    }
}

/// Returns the paths of all fields of a document, except those inside lists.
pub(super) fn paths(version: &ApiVersion, kind: DocumentKind) -> Vec<String> {
    fn add(fields: &[SchemaField], parent: &str, version: &ApiVersion, paths: &mut Vec<String>) {
        for field in fields.iter().filter(|field| field.is_in(version)) {
            let path = format!("{parent}{}", field.name);
            paths.push(path.clone());
            if let Object(fields) = field.shape {
                add(fields, &format!("{path}."), version, paths);
            }
        }
    }
    let mut paths = Vec::new();
    add(fields(kind), "", version, &mut paths);
    paths
}

const INIT: &[SchemaField] = &[
    text("apiVersion"),
    text("kind"),
    field("bootstrapTokens", Objects(BOOTSTRAP_TOKEN)),
    field("dryRun", Boolean).since(4),
    field("nodeRegistration", Object(NODE_REGISTRATION)),
    field("localAPIEndpoint", Object(API_ENDPOINT)),
    text("certificateKey").since(2),
    field("skipPhases", Texts).since(3),
    field("patches", Object(&[text("directory")])).since(3),
    field("timeouts", Object(TIMEOUTS)).since(4),
];
const CLUSTER: &[SchemaField] = &[
    text("apiVersion"),
    text("kind"),
    field("etcd", Object(ETCD)),
    field("networking", Object(NETWORKING)),
    text("kubernetesVersion"),
    text("controlPlaneEndpoint"),
    field("apiServer", Object(API_SERVER)),
    field("controllerManager", Object(COMPONENT)),
    field("scheduler", Object(COMPONENT)),
    field("dns", Object(DNS)),
    field("proxy", Object(&[field("disabled", Boolean)])).since(4),
    text("certificatesDir"),
    text("imageRepository"),
    field("useHyperKubeImage", Boolean).until(2),
    field("featureGates", Gates),
    text("clusterName"),
    text("encryptionAlgorithm").since(4),
    text("certificateValidityPeriod").since(4),
    text("caCertificateValidityPeriod").since(4),
];
const NODE_REGISTRATION: &[SchemaField] = &[
    text("name"),
    text("criSocket"),
    field("taints", Objects(TAINT)),
    field("kubeletExtraArgs", Arguments),
    field("ignorePreflightErrors", Texts).since(2),
    text("imagePullPolicy").since(3),
    field("imagePullSerial", Boolean).since(4),
];
const API_ENDPOINT: &[SchemaField] = &[text("advertiseAddress"), field("bindPort", Number)];
const ETCD: &[SchemaField] = &[
    field("local", Object(LOCAL_ETCD)),
    field("external", Object(EXTERNAL_ETCD)),
];
const LOCAL_ETCD: &[SchemaField] = &[
    text("imageRepository"),
    text("imageTag"),
    text("dataDir"),
    field("extraArgs", Arguments),
    field("extraEnvs", Objects(ENVIRONMENT)).since(4),
    field("serverCertSANs", Values),
    field("peerCertSANs", Values),
];
const EXTERNAL_ETCD: &[SchemaField] = &[
    field("endpoints", Values),
    field("httpEndpoints", Values).since(4),
    text("caFile"),
    text("certFile"),
    text("keyFile"),
];
const NETWORKING: &[SchemaField] = &[text("serviceSubnet"), text("podSubnet"), text("dnsDomain")];
const API_SERVER: &[SchemaField] = &[
    field("extraArgs", Arguments),
    field("extraVolumes", Objects(VOLUME)),
    field("extraEnvs", Objects(ENVIRONMENT)).since(4),
    field("certSANs", Values),
    text("timeoutForControlPlane").until(3),
];
/// The fields of the controller manager and of the scheduler.
const COMPONENT: &[SchemaField] = &[
    field("extraArgs", Arguments),
    field("extraVolumes", Objects(VOLUME)),
    field("extraEnvs", Objects(ENVIRONMENT)).since(4),
];
const DNS: &[SchemaField] = &[
    text("type").until(2),
    text("imageRepository"),
    text("imageTag"),
    field("disabled", Boolean).since(4),
];
const BOOTSTRAP_TOKEN: &[SchemaField] = &[
    text("token"),
    text("description"),
    text("ttl"),
    text("expires"),
    field("usages", Texts),
    field("groups", Texts),
];
const TAINT: &[SchemaField] = &[
    text("key"),
    text("value"),
    text("effect"),
    text("timeAdded"),
];
const TIMEOUTS: &[SchemaField] = &[
    text("controlPlaneComponentHealthCheck"),
    text("kubeletHealthCheck"),
    text("kubernetesAPICall"),
    text("etcdAPICall"),
    text("tlsBootstrap"),
    text("discovery"),
    text("upgradeManifests"),
];
const VOLUME: &[SchemaField] = &[
    text("name"),
    text("hostPath"),
    text("mountPath"),
    field("readOnly", Boolean),
    text("pathType"),
];
const ENVIRONMENT: &[SchemaField] = &[
    text("name"),
    text("value"),
    field("valueFrom", Object(ENVIRONMENT_SOURCE)),
];
const ENVIRONMENT_SOURCE: &[SchemaField] = &[
    field("fieldRef", Object(&[text("apiVersion"), text("fieldPath")])),
    field(
        "resourceFieldRef",
        Object(&[text("containerName"), text("resource"), text("divisor")]),
    ),
    field("configMapKeyRef", Object(KEY_REFERENCE)),
    field("secretKeyRef", Object(KEY_REFERENCE)),
    field("fileKeyRef", Object(FILE_REFERENCE)),
];
const KEY_REFERENCE: &[SchemaField] = &[text("name"), text("key"), field("optional", Boolean)];
const FILE_REFERENCE: &[SchemaField] = &[
    text("volumeName"),
    text("path"),
    text("key"),
    field("optional", Boolean),
];
/// An argument of a component, since `v1beta4`.
pub(super) const ARGUMENT: &[SchemaField] = &[text("name"), text("value")];
