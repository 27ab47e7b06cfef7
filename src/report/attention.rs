//! What needs attention in words: what is wrong with which rows, and what to do.

use super::time::{Time, typed};
use crate::check::expiry::{Expiry, Item, Renewer, State, Thresholds, Urgency};

/// Returns what needs attention in words: what is wrong with which, and what to do.
pub fn lines(expiry: &Expiry, thresholds: Thresholds) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&str>, &str)> = Vec::new();
    let mut lines = Vec::new();
    for item in expiry
        .items()
        .filter(|item| item.urgency(thresholds) > Urgency::Healthy)
    {
        match verdict(item) {
            Verdict::Alone(line) => lines.push(line),
            Verdict::Shared(what, remedy) => match groups
                .iter_mut()
                .find(|(group, _, known)| *group == what && *known == remedy)
            {
                Some((_, names, _)) => names.push(item.name),
                None => groups.push((what, vec![item.name], remedy)),
            },
        }
    }
    let grouped = groups.into_iter().map(|(what, names, remedy)| {
        format!(
            "{what}: {}; {}",
            names.join(", "),
            remedy.replace("WARN", &typed(thresholds.warn.max(thresholds.critical)))
        )
    });
    grouped.chain(lines).collect()
}

/// What is said of an item: together with others of its kind, or alone.
enum Verdict {
    /// What is wrong, and the remedy, in which `WARN` stands for the warning time.
    Shared(String, &'static str),
    Alone(String),
}

fn verdict(item: &Item) -> Verdict {
    let remedy = match item.renewer {
        Renewer::Kubelet => {
            "the kubelet renews its certificate by itself: does it run, and reach the API server?"
        }
        Renewer::Nobody => "a CA has to be replaced, and everything it signed with it",
        Renewer::Owner => {
            "it lies in a file of its own, which has to be renewed where it came from"
        }
        Renewer::ExternalCa => "the CA is external: have it sign them again",
        Renewer::Pki => "`pki renew --due WARN` renews what is due",
        Renewer::Init => "move it away, and `pki init` makes it anew",
        Renewer::Hand => "replace the CAs in it by those of ca.crt, and restart what uses it",
    };
    if let Some(problem) = &item.problem {
        let name = item.name;
        let remedy = match item.renewer {
            Renewer::Nobody => {
                "put it back from a backup, or replace it and everything it signed".to_owned()
            }
            Renewer::Pki => format!("`pki renew {name}` makes key and certificate anew"),
            Renewer::Kubelet
            | Renewer::Owner
            | Renewer::ExternalCa
            | Renewer::Init
            | Renewer::Hand => remedy.to_owned(),
        };
        return Verdict::Alone(format!("`{name}`: {problem}; {remedy}"));
    }
    match &item.state {
        State::Dated { residual, .. } if residual.is_negative() => {
            Verdict::Shared("expired".to_owned(), remedy)
        }
        State::Dated {
            residual,
            not_after,
            not_before,
        } if *not_before > *not_after - *residual => Verdict::Alone(format!(
            "`{}` is not valid before {} (is the clock right?)",
            item.name,
            Time::from(*not_before).date()
        )),
        State::Dated { not_after, .. } => Verdict::Shared(
            format!("expires on {}", Time::from(*not_after).date()),
            remedy,
        ),
        State::Missing if item.renewer == Renewer::Kubelet => {
            Verdict::Shared("missing".to_owned(), remedy)
        }
        State::Missing if item.is_ca => Verdict::Shared(
            "missing".to_owned(),
            "put it back from a backup; `pki init` makes one only where nothing is signed yet",
        ),
        State::Missing if item.renewer == Renewer::ExternalCa => Verdict::Shared(
            "missing".to_owned(),
            "the CA is external: `pki init --dry-run` says what to have it sign",
        ),
        State::Missing => Verdict::Shared("missing".to_owned(), "`pki init` makes what is missing"),
        State::Broken(message) => Verdict::Alone(format!("`{}`: {message}", item.name)),
    }
}
