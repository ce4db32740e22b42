//! Who takes part: accounts with a device and two wallets each, and the currency's issuer.

use quittance_barcode::DeviceSigner;
use quittance_engine::{Engine, EngineError, PairedDevice, PairingOrder};
use quittance_ledger::{
    AccountId, AccountKind, Currency, CurrencyCode, KeyAlgorithm, Refusal, Transfer, WalletId,
};

pub(crate) const ACCOUNTS: usize = 4;
const WALLETS_EACH: usize = 2;
const CURRENCY: &str = "EUR";
pub(crate) const RIGHT_PIN: &str = "1234";
pub(crate) const WRONG_PIN: &str = "9999";

/// An account and what pays for it.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) account: AccountId,
    pub(crate) device: PairedDevice,
    signer: DeviceSigner,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) currency: CurrencyCode,
    pub(crate) issuer: WalletId,
    pub(crate) persons: Vec<Person>,
    /// The wallets of the first person, and so on.
    pub(crate) wallets: Vec<WalletId>,
}

/// Sixteen bytes that are an id of any version.
fn id_bytes(what: u8, number: usize) -> [u8; 16] {
    let mut bytes = [what; 16];
    (bytes[6], bytes[8], bytes[15]) = (0x40, 0x80, number as u8);
    bytes
}

impl People {
    /// Has all of them registered, as often as it is asked: what a crash took back is done again.
    pub(crate) async fn gather(engine: &Engine) -> Result<Self, EngineError> {
        let damaged = |error: String| EngineError::Damaged(error);
        let currency: CurrencyCode =
            CURRENCY.parse().map_err(|error| damaged(format!("{CURRENCY}: {error}")))?;
        let known = Currency::new(currency, None).map_err(|error| damaged(error.to_string()))?;
        let issuer = engine.register_currency(known).await?;
        let (mut persons, mut wallets) = (Vec::new(), Vec::new());
        for number in 0..ACCOUNTS {
            let account =
                AccountId::from_bytes(id_bytes(0xA0, number)).map_err(|e| damaged(e.to_string()))?;
            let signer = DeviceSigner::from_secret(KeyAlgorithm::Ed25519, &[number as u8 + 1; 32])?;
            let name = format!("person {number}").parse().map_err(|_| damaged("name".to_owned()))?;
            let (_, code) = engine.open_account(Some(account), name, AccountKind::Person).await?;
            let device = match engine.paired_device(signer.public().device_id()) {
                Ok(device) => device,
                Err(Refusal::DeviceUnknown) => {
                    let order = PairingOrder {
                        code: code.code,
                        key: signer.public(),
                        name: "phone".parse().map_err(|_| damaged("name".to_owned()))?,
                        pin: RIGHT_PIN.parse().map_err(|_| damaged("PIN".to_owned()))?,
                    };
                    engine.pair_device(order).await?
                }
                Err(refusal) => return Err(refusal.into()),
            };
            for place in 0..WALLETS_EACH {
                let id = id_bytes(0xB0, number * WALLETS_EACH + place);
                let id = WalletId::from_bytes(id).map_err(|error| damaged(error.to_string()))?;
                wallets.push(engine.open_wallet(account, Some(id), currency, None).await?.id);
            }
            persons.push(Person { account, device, signer });
        }
        Ok(Self { currency, issuer, persons, wallets })
    }

    /// The wallet at a place, taken round.
    pub(crate) fn wallet(&self, place: usize) -> WalletId {
        self.wallets[place % self.wallets.len()]
    }

    /// Whose the wallet is; none is the issuer's.
    pub(crate) fn owner(&self, wallet: WalletId) -> Option<&Person> {
        let place = self.wallets.iter().position(|known| *known == wallet)?;
        self.persons.get(place / WALLETS_EACH)
    }

    pub(crate) fn is_wallet(&self, wallet: WalletId) -> bool {
        self.wallets.contains(&wallet)
    }
}

impl Person {
    pub(crate) fn sign(&self, engine: &Engine, transfer: &Transfer) -> [u8; 64] {
        self.signer.sign(transfer.statement(&engine.origin().url()).as_bytes())
    }
}
