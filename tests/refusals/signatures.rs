//! Signed requests that were altered, are late, or come again.

use std::sync::Arc;

use http::{HeaderValue, Method};
use quittance_gateway::client::{Body, Client, Prepared, Stamp, new_nonce, new_signer, unix_millis};
use quittance_ledger::KeyAlgorithm;
use quittance_test_support::{Expected, assert_problem};

use super::{Scene, due};

const INVALID: Expected<'static> = due(401, &["signature-invalid"], Some("signature"));

fn prepare(client: &Client, method: Method, path: &str, body: &Body) -> Prepared {
    client.prepare(method, path, body.clone(), &Stamp::now().unwrap()).unwrap()
}

fn replace(request: &mut Prepared, header: &'static str, change: impl FnOnce(&str) -> String) {
    let value = request.headers().get(header).unwrap().to_str().unwrap();
    let value = HeaderValue::from_str(&change(value)).unwrap();
    request.headers_mut().insert(header, value);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_was_altered_is_refused() {
    let scene = Scene::new().await;
    let client = &scene.payer.client;
    let body = scene.payment_body().await;
    let transfers = |body| prepare(client, Method::POST, "/v1/transfers", body);
    let wallet = format!("/v1/wallets/{}", scene.payer.wallet);

    let mut method = prepare(client, Method::GET, &wallet, &Body::empty());
    *method.method_mut() = Method::DELETE;
    scene.refuses_prepared("another method", method, INVALID).await;

    let mut target = prepare(client, Method::GET, &wallet, &Body::empty());
    *target.uri_mut() = format!("{}/v1/wallets", scene.server.origin()).parse().unwrap();
    scene.refuses_prepared("another target", target, INVALID).await;

    let mut query = prepare(client, Method::GET, &format!("{wallet}/transfers?limit=1"), &Body::empty());
    *query.uri_mut() = format!("{}{wallet}/transfers?limit=2", scene.server.origin()).parse().unwrap();
    scene.refuses_prepared("another query", query, INVALID).await;

    let other = scene.payment_body().await;
    assert_ne!(other, body);
    let mut altered = transfers(&body);
    *altered.body_mut() = transfers(&other).into_body();
    let expected = due(401, &["signature-digest-differs"], Some("content-digest"));
    scene.refuses_prepared("another body", altered, expected).await;

    let mut digested = transfers(&body);
    let (parts, other_body) = transfers(&other).into_parts();
    *digested.body_mut() = other_body;
    let digest = parts.headers.get("content-digest").unwrap().clone();
    digested.headers_mut().insert("content-digest", digest);
    scene.refuses_prepared("another body and its digest", digested, INVALID).await;

    let mut nonce = transfers(&body);
    let new = new_nonce().unwrap();
    replace(&mut nonce, "signature-input", |input| {
        let (before, rest) = input.split_once("nonce=\"").unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        format!("{before}nonce=\"{new}\"{after}")
    });
    scene.refuses_prepared("another nonce", nonce, INVALID).await;

    let mut signature = transfers(&body);
    let from_another = transfers(&other).headers().get("signature").unwrap().clone();
    signature.headers_mut().insert("signature", from_another);
    scene.refuses_prepared("another signature", signature, INVALID).await;

    let thief = Arc::new(new_signer(KeyAlgorithm::Ed25519).unwrap());
    let thief = scene.server.client().device(thief, scene.payer.device);
    let forged = prepare(&thief, Method::POST, "/v1/transfers", &body);
    scene.refuses_prepared("another key", forged, INVALID).await;

    for header in ["content-digest", "signature", "signature-input"] {
        let mut missing = transfers(&body);
        missing.headers_mut().remove(header);
        let expected = due(401, &["signature-header-missing"], Some(header));
        scene.refuses_prepared(&format!("no {header}"), missing, expected).await;
    }

    let mut uncovered = transfers(&body);
    replace(&mut uncovered, "signature-input", |input| input.replace(" \"content-digest\"", ""));
    let expected = due(401, &["signature-component-missing"], Some("signature-input"));
    scene.refuses_prepared("the body not covered", uncovered, expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_from_another_time_is_refused() {
    let scene = Scene::new().await;
    let body = scene.payment_body().await;
    let now_secs = unix_millis() / 1_000;
    for (case, created_secs, slug) in [
        ("an hour ago", now_secs - 3_600, "signature-stale"),
        ("just too old", now_secs - 62, "signature-stale"),
        ("in a minute", now_secs + 60, "signature-ahead"),
    ] {
        let stamp = Stamp { created_secs, nonce: new_nonce().unwrap() };
        let request =
            scene.payer.client.prepare(Method::POST, "/v1/transfers", body.clone(), &stamp).unwrap();
        let expected = due(401, std::slice::from_ref(&slug), Some("signature-input"));
        scene.refuses_prepared(case, request, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_comes_again_is_refused() {
    let scene = Scene::new().await;
    let client = &scene.payer.client;
    let body = scene.payment_body().await;
    let stamp = Stamp::now().unwrap();
    let request = || client.prepare(Method::POST, "/v1/transfers", body.clone(), &stamp).unwrap();
    assert_eq!(client.send(request()).await.unwrap().status, 201);
    let expected = due(401, &["nonce-used"], Some("signature-input"));
    scene.refuses_prepared("a replay", request(), expected).await;

    let get = client.prepare(Method::GET, "/v1/currencies", Body::empty(), &stamp).unwrap();
    scene.refuses_prepared("the nonce for something else", get, expected).await;

    // Many at once: one gets through.
    let stamp = Stamp::now().unwrap();
    let prepared = || client.prepare(Method::GET, "/v1/currencies", Body::empty(), &stamp).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (client, request) = (client.clone(), prepared());
        tasks.spawn(async move { client.send(request).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    let (passed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status.is_success());
    assert_eq!(passed.len(), 1);
    refused.iter().for_each(|answer| drop(assert_problem("a race", answer, &expected)));
}
