//! Refusals as problems: one match that knows them all, so that a new refusal does not compile until it is told
//! what a client hears.

use http::StatusCode;
use quittance_ledger::Refusal;

use super::Problem;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let Told { status, slug, title, field, mend } = told(refusal);
        Self::new(status, slug, title, refusal.to_string(), mend).at(field)
    }
}

impl Problem {
    /// The payer has enough, and its payee too little for what it must pay of the payment.
    pub(crate) fn payee_short() -> Self {
        Self::others_funds(
            "the payee's wallet can't pass on what it must out of what it is paid",
            "tell the payee, who has to bring units into its wallet or ask for more, and pay under a new id then",
        )
    }

    /// The payer has enough, and who converts too little of what it quoted.
    pub(crate) fn market_maker_short() -> Self {
        Self::others_funds(
            "the market maker's wallet can't give what it quoted",
            "ask for a quote of less, or for another one later, and pay under a new id",
        )
    }

    /// Insufficient funds that are not the payer's.
    fn others_funds(detail: &'static str, mend: &'static str) -> Self {
        let Told { status, slug, title, .. } = told(Refusal::InsufficientFunds);
        Self::new(status, slug, title, detail, mend)
    }
}

/// What a client is told of a refusal, beside its text.
struct Told {
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    /// What it is most often about; a route where it is about something else says so.
    field: &'static str,
    mend: &'static str,
}

const fn tell(
    status: StatusCode,
    slug: &'static str,
    title: &'static str,
    field: &'static str,
    mend: &'static str,
) -> Told {
    Told { status, slug, title, field, mend }
}

#[rustfmt::skip]
const fn told(refusal: Refusal) -> Told {
    use Refusal as R;
    use StatusCode as S;
    match refusal {
        // Who asks.
        R::AccountUnknown => tell(S::NOT_FOUND, "account-unknown", "The account is not known", "account",
            "check the account's id: a device sees its own account alone"),
        R::AccountIdTaken => tell(S::CONFLICT, "account-id-taken", "The account id is taken", "/id",
            "choose another id, or leave it out and the server makes one"),
        R::PairingCodeUnknown => tell(S::UNPROCESSABLE_ENTITY, "pairing-code-unknown", "The pairing code is not in force", "/code",
            "ask for a new pairing code and use it before it expires"),
        R::DeviceAlreadyPaired => tell(S::CONFLICT, "device-already-paired", "The device is or was paired already", "/public_key",
            "go on with the pairing there is, or make a new key pair and pair that"),
        R::TooManyDevices => tell(S::CONFLICT, "too-many-devices", "The account has too many devices", "account",
            "revoke a device that is no longer used"),
        R::DeviceUnknown => tell(S::NOT_FOUND, "device-unknown", "The device is not known", "device",
            "check the device's id, or pair the device first"),
        R::DeviceRevoked => tell(S::CONFLICT, "device-revoked", "The device was revoked", "device",
            "make a new key pair and pair the device again"),
        R::PinLocked => tell(S::LOCKED, "pin-locked", "The PIN is locked", "/pin",
            "ask the operator to unlock the account"),
        R::PinWrong => tell(S::FORBIDDEN, "pin-wrong", "The PIN is wrong", "/pin",
            "ask for the PIN again: too many wrong ones lock it"),
        // What it is named.
        R::IdTooOld => tell(S::UNPROCESSABLE_ENTITY, "id-too-old", "The transfer id is too old", "/id",
            "look the transfer up by its id; if it was never made, choose a new id of UUID version 7"),
        R::IdAhead => tell(S::UNPROCESSABLE_ENTITY, "id-ahead", "The transfer id is from the future", "/id",
            "set the clock right and choose a new id"),
        R::IdConflict => tell(S::CONFLICT, "id-conflict", "The transfer id names another transfer", "/id",
            "choose a new id for each new transfer, and repeat a transfer to the letter"),
        // Currencies and wallets.
        R::CurrencyUnknown => tell(S::UNPROCESSABLE_ENTITY, "currency-unknown", "The currency is not registered", "/currency",
            "choose one of those that /v1/currencies lists, or register it first"),
        R::CurrencyDiffers => tell(S::CONFLICT, "currency-differs", "The currency has another exponent", "/exponent",
            "leave the exponent out or give the one it is registered with"),
        R::TooManyWallets => tell(S::CONFLICT, "too-many-wallets", "The account has too many wallets", "/account",
            "close a wallet that is no longer used"),
        R::WalletIdTaken => tell(S::CONFLICT, "wallet-id-taken", "The wallet id is taken", "/id",
            "choose another id, or leave it out and the server makes one"),
        R::WalletNotEmpty => tell(S::CONFLICT, "wallet-not-empty", "The wallet is not empty", "wallet",
            "move the units out first, and wait for what is under way"),
        R::WalletUnknown => tell(S::NOT_FOUND, "wallet-unknown", "The wallet is not known", "wallet",
            "check the wallet's id: a device sees the wallets of its own account alone"),
        R::WalletClosed => tell(S::CONFLICT, "wallet-closed", "The wallet is closed", "wallet",
            "use another wallet: a closed one stays closed"),
        R::BalanceOutOfBounds => tell(S::CONFLICT, "balance-out-of-bounds", "The wallet's balance is outside of these bounds", "/ceiling",
            "set wider bounds, or move units first and wait for what is under way"),
        R::WalletInUse => tell(S::CONFLICT, "wallet-in-use", "The wallet is in use", "wallet",
            "take it out of the fee rules and rates that name it, and close it then"),
        // Fees and rates.
        R::FeeRuleInvalid => tell(S::UNPROCESSABLE_ENTITY, "fee-rule-invalid", "The fee rule can't be applied", "/collector",
            "name an account's open wallet of the currency as collector, and a minimum that is not above the maximum"),
        R::RateInvalid => tell(S::UNPROCESSABLE_ENTITY, "rate-invalid", "The rate can't be quoted at", "/taker",
            "name two open wallets of one account, a taker of the first currency and a giver of the second"),
        R::RateUnknown => tell(S::UNPROCESSABLE_ENTITY, "rate-unknown", "Nobody converts between the currencies", "/to",
            "choose wallets of two currencies that /v1/rates lists"),
        R::QuoteTooSmall => tell(S::UNPROCESSABLE_ENTITY, "quote-too-small", "The amount can't be converted", "/give",
            "choose a larger amount, or a smaller one where it comes to more than a wallet may hold"),
        // The payer's leg.
        R::SelfPayment => tell(S::UNPROCESSABLE_ENTITY, "self-payment", "Payer and payee are the same", "/payer",
            "pay from a wallet that is not the payee's"),
        R::PayerUnknown => tell(S::NOT_FOUND, "payer-unknown", "The payer's wallet is not known", "/payer",
            "pay from one of the account's own wallets"),
        R::PayerClosed => tell(S::CONFLICT, "payer-closed", "The payer's wallet is closed", "/payer",
            "pay from another wallet"),
        R::PayerCurrencyDiffers => tell(S::UNPROCESSABLE_ENTITY, "payer-currency-differs", "The payer's wallet holds another currency", "/payer",
            "pay from a wallet of the currency that is asked for"),
        R::InsufficientFunds => tell(S::UNPROCESSABLE_ENTITY, "insufficient-funds", "The funds are insufficient", "/payer",
            "bring units into the wallet, or pay less or from another wallet, under a new id"),
        R::PayerFrozen => tell(S::CONFLICT, "payer-frozen", "The payer's wallet is frozen", "/payer",
            "pay from another wallet, or ask the operator to lift the freeze"),
        R::PaymentLimitExceeded => tell(S::UNPROCESSABLE_ENTITY, "payment-limit-exceeded", "The payment is above the wallet's limit", "/amount",
            "pay less at once, or ask the operator for a higher limit"),
        R::DayLimitExceeded => tell(S::UNPROCESSABLE_ENTITY, "day-limit-exceeded", "The wallet's limit for the day is reached", "/amount",
            "pay at most what the wallet's limits show as left, or wait for the next day"),
        R::MonthLimitExceeded => tell(S::UNPROCESSABLE_ENTITY, "month-limit-exceeded", "The wallet's limit for the month is reached", "/amount",
            "pay at most what the wallet's limits show as left, or wait for the next month"),
        // The payee's leg.
        R::PayeeUnknown => tell(S::NOT_FOUND, "payee-unknown", "The payee's wallet is not known", "/barcode",
            "ask the payee for a new barcode"),
        R::PayeeClosed => tell(S::CONFLICT, "payee-closed", "The payee's wallet is closed", "/barcode",
            "ask the payee for a barcode of another wallet"),
        R::PayeeCurrencyDiffers => tell(S::UNPROCESSABLE_ENTITY, "payee-currency-differs", "The payee's wallet holds another currency", "/currency",
            "give the currency of the wallet"),
        R::RequestUnknown => tell(S::NOT_FOUND, "request-unknown", "The payment request is not known", "request",
            "check the request's id, or ask the payee for a new barcode"),
        R::RequestIdTaken => tell(S::CONFLICT, "request-id-taken", "The payment request id is taken", "/id",
            "choose another id, or leave it out and the server makes one"),
        R::TooManyRequests => tell(S::CONFLICT, "too-many-requests", "The wallet has too many payment requests", "wallet",
            "withdraw requests that are no longer needed, or let them expire"),
        R::RequestCancelled => tell(S::GONE, "request-cancelled", "The payment request was withdrawn", "/barcode",
            "ask the payee for a new barcode"),
        R::RequestPaid => tell(S::CONFLICT, "request-paid", "The payment request was paid already", "/barcode",
            "ask the payee for a new barcode if something is still to be paid"),
        R::RequestHeld => tell(S::CONFLICT, "request-held", "Units are set aside for the payment request", "/barcode",
            "ask the payee for a new barcode if something is still to be paid"),
        R::RequestExpired => tell(S::GONE, "request-expired", "The payment request has expired", "/barcode",
            "ask the payee for a new barcode"),
        R::RequestExpiryInvalid => tell(S::UNPROCESSABLE_ENTITY, "request-expiry-invalid", "The expiry is not acceptable", "/expires_at",
            "give an instant in the future: at most 90 days ahead, of an invoice 400, of a reusable request not past the year 2105"),
        R::AmountDiffers => tell(S::UNPROCESSABLE_ENTITY, "amount-differs", "The amount is not the one asked for", "/amount",
            "leave the amount out or give the one the barcode asks for"),
        R::BalanceOverflow => tell(S::UNPROCESSABLE_ENTITY, "balance-overflow", "The payee's wallet is full", "/amount",
            "choose a smaller amount or another wallet"),
        R::RequestIdOutOfTime => tell(S::UNPROCESSABLE_ENTITY, "request-id-out-of-time", "The payment request id is not of its time", "/id",
            "make a new time-ordered id, with the clock set right, or leave it out and the server makes one"),
        R::PayeeFrozen => tell(S::CONFLICT, "payee-frozen", "The payee's wallet is frozen", "/barcode",
            "ask the payee for a barcode of another wallet"),
        R::RequestInconsistent => tell(S::UNPROCESSABLE_ENTITY, "request-inconsistent", "The payment request contradicts itself", "/kind",
            "give the kind what it needs: an invoice an amount and to be payable once or in parts, a donation no amount, \
             parts an amount, and splits an amount that covers them, paid once"),
        R::RequestBusy => tell(S::CONFLICT, "request-busy", "The payment request is being paid", "/barcode",
            "read the request anew in a moment, and if it is still open, pay it under a new id"),
        R::AmountExceedsRest => tell(S::UNPROCESSABLE_ENTITY, "amount-exceeds-rest", "The amount is more than is left to pay", "/amount",
            "pay at most what the request shows as remaining"),
        R::RequestForAnother => tell(S::FORBIDDEN, "request-for-another", "The payment request is for another to pay", "/barcode",
            "let the account pay it that the payee named, or ask the payee for a barcode of your own"),
        R::RequestNotHoldable => tell(S::UNPROCESSABLE_ENTITY, "request-not-holdable", "The payment request can't be held for", "/barcode",
            "pay the request instead of setting units aside for it"),
        R::LegsDiffer => tell(S::CONFLICT, "legs-differ", "The payment is not what the request says", "/barcode",
            "read the request anew, and pay it under a new id"),
        R::AgentNeeded => tell(S::UNPROCESSABLE_ENTITY, "agent-needed", "The agent is not a business", "/kind",
            "let a business pay the top-up, or ask for the withdrawal"),
        R::TooManyLegs => tell(S::UNPROCESSABLE_ENTITY, "too-many-legs", "The transfer has too many legs", "/payments",
            "send at most 16 at once, and fewer where splits and fees come to them"),
        R::TooManyQuotes => tell(S::CONFLICT, "too-many-quotes", "Too many quotes stand open", "/from",
            "pay one of them, or wait until some have ended"),
        // The limits of the payer's account.
        R::AccountPaymentLimitExceeded => tell(S::UNPROCESSABLE_ENTITY, "account-payment-limit-exceeded", "The payment is above the account's limit", "/amount",
            "pay less at once, or ask the operator for a higher limit"),
        R::AccountDayLimitExceeded => tell(S::UNPROCESSABLE_ENTITY, "account-day-limit-exceeded", "The account's limit for the day is reached", "/amount",
            "pay at most what the account's limits show as left, or wait for the next day"),
        R::AccountMonthLimitExceeded => tell(S::UNPROCESSABLE_ENTITY, "account-month-limit-exceeded", "The account's limit for the month is reached", "/amount",
            "pay at most what the account's limits show as left, or wait for the next month"),
        // Holds.
        R::HoldUnknown => tell(S::NOT_FOUND, "hold-unknown", "The hold is not known", "hold",
            "check the hold's id, which is that of the transfer that placed it: its payee alone may capture or release it"),
        R::TooManyHolds => tell(S::CONFLICT, "too-many-holds", "The wallet has too many holds", "/payer",
            "pay instead, or from another wallet, or wait until older holds are forgotten"),
        R::HoldExpiryInvalid => tell(S::UNPROCESSABLE_ENTITY, "hold-expiry-invalid", "The hold's expiry is not acceptable", "/expires_at",
            "give an expiry at most 31 days ahead, and of a one-time request not before the request's own"),
        R::HoldExpired => tell(S::GONE, "hold-expired", "The hold has expired", "hold",
            "ask the payer for a payment or a new hold"),
        R::HoldReleased => tell(S::GONE, "hold-released", "The hold was released", "hold",
            "ask the payer for a payment or a new hold"),
        R::HoldCaptured => tell(S::CONFLICT, "hold-captured", "The hold was captured already", "hold",
            "give units back with a refund of the capture, or ask the payer for a new hold"),
        R::CaptureExceedsHold => tell(S::UNPROCESSABLE_ENTITY, "capture-exceeds-hold", "The capture is more than is left", "/amount",
            "capture at most what the hold shows as remaining, under a new id"),
        R::HoldBusy => tell(S::CONFLICT, "hold-busy", "The hold is being captured", "hold",
            "read the hold anew in a moment and ask again, for a capture under a new id"),
        // What is given back.
        R::NotRefundable => tell(S::UNPROCESSABLE_ENTITY, "not-refundable", "The transfer can't be given back", "transfer",
            "name a leg of a settled payment or capture that paid the wallet; only the operator takes other transfers back"),
        R::RefundTooLate => tell(S::GONE, "refund-too-late", "The transfer is too old to be given back", "transfer",
            "let the other party ask for a payment, and pay that"),
        R::TooManyRefunds => tell(S::CONFLICT, "too-many-refunds", "The wallet remembers too many refunds", "transfer",
            "let the other party ask for a payment, and pay that"),
        R::RefundExceedsTransfer => tell(S::UNPROCESSABLE_ENTITY, "refund-exceeds-transfer", "The refund is more than is left of the transfer", "/amount",
            "give back at most what was not given back before, under a new id"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn kebab(variant: &str) -> String {
        let mut kebab = String::new();
        for c in variant.chars() {
            if c.is_ascii_uppercase() && !kebab.is_empty() {
                kebab.push('-');
            }
            kebab.push(c.to_ascii_lowercase());
        }
        kebab
    }

    #[test]
    fn every_refusal_has_a_name_of_its_own_and_a_mend() {
        let mut slugs = BTreeSet::new();
        for refusal in Refusal::ALL {
            let problem = Problem::from(*refusal);
            assert_eq!(problem.slug(), kebab(&format!("{refusal:?}")));
            assert!(slugs.insert(problem.slug()), "{refusal:?}");
            assert!(!problem.mend().is_empty() && !problem.mend().ends_with('.'), "{refusal:?}");
            assert!(!problem.title().is_empty() && !problem.detail().is_empty(), "{refusal:?}");
            assert!(problem.status().is_client_error(), "{refusal:?}");
            assert!(problem.field().is_some_and(|field| !field.is_empty()), "{refusal:?}");
        }
    }

    /// The table of API.md.
    fn table() -> String {
        let mut table = "| slug | status | when | what to do |\n| --- | --- | --- | --- |\n".to_owned();
        for refusal in Refusal::ALL {
            let problem = Problem::from(*refusal);
            let cells = [problem.detail(), problem.mend()].map(|text| text.replace('|', "\\|"));
            let (slug, status) = (problem.slug(), problem.status().as_u16());
            table.push_str(&format!("| `{slug}` | {status} | {} |\n", cells.join(" | ")));
        }
        table
    }

    #[test]
    fn the_api_lists_every_refusal_as_it_is() {
        const MARK: &str = "<!-- refusals: held against the code by a test -->\n";
        let api = include_str!("../../API.md");
        let (_, listed) = api.split_once(MARK).unwrap();
        let table = table();
        assert!(listed == table, "put this after the mark in API.md:\n{table}");
    }
}
