//! Computes validities: backdated by five minutes as in kubeadm, and not longer than the CA's.

use time::{Duration, OffsetDateTime};

use crate::x509::validity::Validity;

/// How far a certificate is backdated, for clocks that are slow (kubernetes/kubernetes#118922).
const BACKDATE: Duration = Duration::minutes(5);

/// Below this, kube-controller-manager calls a lifetime short.
const SHORT: std::time::Duration = std::time::Duration::from_secs(8 * 3600);

/// 9999-12-31T23:59:59Z, the last time that a certificate can express (RFC 5280 section 4.1.2.5).
const LAST: OffsetDateTime = time::macros::datetime!(9999-12-31 23:59:59 UTC);

/// Returns the validity of a CA made at `now`: from five minutes before `now` to `validity` after it.
pub fn ca(now: OffsetDateTime, validity: std::time::Duration) -> Validity {
    let validity = Duration::try_from(validity).unwrap_or(Duration::MAX);
    Validity {
        not_before: now - BACKDATE,
        not_after: now.checked_add(validity).map_or(LAST, |end| end.min(LAST)),
    }
}

/// Returns the validity of a leaf made at `now`, limited to the CA's validity, and whether it was shortened.
pub fn leaf(
    now: OffsetDateTime,
    validity: std::time::Duration,
    issuer: Validity,
) -> (Validity, bool) {
    let wanted = ca(now, validity);
    let dates = Validity {
        not_before: wanted.not_before.max(issuer.not_before),
        not_after: wanted.not_after.min(issuer.not_after),
    };
    (dates, dates.not_after < wanted.not_after)
}

/// As [`leaf`], for what a signer of kube-controller-manager signs: a validity of 8 hours or more includes the minutes before
/// `now` (`PermissiveSigningPolicy.apply` in `pkg/controller/certificates/authority/policies.go`, since Kubernetes 1.22).
pub fn signer_leaf(
    now: OffsetDateTime,
    validity: std::time::Duration,
    issuer: Validity,
) -> (Validity, bool) {
    let included = match validity < SHORT {
        true => std::time::Duration::ZERO,
        false => BACKDATE.unsigned_abs(),
    };
    leaf(now, validity.saturating_sub(included), issuer)
}

/// Returns the validity period that was requested for a certificate, if its dates show it.
///
/// A certificate that expires together with its CA may have been shortened. kubeadm's client certificates in
/// kubeconfigs, and all leaves of old releases, begin with their CA; then the period is known only if it is whole
/// hours.
pub fn period(own: Validity, issuer: Option<Validity>) -> Option<Duration> {
    let period = own.not_after - own.not_before - BACKDATE;
    match issuer {
        Some(issuer) if own.not_after == issuer.not_after => None,
        Some(issuer) if own.not_before == issuer.not_before && !is_whole_hours(period) => None,
        _ => Some(period),
    }
}

/// Returns the period that certificates like this one are usually made for, if its dates show it. A period that is not
/// whole hours was set by hand and is ignored.
pub fn usual_period(own: Validity, issuer: Option<Validity>) -> Option<std::time::Duration> {
    let period = period(own, issuer).filter(|period| is_whole_hours(*period))?;
    std::time::Duration::try_from(period)
        .ok()
        .filter(|period| !period.is_zero())
}

/// Returns whether a period is whole hours.
pub fn is_whole_hours(period: Duration) -> bool {
    period.whole_seconds() % Duration::HOUR.whole_seconds() == 0
}

/// Returns whether two periods differ by more than a difference in backdating.
pub fn is_noticeable(difference: Duration) -> bool {
    difference.abs() > BACKDATE * 2
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);
    const NOW: OffsetDateTime = datetime!(2026-11-22 00:00:00 UTC);

    #[test]
    fn validity_counts_from_now_and_not_from_the_backdated_start() {
        let dates = ca(NOW, HOUR * 24);
        assert_eq!(dates.not_before, datetime!(2026-11-21 23:55:00 UTC));
        assert_eq!(dates.not_after, datetime!(2026-11-23 00:00:00 UTC));
    }

    #[test]
    fn a_leaf_ends_with_its_ca_at_the_latest() {
        let issuer = Validity {
            not_before: NOW - Duration::DAY,
            not_after: NOW + Duration::HOUR,
        };
        assert_eq!(
            leaf(NOW, HOUR * 2, issuer),
            (
                Validity {
                    not_before: NOW - BACKDATE,
                    not_after: issuer.not_after
                },
                true
            )
        );
        assert!(
            !leaf(NOW, HOUR, issuer).1,
            "ending together is not cutting short"
        );
    }

    #[test]
    fn a_signer_includes_the_backdating_in_what_is_not_short() {
        let issuer = ca(NOW, HOUR * 24 * 365);
        let length = |hours: u32| {
            let (dates, _) = signer_leaf(NOW, HOUR * hours, issuer);
            dates.not_after - dates.not_before
        };
        assert_eq!(length(8), Duration::hours(8));
        assert_eq!(length(7), Duration::hours(7) + BACKDATE);
    }

    #[test]
    fn a_leaf_does_not_begin_before_its_ca() {
        let issuer = Validity {
            not_before: NOW - Duration::MINUTE,
            not_after: NOW + Duration::DAY,
        };
        assert_eq!(leaf(NOW, HOUR, issuer).0.not_before, issuer.not_before);
    }

    #[test]
    fn every_date_can_be_expressed_in_a_certificate() {
        assert_eq!(
            ca(datetime!(9999-12-31 12:00:00 UTC), HOUR * 24).not_after,
            LAST
        );
    }

    #[test]
    fn a_leap_day_has_a_year_after_it() {
        assert_eq!(
            ca(datetime!(2028-02-29 00:00:00 UTC), HOUR * 8760).not_after,
            datetime!(2029-02-28 00:00:00 UTC)
        );
    }
}
