//! A bill that is paid in three parts, the last of them late.

use quittance_gateway::client::{Invoice, NewPaymentRequest, PaymentRequest, RequestStatus, rfc3339};
use quittance_ledger::{PaymentKind, Usage};
use quittance_test_support::{ask, euro, eventually, soon};

use super::town::{Town, refused};

const BILLED: u64 = 12_000;

pub(crate) async fn play(town: &Town) {
    let (bookshop, [ada, ben, cleo, ..]) = (&town.people.bookshop, town.people.persons());
    let due_at = rfc3339(soon(5));
    let new = NewPaymentRequest {
        usage: Some(Usage::Parts),
        kind: Some(PaymentKind::Invoice),
        invoice: Some(Invoice { number: "2026-0815".to_owned(), due_at }),
        reference: Some("INVOICE-2026-0815"),
        ..NewPaymentRequest::of(Some(BILLED), euro())
    };
    let billed = ask(bookshop, &new).await;
    assert_eq!((billed.kind, billed.usage), (PaymentKind::Invoice, Usage::Parts));
    assert_eq!(billed.invoice.as_ref().unwrap().number, "2026-0815");
    assert_eq!((billed.status, billed.paid, billed.remaining), (RequestStatus::Open, 0, Some(BILLED)));

    town.pay(ada, &billed, 5_000).await;
    let seen = see(town, &billed).await;
    assert_eq!((seen.paid, seen.remaining), (5_000, Some(7_000)));
    town.pay(ben, &billed, 4_000).await;
    let decoded = cleo.client.decode_text(&billed.barcode.text).await.unwrap();
    assert_eq!(decoded.more.unwrap().remaining, Some(3_000));
    town.refuses_to_pay(cleo, &billed, 3_001, "amount-exceeds-rest").await;

    // It can be paid late, too.
    eventually("the bill is overdue", async || see(town, &billed).await.status == RequestStatus::Overdue)
        .await;
    let last = town.pay(cleo, &billed, 3_000).await;
    let seen = see(town, &billed).await;
    assert_eq!((seen.status, seen.paid, seen.remaining), (RequestStatus::Paid, BILLED, Some(0)));
    assert_eq!(seen.paid_by, Some(last.id));
    town.refuses_to_pay(cleo, &billed, 1, "request-paid").await;
    refused(bookshop.client.cancel_request(billed.wallet, billed.id).await, "request-paid");
}

async fn see(town: &Town, billed: &PaymentRequest) -> PaymentRequest {
    town.people.bookshop.client.payment_request(billed.wallet, billed.id).await.unwrap()
}
