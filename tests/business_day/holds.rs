//! The hotel sets units aside when a guest arrives, and takes them when the guest leaves.

use quittance_gateway::client::{
    Capture, Hold, HoldStatus, NewHold, NewPaymentRequest, PaymentLine, RequestStatus, Transfer,
    TransferPurpose, TransferStatus, new_transfer_id, rfc3339,
};
use quittance_ledger::TransferId;
use quittance_test_support::{Party, ask, euro, eventually, soon};

use super::town::{Town, now, refused};

const DAY_SECS: u64 = 24 * 3_600;

pub(crate) async fn play(town: &mut Town) {
    in_full_and_in_parts(town).await;
    the_rest_is_let_go(town).await;
    released(town).await;
    what_is_refused(town).await;
    ended_by_itself(town).await;
    ended_while_the_server_was_down(town).await;
}

/// Sets units of a guest aside, until so many seconds from now.
pub(crate) async fn arrive(town: &Town, guest: &Party, amount: u64, seconds: u64) -> Hold {
    let hotel = &town.people.hotel;
    // A hold lasts at least as long as the one-time request that it answers.
    let end = Some(rfc3339(soon(seconds)));
    let request = NewPaymentRequest { expires_at: end, ..NewPaymentRequest::of(Some(amount), euro()) };
    let request = ask(hotel, &request).await;
    let new = NewHold {
        id: new_transfer_id().unwrap(),
        payer: guest.wallet,
        line: PaymentLine::barcode(&request.barcode.text),
        expires_at: soon(seconds),
        pin: guest.pin,
    };
    let hold = guest.client.hold(&new).await.unwrap();
    assert_eq!((hold.id, hold.status), (new.id, HoldStatus::Open));
    assert_eq!((hold.amount, hold.captured, hold.remaining), (amount, Some(0), amount));
    assert_eq!((hold.payer, hold.payee, hold.request), (guest.wallet, hotel.wallet, request.id));
    assert_eq!(hold.transfer.purpose, TransferPurpose::Hold);
    assert_eq!(guest.client.hold(&new).await.unwrap(), hold, "the same id, the same answer");
    let request = hotel.client.payment_request(hotel.wallet, request.id).await.unwrap();
    assert_eq!((request.status, request.held_by), (RequestStatus::Held, Some(hold.id)));
    let mut book = town.book();
    book.set_aside(guest.wallet, amount);
    book.settled += 1;
    hold
}

fn part(amount: u64, is_final: bool) -> Capture {
    Capture { id: new_transfer_id().unwrap(), amount, currency: euro(), is_final }
}

/// The hotel takes some of a hold.
pub(crate) async fn take(town: &Town, hold: &Hold, amount: u64, is_final: bool) -> Transfer {
    let hotel = &town.people.hotel;
    let capture = part(amount, is_final);
    let taken = hotel.client.capture(hold, &capture).await.unwrap();
    assert_eq!((taken.status, taken.purpose), (TransferStatus::Settled, TransferPurpose::Capture));
    assert_eq!((taken.payer, taken.payee, taken.amount), (hold.payer, hold.payee, amount));
    assert_eq!(taken.related.unwrap().transfer, hold.id);
    assert_eq!(hotel.client.capture(hold, &capture).await.unwrap(), taken, "the same id, the same answer");
    let mut book = town.book();
    book.captured(hold.payer, hold.payee, amount);
    book.settled += 1;
    taken
}

async fn see(town: &Town, hold: TransferId, status: HoldStatus, captured: u64, remaining: u64) {
    let hold = town.people.hotel.client.show_hold(hold).await.unwrap();
    assert_eq!((hold.status, hold.captured, hold.remaining), (status, Some(captured), remaining));
}

async fn in_full_and_in_parts(town: &Town) {
    let (ada, ben) = (&town.people.ada, &town.people.ben);
    let hold = arrive(town, ada, 5_000, DAY_SECS).await;
    see(town, hold.id, HoldStatus::Open, 0, 5_000).await;
    take(town, &hold, 5_000, false).await;
    see(town, hold.id, HoldStatus::Captured, 5_000, 0).await;

    let hold = arrive(town, ben, 4_500, DAY_SECS).await;
    for (amount, so_far) in [(1_500, 1_500), (2_000, 3_500), (1_000, 4_500)] {
        take(town, &hold, amount, false).await;
        let status = if so_far == 4_500 { HoldStatus::Captured } else { HoldStatus::Open };
        see(town, hold.id, status, so_far, 4_500 - so_far).await;
    }
    refused(town.people.hotel.client.capture(&hold, &part(1, false)).await, "hold-captured");
}

async fn the_rest_is_let_go(town: &Town) {
    let cleo = &town.people.cleo;
    let hold = arrive(town, cleo, 4_000, DAY_SECS).await;
    take(town, &hold, 1_250, true).await;
    town.book().let_go(cleo.wallet, 2_750);
    see(town, hold.id, HoldStatus::Captured, 1_250, 0).await;
}

async fn released(town: &Town) {
    let (dag, hotel) = (&town.people.dag, &town.people.hotel);
    let hold = arrive(town, dag, 3_000, DAY_SECS).await;
    take(town, &hold, 500, false).await;
    // Whose units they are has no say in it.
    refused(dag.client.release(hold.id).await, "hold-unknown");
    for _ in 0..2 {
        let released = hotel.client.release(hold.id).await.unwrap();
        assert_eq!((released.status, released.remaining), (HoldStatus::Released, 0));
    }
    town.book().let_go(dag.wallet, 2_500);
    refused(hotel.client.capture(&hold, &part(1, false)).await, "hold-released");

    // The operator may let go for the payee, and take for it.
    let hold = arrive(town, dag, 2_000, DAY_SECS).await;
    let capture = part(700, false);
    let taken = town.operator.capture(&hold, &capture).await.unwrap();
    assert_eq!(taken.status, TransferStatus::Settled);
    town.operator.release(hold.id).await.unwrap();
    let mut book = town.book();
    book.captured(hold.payer, hold.payee, 700);
    book.let_go(dag.wallet, 1_300);
    book.settled += 1;
}

async fn what_is_refused(town: &Town) {
    let (gil, hotel) = (&town.people.gil, &town.people.hotel);
    let hold = arrive(town, gil, 2_000, DAY_SECS).await;
    refused(hotel.client.capture(&hold, &part(2_001, false)).await, "capture-exceeds-hold");
    refused(town.people.hana.client.show_hold(hold.id).await, "hold-unknown");
    refused(town.people.cafe.client.capture(&hold, &part(1, false)).await, "hold-unknown");

    // What is set aside can't be spent.
    let wallet = gil.client.wallet(gil.wallet).await.unwrap();
    assert_eq!(wallet.held, 2_000);
    let more = u64::try_from(wallet.available).unwrap() + 1;
    let request = ask(&town.people.cafe, &NewPaymentRequest::of(Some(more), euro())).await;
    town.refuses_to_pay(gil, &request, more, "insufficient-funds").await;

    let request = ask(hotel, &NewPaymentRequest::of(Some(100), euro())).await;
    for seconds in [0, 60, 32 * DAY_SECS] {
        let new = NewHold {
            id: new_transfer_id().unwrap(),
            payer: gil.wallet,
            line: PaymentLine::barcode(&request.barcode.text),
            expires_at: soon(seconds),
            pin: gil.pin,
        };
        refused(gil.client.hold(&new).await, "hold-expiry-invalid");
    }
    hotel.client.release(hold.id).await.unwrap();
    town.book().let_go(gil.wallet, 2_000);
}

async fn ended_by_itself(town: &Town) {
    let (eva, hotel) = (&town.people.eva, &town.people.hotel);
    let hold = arrive(town, eva, 2_500, 4).await;
    eventually("the hold has expired", async || {
        eva.client.show_hold(hold.id).await.unwrap().status == HoldStatus::Expired
    })
    .await;
    town.book().let_go(eva.wallet, 2_500);
    see(town, hold.id, HoldStatus::Expired, 0, 0).await;
    refused(hotel.client.capture(&hold, &part(1, false)).await, "hold-expired");
    let wallet = eva.client.wallet(eva.wallet).await.unwrap();
    assert_eq!((wallet.held, wallet.available), (0, wallet.posted));
}

/// Its time is over while nobody is there to see it.
async fn ended_while_the_server_was_down(town: &mut Town) {
    let hold = arrive(town, &town.people.finn, 1_800, 6).await;
    take(town, &hold, 300, false).await;
    let end = soon(6);
    town.kill();
    eventually("the hold's time is over", async || now() > end).await;
    town.restart();
    let finn = &town.people.finn;
    eventually("the hold has expired", async || {
        finn.client.show_hold(hold.id).await.unwrap().status == HoldStatus::Expired
    })
    .await;
    town.book().let_go(finn.wallet, 1_500);
    see(town, hold.id, HoldStatus::Expired, 300, 0).await;
}
