//! The first units enter: the agent's float, the market maker's stock, and miles for two who fly.

use super::town::{Town, miles, yen};

pub(crate) const AGENTS_FLOAT: u64 = 500_000;

pub(crate) async fn play(town: &mut Town) {
    let people = &town.people;
    town.issue(people.agent.wallet, AGENTS_FLOAT).await;
    town.issue(people.bureau.wallet, 1_000_000).await;
    let stock = town.open_wallet(&people.bureau, yen()).await;
    town.issue(stock, 10_000_000).await;
    for party in [&people.ada, &people.ben] {
        let wallet = town.open_wallet(party, miles()).await;
        town.issue(wallet, 5_000).await;
        town.open_wallet(party, yen()).await;
    }
    town.open_wallet(&people.cafe, miles()).await;
    // A second wallet in euros, under the same account's limits.
    town.open_wallet(&people.finn, quittance_test_support::euro()).await;
}
