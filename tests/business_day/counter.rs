//! Payments of every kind: what people do all day.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use quittance_barcode::DeviceSigner;
use quittance_gateway::client::{
    Ask, EventStream, LinePayment, NewDevice, NewPaymentRequest, PaymentLine, RequestName, RequestStatus,
    SeveralPayments, TransferPurpose, TransferStatus, new_transfer_id, rfc3339,
};
use quittance_ledger::{KeyAlgorithm, PaymentKind, PaymentRequestId, Usage};
use quittance_test_support::{Party, ask, euro, payment, soon};

use super::town::{Town, miles, refused};

const TOPPED_UP: u64 = 30_000;
const MAX_WAIT: Duration = Duration::from_secs(30);

fn fixed(amount: u64) -> NewPaymentRequest<'static> {
    NewPaymentRequest::of(Some(amount), euro())
}

fn sticker() -> NewPaymentRequest<'static> {
    NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) }
}

/// Customers give cash to the agent, who pays what their phones ask for.
pub(crate) async fn top_ups(town: &Town) {
    let agent = &town.people.agent;
    for person in town.people.persons() {
        let new = NewPaymentRequest { kind: Some(PaymentKind::TopUp), ..fixed(TOPPED_UP) };
        let request = ask(person, &new).await;
        assert_eq!(request.kind, PaymentKind::TopUp);
        let paid = town.pay(agent, &request, TOPPED_UP).await;
        assert_eq!((paid.purpose, paid.kind), (TransferPurpose::Payment, Some(PaymentKind::TopUp)));
    }
    // Nobody but an agent gives units for cash.
    let new = NewPaymentRequest { kind: Some(PaymentKind::TopUp), ..fixed(100) };
    let request = ask(&town.people.ada, &new).await;
    town.refuses_to_pay(&town.people.ben, &request, 100, "agent-needed").await;
}

pub(crate) async fn payments(town: &Town) {
    stickers(town).await;
    tills(town).await;
    offline_till(town).await;
    donations(town).await;
    requests_to_accounts(town).await;
    withdrawals(town).await;
    several_at_once(town).await;
    own_currency(town).await;
}

/// A sticker on the counter: the same barcode for everybody, and the payer says how much.
async fn stickers(town: &Town) {
    let cafe = &town.people.cafe;
    let request = ask(cafe, &sticker()).await;
    for round in 0..4 {
        for (number, person) in (0..).zip(town.people.persons()) {
            town.pay(person, &request, 250 + 40 * round + number).await;
        }
    }
    let request = cafe.client.payment_request(cafe.wallet, request.id).await.unwrap();
    assert_eq!((request.status, request.paid_by), (RequestStatus::Open, None));
}

/// A till that shows a new barcode for each sale, with its number.
async fn tills(town: &Town) {
    let bookshop = &town.people.bookshop;
    for round in 0..3 {
        for (number, person) in (0..).zip(town.people.persons()) {
            let (amount, sale) = (999 + 101 * number, format!("SALE-{round}-{number}"));
            let request = ask(bookshop, &NewPaymentRequest { reference: Some(&sale), ..fixed(amount) }).await;
            let paid = town.pay(person, &request, amount).await;
            assert_eq!(paid.reference.as_deref(), Some(sale.as_str()));
            town.refuses_to_pay(person, &request, amount, "request-paid").await;
        }
    }
}

/// A till without a connection: it seals its barcodes by itself, and the server first hears of them when they are paid.
async fn offline_till(town: &Town) {
    let (home, kiosk) = (&town.home, &town.people.kiosk);
    home.run_well(&["till", "--new-key", "kiosk.key"]);
    let secret = std::fs::read_to_string(home.path("kiosk.key")).unwrap();
    let secret: [u8; 32] = BASE64URL_NOPAD.decode(secret.trim_end().as_bytes()).unwrap().try_into().unwrap();
    let signer = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &secret).unwrap();
    let pairing = town.operator.issue_pairing_code(kiosk.account).await.unwrap();
    let new = NewDevice { code: &pairing.code, name: "the kiosk's till", pin: kiosk.pin };
    let (till, _) = kiosk.client.pair(signer, new).await.unwrap();
    let until = rfc3339(soon(3_600));
    let issued = till.certify_till(kiosk.wallet, None, Some(&until)).await.unwrap();
    std::fs::write(home.path("kiosk.certificate"), issued.certificate).unwrap();
    let origin = kiosk.client.origin();
    for (number, person) in (0..).zip(town.people.persons()) {
        let amount: u64 = 120 + 15 * number;
        let said = home.run_well(&[
            "till",
            "--certificate",
            "kiosk.certificate",
            "--key",
            "kiosk.key",
            "--origin",
            origin,
            "--amount",
            &amount.to_string(),
            "--reference",
            "KIOSK",
        ]);
        let barcode = said.lines().last().unwrap();
        let paid = person.client.pay(&payment(person, barcode)).await.unwrap();
        assert_eq!((paid.status, paid.payee, paid.amount), (TransferStatus::Settled, kiosk.wallet, amount));
        let again = person.client.pay(&payment(person, barcode)).await;
        refused(again, "request-paid");
        let mut book = town.book();
        book.paid(person.wallet, kiosk.wallet, amount);
        book.settled += 1;
    }
}

/// A box that suggests what to give, and takes whatever is given.
async fn donations(town: &Town) {
    const SUGGESTIONS: [u64; 3] = [500, 1_000, 2_000];
    let charity = &town.people.charity;
    let new = NewPaymentRequest {
        kind: Some(PaymentKind::Donation),
        suggestions: &SUGGESTIONS,
        description: Some("A roof for the library"),
        ..sticker()
    };
    let request = ask(charity, &new).await;
    assert_eq!(request.suggestions, SUGGESTIONS);
    for (number, person) in town.people.persons().into_iter().enumerate() {
        // The barcode has no room for them: a phone asks the server.
        let decoded = person.client.decode_text(&request.barcode.text).await.unwrap();
        let more = decoded.more.unwrap();
        assert_eq!((more.kind, more.suggestions.as_slice()), (PaymentKind::Donation, &SUGGESTIONS[..]));
        let amount = more.suggestions.get(number % 4).copied().unwrap_or(1_234);
        let paid = town.pay(person, &request, amount).await;
        assert_eq!(paid.kind, Some(PaymentKind::Donation));
    }
}

/// A bill that is sent to one account: its phones are told, and nobody else can pay it.
async fn requests_to_accounts(town: &Town) {
    let (hotel, [_, stranger, ..]) = (&town.people.hotel, town.people.persons());
    for (number, person) in (0..).zip(town.people.persons()) {
        let mut events = person.client.events(None).await.unwrap();
        let amount = 700 + 11 * number;
        let new =
            NewPaymentRequest { payer: Some(person.account), reference: Some("MINIBAR"), ..fixed(amount) };
        let request = ask(hotel, &new).await;
        told_of(&mut events, request.id).await;
        let sent = person.client.incoming_requests(Some(1), None).await.unwrap().requests;
        assert_eq!(sent.first(), Some(&request));
        let name = RequestName { wallet: request.wallet, id: request.id };
        assert_eq!(person.client.incoming_request(name).await.unwrap(), request);
        let line = PaymentLine::request(&request);
        let bill = |party: &Party| (new_transfer_id().unwrap(), party.wallet);
        if person.account != stranger.account {
            let (id, payer) = bill(stranger);
            let answer = LinePayment { id, payer, line, pin: stranger.pin };
            refused(stranger.client.pay_line(&answer).await, "request-for-another");
            refused(stranger.client.incoming_request(name).await, "request-unknown");
        }
        let (id, payer) = bill(person);
        let paid = person.client.pay_line(&LinePayment { id, payer, line, pin: person.pin }).await.unwrap();
        assert_eq!(
            (paid.status, paid.amount, paid.request),
            (TransferStatus::Settled, amount, Some(request.id))
        );
        let mut book = town.book();
        book.paid(person.wallet, hotel.wallet, amount);
        book.settled += 1;
    }
}

async fn told_of(events: &mut EventStream, request: PaymentRequestId) {
    let told = tokio::time::timeout(MAX_WAIT, async {
        loop {
            let event = events.next_event().await.unwrap().unwrap();
            if event.data.contains(&request.to_string()) {
                return;
            }
        }
    });
    told.await.unwrap();
}

/// The agent is paid, and gives cash.
async fn withdrawals(town: &Town) {
    let agent = &town.people.agent;
    for person in town.people.persons() {
        let new = NewPaymentRequest { kind: Some(PaymentKind::Withdrawal), ..fixed(1_000) };
        let request = ask(agent, &new).await;
        let paid = town.pay(person, &request, 1_000).await;
        assert_eq!(paid.kind, Some(PaymentKind::Withdrawal));
    }
    let new = NewPaymentRequest { kind: Some(PaymentKind::Withdrawal), ..fixed(1_000) };
    let ada = &town.people.ada;
    refused(ada.client.request_payment(ada.wallet, &new).await, "agent-needed");
}

/// One confirmation, three payees, all of them or none.
async fn several_at_once(town: &Town) {
    let people = &town.people;
    let payees = [&people.cafe, &people.bookshop, &people.charity];
    for (number, person) in (0..).zip(people.persons()) {
        let mut requests = Vec::new();
        for (index, payee) in (0..).zip(payees) {
            requests.push(ask(payee, &fixed(300 + 10 * number + index)).await);
        }
        // The last one is answered without its barcode.
        let mut lines: Vec<PaymentLine<'_>> =
            requests.iter().map(|request| PaymentLine::barcode(&request.barcode.text)).collect();
        lines[2] = PaymentLine::request(&requests[2]);
        assert!(matches!(lines[2].ask, Ask::Request(_)));
        let id = new_transfer_id().unwrap();
        let all = SeveralPayments { id, payer: person.wallet, payments: &lines, pin: person.pin };
        let paid = person.client.pay_several(&all).await.unwrap();
        assert_eq!((paid.status, paid.legs.len()), (TransferStatus::Settled, 3));
        assert_eq!(person.client.pay_several(&all).await.unwrap(), paid, "the same id, the same answer");
        {
            let mut book = town.book();
            for (leg, request) in paid.legs.iter().zip(&requests) {
                assert_eq!((leg.payee, Some(leg.amount)), (request.wallet, request.amount));
                book.paid(person.wallet, request.wallet, request.amount.unwrap());
            }
            book.settled += 1;
        }
        // One of them was paid before: nobody is paid.
        lines[0] = PaymentLine::request(&requests[0]);
        let fresh = ask(payees[1], &fixed(100)).await;
        lines[1] = PaymentLine::request(&fresh);
        let id = new_transfer_id().unwrap();
        let two = SeveralPayments { id, payer: person.wallet, payments: &lines[..2], pin: person.pin };
        refused(person.client.pay_several(&two).await, "request-paid");
        assert_eq!(payees[1].client.payment_request(fresh.wallet, fresh.id).await.unwrap().paid, 0);
    }
}

/// Miles are units like others, of a currency that only this town knows.
async fn own_currency(town: &Town) {
    let cafe = &town.people.cafe;
    let till = town.wallet_of(cafe, miles());
    for person in [&town.people.ada, &town.people.ben] {
        let wallet = town.wallet_of(person, miles());
        for amount in [100, 250, 777] {
            let new = NewPaymentRequest::of(Some(amount), miles());
            let request = cafe.client.request_payment(till, &new).await.unwrap();
            town.pay_out_of(person, wallet, &request, amount).await;
        }
    }
}
