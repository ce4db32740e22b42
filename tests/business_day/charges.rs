//! What is taken of a payment: the tax that its payee passes on, and the operator's fee.

use quittance_gateway::client::{
    FeeScope, NewFee, NewPaymentRequest, SplitPart, Transfer, TransferPurpose, TransferStatus,
};
use quittance_ledger::{Usage, WalletId};
use quittance_test_support::{Party, ask, euro};

use super::holds::{arrive, take};
use super::town::{Town, refused};

const DAY_SECS: u64 = 24 * 3_600;

pub(crate) async fn play(town: &Town) {
    splits(town).await;
    fees(town).await;
    fees_of_captures(town).await;
    fees_of_the_currency(town).await;
    a_split_and_a_fee(town).await;
}

fn legs_of(paid: &Transfer) -> Vec<(TransferPurpose, WalletId, WalletId, u64)> {
    paid.legs.iter().map(|leg| (leg.purpose, leg.payer, leg.payee, leg.amount)).collect()
}

/// The tax is in the tax office's wallet when the guest is out of the door.
async fn splits(town: &Town) {
    let (hotel, tax, gil) = (&town.people.hotel, &town.people.tax_office, &town.people.gil);
    let passed_on = [SplitPart { wallet: tax.wallet, amount: 171 }];
    let new = NewPaymentRequest { splits: &passed_on, ..NewPaymentRequest::of(Some(1_071), euro()) };
    let request = ask(hotel, &new).await;
    assert_eq!(request.splits, passed_on);
    let paid = town.pay(gil, &request, 1_071).await;
    let expected = [
        (TransferPurpose::Payment, gil.wallet, hotel.wallet, 1_071),
        (TransferPurpose::Split, hotel.wallet, tax.wallet, 171),
    ];
    assert_eq!(legs_of(&paid), expected);
    town.book().moved(hotel.wallet, tax.wallet, 171);

    let too_much = [SplitPart { wallet: tax.wallet, amount: 1_001 }];
    let new = NewPaymentRequest { splits: &too_much, ..NewPaymentRequest::of(Some(1_000), euro()) };
    refused(hotel.client.request_payment(hotel.wallet, &new).await, "request-inconsistent");
}

fn fee(town: &Town) -> NewFee {
    let collector = town.people.house.wallet;
    NewFee { fixed: None, basis_points: None, minimum: None, maximum: None, collector }
}

/// Pays the café, of which a fee is due.
async fn sale(town: &Town, payer: &Party, amount: u64, due: u64) {
    let (cafe, house) = (&town.people.cafe, &town.people.house);
    let request = ask(cafe, &NewPaymentRequest::of(Some(amount), euro())).await;
    let paid = town.pay(payer, &request, amount).await;
    let mut expected = vec![(TransferPurpose::Payment, payer.wallet, cafe.wallet, amount)];
    if due > 0 {
        expected.push((TransferPurpose::Fee, cafe.wallet, house.wallet, due));
        town.book().moved(cafe.wallet, house.wallet, due);
    }
    assert_eq!(legs_of(&paid), expected, "the fee of {amount}");
}

async fn fees(town: &Town) {
    let (cafe, hana) = (&town.people.cafe, &town.people.hana);
    let rules = [
        (NewFee { fixed: Some(12), ..fee(town) }, [(1_000, 12), (5, 5)]),
        // Rounded half up: 3.625 and 1.4935.
        (NewFee { basis_points: Some(145), ..fee(town) }, [(250, 4), (103, 1)]),
        (
            NewFee { fixed: Some(10), basis_points: Some(100), minimum: Some(25), ..fee(town) },
            [(900, 25), (2_000, 30)],
        ),
        (NewFee { basis_points: Some(250), maximum: Some(40), ..fee(town) }, [(1_000, 25), (3_000, 40)]),
        (fee(town), [(100, 0), (200, 0)]),
    ];
    let scope = FeeScope::Wallet(cafe.wallet);
    for (rule, sales) in rules {
        let set = town.operator.set_fee(scope, &rule).await.unwrap();
        assert_eq!((set.fixed, set.maximum), (rule.fixed.unwrap_or_default(), rule.maximum));
        assert_eq!(town.operator.fees().await.unwrap().len(), 1);
        for (amount, due) in sales {
            sale(town, hana, amount, due).await;
        }
    }
    town.operator.remove_fee(scope).await.unwrap();
    assert_eq!(town.operator.fees().await.unwrap(), []);
    sale(town, hana, 100, 0).await;
    let backwards = NewFee { minimum: Some(2), maximum: Some(1), ..fee(town) };
    refused(town.operator.set_fee(scope, &backwards).await, "fee-rule-invalid");
}

/// A fee is due when units are taken, not when they are set aside.
async fn fees_of_captures(town: &Town) {
    let (hotel, house) = (&town.people.hotel, &town.people.house);
    let scope = FeeScope::Wallet(hotel.wallet);
    town.operator.set_fee(scope, &NewFee { basis_points: Some(100), ..fee(town) }).await.unwrap();
    let hold = arrive(town, &town.people.hana, 1_500, DAY_SECS).await;
    for (amount, due) in [(600, 6), (900, 9)] {
        let taken = take(town, &hold, amount, false).await;
        assert_eq!(legs_of(&taken)[1..], [(TransferPurpose::Fee, hotel.wallet, house.wallet, due)]);
        town.book().moved(hotel.wallet, house.wallet, due);
    }
    town.operator.remove_fee(scope).await.unwrap();
}

/// Of every wallet in euros that has no rule of its own; nothing is taken of what the house itself is paid.
async fn fees_of_the_currency(town: &Town) {
    let (cafe, house, hana) = (&town.people.cafe, &town.people.house, &town.people.hana);
    let everywhere = FeeScope::Currency(euro());
    town.operator.set_fee(everywhere, &NewFee { fixed: Some(3), ..fee(town) }).await.unwrap();
    sale(town, hana, 100, 3).await;
    town.operator
        .set_fee(FeeScope::Wallet(cafe.wallet), &NewFee { fixed: Some(1), ..fee(town) })
        .await
        .unwrap();
    sale(town, hana, 100, 1).await;
    let request = ask(house, &NewPaymentRequest::of(Some(50), euro())).await;
    assert_eq!(town.pay(hana, &request, 50).await.legs.len(), 1);
    town.operator.remove_fee(FeeScope::Wallet(cafe.wallet)).await.unwrap();
    town.operator.remove_fee(everywhere).await.unwrap();
}

async fn a_split_and_a_fee(town: &Town) {
    let (cafe, tax, house) = (&town.people.cafe, &town.people.tax_office, &town.people.house);
    let dag = &town.people.dag;
    let scope = FeeScope::Wallet(cafe.wallet);
    town.operator.set_fee(scope, &NewFee { fixed: Some(9), ..fee(town) }).await.unwrap();
    let splits = [SplitPart { wallet: tax.wallet, amount: 19 }];
    let new = NewPaymentRequest {
        usage: Some(Usage::Reusable),
        splits: &splits,
        ..NewPaymentRequest::of(Some(119), euro())
    };
    let request = ask(cafe, &new).await;
    for _ in 0..2 {
        let paid = town.pay(dag, &request, 119).await;
        assert_eq!(paid.status, TransferStatus::Settled);
        let expected = [
            (TransferPurpose::Payment, dag.wallet, cafe.wallet, 119),
            (TransferPurpose::Split, cafe.wallet, tax.wallet, 19),
            (TransferPurpose::Fee, cafe.wallet, house.wallet, 9),
        ];
        assert_eq!(legs_of(&paid), expected);
        let mut book = town.book();
        book.moved(cafe.wallet, tax.wallet, 19);
        book.moved(cafe.wallet, house.wallet, 9);
    }
    town.operator.remove_fee(scope).await.unwrap();
}
