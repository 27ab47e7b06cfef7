//! Changes fields in the text of a kubeconfig and keeps the rest unchanged: comments, order, quotes, spelling.

use std::ops::Range;

use serde::Deserialize;
use serde_saphyr::Spanned;
use zeroize::Zeroizing;

use super::yaml;

/// A field of the current context's cluster or user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KubeconfigField {
    CertificateAuthorityData,
    ClientCertificateData,
    ClientKeyData,
    Server,
}

/// The positions of the fields in the text.
#[derive(Deserialize)]
struct FieldPositions {
    #[serde(default)]
    clusters: Vec<ClusterEntry>,
    #[serde(default)]
    users: Vec<UserEntry>,
}

#[derive(Deserialize)]
struct ClusterEntry {
    cluster: Option<ClusterFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterFields {
    certificate_authority_data: Option<Spanned<String>>,
    server: Option<Spanned<String>>,
}

#[derive(Deserialize)]
struct UserEntry {
    user: Option<UserFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserFields {
    client_certificate_data: Option<Spanned<String>>,
    client_key_data: Option<Spanned<String>>,
}

/// Replaces the value of a field in the text. Returns `None` if the field is missing or is shared by an alias.
///
/// The caller parses the result. If it is not as expected, the caller writes the whole document instead.
pub(super) fn replace(
    text: &str,
    field: KubeconfigField,
    cluster: usize,
    user: usize,
    value: &str,
) -> Option<Zeroizing<String>> {
    let positions: FieldPositions =
        serde_saphyr::from_str_with_options(text, yaml::options()).ok()?;
    let cluster = positions
        .clusters
        .get(cluster)
        .and_then(|entry| entry.cluster.as_ref());
    let user = positions
        .users
        .get(user)
        .and_then(|entry| entry.user.as_ref());
    let position = match field {
        KubeconfigField::CertificateAuthorityData => cluster?.certificate_authority_data.as_ref(),
        KubeconfigField::Server => cluster?.server.as_ref(),
        KubeconfigField::ClientCertificateData => user?.client_certificate_data.as_ref(),
        KubeconfigField::ClientKeyData => user?.client_key_data.as_ref(),
    };
    let range = range(position?)?;
    // In JSON, which is YAML too, the value must stay quoted.
    let quote = ['"', '\'']
        .into_iter()
        .find(|quote| {
            text.get(range.clone())
                .is_some_and(|old| old.starts_with(*quote))
        })
        .map(String::from)
        .unwrap_or_default();
    let (before, after) = (text.get(..range.start)?, text.get(range.end..)?);
    let mut edited = Zeroizing::new(String::with_capacity(text.len() + value.len() + 2));
    edited.extend([before, &quote, value, &quote, after]);
    Some(edited)
}

fn range(position: &Spanned<String>) -> Option<Range<usize>> {
    if position.referenced != position.defined {
        return None;
    }
    let span = position.referenced.span();
    let start = usize::try_from(span.byte_offset()?).ok()?;
    let length = usize::try_from(span.byte_len()?).ok()?;
    Some(start..start.checked_add(length)?)
}
