//! More than the server can do, on the real binary: who asks for too much is turned away, and the others notice nothing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use http::header::RETRY_AFTER;
use quittance_gateway::client::{BarcodeLook, Body, NewPaymentRequest, NewWallet};
use quittance_ledger::{KeyAlgorithm, Usage};
use quittance_test_support::{Home, ask, euro, eventually, fund, join, pay, posted, register};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
const MAX_WAIT: Duration = Duration::from_secs(10);

/// How many connections the greedy account has, each with a request under way all the time.
const GREEDY_CONNECTIONS: usize = 300;
const PAYMENTS: u64 = 25;

/// One account asks without pause on hundreds of connections. Another pays one thing after the other, on one, and each payment goes
/// through at the first try.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_greedy_account_takes_nothing_from_a_modest_one() {
    let home = Home::new(BINARY);
    let server = home.start_with(&["--max-requests-at-once", "4", "--log", "warn"]);
    let operator = server.operator();
    register(&operator).await;
    let greedy = join(&operator, "greedy", KeyAlgorithm::Ed25519).await;
    let modest = join(&operator, "modest", KeyAlgorithm::Ed25519).await;
    let payee = join(&operator, "payee", KeyAlgorithm::Ed25519).await;
    fund(&operator, modest.wallet, 1_000).await;
    let new = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(Some(1), euro()) };
    let request = ask(&payee, &new).await;

    let (answered, turned_away) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..GREEDY_CONNECTIONS {
        let client = greedy.client.apart();
        let (answered, turned_away) = (Arc::clone(&answered), Arc::clone(&turned_away));
        asking.spawn(async move {
            loop {
                let answer = client.request(Method::GET, "/v1/wallets", Body::empty()).await.unwrap();
                if answer.status.is_success() {
                    answered.fetch_add(1, Ordering::Relaxed);
                } else {
                    assert_eq!(answer.problem().unwrap().slug(), "overloaded");
                    assert_eq!(
                        (answer.status.as_u16(), &answer.headers[RETRY_AFTER]),
                        (503, &"1".parse().unwrap())
                    );
                    turned_away.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    eventually("the greedy one is turned away", async || {
        turned_away.load(Ordering::Relaxed) > GREEDY_CONNECTIONS
    })
    .await;
    for _ in 0..PAYMENTS {
        pay(&modest, &request.barcode.text).await.unwrap();
        assert_eq!(server.client().health().await.unwrap().status, "ok");
    }
    assert!(answered.load(Ordering::Relaxed) > 0, "the greedy one has its own share");
    asking.shutdown().await;
    assert_eq!(posted(&payee).await, i64::try_from(PAYMENTS).unwrap());
    assert!(server.terminate().0.success());
    assert!(home.audit().status.success());
}

/// Pictures have turns of their own, because each takes a core for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_one_account_leave_room_for_anothers() {
    let home = Home::new(BINARY);
    let server = home.start();
    let operator = server.operator();
    register(&operator).await;
    let greedy = join(&operator, "greedy", KeyAlgorithm::Ed25519).await;
    let modest = join(&operator, "modest", KeyAlgorithm::Ed25519).await;
    let request = ask(&modest, &NewPaymentRequest::of(Some(1), euro())).await;
    let png = modest.client.barcode(modest.wallet, request.id, BarcodeLook::default()).await.unwrap();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..80 {
        let (client, png) = (greedy.client.apart(), png.clone());
        asking.spawn(async move {
            loop {
                let body = Body::raw("image/png", png.clone());
                let answer = client.request(Method::POST, "/v1/barcodes/decode", body).await.unwrap();
                assert!(matches!(answer.status.as_u16(), 200 | 503), "{}", answer.status);
            }
        });
    }
    for _ in 0..10 {
        let body = Body::raw("image/png", png.clone());
        let answer = modest.client.request(Method::POST, "/v1/barcodes/decode", body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }
    asking.shutdown().await;
}

/// Whoever watches over the server sees it well, whoever has all its connections.
#[test]
fn with_all_connections_taken_health_is_answered_and_others_are_told() {
    const CONNECTIONS: usize = 40;
    let home = Home::new(BINARY);
    let server = home.start_with(&["--max-connections", "40"]);
    let connect = || {
        let socket = TcpStream::connect(server.address()).unwrap();
        socket.set_read_timeout(Some(MAX_WAIT)).unwrap();
        socket
    };
    let exchange = |path: &str| {
        let mut socket = connect();
        let _ = socket
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes());
        let mut answer = String::new();
        let _ = socket.read_to_string(&mut answer);
        answer
    };
    // Half of them say nothing, half stop in the middle of a head.
    let mut held: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect()).collect();
    held.iter_mut().step_by(2).for_each(|socket| socket.write_all(b"GET /v1/keys HTTP/1.1\r\nhos").unwrap());
    let told = exchange("/v1/keys");
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("too-many-connections"), "{told}");
    assert!(told.contains("retry-after: 1") && told.contains("connection: close"), "{told}");
    assert!(exchange("/v1/health").starts_with("HTTP/1.1 200 "));
    // More than there may be at the door too: they wait for those there, who have no time.
    let crowd: Vec<TcpStream> = (0..400).map(|_| connect()).collect();
    assert!(exchange("/v1/health").starts_with("HTTP/1.1 200 "));
    drop((held, crowd));
    while !exchange("/v1/keys").starts_with("HTTP/1.1 200 ") {}
    assert!(server.terminate().0.success());
}

/// A batch that is as long as it may be takes up no more than half of what may be under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_leaves_no_room_is_refused_or_fitted() {
    let home = Home::new(BINARY);
    let failed = home.try_start(&["--max-connections", "0"]).err().unwrap();
    assert!(failed.said.contains("max_connections"), "{}", failed.said);
    let failed = home.try_start(&["--max-requests-at-once", "0"]).err().unwrap();
    assert!(failed.said.contains("max_requests_at_once"), "{}", failed.said);
    // Fewer may be under way than requests are let in otherwise.
    let server = home.start_with(&["--max-in-flight", "1"]);
    let operator = server.operator();
    register(&operator).await;
    let party = join(&operator, "party", KeyAlgorithm::Ed25519).await;
    let mut opening = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let client = party.client.apart();
        opening.spawn(async move {
            client
                .open_wallet(&NewWallet { id: None, account: None, currency: euro(), name: None })
                .await
                .is_ok()
        });
    }
    assert!(opening.join_all().await.into_iter().all(|is_open| is_open), "they wait for their turn");
}
