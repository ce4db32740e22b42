//! The wallets of a partition, in pages: what changed is written by pages, because a key for each wallet costs a store more
//! than the wallet.
//!
//! Wallets stand in the order in which they were opened, and none ever leaves, so a wallet keeps its page for ever and all pages
//! but the last are full. A page is known to have changed by a flag in it, which costs a transfer next to nothing.

use foldhash::{HashMap, HashMapExt as _};
use quittance_ledger::{Wallet, WalletId};

/// How many wallets a page has. Part of the store's format: never changed.
pub const WALLETS_PER_PAGE: u32 = 64;

/// A page's place among those of its partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageNumber(u32);

impl PageNumber {
    /// The page with this number, from 0.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, from 0.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[derive(Debug, Default)]
struct Page {
    wallets: Vec<Wallet>,
    is_dirty: bool,
}

impl Page {
    const fn is_full(&self) -> bool {
        self.wallets.len() >= WALLETS_PER_PAGE as usize
    }
}

/// Where a wallet is, counted over all pages.
#[derive(Clone, Copy, Debug)]
struct Slot(u32);

impl Slot {
    const fn page(self) -> PageNumber {
        PageNumber(self.0 / WALLETS_PER_PAGE)
    }

    const fn place(self) -> usize {
        (self.0 % WALLETS_PER_PAGE) as usize
    }
}

#[derive(Debug)]
pub(crate) struct Pages {
    slots: HashMap<WalletId, Slot>,
    pages: Vec<Page>,
    /// Those whose flag is set.
    dirty: Vec<PageNumber>,
}

impl Pages {
    pub(crate) fn new() -> Self {
        Self { slots: HashMap::new(), pages: Vec::new(), dirty: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Wallet> {
        self.pages.iter().flat_map(|page| &page.wallets)
    }

    pub(crate) fn get(&self, id: WalletId) -> Option<&Wallet> {
        let slot = *self.slots.get(&id)?;
        self.pages.get(slot.page().0 as usize)?.wallets.get(slot.place())
    }

    pub(crate) fn get_mut(&mut self, id: WalletId) -> Option<&mut Wallet> {
        let slot = *self.slots.get(&id)?;
        self.pages.get_mut(slot.page().0 as usize)?.wallets.get_mut(slot.place())
    }

    /// A wallet whose durable state is about to change.
    pub(crate) fn change(&mut self, id: WalletId) -> Option<&mut Wallet> {
        let slot = *self.slots.get(&id)?;
        let page = self.pages.get_mut(slot.page().0 as usize)?;
        if !page.is_dirty {
            page.is_dirty = true;
            self.dirty.push(slot.page());
        }
        page.wallets.get_mut(slot.place())
    }

    /// Adds a wallet that was opened.
    pub(crate) fn open(&mut self, wallet: Wallet) {
        let id = wallet.id();
        self.place(id);
        if self.pages.last().is_none_or(Page::is_full) {
            self.pages.push(Page::default());
        }
        if let Some(page) = self.pages.last_mut() {
            page.wallets.push(wallet);
        }
        let _ = self.change(id);
    }

    /// Puts back the next page as a checkpoint has it.
    pub(crate) fn restore(&mut self, wallets: Vec<Wallet>) {
        assert!(self.pages.last().is_none_or(Page::is_full), "all pages but the last are full");
        assert!(wallets.len() <= WALLETS_PER_PAGE as usize, "a page holds so many wallets and no more");
        wallets.iter().for_each(|wallet| self.place(wallet.id()));
        self.pages.push(Page { wallets, is_dirty: false });
    }

    /// Gives a wallet the next place.
    fn place(&mut self, id: WalletId) {
        let Ok(slot) = u32::try_from(self.slots.len()) else {
            unreachable!("a partition has fewer than 2^32 wallets")
        };
        let earlier = self.slots.insert(id, Slot(slot));
        assert!(earlier.is_none(), "a wallet is opened once");
    }

    /// The wallets of each page that changed since this was last asked, in order of pages.
    pub(crate) fn take_dirty(&mut self) -> impl Iterator<Item = (PageNumber, &mut [Wallet])> {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        let mut dirty = dirty.into_iter().peekable();
        self.pages.iter_mut().zip((0..).map(PageNumber)).filter_map(move |(page, number)| {
            dirty.next_if_eq(&number)?;
            page.is_dirty = false;
            Some((number, page.wallets.as_mut_slice()))
        })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Wallet> {
        self.pages.iter_mut().flat_map(|page| &mut page.wallets)
    }
}
