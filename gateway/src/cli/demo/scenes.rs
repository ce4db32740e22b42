//! The steps of the demo, in order. Each checks what it shows.

use std::fmt::Display;
use std::time::Duration;

use quittance_barcode::{Origin, SealedBarcode, Sealer, ServerKeys, Untrusted, VerifiedBarcode};
use quittance_ledger::{AccountKind, Amount, CurrencyCode, KeyAlgorithm, Reference, Timestamp, Usage};

use super::cast::{Paired, Player, Role};
use super::folder::DemoFolder;
use super::screen::Screen;
use super::{Outcome, read_off_pixels};
use crate::cli::till::{TillRequest, make_barcode, read_certificate};
use crate::client::{
    BarcodeFormat, BarcodeLook, Client, ClientError, EventStream, NewPaymentRequest, Payment, PaymentRequest,
    ProblemDetails, Transfer, TransferStatus, UnitsMovement, new_transfer_id, rfc3339, unix_millis,
};
use crate::wording::says_more;

const ISSUED_CENTS: u64 = 5_000;
const PRICE_CENTS: u64 = 1_250;
const KIOSK_PRICE_CENTS: u64 = 400;
const WRONG_PIN: &str = "0000";
const MAX_NOTICE_DELAY: Duration = Duration::from_secs(20);
const OFFLINE_LIFETIME_SECS: u64 = 300;

/// The play: who asks whom, and where it is shown.
pub(super) struct Scenes<'a> {
    origin: &'a str,
    operator: Client,
    folder: &'a DemoFolder,
    screen: &'a mut Screen,
}

/// What the payer's phone has found out of a barcode by itself.
struct Read {
    text: String,
    verified: VerifiedBarcode,
}

impl<'a> Scenes<'a> {
    pub(super) fn new(
        origin: &'a str,
        operator_key: &str,
        folder: &'a DemoFolder,
        screen: &'a mut Screen,
    ) -> Self {
        Self { origin, operator: Client::new(origin).operator(operator_key), folder, screen }
    }

    /// Plays all steps.
    pub(super) async fn play(mut self) -> Outcome<()> {
        let euro: CurrencyCode = "EUR".parse()?;
        let (ada, cafe) = self.bring_in(euro).await?;
        self.issue(&ada, euro).await?;

        let (mut till_events, mut phone_events) = self.listen(&ada, &cafe).await?;
        let request = self.ask(&cafe, euro).await?;
        let picture = self.show_barcode(&cafe, &request).await?;
        let keys = self.fetch_keys().await?;
        let barcode = self.read_barcode(&picture, &keys)?;
        self.try_wrong_pin(&ada, &barcode).await?;
        let paid = self.pay(&ada, &barcode).await?;
        self.hear("Both are notified", &paid, &mut till_events, &mut phone_events).await?;
        self.show_balances(&ada, &cafe, ISSUED_CENTS - PRICE_CENTS, PRICE_CENTS).await?;
        self.show_histories(&ada, &cafe, &paid).await?;
        self.ask_again(&ada, &barcode, &paid).await?;
        let refused = self.pay_twice(&ada, &barcode).await?;
        self.hear("Both are told of that too", &refused, &mut till_events, &mut phone_events).await?;

        let barcode = self.make_offline_barcode(&cafe, &keys).await?;
        let paid = self.pay(&ada, &barcode).await?;
        self.hear("Both are notified again", &paid, &mut till_events, &mut phone_events).await?;
        let spent = PRICE_CENTS + KIOSK_PRICE_CENTS;
        self.show_balances(&ada, &cafe, ISSUED_CENTS - spent, spent).await
    }

    async fn bring_in(&mut self, euro: CurrencyCode) -> Outcome<(Player, Player)> {
        self.screen.step("The operator registers a currency and opens two accounts");
        let currency = self.operator.register_currency(euro, None).await?;
        self.screen.fact("currency", format_args!("{euro}, with {} decimals", currency.exponent));
        let ada = Role {
            name: "Ada Lindqvist",
            kind: AccountKind::Person,
            device: "Ada's phone",
            algorithm: KeyAlgorithm::P256,
            pin: "2580",
        };
        let cafe = Role {
            name: "Café Zentral",
            kind: AccountKind::Business,
            device: "till 1",
            algorithm: KeyAlgorithm::Ed25519,
            pin: "1397",
        };
        let ada = ada.open(&self.operator).await?;
        let cafe = cafe.open(&self.operator).await?;
        self.screen.fact("a person", "Ada Lindqvist");
        self.screen.fact("a business", "Café Zentral");

        self.screen.step("Each pairs a device by a code that works once");
        let ada = ada.pair(self.origin).await?;
        let cafe = cafe.pair(self.origin).await?;
        self.tell_device(&ada);
        self.tell_device(&cafe);

        self.screen.step("Each device opens a wallet");
        let ada = ada.open_wallet(euro).await?;
        let cafe = cafe.open_wallet(euro).await?;
        for player in [&ada, &cafe] {
            self.screen.fact(player.name, player.wallet);
        }
        Ok((ada, cafe))
    }

    fn tell_device(&self, paired: &Paired) {
        let algorithm = match paired.algorithm() {
            KeyAlgorithm::Ed25519 => "Ed25519",
            KeyAlgorithm::P256 => "P-256",
        };
        self.screen.fact(paired.name(), format_args!("{}, signs with {algorithm}", paired.device()));
    }

    async fn issue(&mut self, ada: &Player, euro: CurrencyCode) -> Outcome<()> {
        self.screen.step("The operator issues units to Ada");
        let reference = Some("cash paid in");
        let movement =
            UnitsMovement { id: new_transfer_id()?, amount: ISSUED_CENTS, currency: euro, reference };
        let issued = self.operator.issue(ada.wallet, &movement).await?;
        self.screen.fact("issued", issued.display);
        self.screen.fact("Ada has", ada.wallet().await?.display.posted);
        Ok(())
    }

    async fn listen(&mut self, ada: &Player, cafe: &Player) -> Outcome<(EventStream, EventStream)> {
        self.screen.step("Till and phone each follow their account's events");
        let streams = (cafe.client.events(None).await?, ada.client.events(None).await?);
        self.screen.fact("streams", "2 open");
        Ok(streams)
    }

    async fn ask(&mut self, cafe: &Player, euro: CurrencyCode) -> Outcome<PaymentRequest> {
        self.screen.step("The till asks for a payment");
        let new = NewPaymentRequest {
            reference: Some("ORDER-2026-0042"),
            description: Some("Melange and cake"),
            ..NewPaymentRequest::of(Some(PRICE_CENTS), euro)
        };
        let request = cafe.client.request_payment(cafe.wallet, &new).await?;
        self.screen.fact("amount", shown(request.display.as_ref()));
        self.screen.fact("reference", shown(request.reference.as_ref()));
        self.screen.fact("until", shown(request.expires_at.as_ref()));
        Ok(request)
    }

    async fn show_barcode(&mut self, cafe: &Player, request: &PaymentRequest) -> Outcome<Vec<u8>> {
        self.screen.step("The till shows its barcode");
        let look = |format| BarcodeLook { format: Some(format), ..BarcodeLook::default() };
        let picture = cafe.client.barcode(cafe.wallet, request.id, look(BarcodeFormat::Png)).await?;
        tokio::fs::write(self.folder.barcode(), &picture).await?;
        let blocks = cafe.client.barcode(cafe.wallet, request.id, look(BarcodeFormat::Terminal)).await?;
        self.screen.picture(std::str::from_utf8(&blocks)?);
        self.screen.fact("picture", self.folder.barcode().display());
        Ok(picture.to_vec())
    }

    async fn fetch_keys(&mut self) -> Outcome<(Origin, ServerKeys)> {
        self.screen.step("The phone has the server's published keys");
        let published = Client::new(self.origin).keys().await?;
        for key in &published.keys {
            self.screen.fact("key", format_args!("{} ({})", Untrusted(&key.id), Untrusted(&key.algorithm)));
        }
        Ok(Client::new(self.origin).fetch_keys().await?)
    }

    fn read_barcode(&mut self, picture: &[u8], keys: &(Origin, ServerKeys)) -> Outcome<Read> {
        self.screen.step("The phone reads the barcode off its pixels, and checks its seal offline");
        let text = read_off_pixels(picture)?;
        self.verify(text, keys)
    }

    /// What a phone does before it shows anything: no server is asked.
    fn verify(&self, text: String, (origin, keys): &(Origin, ServerKeys)) -> Outcome<Read> {
        let verified = SealedBarcode::parse(&text, origin)?.verify(keys)?;
        verified.check_expiry(Timestamp::from_millis(unix_millis()))?;
        let details = verified.details();
        let amount = details.amount.and_then(|amount| i64::try_from(amount.get()).ok());
        self.screen.fact("pay to", details.payee_name);
        self.screen.fact("amount", shown(amount.map(|cents| details.currency.format(cents)).as_ref()));
        self.screen.fact("reference", shown(details.reference.as_ref()));
        self.screen.fact("until", shown(details.expires_at.map(rfc3339).as_ref()));
        match verified.sealer() {
            Sealer::Server => self.screen.fact("sealed by", "the server"),
            Sealer::Till { device, certified_until } => {
                self.screen.fact("sealed by", format_args!("till {}", device.device_id()));
                self.screen.fact("certified until", rfc3339(*certified_until));
            }
        }
        Ok(Read { text, verified })
    }

    async fn try_wrong_pin(&mut self, ada: &Player, barcode: &Read) -> Outcome<()> {
        self.screen.step("Ada mistypes her PIN");
        let wrong = Payment { pin: WRONG_PIN, ..payment(ada, barcode)? };
        let problem = refused(ada.client.pay_verified(&wrong, &barcode.verified).await, "a wrong PIN")?;
        self.tell_refusal(&problem);
        let account = ada.client.account(ada.account).await?;
        self.screen.fact("attempts left", account.pin_attempts_left);
        Ok(())
    }

    async fn pay(&mut self, ada: &Player, barcode: &Read) -> Outcome<Transfer> {
        self.screen.step("Ada confirms with her PIN, and the payment settles");
        let paid = ada.client.pay_verified(&payment(ada, barcode)?, &barcode.verified).await?;
        must(barcode.verified.details().payee == paid.payee, "the units went to who the barcode names")?;
        self.screen.fact("transfer", paid.id);
        self.screen.fact("position", paid.position);
        self.screen.fact("at", &paid.at);
        Ok(paid)
    }

    async fn hear(
        &mut self,
        what: &str,
        paid: &Transfer,
        till: &mut EventStream,
        phone: &mut EventStream,
    ) -> Outcome<()> {
        self.screen.step(what);
        for (who, sign, stream) in [("till 1", "+", till), ("Ada's phone", "-", phone)] {
            loop {
                let notice = tokio::time::timeout(MAX_NOTICE_DELAY, stream.next()).await??;
                let notice = notice.ok_or("the server ended a stream of events")?;
                let transfer = &notice.notification.transfer;
                let Transfer { display, position, status, .. } = transfer;
                let sign = if *status == TransferStatus::Settled { sign } else { "" };
                self.screen.fact(who, format_args!("{} {sign}{display}, position {position}", notice.name));
                if transfer.id == paid.id {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn show_balances(&mut self, ada: &Player, cafe: &Player, hers: u64, theirs: u64) -> Outcome<()> {
        self.screen.step("The balances");
        for (player, cents) in [(ada, hers), (cafe, theirs)] {
            let wallet = player.wallet().await?;
            self.screen.fact(player.name, &wallet.display.posted);
            must(u64::try_from(wallet.posted) == Ok(cents), "the balance is what it must be")?;
        }
        Ok(())
    }

    async fn show_histories(&mut self, ada: &Player, cafe: &Player, paid: &Transfer) -> Outcome<()> {
        self.screen.step("Both find the transfer in their histories");
        for player in [ada, cafe] {
            let page = player.client.transfers(player.wallet, None, None).await?;
            let found = page.transfers.iter().find(|transfer| transfer.id == paid.id);
            let found = found.ok_or("a history lacks the transfer")?;
            let Transfer { display, position, .. } = found;
            let is_same = (display, position) == (&paid.display, &paid.position);
            must(is_same, "both histories tell the same of the transfer")?;
            self.screen.fact(player.name, format_args!("position {position}, {display}"));
        }
        Ok(())
    }

    async fn ask_again(&mut self, ada: &Player, barcode: &Read, paid: &Transfer) -> Outcome<()> {
        self.screen.step("The phone asks again under the same id, as if no answer had come");
        let repeat = Payment { id: paid.id, ..payment(ada, barcode)? };
        let answer = ada.client.pay_verified(&repeat, &barcode.verified).await?;
        must(answer == *paid, "a repeat is answered as the first time")?;
        self.screen.fact("answer", "the same, and nothing moved");
        Ok(())
    }

    async fn pay_twice(&mut self, ada: &Player, barcode: &Read) -> Outcome<Transfer> {
        self.screen.step("A second payment of the one-time request is refused");
        let problem = refused(
            ada.client.pay_verified(&payment(ada, barcode)?, &barcode.verified).await,
            "a second payment",
        )?;
        self.tell_refusal(&problem);
        problem.transfer.map(|transfer| *transfer).ok_or_else(|| "the refusal is not on record".into())
    }

    async fn make_offline_barcode(&mut self, cafe: &Player, keys: &(Origin, ServerKeys)) -> Outcome<Read> {
        self.screen.step("The till fetches a certificate, goes offline and makes a barcode by itself");
        let issued = cafe.client.certify_till(cafe.wallet, None, None).await?;
        self.screen.fact("certified until", &issued.expires_at);
        let certified = read_certificate(&issued.certificate, &keys.0)?;
        let now = Timestamp::from_millis(unix_millis());
        let text = make_barcode(
            &certified,
            &cafe.signer,
            TillRequest {
                amount: Some(Amount::new(KIOSK_PRICE_CENTS)?),
                usage: Usage::OneTime,
                expires_at: now.plus_millis(OFFLINE_LIFETIME_SECS.saturating_mul(1_000)),
                reference: Some("KIOSK-7".parse::<Reference>()?),
            },
        )?;

        self.screen.step("The phone checks that barcode offline too");
        self.verify(text, keys)
    }

    fn tell_refusal(&self, problem: &ProblemDetails) {
        self.screen.fact("refused", Untrusted(&problem.title));
        if says_more(&problem.title, &problem.detail) {
            self.screen.fact("because", Untrusted(&problem.detail));
        }
        self.screen.fact("what to do", Untrusted(&problem.mend));
    }
}

/// A new payment of a barcode, with the right PIN and what the payer was shown.
fn payment<'a>(ada: &'a Player, barcode: &'a Read) -> Outcome<Payment<'a>> {
    let details = barcode.verified.details();
    Ok(Payment {
        id: new_transfer_id()?,
        payer: ada.wallet,
        barcode: &barcode.text,
        amount: details.amount.map(Amount::get),
        currency: Some(details.currency.code()),
        pin: ada.pin,
    })
}

fn refused(answer: Result<Transfer, ClientError>, what: &str) -> Outcome<Box<ProblemDetails>> {
    match answer {
        Err(ClientError::Problem(problem)) => Ok(problem),
        Err(other) => Err(other.into()),
        Ok(_) => Err(format!("{what} was not refused").into()),
    }
}

fn must(holds: bool, what: &str) -> Outcome<()> {
    if holds { Ok(()) } else { Err(format!("it does not hold that {what}").into()) }
}

fn shown(value: Option<&impl Display>) -> String {
    value.map_or_else(|| "-".to_owned(), ToString::to_string)
}
