//! Chromium shows the page of `check-expiration -o html`, at the widths of a phone, a tablet and a desktop.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::support::{NOW_ARGUMENT, TestTree, peer, pki, run};

const DARK: &str = "--blink-settings=preferredColorScheme=0";
const LIGHT: &str = "--blink-settings=preferredColorScheme=1";

/// Returns the document that a browser makes of a file.
fn document(browser: &Path, folder: &Path, file: &Path, option: &str) -> String {
    let mut command = Command::new(browser);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--dump-dom",
            option,
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        // A failing page must not hang the test.
        .arg("--timeout=30000")
        .arg(format!("file://{}", file.display()));
    run(&mut command).exits(0).stdout
}

/// Returns the page about three trees, of which one is whole, one is damaged and one is not a tree.
fn page() -> (TestTree, String) {
    let (whole, damaged, empty) = (TestTree::new(), TestTree::new(), TestTree::empty());
    damaged.remove("pki/etcd/peer.crt");
    damaged.remove("pki/apiserver.key");
    let odd = empty.root().join("<b>&\"'</b>");
    let mut command = pki();
    command.args(["check-expiration", "-o", "html", "--now", NOW_ARGUMENT]);
    command.args([whole.root(), damaged.root(), &odd]);
    (empty, run(&mut command).exits(5).stdout)
}

#[test]
fn the_page_is_readable_at_every_width_in_light_and_dark() {
    let Some(browser) = peer("chromium") else {
        return;
    };
    let (folder, page) = page();
    let harness = include_str!("page.html");
    let file = folder.root().join("harness.html");
    // `</script>` in the page must not end the script that holds it.
    let text = json!(page).to_string().replace("</", "<\\/");
    fs::write(
        &file,
        harness.replace("const page = PAGE;", &format!("const page = {text};")),
    )
    .unwrap();
    for scheme in [LIGHT, DARK] {
        let document = document(&browser, folder.root(), &file, scheme);
        let result = document.split("<pre id=\"result\">").nth(1).unwrap();
        let result = result.split("</pre>").next().unwrap();
        let result = result
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        let results: Vec<Value> = serde_json::from_str(&result).unwrap();
        let (without_script, results): (Vec<_>, Vec<_>) = results
            .into_iter()
            .partition(|one| one.get("search").is_some());
        let expected = json!({"all": 31, "failing": ["failing", "failing"], "search": false});
        assert_eq!(without_script, [expected]);
        let mut widths: Vec<_> = results
            .iter()
            .map(|one| one["width"].as_i64().unwrap())
            .collect();
        widths.sort_unstable();
        assert_eq!(widths, [360, 768, 1280]);
        for one in results {
            let none = json!([]);
            assert!(one["scroll"].as_i64() <= one["width"].as_i64(), "{one:#}");
            assert_eq!(
                (&one["outside"], &one["faint"]),
                (&none, &none),
                "{scheme}: {one:#}"
            );
            assert!(one["texts"].as_i64() > Some(100), "{one:#}");
            assert_eq!(one["unreachable"], 0);
            assert_eq!(one["all"], 31);
            assert_eq!(one["failing"], json!(["failing", "failing"]));
            assert_eq!(one["found"], json!(["etcd-peer", "etcd-peer"]));
            assert_eq!(one["bars"], 29);
        }
    }
}

#[test]
fn the_page_loads_nothing() {
    let (_folder, page) = page();
    for reference in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(reference), "{reference}");
    }
}

#[test]
fn the_name_of_a_tree_is_escaped() {
    let (_folder, page) = page();
    assert!(
        page.contains("&lt;b&gt;&amp;&quot;'&lt;/b&gt;") && !page.contains("<b>"),
        "{page}"
    );
}
