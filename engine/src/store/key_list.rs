//! The list of the keys that a store was used with, so that nobody starts it with others: `KEYS`, which cannot be made again
//! from the journal and so is not in the database.
//!
//! | bytes | what |
//! | --- | --- |
//! | 32 each | the fingerprints, oldest first |
//! | 32 | BLAKE3 hash of what stands before |

use std::io::{self, ErrorKind};
use std::path::Path;

use super::disk::{self, File};
use crate::folder;

const FILE: &str = "KEYS";
const UNFINISHED_FILE: &str = "KEYS.new";

/// Reads the list of the store in `store`; none where it can't be read. It is empty where there was never one.
pub(super) fn read(store: &Path) -> io::Result<Option<Vec<[u8; 32]>>> {
    let bytes = match disk::read(&store.join(FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Vec::new())),
        Err(error) => return Err(error),
    };
    let Some((listed, check)) = bytes.split_last_chunk::<32>() else { return Ok(None) };
    let (keys, rest) = listed.as_chunks::<32>();
    let is_whole = rest.is_empty() && blake3::hash(listed) == *check;
    Ok(is_whole.then(|| keys.to_vec()))
}

/// Writes the list. All of it is durable when this returns, or the one before is.
pub(super) fn write(store: &Path, keys: &[[u8; 32]]) -> io::Result<()> {
    let unfinished = store.join(UNFINISHED_FILE);
    let file = File::create(&unfinished)?;
    let mut bytes = keys.as_flattened().to_vec();
    bytes.extend_from_slice(blake3::hash(keys.as_flattened()).as_bytes());
    file.write_all_at(&bytes, 0)?;
    file.sync_all()?;
    disk::rename(&unfinished, &store.join(FILE))?;
    folder::sync(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), Some(Vec::new()));
        for keys in [vec![[1; 32]], vec![[1; 32], [2; 32]]] {
            write(folder.path(), &keys).unwrap();
            assert_eq!(read(folder.path()).unwrap(), Some(keys));
        }
        let bytes = std::fs::read(folder.path().join(FILE)).unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            std::fs::write(folder.path().join(FILE), damaged).unwrap();
            assert_eq!(read(folder.path()).unwrap(), None);
            std::fs::write(folder.path().join(FILE), &bytes[..at]).unwrap();
            assert_eq!(read(folder.path()).unwrap(), None);
        }
    }
}
