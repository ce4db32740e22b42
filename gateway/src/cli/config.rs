//! The settings of the server: defaults, then a file, then the environment, then the command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use quittance_barcode::{EmvProfile, Origin};
use quittance_engine::EngineConfig;
use serde::{Deserialize, Serialize};

use super::CliError;
use crate::server::ServerSettings;

/// Read where no other file is named, if it is there.
const DEFAULT_FILE: &str = "config/quittance.toml";
const ENV_PREFIX: &str = "QUITTANCE_";

const HOUR_MS: u64 = 3_600 * 1_000;
const MAX_ID_WINDOW_HOURS: u64 = EngineConfig::MAX_ID_WINDOW_MS / HOUR_MS;
const MAX_CHECKPOINT_SECONDS: u64 = 3_600;
const MAX_BODY_TIMEOUT_SECONDS: u64 = 300;
const MAX_CONNECTIONS: u64 = 1_000_000;
const MAX_REQUESTS_AT_ONCE: u64 = 65_536;
const MIB: u64 = 1_024 * 1_024;
const MAX_MIN_FREE_MIB: u64 = 1_024 * 1_024;

/// The settings, as `config/quittance.toml` explains them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub(super) store: PathBuf,
    pub(super) keys: PathBuf,
    pub(super) listen: SocketAddr,
    pub(super) public_origin: Option<String>,
    pub(super) shards: usize,
    pub(super) max_in_flight: usize,
    pub(super) id_window_hours: u64,
    pub(super) checkpoint_seconds: u64,
    pub(super) min_free_mib: u64,
    pub(super) body_timeout_seconds: u64,
    pub(super) max_connections: usize,
    pub(super) max_requests_at_once: usize,
    pub(super) emv_country: String,
    pub(super) emv_city: String,
    pub(super) emv_category_code: String,
    pub(super) log: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: "./data".into(),
            keys: "./keys".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            public_origin: None,
            shards: EngineConfig::usual_shards(),
            max_in_flight: 65_536,
            id_window_hours: 24,
            checkpoint_seconds: 10,
            min_free_mib: 512,
            body_timeout_seconds: 15,
            max_connections: 12_000,
            max_requests_at_once: 256,
            emv_country: "ZZ".to_owned(),
            emv_city: "UNKNOWN".to_owned(),
            emv_category_code: "0000".to_owned(),
            log: "info".to_owned(),
        }
    }
}

impl Config {
    /// Reads the settings. `flags` are those of the command line that were given.
    pub(super) fn load(file: Option<&Path>, flags: &impl Serialize) -> Result<Self, CliError> {
        let figment = Figment::from(Serialized::defaults(Self::default()));
        let figment = match file {
            Some(file) if !file.is_file() => {
                return Err(
                    format!("there is no configuration file {}: check --config", file.display()).into()
                );
            }
            Some(file) => figment.merge(Toml::file_exact(file)),
            None if Path::new(DEFAULT_FILE).is_file() => figment.merge(Toml::file_exact(DEFAULT_FILE)),
            None => figment,
        };
        figment
            .merge(Env::prefixed(ENV_PREFIX))
            .merge(Serialized::defaults(flags))
            .extract()
            .map_err(|error| described(&error).into())
    }

    /// The engine's settings, for a server that listens at `address`.
    pub(super) fn engine(&self, address: SocketAddr) -> Result<EngineConfig, CliError> {
        self.check()?;
        let mut config = EngineConfig::new(self.store.clone(), self.origin(address)?);
        config.shards = self.shards;
        config.max_in_flight = self.max_in_flight;
        config.id_window_ms = self.id_window_hours.saturating_mul(HOUR_MS);
        config.checkpoint_interval_ms = self.checkpoint_seconds.saturating_mul(1_000);
        config.min_free_bytes = self.min_free_mib.saturating_mul(MIB);
        Ok(config)
    }

    /// The limits of the server, and what barcodes of the EMV form say of its merchants.
    pub(super) fn server(&self) -> Result<ServerSettings, CliError> {
        let body_timeout = Duration::from_secs(self.body_timeout_seconds);
        let emv = EmvProfile::new(&self.emv_country, &self.emv_city, &self.emv_category_code)
            .map_err(|error| format!("a setting that begins with emv_ is wrong: {error}"))?;
        Ok(ServerSettings {
            body_timeout,
            max_connections: self.max_connections,
            // Each moves something, at most, so that the engine has room for whatever has its turn.
            max_requests_at_once: self.max_requests_at_once.min(self.max_in_flight),
            emv,
            ..ServerSettings::default()
        })
    }

    fn check(&self) -> Result<(), CliError> {
        let in_range = |name: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            Err(CliError::from(format!("the setting {name} is {value}: set it from {least} to {most}")))
        };
        in_range("shards", self.shards as u64, 1, EngineConfig::MAX_SHARDS as u64)?;
        in_range("max_in_flight", self.max_in_flight as u64, 1, EngineConfig::MAX_IN_FLIGHT as u64)?;
        in_range("id_window_hours", self.id_window_hours, 1, MAX_ID_WINDOW_HOURS)?;
        in_range("checkpoint_seconds", self.checkpoint_seconds, 1, MAX_CHECKPOINT_SECONDS)?;
        in_range("min_free_mib", self.min_free_mib, 0, MAX_MIN_FREE_MIB)?;
        in_range("body_timeout_seconds", self.body_timeout_seconds, 1, MAX_BODY_TIMEOUT_SECONDS)?;
        in_range("max_connections", self.max_connections as u64, 1, MAX_CONNECTIONS)?;
        in_range("max_requests_at_once", self.max_requests_at_once as u64, 1, MAX_REQUESTS_AT_ONCE)
    }

    fn origin(&self, address: SocketAddr) -> Result<Origin, CliError> {
        let text = match &self.public_origin {
            Some(origin) => origin.clone(),
            // Nobody can go to such an address.
            None if address.ip().is_unspecified() || address.is_ipv6() => {
                return Err(format!(
                    "no barcode can carry the address {address}: set public_origin to where clients reach the \
                     server, such as https://pay.example.com"
                )
                .into());
            }
            None => format!("http://{address}"),
        };
        text.parse().map_err(|error| format!("the setting public_origin is wrong: {error}").into())
    }
}

/// What figment found, in one line: which setting, what is amiss, and where it was set.
fn described(error: &figment::Error) -> String {
    use figment::error::Kind;
    let source = error.metadata.as_ref().map(|metadata| match &metadata.source {
        Some(source) => format!(" in {source}"),
        None => format!(" in {}", metadata.name),
    });
    let source = source.unwrap_or_default();
    match &error.kind {
        Kind::UnknownField(name, known) => {
            format!("the setting {name}{source} is not known: use one of {}", known.join(", "))
        }
        kind if error.path.is_empty() => format!("the settings{source} can't be read: {kind}"),
        kind => format!("the setting {}{source} can't be read: {kind}", error.path.join(".")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHIPPED: &str = include_str!("../../../config/quittance.toml");

    #[derive(Default, Serialize)]
    struct Flags {
        #[serde(skip_serializing_if = "Option::is_none")]
        shards: Option<usize>,
    }

    fn load(file: &str, flags: &Flags) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.toml");
        std::fs::write(&path, file).unwrap();
        Config::load(Some(&path), flags).map_err(|error| error.to_string())
    }

    #[test]
    fn the_shipped_file_says_the_defaults_and_all_of_them() {
        assert_eq!(load(SHIPPED, &Flags::default()).unwrap(), Config::default());
        let defaults = serde_json::to_value(Config::default()).unwrap();
        for name in defaults.as_object().unwrap().keys() {
            let is_there = SHIPPED.lines().any(|line| {
                line.trim_start_matches("# ").strip_prefix(name).is_some_and(|rest| rest.starts_with(" = "))
            });
            assert!(is_there, "{name}");
        }
        let engine = EngineConfig::new("./data".into(), "http://127.0.0.1:7400".parse().unwrap());
        let ours = Config::default().engine(Config::default().listen).unwrap();
        assert_eq!(format!("{ours:?}"), format!("{engine:?}"));
        let server = ServerSettings::default();
        assert_eq!(format!("{:?}", Config::default().server().unwrap()), format!("{server:?}"));
    }

    #[test]
    fn what_comes_later_counts_more() {
        assert_eq!(load("shards = 3", &Flags::default()).unwrap().shards, 3);
        assert_eq!(load("shards = 3", &Flags { shards: Some(4) }).unwrap().shards, 4);
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (file, words) in [
            ("shard = 3", &["the setting shard ", "not known", "max_in_flight"][..]),
            ("shards = \"x\"", &["the setting shards "]),
            ("listen = \"here\"", &["the setting listen "]),
            ("shards = ", &["can't be read"]),
        ] {
            let error = load(file, &Flags::default()).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{file}: {error}");
        }
        let missing = Config::load(Some(Path::new("/nowhere.toml")), &Flags::default()).unwrap_err();
        assert!(missing.to_string().contains("--config"));
    }

    #[test]
    fn settings_have_ranges_and_barcodes_need_a_place_to_lead_to() {
        let listen = Config::default().listen;
        assert!(Config { shards: 0, ..Config::default() }.engine(listen).is_err());
        assert!(Config { checkpoint_seconds: 0, ..Config::default() }.engine(listen).is_err());
        let error = Config { emv_country: "Germany".to_owned(), ..Config::default() }.server().unwrap_err();
        assert!(error.to_string().contains("emv_") && error.to_string().contains("country"), "{error}");
        for nowhere in ["0.0.0.0:80", "[::1]:80"] {
            let error = Config::default().engine(nowhere.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains("public_origin"));
        }
        let named = Config { public_origin: Some("https://pay.example.com".to_owned()), ..Config::default() };
        assert_eq!(
            named.engine("0.0.0.0:80".parse().unwrap()).unwrap().origin.as_str(),
            "HTTPS://PAY.EXAMPLE.COM"
        );
    }
}
