//! Amounts on the command line, which are counted in minor units.

use quittance_ledger::{Currency, CurrencyCode};

/// Reads a count of minor units. Whoever writes 12.50 is told what to write.
pub(super) fn minor_units(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "an amount is a whole number of minor units: write 1250 for 12.50 EUR".to_owned())
}

/// An amount as a person reads it. How many decimals a private currency has is not known here.
pub(super) fn money(minor_units: u64, code: CurrencyCode) -> String {
    // No amount is beyond what the signed number holds.
    let signed = i64::try_from(minor_units).unwrap_or(i64::MAX);
    match Currency::new(code, None) {
        Ok(currency) => currency.format(signed),
        Err(_) => format!("{minor_units} minor units of {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_counted_in_minor_units() {
        assert_eq!(minor_units("1250"), Ok(1_250));
        for wrong in ["12.50", "12,50", "EUR 5", "-5", ""] {
            assert!(minor_units(wrong).unwrap_err().contains("1250 for 12.50 EUR"), "{wrong}");
        }
    }

    #[test]
    fn an_amount_is_shown_as_its_currency_is_written() {
        for (code, shown) in [("EUR", "12.50 EUR"), ("JPY", "1250 JPY"), ("X-A1", "1250 minor units of X-A1")]
        {
            assert_eq!(money(1_250, code.parse().unwrap()), shown);
        }
    }
}
