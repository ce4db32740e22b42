//! A store's journal, read from its files by what they are documented to be, and by nothing of the engine's.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use quittance_journal::{Block, BlockHash, BlockHeader};
use quittance_ledger::{Event, Transfer, TransferId, WalletId};

/// All that a journal says, from its first block to the last that is whole and follows on.
#[derive(Debug, Default)]
pub struct Journal {
    blocks: Vec<Block>,
    /// Of each wallet: after which record it held how much.
    balances: HashMap<WalletId, Vec<(u64, i64)>>,
    transfers: HashMap<TransferId, (u64, bool)>,
    /// What each id names, and so where it was first heard of.
    named: HashMap<String, u64>,
}

impl Journal {
    /// Reads the journal of the store in a folder. A store without one has an empty journal.
    ///
    /// # Panics
    /// A block names a transfer that was there before, or moves more than there can be.
    #[must_use]
    pub fn read(store: &Path) -> Self {
        let Ok(entries) = fs::read_dir(store.join("journal")) else { return Self::default() };
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "blocks"));
        paths.sort_unstable();
        let mut journal = Self::default();
        for path in paths {
            let bytes = fs::read(path).unwrap();
            let mut rest = &bytes[..];
            while let Ok(header) = BlockHeader::read(rest) {
                let Some((block, after)) = rest.split_at_checked(header.block_bytes()) else { break };
                match Block::decode(block) {
                    Ok(block) if block.previous == journal.last_hash() => journal.take(block),
                    _ => break,
                }
                rest = after;
            }
        }
        journal
    }

    fn last_hash(&self) -> BlockHash {
        self.blocks.last().map_or(BlockHash::GENESIS, |block| block.hash)
    }

    fn take(&mut self, block: Block) {
        for (position, record) in block.positioned() {
            let position = position.get();
            if let Some(name) = named_by(&record.event) {
                self.named.entry(name).or_insert(position);
            }
            let (transfer, is_settled) = match &record.event {
                Event::TransferSettled(transfer) => (transfer, true),
                Event::TransferRefused(transfer, _) => (transfer, false),
                _ => continue,
            };
            let before = self.transfers.insert(transfer.id, (position, is_settled));
            assert!(before.is_none(), "{} has two effects: {before:?} and {position}", transfer.id);
            if is_settled {
                self.settle(position, transfer);
            }
        }
        self.blocks.push(block);
    }

    fn settle(&mut self, position: u64, transfer: &Transfer) {
        for leg in transfer.legs().filter(|leg| leg.purpose.is_moving()) {
            let amount = i64::try_from(leg.amount.get()).unwrap();
            for (wallet, change) in [(leg.payer, -amount), (leg.payee, amount)] {
                let held = self.balances.entry(wallet).or_default();
                let before = held.last().map_or(0, |(_, balance)| *balance);
                held.push((position, before + change));
            }
        }
    }

    /// The position of the last record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.last().get())
    }

    /// The hashes of the blocks.
    pub fn hashes(&self) -> impl Iterator<Item = BlockHash> + '_ {
        self.blocks.iter().map(|block| block.hash)
    }

    /// Whether all its blocks are the first of another journal's.
    #[must_use]
    pub fn is_beginning_of(&self, other: &Self) -> bool {
        self.blocks.len() <= other.blocks.len() && self.hashes().eq(other.hashes().take(self.blocks.len()))
    }

    /// Where a transfer is, and whether it moved anything.
    #[must_use]
    pub fn transfer(&self, id: TransferId) -> Option<(u64, bool)> {
        self.transfers.get(&id).copied()
    }

    /// The transfers that moved something.
    pub fn settled(&self) -> impl Iterator<Item = TransferId> + '_ {
        self.transfers.iter().filter(|(_, (_, is_settled))| *is_settled).map(|(id, _)| *id)
    }

    /// Where the transfers are that changed what a wallet holds.
    #[must_use]
    pub fn positions(&self, wallet: WalletId) -> Vec<u64> {
        let mut positions: Vec<_> =
            self.balances.get(&wallet).into_iter().flatten().map(|(position, _)| *position).collect();
        positions.dedup();
        positions
    }

    /// The last record that a text tells of, by the ids in it.
    #[must_use]
    pub fn told_of(&self, text: &str) -> u64 {
        let words = text.split(|character: char| !character.is_ascii_hexdigit() && character != '-');
        let told = words.filter(|word| word.len() == 36).filter_map(|word| self.named.get(word));
        told.copied().max().unwrap_or(0)
    }

    /// Where a wallet was opened.
    ///
    /// # Panics
    /// It was not.
    #[must_use]
    pub fn opened_wallet(&self, wallet: WalletId) -> u64 {
        self.named[&wallet.to_string()]
    }

    /// What a wallet held after the record at a position.
    #[must_use]
    pub fn balance(&self, wallet: WalletId, position: u64) -> i64 {
        let Some(held) = self.balances.get(&wallet) else { return 0 };
        let after = held.partition_point(|(changed, _)| *changed <= position);
        after.checked_sub(1).map_or(0, |index| held[index].1)
    }

    /// The first record from `from` on after which a wallet held so much.
    #[must_use]
    pub fn when_it_held(&self, wallet: WalletId, posted: i64, from: u64) -> Option<u64> {
        if self.balance(wallet, from) == posted {
            return Some(from);
        }
        let held = self.balances.get(&wallet)?;
        held.iter().find(|(position, balance)| *position > from && *balance == posted).map(|(at, _)| *at)
    }
}

/// What a record gives a name to.
fn named_by(event: &Event) -> Option<String> {
    Some(match event {
        Event::TransferSettled(transfer) | Event::TransferRefused(transfer, _) => transfer.id.to_string(),
        Event::AccountOpened { account, .. } => account.to_string(),
        Event::WalletOpened { wallet, .. } => wallet.to_string(),
        Event::PaymentRequestOpened(request) => request.terms.request.to_string(),
        _ => return None,
    })
}
