//! `pki template`.

#![allow(
    missing_docs,
    reason = "clap would print what documents a flattened group as the help of the command"
)]

use clap::{Args, ValueEnum};

use super::shared::TreeArgs;

pub(super) const AFTER_HELP: &str = "\
Examples:
  pki template
  pki template rbac | kubectl --kubeconfig /etc/kubernetes/super-admin.conf apply -f -
  pki template pki-check.service > /etc/systemd/system/pki-check.service
  pki template pki-alerts.yaml > /etc/prometheus/rules/pki.yaml";

#[derive(Debug, Args)]
pub struct TemplateArgs {
    /// The template [default: list them]
    #[arg(value_enum, value_name = "NAME")]
    pub template: Option<Template>,

    #[command(flatten)]
    pub tree: TreeArgs,
}

/// The texts that `pki template` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// The RBAC objects that kubeadm's init creates through the API server
    Rbac,
    /// systemd service: the daily check
    #[value(name = "pki-check.service")]
    CheckService,
    /// systemd timer of the daily check
    #[value(name = "pki-check.timer")]
    CheckTimer,
    /// systemd service: renew what is due
    #[value(name = "pki-renew.service")]
    RenewService,
    /// systemd timer of the renewal
    #[value(name = "pki-renew.timer")]
    RenewTimer,
    /// cron jobs: the daily check, and metrics every ten minutes
    #[value(name = "pki.cron")]
    Cron,
    /// Alert rules for Prometheus
    #[value(name = "pki-alerts.yaml")]
    Alerts,
    /// Dashboard for Grafana
    #[value(name = "pki-dashboard.json")]
    Dashboard,
    /// DaemonSet that writes metrics on every control-plane node
    #[value(name = "pki-check.yaml")]
    DaemonSet,
}
