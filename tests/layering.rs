//! The architecture's layers, held by a test: which crate may use which, and where a library may be named at all.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// What each crate of the product may be built on, of the others. Tests and benches may use more.
const MAY_USE: &[(&str, &[&str])] = &[
    ("quittance", &["quittance-gateway"]),
    ("quittance-barcode", &["quittance-ledger"]),
    ("quittance-bench", &["quittance-barcode", "quittance-engine", "quittance-gateway", "quittance-ledger"]),
    (
        "quittance-engine",
        &["quittance-barcode", "quittance-journal", "quittance-ledger", "quittance-settlement"],
    ),
    (
        "quittance-fuzz-targets",
        &[
            "quittance-barcode",
            "quittance-engine",
            "quittance-gateway",
            "quittance-journal",
            "quittance-ledger",
            "quittance-settlement",
        ],
    ),
    (
        "quittance-gateway",
        &[
            "quittance-barcode",
            "quittance-engine",
            "quittance-journal",
            "quittance-ledger",
            "quittance-statement",
        ],
    ),
    ("quittance-instructions", &["quittance-journal", "quittance-ledger", "quittance-settlement"]),
    ("quittance-journal", &["quittance-ledger"]),
    ("quittance-ledger", &[]),
    ("quittance-settlement", &["quittance-ledger"]),
    ("quittance-statement", &["quittance-ledger"]),
    (
        "quittance-test-support",
        &["quittance-barcode", "quittance-gateway", "quittance-journal", "quittance-ledger"],
    ),
];

/// Where in the sources a word may stand.
const AT_HOME: &[(&str, &[&str])] = &[
    ("sled::", &["engine/src/store"]),
    ("actix::", &["engine/src/actors", "engine/src/notifier"]),
    ("hyper::", &["gateway/src"]),
    ("hyper_util::", &["gateway/src"]),
    ("axum::", &["gateway/src"]),
    ("csv::", &["engine/statement/src"]),
    ("quick_xml::", &["engine/statement/src"]),
    ("rustix::", &["engine/src/space.rs", "gateway/src/cli/open_files.rs", "gateway/src/server.rs"]),
    ("SystemTime", &["engine/src/clock.rs", "gateway/src/client/instant.rs"]),
    (
        "std::fs",
        &[
            "engine/src/store",
            "engine/src/backup",
            "engine/src/repair",
            "engine/src/keys.rs",
            "gateway/src/auth/nonce_file.rs",
            "engine/src/folder.rs",
            "gateway/src/cli",
        ],
    ),
    ("getrandom::", &["engine/src/keys.rs", "engine/src/request", "engine/src/error.rs", "gateway/src"]),
    ("unsafe ", &[]),
];

/// What pure crates must not name: they get time, ids and chance as arguments, and do nothing to the world.
const PURE: &[&str] = &["engine/ledger/src", "engine/settlement/src", "engine/statement/src"];
const IMPURE: &[&str] =
    &["std::time", "std::fs", "std::net", "std::thread", "std::env", "tokio", "tracing", "println!"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a source that are code of the product: no comments, and nothing of a test module.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .filter(|line| !line.trim_start().starts_with("//"))
}

fn product_sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["engine", "gateway"] {
        sources(&root().join(folder), &mut found);
    }
    let named = found.into_iter().map(|path| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        (name, fs::read_to_string(path).unwrap())
    });
    named.filter(|(name, _)| !name.contains("/tests/") && !name.ends_with("tests.rs")).collect()
}

#[test]
fn imports_run_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert_eq!(packages.len(), MAY_USE.len(), "each crate has its layer");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = MAY_USE.iter().find(|(known, _)| *known == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let is_ours = used.starts_with("quittance");
            let is_for_tests = dependency["kind"] == "dev";
            assert!(!is_ours || is_for_tests || allowed.contains(&used), "{name} must not use {used}");
        }
    }
}

#[test]
fn each_library_is_named_in_its_place_alone() {
    for (name, text) in product_sources() {
        for (word, homes) in AT_HOME {
            let is_at_home = homes.iter().any(|home| name.starts_with(home));
            let mention = code(&text).find(|line| line.contains(word));
            assert!(
                is_at_home || mention.is_none(),
                "{name} must not name {word}: {}",
                mention.unwrap_or_default()
            );
        }
    }
}

#[test]
fn the_rules_touch_nothing_outside() {
    for (name, text) in product_sources() {
        if !PURE.iter().any(|pure| name.starts_with(pure)) {
            continue;
        }
        for word in IMPURE {
            let mention = code(&text).find(|line| line.contains(word));
            assert!(mention.is_none(), "{name} must not name {word}: {}", mention.unwrap_or_default());
        }
    }
}
