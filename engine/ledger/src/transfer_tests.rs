//! The rules of a transfer as a table, one row a transfer and what must come of it, and as properties against the
//! plain model.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::event::Event;
use crate::id::PaymentRequestId;
use crate::invariant::Ledger;
use crate::money::{Currency, MAX_AMOUNT};
use crate::payment_request::{PaymentRequest, Usage};
use crate::wallet::{MAX_BALANCE, WalletStatus};
use crate::{AccountKind, DeviceKey, RequestStatus, Verifier};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

pub(crate) fn fingerprint_of(n: u8) -> Fingerprint {
    Fingerprint([n; 16])
}

fn wallet_id(n: u8) -> WalletId {
    WalletId::from_bytes([n; 16]).unwrap()
}

fn account_id(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16]).unwrap()
}

fn v7(n: u8) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&NOW.as_millis().to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes[15] = n;
    bytes
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::ed25519([n; 32])
}

fn code(text: &str) -> CurrencyCode {
    text.parse().unwrap()
}

fn terms(n: u8) -> Terms {
    Terms {
        request: PaymentRequestId::from_bytes(v7(n)).unwrap(),
        amount: Some(Amount::new(10).unwrap()),
        usage: Usage::OneTime,
        expires_at: Some(NOW.plus_millis(1_000)),
        till: None,
    }
}

fn request(n: u8, payee: u8) -> PaymentRequest {
    PaymentRequest {
        terms: terms(n),
        payee: wallet_id(payee),
        currency: code("EUR"),
        reference: None,
        description: None,
    }
}

fn payment(n: u8, payer: u8, payee: u8, amount: u64, terms: Terms) -> Transfer {
    Transfer {
        id: TransferId::from_bytes(v7(n)).unwrap(),
        payer: wallet_id(payer),
        payee: wallet_id(payee),
        amount: Amount::new(amount).unwrap(),
        currency: code("EUR"),
        purpose: Purpose::Payment(terms),
        authority: Authority::Device { account: account_id(payer), device: key(payer).device_id() },
        reference: None,
    }
}

/// Wallets by number. Wallet n is account n's, except 0, which is the euro's issuer.
struct Bank {
    wallets: HashMap<WalletId, Wallet>,
    model: Ledger,
}

impl Bank {
    /// Accounts 1 to 4 with a euro wallet each, of which 1 holds 100; account 9 has yen.
    fn new() -> Self {
        let mut bank = Self { wallets: HashMap::new(), model: Ledger::default() };
        for (number, currency) in [(0, "EUR"), (8, "JPY")] {
            let currency = Currency::new(code(currency), None).unwrap();
            bank.record(&Event::CurrencyRegistered { currency, issuer: wallet_id(number) });
        }
        for (number, currency) in [(1, "EUR"), (2, "EUR"), (3, "EUR"), (4, "EUR"), (9, "JPY")] {
            let (account, name) = (account_id(number), "someone".parse().unwrap());
            bank.record(&Event::AccountOpened { account, name, kind: AccountKind::Person });
            let first_pin = Some(Verifier::from_bytes([0; 32]));
            bank.record(&Event::DevicePaired { account, name, key: key(number), first_pin });
            let (wallet, currency) = (wallet_id(number), code(currency));
            bank.record(&Event::WalletOpened { wallet, account, currency, name: None });
        }
        assert_eq!(bank.settle(&bank.issue(200, 1, 100)), Ok(()));
        bank
    }

    fn issue(&self, n: u8, payee: u8, amount: u64) -> Transfer {
        let plain = payment(n, 0, payee, amount, terms(n));
        Transfer { purpose: Purpose::Issue, authority: Authority::Operator, ..plain }
    }

    fn record(&mut self, event: &Event) {
        self.model.apply(NOW, event).unwrap();
        if let Some(wallet) = Wallet::opened_by(event) {
            self.wallets.insert(wallet.id(), wallet);
        }
        for id in event.wallets() {
            self.wallets.get_mut(&id).unwrap().apply(event);
        }
    }

    fn open_request(&mut self, request: &PaymentRequest) -> Result<(), Refusal> {
        let wallet = self.wallets.get_mut(&request.payee).unwrap();
        if let Some(event) = wallet.decide_request(request, NOW)? {
            wallet.expect_request(*request);
            self.record(&event);
        }
        Ok(())
    }

    fn settle(&mut self, transfer: &Transfer) -> Result<(), Refusal> {
        decide_debit(self.wallets.get(&transfer.payer), transfer)?;
        self.wallets.get_mut(&transfer.payer).unwrap().reserve(transfer.amount);
        if let Err(refusal) = decide_credit(self.wallets.get(&transfer.payee), transfer, NOW) {
            self.wallets.get_mut(&transfer.payer).unwrap().release(transfer.amount);
            return Err(refusal);
        }
        self.wallets.get_mut(&transfer.payee).unwrap().expect_credit(transfer.amount, &transfer.purpose);
        self.record(&Event::TransferSettled(*transfer));
        Ok(())
    }

    fn posted(&self, n: u8) -> i64 {
        self.wallets[&wallet_id(n)].snapshot().posted
    }
}

#[test]
fn each_rule_of_a_transfer_refuses_and_moves_nothing() {
    let sound = payment(1, 1, 2, 10, terms(1));
    let expired = Terms { expires_at: Some(NOW), ..terms(1) };
    let open_ended = Terms { expires_at: None, till: Some(key(2).device_id()), ..terms(7) };
    let any_amount = Terms { amount: None, ..terms(2) };
    let as_account = |n| Authority::Device { account: account_id(n), device: key(n).device_id() };
    let table: &[(&str, Transfer, Result<(), Refusal>)] = &[
        ("settles", sound, Ok(())),
        ("one wallet", Transfer { payee: wallet_id(1), ..sound }, Err(Refusal::SelfPayment)),
        ("no payer", Transfer { payer: wallet_id(77), ..sound }, Err(Refusal::PayerUnknown)),
        ("another's wallet", Transfer { authority: as_account(3), ..sound }, Err(Refusal::PayerUnknown)),
        ("the issuer's wallet", Transfer { payer: wallet_id(0), ..sound }, Err(Refusal::PayerUnknown)),
        (
            "operator can't pay",
            Transfer { authority: Authority::Operator, ..sound },
            Err(Refusal::PayerUnknown),
        ),
        ("a device can't issue", Transfer { purpose: Purpose::Issue, ..sound }, Err(Refusal::PayerUnknown)),
        ("yen from euros", Transfer { currency: code("JPY"), ..sound }, Err(Refusal::PayerCurrencyDiffers)),
        ("too much", payment(1, 1, 2, 101, any_amount), Err(Refusal::InsufficientFunds)),
        ("no payee", Transfer { payee: wallet_id(77), ..sound }, Err(Refusal::PayeeUnknown)),
        ("the issuer as payee", Transfer { payee: wallet_id(0), ..sound }, Err(Refusal::PayeeUnknown)),
        ("euros to yen", Transfer { payee: wallet_id(9), ..sound }, Err(Refusal::PayeeCurrencyDiffers)),
        ("unknown request", payment(1, 1, 2, 10, terms(55)), Err(Refusal::RequestUnknown)),
        ("expired", payment(1, 1, 2, 10, expired), Err(Refusal::RequestExpired)),
        ("another amount", payment(1, 1, 2, 11, terms(1)), Err(Refusal::AmountDiffers)),
        ("any amount", payment(1, 1, 2, 100, any_amount), Ok(())),
        ("one-time for ever", payment(1, 1, 2, 10, open_ended), Err(Refusal::RequestExpiryInvalid)),
        ("cancelled", payment(1, 1, 2, 10, terms(3)), Err(Refusal::RequestCancelled)),
        ("paid", payment(1, 1, 2, 10, terms(4)), Err(Refusal::RequestPaid)),
        ("closed payee", payment(1, 1, 4, 10, terms(1)), Err(Refusal::PayeeClosed)),
        ("closed payer", payment(1, 4, 1, 10, terms(1)), Err(Refusal::PayerClosed)),
    ];
    for (name, transfer, expected) in table {
        let mut bank = Bank::new();
        for n in 1..=4 {
            let amount = if n == 2 { None } else { terms(n).amount };
            bank.open_request(&PaymentRequest { terms: Terms { amount, ..terms(n) }, ..request(n, 2) })
                .unwrap();
        }
        let cancelled = bank.wallets[&wallet_id(2)].decide_cancel(terms(3).request).unwrap().unwrap();
        bank.record(&cancelled);
        bank.settle(&payment(201, 1, 2, 10, terms(4))).unwrap();
        bank.settle(&bank.issue(202, 1, 10)).unwrap();
        bank.record(&Event::WalletClosed { wallet: wallet_id(4) });
        let before: Vec<i64> = (0..=4).map(|n| bank.posted(n)).collect();
        assert_eq!(bank.settle(transfer), *expected, "{name}");
        let after: Vec<i64> = (0..=4).map(|n| bank.posted(n)).collect();
        assert_eq!(before == after, expected.is_err(), "{name}");
    }
}

#[test]
fn ones_own_other_wallet_is_oneself() {
    let mut bank = Bank::new();
    let (wallet, account) = (wallet_id(11), account_id(1));
    bank.record(&Event::WalletOpened { wallet, account, currency: code("EUR"), name: None });
    bank.open_request(&request(1, 11)).unwrap();
    assert_eq!(bank.settle(&payment(1, 1, 11, 10, terms(1))), Err(Refusal::SelfPayment));
}

#[test]
fn a_full_wallet_takes_no_more() {
    let mut bank = Bank::new();
    bank.settle(&bank.issue(1, 2, MAX_AMOUNT)).unwrap();
    assert_eq!(bank.posted(2), MAX_BALANCE);
    assert_eq!(bank.settle(&bank.issue(2, 2, 1)), Err(Refusal::BalanceOverflow));
    bank.open_request(&request(1, 2)).unwrap();
    assert_eq!(bank.settle(&payment(3, 1, 2, 10, terms(1))), Err(Refusal::BalanceOverflow));
    assert_eq!(bank.posted(1), 100);
}

#[test]
fn more_is_never_redeemed_than_was_issued() {
    let mut bank = Bank::new();
    let redemption = |n, amount| Transfer {
        purpose: Purpose::Redemption,
        authority: Authority::Operator,
        ..payment(n, 1, 0, amount, terms(n))
    };
    assert_eq!(bank.settle(&redemption(1, 101)), Err(Refusal::InsufficientFunds));
    assert_eq!(bank.settle(&redemption(2, 100)), Ok(()));
    assert_eq!((bank.posted(0), bank.posted(1)), (0, 0));
}

#[test]
fn a_request_is_opened_once_and_repeats_are_harmless() {
    let mut bank = Bank::new();
    assert_eq!(bank.open_request(&request(1, 2)), Ok(()));
    assert_eq!(bank.open_request(&request(1, 2)), Ok(()));
    let dearer = Terms { amount: Some(Amount::new(11).unwrap()), ..terms(1) };
    assert_eq!(
        bank.open_request(&PaymentRequest { terms: dearer, ..request(1, 2) }),
        Err(Refusal::RequestIdTaken)
    );
    let late = Terms { expires_at: Some(NOW), ..terms(2) };
    assert_eq!(
        bank.open_request(&PaymentRequest { terms: late, ..request(2, 2) }),
        Err(Refusal::RequestExpiryInvalid)
    );
    let yen = PaymentRequest { currency: code("JPY"), ..request(3, 2) };
    assert_eq!(bank.open_request(&yen), Err(Refusal::PayeeCurrencyDiffers));
}

const DAY_MS: u64 = 24 * 3_600 * 1_000;

#[test]
fn requests_long_expired_are_forgotten_a_few_at_a_time() {
    let mut bank = Bank::new();
    for n in 1..=5 {
        bank.open_request(&request(n, 2)).unwrap();
    }
    let wallet = bank.wallets.get_mut(&wallet_id(2)).unwrap();
    assert!(wallet.forget_expired_requests(NOW.plus_millis(8 * DAY_MS - 1), 10).is_empty());
    let much_later = NOW.plus_millis(8 * DAY_MS);
    assert_eq!(wallet.forget_expired_requests(much_later, 3).len(), 3);
    assert_eq!(wallet.forget_expired_requests(much_later, 3).len(), 2);
    assert!(wallet.requests().is_empty());
    // What was forgotten can't be paid: its barcode says by itself that it is over. Nor can it be opened again.
    assert_eq!(
        decide_credit(Some(wallet), &payment(1, 1, 2, 10, terms(1)), much_later),
        Err(Refusal::RequestExpired)
    );
    let longer = Terms { expires_at: Some(much_later.plus_millis(1_000)), ..terms(1) };
    assert_eq!(
        wallet.decide_request(&PaymentRequest { terms: longer, ..request(1, 2) }, much_later),
        Err(Refusal::RequestIdOutOfTime)
    );
}

/// Tills may seal several requests under one id, and the server's id too. One of them is paid, once, for ever.
#[test]
fn one_id_is_paid_once_whoever_sealed_it_and_however_long_it_lasts() {
    let till = Some(key(2).device_id());
    let lasting = |days| Terms { expires_at: Some(NOW.plus_millis(days * DAY_MS)), till, ..terms(1) };
    let mut bank = Bank::new();
    bank.settle(&payment(1, 1, 2, 10, Terms { till, ..terms(1) })).unwrap();
    for later in (0..40).map(|days| NOW.plus_millis(days * DAY_MS)) {
        let wallet = bank.wallets.get_mut(&wallet_id(2)).unwrap();
        wallet.forget_expired_requests(later, 10);
        for days in [1, 6, 7, 8, 30, 400] {
            let again = payment(2, 1, 2, 10, lasting(days));
            assert!(decide_credit(Some(wallet), &again, later).is_err(), "{later:?}, {days} days");
        }
    }
    // The same where the server opened the request first.
    let mut bank = Bank::new();
    bank.open_request(&request(1, 2)).unwrap();
    assert_eq!(bank.settle(&payment(1, 1, 2, 10, lasting(6))), Err(Refusal::RequestIdTaken));
    bank.settle(&payment(1, 1, 2, 10, terms(1))).unwrap();
    let wallet = bank.wallets.get_mut(&wallet_id(2)).unwrap();
    wallet.forget_expired_requests(NOW.plus_millis(3 * DAY_MS), 10);
    assert_eq!(
        decide_credit(Some(wallet), &payment(2, 1, 2, 10, lasting(6)), NOW.plus_millis(3 * DAY_MS)),
        Err(Refusal::RequestIdTaken)
    );
}

#[test]
fn a_requests_id_is_of_its_time() {
    let mut bank = Bank::new();
    let mut made_at = |at: Timestamp| {
        let mut bytes = v7(1);
        bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
        let terms = Terms { request: PaymentRequestId::from_bytes(bytes).unwrap(), ..terms(1) };
        let till = Terms { till: Some(key(2).device_id()), ..terms };
        let opened = bank.open_request(&PaymentRequest { terms, ..request(1, 2) });
        let wallet = &bank.wallets[&wallet_id(3)];
        let till = Transfer { payee: wallet_id(3), ..payment(1, 1, 3, 10, till) };
        (opened, decide_credit(Some(wallet), &till, NOW))
    };
    assert_eq!(made_at(NOW.minus_millis(DAY_MS)), (Ok(()), Ok(())));
    assert_eq!(made_at(NOW.minus_millis(DAY_MS + 1)), (Err(Refusal::RequestIdOutOfTime), Ok(())));
    assert_eq!(
        made_at(NOW.minus_millis(7 * DAY_MS)),
        (Err(Refusal::RequestIdOutOfTime), Err(Refusal::RequestExpiryInvalid))
    );
    let ahead = NOW.plus_millis(300_001);
    assert_eq!(made_at(ahead), (Err(Refusal::RequestIdOutOfTime), Err(Refusal::RequestIdOutOfTime)));
}

#[test]
fn a_wallet_closes_only_when_empty() {
    let mut bank = Bank::new();
    assert_eq!(bank.wallets[&wallet_id(1)].decide_close(), Err(Refusal::WalletNotEmpty));
    assert_eq!(bank.wallets[&wallet_id(0)].decide_close(), Err(Refusal::WalletNotEmpty));
    let event = bank.wallets[&wallet_id(2)].decide_close().unwrap().unwrap();
    let wallet = bank.wallets.get_mut(&wallet_id(2)).unwrap();
    wallet.expect_close();
    let into_closing = payment(1, 1, 2, 10, terms(1));
    assert_eq!(decide_credit(Some(wallet), &into_closing, NOW), Err(Refusal::PayeeClosed));
    bank.record(&event);
    assert_eq!(bank.wallets[&wallet_id(2)].snapshot().status, WalletStatus::Closed);
    assert_eq!(bank.wallets[&wallet_id(2)].decide_close(), Ok(None));
}

#[test]
fn the_fingerprint_tells_every_part_of_a_transfer() {
    let base = payment(1, 1, 2, 10, terms(1));
    let others = [
        Transfer { payer: wallet_id(3), ..base },
        Transfer { payee: wallet_id(3), ..base },
        Transfer { amount: Amount::new(11).unwrap(), ..base },
        Transfer { currency: code("JPY"), ..base },
        Transfer { purpose: Purpose::Payment(terms(2)), ..base },
        Transfer { purpose: Purpose::Issue, ..base },
        Transfer { authority: Authority::Operator, ..base },
        Transfer { reference: Some("a".parse().unwrap()), ..base },
    ];
    for other in others {
        assert_ne!(base.fingerprint(), other.fingerprint(), "{other:?}");
    }
    let other_phone = Authority::Device { account: account_id(1), device: key(99).device_id() };
    assert_eq!(base.fingerprint(), Transfer { authority: other_phone, ..base }.fingerprint());
}

proptest! {
    /// However transfers come, the wallets agree with a model that is nothing but integers, and the whole-ledger
    /// check finds no breach.
    #[test]
    fn wallets_agree_with_plain_integers(
        steps in prop::collection::vec((1_u8..=4, 1_u8..=4, 1_u64..=60, 1_u8..=12, any::<bool>()), 1..120),
    ) {
        let mut bank = Bank::new();
        let mut naive: HashMap<u8, i64> = HashMap::from([(1, 100), (2, 0), (3, 0), (4, 0)]);
        let mut paid: HashMap<(u8, u8), bool> = HashMap::new();
        for (index, (payer, payee, amount, request_number, reusable)) in steps.into_iter().enumerate() {
            let usage = if reusable { Usage::Reusable } else { Usage::OneTime };
            let number = request_number + if reusable { 100 } else { 0 };
            let terms = Terms { amount: None, usage, ..terms(number) };
            if payer != payee {
                bank.open_request(&PaymentRequest { terms, ..request(number, payee) }).unwrap();
            }
            let mut transfer = payment(index as u8, payer, payee, amount, terms);
            let mut bytes = transfer.id.to_bytes();
            bytes[14] = 1;
            transfer.id = TransferId::from_bytes(bytes).unwrap();
            let is_spent = !reusable && paid.contains_key(&(payee, number));
            let amount = amount as i64;
            let expected = payer != payee && naive[&payer] >= amount && !is_spent;
            prop_assert_eq!(bank.settle(&transfer).is_ok(), expected);
            if expected {
                paid.insert((payee, number), true);
                *naive.get_mut(&payer).unwrap() -= amount;
                *naive.get_mut(&payee).unwrap() += amount;
            }
            for (number, balance) in &naive {
                prop_assert_eq!(bank.posted(*number), *balance);
            }
            bank.model.check_sums().unwrap();
        }
        for ((payee, number), _) in paid.iter().filter(|((_, number), _)| *number <= 12) {
            let state = bank.wallets[&wallet_id(*payee)].requests().get(terms(*number).request).unwrap();
            prop_assert!(matches!(state.status, RequestStatus::Paid(_)));
        }
    }
}
