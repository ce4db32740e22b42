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

/// How many answers a server gave on a connection.
fn answers(said: &str) -> usize {
    said.matches("HTTP/1.1 ").count()
}

/// A request that two servers might take for one and for two: whatever it is here, what is hidden in it is never answered.
#[test]
fn no_request_is_hidden_in_another() {
    let home = Home::new(BINARY);
    let server = home.start();
    let hidden = "GET /v1/keys HTTP/1.1\r\nhost: a\r\n\r\n";
    let refused = |case: &str, statuses: &[&str], request: &str| {
        let answer = exchange(&server, request);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(statuses.contains(&status), "{case}: {answer}");
        assert_eq!(answers(&answer), 1, "{case}: {answer}");
    };
    let post =
        |headers: &str, body: &str| format!("POST /v1/accounts HTTP/1.1\r\nhost: a\r\n{headers}\r\n{body}");
    let chunks = format!("0\r\n\r\n{hidden}");
    for headers in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: chunked\r\n",
        "transfer-encoding: Chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "content-length: 5\r\ntransfer-encoding: identity\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked, identity\r\n",
        "content-length: 5\r\ntransfer-encoding: xchunked\r\n",
        "content-length: 5\r\ntransfer-encoding: \tchunked\r\n",
        "content-length: 5\r\ntransfer-encoding: gzip, chunked\r\n",
        "content-length: 5\r\ntransfer-encoding:\r\n",
    ] {
        refused(headers, &["411", "400"], &post(headers, &chunks));
    }
    for headers in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 6\r\ncontent-length: 5\r\n",
        "content-length: 5, 6\r\n",
        "content-length: +5\r\n",
        "content-length: -5\r\n",
        "content-length: 0x5\r\n",
        "content-length: 5 5\r\n",
        "content-length:\r\n",
        "content-length: 99999999999999999999999\r\n",
        "content-length : 5\r\n",
        " content-length: 5\r\n",
        "content-length\r\n",
        "x: a\r\n b\r\n",
        "transfer-encoding:\r\n chunked\r\n",
        "x: a\rb: c\r\n",
        "x: a\0b\r\n",
        "x\u{b}: a\r\n",
        ": a\r\n",
    ] {
        refused(headers, &["400"], &post(headers, &chunks));
    }
    // A body where none belongs is not read, and nothing after it.
    let body =
        format!("GET /v1/health HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{hidden}", hidden.len());
    refused("a body for health", &["400"], &body);
    for (case, line) in [
        ("another version", "GET /v1/health HTTP/1.2"),
        ("a part too many", "GET /v1/health HTTP/1.1 x"),
        ("no version", "GET /v1/health"),
        ("a name of ours before it", "HTTP/1.1 GET /v1/health"),
        ("a control character", "GET /v1/\u{1}health HTTP/1.1"),
        ("version 2", "PRI * HTTP/2.0\r\n\r\nSM"),
    ] {
        let answer = exchange(&server, &format!("{line}\r\nhost: a\r\nconnection: close\r\n\r\n{hidden}"));
        assert!(!answer.contains(" 200 OK") && answers(&answer) <= 1, "{case}: {answer}");
    }
}

/// A line may end in a line feed alone (RFC 9112, section 2.2). Then it ends there for every header, and hides none.
#[test]
fn a_line_that_ends_in_a_line_feed_alone_hides_nothing() {
    let home = Home::new(BINARY);
    let server = home.start();
    let answer = exchange(&server, "GET /v1/health HTTP/1.1\nhost: a\nconnection: close\n\n");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answers(&answer) == 1, "{answer}");
    let hidden = "POST /v1/accounts HTTP/1.1\r\nhost: a\r\nx: a\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n";
    let answer = exchange(&server, &format!("{hidden}GET /v1/keys HTTP/1.1\r\nhost: a\r\n\r\n"));
    assert!(answer.starts_with("HTTP/1.1 411 ") && answers(&answer) == 1, "{answer}");
}

/// What is small on the wire and large once it is unpacked or read: none of it is unpacked, and reading it is bounded.
#[test]
fn what_unfolds_is_refused_folded() {
    let home = Home::new(BINARY);
    let server = home.start();
    let key = server.operator_key().to_owned();
    let send = |path: &str, headers: &str, body: &str| {
        let length = body.len();
        exchange(
            &server,
            &format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
            ),
        )
    };
    for encoding in ["gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", ""] {
        let answer = send("/v1/accounts", &format!("content-encoding: {encoding}\r\n"), "{}");
        assert!(
            answer.starts_with("HTTP/1.1 415 ") && answer.contains("accept-encoding: identity"),
            "{answer}"
        );
    }
    let accounts = "/v1/accounts";
    let answer = send(accounts, "", &format!("{{\"name\":{}", "[".repeat(16_000)));
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let answer = send(accounts, "", &format!("{{\"a\":{}1{}}}", "{\"a\":".repeat(2_600), "}".repeat(2_600)));
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let answer = send(accounts, "", &" ".repeat(17 * 1_024));
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let batch = "/v1/transfers/batch";
    for body in [
        format!("{{\"transfers\":{}", "[".repeat(4_000_000)),
        format!("{{\"transfers\":[{}", "{\"id\":".repeat(600_000)),
        format!("{{\"transfers\":[{}0]}}", "0,".repeat(2_000_000)),
        format!("{{\"{}\":1}}", "\\u0041".repeat(600_000)),
    ] {
        let answer = send(batch, "", &body);
        assert!(
            answer.starts_with("HTTP/1.1 4") && answers(&answer) == 1,
            "{}",
            answer.get(..300).unwrap_or(&answer)
        );
        assert!(answer.len() < 64 * 1_024, "an answer of {} bytes", answer.len());
    }
    let answer = exchange(&server, "GET /v1/health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_flood_of_headers_ends_with_its_connection() {
    let home = Home::new(BINARY);
    let server = home.start();
    for (count, status) in [(60, "HTTP/1.1 200 "), (70, "HTTP/1.1 431 ")] {
        let many: String = (0..count).map(|n| format!("x-{n}: 1\r\n")).collect();
        let ask = format!("GET /v1/health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{many}\r\n");
        let answer = exchange(&server, &ask);
        assert!(answer.starts_with(status), "{count}: {answer}");
    }
    // One that never ends is not waited for to its end.
    let mut socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(MAX_WAIT)).unwrap();
    socket.write_all(b"GET /v1/health HTTP/1.1\r\nhost: a\r\n").unwrap();
    let sent = (0..1_000_000).take_while(|_| socket.write_all(b"x-flood: 0123456789\r\n").is_ok()).count();
    assert!(sent < 1_000_000, "the server reads on and on");
}
