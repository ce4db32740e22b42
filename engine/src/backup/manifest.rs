//! The manifest: what a backup is made of. A text, so that an operator can read it, and hold the files against it with `b3sum`.
//!
//! ```text
//! quittance backup 1
//! key 5d41…                                             one for each key, oldest first
//! piece 6f1c… 21874 34 00000000000000000001-00000000000000000120.blocks
//! end 120 34 9b2e… 1795519800007
//! check 77aa…
//! ```
//!
//! A piece has the BLAKE3 hash of its file, its bytes and its blocks; the end has the position of the last record, the blocks in
//! all, the hash of the last block, and when the last record was decided, in milliseconds since 1970 (0 where there is none).
//! The check is the BLAKE3 hash of all that stands before its line.

use data_encoding::HEXLOWER;
use quittance_journal::{BlockHash, Position, Tip};
use quittance_ledger::Timestamp;

use super::BackupContent;

const FORMAT_PREFIX: &str = "quittance backup ";
const FORMAT_NUMBER: u32 = 1;
pub(super) const PIECE_SUFFIX: &str = ".blocks";

/// What a backup has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The fingerprints of the keys that the store was used with.
    pub(super) keys: Vec<[u8; 32]>,
    /// In their order, without a gap.
    pub(super) pieces: Vec<Piece>,
    pub(super) tip: Tip,
    /// When the last record was decided.
    pub(super) at: Timestamp,
}

/// A file with blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first: Position,
    pub(super) last: Position,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    pub(super) hash: [u8; 32],
}

/// Why a text is no manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    NewerFormat(u32),
    Damaged,
}

impl Piece {
    /// What its file is called.
    pub(super) fn name(&self) -> String {
        format!("{:020}-{:020}{PIECE_SUFFIX}", self.first.get(), self.last.get())
    }

    /// The positions of the piece whose file has this name; none where that is no piece's.
    pub(super) fn positions(name: &str) -> Option<(Position, Position)> {
        let (first, last) = name.strip_suffix(PIECE_SUFFIX)?.split_once('-')?;
        let (first, last) = (number(first)?, number(last)?);
        Some((Position::new(first), Position::new(last)))
    }
}

/// A number of twenty digits.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| format!("{number:020}") == text)
}

impl Default for Manifest {
    fn default() -> Self {
        Self { keys: Vec::new(), pieces: Vec::new(), tip: Tip::GENESIS, at: Timestamp::EPOCH }
    }
}

impl Manifest {
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("{FORMAT_PREFIX}{FORMAT_NUMBER}\n");
        for key in &self.keys {
            text.push_str(&format!("key {}\n", HEXLOWER.encode(key)));
        }
        for piece in &self.pieces {
            let Piece { blocks, bytes, hash, .. } = piece;
            let (hash, name) = (HEXLOWER.encode(hash), piece.name());
            text.push_str(&format!("piece {hash} {bytes} {blocks} {name}\n"));
        }
        let Tip { position, hash, blocks } = self.tip;
        text.push_str(&format!("end {position} {blocks} {hash} {}\n", self.at.as_millis()));
        let check = check_of(&text);
        text.push_str(&format!("check {check}\n"));
        text
    }

    /// Reads a text. What is read has exactly this text.
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let format = text.lines().next().and_then(|line| line.strip_prefix(FORMAT_PREFIX));
        match format.and_then(|number| number.parse().ok()) {
            Some(FORMAT_NUMBER) => {}
            Some(found) if found > FORMAT_NUMBER => return Err(Unreadable::NewerFormat(found)),
            _ => return Err(Unreadable::Damaged),
        }
        let mut manifest = Self::default();
        for line in text.lines().skip(1) {
            manifest.take(line).ok_or(Unreadable::Damaged)?;
        }
        if manifest.to_text() == text && manifest.has_no_gap() {
            Ok(manifest)
        } else {
            Err(Unreadable::Damaged)
        }
    }

    fn take(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split(' ').collect();
        match *words.as_slice() {
            ["key", key] => self.keys.push(bytes(key)?),
            ["piece", hash, bytes_, blocks, name] => {
                let (first, last) = Piece::positions(name)?;
                let (bytes_, blocks) = (bytes_.parse().ok()?, blocks.parse().ok()?);
                self.pieces.push(Piece { first, last, blocks, bytes: bytes_, hash: bytes(hash)? });
            }
            ["end", position, blocks, hash, at] => {
                let position = Position::new(position.parse().ok()?);
                let hash = BlockHash::from_bytes(bytes(hash)?);
                self.tip = Tip { position, hash, blocks: blocks.parse().ok()? };
                self.at = Timestamp::from_millis(at.parse().ok()?);
            }
            // It fits the rest, or the text that is made of the rest is another.
            ["check", _] => {}
            _ => return None,
        }
        Some(())
    }

    /// Whether the pieces follow one another from the first position to the last.
    fn has_no_gap(&self) -> bool {
        let follow = self.pieces.iter().try_fold(Position::START, |before, piece| {
            (piece.first == before.next() && piece.last >= piece.first).then_some(piece.last)
        });
        let blocks = self.pieces.iter().try_fold(0_u64, |sum, piece| sum.checked_add(piece.blocks));
        follow == Some(self.tip.position) && blocks == Some(self.tip.blocks)
    }

    pub(super) fn content(&self) -> BackupContent {
        BackupContent {
            position: self.tip.position,
            at: (self.tip != Tip::GENESIS).then_some(self.at),
            hash: self.tip.hash,
            blocks: self.tip.blocks,
            pieces: self.pieces.len(),
            bytes: self.pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.bytes)),
        }
    }
}

fn check_of(text: &str) -> String {
    HEXLOWER.encode(blake3::hash(text.as_bytes()).as_bytes())
}

fn bytes(hex: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(first: u64, last: u64) -> Piece {
        let (first, last) = (Position::new(first), Position::new(last));
        Piece { first, last, blocks: 2, bytes: 700, hash: [first.get() as u8; 32] }
    }

    fn manifest() -> Manifest {
        Manifest {
            keys: vec![[1; 32], [2; 32]],
            pieces: vec![piece(1, 40), piece(41, 41), piece(42, 120)],
            tip: Tip { position: Position::new(120), hash: BlockHash::from_bytes([9; 32]), blocks: 6 },
            at: Timestamp::from_millis(1_795_519_800_007),
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        for manifest in [manifest(), Manifest::default()] {
            assert_eq!(Manifest::parse(&manifest.to_text()), Ok(manifest));
        }
        let content = manifest().content();
        assert_eq!((content.pieces, content.bytes, content.blocks), (3, 2_100, 6));
        assert_eq!(Manifest::default().content().at, None);
    }

    #[test]
    fn whatever_is_changed_in_it_is_found() {
        let text = manifest().to_text().into_bytes();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut damaged = text.clone();
                damaged[at] ^= 1 << bit;
                let read = String::from_utf8(damaged).map(|text| Manifest::parse(&text));
                assert!(!matches!(read, Ok(Ok(_))), "bit {bit} of byte {at}");
            }
            let cut = String::from_utf8(text[..at].to_vec()).unwrap();
            assert!(Manifest::parse(&cut).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn one_that_is_not_whole_is_refused_whatever_its_check_says() {
        for pieces in [
            vec![],
            vec![piece(1, 40), piece(42, 120)],
            vec![piece(2, 120)],
            vec![piece(1, 40), piece(41, 119)],
            vec![piece(1, 40), piece(41, 40), piece(41, 120)],
        ] {
            let gap = Manifest { pieces, ..manifest() };
            assert_eq!(Manifest::parse(&gap.to_text()), Err(Unreadable::Damaged), "{gap:?}");
        }
        let newer = manifest().to_text().replace("backup 1", "backup 2");
        assert_eq!(Manifest::parse(&newer), Err(Unreadable::NewerFormat(2)));
        for foreign in ["", "\n", "dear", "quittance backup 0\n", "quittance store 4\n"] {
            assert_eq!(Manifest::parse(foreign), Err(Unreadable::Damaged));
        }
    }

    #[test]
    fn a_pieces_name_says_its_positions() {
        let named = piece(41, 120);
        assert_eq!(Piece::positions(&named.name()), Some((named.first, named.last)));
        for other in ["41-120.blocks", "MANIFEST", "000000-00000000000000000001.blocks", &named.name()[1..]] {
            assert_eq!(Piece::positions(other), None);
        }
    }
}
