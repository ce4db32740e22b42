//! A small store with something in it.

use std::path::{Path, PathBuf};

use pollster::block_on as wait;
use quittance_engine::{Engine, EngineConfig, Keys, OperatorOrder};
use quittance_ledger::{AccountKind, Amount, Currency, TransferId};

/// How many units enter, one after the other, each a block.
const ISSUES: u8 = 6;

/// Makes a store in `folder`, and gives where it is.
pub(crate) fn stocked(folder: &Path) -> PathBuf {
    let store = folder.join("store");
    let keys = Keys::load_or_create(&folder.join("keys")).unwrap();
    let config = EngineConfig::new(store.clone(), "http://127.0.0.1:7400".parse().unwrap());
    let engine = Engine::start(config, keys).unwrap();
    let eur = Currency::new("EUR".parse().unwrap(), None).unwrap();
    wait(engine.register_currency(eur)).unwrap();
    let (account, _) = wait(engine.open_account(None, "Ada".parse().unwrap(), AccountKind::Person)).unwrap();
    let wallet = wait(engine.open_wallet(account.id, None, eur.code(), None)).unwrap().id;
    for number in 0..ISSUES {
        let [_, _, time @ ..] = engine.now().as_millis().to_be_bytes();
        let mut id = [0; 16];
        id[..6].copy_from_slice(&time);
        (id[6], id[8], id[15]) = (0x70, 0x80, number);
        let order = OperatorOrder {
            id: TransferId::from_bytes(id).unwrap(),
            wallet,
            amount: Amount::new(100).unwrap(),
            currency: eur.code(),
            reference: None,
        };
        wait(engine.issue(order)).unwrap();
    }
    drop(engine);
    store
}
