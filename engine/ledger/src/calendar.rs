//! Calendar days, as a wallet's owner counts them.
//!
//! Limits are per day and per month of the wallet's time zone. The zone's rules are a table that is compiled in, so nothing
//! is read here; and since such tables change, the day that a payment was counted on is part of its record.

use std::fmt;
use std::str::FromStr;

use arrayvec::ArrayString;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::Timestamp;

const MAX_ZONE_BYTES: usize = 32;

/// The text names no time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time zone of the IANA database, such as Europe/Berlin or UTC")]
pub struct ZoneUnknown;

/// A time zone of the IANA database, by its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Zone(ArrayString<MAX_ZONE_BYTES>);

/// A day of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(u32);

impl Zone {
    /// The zone's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The day that it is in this zone at `at`.
    #[must_use]
    pub fn day(&self, at: Timestamp) -> Day {
        Day::in_zone(at, &self.rules().unwrap_or(TimeZone::UTC))
    }

    fn rules(&self) -> Result<TimeZone, ZoneUnknown> {
        TimeZoneDatabase::bundled().get(&self.0).map_err(|_| ZoneUnknown)
    }
}

impl FromStr for Zone {
    type Err = ZoneUnknown;

    fn from_str(text: &str) -> Result<Self, ZoneUnknown> {
        let zone = Self(ArrayString::from(text).map_err(|_| ZoneUnknown)?);
        // One zone, one text: the database is also found by other spellings.
        let rules = zone.rules()?;
        if rules.iana_name() == Some(text) { Ok(zone) } else { Err(ZoneUnknown) }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.0)
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let is_from_outside = deserializer.is_human_readable();
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if is_from_outside {
            return text.parse().map_err(serde::de::Error::custom);
        }
        // It was checked when it came in. A later table may have dropped the name, and the journal must still be read.
        ArrayString::from(&text).map(Self).map_err(|_| serde::de::Error::custom(ZoneUnknown))
    }
}

impl Day {
    /// A day before every other.
    pub const NEVER: Self = Self(0);

    /// The day as one number, year, month and day side by side: 20261124.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The day of such a number; none where the calendar has no such day.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let part = |divisor: u32, modulus: u32| number.checked_div(divisor)?.checked_rem(modulus);
        let (year, month, day) = (part(10_000, 100_000)?, part(100, 100)?, part(1, 100)?);
        let date = jiff::civil::Date::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        );
        date.is_ok().then_some(Self(number))
    }

    /// The day that it is at `at` in universal time.
    #[must_use]
    pub fn utc(at: Timestamp) -> Self {
        Self::in_zone(at, &TimeZone::UTC)
    }

    fn in_zone(at: Timestamp, zone: &TimeZone) -> Self {
        let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
        let instant = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        let date = zone.to_datetime(instant).date();
        let year = u32::try_from(date.year()).unwrap_or_default();
        let (month, day) = (u32::from(date.month().unsigned_abs()), u32::from(date.day().unsigned_abs()));
        Self(year.saturating_mul(10_000).saturating_add(month.saturating_mul(100)).saturating_add(day))
    }

    /// Whether the other day is in the same month.
    #[must_use]
    pub const fn is_in_month_of(self, other: Self) -> bool {
        self.0 / 100 == other.0 / 100
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0 / 10_000, self.0 / 100 % 100, self.0 % 100)
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Day({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_the_zones() {
        // 2026-11-24T23:30:00Z
        let at = Timestamp::from_secs(1_795_563_000);
        let day = |zone: &str| zone.parse::<Zone>().unwrap().day(at).to_string();
        assert_eq!(day("UTC"), "2026-11-24");
        assert_eq!(day("Europe/Berlin"), "2026-11-25");
        assert_eq!(day("America/New_York"), "2026-11-24");
        assert_eq!(Day::utc(at).to_string(), "2026-11-24");
    }

    #[test]
    fn a_zone_has_one_spelling() {
        for bad in ["", "europe/berlin", "Europe/Atlantis", "+01:00", "a".repeat(40).as_str()] {
            assert_eq!(bad.parse::<Zone>(), Err(ZoneUnknown), "{bad}");
        }
    }

    #[test]
    fn months_are_told_apart() {
        let day = |at| Day::utc(Timestamp::from_secs(at));
        assert!(day(1_795_563_000).is_in_month_of(day(1_795_563_000 - 86_400)));
        assert!(!day(1_795_563_000).is_in_month_of(day(1_795_563_000 + 7 * 86_400)));
        assert!(Day::NEVER < day(0));
    }
}
