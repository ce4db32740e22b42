//! Conversions: what a market maker gives in one currency for units of another.

use serde::{Deserialize, Serialize};

use crate::id::WalletId;
use crate::money::{Amount, CurrencyCode};

/// The longest time a quote may stand.
pub const MAX_QUOTE_LIFETIME_MS: u64 = 3_600 * 1_000;

/// At which rate a market maker converts, and from which wallets. For `denominator` minor units of the one currency it gives
/// `numerator` minor units of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// The currency it takes.
    pub from: CurrencyCode,
    /// The currency it gives.
    pub to: CurrencyCode,
    /// Minor units given…
    pub numerator: u64,
    /// …for so many minor units taken.
    pub denominator: u64,
    /// The market maker's wallet that takes.
    pub taker: WalletId,
    /// The market maker's wallet that gives.
    pub giver: WalletId,
    /// How long a quote at this rate stands, in milliseconds.
    pub quote_lifetime_ms: u64,
}

impl Rate {
    /// Whether the rate can be quoted at: no part of it is zero, and a quote ends some time.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.numerator > 0
            && self.denominator > 0
            && self.from != self.to
            && self.taker != self.giver
            && (1..=MAX_QUOTE_LIFETIME_MS).contains(&self.quote_lifetime_ms)
    }

    /// What is given for `taken`, rounded down to the minor unit. None where that is nothing, or more than there can be.
    #[must_use]
    pub fn given_for(&self, taken: Amount) -> Option<Amount> {
        let product = u128::from(taken.get()).checked_mul(u128::from(self.numerator))?;
        Amount::new(u64::try_from(product.checked_div(u128::from(self.denominator))?).ok()?).ok()
    }

    /// What is taken for `given`, rounded up to the minor unit. None where it is more than there can be.
    #[must_use]
    pub fn taken_for(&self, given: Amount) -> Option<Amount> {
        let product = u128::from(given.get()).checked_mul(u128::from(self.denominator))?;
        let numerator = u128::from(self.numerator);
        if numerator == 0 {
            return None;
        }
        Amount::new(u64::try_from(product.div_ceil(numerator)).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::MAX_AMOUNT;

    fn rate(numerator: u64, denominator: u64) -> Rate {
        let wallet = |n| WalletId::from_bytes([n; 16]).unwrap();
        let (from, to) = ("EUR".parse().unwrap(), "JPY".parse().unwrap());
        Rate {
            from,
            to,
            numerator,
            denominator,
            taker: wallet(1),
            giver: wallet(2),
            quote_lifetime_ms: 30_000,
        }
    }

    #[test]
    fn a_conversion_is_exact_to_the_minor_unit() {
        let amount = |minor| Amount::new(minor).unwrap();
        // 1 EUR = 162.35 JPY: 16,235 yen for 10,000 cents.
        let rate = rate(16_235, 10_000);
        assert_eq!(rate.given_for(amount(10_000)), Some(amount(16_235)));
        assert_eq!(rate.given_for(amount(1_01)), Some(amount(163)), "163.97 yen, rounded down");
        assert_eq!(rate.given_for(amount(1)), Some(amount(1)));
        assert_eq!(rate.taken_for(amount(163)), Some(amount(1_01)), "100.40 cents, rounded up");
        assert_eq!(self::rate(1, 10_000).given_for(amount(9_999)), None, "less than one unit");
        assert_eq!(self::rate(u64::MAX, 1).given_for(amount(MAX_AMOUNT)), None, "more than there is");
    }

    proptest! {
        #[test]
        fn nobody_gains_by_going_back_and_forth(taken in 1..=MAX_AMOUNT, numerator in 1..u64::MAX, denominator in 1..u64::MAX) {
            let rate = rate(numerator, denominator);
            let taken = Amount::new(taken).unwrap();
            if let Some(given) = rate.given_for(taken) {
                let needed = rate.taken_for(given).expect("it can be bought for what was taken");
                prop_assert!(needed <= taken);
                prop_assert_eq!(rate.given_for(needed), Some(given));
            }
        }
    }
}
