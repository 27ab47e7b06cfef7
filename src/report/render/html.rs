//! One page that needs no other file and no script, see `templates/html`. maud escapes every value.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use time::Duration;

use crate::check::finding::Outcome;
use crate::report::page::{Page, PageRow};
use crate::report::time::{Time, residual_text};
use crate::util::escape::escape_line;

/// The page may load nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The marks of the time axis: days from today.
const TICKS: [(i64, &str); 5] = [
    (0, "today"),
    (90, "90d"),
    (365, "1y"),
    (5 * 365, "5y"),
    (10 * 365, "10y"),
];

/// Where today is on an axis of 1000 units; what has expired is on its left.
const TODAY: f64 = 120.0;

/// Returns the page.
pub fn html(page: &Page) -> String {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "Kubernetes certificates" }
                style { (PreEscaped(include_str!("../../../templates/html/report.css"))) }
            }
            body {
                main {
                    h1 { "Kubernetes certificates" }
                    p { (summary(page)) }
                    (filters(page))
                    (table(page))
                }
                script { (PreEscaped(include_str!("../../../templates/html/report.js"))) }
            }
        }
    };
    markup.into_string()
}

fn summary(page: &Page) -> String {
    let trees = match (page.trees, page.rows.first()) {
        (1, Some(row)) => escape_line(&row.tree),
        (1, None) => "1 tree".to_owned(),
        (count, _) => format!("{count} trees"),
    };
    format!(
        "Checked on {} UTC: {trees}, {} entries",
        page.time.short(),
        page.rows.len()
    )
}

/// Filters by state need no script; the search field appears with it.
fn filters(page: &Page) -> Markup {
    let options = [
        ("all", "all", page.rows.len()),
        (
            "only-failing",
            "expired or broken",
            page.count(Outcome::Failing),
        ),
        ("only-due", "due", page.count(Outcome::Due)),
        ("only-healthy", "healthy", page.count(Outcome::Healthy)),
        (
            "only-unreadable",
            "unreadable",
            page.count(Outcome::Unreadable),
        ),
    ];
    html! {
        form {
            fieldset {
                legend { "Show" }
                @for (id, label, count) in options {
                    label for=(id) {
                        input type="radio" name="only" id=(id) checked[id == "all"];
                        " " (label) " (" (count) ")"
                    }
                }
            }
            label hidden {
                "Search "
                input type="search" id="search" placeholder="cluster or name";
            }
        }
    }
}

fn table(page: &Page) -> Markup {
    let has_trees = page.trees > 1;
    html! {
        table {
            caption { "The most urgent first; times are UTC." }
            thead {
                tr {
                    th scope="col" { "State" }
                    th scope="col" { "Certificate" }
                    @if has_trees { th scope="col" { "Cluster" } }
                    th scope="col" { "Expires" }
                    th.timeline scope="col" {
                        span.ticks aria-hidden="true" {
                            @for (days, label) in TICKS {
                                span style={ "left:" (format!("{:.1}%", position(days as f64) / 10.0)) } { (label) }
                            }
                        }
                    }
                }
            }
            tbody { @for row in &page.rows { (table_row(row, has_trees)) } }
        }
    }
}

fn table_row(row: &PageRow, has_trees: bool) -> Markup {
    let tree = escape_line(&row.tree);
    let name = match row.name {
        "" => "(not checked)",
        name => name,
    };
    html! {
        tr class=(class(row.outcome)) data-words={ (name) " " (tree) } {
            td { span.state { (state(row)) } }
            td {
                (name)
                @if let Some(reason) = &row.reason { span.why { (escape_line(reason)) } }
            }
            @if has_trees { td data-label="Cluster" { (tree) } }
            td.when data-label="Expires" { @if let Some((end, _)) = row.end { (end.short()) } }
            td.timeline { @if let Some(end) = row.end { (bar(end)) } }
        }
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Healthy => "healthy",
        Outcome::Unreadable => "unreadable",
        Outcome::Due => "due",
        Outcome::Failing => "failing",
    }
}

/// Says the state in words, so that it does not depend on the colour.
fn state(row: &PageRow) -> String {
    match (&row.end, row.is_missing) {
        _ if row.outcome == Outcome::Unreadable => "unreadable".to_owned(),
        (_, true) if row.outcome == Outcome::Healthy => "not needed".to_owned(),
        (_, true) if row.outcome == Outcome::Due => "pending".to_owned(),
        (_, true) => "missing".to_owned(),
        (None, false) => "broken".to_owned(),
        (Some((_, residual)), false) if residual.is_negative() => {
            format!("expired {} ago", residual_text(-*residual))
        }
        (Some(_), false) if row.reason.is_some() => "broken".to_owned(),
        (Some((_, residual)), false) => format!("{} left", residual_text(*residual)),
    }
}

/// Draws the time that is left, from today to the end.
fn bar((end, residual): (Time, Duration)) -> Markup {
    let at = position(residual.as_seconds_f64() / 86_400.0);
    let (left, width) = (at.min(TODAY), (at - TODAY).abs().max(4.0));
    let label = format!("until {}", end.date());
    html! {
        svg viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label=(label) {
            g.axis { @for (days, _) in TICKS {
                @let x = format!("{:.1}", position(days as f64));
                line x1=(x) x2=(x) y1="0" y2="20" {}
            } }
            rect x=(format!("{left:.1}")) y="5" width=(format!("{width:.1}")) height="10" rx="2" {}
            line.today x1=(TODAY) x2=(TODAY) y1="0" y2="20" {}
        }
    }
}

/// Returns where a day is on the axis: near days get more room than far ones. On the left is the past year.
fn position(days: f64) -> f64 {
    let share = |reach: f64| (days.abs() / reach).min(1.0).sqrt();
    match days < 0.0 {
        true => TODAY * (1.0 - share(365.0)),
        false => TODAY + (960.0 - TODAY) * share(3650.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_keeps_everything_on_it() {
        for days in [-1e6, -1.0, 0.0, 30.0, 3650.0, 1e6] {
            assert!((0.0..=1000.0).contains(&position(days)), "{days}");
        }
        assert!(position(-1.0) < position(0.0) && position(0.0) < position(1.0));
    }
}
