//! Signatures of heads: by the server's keys, and for nothing but heads.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use data_encoding::BASE32_NOPAD;
use ed25519_dalek::{Signature, VerifyingKey};
use quittance_barcode::{BarcodeError, KeyId, Origin, RequestDetails, SealedBarcode, ServerKey, ServerKeys};
use quittance_ledger::{Currency, PaymentRequestId, Usage, WalletId};

const HEAD: &[u8] = b"HTTPS://PAY.EXAMPLE.COM\0and the rest of a head";

fn server() -> ServerKey {
    ServerKey::from_secret(&[7; 32])
}

fn keys() -> ServerKeys {
    ServerKeys::new(&[ServerKey::from_secret(&[1; 32]).public(), server().public()]).unwrap()
}

#[test]
fn a_head_is_the_signers_and_no_other() {
    let (id, signature) = server().sign_head(HEAD);
    assert_eq!(id, server().id());
    assert_eq!(KeyId::from_bytes(id.to_bytes()), id);
    assert_eq!(keys().verify_head(id, HEAD, &signature), Ok(()));
    let refused = Err(BarcodeError::BadHeadSignature);
    assert_eq!(keys().verify_head(ServerKey::from_secret(&[1; 32]).id(), HEAD, &signature), refused);
    assert_eq!(keys().verify_head(ServerKey::from_secret(&[2; 32]).id(), HEAD, &signature), refused);
    assert_eq!(keys().verify_head(id, &HEAD[1..], &signature), refused);
    for bit in 0..signature.len() * 8 {
        let mut changed = signature;
        let byte = changed.get_mut(bit / 8).unwrap();
        *byte ^= 1 << (bit % 8);
        assert_eq!(keys().verify_head(id, HEAD, &changed), refused, "bit {bit}");
    }
    // What another implementation has to check.
    let message = [b"quittance journal head 1\0", HEAD].concat();
    let key = VerifyingKey::from_bytes(&server().public()).unwrap();
    key.verify_strict(&message, &Signature::from_bytes(&signature)).unwrap();
}

/// Whatever stands in one of them, it can't be shown as the other.
#[test]
fn neither_a_seal_nor_a_heads_signature_stands_for_the_other() {
    let origin: Origin = "https://pay.example.com".parse().unwrap();
    let mut request = [3; 16];
    request.iter_mut().zip([3, 3, 3, 3, 3, 3, 0x70, 3, 0x80]).for_each(|(to, from)| *to = from);
    let details = RequestDetails {
        request: PaymentRequestId::from_bytes(request).unwrap(),
        payee: WalletId::from_bytes([4; 16]).unwrap(),
        currency: Currency::new("EUR".parse().unwrap(), None).unwrap(),
        amount: None,
        usage: Usage::Reusable,
        expires_at: None,
        payee_name: "Café".parse().unwrap(),
        reference: None,
        has_more: false,
    };
    let text = server().seal(&details, &origin).unwrap();
    let (prefix, payload) = text.split_at(text.rfind('/').unwrap() + 1);
    let payload = BASE32_NOPAD.decode(payload.as_bytes()).unwrap();
    let (sealed, seal) = payload.split_last_chunk::<64>().unwrap();
    let spelled = [origin.as_str().as_bytes(), &[0], sealed].concat();
    let whole = [b"quittance barcode 1\0", spelled.as_slice()].concat();
    for head in [sealed, &spelled, &whole] {
        assert!(keys().verify_head(server().id(), head, seal).is_err());
        let (_, signature) = server().sign_head(head);
        let forged = [sealed, &signature].concat();
        let forged = format!("{prefix}{}", BASE32_NOPAD.encode(&forged));
        let forged = SealedBarcode::parse(&forged, &origin).unwrap();
        assert!(matches!(forged.verify(&keys()), Err(BarcodeError::BrokenSeal)));
    }
    assert!(SealedBarcode::parse(&text, &origin).unwrap().verify(&keys()).is_ok());
}
