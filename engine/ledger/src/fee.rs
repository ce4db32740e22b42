//! Fees: what the operator takes of a payment.
//!
//! A fee is paid by the payee, out of what it is paid, in the same transfer.

use serde::{Deserialize, Serialize};

use crate::id::WalletId;
use crate::money::{Amount, CurrencyCode};

/// The whole, in basis points.
pub const MAX_BASIS_POINTS: u16 = 10_000;

const WHOLE: u128 = MAX_BASIS_POINTS as u128;

/// What is taken of each payment, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeRule {
    /// The same of every payment.
    pub fixed: u64,
    /// Beside it, this many ten-thousandths of the payment, rounded half up to the minor unit.
    pub basis_points: u16,
    /// At least this much of both together.
    pub minimum: u64,
    /// At most this much.
    pub maximum: Option<u64>,
    /// The wallet that is paid the fee.
    pub collector: WalletId,
}

/// Which payments a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FeeScope {
    /// Those of a currency into every wallet that has no rule of its own.
    Currency(CurrencyCode),
    /// Those into one wallet.
    Wallet(WalletId),
}

impl FeeRule {
    /// The fee of a payment: exact integer arithmetic, and never more than the payment. None where it comes to nothing.
    #[must_use]
    pub fn fee_on(&self, payment: Amount) -> Option<Amount> {
        let parts = u128::from(payment.get()).saturating_mul(u128::from(self.basis_points));
        let proportional = parts.saturating_add(WHOLE / 2) / WHOLE;
        let sum = u128::from(self.fixed).saturating_add(proportional).max(u128::from(self.minimum));
        let most = self.maximum.unwrap_or(u64::MAX).min(payment.get());
        Amount::new(u64::try_from(sum).unwrap_or(u64::MAX).min(most)).ok()
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow in a test fails it")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::MAX_AMOUNT;

    fn rule(fixed: u64, basis_points: u16, minimum: u64, maximum: Option<u64>) -> FeeRule {
        FeeRule { fixed, basis_points, minimum, maximum, collector: WalletId::from_bytes([1; 16]).unwrap() }
    }

    #[test]
    fn fees_are_exact() {
        let table = [
            (rule(0, 0, 0, None), 1_000, 0),
            (rule(30, 0, 0, None), 1_000, 30),
            (rule(30, 290, 0, None), 10_000, 320),
            // 1.5 rounds up, 1.49… down.
            (rule(0, 150, 0, None), 100, 2),
            (rule(0, 149, 0, None), 100, 1),
            (rule(0, 100, 5, None), 100, 5),
            (rule(0, 100, 0, Some(7)), 100_000, 7),
            (rule(50, 0, 0, None), 20, 20),
            (rule(0, 10_000, 0, None), MAX_AMOUNT, MAX_AMOUNT),
            (rule(u64::MAX, 10_000, u64::MAX, None), MAX_AMOUNT, MAX_AMOUNT),
        ];
        for (rule, payment, fee) in table {
            let found = rule.fee_on(Amount::new(payment).unwrap()).map_or(0, Amount::get);
            assert_eq!(found, fee, "{rule:?} of {payment}");
        }
    }

    proptest! {
        #[test]
        fn a_fee_is_within_half_a_unit_of_its_share(payment in 1..=MAX_AMOUNT, basis_points in 0..=MAX_BASIS_POINTS) {
            let fee = rule(0, basis_points, 0, None).fee_on(Amount::new(payment).unwrap()).map_or(0, Amount::get);
            let exact = i128::from(payment) * i128::from(basis_points);
            let off = i128::from(fee) * 10_000 - exact;
            prop_assert!((-5_000..=5_000).contains(&off) && off != -5_000, "{off} ten-thousandths");
            prop_assert!(fee <= payment);
        }
    }
}
