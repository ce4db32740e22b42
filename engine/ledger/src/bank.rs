//! A bank for tests: wallets that settle at once, one transfer at a time, each event measured against the plain model.

use std::collections::HashMap;

use crate::account::{AccountKind, DeviceKey, Verifier};
use crate::allowance::Allowance;
use crate::event::Event;
use crate::id::{AccountId, DeviceId, PaymentRequestId, TransferId, WalletId};
use crate::limits::Limits;
use crate::model::Ledger;
use crate::money::{Amount, Currency, CurrencyCode};
use crate::part::decide_part;
use crate::payment_request::{PaymentKind, PaymentRequest, Split, Terms, Usage};
use crate::refund::{LegId, Original};
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::transfer::{Authority, Leg, Purpose, Stop, Transfer};
use crate::wallet::Wallet;
use crate::wallet_snapshot::WalletSettings;

/// 2023-11-14T22:13:20Z
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const MINUTE_MS: u64 = 60 * 1_000;
pub(crate) const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

pub(crate) fn wallet_id(n: u8) -> WalletId {
    WalletId::from_bytes([n; 16]).unwrap()
}

pub(crate) fn account_id(n: u8) -> AccountId {
    AccountId::from_bytes([n; 16]).unwrap()
}

pub(crate) fn key(n: u8) -> DeviceKey {
    DeviceKey::ed25519([n; 32])
}

pub(crate) fn device(n: u8) -> DeviceId {
    key(n).device_id()
}

pub(crate) fn code(text: &str) -> CurrencyCode {
    text.parse().unwrap()
}

pub(crate) fn amount(minor: u64) -> Amount {
    Amount::new(minor).unwrap()
}

/// A time-ordered id.
pub(crate) fn v7(at: Timestamp, n: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8] = 0x80;
    bytes[14..].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub(crate) fn transfer_id(n: u16) -> TransferId {
    TransferId::from_bytes(v7(NOW, n)).unwrap()
}

pub(crate) fn by_operator(n: u16, legs: &[Leg]) -> Transfer {
    let mut transfer = Transfer::new(transfer_id(n), Authority::Operator, legs[0]);
    transfer.linked = legs[1..].into();
    transfer
}

/// On the word of account `n`'s device.
pub(crate) fn by_device(n: u16, account: u8, legs: &[Leg]) -> Transfer {
    let authority = Authority::Device { account: account_id(account), device: device(account) };
    Transfer { authority, ..by_operator(n, legs) }
}

/// One-time terms of some amount, for ten minutes.
pub(crate) fn terms(n: u16) -> Terms {
    Terms {
        request: PaymentRequestId::from_bytes(v7(NOW, n)).unwrap(),
        amount: None,
        usage: Usage::OneTime,
        expires_at: Some(NOW.plus_millis(10 * MINUTE_MS)),
        till: None,
        kind: PaymentKind::Standard,
    }
}

pub(crate) fn request(payee: u8, terms: Terms) -> PaymentRequest {
    PaymentRequest::plain(terms, wallet_id(payee), code("EUR"))
}

/// A leg in euros.
pub(crate) fn leg(payer: u8, payee: u8, minor: u64, purpose: Purpose) -> Leg {
    let (payer, payee, currency) = (wallet_id(payer), wallet_id(payee), code("EUR"));
    Leg { payer, payee, amount: amount(minor), currency, purpose, reference: None }
}

pub(crate) fn pay(payer: u8, payee: u8, minor: u64, terms: Terms) -> Leg {
    leg(payer, payee, minor, Purpose::Payment(terms))
}

/// What leg `number` of a transfer that settled at `at` paid.
pub(crate) fn original(transfer: &Transfer, number: u8, at: Timestamp) -> Original {
    let paid = transfer.legs().nth(usize::from(number)).unwrap();
    Original { id: LegId { transfer: transfer.id, leg: number }, amount: paid.amount, at }
}

/// Wallets by number. Wallet n is account n's, except 0 and 10, which are the issuers of euros and yen.
pub(crate) struct Bank {
    pub(crate) now: Timestamp,
    pub(crate) wallets: HashMap<WalletId, Wallet>,
    pub(crate) allowances: HashMap<(AccountId, CurrencyCode), Allowance>,
    pub(crate) model: Ledger,
    pub(crate) journal: Vec<(Timestamp, Event)>,
}

impl Bank {
    /// Accounts 1 to 8 with a euro wallet each, of which 1 holds 100; accounts 1 and 2 also have yen, in wallets 11 and 12, and
    /// the latter holds 1000.
    pub(crate) fn new() -> Self {
        let mut bank = Self {
            now: NOW,
            wallets: HashMap::new(),
            allowances: HashMap::new(),
            model: Ledger::default(),
            journal: Vec::new(),
        };
        for (number, currency) in [(0, "EUR"), (10, "JPY")] {
            let currency = Currency::new(code(currency), None).unwrap();
            bank.record(&Event::CurrencyRegistered { currency, issuer: wallet_id(number) });
        }
        for number in 1..=8 {
            let (account, name) = (account_id(number), "someone".parse().unwrap());
            bank.record(&Event::AccountOpened { account, name, kind: AccountKind::Person });
            let first_pin = Some(Verifier::from_bytes([0; 32]));
            bank.record(&Event::DevicePaired { account, name, key: key(number), first_pin });
            bank.open_wallet(number, number, "EUR");
        }
        bank.open_wallet(11, 1, "JPY");
        bank.open_wallet(12, 2, "JPY");
        assert_eq!(bank.issue(60_001, 1, 100), Ok(()));
        let yen = Leg { currency: code("JPY"), ..leg(10, 12, 1_000, Purpose::Issue) };
        assert_eq!(bank.settle(&by_operator(60_002, &[yen])), Ok(()));
        bank
    }

    pub(crate) fn open_wallet(&mut self, wallet: u8, account: u8, currency: &str) {
        let (wallet, account, currency) = (wallet_id(wallet), account_id(account), code(currency));
        self.record(&Event::WalletOpened { wallet, account, currency, name: None });
    }

    pub(crate) fn issue(&mut self, n: u16, payee: u8, minor: u64) -> Result<(), Refusal> {
        self.settle(&by_operator(n, &[leg(0, payee, minor, Purpose::Issue)]))
    }

    /// Makes an event durable.
    pub(crate) fn record(&mut self, event: &Event) {
        self.model.apply(self.now, event).unwrap();
        self.journal.push((self.now, event.clone()));
        if let Some(wallet) = Wallet::opened_by(event) {
            self.wallets.insert(wallet.id(), wallet);
        }
        for id in event.wallets() {
            self.wallets.get_mut(&id).unwrap().apply(event);
        }
        if let Some(key) = event.allowance() {
            self.allowances.entry(key).or_insert_with(|| Allowance::new(key.0, key.1)).apply(event);
        }
        for id in event.wallets() {
            let (wallet, known) = (&self.wallets[&id], self.model.wallet(id).unwrap());
            assert_eq!(wallet.snapshot(), known.snapshot());
            assert_eq!(wallet.spendable(), known.spendable(), "nothing stays in flight");
        }
    }

    /// Records what a wallet decided, if it has to be recorded.
    pub(crate) fn decide(
        &mut self,
        wallet: u8,
        decide: impl FnOnce(&Wallet, Timestamp) -> Result<Option<Event>, Refusal>,
    ) -> Result<(), Refusal> {
        let now = self.now;
        let wallet = self.wallets.get_mut(&wallet_id(wallet)).unwrap();
        if let Some(event) = decide(wallet, now)? {
            wallet.expect(&event);
            self.record(&event);
        }
        Ok(())
    }

    pub(crate) fn open(&mut self, payee: u8, terms: Terms) -> Result<(), Refusal> {
        self.open_request(&request(payee, terms))
    }

    pub(crate) fn open_request(&mut self, request: &PaymentRequest) -> Result<(), Refusal> {
        let wallet = self.wallets.get_mut(&request.payee).unwrap();
        if let Some(event) = wallet.decide_request(request, self.now)? {
            wallet.expect(&event);
            self.record(&event);
        }
        Ok(())
    }

    pub(crate) fn configure(&mut self, wallet: u8, settings: WalletSettings) -> Result<(), Refusal> {
        self.decide(wallet, |wallet, _| wallet.decide_settings(&settings))
    }

    pub(crate) fn freeze(&mut self, wallet: u8, both_ways: bool) {
        self.decide(wallet, |wallet, _| wallet.decide_freeze(both_ways)).unwrap();
    }

    pub(crate) fn limit_account(&mut self, account: u8, limits: Limits) {
        let (account, currency) = (account_id(account), code("EUR"));
        let allowance = self.allowances.entry((account, currency));
        let allowance = allowance.or_insert_with(|| Allowance::new(account, currency));
        if let Some(event) = allowance.decide_limits(limits) {
            allowance.expect_limits(limits);
            self.record(&event);
        }
    }

    /// Takes a transfer to all of its stops, and back where one of them refuses.
    pub(crate) fn settle(&mut self, transfer: &Transfer) -> Result<(), Refusal> {
        let mut transfer = transfer.clone();
        let before = self.wallets.clone();
        let stops = transfer.stops();
        for (index, stop) in stops.iter().enumerate() {
            assert_eq!(transfer.stop(index), Some(*stop));
            let Err(refusal) = self.visit(&mut transfer, *stop) else { continue };
            for earlier in stops[..index].iter().rev() {
                match earlier {
                    Stop::Wallet(id) => self.wallets.get_mut(id).unwrap().take_back(&transfer),
                    Stop::Allowance(account, currency) => {
                        self.allowances.get_mut(&(*account, *currency)).unwrap().take_back(&transfer);
                    }
                }
            }
            for (id, wallet) in &self.wallets {
                assert_eq!(wallet.spendable(), before[id].spendable(), "what is refused leaves no trace");
                assert_eq!(wallet.room(), before[id].room(), "what is refused leaves no trace");
                assert_eq!(wallet.books(), before[id].books(), "what is refused leaves no trace");
            }
            return Err(refusal);
        }
        self.record(&Event::TransferSettled(Box::new(transfer)));
        Ok(())
    }

    fn visit(&mut self, transfer: &mut Transfer, stop: Stop) -> Result<(), Refusal> {
        match stop {
            Stop::Wallet(id) => {
                decide_part(self.wallets.get(&id), id, transfer, self.now)?.note_in(transfer);
                self.wallets.get_mut(&id).unwrap().accept(transfer);
            }
            Stop::Allowance(account, currency) => {
                let allowance = self.allowances.entry((account, currency));
                let allowance = allowance.or_insert_with(|| Allowance::new(account, currency));
                transfer.account_counted_on = allowance.decide(transfer)?;
                allowance.accept(transfer);
            }
        }
        Ok(())
    }

    pub(crate) fn wallet(&self, n: u8) -> &Wallet {
        &self.wallets[&wallet_id(n)]
    }

    pub(crate) fn posted(&self, n: u8) -> i64 {
        self.wallet(n).snapshot().posted
    }

    pub(crate) fn held(&self, n: u8) -> i64 {
        self.wallet(n).snapshot().held
    }
}

pub(crate) type Row<'a> = (&'a str, Transfer, Result<(), Refusal>);

/// Each row is tried in a bank of its own that `prepare` has made ready.
pub(crate) fn check(prepare: impl Fn(&mut Bank), rows: &[Row<'_>]) {
    for (name, transfer, expected) in rows {
        let mut bank = Bank::new();
        prepare(&mut bank);
        let posted = |bank: &Bank| (0..=12).filter(|n| *n != 9).map(|n| bank.posted(n)).collect::<Vec<_>>();
        let (before, held) = (posted(&bank), bank.held(1));
        assert_eq!(bank.settle(transfer), *expected, "{name}");
        let is_still = before == posted(&bank) && held == bank.held(1);
        assert_eq!(is_still, expected.is_err(), "{name}");
    }
}

pub(crate) fn of_ten(n: u16) -> Terms {
    Terms { amount: Some(amount(10)), ..terms(n) }
}

pub(crate) fn split(payee: u8, n: u16, splits: &[(u8, u64)]) -> PaymentRequest {
    let splits = splits.iter().map(|(n, minor)| Split { wallet: wallet_id(*n), amount: amount(*minor) });
    PaymentRequest { splits: splits.collect(), ..request(payee, of_ten(n)) }
}

pub(crate) fn until(ms: u64) -> Timestamp {
    NOW.plus_millis(ms)
}

pub(crate) fn hold(n: u16, minor: u64, terms: Terms, ends: Timestamp) -> Transfer {
    by_device(n, 1, &[leg(1, 2, minor, Purpose::Hold { terms, until: ends })])
}

pub(crate) fn capture(n: u16, of: u16, minor: u64, is_final: bool) -> Transfer {
    by_device(n, 2, &[leg(1, 2, minor, Purpose::Capture { hold: transfer_id(of), is_final })])
}
