//! Records: an event and the instant it was decided at, and the bytes that stand for them.
//!
//! The first byte says how the rest is written: transfers, which are nearly all there is, in a layout of fixed width
//! (`transfer_layout`), and what is rare in postcard's encoding.

use quittance_ledger::{Event, Timestamp};
use serde::{Deserialize, Serialize};

use crate::transfer_layout::{self, REFUSED, SETTLED};

/// The first byte of every other record.
const OTHER: u8 = 3;

/// Why a record can't be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It has no form in bytes.
    #[error("a record could not be encoded: {0}")]
    Encode(postcard::Error),
    /// Another format than this version reads.
    #[error("the record has format {0}, which this version does not read: use a newer version")]
    Format(u8),
    /// The bytes are no record.
    #[error("the record can't be read: it is damaged")]
    Damaged,
}

/// What the journal holds at one position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When the event was decided.
    pub at: Timestamp,
    /// What was decided.
    pub event: Event,
}

impl Record {
    /// Puts the record's bytes at the end of `bytes`.
    ///
    /// # Errors
    /// It has no form in bytes. What stands in `bytes` then is of no use.
    pub fn encode_to(&self, bytes: &mut Vec<u8>) -> Result<(), RecordError> {
        match &self.event {
            Event::TransferSettled(transfer) => transfer_layout::encode(self.at, transfer, None, bytes),
            Event::TransferRefused(transfer, refusal) => {
                transfer_layout::encode(self.at, transfer, Some(*refusal), bytes);
            }
            _ => {
                bytes.push(OTHER);
                *bytes = postcard::to_extend(self, std::mem::take(bytes)).map_err(RecordError::Encode)?;
            }
        }
        Ok(())
    }

    /// The record of these bytes, all of them.
    ///
    /// # Errors
    /// They are no record, or one of another format.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        match bytes.split_first() {
            Some((&(SETTLED | REFUSED), _)) => {
                let (at, event) = transfer_layout::decode(bytes).ok_or(RecordError::Damaged)?;
                Ok(Self { at, event })
            }
            Some((&OTHER, encoded)) => match postcard::take_from_bytes(encoded) {
                Ok((record, [])) => Ok(record),
                Ok(_) | Err(_) => Err(RecordError::Damaged),
            },
            Some((format, _)) => Err(RecordError::Format(*format)),
            None => Err(RecordError::Damaged),
        }
    }
}
