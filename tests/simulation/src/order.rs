//! What clients asked for, and remember: an order keeps its id through every crash, until it has an answer.

use quittance_journal::Position;
use quittance_ledger::{Leg, PaymentRequestId, Purpose, Timestamp, Transfer, TransferId, WalletId};

/// From one wallet to another.
pub(crate) type Movement = (WalletId, WalletId, u64);

/// What an order says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// The operator moves units, in or out of the issuer's wallet or between others.
    Move(Movement),
    /// The operator moves units, all or nothing.
    Adjust(Vec<Movement>),
    /// A payer pays a request, or with an end sets units aside for it.
    Pay { request: PaymentRequestId, movement: Movement, hold_until: Option<Timestamp> },
    /// A payee takes what was set aside.
    Capture { hold: TransferId, movement: Movement, is_final: bool },
    /// A payee gives back what the first leg of a transfer paid it.
    Refund { of: TransferId, movement: Movement },
    /// The operator takes a transfer back: what its legs moved, the other way.
    Reverse { of: TransferId, movements: Vec<Movement> },
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: TransferId,
    /// What it said: more than one thing where its id was used for several.
    pub(crate) bodies: Vec<Body>,
    /// When it was first given.
    pub(crate) first_at: Timestamp,
    /// What was published then.
    pub(crate) first_tip: Position,
    /// It has an answer that settles it.
    pub(crate) is_answered: bool,
    /// Whether the client gives it again until it has one.
    pub(crate) is_wanted: bool,
}

impl Body {
    pub(crate) fn movements(&self) -> &[Movement] {
        match self {
            Self::Move(movement)
            | Self::Pay { movement, .. }
            | Self::Capture { movement, .. }
            | Self::Refund { movement, .. } => std::slice::from_ref(movement),
            Self::Adjust(movements) | Self::Reverse { movements, .. } => movements,
        }
    }

    /// What it may take out of what a wallet has to spend.
    pub(crate) fn debits(&self, wallet: WalletId) -> u64 {
        if matches!(self, Self::Capture { .. }) {
            return 0;
        }
        self.movements().iter().filter(|(payer, ..)| *payer == wallet).map(|(.., amount)| amount).sum()
    }

    /// Whether a transfer is what was asked for.
    pub(crate) fn is_of(&self, transfer: &Transfer) -> bool {
        let asked: Vec<&Leg> = transfer.legs().filter(|leg| leg.purpose != Purpose::Split).collect();
        let movements = asked.iter().map(|leg| (leg.payer, leg.payee, leg.amount.get()));
        let fits = |leg: &&Leg| match (self, leg.purpose) {
            (Self::Move(_), Purpose::Issue | Purpose::Redemption | Purpose::Adjustment)
            | (Self::Adjust(_), Purpose::Adjustment) => true,
            (Self::Pay { request, hold_until: None, .. }, Purpose::Payment(terms)) => {
                terms.request == *request
            }
            (Self::Pay { request, hold_until: Some(end), .. }, Purpose::Hold { terms, until }) => {
                terms.request == *request && until == *end
            }
            (Self::Capture { hold, is_final, .. }, Purpose::Capture { hold: of, is_final: ends }) => {
                of == *hold && ends == *is_final
            }
            (Self::Refund { of, .. }, Purpose::Refund(original))
            | (Self::Reverse { of, .. }, Purpose::Reversal(original)) => original.id.transfer == *of,
            _ => false,
        };
        movements.eq(self.movements().iter().copied()) && asked.iter().all(fits)
    }
}

impl Order {
    /// What it may take out of what a wallet has to spend.
    pub(crate) fn debits(&self, wallet: WalletId) -> u64 {
        self.bodies.iter().map(|body| body.debits(wallet)).sum()
    }
}
