//! A payment through the real binary, from the barcode to the notification, and every way to ask for one.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

use std::io::Cursor;

use data_encoding::BASE64URL_NOPAD;
use http::{Method, StatusCode};
use quittance_barcode::{DeviceSigner, SealedBarcode, Sealer};
use quittance_gateway::client::{
    Authority, BarcodeFormat, BarcodeLook, BarcodeSealer, Body, Client, Direction, NewDevice,
    NewPaymentRequest, NewWallet, Payment, RequestStatus, Transfer, TransferPurpose, TransferStatus,
    UnitsMovement, WalletStatus, new_signer, new_transfer_id, rfc3339,
};
use quittance_ledger::{CurrencyCode, KeyAlgorithm, Usage};
use quittance_test_support::{
    Home, Party, Server, ask, euro, eventually, fund, join, next_notice, pay, payment, posted,
    read_with_zbar, register, soon,
};

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

/// A server with a payer, who has 50.00 EUR, and a payee, who has nothing.
struct Market {
    home: Home,
    server: Server,
    operator: Client,
    payer: Party,
    payee: Party,
}

async fn market() -> Market {
    let home = Home::new(BINARY);
    let server = home.start();
    let operator = server.operator();
    register(&operator).await;
    let payer = join(&operator, "Ada Lindqvist", KeyAlgorithm::P256).await;
    let payee = join(&operator, "Café Zentral", KeyAlgorithm::Ed25519).await;
    fund(&operator, payer.wallet, 5_000).await;
    Market { home, server, operator, payer, payee }
}

fn fixed(amount: u64) -> NewPaymentRequest<'static> {
    NewPaymentRequest::of(Some(amount), euro())
}

fn look(format: BarcodeFormat) -> BarcodeLook {
    BarcodeLook { format: Some(format), ..BarcodeLook::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_goes_from_barcode_to_notification() {
    let Market { payer, payee, server, home: _home, .. } = market().await;
    let mut payer_events = payer.client.events(None).await.unwrap();
    let mut payee_events = payee.client.events(None).await.unwrap();

    let new = NewPaymentRequest {
        reference: Some("ORDER-2026-0042"),
        description: Some("Melange and cake"),
        ..fixed(1_250)
    };
    let request = ask(&payee, &new).await;
    assert_eq!(request.status, RequestStatus::Open);
    assert_eq!(request.usage, Usage::OneTime);
    assert_eq!(request.display.as_deref(), Some("12.50 EUR"));
    assert!(request.expires_at.is_some(), "a one-time request ends by itself");

    let picture = payee.client.barcode(payee.wallet, request.id, BarcodeLook::default()).await.unwrap();
    let text = read_with_zbar(&picture);
    assert_eq!(text, request.barcode.text);
    let (origin, keys) = server.client().fetch_keys().await.unwrap();
    let verified = SealedBarcode::parse(&text, &origin).unwrap().verify(&keys).unwrap();
    assert_eq!(verified.sealer(), &Sealer::Server);
    let details = verified.details();
    assert_eq!(details.payee, payee.wallet);
    assert_eq!(details.payee_name.as_str(), "Café Zentral");
    assert_eq!(details.amount.unwrap().get(), 1_250);
    assert_eq!(details.reference.unwrap().as_str(), "ORDER-2026-0042");
    verified.check_expiry(soon(0)).unwrap();

    let confirmed = Payment { amount: Some(1_250), currency: Some(euro()), ..payment(&payer, &text) };
    let paid = payer.client.pay(&confirmed).await.unwrap();
    assert_eq!((paid.id, paid.status), (confirmed.id, TransferStatus::Settled));
    assert_eq!((paid.payer, paid.payee), (payer.wallet, payee.wallet));
    assert_eq!((paid.purpose, paid.request), (TransferPurpose::Payment, Some(request.id)));
    assert_eq!(paid.payee_name.as_deref(), Some("Café Zentral"));
    assert_eq!(paid.reference.as_deref(), Some("ORDER-2026-0042"));
    assert_eq!(paid.refusal, None);

    // Whose device paid is nothing to the payee.
    let as_payee = Transfer { by: Authority::SomeDevice, ..paid.clone() };
    for (stream, direction, paid) in
        [(&mut payer_events, Direction::Outgoing, &paid), (&mut payee_events, Direction::Incoming, &as_payee)]
    {
        let notice = next_notice(stream, paid.id).await;
        assert_eq!((notice.position, notice.name.as_str()), (paid.position, "transfer.settled"));
        assert_eq!((notice.notification.direction, &notice.notification.transfer), (direction, paid));
    }
    for (party, balance, display, paid) in
        [(&payer, 3_750, "37.50 EUR", &paid), (&payee, 1_250, "12.50 EUR", &as_payee)]
    {
        let wallet = party.client.wallet(party.wallet).await.unwrap();
        assert_eq!((wallet.posted, wallet.available), (balance, balance), "{}", party.name);
        assert_eq!((wallet.display.posted.as_str(), wallet.display.available.as_str()), (display, display));
        let history = party.client.all_transfers(party.wallet, 50).await.unwrap();
        assert_eq!(history.first(), Some(paid), "{}", party.name);
        assert_eq!(party.client.transfer(paid.id).await.unwrap(), *paid);
    }
    let request = payee.client.payment_request(payee.wallet, request.id).await.unwrap();
    assert_eq!((request.status, request.paid_by), (RequestStatus::Paid, Some(paid.id)));
    assert_eq!(payer.client.pay(&confirmed).await.unwrap(), paid, "the same id, the same answer");
    assert_eq!(posted(&payer).await, 3_750);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_is_read_page_by_page_while_it_grows() {
    let Market { operator, payer, payee, home: _home, server: _server } = market().await;
    let request = ask(&payee, &NewPaymentRequest { usage: Some(Usage::Reusable), ..fixed(10) }).await;
    let mut paid = Vec::new();
    for _ in 0..25 {
        paid.push(pay(&payer, &request.barcode.text).await.unwrap());
    }
    let first = payer.client.transfers(payer.wallet, Some(10), None).await.unwrap();
    assert_eq!(first.transfers.len(), 10);
    // What comes in between is newer than the cursor, and in no later page.
    pay(&payer, &request.barcode.text).await.unwrap();
    let mut read = first.transfers;
    let mut next = first.next;
    while let Some(before) = next {
        let page = operator.transfers(payer.wallet, Some(10), Some(&before)).await.unwrap();
        read.extend(page.transfers);
        next = page.next;
    }
    assert_eq!(read.len(), 26, "25 payments and the units they were made of");
    assert!(read.is_sorted_by(|newer, older| newer.position > older.position));
    paid.reverse();
    assert_eq!(read[..25], paid);
    assert_eq!(read[25].purpose, TransferPurpose::Issue);
    let all = payee.client.all_transfers(payee.wallet, 200).await.unwrap();
    assert_eq!(all.len(), 26);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_device_pays_and_sees_the_same_until_it_is_revoked() {
    let Market { operator, payer, payee, server, home: _home } = market().await;
    let pairing = payer.client.issue_pairing_code(payer.account).await.unwrap();
    assert_eq!(pairing.barcode.text, format!("{}/PAIR/{}", server.origin().to_uppercase(), pairing.code));
    let new = NewDevice { code: &pairing.code, name: "a tablet", pin: payer.pin };
    let signer = new_signer(KeyAlgorithm::Ed25519).unwrap();
    let (tablet, paired) = server.client().pair(signer, new).await.unwrap();
    assert_eq!(paired.account, payer.account);
    let mut tablet_events = tablet.events(None).await.unwrap();
    let tablet = Party { client: tablet, device: paired.device, ..payer.clone() };

    let first = pay(&tablet, &ask(&payee, &fixed(100)).await.barcode.text).await.unwrap();
    let second = pay(&payer, &ask(&payee, &fixed(200)).await.barcode.text).await.unwrap();
    for paid in [&first, &second] {
        assert_eq!(next_notice(&mut tablet_events, paid.id).await.position, paid.position);
        assert_eq!(payer.client.transfer(paid.id).await.unwrap(), *paid);
    }

    let account = payer.client.revoke_device(payer.account, tablet.device).await.unwrap();
    let revoked: Vec<bool> = account.devices.iter().map(|device| device.revoked_at.is_some()).collect();
    assert_eq!(revoked.iter().filter(|is_revoked| **is_revoked).count(), 1);
    let request = ask(&payee, &fixed(300)).await;
    let refused = pay(&tablet, &request.barcode.text).await.unwrap_err();
    assert_eq!(refused.problem().unwrap().slug(), "device-revoked");
    assert_eq!(posted(&payer).await, 4_700);
    pay(&payer, &request.barcode.text).await.unwrap();
    assert_eq!(operator.account(payer.account).await.unwrap().devices.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reusable_and_open_requests_are_paid_as_often_and_as_much_as_one_likes() {
    let Market { payer, payee, home: _home, server: _server, .. } = market().await;
    let reusable = NewPaymentRequest { usage: Some(Usage::Reusable), ..fixed(250) };
    let request = ask(&payee, &reusable).await;
    assert_eq!(request.expires_at, None, "a poster on a wall has no end");
    for _ in 0..3 {
        pay(&payer, &request.barcode.text).await.unwrap();
    }
    let request = payee.client.payment_request(payee.wallet, request.id).await.unwrap();
    assert_eq!((request.status, request.paid_by), (RequestStatus::Open, None));

    let request = ask(&payee, &NewPaymentRequest { usage: Some(Usage::Reusable), ..fixed(1) }).await;
    let cancelled = payee.client.cancel_request(payee.wallet, request.id).await.unwrap();
    assert_eq!(cancelled.status, RequestStatus::Cancelled);

    let open = ask(&payee, &NewPaymentRequest::of(None, euro())).await;
    assert_eq!((open.amount, open.display), (None, None));
    let tip = Payment { amount: Some(77), ..payment(&payer, &open.barcode.text) };
    assert_eq!(payer.client.pay(&tip).await.unwrap().amount, 77);
    assert_eq!(posted(&payee).await, 3 * 250 + 77);
    assert_eq!(posted(&payer).await, 5_000 - 3 * 250 - 77);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn units_of_a_private_currency_enter_go_round_and_leave() {
    let Market { operator, payer, payee, home: _home, server: _server } = market().await;
    let points: CurrencyCode = "X-POINTS".parse().unwrap();
    let registered = operator.register_currency(points, Some(0)).await.unwrap();
    assert_eq!(operator.register_currency(points, Some(0)).await.unwrap(), registered);
    let new = NewWallet { id: None, account: None, currency: points, name: Some("points") };
    let from = payer.client.open_wallet(&new).await.unwrap();
    let to = payee.client.open_wallet(&new).await.unwrap();
    let movement = |amount| UnitsMovement {
        id: new_transfer_id().unwrap(),
        amount,
        currency: points,
        reference: Some("campaign 7"),
    };
    let issued = operator.issue(from.id, &movement(300)).await.unwrap();
    assert_eq!((issued.payer, issued.purpose), (registered.issuer_wallet, TransferPurpose::Issue));

    let ask = NewPaymentRequest::of(Some(300), points);
    let request = payee.client.request_payment(to.id, &ask).await.unwrap();
    assert_eq!(request.display.as_deref(), Some("300 X-POINTS"));
    let barcode = &request.barcode.text;
    let paid = Payment { payer: from.id, ..payment(&payer, barcode) };
    payer.client.pay(&paid).await.unwrap();

    let redeemed = operator.redeem(to.id, &movement(120)).await.unwrap();
    assert_eq!((redeemed.payee, redeemed.purpose), (registered.issuer_wallet, TransferPurpose::Redemption));
    assert_eq!(payee.client.wallet(to.id).await.unwrap().display.posted, "180 X-POINTS");
    operator.redeem(to.id, &movement(180)).await.unwrap();
    let sticker = NewPaymentRequest { usage: Some(Usage::Reusable), ..NewPaymentRequest::of(None, points) };
    let sticker = payee.client.request_payment(to.id, &sticker).await.unwrap().barcode.text;
    assert_eq!(page_of(&payee.client, &sticker).await.0, StatusCode::OK);
    for (party, wallet) in [(&payer, from.id), (&payee, to.id)] {
        let closed = party.client.close_wallet(wallet).await.unwrap();
        assert_eq!((closed.status, closed.posted), (WalletStatus::Closed, 0));
        let listed = party.client.wallets(None).await.unwrap();
        assert!(listed.iter().any(|other| other.id == party.wallet && other.status == WalletStatus::Open));
    }
    // A camera app must not say that it is good.
    let (status, page) = page_of(&payee.client, &sticker).await;
    assert!(status.is_client_error() && page.contains("Do not pay"), "{status} {page}");
    let codes: Vec<CurrencyCode> =
        payer.client.currencies().await.unwrap().iter().map(|currency| currency.code).collect();
    assert_eq!(codes.len(), 2);
    assert_eq!(posted(&payer).await, 5_000, "another currency's wallet is another matter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_barcode_reads_the_same_in_every_form() {
    let Market { payee, home: _home, server: _server, .. } = market().await;
    let request = ask(&payee, &NewPaymentRequest { reference: Some("ORDER-1"), ..fixed(1_250) }).await;
    let text = &request.barcode.text;
    let draw = async |look| payee.client.barcode(payee.wallet, request.id, look).await.unwrap();
    for error_correction in ['L', 'M', 'Q', 'H'] {
        for module_pixels in [3, 8] {
            let look = BarcodeLook {
                format: Some(BarcodeFormat::Png),
                error_correction: Some(error_correction),
                module_pixels: Some(module_pixels),
            };
            assert_eq!(read_with_zbar(&draw(look).await), *text, "{error_correction} {module_pixels}");
        }
    }
    assert_eq!(draw(look(BarcodeFormat::Text)).await.trim_ascii_end(), text.as_bytes());
    let svg = String::from_utf8(draw(look(BarcodeFormat::Svg)).await.to_vec()).unwrap();
    assert!(svg.contains("<svg") && svg.trim_end().ends_with("</svg>"));
    let blocks = String::from_utf8(draw(look(BarcodeFormat::Terminal)).await.to_vec()).unwrap();
    assert_eq!(read_with_zbar(&picture_of_blocks(&blocks)), *text);
}

/// The picture that half blocks make on a terminal: two rows of modules to a line, dark where there is ink.
fn picture_of_blocks(blocks: &str) -> Vec<u8> {
    const PIXELS: u32 = 4;
    let plain = blocks.replace("\u{1b}[30;47m", "").replace("\u{1b}[0m", "");
    let lines: Vec<Vec<char>> = plain.lines().map(|line| line.chars().collect()).collect();
    let (width, height) = (lines[0].len() as u32, 2 * lines.len() as u32);
    let picture = image::GrayImage::from_fn(width * PIXELS, height * PIXELS, |x, y| {
        let (column, row) = ((x / PIXELS) as usize, (y / PIXELS) as usize);
        let is_dark = match lines[row / 2].get(column) {
            Some('\u{2588}') => true,
            Some('\u{2580}') => row % 2 == 0,
            Some('\u{2584}') => row % 2 == 1,
            _ => false,
        };
        image::Luma([if is_dark { 0 } else { 255 }])
    });
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_reads_texts_and_pictures_for_apps_that_cannot() {
    let Market { operator, payer, payee, home: _home, server: _server } = market().await;
    let request = ask(&payee, &NewPaymentRequest { reference: Some("ORDER-1"), ..fixed(1_250) }).await;
    let png = payee.client.barcode(payee.wallet, request.id, look(BarcodeFormat::Png)).await.unwrap();
    let mut jpeg = Cursor::new(Vec::new());
    image::load_from_memory(&png).unwrap().write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();

    let from_text = payer.client.decode_text(&request.barcode.text).await.unwrap();
    let from_png = payer.client.decode_picture("image/png", png).await.unwrap();
    let from_jpeg = operator.decode_picture("image/jpeg", jpeg.into_inner()).await.unwrap();
    assert_eq!((&from_png, &from_jpeg), (&from_text, &from_text));
    assert_eq!((from_text.request, from_text.payee), (request.id, payee.wallet));
    assert_eq!((from_text.amount, from_text.display.as_deref()), (Some(1_250), Some("12.50 EUR")));
    assert_eq!(from_text.payee_name, "Café Zentral");
    assert_eq!((&from_text.sealed_by, from_text.expired), (&BarcodeSealer::Server, false));
    assert_eq!(from_text.text, request.barcode.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_till_makes_barcodes_without_the_server() {
    let Market { home, server, operator, payer, payee } = market().await;
    for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::P256] {
        let name = format!("{algorithm:?}").to_lowercase();
        let (key, certificate) = (format!("{name}.key"), format!("{name}.certificate"));
        let public = home.run_well(&["till", "--new-key", &key, "--algorithm", &name]);
        let secret = std::fs::read_to_string(home.path(&key)).unwrap();
        let secret: [u8; 32] =
            BASE64URL_NOPAD.decode(secret.trim_end().as_bytes()).unwrap().try_into().unwrap();
        let signer = DeviceSigner::from_secret(algorithm, &secret).unwrap();
        assert_eq!(public.trim_end(), BASE64URL_NOPAD.encode(signer.public().as_bytes()));

        let pairing = operator.issue_pairing_code(payee.account).await.unwrap();
        let new = NewDevice { code: &pairing.code, name: "a till", pin: payee.pin };
        let (till, paired) = server.client().pair(signer, new).await.unwrap();
        let until = rfc3339(soon(3_600));
        let issued = till.certify_till(payee.wallet, None, Some(&until)).await.unwrap();
        assert_eq!(issued.device, paired.device);
        std::fs::write(home.path(&certificate), format!("{}\n", issued.certificate)).unwrap();

        let till = |more: &[&str]| {
            let origin = server.origin();
            let mut arguments =
                vec!["till", "--certificate", &certificate, "--key", &key, "--origin", origin];
            arguments.extend(["--algorithm", &name]);
            arguments.extend(more);
            home.run_well(&arguments)
        };
        let said = till(&["--amount", "400", "--reference", "KIOSK-7", "--out", "till.png"]);
        let barcode = read_with_zbar(&std::fs::read(home.path("till.png")).unwrap());
        assert_eq!(said.lines().last().unwrap(), barcode);
        let (origin, keys) = server.client().fetch_keys().await.unwrap();
        let verified = SealedBarcode::parse(&barcode, &origin).unwrap().verify(&keys).unwrap();
        let Sealer::Till { device, .. } = verified.sealer() else { panic!("{:?}", verified.sealer()) };
        assert_eq!(device.device_id(), paired.device);
        let decoded = payer.client.decode_text(&barcode).await.unwrap();
        assert!(matches!(decoded.sealed_by, BarcodeSealer::Till { device, .. } if device == paired.device));
        let paid = pay(&payer, &barcode).await.unwrap();
        assert_eq!((paid.amount, paid.reference.as_deref()), (400, Some("KIOSK-7")));
        let spent = pay(&payer, &barcode).await.unwrap_err();
        assert_eq!(spent.problem().unwrap().slug(), "request-paid");

        let said = till(&["--open", "--reusable"]);
        let barcode = said.lines().last().unwrap();
        for amount in [5, 6] {
            let payment = Payment { amount: Some(amount), ..payment(&payer, barcode) };
            assert_eq!(payer.client.pay(&payment).await.unwrap().amount, amount);
        }
        till(&["--amount", "1", "--out", "till.svg"]);
        assert!(std::fs::read_to_string(home.path("till.svg")).unwrap().contains("<svg"));
    }
    assert_eq!(posted(&payee).await, 2 * (400 + 5 + 6));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_ends_by_itself() {
    let Market { payee, home: _home, server: _server, .. } = market().await;
    let ending = NewPaymentRequest { expires_at: Some(rfc3339(soon(2))), ..fixed(100) };
    let request = ask(&payee, &ending).await;
    eventually("the request has expired", async || {
        let request = payee.client.payment_request(payee.wallet, request.id).await.unwrap();
        request.status == RequestStatus::Expired
    })
    .await;
    assert!(payee.client.decode_text(&request.barcode.text).await.unwrap().expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn anyone_may_see_the_keys_the_health_and_the_payers_page() {
    let Market { operator, payer, payee, server, home: _home } = market().await;
    let anyone = server.client();
    let health = anyone.health().await.unwrap();
    assert_eq!(health.status, "ok");
    assert!(health.position > 0);
    let published = anyone.keys().await.unwrap();
    assert_eq!(published.origin.to_lowercase(), server.origin());
    assert_eq!(published.keys.len(), 1);

    let request = ask(&payee, &fixed(1_250)).await;
    let page_of = async |barcode: &str| {
        let path = barcode.get(server.origin().len()..).unwrap();
        let page = anyone.request(Method::GET, path, Body::empty()).await.unwrap();
        assert_eq!((page.status.as_u16(), page.content_type()), (200, "text/html"), "{path}");
        String::from_utf8(page.body.to_vec()).unwrap()
    };
    let page = page_of(&request.barcode.text).await;
    assert!(page.contains("12.50 EUR") && page.contains("Café Zentral"), "{page}");
    let pairing = operator.issue_pairing_code(payer.account).await.unwrap();
    page_of(&pairing.barcode.text).await;
}

/// What an ordinary camera app opens.
async fn page_of(client: &Client, barcode: &str) -> (StatusCode, String) {
    let path = &barcode[barcode.find("/P/").unwrap()..];
    let response = client.request(Method::GET, path, Body::empty()).await.unwrap();
    (response.status, String::from_utf8(response.body.to_vec()).unwrap())
}
