//! The tables: every field of `InitConfiguration` and `ClusterConfiguration`, for each version.
//!
//! Source: kubeadm 1.36 `cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go`, `v1beta3/types.go`, `bootstraptoken/v1/types.go`;
//! `k8s.io/api/core/v1` for taints and environment variables.

use super::{Field, Kind, Version};

/// The versions that are read, the newest first.
pub(crate) static VERSIONS: [Version; 2] = [
    Version {
        name: "v1beta4",
        init_configuration: &[
            text("apiVersion"),
            text("kind"),
            many("bootstrapTokens", BOOTSTRAP_TOKEN),
            boolean("dryRun"),
            one(
                "nodeRegistration",
                &[
                    text("name"),
                    text("criSocket"),
                    many("taints", TAINT),
                    arguments("kubeletExtraArgs"),
                    strings("ignorePreflightErrors"),
                    text("imagePullPolicy"),
                    boolean("imagePullSerial"),
                ],
            ),
            one("localAPIEndpoint", API_ENDPOINT),
            text("certificateKey"),
            strings("skipPhases"),
            one("patches", PATCHES),
            one(
                "timeouts",
                &[
                    text("controlPlaneComponentHealthCheck"),
                    text("kubeletHealthCheck"),
                    text("kubernetesAPICall"),
                    text("etcdAPICall"),
                    text("tlsBootstrap"),
                    text("discovery"),
                    text("upgradeManifests"),
                ],
            ),
        ],
        cluster_configuration: &[
            text("apiVersion"),
            text("kind"),
            one(
                "etcd",
                &[
                    one(
                        "local",
                        &[
                            text("imageRepository"),
                            text("imageTag"),
                            text("dataDir"),
                            arguments("extraArgs"),
                            many("extraEnvs", ENVIRONMENT),
                            strings("serverCertSANs"),
                            strings("peerCertSANs"),
                        ],
                    ),
                    one(
                        "external",
                        &[
                            strings("endpoints"),
                            strings("httpEndpoints"),
                            text("caFile"),
                            text("certFile"),
                            text("keyFile"),
                        ],
                    ),
                ],
            ),
            one("networking", NETWORKING),
            text("kubernetesVersion"),
            text("controlPlaneEndpoint"),
            one(
                "apiServer",
                &[
                    arguments("extraArgs"),
                    many("extraVolumes", VOLUME),
                    many("extraEnvs", ENVIRONMENT),
                    strings("certSANs"),
                ],
            ),
            one("controllerManager", COMPONENT),
            one("scheduler", COMPONENT),
            one(
                "dns",
                &[
                    text("imageRepository"),
                    text("imageTag"),
                    boolean("disabled"),
                ],
            ),
            one("proxy", &[boolean("disabled")]),
            text("certificatesDir"),
            text("imageRepository"),
            switches("featureGates"),
            text("clusterName"),
            text("encryptionAlgorithm"),
            text("certificateValidityPeriod"),
            text("caCertificateValidityPeriod"),
        ],
    },
    Version {
        name: "v1beta3",
        init_configuration: &[
            text("apiVersion"),
            text("kind"),
            many("bootstrapTokens", BOOTSTRAP_TOKEN),
            one(
                "nodeRegistration",
                &[
                    text("name"),
                    text("criSocket"),
                    many("taints", TAINT),
                    argument_map("kubeletExtraArgs"),
                    strings("ignorePreflightErrors"),
                    text("imagePullPolicy"),
                ],
            ),
            one("localAPIEndpoint", API_ENDPOINT),
            text("certificateKey"),
            strings("skipPhases"),
            one("patches", PATCHES),
        ],
        cluster_configuration: &[
            text("apiVersion"),
            text("kind"),
            one(
                "etcd",
                &[
                    one(
                        "local",
                        &[
                            text("imageRepository"),
                            text("imageTag"),
                            text("dataDir"),
                            argument_map("extraArgs"),
                            strings("serverCertSANs"),
                            strings("peerCertSANs"),
                        ],
                    ),
                    one(
                        "external",
                        &[
                            strings("endpoints"),
                            text("caFile"),
                            text("certFile"),
                            text("keyFile"),
                        ],
                    ),
                ],
            ),
            one("networking", NETWORKING),
            text("kubernetesVersion"),
            text("controlPlaneEndpoint"),
            one(
                "apiServer",
                &[
                    argument_map("extraArgs"),
                    many("extraVolumes", VOLUME),
                    strings("certSANs"),
                    text("timeoutForControlPlane"),
                ],
            ),
            one("controllerManager", COMPONENT_V1BETA3),
            one("scheduler", COMPONENT_V1BETA3),
            one("dns", &[text("imageRepository"), text("imageTag")]),
            text("certificatesDir"),
            text("imageRepository"),
            switches("featureGates"),
            text("clusterName"),
        ],
    },
];

const BOOTSTRAP_TOKEN: &[Field] = &[
    text("token"),
    text("description"),
    text("ttl"),
    text("expires"),
    strings("usages"),
    strings("groups"),
];

const TAINT: &[Field] = &[
    text("key"),
    text("value"),
    text("effect"),
    text("timeAdded"),
];

/// An argument of a component.
pub(super) const ARGUMENT: &[Field] = &[text("name"), text("value")];

const API_ENDPOINT: &[Field] = &[text("advertiseAddress"), number("bindPort")];

const PATCHES: &[Field] = &[text("directory")];

const NETWORKING: &[Field] = &[text("serviceSubnet"), text("podSubnet"), text("dnsDomain")];

const COMPONENT: &[Field] = &[
    arguments("extraArgs"),
    many("extraVolumes", VOLUME),
    many("extraEnvs", ENVIRONMENT),
];

const COMPONENT_V1BETA3: &[Field] = &[argument_map("extraArgs"), many("extraVolumes", VOLUME)];

const VOLUME: &[Field] = &[
    text("name"),
    text("hostPath"),
    text("mountPath"),
    boolean("readOnly"),
    text("pathType"),
];

const ENVIRONMENT: &[Field] = &[
    text("name"),
    text("value"),
    one(
        "valueFrom",
        &[
            one("fieldRef", &[text("apiVersion"), text("fieldPath")]),
            one(
                "resourceFieldRef",
                &[text("containerName"), text("resource"), text("divisor")],
            ),
            one("configMapKeyRef", KEY_REFERENCE),
            one("secretKeyRef", KEY_REFERENCE),
            one(
                "fileKeyRef",
                &[
                    text("volumeName"),
                    text("path"),
                    text("key"),
                    boolean("optional"),
                ],
            ),
        ],
    ),
];

const KEY_REFERENCE: &[Field] = &[text("name"), text("key"), boolean("optional")];

/// What is asked for where a string is meant.
pub(super) const TEXT: &str = "a string";
/// What is asked for where a boolean is meant.
pub(super) const BOOLEAN: &str = "`true` or `false`";

const fn text(name: &'static str) -> Field {
    single(name, TEXT)
}

const fn number(name: &'static str) -> Field {
    single(name, "a number")
}

const fn boolean(name: &'static str) -> Field {
    single(name, BOOLEAN)
}

const fn single(name: &'static str, wanted: &'static str) -> Field {
    let kind = Kind::Single(wanted);
    Field { name, kind }
}

const fn strings(name: &'static str) -> Field {
    let kind = Kind::Strings;
    Field { name, kind }
}

const fn switches(name: &'static str) -> Field {
    let kind = Kind::Switches;
    Field { name, kind }
}

const fn arguments(name: &'static str) -> Field {
    let kind = Kind::Arguments;
    Field { name, kind }
}

const fn argument_map(name: &'static str) -> Field {
    let kind = Kind::ArgumentMap;
    Field { name, kind }
}

const fn one(name: &'static str, fields: &'static [Field]) -> Field {
    let kind = Kind::Struct(fields);
    Field { name, kind }
}

const fn many(name: &'static str, fields: &'static [Field]) -> Field {
    let kind = Kind::Structs(fields);
    Field { name, kind }
}
