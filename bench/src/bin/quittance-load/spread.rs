//! How load is spread over wallets: which pays and which is paid.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand_distr::{Distribution as _, Zipf};
use serde::{Serialize, Serializer};

/// How load is spread over wallets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Spread {
    /// All alike.
    Uniform,
    /// The wallet of rank *k* has a share that is proportional to *k* to the power of minus this exponent.
    Zipf(f64),
    /// One wallet is paid by all others.
    HotPayee,
}

/// Draws pairs of wallets, by their numbers from 0 on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pairs {
    Uniform { wallets: usize, payees: usize },
    Zipf { ranks: Zipf<f64>, wallets: usize, payees: usize },
    HotPayee { wallets: usize },
}

impl Spread {
    /// Pairs of so many wallets, at least two, of which the first `payees`, at least one, are paid.
    ///
    /// # Errors
    /// The exponent or the number of wallets is out of range.
    pub(crate) fn pairs(self, wallets: usize, payees: usize) -> Result<Pairs, rand_distr::ZipfError> {
        let payees = payees.min(wallets);
        Ok(match self {
            Self::Uniform => Pairs::Uniform { wallets, payees },
            Self::Zipf(exponent) => {
                Pairs::Zipf { ranks: Zipf::new(wallets as f64, exponent)?, wallets, payees }
            }
            Self::HotPayee => Pairs::HotPayee { wallets },
        })
    }
}

impl Pairs {
    /// A payer and a payee, never the same.
    pub(crate) fn draw(&self, rng: &mut SmallRng) -> (usize, usize) {
        let (payer, payee, wallets) = match *self {
            Self::Uniform { wallets, payees } => {
                (rng.random_range(0..wallets), rng.random_range(0..payees), wallets)
            }
            Self::Zipf { ranks, wallets, payees } => {
                let mut number = |below| (ranks.sample(rng) as usize).saturating_sub(1) % below;
                (number(wallets), number(payees), wallets)
            }
            Self::HotPayee { wallets } => (rng.random_range(1..wallets), 0, wallets),
        };
        // The payee may be one of few, so it is the payer that steps aside.
        if payer == payee { ((payer + 1) % wallets, payee) } else { (payer, payee) }
    }
}

impl FromStr for Spread {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let exponent = |text: &str| text.parse().ok().filter(|exponent| (0.0..=100.0).contains(exponent));
        match text.split_once(':') {
            None if text == "uniform" => Ok(Self::Uniform),
            None if text == "hot-payee" => Ok(Self::HotPayee),
            Some(("zipf", rest)) => {
                exponent(rest).map(Self::Zipf).ok_or_else(|| "the exponent must be from 0 to 100".to_owned())
            }
            _ => Err("must be uniform, zipf:EXPONENT or hot-payee".to_owned()),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Zipf(exponent) => write!(f, "zipf:{exponent}"),
            Self::HotPayee => f.write_str("hot-payee"),
        }
    }
}

impl Serialize for Spread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    const DRAWS: usize = 100_000;

    /// How often each of ten wallets pays and is paid.
    fn counts(spread: &str, payees: usize) -> ([usize; 10], [usize; 10]) {
        let spread: Spread = spread.parse().unwrap();
        let pairs = spread.pairs(10, payees).unwrap();
        let mut rng = SmallRng::seed_from_u64(7);
        let (mut pays, mut is_paid) = ([0; 10], [0; 10]);
        for _ in 0..DRAWS {
            let (payer, payee) = pairs.draw(&mut rng);
            assert_ne!(payer, payee);
            pays[payer] += 1;
            is_paid[payee] += 1;
        }
        (pays, is_paid)
    }

    #[test]
    fn uniform_load_is_alike_for_all() {
        let (pays, is_paid) = counts("uniform", 10);
        assert!(pays.iter().chain(&is_paid).all(|count| (9_000..11_000).contains(count)));
    }

    #[test]
    fn zipf_load_falls_off_with_the_rank() {
        let (_, is_paid) = counts("zipf:1", 10);
        // The harmonic number of 10 is 2.929, so the first has a share of 0.341 and the tenth one of 0.0341.
        assert!((33_000..35_500).contains(&is_paid[0]));
        assert!((3_000..3_900).contains(&is_paid[9]));
        assert!(is_paid[0] > is_paid[1] && is_paid[1] > is_paid[4] && is_paid[4] > is_paid[9]);
    }

    #[test]
    fn a_hot_payee_is_paid_by_all_others() {
        let (pays, is_paid) = counts("hot-payee", 10);
        assert_eq!((pays[0], is_paid[0]), (0, DRAWS));
    }

    #[test]
    fn few_may_be_paid() {
        for spread in ["uniform", "zipf:1.1"] {
            let (_, is_paid) = counts(spread, 3);
            assert_eq!(is_paid[..3].iter().sum::<usize>(), DRAWS);
        }
    }

    #[test]
    fn a_spread_is_written_as_it_is_read() {
        for text in ["uniform", "zipf:1.1", "hot-payee"] {
            assert_eq!(text.parse::<Spread>().unwrap().to_string(), text);
        }
        for text in ["zipf", "zipf:-1", "zipf:x", "hot"] {
            assert!(text.parse::<Spread>().is_err());
        }
    }
}
