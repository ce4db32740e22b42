//! Records: an event and the instant it was decided at.

use quittance_ledger::{Event, Timestamp};
use serde::{Deserialize, Serialize};

/// What the journal holds at one position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When the event was decided.
    pub at: Timestamp,
    /// What was decided.
    pub event: Event,
}
