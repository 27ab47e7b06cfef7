//! The validity of a certificate.

use time::OffsetDateTime;

/// The validity of a certificate (RFC 5280 section 4.1.2.5): whole seconds in UTC, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First valid second.
    pub not_before: OffsetDateTime,
    /// Last valid second.
    pub not_after: OffsetDateTime,
}

impl Validity {
    /// Returns the time nearest to `time` that is within the validity.
    pub fn clamp(&self, time: OffsetDateTime) -> OffsetDateTime {
        time.min(self.not_after).max(self.not_before)
    }
}
