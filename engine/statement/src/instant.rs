//! Instants as every form writes them: RFC 3339 in UTC with milliseconds, which is also an `xs:dateTime`.

use quittance_ledger::Timestamp;

use crate::error::StatementError;

/// `2026-11-24T11:30:00.000Z`
pub(crate) fn rfc3339(at: Timestamp) -> Result<String, StatementError> {
    let instant =
        i64::try_from(at.as_millis()).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    instant.map(|instant| format!("{instant:.3}")).ok_or(StatementError::PastCalendar(at))
}

/// `2026-11-24`: the day in UTC.
pub(crate) fn date(at: Timestamp) -> Result<String, StatementError> {
    let mut text = rfc3339(at)?;
    text.truncate("2026-11-24".len());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_in_utc_with_milliseconds() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_519_800_007, "2026-11-24T11:30:00.007Z"),
        ] {
            assert_eq!(rfc3339(Timestamp::from_millis(millis)).unwrap(), text);
            assert_eq!(date(Timestamp::from_millis(millis)).unwrap(), text.split('T').next().unwrap());
        }
        for beyond in [253_402_300_800_000, u64::MAX] {
            assert!(matches!(
                rfc3339(Timestamp::from_millis(beyond)),
                Err(StatementError::PastCalendar(at)) if at.as_millis() == beyond
            ));
        }
    }
}
