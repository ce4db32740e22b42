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
        R::RequestExpired => tell(S::GONE, "request-expired", "The payment request has expired", "/barcode",
            "ask the payee for a new barcode"),
        R::RequestExpiryInvalid => tell(S::UNPROCESSABLE_ENTITY, "request-expiry-invalid", "The expiry is not acceptable", "/expires_at",
            "give an expiry in the future, and for a one-time request at most 90 days ahead"),
        R::AmountDiffers => tell(S::UNPROCESSABLE_ENTITY, "amount-differs", "The amount is not the one asked for", "/amount",
            "leave the amount out or give the one the barcode asks for"),
        R::BalanceOverflow => tell(S::UNPROCESSABLE_ENTITY, "balance-overflow", "The payee's wallet is full", "/amount",
            "choose a smaller amount or another wallet"),
        R::RequestIdOutOfTime => tell(S::UNPROCESSABLE_ENTITY, "request-id-out-of-time", "The payment request id is not of its time", "/id",
            "make a new time-ordered id, with the clock set right, or leave it out and the server makes one"),
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
}
