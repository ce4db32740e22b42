//! What may be asked of an [`Engine`](crate::Engine), a file for each kind of thing that is asked about.

mod accounts;
mod batches;
mod conversions;
mod currencies;
mod fees;
mod holds;
mod payment_requests;
mod reads;
mod receipts;
mod transfers;
mod wallets;

pub use reads::StatementLine;

use quittance_ledger::Timestamp;

use crate::error::EngineError;
use crate::keys::fill_by_chance;

/// A new time-ordered id (RFC 9562, section 5.7).
fn time_ordered_id(now: Timestamp) -> Result<[u8; 16], EngineError> {
    let mut random = [0; 10];
    fill_by_chance(&mut random).map_err(EngineError::Random)?;
    Ok(uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid().into_bytes())
}

/// A new random id (RFC 9562, section 5.4).
fn random_id() -> Result<[u8; 16], EngineError> {
    let mut random = [0; 16];
    fill_by_chance(&mut random).map_err(EngineError::Random)?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid().into_bytes())
}

/// An id of a kind that takes any bytes.
fn any_id<T>(id: Result<T, quittance_ledger::IdError>) -> T {
    id.unwrap_or_else(|error| unreachable!("an id made here fits its kind: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use quittance_ledger::{PaymentRequestId, TransferId, WalletId};

    #[test]
    fn made_ids_fit_their_kinds() {
        let now = Timestamp::from_millis(1_795_000_000_123);
        let id = time_ordered_id(now).unwrap();
        assert_eq!(TransferId::from_bytes(id).unwrap().made_at(), now);
        assert!(PaymentRequestId::from_bytes(id).is_ok());
        assert!(WalletId::from_bytes(random_id().unwrap()).is_ok());
        assert_eq!(uuid::Uuid::from_bytes(random_id().unwrap()).get_version_num(), 4);
    }
}
