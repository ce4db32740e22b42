//! What no honest client sends, on the real binary: it is refused, and costs the server little.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed, as it should")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use quittance_test_support::{Home, Server};

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
