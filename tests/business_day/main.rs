//! A business day of a small town, played through the public API alone, over the real binary on a real disk.
//!
//! The test keeps its own book of what every wallet must hold, from what it asked for and from nothing that the server said
//! of balances. At the end of each chapter every wallet is held against it, to the unit; in the end the books are closed: the
//! server is stopped, and the audit of its store must come to the same.
//!
//! `cargo test -p quittance --test business_day -- --nocapture` prints the chapters with their figures.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that can't go on has failed, as it should"
)]

mod book;
mod bounds;
mod charges;
mod closing;
mod counter;
mod crash;
mod exchange;
mod holds;
mod invoice;
mod ledgers;
mod opening;
mod refunds;
mod town;

use town::Town;

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_business_day() {
    town::begin_in_the_middle_of_a_day().await;
    let mut town = Town::new().await;
    opening::play(&mut town).await;
    town.end_chapter("accounts, wallets and the first units").await;
    let first_blocks = closing::keep_the_first_head(&town).await;
    counter::top_ups(&town).await;
    town.end_chapter("cash becomes units at the agent").await;
    counter::payments(&town).await;
    town.end_chapter("a hundred payments of every kind").await;
    holds::play(&mut town).await;
    town.end_chapter("units set aside, taken and let go").await;
    invoice::play(&town).await;
    town.end_chapter("an invoice paid in three parts").await;
    charges::play(&town).await;
    town.end_chapter("splits and fees").await;
    refunds::play(&town).await;
    town.end_chapter("refunds and a reversal").await;
    exchange::play(&town).await;
    town.end_chapter("euros become yen").await;
    bounds::play(&town).await;
    town.end_chapter("freezes, bounds and limits").await;
    crash::play(&mut town).await;
    town.end_chapter("the power fails, and comes back").await;
    ledgers::play(&town).await;
    town.end_chapter("statements, the past, look-ups and receipts").await;
    closing::play(town, first_blocks).await;
}
