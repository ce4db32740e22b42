//! What a wallet may do at all: freezes, an overdraft, a ceiling, and limits.

use quittance_gateway::client::{
    Credits, NewLimits, NewPaymentRequest, NewSettings, PaymentRequest, Wallet, WalletStatus,
};
use quittance_ledger::Usage;
use quittance_test_support::{Party, ask, euro};

use super::town::{Town, confirmed, refused};

pub(crate) async fn play(town: &Town) {
    let request = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) };
    let sticker = ask(&town.people.cafe, &request).await;
    freezes(town, &sticker).await;
    overdraft(town, &sticker).await;
    ceiling(town).await;
    limits_of_a_wallet(town, &sticker).await;
    limits_of_an_account(town, &sticker).await;
}

async fn freezes(town: &Town, sticker: &PaymentRequest) {
    let (operator, cleo, dag) = (&town.operator, &town.people.cleo, &town.people.dag);
    let own =
        ask(cleo, &NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) })
            .await;
    let frozen = operator.freeze(cleo.wallet, Credits::Accept).await.unwrap();
    assert_eq!(frozen.status, WalletStatus::Frozen);
    town.refuses_to_pay(cleo, sticker, 10, "payer-frozen").await;
    town.pay(dag, &own, 33).await;

    let frozen = operator.freeze(cleo.wallet, Credits::Refuse).await.unwrap();
    assert_eq!(frozen.status, WalletStatus::FrozenBothWays);
    town.refuses_to_pay(cleo, sticker, 10, "payer-frozen").await;
    town.refuses_to_pay(dag, &own, 10, "payee-frozen").await;
    refused(cleo.client.unfreeze(cleo.wallet).await, "operator-needed");

    assert_eq!(operator.unfreeze(cleo.wallet).await.unwrap().status, WalletStatus::Open);
    town.pay(cleo, sticker, 10).await;
    town.pay(dag, &own, 10).await;
}

async fn overdraft(town: &Town, sticker: &PaymentRequest) {
    const OVERDRAFT: u64 = 500;
    let (operator, eva) = (&town.operator, &town.people.eva);
    let has = u64::try_from(town.book().row(eva.wallet).posted).unwrap();
    town.refuses_to_pay(eva, sticker, has + 1, "insufficient-funds").await;
    let settings = NewSettings { overdraft: Some(OVERDRAFT), ..NewSettings::default() };
    let wallet = operator.configure_wallet(eva.wallet, &settings).await.unwrap();
    assert_eq!(wallet.overdraft, Some(OVERDRAFT));
    town.refuses_to_pay(eva, sticker, has + OVERDRAFT + 1, "insufficient-funds").await;
    town.pay(eva, sticker, has + 300).await;
    assert_eq!(eva.client.wallet(eva.wallet).await.unwrap().posted, -300);
    town.refuses_to_pay(eva, sticker, 201, "insufficient-funds").await;
    town.pay(eva, sticker, 200).await;
    // Nothing is called back: whoever is below zero stays there until it is paid.
    refused(operator.configure_wallet(eva.wallet, &NewSettings::default()).await, "balance-out-of-bounds");
    town.issue(eva.wallet, 10_500).await;
    let wallet = operator.configure_wallet(eva.wallet, &NewSettings::default()).await.unwrap();
    assert_eq!((wallet.overdraft, wallet.posted), (None, 10_000));
}

async fn ceiling(town: &Town) {
    let (operator, kiosk, ada) = (&town.operator, &town.people.kiosk, &town.people.ada);
    let has = u64::try_from(town.book().row(kiosk.wallet).posted).unwrap();
    let with_ceiling = |ceiling| NewSettings { ceiling: Some(ceiling), ..NewSettings::default() };
    refused(operator.configure_wallet(kiosk.wallet, &with_ceiling(has - 1)).await, "balance-out-of-bounds");
    let wallet = operator.configure_wallet(kiosk.wallet, &with_ceiling(has + 100)).await.unwrap();
    assert_eq!(wallet.ceiling, Some(has + 100));
    let request = ask(
        kiosk,
        &NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, euro()) },
    )
    .await;
    town.refuses_to_pay(ada, &request, 101, "balance-overflow").await;
    town.pay(ada, &request, 100).await;
    town.refuses_to_pay(ada, &request, 1, "balance-overflow").await;
    operator.configure_wallet(kiosk.wallet, &NewSettings::default()).await.unwrap();
    town.pay(ada, &request, 1).await;
}

/// Limits count what was paid since the day began, also before they were set.
async fn limits_of_a_wallet(town: &Town, sticker: &PaymentRequest) {
    let gil = &town.people.gil;
    let spent = || town.book().row(gil.wallet).spent;
    let limit = async |limits: NewLimits| {
        let settings = NewSettings { limits: Some(limits), time_zone: Some("UTC"), ..NewSettings::default() };
        town.operator.configure_wallet(gil.wallet, &settings).await.unwrap()
    };
    let left = |wallet: &Wallet| (wallet.limits.left_day, wallet.limits.left_month);
    let see = async || gil.client.wallet(gil.wallet).await.unwrap();

    let wallet = limit(NewLimits { per_payment: Some(150), ..NewLimits::default() }).await;
    assert_eq!((wallet.limits.per_payment, wallet.time_zone.as_str()), (Some(150), "UTC"));
    town.refuses_to_pay(gil, sticker, 151, "payment-limit-exceeded").await;
    town.pay(gil, sticker, 150).await;

    let day = spent() + 200;
    let wallet = limit(NewLimits { per_day: Some(day), ..NewLimits::default() }).await;
    assert_eq!(left(&wallet), (Some(200), None));
    town.refuses_to_pay(gil, sticker, 201, "day-limit-exceeded").await;
    town.pay(gil, sticker, 120).await;
    assert_eq!(left(&see().await), (Some(80), None));
    town.refuses_to_pay(gil, sticker, 81, "day-limit-exceeded").await;
    town.pay(gil, sticker, 80).await;
    assert_eq!(left(&see().await), (Some(0), None));

    let month = spent() + 50;
    let wallet = limit(NewLimits { per_month: Some(month), ..NewLimits::default() }).await;
    assert_eq!(left(&wallet), (None, Some(50)));
    town.refuses_to_pay(gil, sticker, 51, "month-limit-exceeded").await;
    town.pay(gil, sticker, 50).await;
    assert_eq!(left(&see().await), (None, Some(0)));
    limit(NewLimits::default()).await;
}

/// Over all wallets of the account in a currency, from when limits were first set.
async fn limits_of_an_account(town: &Town, sticker: &PaymentRequest) {
    let (operator, finn) = (&town.operator, &town.people.finn);
    let second = second_wallet(town, finn);
    town.issue(second, 5_000).await;
    let pay_second = async |amount| finn.client.pay(&confirmed(finn, second, sticker, amount)).await;
    let limit =
        async |limits: NewLimits| operator.limit_account(finn.account, euro(), &limits).await.unwrap().limits;
    let set = limit(NewLimits { per_payment: Some(400), per_day: Some(1_000), per_month: Some(1_500) }).await;
    assert_eq!((set.left_day, set.left_month), (Some(1_000), Some(1_500)));
    town.refuses_to_pay(finn, sticker, 401, "account-payment-limit-exceeded").await;
    town.pay(finn, sticker, 400).await;
    town.pay_out_of(finn, second, sticker, 350).await;
    let seen = finn.client.account_limits(finn.account, euro()).await.unwrap().limits;
    assert_eq!((seen.left_day, seen.left_month), (Some(250), Some(750)));
    refused(pay_second(251).await, "account-day-limit-exceeded");
    limit(NewLimits { per_month: Some(800), ..NewLimits::default() }).await;
    refused(pay_second(51).await, "account-month-limit-exceeded");
    town.pay_out_of(finn, second, sticker, 50).await;
    let seen = operator.account_limits(finn.account, euro()).await.unwrap().limits;
    assert_eq!((seen.left_day, seen.left_month), (None, Some(0)));
    refused(town.people.gil.client.account_limits(finn.account, euro()).await, "account-unknown");
    refused(finn.client.limit_account(finn.account, euro(), &NewLimits::default()).await, "operator-needed");
    limit(NewLimits::default()).await;
}

fn second_wallet(town: &Town, party: &Party) -> quittance_ledger::WalletId {
    let book = town.book();
    let mut others = book
        .rows()
        .filter(|(wallet, row)| row.whose == party.name && row.currency == euro() && *wallet != party.wallet);
    others.next().unwrap().0
}
