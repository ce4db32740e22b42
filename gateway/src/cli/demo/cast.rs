//! Who plays in the demo: an account with a device, a wallet, and a client of its own.

use std::sync::Arc;

use quittance_barcode::DeviceSigner;
use quittance_ledger::{AccountId, AccountKind, CurrencyCode, KeyAlgorithm, WalletId};

use super::Outcome;
use crate::client::{Client, NewAccount, NewDevice, NewWallet, Wallet, new_signer};

/// Somebody with an account.
pub(super) struct Player {
    /// A client that asks as the player's device.
    pub(super) client: Client,
    /// The device's key, for what it signs without a server.
    pub(super) signer: Arc<DeviceSigner>,
    pub(super) account: AccountId,
    pub(super) wallet: WalletId,
    pub(super) name: &'static str,
    pub(super) pin: &'static str,
}

/// What is needed to bring a player in.
pub(super) struct Role {
    pub(super) name: &'static str,
    pub(super) kind: AccountKind,
    pub(super) device: &'static str,
    pub(super) algorithm: KeyAlgorithm,
    pub(super) pin: &'static str,
}

/// An account that has neither a device nor a wallet yet.
pub(super) struct Opened {
    role: Role,
    account: AccountId,
    code: String,
}

/// An account with a device, and no wallet yet.
pub(super) struct Paired {
    opened: Opened,
    client: Client,
    signer: Arc<DeviceSigner>,
}

impl Role {
    /// The operator opens the account.
    pub(super) async fn open(self, operator: &Client) -> Outcome<Opened> {
        let new = NewAccount { id: None, name: self.name, kind: self.kind };
        let opened = operator.open_account(&new).await?;
        Ok(Opened { role: self, account: opened.account.id, code: opened.pairing.code })
    }
}

impl Opened {
    /// The device makes its key, and shows the pairing code.
    pub(super) async fn pair(self, origin: &str) -> Outcome<Paired> {
        let signer = Arc::new(new_signer(self.role.algorithm)?);
        let new = NewDevice { code: &self.code, name: self.role.device, pin: self.role.pin };
        let (client, _) = Client::new(origin).pair(Arc::clone(&signer), new).await?;
        Ok(Paired { opened: self, client, signer })
    }
}

impl Paired {
    pub(super) const fn name(&self) -> &'static str {
        self.opened.role.name
    }

    pub(super) const fn device(&self) -> &'static str {
        self.opened.role.device
    }

    pub(super) const fn algorithm(&self) -> KeyAlgorithm {
        self.opened.role.algorithm
    }

    /// The device opens a wallet.
    pub(super) async fn open_wallet(self, currency: CurrencyCode) -> Outcome<Player> {
        let new = NewWallet { id: None, account: None, currency, name: None };
        let wallet = self.client.open_wallet(&new).await?.id;
        let Role { name, pin, .. } = self.opened.role;
        let Self { opened: Opened { account, .. }, client, signer } = self;
        Ok(Player { client, signer, account, wallet, name, pin })
    }
}

impl Player {
    /// The player's wallet as it is now.
    pub(super) async fn wallet(&self) -> Outcome<Wallet> {
        Ok(self.client.wallet(self.wallet).await?)
    }
}
