//! What was paid is given back, by its payee or by the operator.

use quittance_gateway::client::{
    Adjustment, AdjustmentLeg, Authority, Credits, FeeScope, NewFee, NewPaymentRequest, PaymentLine, Refund,
    Reversal, SeveralPayments, SplitPart, Transfer, TransferPurpose, TransferStatus, WalletStatus,
    new_transfer_id,
};
use quittance_test_support::{Party, ask, euro};

use super::holds::{arrive, take};
use super::town::{Town, refused};

pub(crate) async fn play(town: &Town) {
    in_full(town).await;
    in_parts_and_no_more(town).await;
    into_a_frozen_wallet(town).await;
    of_a_capture(town).await;
    of_one_payee_of_several(town).await;
    by_nobody_else(town).await;
    a_reversal(town).await;
    an_adjustment(town).await;
}

fn all_of_it(shop: &Party) -> Refund<'_> {
    Refund { id: new_transfer_id().unwrap(), amount: None, leg: None, reference: None, pin: Some(shop.pin) }
}

fn some_of_it(shop: &Party, amount: u64) -> Refund<'_> {
    Refund { amount: Some(amount), ..all_of_it(shop) }
}

/// A shop gives back.
async fn give_back(town: &Town, shop: &Party, paid: &Transfer, refund: &Refund<'_>) -> Transfer {
    let given = shop.client.refund(paid, refund).await.unwrap();
    let leg = &paid.legs[usize::from(refund.leg.unwrap_or_default())];
    let amount = refund.amount.unwrap_or(leg.amount);
    assert_eq!((given.status, given.purpose), (TransferStatus::Settled, TransferPurpose::Refund));
    assert_eq!((given.payer, given.payee, given.amount), (leg.payee, leg.payer, amount));
    let related = given.related.unwrap();
    assert_eq!((related.transfer, related.leg), (paid.id, leg.leg));
    assert_eq!(given.by, Authority::Device { account: shop.account, device: shop.device });
    assert_eq!(shop.client.refund(paid, refund).await.unwrap(), given, "the same id, the same answer");
    let mut book = town.book();
    book.moved(leg.payee, leg.payer, amount);
    book.settled += 1;
    given
}

async fn in_full(town: &Town) {
    let (cafe, ada) = (&town.people.cafe, &town.people.ada);
    let paid = town.buy(ada, cafe, 640).await;
    let refund = Refund { reference: Some("COLD-COFFEE"), ..all_of_it(cafe) };
    let given = give_back(town, cafe, &paid, &refund).await;
    assert_eq!(given.reference.as_deref(), Some("COLD-COFFEE"));
    refused(cafe.client.refund(&paid, &some_of_it(cafe, 1)).await, "refund-exceeds-transfer");
    // What was given back stays given.
    refused(ada.client.refund(&given, &all_of_it(ada)).await, "not-refundable");
    refused(town.operator.refund(&given, &Refund { pin: None, ..all_of_it(ada) }).await, "not-refundable");
}

async fn in_parts_and_no_more(town: &Town) {
    let (bookshop, ben) = (&town.people.bookshop, &town.people.ben);
    let paid = town.buy(ben, bookshop, 2_000).await;
    give_back(town, bookshop, &paid, &some_of_it(bookshop, 700)).await;
    refused(bookshop.client.refund(&paid, &some_of_it(bookshop, 1_301)).await, "refund-exceeds-transfer");
    refused(bookshop.client.refund(&paid, &all_of_it(bookshop)).await, "refund-exceeds-transfer");
    give_back(town, bookshop, &paid, &some_of_it(bookshop, 1_300)).await;
    refused(bookshop.client.refund(&paid, &some_of_it(bookshop, 1)).await, "refund-exceeds-transfer");
}

/// What comes back always reaches its owner.
async fn into_a_frozen_wallet(town: &Town) {
    let (cafe, cleo) = (&town.people.cafe, &town.people.cleo);
    let paid = town.buy(cleo, cafe, 450).await;
    let frozen = town.operator.freeze(cleo.wallet, Credits::Refuse).await.unwrap();
    assert_eq!(frozen.status, WalletStatus::FrozenBothWays);
    give_back(town, cafe, &paid, &some_of_it(cafe, 400)).await;
    assert_eq!(town.operator.unfreeze(cleo.wallet).await.unwrap().status, WalletStatus::Open);
}

async fn of_a_capture(town: &Town) {
    let (hotel, dag) = (&town.people.hotel, &town.people.dag);
    let hold = arrive(town, dag, 1_000, 3_600).await;
    let taken = take(town, &hold, 1_000, true).await;
    refused(hotel.client.refund(&hold.transfer, &all_of_it(hotel)).await, "not-refundable");
    give_back(town, hotel, &taken, &some_of_it(hotel, 250)).await;
}

async fn of_one_payee_of_several(town: &Town) {
    let (cafe, bookshop, eva) = (&town.people.cafe, &town.people.bookshop, &town.people.eva);
    let paid = pay_two(town, eva, [(cafe, 310), (bookshop, 820)]).await;
    let second = Refund { leg: Some(1), ..some_of_it(bookshop, 20) };
    give_back(town, bookshop, &paid, &second).await;
    // The first leg is another's to give back.
    let first = Refund { leg: Some(0), ..some_of_it(bookshop, 20) };
    refused(bookshop.client.refund(&paid, &first).await, "not-refundable");
}

async fn pay_two(town: &Town, payer: &Party, payees: [(&Party, u64); 2]) -> Transfer {
    let mut requests = Vec::new();
    for (payee, amount) in payees {
        requests.push(ask(payee, &NewPaymentRequest::of(Some(amount), euro())).await);
    }
    let lines: Vec<PaymentLine<'_>> =
        requests.iter().map(|request| PaymentLine::barcode(&request.barcode.text)).collect();
    let id = new_transfer_id().unwrap();
    let all = SeveralPayments { id, payer: payer.wallet, payments: &lines, pin: payer.pin };
    let paid = payer.client.pay_several(&all).await.unwrap();
    let mut book = town.book();
    for (payee, amount) in payees {
        book.paid(payer.wallet, payee.wallet, amount);
    }
    book.settled += 1;
    paid
}

async fn by_nobody_else(town: &Town) {
    let (cafe, finn, gil) = (&town.people.cafe, &town.people.finn, &town.people.gil);
    let paid = town.buy(finn, cafe, 300).await;
    refused(finn.client.refund(&paid, &all_of_it(finn)).await, "not-refundable");
    refused(gil.client.refund(&paid, &all_of_it(gil)).await, "transfer-unknown");
    let wrong = Refund { pin: Some("0000"), ..all_of_it(cafe) };
    refused(cafe.client.refund(&paid, &wrong).await, "pin-wrong");
    // The operator gives back in the payee's name, without a PIN.
    let refund = Refund { pin: None, ..some_of_it(cafe, 120) };
    let given = town.operator.refund(&paid, &refund).await.unwrap();
    assert_eq!((given.by, given.amount), (Authority::Operator, 120));
    let mut book = town.book();
    book.moved(cafe.wallet, finn.wallet, 120);
    book.settled += 1;
}

/// The operator takes a payment back, with what was passed on of it and with the fee.
async fn a_reversal(town: &Town) {
    let (cafe, tax, house) = (&town.people.cafe, &town.people.tax_office, &town.people.house);
    let hana = &town.people.hana;
    let scope = FeeScope::Wallet(cafe.wallet);
    let fee =
        NewFee { fixed: Some(7), basis_points: None, minimum: None, maximum: None, collector: house.wallet };
    town.operator.set_fee(scope, &fee).await.unwrap();
    let splits = [SplitPart { wallet: tax.wallet, amount: 38 }];
    let new = NewPaymentRequest { splits: &splits, ..NewPaymentRequest::of(Some(238), euro()) };
    let request = ask(cafe, &new).await;
    let paid = town.pay(hana, &request, 238).await;
    {
        let mut book = town.book();
        book.moved(cafe.wallet, tax.wallet, 38);
        book.moved(cafe.wallet, house.wallet, 7);
    }
    town.operator.remove_fee(scope).await.unwrap();

    let reversal = Reversal { id: new_transfer_id().unwrap(), reason: "charged twice by the till" };
    let taken = town.operator.reverse(paid.id, &reversal).await.unwrap();
    assert_eq!((taken.status, taken.purpose), (TransferStatus::Settled, TransferPurpose::Reversal));
    assert_eq!((taken.reason.as_deref(), taken.by), (Some(reversal.reason), Authority::Operator));
    assert_eq!(taken.legs.len(), 3);
    assert_eq!(
        town.operator.reverse(paid.id, &reversal).await.unwrap(),
        taken,
        "the same id, the same answer"
    );
    {
        let mut book = town.book();
        book.moved(cafe.wallet, hana.wallet, 238);
        book.moved(tax.wallet, cafe.wallet, 38);
        book.moved(house.wallet, cafe.wallet, 7);
        book.settled += 1;
    }
    let again = Reversal { id: new_transfer_id().unwrap(), ..reversal };
    refused(town.operator.reverse(paid.id, &again).await, "refund-exceeds-transfer");
    refused(cafe.client.refund(&paid, &some_of_it(cafe, 1)).await, "refund-exceeds-transfer");
    refused(town.operator.reverse(taken.id, &again).await, "not-refundable");
    refused(cafe.client.reverse(paid.id, &again).await, "operator-needed");
}

/// The operator puts a mistake right, in two wallets at once.
async fn an_adjustment(town: &Town) {
    let (kiosk, cafe, charity) = (&town.people.kiosk, &town.people.cafe, &town.people.charity);
    let leg = |payer: &Party, payee: &Party, amount| AdjustmentLeg {
        payer: payer.wallet,
        payee: payee.wallet,
        amount,
        currency: euro(),
        reference: Some("TICKET-7"),
    };
    let legs = [leg(cafe, kiosk, 60), leg(cafe, charity, 40)];
    let id = new_transfer_id().unwrap();
    let adjustment = Adjustment { id, legs: &legs, reason: "the sticker was the café's by mistake" };
    let moved = town.operator.adjust(&adjustment).await.unwrap();
    assert_eq!((moved.purpose, moved.legs.len()), (TransferPurpose::Adjustment, 2));
    assert_eq!(moved.reason.as_deref(), Some(adjustment.reason));
    let mut book = town.book();
    book.moved(cafe.wallet, kiosk.wallet, 60);
    book.moved(cafe.wallet, charity.wallet, 40);
    book.settled += 1;
}
