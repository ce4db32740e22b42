//! Ids of transfers, as clients make them: the time, and random bits.

use quittance_ledger::{Timestamp, TransferId};
use rand::RngExt as _;
use rand::rngs::SmallRng;

use crate::server::Failure;

/// A new UUID of version 7 (RFC 9562, section 5.7), made at `now`.
///
/// # Errors
/// Never: the bytes are those of a time-ordered id.
pub(crate) fn transfer_id(now: Timestamp, rng: &mut SmallRng) -> Result<TransferId, Failure> {
    let uuid = uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &rng.random()).into_uuid();
    Ok(TransferId::from_bytes(uuid.into_bytes())?)
}
