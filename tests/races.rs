//! What must happen once, asked for by many at the same time.

use std::sync::Arc;

use quittance_gateway::client::{
    Capture, Client, ClientError, NewHold, NewPaymentRequest, Payment, PaymentLine, PinState,
    SeveralPayments, Transfer, TransferStatus, new_transfer_id,
};
use quittance_ledger::{KeyAlgorithm, Usage};
use quittance_test_support::{Home, Party, ask, euro, fund, join, pay, payment, posted, register, soon};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

/// Runs what `make` gives for each number, all at once. What comes of them is in no order.
async fn all_at_once<T, F>(count: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let gate = Arc::new(Barrier::new(count));
    let mut tasks = JoinSet::new();
    for number in 0..count {
        let (gate, task) = (Arc::clone(&gate), make(number));
        tasks.spawn(async move {
            gate.wait().await;
            task.await
        });
    }
    tasks.join_all().await
}

/// Two parties, of whom the first holds so much.
async fn payer_and_payee(operator: &Client, funds: u64) -> (Party, Party) {
    register(operator).await;
    let payer = join(operator, "payer", KeyAlgorithm::Ed25519).await;
    let payee = join(operator, "payee", KeyAlgorithm::Ed25519).await;
    fund(operator, payer.wallet, funds).await;
    (payer, payee)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_that_is_sent_many_times_at_once_happens_once() {
    const REPEATS: usize = 64;
    let home = Home::new(BINARY);
    let server = home.start();
    let operator = server.operator();
    let (payer, payee) = payer_and_payee(&operator, 10_000).await;
    // Reusable, so that nothing but the id stands between 64 requests and 64 payments.
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(100), euro()) };
    let barcode = ask(&payee, &new).await.barcode.text;
    let id = payment(&payer, &barcode).id;

    let answers = all_at_once(REPEATS, |_| {
        let (payer, barcode) = (payer.clone(), barcode.clone());
        async move {
            let client = payer.client.apart();
            client.pay(&Payment { id, ..payment(&payer, &barcode) }).await.unwrap()
        }
    })
    .await;
    assert_eq!(answers.len(), REPEATS);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(answers[0].status, TransferStatus::Settled);
    assert_eq!((posted(&payer).await, posted(&payee).await), (9_900, 100));
    let history = payer.client.all_transfers(payer.wallet, 200).await.unwrap();
    assert_eq!(history.first(), answers.first());
    let of_payee = payee.client.all_transfers(payee.wallet, 200).await.unwrap();
    assert_eq!(of_payee.iter().map(|transfer| transfer.id).collect::<Vec<_>>(), [id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_time_request_is_paid_by_one_of_many() {
    const PAYERS: usize = 16;
    const TRIES_EACH: usize = 4;
    let home = Home::new(BINARY);
    let server = home.start();
    let operator = server.operator();
    register(&operator).await;
    let payee = join(&operator, "payee", KeyAlgorithm::Ed25519).await;
    let mut payers = Vec::new();
    for _ in 0..PAYERS {
        let payer = join(&operator, "payer", KeyAlgorithm::Ed25519).await;
        fund(&operator, payer.wallet, 1_000).await;
        payers.push(payer);
    }
    for round in 1..=3 {
        let request = ask(&payee, &NewPaymentRequest::of(Some(100), euro())).await;
        let answers = all_at_once(PAYERS * TRIES_EACH, |number| {
            let (payer, barcode) = (payers[number % PAYERS].clone(), request.barcode.text.clone());
            async move { pay(&payer, &barcode).await }
        })
        .await;
        let mut settled = Vec::new();
        for answer in answers {
            match answer {
                Ok(transfer) => settled.push(transfer),
                Err(ClientError::Problem(problem)) => assert_eq!(problem.slug(), "request-paid", "{problem}"),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(settled.len(), 1, "{settled:#?}");
        let request = payee.client.payment_request(payee.wallet, request.id).await.unwrap();
        assert_eq!(request.paid_by, Some(settled[0].id));
        assert_eq!(posted(&payee).await, 100 * round);
    }
    let mut left = 0;
    for payer in &payers {
        left += posted(payer).await;
    }
    assert_eq!(left, i64::try_from(PAYERS).unwrap() * 1_000 - 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_than_five_guesses_at_a_pin_are_looked_at() {
    const GUESSES: usize = 64;
    let home = Home::new(BINARY);
    let server = home.start();
    let operator = server.operator();
    let (payer, payee) = payer_and_payee(&operator, 1_000).await;
    let barcode = ask(&payee, &NewPaymentRequest::of(Some(100), euro())).await.barcode.text;

    let answers = all_at_once(GUESSES, |number| {
        let (payer, barcode) = (payer.clone(), barcode.clone());
        async move {
            let pin = format!("9{number:03}");
            payer.client.pay(&Payment { pin: &pin, ..payment(&payer, &barcode) }).await
        }
    })
    .await;
    let slugs: Vec<String> =
        answers.into_iter().map(|answer| answer.unwrap_err().problem().unwrap().slug().to_owned()).collect();
    let count = |slug: &str| slugs.iter().filter(|other| *other == slug).count();
    assert_eq!((count("pin-wrong"), count("pin-locked")), (5, GUESSES - 5), "{slugs:?}");
    // The right one comes too late.
    let refused = pay(&payer, &barcode).await.unwrap_err();
    assert_eq!(refused.problem().unwrap().slug(), "pin-locked");
    let account = operator.account(payer.account).await.unwrap();
    assert_eq!((account.pin, account.pin_attempts_left), (PinState::Locked, 0));
    assert_eq!((posted(&payer).await, posted(&payee).await), (1_000, 0));
}

/// Lets many race for the same in round after round, until one is told to ask again in a moment. Of each round one wins,
/// and the others are told this or that it is over.
#[expect(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on has failed, as it should")]
async fn until_busy(
    over: &str,
    busy: &str,
    mut round: impl AsyncFnMut() -> Vec<Result<Transfer, ClientError>>,
) -> usize {
    const MAX_ROUNDS: usize = 50;
    for number in 1..=MAX_ROUNDS {
        let answers = round().await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:#?}");
        let problems =
            answers.into_iter().filter_map(Result::err).map(|error| error.problem().unwrap().clone());
        let (at_once, after): (Vec<_>, Vec<_>) = problems.partition(|problem| problem.slug() == busy);
        assert!(after.iter().all(|problem| problem.slug() == over), "{after:#?}");
        assert!(at_once.iter().all(|problem| problem.status == 409), "{at_once:#?}");
        if !at_once.is_empty() {
            return number;
        }
    }
    panic!("{busy} was not told in {MAX_ROUNDS} rounds")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_last_capture_stands_alone() {
    const CAPTURES: usize = 8;
    let home = Home::new(BINARY);
    let server = home.start();
    let (payer, payee) = payer_and_payee(&server.operator(), 10_000).await;
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(100), euro()) };
    let barcode = ask(&payee, &new).await.barcode.text;
    let rounds = until_busy("hold-captured", "hold-busy", async || {
        let line = PaymentLine::barcode(&barcode);
        let (id, expires_at) = (new_transfer_id().unwrap(), soon(3_600));
        let new = NewHold { id, payer: payer.wallet, line, expires_at, pin: payer.pin };
        let hold = payer.client.hold(&new).await.unwrap();
        all_at_once(CAPTURES, |_| {
            let (client, hold) = (payee.client.apart(), hold.clone());
            let id = new_transfer_id().unwrap();
            let last = Capture { id, amount: 60, currency: euro(), is_final: true };
            async move { client.capture(&hold, &last).await }
        })
        .await
    })
    .await;
    let taken = 60 * i64::try_from(rounds).unwrap();
    assert_eq!((posted(&payer).await, posted(&payee).await), (10_000 - taken, taken));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_another_pays_among_others_is_busy() {
    const PAYERS: usize = 8;
    let home = Home::new(BINARY);
    let server = home.start();
    let operator = server.operator();
    let (payer, payee) = payer_and_payee(&operator, 10_000).await;
    let other = join(&operator, "other", KeyAlgorithm::Ed25519).await;
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(1), euro()) };
    // It is asked last, so that whether it is paid hangs on another until all is durable.
    let reusable = ask(&other, &new).await.barcode.text;
    let rounds = until_busy("request-paid", "request-busy", async || {
        let once = ask(&payee, &NewPaymentRequest::of(Some(100), euro())).await.barcode.text;
        all_at_once(PAYERS, |_| {
            let (payer, reusable, once) = (payer.clone(), reusable.clone(), once.clone());
            async move {
                let payments = [PaymentLine::barcode(&reusable), PaymentLine::barcode(&once)];
                let id = new_transfer_id().unwrap();
                let (wallet, pin) = (payer.wallet, payer.pin);
                let several = SeveralPayments { id, payer: wallet, payments: &payments, pin };
                payer.client.apart().pay_several(&several).await
            }
        })
        .await
    })
    .await;
    let paid = i64::try_from(rounds).unwrap();
    let balances = (posted(&payer).await, posted(&payee).await, posted(&other).await);
    assert_eq!(balances, (10_000 - 101 * paid, 100 * paid, paid));
}
