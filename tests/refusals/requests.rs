//! Requests that are too long, too slow, or for nothing that is there.

use std::time::{Duration, Instant};

use http::Method;
use http::header::ALLOW;
use quittance_gateway::client::Body;
use quittance_test_support::Home;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{BINARY, Scene, due};

/// How long a server may take to give a body up.
const MAX_PATIENCE: Duration = Duration::from_secs(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_refused() {
    let scene = Scene::new().await;
    let unknown = due(404, &["route-unknown"], None);
    for path in ["/", "/v1", "/v1/", "/v2/accounts", "/v1/transfer", "/v1/wallets/", "/v1//wallets", "/p/ABC"]
    {
        let ask = (Method::GET, path, Body::empty());
        scene.refuses(path, &scene.payer.client, ask, unknown).await;
    }
    for (method, path) in [
        (Method::PUT, "/v1/transfers"),
        (Method::PATCH, "/v1/accounts"),
        (Method::DELETE, "/v1/currencies"),
        (Method::POST, "/v1/keys"),
    ] {
        let case = format!("{method} {path}");
        let answer =
            scene.unmoved(&case, scene.payer.client.request(method, path, Body::empty())).await.unwrap();
        let expected = due(405, &["method-not-allowed"], None);
        quittance_test_support::assert_problem(&case, &answer, &expected);
        assert!(answer.headers.contains_key(ALLOW), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_long_is_refused() {
    let scene = Scene::new().await;
    // Only announced: a server that reads on would wait for it.
    for (case, path, content_type, length) in [
        ("17 KiB", "/v1/accounts", "application/json", 17 * 1_024),
        ("64 MiB", "/v1/barcodes/decode", "image/png", 64 * 1_024 * 1_024),
    ] {
        let head = head(&scene, path, content_type, length);
        let answer = scene.unmoved(case, exchange(&scene, &head, MAX_PATIENCE)).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{case}: {answer}");
        assert!(
            answer.contains("body-too-large") && answer.contains("application/problem+json"),
            "{case}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let home = Home::new(BINARY);
    // Where the time can be set it is, so that the test is quick; else it waits for what is built in.
    let impatient: &[&str] = &["--body-timeout-seconds", "1"];
    let is_option = home.run_well(&["serve", "--help"]).contains("--body-timeout-seconds");
    let scene = if is_option {
        Scene::at_with(home, impatient).await
    } else {
        let named = Home::new(BINARY).with_variable("QUITTANCE_BODY_TIMEOUT_SECONDS", "1");
        let is_setting = named.try_start(&[]).is_ok();
        Scene::at(if is_setting { named } else { home }).await
    };
    let half = format!("{}{{\"name\":\"Eve\",", head(&scene, "/v1/accounts", "application/json", 100));
    let since = Instant::now();
    let answer = scene.unmoved("half a body", exchange(&scene, &half, MAX_PATIENCE)).await;
    assert!(since.elapsed() >= Duration::from_millis(500), "it was given a chance: {answer}");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
    if !answer.is_empty() {
        assert!(answer.contains("body-slow") && answer.contains("application/problem+json"), "{answer}");
    }
    // Many of them do not keep others out.
    let mut sockets = Vec::new();
    for _ in 0..50 {
        let mut socket = TcpStream::connect(scene.server.address()).await.unwrap();
        socket.write_all(half.as_bytes()).await.unwrap();
        sockets.push(socket);
    }
    scene.payer.client.pay(&scene.payment()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_http_is_refused() {
    let scene = Scene::new().await;
    for (case, bytes) in [
        ("a word", "hello\r\n\r\n"),
        ("no version", "GET /v1/health\r\n\r\n"),
        (
            "two lengths",
            "POST /v1/accounts HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        ),
    ] {
        let answer = scene.unmoved(case, exchange(&scene, bytes, MAX_PATIENCE)).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{case}: {answer}");
    }
}

/// The head of a request of the operator, whose body is still to come.
fn head(scene: &Scene, path: &str, content_type: &str, length: usize) -> String {
    let (host, key) = (scene.server.address(), scene.server.operator_key());
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {key}\r\n\
         content-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// Sends bytes, and reads until the server closes the connection.
async fn exchange(scene: &Scene, bytes: &str, patience: Duration) -> String {
    let mut socket = TcpStream::connect(scene.server.address()).await.unwrap();
    socket.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(patience, socket.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    // A connection that is reset is closed too.
    assert!(read.is_ok(), "the connection is open after {patience:?}: {answer}");
    answer
}
