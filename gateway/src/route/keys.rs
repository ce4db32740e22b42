//! The server's public keys, by which phones verify barcodes without asking.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::Serialize;

use super::Answer;
use crate::app::App;
use crate::auth::bare;

#[derive(Serialize)]
pub(super) struct Keys {
    origin: String,
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    id: String,
    algorithm: &'static str,
    public_key: String,
}

pub(super) async fn list(State(app): State<Arc<App>>, request: Request) -> Answer<Json<Keys>> {
    bare(&request)?;
    let keys = app.engine.keys().published().iter().map(|key| Key {
        id: HEXLOWER.encode(&key_id(key)),
        algorithm: "ed25519",
        public_key: BASE64URL_NOPAD.encode(key),
    });
    Ok(Json(Keys { origin: app.origin().to_owned(), keys: keys.collect() }))
}

/// What names a key in barcodes: the first bytes of its BLAKE3 hash, as the barcode's format says.
fn key_id(key: &[u8; 32]) -> [u8; 4] {
    let [a, b, c, d, ..] = *blake3::hash(key).as_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use quittance_barcode::ServerKey;

    use super::*;

    #[test]
    fn a_key_has_the_id_that_barcodes_name_it_by() {
        let key = ServerKey::from_secret(&[7; 32]);
        assert_eq!(key_id(&key.public()), key.id().to_bytes());
    }
}
