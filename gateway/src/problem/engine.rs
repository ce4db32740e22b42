//! The engine's errors as problems. What failed inside goes to the log, and never to the client.

use http::StatusCode;
use quittance_engine::EngineError;
use quittance_ledger::Refusal;

use super::Problem;
use crate::turns::NoTurn;

/// How long a client waits before it asks again. Work under way is done within milliseconds.
const RETRY_SECS: u32 = 1;
/// How long a restart may take.
const RESTART_SECS: u32 = 5;
/// How long it may take to make room on a disk.
const ROOM_SECS: u32 = 30;

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Refused(refusal) => refusal.into(),
            EngineError::PinWrong { attempts_left } => {
                let wrong = Self::from(Refusal::PinWrong).with_member("attempts_left", attempts_left);
                // The one that locks it is not to be followed by another.
                if attempts_left == 0 { wrong.mended_as(&Self::from(Refusal::PinLocked)) } else { wrong }
            }
            EngineError::Barcode(error) => Self::from(error).at("/barcode"),
            EngineError::TillNotTrusted => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "till-not-trusted",
                "The till is not trusted",
                error.to_string(),
                "do not pay, and ask the payee for a barcode of another till",
            )
            .at("/barcode"),
            EngineError::AmountMissing => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "amount-missing",
                "The amount is missing",
                error.to_string(),
                "ask the payer for the amount and send it",
            )
            .at("/amount"),
            EngineError::CurrencyDiffers => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "barcode-currency-differs",
                "The barcode asks for another currency",
                error.to_string(),
                "decode the barcode and show the payer its currency",
            )
            .at("/currency"),
            EngineError::TransferUnknown => Self::transfer_unknown(),
            EngineError::StatementNotSigned => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "statement-not-signed",
                "The transfer is not signed",
                error.to_string(),
                "sign the transfer's statement, to the byte as API.md has it, with the key of the device that asks",
            )
            .at("/signature"),
            EngineError::PinMissing => Self::field_missing("/pin".to_owned()),
            EngineError::BatchTooLong => Self::field_invalid("/transfers".to_owned(), &error.to_string()),
            EngineError::Overloaded => Self::overloaded(error.to_string()),
            EngineError::SpaceLow => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "space-low",
                "The server's disk is nearly full",
                error.to_string(),
                "send the same request again after the seconds in retry-after; the operator has to make room",
            )
            .retry_after_secs(ROOM_SECS),
            EngineError::Stopping => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "The server is stopping",
                error.to_string(),
                "send the same request again once the server is back",
            )
            .retry_after_secs(RESTART_SECS),
            EngineError::Journal(error) => Self::internal(&error),
            EngineError::Store(error) => Self::internal(&error),
            EngineError::Random(_) | EngineError::Damaged(_) => Self::internal(&error),
        }
    }
}

impl From<NoTurn> for Problem {
    fn from(NoTurn: NoTurn) -> Self {
        Self::overloaded("more is asked than can be answered now")
    }
}

impl Problem {
    /// No such transfer, or none that the caller has a part in.
    pub(crate) fn transfer_unknown() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "transfer-unknown",
            "The transfer is not known",
            "there is no such transfer, or none of the account's",
            "check the transfer's id; one that was never made may be sent with it",
        )
        .at("transfer")
    }

    /// A transfer that was refused, as a party sees it that did not ask for it: the reason may be of another's wallet.
    pub(crate) fn transfer_refused() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "transfer-refused",
            "The transfer was refused",
            "only whoever asked for the transfer is told why",
            "ask the payer",
        )
        .at("transfer")
    }

    /// Too much is under way.
    pub(crate) fn overloaded(detail: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded",
            "The server is busy",
            detail,
            "send the same request again after the seconds in retry-after",
        )
        .retry_after_secs(RETRY_SECS)
    }

    /// Something failed that is nobody's to know but the operator's.
    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            "the server failed to answer; its log says why",
            "send the same request again later, and tell the operator if it goes on",
        )
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn what_failed_inside_is_not_told() {
        let problem = Problem::from(EngineError::Damaged("block 17 at /var/lib".to_owned()));
        let (status, _, body) = problem.into_json();
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!body.to_string().contains("17"));
    }

    #[test]
    fn a_wrong_pin_says_how_many_are_left_and_overload_when_to_come_back() {
        let (status, _, body) = Problem::from(EngineError::PinWrong { attempts_left: 2 }).into_json();
        assert_eq!((status, &body["attempts_left"]), (StatusCode::FORBIDDEN, &2.into()));
        for error in [EngineError::Overloaded, EngineError::Stopping, EngineError::SpaceLow] {
            let (status, headers, _) = Problem::from(error).into_json();
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(headers.contains_key(RETRY_AFTER));
        }
    }

    #[test]
    fn the_wrong_pin_that_locks_says_who_unlocks() {
        for (attempts_left, words) in [(1, "ask for the PIN again"), (0, "ask the operator to unlock")] {
            let problem = Problem::from(EngineError::PinWrong { attempts_left });
            assert_eq!((problem.slug(), problem.field()), ("pin-wrong", Some("/pin")));
            assert!(problem.mend().starts_with(words), "{problem:?}");
        }
    }
}
