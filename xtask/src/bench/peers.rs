//! Programs of other projects that do the same work: 3 CAs, 12 leaves and one plain key, or the check of such a tree.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::Result;

use super::quietly;
use crate::command::{find, output};

/// A program, and what it is used for.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Tool {
    /// A process for each pair.
    Openssl,
    /// A process for each pair.
    Cfssl,
    /// Two processes: certificates and kubeconfigs.
    KubeadmInit,
    KubeadmCheck,
}

/// Each CA with the number of its leaves.
const CAS: [(&str, usize); 3] = [("ca", 7), ("front-proxy-ca", 1), ("etcd-ca", 4)];

/// Kubeadm looks the newest version up in the network if none is named.
const KUBERNETES_VERSION: &str = "--kubernetes-version=v1.20.2";

impl Tool {
    pub(super) fn name(self) -> &'static str {
        match self {
            Tool::Openssl => "openssl",
            Tool::Cfssl => "cfssl",
            Tool::KubeadmInit | Tool::KubeadmCheck => "kubeadm",
        }
    }

    pub(super) fn description(self) -> &'static str {
        match self {
            Tool::Openssl => "openssl, as many pairs",
            Tool::Cfssl => "cfssl, as many pairs",
            Tool::KubeadmInit => "kubeadm init phase certs, kubeconfig",
            Tool::KubeadmCheck => "kubeadm certs check-expiration",
        }
    }

    /// Returns whether the program is installed and makes such keys. Kubeadm's flags choose no algorithm.
    pub(super) fn can_do(self, algorithm: &str) -> bool {
        match self {
            Tool::Openssl | Tool::Cfssl => find(self.name()).is_some(),
            Tool::KubeadmInit | Tool::KubeadmCheck => {
                algorithm == "RSA-2048" && kubeadm().is_some()
            }
        }
    }

    /// Does the work once. The check needs a tree of `pki` in the folder.
    pub(super) fn run(self, folder: &Path, algorithm: &str) -> Result<()> {
        match self {
            Tool::Openssl => openssl(folder, algorithm),
            Tool::Cfssl => cfssl(folder, algorithm),
            Tool::KubeadmInit => kubeadm_init(folder),
            Tool::KubeadmCheck => kubeadm_check(folder),
        }
    }
}

/// Returns the path of kubeadm: in the directory that the tests of a running control plane use, or installed.
fn kubeadm() -> Option<PathBuf> {
    let built = env::var_os("PKI_KUBERNETES_BIN").map(|folder| Path::new(&folder).join("kubeadm"));
    built
        .filter(|path| path.is_file())
        .or_else(|| find("kubeadm"))
}

/// Calls `issue` for each CA and its leaves: the name, and the CA of a leaf.
fn for_each_pair(mut issue: impl FnMut(&str, Option<&str>) -> Result<()>) -> Result<()> {
    for (ca, leaves) in CAS {
        issue(ca, None)?;
        for leaf in 0..leaves {
            issue(&format!("{ca}-leaf-{leaf}"), Some(ca))?;
        }
    }
    // The service-account pair. It needs no certificate, but making one takes almost no time.
    issue("sa", None)
}

fn openssl(folder: &Path, algorithm: &str) -> Result<()> {
    let new_key: &[&str] = match algorithm.strip_prefix("RSA-") {
        Some(bits) => &["-newkey", &format!("rsa:{bits}")],
        None => &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    };
    let file = |name: &str, extension: &str| folder.join(format!("{name}.{extension}"));
    for_each_pair(|name, ca| {
        let mut command = Command::new("openssl");
        command
            .args(["req", "-x509", "-nodes", "-sha256", "-days", "365"])
            .args(["-subj", &format!("/CN={name}")])
            .args(new_key)
            .arg("-keyout")
            .arg(file(name, "key"))
            .arg("-out")
            .arg(file(name, "crt"));
        if let Some(ca) = ca {
            command.arg("-CA").arg(file(ca, "crt"));
            command.arg("-CAkey").arg(file(ca, "key"));
        }
        quietly(&mut command)
    })
}

/// The request is `{"CN": ..., "key": {"algo": ..., "size": ...}}`; the answer has the fields `cert` and `key`.
fn cfssl(folder: &Path, algorithm: &str) -> Result<()> {
    let (algo, size) = match algorithm.strip_prefix("RSA-") {
        Some(bits) => ("rsa", bits),
        None => ("ecdsa", "256"),
    };
    for_each_pair(|name, ca| {
        let request = folder.join("request.json");
        let text = format!(r#"{{"CN":"{name}","key":{{"algo":"{algo}","size":{size}}}}}"#);
        fs::write(&request, text)?;
        let mut command = Command::new("cfssl");
        command.args(["gencert", "-loglevel", "5"]);
        match ca {
            Some(ca) => command
                .arg("-ca")
                .arg(folder.join(format!("{ca}.pem")))
                .arg("-ca-key")
                .arg(folder.join(format!("{ca}-key.pem"))),
            None => command.arg("-initca"),
        };
        let answer = output(command.arg(&request).stdin(Stdio::null()))?;
        // What cfssljson does.
        let answer: serde_json::Value = serde_json::from_str(&answer)?;
        for (field, file) in [
            ("cert", format!("{name}.pem")),
            ("key", format!("{name}-key.pem")),
        ] {
            let text = answer.get(field).and_then(serde_json::Value::as_str);
            fs::write(folder.join(file), text.unwrap_or_default())?;
        }
        Ok(())
    })
}

fn kubeadm_init(folder: &Path) -> Result<()> {
    for (phase, directory) in [("certs", None), ("kubeconfig", Some("--kubeconfig-dir"))] {
        let mut command = Command::new(kubeadm().unwrap_or_default());
        command
            .args(["init", "phase", phase, "all", KUBERNETES_VERSION])
            .arg("--apiserver-advertise-address=192.0.2.11")
            .arg("--cert-dir")
            .arg(folder.join("pki"));
        if let Some(flag) = directory {
            command.arg(flag).arg(folder);
        }
        quietly(&mut command)?;
    }
    Ok(())
}

/// Kubeadm looks for kubeconfigs in `/etc/kubernetes` only, so it judges the certificates.
fn kubeadm_check(folder: &Path) -> Result<()> {
    let config = folder.join("kubeadm.yaml");
    let directory = folder.join("etc/kubernetes/pki");
    fs::write(
        &config,
        format!(
            "apiVersion: kubeadm.k8s.io/v1beta2\nkind: ClusterConfiguration\nkubernetesVersion: v1.20.2\ncertificatesDir: {}\n",
            directory.display()
        ),
    )?;
    let mut command = Command::new(kubeadm().unwrap_or_default());
    quietly(
        command
            .args(["certs", "check-expiration", "--config"])
            .arg(config),
    )
}
