//! The text of `show`.

use std::fmt::Write as _;

use crate::report::contents::{
    CertificateDescription, ContentEntry, Description, KubeconfigDescription, RequestDescription,
    RevocationListDescription, ShownContents,
};
use crate::report::render::{Report, TextTarget};
use crate::report::time::residual_text;
use crate::util::escape::escape_line;
use crate::x509::certificate::short_serial;

impl Report for ShownContents {
    fn text(&self, _text_target: TextTarget) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&entry_text(entry, self.full));
        }
        text
    }
}

/// A title, and below it the fields with their values.
#[derive(Default)]
struct FieldList {
    lines: Vec<(&'static str, String)>,
    /// Whether lists are shown to their end.
    full: bool,
}

/// How many items of a list are shown.
const MAX_ITEMS: usize = 20;

impl FieldList {
    fn add(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.lines.push((name, value));
        }
    }

    fn list(&mut self, name: &'static str, values: &[impl AsRef<str>]) {
        let limit = if self.full { values.len() } else { MAX_ITEMS };
        let shown: Vec<_> = values
            .iter()
            .take(limit)
            .map(|value| item(value.as_ref()))
            .collect();
        let more = match values.len().saturating_sub(limit) {
            0 => String::new(),
            more => format!(" and {more} more, {} in all", values.len()),
        };
        self.add(name, format!("{}{more}", shown.join(", ")));
    }
}

/// Returns an item of a list; in quotes if it could be taken for several items.
fn item(text: &str) -> String {
    let is_ambiguous = text.contains([',', '"']) || text.trim() != text || text.is_empty();
    match is_ambiguous {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => text.to_owned(),
    }
}

fn entry_text(entry: &ContentEntry, full: bool) -> String {
    let mut fields = FieldList {
        full,
        ..FieldList::default()
    };
    let what = match &entry.description {
        Description::Certificate(certificate) => {
            certificate_fields(&mut fields, certificate, full);
            match certificate.ca {
                true => "CA certificate".to_owned(),
                false => "certificate".to_owned(),
            }
        }
        Description::Request(request) => {
            request_fields(&mut fields, request);
            "certification request".to_owned()
        }
        Description::PrivateKey(key) => {
            fields.add("key", &*key.key);
            fields.add("key SHA-256", key.key_sha256.clone().unwrap_or_default());
            "private key".to_owned()
        }
        Description::EncryptedPrivateKey(key) => {
            fields.add("encryption", &*key.encryption);
            "private key, encrypted with a passphrase".to_owned()
        }
        Description::PublicKey(key) => {
            fields.add("key", &*key.key);
            fields.add("key SHA-256", key.key_sha256.clone().unwrap_or_default());
            "public key".to_owned()
        }
        Description::RevocationList(list) => {
            revocation_fields(&mut fields, list);
            "certificate revocation list".to_owned()
        }
        Description::SigningRequest(request) => {
            fields.add("signer", request.signer_name.clone().unwrap_or_default());
            fields.list("usages", &request.usages);
            "request to a signer".to_owned()
        }
        Description::Kubeconfig(kubeconfig) => {
            kubeconfig_fields(&mut fields, kubeconfig);
            "kubeconfig".to_owned()
        }
        Description::Other(other) => match &other.error {
            Some(error) => format!("{}: {error}", other.what),
            None => other.what.clone(),
        },
    };
    let place = match entry.place.is_empty() {
        true => entry.file.clone(),
        false => format!("{}, {}", entry.file, entry.place),
    };
    let mut text = format!("{}: {}\n", escape_line(&place), escape_line(&what));
    let width = fields.lines.iter().map(|(name, _)| name.len()).max();
    for (name, value) in &fields.lines {
        let width = width.unwrap_or_default();
        _ = writeln!(text, "  {name:width$}  {}", escape_line(value));
    }
    text
}

fn certificate_fields(fields: &mut FieldList, certificate: &CertificateDescription, full: bool) {
    let rows: Vec<_> = certificate
        .rows
        .iter()
        .zip(&certificate.components)
        .map(|(row, component)| format!("{component} (`{row}`)"))
        .collect();
    fields.add("component", rows.join(", or "));
    fields.add("user", certificate.user.clone().unwrap_or_default());
    fields.list("groups", &certificate.groups);
    fields.add("subject", &*certificate.subject);
    fields.add("issuer", &*certificate.issuer);
    fields.add("serial", short_serial(&certificate.serial));
    let residual = certificate.residual;
    let state = match (certificate.is_early, residual.is_negative()) {
        (true, _) => "not valid yet".to_owned(),
        (false, true) => format!("expired {} ago", residual_text(-residual)),
        (false, false) => format!("{} left", residual_text(residual)),
    };
    fields.add(
        "valid",
        format!(
            "{} to {} UTC, {state}",
            certificate.not_before.short(),
            certificate.not_after.short()
        ),
    );
    fields.add("key", &*certificate.key);
    fields.list("key usage", &certificate.key_usages);
    fields.list("usage", &certificate.extended_key_usages);
    if let Some(length) = certificate.path_length {
        fields.add("path length", length.to_string());
    }
    fields.list("names", &certificate.sans);
    fields.add("SHA-256", &*certificate.sha256);
    if let Some(error) = &certificate.refused_by_go {
        fields.add("refused", format!("Kubernetes does not read it: {error}"));
    }
    if !full {
        return;
    }
    let details = &certificate.details;
    fields.add("key SHA-256", &*certificate.key_sha256);
    fields.add("version", details.version.to_string());
    fields.add("signature algorithm", &*details.signature_algorithm);
    let id = |id: &Option<String>| id.clone().unwrap_or_default();
    fields.add("subject key id", id(&details.subject_key_id));
    fields.add("authority key id", id(&details.authority_key_id));
    for extension in &details.extensions {
        let critical = match extension.critical {
            true => ", critical",
            false => "",
        };
        fields.add(
            "extension",
            format!("{}{critical}: {}", extension.name, extension.value),
        );
    }
    fields.add("signature", &*details.signature);
}

fn request_fields(fields: &mut FieldList, request: &RequestDescription) {
    fields.add("user", request.user.clone().unwrap_or_default());
    fields.list("groups", &request.groups);
    fields.add("subject", &*request.subject);
    fields.add("key", &*request.key);
    fields.list("key usage", &request.key_usages);
    fields.list("usage", &request.extended_key_usages);
    if request.ca {
        fields.add("CA", "asks for a CA certificate");
    }
    fields.list("names", &request.sans);
    fields.list("other extensions", &request.other_extensions);
    fields.list("other attributes", &request.other_attributes);
    fields.add("signature algorithm", &*request.signature_algorithm);
    fields.add("key SHA-256", &*request.key_sha256);
    fields.add(
        "proof",
        match (&request.proof_error, &request.proof_not_checked) {
            (Some(error), _) => format!("invalid: {error}"),
            (None, Some(reason)) => format!("not checked: {reason}"),
            (None, None) => "signed with its key".to_owned(),
        },
    );
}

fn revocation_fields(fields: &mut FieldList, list: &RevocationListDescription) {
    fields.add("issuer", &*list.issuer);
    fields.add("number", list.number.clone().unwrap_or_default());
    fields.add("made", format!("{} UTC", list.this_update.short()));
    if let Some(next) = list.next_update {
        let state = match list.is_stale {
            true => ", which is past",
            false => "",
        };
        fields.add("next due", format!("{} UTC{state}", next.short()));
    }
    fields.add("signature algorithm", &*list.signature_algorithm);
    fields.add("revoked", list.revoked.len().to_string());
    for revoked in &list.revoked {
        fields.add(
            "serial",
            format!(
                "{}, {} UTC",
                short_serial(&revoked.serial),
                revoked.time.short()
            ),
        );
    }
}

fn kubeconfig_fields(fields: &mut FieldList, kubeconfig: &KubeconfigDescription) {
    fields.add("cluster", &*kubeconfig.cluster);
    fields.add("server", &*kubeconfig.server);
    fields.add("CA", &*kubeconfig.ca);
    fields.add("user entry", &*kubeconfig.user);
    fields.add("credentials", &*kubeconfig.credentials);
}
