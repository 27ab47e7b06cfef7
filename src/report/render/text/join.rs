//! The text of the commands for joining nodes: what a command line takes, and little else.

use crate::report::join::{DiscoveryHashes, JoinCommands, NewCertificateKey};
use crate::report::render::{Report, TextTarget};
use crate::util::escape::escape_line;

impl Report for NewCertificateKey {
    fn text(&self, _text_target: TextTarget) -> String {
        format!("{}\n", *self.certificate_key)
    }
}

impl Report for DiscoveryHashes {
    fn text(&self, _text_target: TextTarget) -> String {
        self.hashes.iter().map(|hash| format!("{hash}\n")).collect()
    }
}

impl Report for JoinCommands {
    fn text(&self, _text_target: TextTarget) -> String {
        let mut text = format!("# On a worker:\n{}\n", escape_line(&self.worker));
        if let Some(command) = &self.control_plane {
            text.push_str(&format!(
                "# On a control-plane node:\n{}\n",
                escape_line(command)
            ));
        }
        text
    }
}
