//! Declared settings, as text with their origin: the common form of a file, of flags and of the recorded configuration.

use super::fields::FIELDS;
use super::problem::Setting;

pub use super::fields::Settings;

/// What a configuration declares about an external etcd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExternalEtcdSettings {
    /// `endpoints`.
    pub endpoints: Option<Vec<Setting<String>>>,
    /// `httpEndpoints`.
    pub http_endpoints: Option<Vec<Setting<String>>>,
    /// `caFile`.
    pub ca_file: Option<Setting<String>>,
    /// `certFile`.
    pub cert_file: Option<Setting<String>>,
    /// `keyFile`.
    pub key_file: Option<Setting<String>>,
}

impl Settings {
    /// Returns these settings, and those of `fallback` where these declare nothing.
    ///
    /// A list is taken as a whole, and a declared kind of etcd hides every field of the other kind. A wildcard advertise
    /// address gives way to any other, because it asks to detect one.
    pub fn or(mut self, mut fallback: Settings) -> Settings {
        if self.etcd_external.is_some() {
            fallback.etcd_local = None;
            fallback.etcd_data_dir = None;
            fallback.etcd_server_cert_sans = None;
            fallback.etcd_peer_cert_sans = None;
        } else if self.etcd_local.is_some() {
            fallback.etcd_external = None;
        }
        if !self.declares_address() && fallback.declares_address() {
            self.advertise_address = None;
        }
        for field in FIELDS {
            (field.merge)(&mut self, &mut fallback);
        }
        self
    }

    /// Sets the field of a command-line flag; a flag that stands for no field is ignored.
    pub fn declare(&mut self, flag: &'static str, values: Vec<String>) {
        if let Some(field) = FIELDS.iter().find(|field| field.flag == Some(flag)) {
            let values = values
                .into_iter()
                .map(|value| Setting::by_flag(flag, value));
            (field.declare)(self, values.collect());
        }
    }

    /// Returns whether only the host can supply the node's name or address.
    pub fn needs_host(&self) -> bool {
        self.node_name.is_none() || !self.declares_address()
    }

    /// Returns whether an advertise address is declared that is not a wildcard.
    pub(super) fn declares_address(&self) -> bool {
        let address = self.advertise_address.as_ref();
        address.is_some_and(|address| {
            !matches!(address.value.parse::<std::net::IpAddr>(), Ok(ip) if ip.is_unspecified())
        })
    }
}
