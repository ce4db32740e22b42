//! Wrong PINs: counted, and after five of them not even looked at.

use quittance_gateway::client::{Payment, PinState};
use quittance_test_support::{Home, Party, pay};

use super::{BINARY, Scene, due};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_wrong_pins_lock_an_account_until_the_operator_unlocks_it() {
    let wrong = due(403, &["pin-wrong"], Some("/pin"));
    let locked = due(423, &["pin-locked"], Some("/pin"));
    let scene = Scene::at(Home::keeping_its_port(BINARY)).await;
    let state = async |scene: &Scene| {
        let account = scene.operator.account(scene.payer.account).await.unwrap();
        (account.pin, account.pin_attempts_left)
    };
    let guess = |pin| Payment { pin, ..scene.payment() };
    assert_eq!(state(&scene).await, (PinState::Set, 5));

    // A right one makes the wrong ones before it forgotten.
    for left in [4, 3] {
        let problem = scene.refuses_payment("a wrong PIN", &scene.payer, &guess("1111"), wrong).await;
        assert_eq!(problem.rest.get("attempts_left"), Some(&left.into()));
        assert_eq!(state(&scene).await, (PinState::Set, left));
    }
    pay(&scene.payer, &scene.request.barcode.text).await.unwrap();
    assert_eq!(state(&scene).await, (PinState::Set, 5));

    for left in (0..5_u8).rev() {
        let problem = scene.refuses_payment("a wrong PIN", &scene.payer, &guess("1111"), wrong).await;
        assert_eq!(problem.rest.get("attempts_left"), Some(&left.into()));
    }
    assert_eq!(state(&scene).await, (PinState::Locked, 0));
    scene.refuses_payment("another wrong one", &scene.payer, &guess("1111"), locked).await;
    scene.refuses_payment("the right one", &scene.payer, &scene.payment(), locked).await;

    let Scene { home, server, payer, payee, request, .. } = scene;
    assert_eq!(server.terminate().0.code(), Some(0));
    let server = home.start();
    let operator = server.operator();
    let [payer, payee] = [payer, payee].map(|party| Party { client: party.client.apart(), ..party });
    let scene = Scene { home, server, operator, payer, payee, request };
    assert_eq!(state(&scene).await, (PinState::Locked, 0));
    scene.refuses_payment("after a restart", &scene.payer, &scene.payment(), locked).await;

    let account = scene.operator.unlock(scene.payer.account).await.unwrap();
    assert_eq!((account.pin, account.pin_attempts_left), (PinState::Set, 5));
    pay(&scene.payer, &scene.request.barcode.text).await.unwrap();
}
