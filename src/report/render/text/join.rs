//! The text of the commands for joining nodes: what a command line takes, and nothing else.

use crate::report::join::NewCertificateKey;
use crate::report::render::{Report, TextTarget};

impl Report for NewCertificateKey {
    fn text(&self, _text_target: TextTarget) -> String {
        format!("{}\n", *self.certificate_key)
    }
}
