//! `template`: each text is accepted by the program that reads it.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;

use crate::cli::help::assert_parses;
use crate::support::{Run, TestTree, peer, pki, run};

fn template(arguments: &[&str]) -> Run {
    run(pki().arg("template").args(arguments)).exits(0)
}

/// Writes templates into a directory.
fn written(names: &[&str]) -> TestTree {
    let folder = TestTree::empty();
    for name in names {
        fs::write(folder.root().join(name), template(&[name]).stdout).unwrap();
    }
    folder
}

#[test]
fn every_template_is_listed_and_printed() {
    let list = template(&[]).stdout;
    let names: Vec<_> = list
        .lines()
        .skip(1)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(names.len(), 9, "{list}");
    for name in names {
        let text = template(&[name]).stdout;
        for placeholder in [
            "{{pki}}",
            "{{arguments}}",
            "{{certificates}}",
            "{{kubeconfigs}}",
            "{{version}}",
        ] {
            assert!(!text.contains(placeholder), "{name}: {text}");
        }
    }
    run(pki().args(["template", "nothing"])).exits(2);
}

#[test]
fn systemd_accepts_the_units_and_rates_them_as_hardened() {
    let Some(analyze) = peer("systemd-analyze") else {
        return;
    };
    let units = [
        "pki-check.service",
        "pki-check.timer",
        "pki-renew.service",
        "pki-renew.timer",
    ];
    let folder = written(&units);
    let analyze = |arguments: &[&str], unit: &str| {
        let mut command = Command::new(&analyze);
        run(command.args(arguments).arg(folder.root().join(unit)))
    };
    for unit in units {
        let verified = analyze(&["verify"], unit).exits(0);
        assert!(!verified.stderr.contains(unit), "{verified}");
    }
    for unit in ["pki-check.service", "pki-renew.service"] {
        // At most 2.0 of 10.
        analyze(
            &["security", "--no-pager", "--offline=true", "--threshold=20"],
            unit,
        )
        .exits(0);
    }
}

#[test]
fn units_and_cron_jobs_have_the_absolute_paths_of_the_tree() {
    let folder = TestTree::empty();
    let name = "100% $odd \"q\"";
    fs::create_dir(folder.root().join(name)).unwrap();
    let printed = |template: &str| {
        let mut command = pki();
        command.current_dir(folder.root());
        run(command.args(["template", template, "--rootfs", name]))
            .exits(0)
            .stdout
    };
    let root = folder.root().display();
    let systemd = format!("\"{root}/100%% $$odd \\\"q\\\"");
    let service = printed("pki-renew.service");
    let command = format!("renew --due 30d --quiet --rootfs {systemd}\"\n");
    assert!(service.contains(&command), "{service}");
    let paths =
        format!("ReadWritePaths={systemd}/etc/kubernetes/pki\" {systemd}/etc/kubernetes\"\n");
    assert!(service.contains(&paths), "{service}");
    let cron = printed("pki.cron");
    let quoted = format!(" --rootfs '{root}/100\\% $odd \"q\"'");
    assert_eq!(cron.matches(&quoted).count(), 2, "{cron}");
    if let Some(analyze) = peer("systemd-analyze") {
        let unit = folder.root().join("pki-check.service");
        fs::write(&unit, printed("pki-check.service")).unwrap();
        run(Command::new(analyze).arg("verify").arg(unit)).exits(0);
    }
}

/// The image of the DaemonSet has nothing but `pki`, so its arguments are all that starts.
#[test]
fn the_daemonset_runs_a_command_of_this_version() {
    let manifest = template(&["pki-check.yaml"]).stdout;
    let image = concat!("image: localhost/pki:", env!("CARGO_PKG_VERSION"), "\n");
    assert!(manifest.contains(image), "{manifest}");
    assert!(!manifest.contains(" command:"), "{manifest}");
    let arguments: Vec<_> = manifest
        .lines()
        .skip_while(|line| line.trim() != "args:")
        .skip(1)
        .map_while(|line| line.strip_prefix("        - "))
        .collect();
    assert_parses(&format!("pki {}", arguments.join(" ")));
    assert!(arguments.contains(&"--every=10m"), "{arguments:?}");
    // What it reads and writes is mounted.
    for path in [
        "/host/etc/kubernetes",
        "/host/var/lib/kubelet/pki",
        "/textfile",
    ] {
        assert!(
            manifest.contains(&format!("mountPath: {path}\n")),
            "{path}: {manifest}"
        );
    }
    assert!(arguments.contains(&"--rootfs=/host"));
    assert!(arguments.contains(&"--output-file=/textfile/pki.prom"));
}

#[test]
fn a_template_that_cannot_hold_a_path_refuses_it() {
    for template in ["rbac", "pki-check.yaml", "pki-alerts.yaml"] {
        run(pki().args(["template", template, "--rootfs", "x"]))
            .exits(3)
            .says("this template is the same for every tree");
    }
    run(pki().args(["template", "pki.cron", "--rootfs", "a\nb"]))
        .exits(3)
        .says("control characters");
    let bytes = std::os::unix::ffi::OsStrExt::from_bytes(b"/tmp/x\xff");
    let path: &std::ffi::OsStr = bytes;
    run(pki().args(["template", "pki.cron", "--rootfs"]).arg(path))
        .exits(3)
        .says(r"$'/tmp/x\377'");
}

#[test]
fn prometheus_accepts_the_alert_rules_and_they_fire_as_described() {
    let Some(promtool) = peer("promtool") else {
        return;
    };
    let folder = written(&["pki-alerts.yaml"]);
    let tests = folder.root().join("tests.yaml");
    fs::copy("tests/peers/alerts.yaml", &tests).unwrap();
    run(Command::new(&promtool)
        .args(["check", "rules"])
        .arg(folder.root().join("pki-alerts.yaml")))
    .exits(0)
    .prints("6 rules found");
    run(Command::new(&promtool).args(["test", "rules"]).arg(&tests)).exits(0);
}

/// Returns the words of PromQL expressions that name metrics.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words
        .filter(|word| word.starts_with("pki_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn alerts_and_dashboard_use_metrics_that_exist() {
    let tree = TestTree::new();
    tree.remove("pki/apiserver.key");
    let printed = tree.pki(&["check-expiration", "-o", "prometheus"]).stdout;
    let existing: BTreeSet<_> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(str::to_owned)
        .collect();
    for name in ["pki-alerts.yaml", "pki-dashboard.json"] {
        let used = metrics(&template(&[name]).stdout);
        assert!(
            used.len() > 3 && used.is_subset(&existing),
            "{name}: {used:?}"
        );
    }
}

#[test]
fn prometheus_parses_the_expressions_of_the_dashboard() {
    let Some(promtool) = peer("promtool") else {
        return;
    };
    let dashboard: Value = serde_json::from_str(&template(&["pki-dashboard.json"]).stdout).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let rules: Vec<_> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .enumerate()
        .map(|(index, target)| serde_json::json!({"record": format!("r{index}"), "expr": target["expr"]}))
        .collect();
    assert_eq!(rules.len(), 5);
    let folder = TestTree::empty();
    let file = folder.root().join("rules.yaml");
    let groups = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(&file, groups.to_string()).unwrap();
    run(Command::new(promtool).args(["check", "rules"]).arg(file)).exits(0);
}

#[test]
fn kubernetes_accepts_the_manifests() {
    let Some(python) = peer("python") else { return };
    let folder = written(&["pki-check.yaml", "rbac"]);
    for name in ["pki-check.yaml", "rbac"] {
        let validate = "import kubernetes_validate.__main__ as main; main.main()";
        run(Command::new(&python)
            .args(["-c", validate, "--strict"])
            .arg(folder.root().join(name)))
        .exits(0)
        .prints("passed for resource");
    }
}
