//! A part of the index: what a stretch of the journal says, gathered in memory until it is written.

use std::collections::BTreeMap;

use quittance_journal::Position;
use quittance_ledger::{AccountId, TransferId, WalletId};

use crate::store::{
    HistoryBatch, HistoryTree, IdKey, Line, LinkedLine, Opening, OpeningName, ReferenceHash, StoreError,
};

/// How many records a part is of, and how many lines at most, but for those of the last record: what is written in one batch
/// of a megabyte or two.
const MAX_RECORDS: u64 = 32_768;
const MAX_LINES: usize = 65_536;

/// Entries that are not in the tree yet, in the order in which they came. Plain lists, because most of them are only written.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) lines: Vec<LinkedLine>,
    /// What accounts are told of beside their wallets' lines.
    pub(super) told: Vec<(AccountId, Position)>,
    pub(super) ids: Vec<(TransferId, Position)>,
    pub(super) openings: BTreeMap<OpeningName, Opening>,
    pub(super) references: Vec<(ReferenceHash, Position)>,
    /// What comes before it.
    pub(super) after: Position,
    pub(super) indexed_to: Position,
}

impl Part {
    pub(super) fn new(after: Position) -> Self {
        Self { after, indexed_to: after, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.after == self.indexed_to
    }

    pub(super) fn is_full(&self) -> bool {
        self.indexed_to >= self.after.plus(MAX_RECORDS) || self.lines.len() >= MAX_LINES
    }

    /// A wallet's line at a position, which is in this part.
    pub(super) fn line(&self, wallet: WalletId, position: Position) -> Option<&LinkedLine> {
        let from = self.lines.partition_point(|linked| linked.line.position < position);
        let same = self.lines.iter().skip(from).take_while(|linked| linked.line.position == position);
        same.into_iter().find(|linked| linked.wallet == wallet)
    }

    /// Where a transfer is. The newest are asked for most.
    pub(super) fn find(&self, id: TransferId) -> Option<Position> {
        self.ids.iter().rev().find(|(other, _)| *other == id).map(|(_, position)| *position)
    }

    /// Writes it into the tree, which reaches up to where it begins.
    pub(super) fn write(&self, tree: &HistoryTree, key: &IdKey) -> Result<(), StoreError> {
        let mut batch = HistoryBatch::default();
        batch.lines(&self.lines);
        let mut told = self.told.clone();
        told.sort_unstable();
        for of_account in told.chunk_by(|(a, _), (b, _)| a == b) {
            let Some((account, _)) = of_account.first() else { continue };
            let positions: Vec<_> = of_account.iter().map(|(_, position)| *position).collect();
            batch.told(*account, &positions);
        }
        let ids = self.ids.iter().map(|(id, position)| (id.made_at(), key.hash(*id), *position));
        batch.ids(tree, ids, self.indexed_to)?;
        self.openings.iter().for_each(|(name, opening)| batch.opening(*name, opening));
        batch.references(tree, &self.references)?;
        batch.indexed_to(self.indexed_to);
        tree.write(batch)
    }

    /// The lines of a wallet in `parts`, newest first, by following them back from its last.
    pub(super) fn walk_back<'a>(
        parts: &'a [&'a Self],
        wallet: WalletId,
        last: Option<Line>,
    ) -> impl Iterator<Item = Line> + 'a {
        let mut next = last.map_or(Position::START, |line| line.position);
        let mut parts = parts.iter().rev().peekable();
        std::iter::from_fn(move || {
            while parts.next_if(|part| part.after >= next).is_some() {}
            let linked = parts.peek()?.line(wallet, next)?;
            next = linked.previous;
            Some(linked.line)
        })
    }
}
