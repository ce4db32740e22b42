//! A device's word on what it pays: the text that it signs, and the signature in a payment's body.

use data_encoding::BASE64URL_NOPAD;
use quittance_barcode::{BarcodeError, Origin, SealedBarcode, ServerKeys, VerifiedBarcode};
use quittance_ledger::{Amount, Authority, Leg, Purpose, Transfer, TransferId};
use serde::Serialize;

use super::error::ClientError;
use super::request::Payment;
use super::{Client, Who};

/// What stands in for a signature where there is nothing to sign: the server then says what is wrong with the barcode or
/// the amount, which it looks at first.
const NOTHING_SIGNED: [u8; 64] = [0; 64];

/// A body with the device's word on what it asks for. The operator's has none.
#[derive(Serialize)]
pub(super) struct Signed<'a, B> {
    #[serde(flatten)]
    body: &'a B,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

impl Client {
    /// A payment as it is sent. A barcode that does not verify is not signed for.
    pub(super) async fn signed<'a>(
        &self,
        payment: &'a Payment<'a>,
    ) -> Result<Signed<'a, Payment<'a>>, ClientError> {
        let verified = self.verified(payment.barcode).await?;
        Ok(self.signed_for(payment, verified.as_ref()))
    }

    /// What a barcode asks for; none where it does not verify.
    pub(super) async fn verified(&self, text: &str) -> Result<Option<VerifiedBarcode>, ClientError> {
        let (origin, keys) = self.server_keys(false).await?;
        Ok(match verify(text, &origin, &keys) {
            // Sealed by a key that is newer than what is known here.
            Err(BarcodeError::UnknownKey) => {
                let (origin, keys) = self.server_keys(true).await?;
                verify(text, &origin, &keys).ok()
            }
            verified => verified.ok(),
        })
    }

    pub(super) fn signed_for<'a>(
        &self,
        payment: &'a Payment<'a>,
        barcode: Option<&VerifiedBarcode>,
    ) -> Signed<'a, Payment<'a>> {
        let leg = barcode.and_then(|barcode| leg(payment, barcode));
        self.with_word(payment, payment.id, leg.as_slice())
    }

    /// A body as it is sent, with this party's word on the legs that it asks for. Without legs there is nothing to sign.
    pub(super) fn with_word<'a, B: Serialize>(
        &self,
        body: &'a B,
        id: TransferId,
        legs: &[Leg],
    ) -> Signed<'a, B> {
        let Who::Device { signer, .. } = &self.who else { return Signed { body, signature: None } };
        let origin = self.origin.parse::<Origin>().ok();
        let statement = legs.split_first().zip(origin).map(|((first, others), origin)| {
            // On whose word it moves is not part of the text.
            let mut transfer = Transfer::new(id, Authority::Operator, *first);
            transfer.linked = others.into();
            transfer.statement(&origin.url())
        });
        let signature = statement.map_or(NOTHING_SIGNED, |text| signer.sign(text.as_bytes()));
        Signed { body, signature: Some(BASE64URL_NOPAD.encode(&signature)) }
    }

    /// The server's keys, as they were published when this client, or one that it was made from, first needed them.
    async fn server_keys(&self, is_to_be_fetched: bool) -> Result<(Origin, ServerKeys), ClientError> {
        let known = self.keys.lock().clone().filter(|_| !is_to_be_fetched);
        if let Some(known) = known {
            return Ok(known);
        }
        let fetched = self.fetch_keys().await?;
        *self.keys.lock() = Some(fetched.clone());
        Ok(fetched)
    }
}

fn verify(text: &str, origin: &Origin, keys: &ServerKeys) -> Result<VerifiedBarcode, BarcodeError> {
    SealedBarcode::parse(text, origin)?.verify(keys)
}

/// What is paid; none where the amount is missing or none at all.
fn leg(payment: &Payment<'_>, barcode: &VerifiedBarcode) -> Option<Leg> {
    let details = barcode.details();
    let amount = payment.amount.map_or(details.amount, |amount| Amount::new(amount).ok())?;
    Some(Leg {
        payer: payment.payer,
        payee: details.payee,
        amount,
        currency: details.currency.code(),
        purpose: Purpose::Payment(barcode.terms()),
        reference: details.reference,
    })
}

#[cfg(test)]
mod tests {
    use quittance_barcode::{DeviceSigner, RequestDetails, ServerKey, verify_device_signature};
    use quittance_ledger::{Currency, KeyAlgorithm, Timestamp, Usage, WalletId};

    use super::*;
    use crate::client::{new_request_id, new_transfer_id};

    #[test]
    fn a_device_signs_what_the_barcode_asks_for() {
        let origin: Origin = "https://pay.example.com".parse().unwrap();
        let key = ServerKey::from_secret(&[7; 32]);
        let details = RequestDetails {
            request: new_request_id().unwrap(),
            payee: WalletId::from_bytes([3; 16]).unwrap(),
            currency: Currency::new("EUR".parse().unwrap(), None).unwrap(),
            amount: Some(Amount::new(1_250).unwrap()),
            usage: Usage::OneTime,
            expires_at: Some(Timestamp::from_secs(1_795_519_800)),
            payee_name: "Café".parse().unwrap(),
            reference: None,
            has_more: false,
        };
        let text = key.seal(&details, &origin).unwrap();
        let barcode = verify(&text, &origin, &ServerKeys::new(&[key.public()]).unwrap()).unwrap();
        let (id, payer) = (new_transfer_id().unwrap(), WalletId::from_bytes([1; 16]).unwrap());
        let payment = Payment { id, payer, barcode: &text, amount: None, currency: None, pin: "2580" };
        let signer = DeviceSigner::from_secret(KeyAlgorithm::P256, &[5; 32]).unwrap();
        let public = signer.public();
        let client = Client::new("https://pay.example.com").device(signer, public.device_id());

        let body = serde_json::to_value(client.signed_for(&payment, Some(&barcode))).unwrap();
        let signature = BASE64URL_NOPAD.decode(body["signature"].as_str().unwrap().as_bytes()).unwrap();
        let said = format!(
            "quittance transfer 1\norigin https://pay.example.com\nid {id}\npay 1250 EUR from {payer} to {} for {}\n",
            details.payee, details.request
        );
        verify_device_signature(&public, said.as_bytes(), &signature.try_into().unwrap()).unwrap();
        assert_eq!(body["pin"], "2580");

        let nothing = client.signed_for(&payment, None);
        assert_eq!(nothing.signature, Some(BASE64URL_NOPAD.encode(&NOTHING_SIGNED)));
    }
}
