//! Transfers: units that move from wallet to wallet, all legs of them together or none.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::allowance::LetGo;
use crate::calendar::Day;
use crate::id::{AccountId, DeviceId, TransferId, WalletId};
use crate::money::{Amount, CurrencyCode};
use crate::payment_request::Terms;
use crate::refund::Original;
use crate::text::{Description, Reference};
use crate::time::Timestamp;

/// The most legs of one transfer, with those that are added to it, such as fees.
pub const MAX_LEGS: usize = 32;

/// The most legs that may be asked for in one transfer.
pub const MAX_ASKED_LEGS: usize = 16;

/// Who said that the units shall move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authority {
    /// The operator of the server.
    Operator,
    /// A device of the payer's account, with the account's PIN; of a capture, a device of the payee's.
    Device {
        /// The account the device is paired with.
        account: AccountId,
        /// The device.
        device: DeviceId,
    },
}

/// What a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Units enter the system: the payer is an issuer wallet.
    Issue,
    /// Units leave the system: the payee is an issuer wallet.
    Redemption,
    /// A payment request is paid on these terms.
    Payment(Terms),
    /// Units are set aside for a payment request on these terms, and stay the payer's: nothing moves.
    Hold {
        /// What the request asks for.
        terms: Terms,
        /// From this instant on nothing can be captured.
        until: Timestamp,
    },
    /// Units that were set aside are taken.
    Capture {
        /// The transfer that set them aside.
        hold: TransferId,
        /// Whether what is left of the hold is let go.
        is_final: bool,
    },
    /// The payee gives back some or all of what a leg paid it.
    Refund(Original),
    /// The operator takes all of a leg back, as if it had not been.
    Reversal(Original),
    /// The operator's part of a payment, paid by its payee.
    Fee,
    /// A part of a payment that its payee passes on, as the request said.
    Split,
    /// The other half of a conversion: a market maker pays in another currency.
    Conversion,
    /// The operator moves units between wallets.
    Adjustment,
}

/// Units from one wallet to another: half of it is a debit, half of it a credit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    /// The wallet that pays.
    pub payer: WalletId,
    /// The wallet that is paid.
    pub payee: WalletId,
    /// How much.
    pub amount: Amount,
    /// Of what.
    pub currency: CurrencyCode,
    /// What for.
    pub purpose: Purpose,
    /// What ties it to the payee's books.
    pub reference: Option<Reference>,
}

/// A device's signature of [`Transfer::statement`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// Units to be moved, by one leg or by several that settle together or not at all. Once settled it never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// The name that whoever asked gave it.
    pub id: TransferId,
    /// On whose word.
    pub authority: Authority,
    /// The first leg. Nearly all transfers have no other.
    pub first: Leg,
    /// The other legs.
    pub linked: Box<[Leg]>,
    /// Why, where the operator has to say.
    pub reason: Option<Box<Description>>,
    /// The payer's device's word on it. A server that was asked by a device keeps it for the receipt.
    pub signature: Option<Box<Signature>>,
    /// The day on which it counts toward limits; the payer's wallet says which.
    pub counted_on: Option<Day>,
    /// Whether it counts toward the limits of the payer's account.
    pub is_account_limited: bool,
    /// The day on which it counts toward the limits of the payer's account; those limits say which.
    pub account_counted_on: Option<Day>,
    /// Where it is the last capture of a hold, what counts toward the limits of the hold's account no longer; the hold's wallet
    /// says so.
    pub let_go: Option<LetGo>,
}

/// A digest of what a transfer says, to tell a repeat from another transfer under the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub(crate) [u8; 16]);

/// Where a transfer is decided: one actor, and nobody else, says whether its part of it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stop {
    /// At a wallet.
    Wallet(WalletId),
    /// At the limits of an account.
    Allowance(AccountId, CurrencyCode),
}

impl Purpose {
    /// The terms of a payment request that the leg answers.
    #[must_use]
    pub const fn terms(&self) -> Option<&Terms> {
        match self {
            Self::Payment(terms) | Self::Hold { terms, .. } => Some(terms),
            _ => None,
        }
    }

    /// Whether units move at all.
    #[must_use]
    pub const fn is_moving(&self) -> bool {
        !matches!(self, Self::Hold { .. })
    }

    /// Whether whoever asked named the leg. The others follow from rules that may have changed when it is asked again.
    const fn is_asked(&self) -> bool {
        !matches!(self, Self::Fee | Self::Split | Self::Conversion)
    }

    /// Whether it counts toward the payer's limits.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.terms().is_some()
    }

    /// The number that stands for it in fingerprints and in the journal: never changed or used again.
    #[must_use]
    pub const fn tag(&self) -> u8 {
        match self {
            Self::Issue => 1,
            Self::Redemption => 2,
            Self::Payment(_) => 3,
            Self::Hold { .. } => 4,
            Self::Capture { .. } => 5,
            Self::Refund(_) => 6,
            Self::Reversal(_) => 7,
            Self::Fee => 8,
            Self::Split => 9,
            Self::Conversion => 10,
            Self::Adjustment => 11,
        }
    }
}

impl Transfer {
    /// A transfer of one leg.
    #[must_use]
    pub fn new(id: TransferId, authority: Authority, leg: Leg) -> Self {
        Self {
            id,
            authority,
            first: leg,
            linked: Box::default(),
            reason: None,
            signature: None,
            counted_on: None,
            is_account_limited: false,
            account_counted_on: None,
            let_go: None,
        }
    }

    /// The wallet that pays by the first leg.
    #[must_use]
    pub const fn payer(&self) -> WalletId {
        self.first.payer
    }

    /// The wallet that is paid by the first leg.
    #[must_use]
    pub const fn payee(&self) -> WalletId {
        self.first.payee
    }

    /// Every leg, the first one first.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> + Clone {
        std::iter::once(&self.first).chain(&self.linked)
    }

    /// Minor units that count toward the limits of the payer and of its account.
    #[must_use]
    pub fn limited_amount(&self) -> u64 {
        let counts = |leg: &&Leg| leg.purpose.is_limited() && leg.payer == self.first.payer;
        self.legs().filter(counts).fold(0, |sum, leg| sum.saturating_add(leg.amount.get()))
    }

    /// The account whose limits it counts toward.
    #[must_use]
    pub const fn allowance(&self) -> Option<(AccountId, CurrencyCode)> {
        match self.authority {
            Authority::Device { account, .. } if self.is_account_limited => {
                Some((account, self.first.currency))
            }
            _ => None,
        }
    }

    /// Where it is decided, in order, each place once: the payer's wallet, the limits of its account, the other wallets, and
    /// last the first leg's payee, which so has the last word on whether its payment request is paid.
    #[must_use]
    pub fn stop(&self, index: usize) -> Option<Stop> {
        if self.linked.is_empty() && !self.is_account_limited {
            return match index {
                0 => Some(Stop::Wallet(self.first.payer)),
                1 if self.first.payee != self.first.payer => Some(Stop::Wallet(self.first.payee)),
                _ => None,
            };
        }
        self.stops().get(index).copied()
    }

    /// See [`Transfer::stop`].
    #[must_use]
    pub fn stops(&self) -> Vec<Stop> {
        let mut stops = vec![Stop::Wallet(self.first.payer)];
        stops.extend(self.allowance().map(|(account, currency)| Stop::Allowance(account, currency)));
        for wallet in self.linked.iter().flat_map(|leg| [leg.payer, leg.payee]) {
            let stop = Stop::Wallet(wallet);
            if wallet != self.first.payee && !stops.contains(&stop) {
                stops.push(stop);
            }
        }
        if self.first.payee != self.first.payer {
            stops.push(Stop::Wallet(self.first.payee));
        }
        stops
    }

    /// Every wallet that has a part in it, each once.
    pub fn wallets(&self) -> impl Iterator<Item = WalletId> + '_ {
        let payee = (self.first.payee != self.first.payer).then_some(self.first.payee);
        let linked = || self.linked.iter().flat_map(|leg| [leg.payer, leg.payee]);
        let others = linked().enumerate().filter_map(move |(index, wallet)| {
            let is_known = wallet == self.first.payer || wallet == self.first.payee;
            (!is_known && linked().take(index).all(|earlier| earlier != wallet)).then_some(wallet)
        });
        std::iter::once(self.first.payer).chain(payee).chain(others)
    }

    /// Whether a wallet decides last. Units that it takes in can be spent at once, because the record of them is in the
    /// queue then; at the other stops they can be spent when it is durable.
    pub(crate) fn is_last_stop(&self, wallet: WalletId) -> bool {
        wallet == self.first.payee
    }

    /// The digest of all that whoever asked said. Which device of the account sent it, and its signature, are not part of
    /// that: a person may ask again from another phone.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.id.to_bytes());
        match &self.authority {
            Authority::Operator => hasher.update(&[1]),
            Authority::Device { account, .. } => hasher.update(&[2]).update(&account.to_bytes()),
        };
        for leg in self.legs().filter(|leg| leg.purpose.is_asked()) {
            hasher.update(&[leg.purpose.tag()]);
            hasher.update(&leg.payer.to_bytes());
            hasher.update(&leg.payee.to_bytes());
            hasher.update(&leg.amount.get().to_le_bytes());
            match &leg.purpose {
                Purpose::Payment(terms) => hasher.update(&terms.request.to_bytes()),
                Purpose::Hold { terms, until } => {
                    hasher.update(&terms.request.to_bytes()).update(&until.as_millis().to_le_bytes())
                }
                Purpose::Capture { hold, is_final } => {
                    hasher.update(&hold.to_bytes()).update(&[u8::from(*is_final)])
                }
                Purpose::Refund(original) | Purpose::Reversal(original) => {
                    hasher.update(&original.id.transfer.to_bytes()).update(&[original.id.leg])
                }
                _ => &mut hasher,
            };
            push_text(&mut hasher, leg.currency.as_str());
            push_text(&mut hasher, leg.reference.as_ref().map_or("", Reference::as_str));
        }
        push_text(&mut hasher, self.reason.as_ref().map_or("", |reason| reason.as_str()));
        let mut digest = [0; 16];
        hasher.finalize_xof().fill(&mut digest);
        Fingerprint(digest)
    }

    /// What the device of whoever asks for a transfer signs, so that a receipt can prove it without the server: a line for each
    /// thing that was asked, in the order given here, each ended by a line feed.
    ///
    /// `origin` is the server's. The legs that are not asked for (fees, splits) are not part of it.
    #[must_use]
    pub fn statement(&self, origin: &str) -> String {
        use std::fmt::Write as _;
        let mut text = format!("quittance transfer 1\norigin {origin}\nid {}\n", self.id);
        for leg in self.legs() {
            let Leg { payer, payee, amount, currency, purpose, .. } = leg;
            // Writing to a string can't fail.
            let _ = match purpose {
                Purpose::Payment(terms) => {
                    writeln!(text, "pay {amount} {currency} from {payer} to {payee} for {}", terms.request)
                }
                Purpose::Hold { terms, until } => writeln!(
                    text,
                    "hold {amount} {currency} from {payer} for {payee} for {} until {}",
                    terms.request,
                    until.as_millis()
                ),
                Purpose::Capture { hold, is_final } => {
                    let rest = if *is_final { "and let the rest go" } else { "and keep the rest" };
                    writeln!(
                        text,
                        "capture {amount} {currency} from {payer} to {payee} of hold {hold} {rest}"
                    )
                }
                Purpose::Refund(original) => writeln!(
                    text,
                    "refund {amount} {currency} from {payer} to {payee} of {} leg {}",
                    original.id.transfer, original.id.leg
                ),
                Purpose::Conversion => {
                    writeln!(text, "receive {amount} {currency} from {payer} into {payee}")
                }
                Purpose::Issue
                | Purpose::Redemption
                | Purpose::Reversal(_)
                | Purpose::Fee
                | Purpose::Split
                | Purpose::Adjustment => Ok(()),
            };
        }
        text
    }
}

/// A text, with its length before it: two texts in a row are not another two.
fn push_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature")
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SixtyFourBytes;

        impl serde::de::Visitor<'_> for SixtyFourBytes {
            type Value = Signature;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the 64 bytes of a signature")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Signature, E> {
                bytes.try_into().map(Signature).map_err(|_| E::invalid_length(bytes.len(), &self))
            }
        }

        deserializer.deserialize_bytes(SixtyFourBytes)
    }
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
pub(crate) mod tests;
