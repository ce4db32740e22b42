//! The routes on a real engine, without a socket.

mod batches;
mod conversions;
mod fees;
mod given_back;
mod holds;
mod kinds;
mod operators;
mod proofs;
mod statements;

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use axum::body::Body;
use data_encoding::BASE64URL_NOPAD;
use futures_util::stream;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use quittance_barcode::DeviceSigner;
use quittance_engine::{Engine, EngineConfig, Keys};
use quittance_ledger::KeyAlgorithm;
use serde_json::{Value, json};
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::*;
use crate::auth::http_signature::{RequestParts, sign};
use crate::auth::nonces::Nonces;
use crate::server::ServerSettings;

const ORIGIN: &str = "http://pay.example.com";

struct World {
    app: Arc<App>,
    routes: Router,
    token: String,
    stop: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

/// A phone or till.
struct Phone {
    signer: DeviceSigner,
    key_id: String,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(&folder.path().join("keys")).unwrap();
        let token = std::fs::read_to_string(keys.operator_key_file()).unwrap().trim_end().to_owned();
        let usual = EngineConfig::new(folder.path().join("store"), ORIGIN.parse().unwrap());
        let config = EngineConfig { shards: 2, ..usual };
        let engine = Arc::new(Engine::start(config, keys).unwrap());
        let (stop, stopping) = watch::channel(false);
        let settings = ServerSettings { max_streams_per_account: 2, ..Default::default() };
        let nonces = Nonces::open(&folder.path().join("store"), engine.now().as_secs()).unwrap();
        let app = Arc::new(App::new(engine, settings, nonces, stopping));
        Self { routes: router(Arc::clone(&app)), app, token, stop, _folder: folder }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = self.routes.clone().oneshot(request).await.unwrap();
        let (status, is_json) = (response.status(), response.headers().contains_key(CONTENT_TYPE));
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(is_json, "{status}");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::String(text)))
    }

    async fn operator(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = request.header(AUTHORIZATION, format!("bearer {}", self.token));
        self.send(with_body(request, body)).await
    }

    fn signed(&self, phone: &Phone, method: &Method, path: &str, body: Option<&Value>) -> Request<Body> {
        let nonce = format!("nonce-{:020}", NONCE.fetch_add(1, Ordering::Relaxed));
        self.signed_with(phone, method, path, body, &nonce)
    }

    fn signed_with(
        &self,
        phone: &Phone,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        nonce: &str,
    ) -> Request<Body> {
        let bytes = body.map(Value::to_string).unwrap_or_default();
        let target_uri = format!("{ORIGIN}{path}");
        let parts = RequestParts { method, target_uri: &target_uri, body: bytes.as_bytes() };
        let created = self.app.engine.now().as_secs();
        let algorithm = phone.signer.public().algorithm();
        let signer = |base: &[u8]| phone.signer.sign(base);
        let headers = sign(&parts, &phone.key_id, algorithm, created, nonce, signer).unwrap();
        let request = Request::builder().method(method.clone()).uri(path);
        let mut request = with_body(request, body.cloned());
        headers.insert_into(request.headers_mut());
        request
    }

    async fn device(
        &self,
        phone: &Phone,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.send(self.signed(phone, &method, path, body.as_ref())).await
    }

    /// An account with a phone, and a wallet in euro that holds this much.
    async fn party(&self, name: &str, seed: u8, cents: u64) -> (String, Phone, String) {
        let body = json!({"name": name, "kind": "person"});
        let (status, opened) = self.operator(Method::POST, "/v1/accounts", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{opened}");
        let account = text(&opened["account"]["id"]);
        let algorithm = if seed.is_multiple_of(2) { KeyAlgorithm::P256 } else { KeyAlgorithm::Ed25519 };
        let signer = DeviceSigner::from_secret(algorithm, &[seed; 32]).unwrap();
        let public_key = BASE64URL_NOPAD.encode(signer.public().as_bytes());
        let mut phone = Phone { signer, key_id: "new-device".to_owned() };
        let body = json!({
            "code": opened["pairing"]["code"], "name": "Phone", "algorithm": algorithm,
            "public_key": public_key, "pin": "1234",
        });
        let pair =
            || self.signed_with(&phone, &Method::POST, "/v1/devices", Some(&body), "the-same-nonce-16");
        let (status, paired) = self.send(pair()).await;
        assert_eq!(status, StatusCode::CREATED, "{paired}");
        assert_eq!(paired["account"], account);
        let again = self.send(pair()).await;
        assert_eq!(again, (StatusCode::CREATED, paired.clone()), "it takes no nonce");
        phone.key_id = text(&paired["device"]);
        let body = json!({"currency": "EUR"});
        let (status, wallet) = self.device(&phone, Method::POST, "/v1/wallets", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{wallet}");
        let wallet = text(&wallet["id"]);
        if cents > 0 {
            let body = json!({"id": self.transfer_id(seed), "amount": cents, "currency": "EUR"});
            let path = format!("/v1/wallets/{wallet}/issues");
            let (status, issued) = self.operator(Method::POST, &path, Some(body)).await;
            assert_eq!((status, &issued["status"]), (StatusCode::CREATED, &"settled".into()), "{issued}");
        }
        (account, phone, wallet)
    }

    /// An id of UUID version 7 that was made now.
    fn transfer_id(&self, n: u8) -> String {
        let millis = self.app.engine.now().as_millis();
        format!("{:08x}-{:04x}-7000-8000-0000000000{n:02x}", millis >> 16, millis & 0xffff)
    }

    /// What a device signs of a transfer whose statement has these lines.
    fn signature(&self, phone: &Phone, id: &str, lines: &[String]) -> String {
        let mut statement = format!("quittance transfer 1\norigin {ORIGIN}\nid {id}\n");
        for line in lines {
            statement.push_str(line);
            statement.push('\n');
        }
        BASE64URL_NOPAD.encode(&phone.signer.sign(statement.as_bytes()))
    }

    /// A payment request of a wallet of this phone's.
    async fn ask(&self, phone: &Phone, wallet: &str, body: Value) -> Value {
        let path = format!("/v1/wallets/{wallet}/payment-requests");
        let (status, request) = self.device(phone, Method::POST, &path, Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{request}");
        request
    }

    /// The body of a payment of all that a request asks for, by its barcode.
    fn payment(&self, phone: &Phone, id: &str, payer: &str, request: &Value) -> Value {
        let line = pay_line(payer, request, request["amount"].as_u64().unwrap());
        let signature = self.signature(phone, id, &[line]);
        json!({
            "id": id, "payer": payer, "barcode": request["barcode"]["text"], "pin": "1234", "signature": signature,
        })
    }

    async fn with_euro() -> Self {
        let world = Self::new();
        let (status, currency) =
            world.operator(Method::POST, "/v1/currencies", Some(json!({"code": "EUR"}))).await;
        assert_eq!((status, &currency["exponent"]), (StatusCode::CREATED, &2.into()), "{currency}");
        world
    }
}

/// The line of a statement that says that a request is paid.
fn pay_line(payer: &str, request: &Value, amount: u64) -> String {
    let (payee, currency, id) = (text(&request["wallet"]), text(&request["currency"]), text(&request["id"]));
    format!("pay {amount} {currency} from {payer} to {payee} for {id}")
}

static NONCE: AtomicU64 = AtomicU64::new(0);

impl Drop for World {
    fn drop(&mut self) {
        self.app.engine.shutdown();
    }
}

fn with_body(request: http::request::Builder, body: Option<Value>) -> Request<Body> {
    match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        None => request.body(Body::empty()),
    }
    .unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[track_caller]
fn assert_problem(answer: &(StatusCode, Value), status: u16, slug: &str, field: &str) {
    let (given, problem) = answer;
    assert_eq!(given.as_u16(), status, "{problem}");
    assert_eq!(problem["type"], format!("urn:quittance:problem:{slug}"), "{problem}");
    assert_eq!(problem["field"].as_str().unwrap_or_default(), field, "{problem}");
    assert!(problem["mend"].as_str().is_some_and(|mend| !mend.is_empty()), "{problem}");
}

#[tokio::test]
async fn a_payment_from_barcode_to_event() {
    let world = World::with_euro().await;
    let (_, ada, from) = world.party("Ada", 1, 5_000).await;
    let (cafe_account, cafe, to) = world.party("Café", 2, 0).await;

    let path = format!("/v1/wallets/{to}/payment-requests");
    let body = json!({"amount": 1_250, "currency": "EUR", "reference": "Table 7"});
    let (status, request) = world.device(&cafe, Method::POST, &path, Some(body)).await;
    assert_eq!(status, StatusCode::CREATED, "{request}");
    assert_eq!((&request["display"], &request["status"]), (&"12.50 EUR".into(), &"open".into()));
    assert_eq!(request["payee_name"], "Café");
    let barcode = &request["barcode"]["text"];

    let decoded =
        world.device(&ada, Method::POST, "/v1/barcodes/decode", Some(json!({"text": barcode}))).await;
    assert_eq!(decoded.0, StatusCode::OK, "{}", decoded.1);
    assert_eq!(
        (&decoded.1["payee_name"], &decoded.1["sealed_by"]["kind"]),
        (&"Café".into(), &"server".into())
    );

    let stream = world.signed(&cafe, &Method::GET, "/v1/events", None);
    let mut stream = world.routes.clone().oneshot(stream).await.unwrap().into_body();

    let id = world.transfer_id(9);
    let mut body = world.payment(&ada, &id, &from, &request);
    body["signature"] = world.signature(&cafe, &id, &[pay_line(&from, &request, 1_250)]).into();
    let forged = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_problem(&forged, 422, "statement-not-signed", "/signature");
    let mut body = world.payment(&ada, &id, &from, &request);
    body["pin"] = "9999".into();
    let wrong = world.device(&ada, Method::POST, "/v1/transfers", Some(body.clone())).await;
    assert_problem(&wrong, 403, "pin-wrong", "/pin");
    assert_eq!(wrong.1["attempts_left"], 4);
    body["pin"] = "1234".into();
    let (status, paid) = world.device(&ada, Method::POST, "/v1/transfers", Some(body.clone())).await;
    assert_eq!((status, &paid["status"]), (StatusCode::CREATED, &"settled".into()), "{paid}");
    let again = world.device(&ada, Method::POST, "/v1/transfers", Some(body.clone())).await;
    assert_eq!(again, (StatusCode::CREATED, paid.clone()));
    let body = world.payment(&ada, &world.transfer_id(10), &from, &request);
    let twice = world.device(&ada, Method::POST, "/v1/transfers", Some(body)).await;
    assert_problem(&twice, 409, "request-paid", "/barcode");
    assert_eq!(twice.1["transfer"]["status"], "refused");
    assert_eq!(twice.1["transfer"]["refusal"]["type"], "urn:quittance:problem:request-paid");

    let frame = stream.frame().await.unwrap().unwrap().into_data().unwrap();
    let event = String::from_utf8(frame.to_vec()).unwrap();
    assert!(event.contains(&format!("id: {}\n", paid["position"])), "{event}");
    assert!(event.contains("event: transfer.settled\n") && event.contains("\"incoming\""), "{event}");
    world.stop.send(true).unwrap();
    while let Some(frame) = stream.frame().await {
        frame.unwrap();
    }

    let wallet = world.operator(Method::GET, &format!("/v1/wallets/{to}"), None).await.1;
    assert_eq!((&wallet["posted"], &wallet["display"]["available"]), (&1_250.into(), &"12.50 EUR".into()));
    assert_eq!(wallet["account"], cafe_account);
    let page =
        world.device(&ada, Method::GET, &format!("/v1/wallets/{from}/transfers?limit=1"), None).await.1;
    assert_eq!(page["transfers"].as_array().unwrap().len(), 1, "{page}");
    let path = format!("/v1/wallets/{from}/transfers?before={}", text(&page["next"]));
    let rest = world.device(&ada, Method::GET, &path, None).await.1;
    assert_eq!(rest["next"], Value::Null, "{rest}");
    let seen = world.device(&cafe, Method::GET, &format!("/v1/transfers/{id}"), None).await;
    let mut as_payee = paid;
    as_payee["by"] = json!({"kind": "device"});
    assert_eq!(seen, (StatusCode::OK, as_payee));
}

#[tokio::test]
async fn nobody_sees_what_is_not_theirs() {
    let world = World::with_euro().await;
    let (ada_account, ada, ada_wallet) = world.party("Ada", 1, 100).await;
    let (_, eve, _) = world.party("Eve", 3, 0).await;
    let transfer =
        world.device(&ada, Method::GET, &format!("/v1/wallets/{ada_wallet}/transfers"), None).await.1;
    let transfer = text(&transfer["transfers"][0]["id"]);
    for (path, slug, field) in [
        (format!("/v1/accounts/{ada_account}"), "account-unknown", "account"),
        (format!("/v1/wallets?account={ada_account}"), "account-unknown", "account"),
        (format!("/v1/events?account={ada_account}"), "account-unknown", "account"),
        (format!("/v1/wallets/{ada_wallet}"), "wallet-unknown", "wallet"),
        (format!("/v1/wallets/{ada_wallet}/transfers"), "wallet-unknown", "wallet"),
        (format!("/v1/transfers/{transfer}"), "transfer-unknown", "transfer"),
    ] {
        let answer = world.device(&eve, Method::GET, &path, None).await;
        assert_problem(&answer, 404, slug, field);
    }
    let body = json!({"id": world.transfer_id(1), "amount": 1, "currency": "EUR"});
    let path = format!("/v1/wallets/{ada_wallet}/issues");
    let answer = world.device(&eve, Method::POST, &path, Some(body)).await;
    assert_problem(&answer, 403, "operator-needed", "");
    let answer = world.operator(Method::POST, "/v1/transfers", Some(json!({}))).await;
    assert_problem(&answer, 403, "device-needed", "");
}

#[tokio::test]
async fn signatures_are_looked_at_closely() {
    let world = World::with_euro().await;
    let (account, ada, _) = world.party("Ada", 1, 0).await;
    let once = |nonce| world.signed_with(&ada, &Method::GET, "/v1/wallets", None, nonce);
    assert_eq!(world.send(once("the-same-nonce-16")).await.0, StatusCode::OK);
    assert_problem(&world.send(once("the-same-nonce-16")).await, 401, "nonce-used", "signature-input");

    let mut other_path = once("another-nonce-0016");
    *other_path.uri_mut() = "/v1/currencies".parse().unwrap();
    assert_problem(&world.send(other_path).await, 401, "signature-invalid", "signature");
    let stranger = Phone {
        signer: DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[9; 32]).unwrap(),
        key_id: "x".to_owned(),
    };
    let answer = world.device(&stranger, Method::GET, "/v1/wallets", None).await;
    assert_problem(&answer, 401, "device-unknown", "signature-input");
    let nobody = Request::builder().uri("/v1/wallets").body(Body::empty()).unwrap();
    assert_problem(&world.send(nobody).await, 401, "authentication-missing", "authorization");

    let stream = world.signed(&ada, &Method::GET, "/v1/events", None);
    let mut stream = world.routes.clone().oneshot(stream).await.unwrap().into_body();
    // Waits by then, and is woken.
    let stream = tokio::spawn(async move { while stream.frame().await.is_some() {} });
    tokio::task::yield_now().await;
    let _second =
        world.routes.clone().oneshot(world.signed(&ada, &Method::GET, "/v1/events", None)).await.unwrap();
    let third =
        world.routes.clone().oneshot(world.signed(&ada, &Method::GET, "/v1/events", None)).await.unwrap();
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(third.headers().contains_key(RETRY_AFTER));

    let path = format!("/v1/accounts/{account}/devices/{}", ada.key_id);
    let (status, revoked) = world.device(&ada, Method::DELETE, &path, None).await;
    assert_eq!(status, StatusCode::OK, "{revoked}");
    assert!(revoked["devices"][0]["revoked_at"].is_string());
    let answer = world.device(&ada, Method::GET, "/v1/wallets", None).await;
    assert_problem(&answer, 403, "device-revoked", "signature-input");
    tokio::time::timeout(std::time::Duration::from_secs(5), stream).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_body_of_a_stranger_is_not_read() {
    let world = World::with_euro().await;
    let (_, ada, _) = world.party("Ada", 1, 0).await;
    let path = "/v1/barcodes/decode";
    let body = json!({"text": "x"});
    let unread = || {
        Body::from_stream(stream::poll_fn(|_| -> Poll<Option<Result<Bytes, Infallible>>> { panic!("read") }))
    };
    let thief = Phone {
        signer: DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[9; 32]).unwrap(),
        key_id: ada.key_id.clone(),
    };
    let forged = world.signed(&thief, &Method::POST, path, Some(&body)).map(|_| unread());
    assert_problem(&world.send(forged).await, 401, "signature-invalid", "signature");
    let first = world.signed_with(&ada, &Method::POST, path, Some(&body), "the-same-nonce-16");
    assert_problem(&world.send(first).await, 422, "not-a-barcode", "/text");
    let again = world.signed_with(&ada, &Method::POST, path, Some(&body), "the-same-nonce-16");
    assert_problem(&world.send(again.map(|_| unread())).await, 401, "nonce-used", "signature-input");
    let other = world.signed(&ada, &Method::POST, path, Some(&body)).map(|_| Body::from("{}"));
    assert_problem(&world.send(other).await, 401, "signature-digest-differs", "content-digest");
}

#[tokio::test]
async fn bodies_and_paths_are_read_strictly() {
    let world = World::with_euro().await;
    let (_, ada, wallet) = world.party("Ada", 1, 100).await;
    let path = format!("/v1/wallets/{wallet}/payment-requests");
    for (body, slug, field) in [
        (json!({"amount": 0, "currency": "EUR"}), "field-invalid", "/amount"),
        (json!({"amount": 1.5, "currency": "EUR"}), "field-invalid", "/amount"),
        (json!({"amount": 1}), "field-missing", "/currency"),
        (json!({"currency": "EUR", "note": "x"}), "field-unknown", "/note"),
        (json!({"currency": "EUR", "usage": "twice"}), "field-invalid", "/usage"),
        (
            json!({"currency": "EUR", "expires_at": "2020-01-01T00:00:00Z"}),
            "request-expiry-invalid",
            "/expires_at",
        ),
        (json!({"currency": "EUR", "id": "1"}), "field-invalid", "/id"),
    ] {
        let answer = world.device(&ada, Method::POST, &path, Some(body)).await;
        assert_problem(&answer, 422, slug, field);
    }
    let answer = world.device(&ada, Method::GET, "/v1/wallets/17", None).await;
    assert_problem(&answer, 422, "field-invalid", "wallet");
    let answer =
        world.device(&ada, Method::GET, &format!("/v1/wallets/{wallet}/transfers?limit=201"), None).await;
    assert_problem(&answer, 422, "field-invalid", "limit");
    let answer = world.device(&ada, Method::GET, &format!("/v1/wallets/{wallet}?a=1"), None).await;
    assert_problem(&answer, 422, "field-unknown", "a");
    let answer = world.operator(Method::POST, "/v1/wallets", Some(json!({"currency": "EUR"}))).await;
    assert_problem(&answer, 422, "field-missing", "/account");
    let big = json!({"text": "x".repeat(20_000)});
    let answer = world.device(&ada, Method::POST, "/v1/barcodes/decode", Some(big)).await;
    assert_problem(&answer, 413, "body-too-large", "");
    let body = json!({"id": world.transfer_id(3), "amount": 101, "currency": "EUR"});
    let answer = world.operator(Method::POST, &format!("/v1/wallets/{wallet}/redemptions"), Some(body)).await;
    assert_problem(&answer, 422, "insufficient-funds", "wallet");
}

#[tokio::test]
async fn pages_say_what_a_barcode_asks_for_and_nothing_else() {
    let world = World::with_euro().await;
    let (_, ada, wallet) = world.party("Ada & Co", 1, 100).await;
    let path = format!("/v1/wallets/{wallet}/payment-requests");
    let body = json!({"amount": 1_250, "currency": "EUR"});
    let request = world.device(&ada, Method::POST, &path, Some(body)).await.1;
    let get = |path: &str| Request::builder().uri(path).body(Body::empty()).unwrap();
    let barcode = text(&request["barcode"]["text"]);
    let page_path = barcode.strip_prefix(&ORIGIN.to_uppercase()).unwrap();
    let (status, page) = world.send(get(page_path)).await;
    let page = text(&page);
    assert_eq!(status, StatusCode::OK, "{page}");
    for shown in ["Ada &amp; Co", "12.50 EUR", "The seal is good"] {
        assert!(page.contains(shown), "{page}");
    }
    let (status, forged) = world.send(get("/P/AEBAGBA%3Cscript%3E")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&forged).contains("Do not pay") && !text(&forged).contains("script"));
    let own = format!("{path}/{}", text(&request["id"]));
    let (status, cancelled) = world.device(&ada, Method::DELETE, &own, None).await;
    assert_eq!((status, &cancelled["status"]), (StatusCode::OK, &"cancelled".into()));
    let (status, page) = world.send(get(page_path)).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(text(&page).contains("withdrawn"), "{page}");
    let pairing = text(&world.send(get("/PAIR/SECRET99")).await.1);
    assert!(pairing.contains("Open the payment app") && !pairing.contains("SECRET99"));

    for (format, start) in
        [("png", "\u{fffd}PNG"), ("svg", "<?xml"), ("text", "HTTP://PAY"), ("terminal", "\u{1b}[30")]
    {
        let (status, picture) =
            world.device(&ada, Method::GET, &format!("{own}/barcode?format={format}"), None).await;
        assert_eq!(status, StatusCode::OK, "{picture}");
        assert!(text(&picture).starts_with(start), "{format}");
    }
    let keys = world.send(get("/v1/keys")).await.1;
    assert_eq!((&keys["origin"], &keys["keys"][0]["algorithm"]), (&ORIGIN.into(), &"ed25519".into()));
    for path in ["/v1/keys", "/v1/health", "/PAIR/SECRET99"] {
        assert_problem(&world.send(get(&format!("{path}?y=1"))).await, 422, "field-unknown", "y");
        let answer = world.send(get(path).map(|_| Body::from("x"))).await;
        assert_problem(&answer, 400, "body-unexpected", "");
    }
    let (status, page) = world.send(get(&format!("{page_path}?y=1"))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(text(&page).contains("Do not pay"), "{page}");
    let (status, _) = world.send(get(page_path).map(|_| Body::from("x"))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let health = world.send(get("/v1/health")).await.1;
    assert_eq!(health["status"], "ok");
    assert!(health["position"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn what_there_is_not_is_a_problem() {
    let world = World::new();
    let request =
        |method, path: &str| Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
    let missing = world.send(request(Method::GET, "/v1/wallet")).await;
    assert_problem(&missing, 404, "route-unknown", "");
    let other = world.routes.clone().oneshot(request(Method::PUT, "/v1/wallets/1")).await.unwrap();
    assert_eq!(other.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(other.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(other.headers()[ALLOW], "GET,HEAD,DELETE");
}
