//! Reading a file that the disk may not give all of.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// How much is read at once, and how much of it by itself where that fails.
const READ_BYTES: usize = 1_024 * 1_024;
const SECTOR_BYTES: usize = 4_096;

/// What a file has.
#[derive(Debug, Default)]
pub(super) struct WhatIsRead {
    /// Zeros where it can't be read.
    pub(super) bytes: Vec<u8>,
    /// Where it can't be.
    pub(super) unreadable: Vec<Range<usize>>,
}

/// Reads the first `bytes` bytes of a file, as far as the disk gives them.
pub(super) fn read_what_can_be(path: &Path, bytes: u64) -> WhatIsRead {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    match File::open(path) {
        Ok(file) => read_with(bytes, |part, offset| file.read_at(part, offset)),
        Err(_) => read_with(bytes, |_, _| Err(ErrorKind::NotFound.into())),
    }
}

fn read_with(bytes: usize, read_at: impl Fn(&mut [u8], u64) -> io::Result<usize>) -> WhatIsRead {
    let mut read = WhatIsRead { bytes: vec![0; bytes], unreadable: Vec::new() };
    for (index, part) in read.bytes.chunks_mut(READ_BYTES).enumerate() {
        let start = index.saturating_mul(READ_BYTES);
        if read_full(part, start, &read_at).is_ok() {
            continue;
        }
        for (index, sector) in part.chunks_mut(SECTOR_BYTES).enumerate() {
            let start = start.saturating_add(index.saturating_mul(SECTOR_BYTES));
            if read_full(sector, start, &read_at).is_err() {
                sector.fill(0);
                let end = start.saturating_add(sector.len());
                match read.unreadable.last_mut() {
                    Some(before) if before.end == start => before.end = end,
                    _ => read.unreadable.push(start..end),
                }
            }
        }
    }
    read
}

fn read_full(
    part: &mut [u8],
    start: usize,
    read_at: &impl Fn(&mut [u8], u64) -> io::Result<usize>,
) -> io::Result<()> {
    let mut read = 0;
    while let Some(rest) = part.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match read_at(rest, start.saturating_add(read) as u64) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(more) => read = read.saturating_add(more),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk of 2.5 MB, whose byte at each offset is known, and which fails where a read touches one of these sectors.
    fn disk(bad: &[usize]) -> impl Fn(&mut [u8], u64) -> io::Result<usize> {
        move |part, offset| {
            let offset = offset as usize;
            let wanted = part.len().min(70_000);
            let is_touched = |sector: &usize| {
                (offset..offset + wanted).contains(&(sector * SECTOR_BYTES))
                    || (sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES).contains(&offset)
            };
            if bad.iter().any(is_touched) {
                return Err(io::Error::other("I/O error"));
            }
            part.iter_mut().zip(offset..).take(wanted).for_each(|(byte, at)| *byte = value(at));
            Ok(wanted)
        }
    }

    fn value(at: usize) -> u8 {
        (at % 251) as u8
    }

    #[test]
    fn what_the_disk_gives_is_read_whatever_it_does_not_give() {
        const BYTES: usize = 2_500_000;
        for bad in [vec![], vec![0], vec![3, 4, 300], vec![610], (0..611).collect()] {
            let read = read_with(BYTES, disk(&bad));
            let mut unreadable: Vec<usize> = Vec::new();
            for range in &read.unreadable {
                assert_eq!(range.start % SECTOR_BYTES, 0);
                unreadable.extend((range.start / SECTOR_BYTES)..range.end.div_ceil(SECTOR_BYTES));
            }
            assert_eq!(unreadable, bad);
            for (at, byte) in read.bytes.iter().enumerate() {
                let expected = if bad.contains(&(at / SECTOR_BYTES)) { 0 } else { value(at) };
                assert_eq!(*byte, expected, "{at}");
            }
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let read = read_what_can_be(&folder.path().join("none"), 10_000);
        assert_eq!(read.bytes, vec![0; 10_000]);
        assert_eq!((read.unreadable.first(), read.unreadable.len()), (Some(&(0..10_000)), 1));
    }
}
