//! What no honest client sends, on the real binary: it is refused, and costs the server little.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed, as it should")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use http::Method;
use quittance_gateway::client::{Body, Stamp, new_nonce, unix_millis};
use quittance_ledger::KeyAlgorithm;
use quittance_test_support::{Expected, Home, Server, assert_problem, join, register};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Sends bytes, and reads until the server closes the connection.
fn exchange(server: &Server, bytes: &str) -> String {
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(MAX_WAIT)).unwrap();
    socket.write_all(bytes.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A connection that is reset is closed too.
    let _ = socket.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_request_says_once_whom_it_is_for() {
    let home = Home::new(BINARY);
    let server = home.start();
    let close = "connection: close\r\n\r\n";
    for path in ["/v1/health", "/nowhere"] {
        for hosts in ["", "host: a\r\nhost: a\r\n", "host: a\r\nhost: b\r\n", "host: a/b\r\n", "host:\r\n"] {
            let answer = exchange(&server, &format!("GET {path} HTTP/1.1\r\n{hosts}{close}"));
            assert!(
                answer.starts_with("HTTP/1.1 400 ") && answer.contains("host-invalid"),
                "{hosts}: {answer}"
            );
            assert!(answer.contains("application/problem+json"), "{hosts}: {answer}");
        }
    }
    for good in ["GET /v1/health HTTP/1.1\r\nhost: anything\r\n", "GET /v1/health HTTP/1.0\r\n"] {
        let answer = exchange(&server, &format!("{good}{close}"));
        assert!(answer.contains(" 200 OK"), "{good}: {answer}");
    }
}

#[test]
fn a_head_has_its_limit_however_it_comes() {
    let home = Home::new(BINARY);
    let server = home.start();
    let head = |bytes: usize| {
        format!("GET /v1/health HTTP/1.1\r\nhost: a\r\nconnection: close\r\nx: {}\r\n\r\n", "x".repeat(bytes))
    };
    let answer = exchange(&server, &head(31_000));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for bytes in [33_000, 40_000, 60_000, 100_000] {
        let answer = exchange(&server, &head(bytes));
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{bytes}: {answer}");
    }
}

/// The server is killed, so that it has no time to put anything in order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_signed_ahead_is_not_taken_again_after_a_restart() {
    let home = Home::keeping_its_port(BINARY);
    let server = home.start();
    register(&server.operator()).await;
    let party = join(&server.operator(), "payer", KeyAlgorithm::Ed25519).await;
    let ask = |stamp| party.client.prepare(Method::GET, "/v1/currencies", Body::empty(), stamp).unwrap();
    let ahead =
        |seconds| Stamp { created_secs: unix_millis() / 1_000 + seconds, nonce: new_nonce().unwrap() };
    let stamp = ahead(9);
    assert_eq!(party.client.send(ask(&stamp)).await.unwrap().status, 200);
    server.kill();
    let server = home.start();
    let client = party.client.apart();
    let used = Expected { status: 401, slugs: &["nonce-used"], field: Some("signature-input") };
    assert_problem("a replay", &client.send(ask(&stamp)).await.unwrap(), &used);
    assert_eq!(client.send(ask(&ahead(9))).await.unwrap().status, 200);
    assert!(server.terminate().0.success());
    assert!(home.audit().status.success());
}

#[test]
fn a_server_that_can_not_keep_nonces_does_not_start() {
    let home = Home::new(BINARY);
    assert!(home.start().terminate().0.success());
    std::fs::create_dir(home.store().join("nonces.new")).unwrap();
    let failed = home.try_start(&[]).err().unwrap();
    assert!(failed.status.code() == Some(1) && failed.said.contains("nonces"), "{failed:?}");
}
