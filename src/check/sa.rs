//! The key pair that signs service-account tokens.

use super::finding::{Finding, FindingId};
use super::{file, missing};
use crate::catalog::Row;
use crate::tree::inventory::{FileState, KeyFile};
use crate::x509::key::PublicKey;

pub(super) fn check(
    row: &'static Row,
    public: &FileState<Vec<PublicKey>>,
    key: &FileState<KeyFile>,
    is_required: bool,
) -> Vec<Finding> {
    let found = |id, text| vec![Finding::new(id, text).about(row)];
    match (public, key) {
        (FileState::Invalid(_), _) | (_, FileState::Invalid(_)) => {
            [public.invalid(), key.invalid()]
                .into_iter()
                .flatten()
                .map(|invalid| file::check(row, invalid))
                .collect()
        }
        (FileState::Missing, FileState::Missing) if is_required => vec![missing(row)],
        (FileState::Missing, FileState::Missing) => Vec::new(),
        (FileState::Missing, FileState::Valid(_)) => found(
            FindingId::ServiceAccountPublicMissing,
            "sa.key exists, sa.pub is missing",
        ),
        (FileState::Valid(_), FileState::Missing) => found(
            FindingId::ServiceAccountKeyMissing,
            "sa.pub exists, sa.key is missing",
        ),
        (FileState::Valid(public), FileState::Valid(key)) => match key.read() {
            Some(key) if !public.contains(key.public_key()) => found(
                FindingId::ServiceAccountMismatch,
                "sa.pub does not contain the public key of sa.key",
            ),
            _ => Vec::new(),
        },
    }
}
