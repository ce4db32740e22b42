//! Makes the seeds that nobody writes by hand, in `tests/fuzz/seeds`: `cargo run -p quittance-fuzz-targets --example seeds`. What lies
//! there otherwise it leaves be.

#![expect(clippy::unwrap_used, reason = "what can't be made is seen at once")]

use std::fs;
use std::path::Path;

use http::{HeaderMap, Method};
use quittance_barcode::{
    DeviceSigner, EmvProfile, ErrorCorrection, Origin, Rendering, RequestDetails, SealedBarcode, ServerKey,
};
use quittance_gateway::auth::http_signature::{RequestParts, sign};
use quittance_journal::{Committer, LogReader as _, MemoryLog, Position, Record, Submission, Tip};
use quittance_ledger::{
    AccountId, AccountKind, Amount, Authority, Currency, Event, KeyAlgorithm, Leg, PaymentRequestId, Purpose,
    Refusal, Timestamp, Transfer, TransferId, Usage, WalletId,
};

const AT: Timestamp = Timestamp::from_secs(1_795_519_800);
const ORIGIN: &str = "https://pay.example.com";

fn save(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn main() {
    barcodes();
    blocks();
    signatures();
    noise();
}

fn details(amount: Option<u64>, reference: Option<&str>, currency: &str) -> RequestDetails {
    RequestDetails {
        request: "0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b".parse::<PaymentRequestId>().unwrap(),
        payee: WalletId::from_bytes([3; 16]).unwrap(),
        currency: Currency::new(currency.parse().unwrap(), currency.starts_with('X').then_some(3)).unwrap(),
        amount: amount.map(|minor| Amount::new(minor).unwrap()),
        usage: if amount.is_some() { Usage::OneTime } else { Usage::Reusable },
        expires_at: amount.map(|_| AT),
        payee_name: "Café Zentral".parse().unwrap(),
        reference: reference.map(|text| text.parse().unwrap()),
        has_more: reference.is_none(),
    }
}

fn barcodes() {
    let origin: Origin = ORIGIN.parse().unwrap();
    let key = ServerKey::from_secret(&[7; 32]);
    for (name, details) in [
        ("plain", details(Some(1_250), Some("ORDER-42"), "EUR")),
        ("sticker", details(None, None, "JPY")),
        ("points", details(Some(9_007_199_254_740_991), Some("日本"), "X-POINTS")),
    ] {
        let text = key.seal(&details, &origin).unwrap();
        save("barcode", name, &text);
        save("barcode", &format!("{name}-lower"), text.to_ascii_lowercase());
        if let Ok(emv) = SealedBarcode::parse(&text, &origin).unwrap().to_emv(&EmvProfile::default()) {
            save("barcode", &format!("{name}-emv"), emv);
        }
        let small = Rendering { error_correction: ErrorCorrection::L, module_pixels: 2 };
        save("picture", &format!("{name}.png"), small.png(&text).unwrap());
    }
    let till = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[8; 32]).unwrap();
    save("barcode", "key", till.public().device_id().to_string());
    save("barcode", "origin", ORIGIN);
    save("picture", "no-picture", b"\x89PNG\r\n\x1a\n");
}

fn blocks() {
    let mut id = [0; 16];
    (id[0], id[6], id[8]) = (1, 0x70, 0x80);
    let wallet = |n| WalletId::from_bytes([n; 16]).unwrap();
    let leg = Leg {
        payer: wallet(1),
        payee: wallet(2),
        amount: Amount::new(5).unwrap(),
        currency: "EUR".parse().unwrap(),
        purpose: Purpose::Issue,
        reference: Some("a reference".parse().unwrap()),
    };
    let transfer = Transfer::new(TransferId::from_bytes(id).unwrap(), Authority::Operator, leg);
    let several = Transfer { linked: [leg, Leg { payer: wallet(3), ..leg }].into(), ..transfer.clone() };
    let account = AccountId::from_bytes([4; 16]).unwrap();
    let events = [
        Event::AccountOpened { account, name: "Ada".parse().unwrap(), kind: AccountKind::Person },
        Event::TransferSettled(Box::new(transfer.clone())),
        Event::TransferRefused(Box::new(transfer), Refusal::InsufficientFunds),
        Event::TransferSettled(Box::new(several)),
    ];
    let mut pieces = Vec::new();
    let log = MemoryLog::default();
    let (committer, queue) = Committer::<_, ()>::new(log.clone(), Tip::GENESIS, events.len());
    for event in events {
        let mut bytes = Vec::new();
        Record { at: AT, event: event.clone() }.encode_to(&mut bytes).unwrap();
        pieces.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
        pieces.extend(bytes);
        queue.submit(Submission::Record { at: AT, event, done: None });
    }
    drop(queue);
    committer.run(drop).unwrap();
    save("block", "block", log.block_at(Position::new(1)).unwrap().unwrap());
    save("block", "records", pieces);
}

fn signatures() {
    for (name, algorithm, body) in [
        ("ed25519", KeyAlgorithm::Ed25519, &b"{}"[..]),
        ("p256", KeyAlgorithm::P256, b""),
        ("long", KeyAlgorithm::Ed25519, &[b'x'; 99]),
    ] {
        let signer = DeviceSigner::from_secret(algorithm, &[7; 32]).unwrap();
        let target = format!("{ORIGIN}/v1/transfers?limit=1");
        let parts = RequestParts { method: &Method::POST, target_uri: &target, body };
        let key_id = signer.public().device_id().to_string();
        let mut headers = HeaderMap::new();
        let signed =
            sign(&parts, &key_id, algorithm, AT.as_secs(), "nonce-0123456789", |base| signer.sign(base));
        signed.unwrap().insert_into(&mut headers);
        let mut text: Vec<u8> = Vec::new();
        for (name, value) in &headers {
            text.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\n"].concat());
        }
        text.extend(b"\n");
        text.extend(body);
        save("http_signature", name, text);
    }
}

/// What is decided by bytes begins with any.
fn noise() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = |count: usize| -> Vec<u8> {
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        std::iter::repeat_with(next).take(count).collect()
    };
    for n in 0..6 {
        save("settlement", &format!("noise-{n}"), bytes(200 << n.min(4)));
        save("store", &format!("noise-{n}"), bytes(60));
    }
}
