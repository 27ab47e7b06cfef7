//! Settings as text with their origin: the common form of files, flags and the recorded configuration.

use super::fields::FIELDS;
use super::problem::Setting;

pub use super::fields::{ExternalEtcdSettings, Settings};

impl Settings {
    /// Returns these settings, and those of `fallback` for fields that these do not declare.
    ///
    /// Lists are not merged. If these settings declare a local etcd, the external etcd of `fallback` is ignored, and vice
    /// versa. A wildcard advertise address, which asks for detection, is replaced by any other address.
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

    /// Sets the field of a command-line flag; flags without a field are ignored.
    pub fn declare(&mut self, flag: &'static str, values: Vec<String>) {
        if let Some(field) = FIELDS.iter().find(|field| field.flag == Some(flag)) {
            let values = values
                .into_iter()
                .map(|value| Setting::by_flag(flag, value));
            (field.declare)(self, values.collect());
        }
    }

    /// Returns whether the node's name or address must be detected.
    pub fn needs_host(&self) -> bool {
        self.node_name.is_none() || !self.declares_address()
    }
}
