//! A wallet that remembers as many payment requests as it may: full, and not for ever.

use quittance_ledger::{
    AccountId, Books, Currency, Event, MAX_REQUESTS_PER_WALLET, PaymentKind, PaymentRequest,
    PaymentRequestId, Refusal, RequestState, RequestStatus, Terms, Timestamp, TransferId, Usage, Wallet,
    WalletId,
};
use quittance_settlement::{Effect, Message, Partition, PartitionState, ShardState, Ticket, WalletCommand};

const THEN: Timestamp = Timestamp::from_secs(1_700_000_000);
const DAY_MS: u64 = 24 * 3_600 * 1_000;

fn bytes(at: Timestamp, n: usize) -> [u8; 16] {
    let [_, _, a, b, c, d, e, f] = at.as_millis().to_be_bytes();
    let [.., w, x, y, z] = n.to_be_bytes();
    [a, b, c, d, e, f, 0x70, 0, 0x80, 0, 0, 0, w, x, y, z]
}

#[test]
fn a_full_wallet_makes_room_when_it_is_asked_and_nothing_else_happens() {
    let currency = Currency::new("EUR".parse().unwrap(), None).unwrap();
    let (wallet, account) = (WalletId::from_bytes([1; 16]).unwrap(), AccountId::from_bytes([2; 16]).unwrap());
    let opened = Event::WalletOpened { wallet, account, currency: currency.code(), name: None };
    let mut books = Books::default();
    let state = RequestState {
        status: RequestStatus::Paid(TransferId::from_bytes(bytes(THEN, 0)).unwrap()),
        expires_at: Some(THEN.plus_millis(60_000)),
        request: None,
        paid: 1,
    };
    for n in 0..MAX_REQUESTS_PER_WALLET {
        books.requests.restore(PaymentRequestId::from_bytes(bytes(THEN, n)).unwrap(), state.clone());
    }
    let partition = Partition::of(wallet);
    let mut state = PartitionState::new(partition);
    state.restore_page(vec![Wallet::restore(Wallet::opened_by(&opened).unwrap().snapshot().clone(), books)]);
    let mut shard = ShardState::new([state]);
    let mut open = |now: Timestamp| {
        let terms = Terms {
            request: PaymentRequestId::from_bytes(bytes(now, usize::MAX)).unwrap(),
            amount: None,
            usage: Usage::OneTime,
            expires_at: Some(now.plus_millis(60_000)),
            till: None,
            kind: PaymentKind::Standard,
        };
        let request = PaymentRequest::plain(terms, wallet, currency.code());
        let command = WalletCommand::OpenRequest(Box::new(request));
        let mut effects = Vec::new();
        shard.note_time(now);
        let message = Message::Command { wallet, account: Some(account), command, ticket: Ticket(1) };
        shard.handle(message, now, &mut effects);
        effects
    };
    assert_eq!(
        open(THEN.plus_millis(7 * DAY_MS)),
        [Effect::Answer(Ticket(1), Err(Refusal::TooManyRequests))]
    );
    assert!(matches!(open(THEN.plus_millis(9 * DAY_MS)).as_slice(), [Effect::Record(..)]));
    // What was forgotten goes from the next checkpoint too, though no event touched it.
    let dirty = shard.take_dirty(partition).unwrap();
    assert!(!dirty.entries.is_empty() && dirty.entries.iter().all(|(_, _, state)| state.is_none()));
}
