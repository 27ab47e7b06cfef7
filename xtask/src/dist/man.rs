//! Manual pages: one in section 1 for each command, from its clap definition, and one in section 7 for each help topic.

use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use pki::{
    cli::Cli,
    cmd::{TOPICS, Topic},
};
use roff::{Inline, Roff, bold, roman};

/// The program and the manual, as the headers name them.
const MANUAL: &str = "pki";

/// A manual page.
#[derive(Debug)]
pub(crate) struct ManPage {
    /// Its file, such as `pki-renew.1`.
    pub(crate) file: String,
    pub(crate) text: String,
}

/// Returns all pages.
///
/// # Arguments
/// `date`: the date in their headers, as `YYYY-MM-DD`.
pub(crate) fn pages(date: &str) -> Result<Vec<ManPage>> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    let mut commands = vec![&root];
    while let Some(command) = commands.pop() {
        pages.push(command_page(command, date)?);
        commands.extend(command.get_subcommands().filter(|sub| !sub.is_hide_set()));
    }
    for topic in &TOPICS {
        pages.push(topic_page(topic, date)?);
    }
    pages.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(pages)
}

/// Returns the page of a command. clap_mangen would print what stands below the help in one paragraph.
fn command_page(command: &Command, date: &str) -> Result<ManPage> {
    let below = command
        .get_after_long_help()
        .or_else(|| command.get_after_help())
        .map(ToString::to_string);
    let name = command.get_display_name().unwrap_or(command.get_name());
    let man = Man::new(command.clone()).date(date).manual(MANUAL);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        man.render_options_section(&mut page)?;
    }
    if command.get_subcommands().any(|sub| !sub.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    let mut rest = Roff::new();
    notes(&mut rest, &below.unwrap_or_default());
    see_also(&mut rest, command, name);
    rest.to_writer(&mut page)?;
    Ok(ManPage {
        file: format!("{name}.1"),
        text: String::from_utf8(page)?,
    })
}

/// Adds what stands below a help: a line such as `Examples:` with indented lines below it becomes a section.
fn notes(roff: &mut Roff, text: &str) {
    let mut literal = false;
    let mut has_section = false;
    for line in text.lines() {
        let heading = line.strip_suffix(':').filter(|line| !line.starts_with(' '));
        if literal && !line.starts_with(' ') {
            roff.control("EE", []);
            literal = false;
        }
        if let Some(heading) = heading {
            // A command in a heading is typed as it is.
            let heading = match heading.contains('`') {
                true => heading.replace('`', ""),
                false => heading.to_uppercase(),
            };
            roff.control("SH", [heading.as_str()]);
            has_section = true;
        } else if line.starts_with(' ') {
            if !literal {
                roff.control("EX", []);
                literal = true;
            }
            roff.text([roman(line)]);
        } else if !line.is_empty() {
            if !has_section {
                roff.control("SH", ["NOTES"]);
                has_section = true;
            }
            roff.text(inlines(line));
        }
    }
    if literal {
        roff.control("EE", []);
    }
}

/// Adds the related pages: the topics below `pki` itself, and `pki` below every other command.
fn see_also(roff: &mut Roff, command: &Command, name: &str) {
    let mut pages: Vec<String> = match name {
        "pki" => TOPICS
            .iter()
            .map(|topic| page_name(topic) + "(7)")
            .collect(),
        _ => vec!["pki(1)".to_owned()],
    };
    let below = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && name != "pki");
    pages.extend(below.filter_map(|sub| Some(format!("{}(1)", sub.get_display_name()?))));
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
}

fn page_name(topic: &Topic) -> String {
    format!("pki-{}", topic.name)
}

/// Returns the page of a topic. Topics are Markdown with headings, paragraphs, lists, and indented blocks.
fn topic_page(topic: &Topic, date: &str) -> Result<ManPage> {
    let text = topic.printed();
    let (title, body) = text
        .strip_prefix("# ")
        .and_then(|text| text.split_once('\n'))
        .with_context(|| format!("topic `{}` has no title", topic.name))?;
    let name = page_name(topic);
    let mut roff = Roff::new();
    roff.control("TH", [name.as_str(), "7", date, MANUAL, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {title}"))]);
    roff.control("SH", ["DESCRIPTION"]);
    let mut literal = false;
    let mut after_blank = false;
    for line in body.trim().lines() {
        let block = line.strip_prefix("    ");
        if literal && block.is_none() && !line.is_empty() {
            roff.control("EE", []).control("RE", []);
            literal = false;
        }
        match block {
            Some(block) => {
                if !literal {
                    roff.control("PP", [])
                        .control("RS", ["4"])
                        .control("EX", []);
                    literal = true;
                }
                roff.text([roman(block)]);
            }
            None if line.is_empty() => {}
            None => prose(&mut roff, line, after_blank),
        }
        after_blank = line.is_empty() || literal;
    }
    if literal {
        roff.control("EE", []).control("RE", []);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("pki(1)")]);
    Ok(ManPage {
        file: format!("{name}.7"),
        text: roff.render(),
    })
}

/// Adds a line of prose: a heading, the beginning of an item or paragraph, or its continuation.
fn prose(roff: &mut Roff, line: &str, after_blank: bool) {
    if let Some(heading) = line.strip_prefix("## ") {
        roff.control("SH", [heading]);
    } else if let Some(item) = line.strip_prefix("- ") {
        roff.control("IP", ["\\(bu", "2"]).text(inlines(item));
    } else if let Some((number, item)) = numbered(line) {
        roff.control("IP", [number, "3"]).text(inlines(item));
    } else if let Some(continued) = line.strip_prefix("  ") {
        roff.text(inlines(continued.trim_start()));
    } else {
        if after_blank {
            roff.control("PP", []);
        }
        roff.text(inlines(line));
    }
}

/// Splits the beginning of an item such as `2. Make all keys`.
fn numbered(line: &str) -> Option<(&str, &str)> {
    let (number, item) = line.split_once(' ')?;
    let digits = number.strip_suffix('.')?;
    digits.parse::<u8>().ok().map(|_| (number, item))
}

/// Returns text with what stands in backticks in bold.
fn inlines(text: &str) -> Vec<Inline> {
    text.split('`')
        .enumerate()
        .filter(|(_, part)| !part.is_empty())
        .map(|(index, part)| match index % 2 {
            0 => roman(part),
            _ => bold(part),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{collections::BTreeSet, env, fs, process::Command as Program};

    use super::*;
    use crate::command::{find, top};

    #[test]
    fn every_command_and_topic_has_a_page() {
        let pages = pages("2026-11-28").unwrap();
        let files: BTreeSet<_> = pages.iter().map(|page| page.file.as_str()).collect();
        assert_eq!(files.len(), pages.len());
        for file in [
            "pki.1",
            "pki-renew.1",
            "pki-kubeconfig-user.1",
            "pki-files.7",
        ] {
            assert!(files.contains(file), "{file}: {files:?}");
        }
        for topic in &TOPICS {
            assert!(files.contains(format!("pki-{}.7", topic.name).as_str()));
        }
        // kubeadm's spelling is hidden in the help, too.
        assert!(!files.contains("pki-certs.1"), "{files:?}");
    }

    #[test]
    fn sections_lists_and_blocks_of_a_topic_are_kept() {
        let topic = Topic {
            name: "x",
            text: "# A title\n\nFirst `a`\nline.\n\n## Part\n\n- one\n  more\n\n1. first\n\n    .block\n\n    second\n\nEnd.\n",
        };
        let page = topic_page(&topic, "2026-11-28").unwrap();
        let (_, body) = page.text.split_once(".TH").unwrap();
        assert_eq!(
            body,
            " pki-x 7 2026-11-28 pki pki\n.SH NAME\npki\\-x \\- A title\n.SH DESCRIPTION\nFirst \\fBa\\fR\nline.\n.SH Part\n\
             .IP \\(bu 2\none\nmore\n.IP 1. 3\nfirst\n.PP\n.RS 4\n.EX\n\\&.block\nsecond\n.EE\n.RE\n.PP\nEnd.\n.SH \"SEE ALSO\"\npki(1)\n"
        );
    }

    #[test]
    fn man_formats_every_page_without_a_warning() {
        let Some(man) = find("man") else {
            assert!(env::var("CI").is_err(), "man is not installed");
            return;
        };
        let folder = top()
            .unwrap()
            .join(format!("target/man-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for page in pages("2026-11-28").unwrap() {
            let path = folder.join(&page.file);
            fs::write(&path, &page.text).unwrap();
            let mut program = Program::new(&man);
            program.args(["--warnings", "--local-file"]).arg(&path);
            // Its own settings would change the width and the language.
            let formatted = program
                .env("MANWIDTH", "100")
                .env("LC_ALL", "C.UTF-8")
                .output()
                .unwrap();
            let complaints = String::from_utf8_lossy(&formatted.stderr);
            assert!(
                formatted.status.success() && complaints.is_empty(),
                "{}: {complaints}",
                page.file
            );
            let text = String::from_utf8_lossy(&formatted.stdout);
            assert!(
                text.contains("NAME") && text.contains("SEE ALSO"),
                "{}: {text}",
                page.file
            );
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
