//! What is fuzzed, as plain functions: each takes any bytes, and panics where something is not as it must be.
//!
//! `tests/fuzz/run` gives them to libFuzzer, which looks for bytes that lead to somewhere new. The seeds it begins with lie in
//! `tests/fuzz/seeds`, a folder a target, and go through the same functions as plain tests here.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target that panics has found something, as it should"
)]

mod barcode;
mod block;
mod http_signature;
mod json;
mod picture;
mod settlement;
mod stock;
mod store;
#[path = "../../../engine/settlement/tests/world/mod.rs"]
#[expect(dead_code, reason = "the tests of the settlement use more of it")]
mod world;

/// A target.
pub type Target = fn(&[u8]);

/// Every target, by its name.
pub const TARGETS: [(&str, Target); 7] = [
    ("barcode", barcode::run),
    ("picture", picture::run),
    ("block", block::run),
    ("store", store::run),
    ("http_signature", http_signature::run),
    ("json", json::run),
    ("settlement", settlement::run),
];

/// Runs a target.
///
/// # Panics
/// There is no such target, or it has found something.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| target);
    target.unwrap_or_else(|| panic!("there is no target {name}"))(data);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Also what was found once: such seeds stay.
    #[test]
    fn every_seed_goes_through_its_target() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds");
        for (name, target) in TARGETS {
            let mut count = 0;
            for seed in std::fs::read_dir(seeds.join(name)).unwrap() {
                let path = seed.unwrap().path();
                println!("{name}: {}", path.display());
                target(&std::fs::read(path).unwrap());
                count += 1;
            }
            assert!(count > 0, "{name} has seeds");
        }
    }
}
