//! What a server did to its disk and told its clients, in order, as strace wrote it down.

use std::collections::HashMap;

/// The calls that change a disk, make it durable, or tell a client something.
pub(crate) const CALLS: &str = "trace=openat,open,creat,mkdir,mkdirat,pwrite64,write,writev,pwritev,pwritev2,sendto,sendmsg,\
                                ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,unlink,\
                                unlinkat,rmdir,link,linkat,symlink,symlinkat,copy_file_range,sendfile,splice";

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A file was opened that may be new.
    Create {
        path: String,
        is_emptied: bool,
    },
    MakeFolder {
        path: String,
    },
    /// Bytes were written at an offset, or where the file was.
    Write {
        path: String,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Resize {
        path: String,
        bytes: u64,
    },
    /// A file, or the names in a folder, became durable.
    Sync {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    /// A client was told something.
    Tell {
        bytes: Vec<u8>,
    },
}

/// A call that succeeded, from when to when: numbers count up along the trace.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) begun: usize,
    pub(crate) ended: usize,
    pub(crate) deed: Deed,
}

/// Reads what strace wrote (`-f -y -xx`), and gives the calls by their beginnings. Line numbers begin with `first`.
pub(crate) fn calls_in(trace: &str, first: usize) -> Vec<Call> {
    let mut unfinished: HashMap<&str, (usize, String)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in (first..).zip(trace.lines()) {
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(process, (number, begin.trim_end().to_owned()));
            continue;
        }
        let (begun, text) = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let Some((begun, begin)) = unfinished.remove(process) else { panic!("{line}") };
                let (_, end) = resumed.split_once(" resumed>").unwrap();
                (begun, begin + end)
            }
            None => (number, rest.to_owned()),
        };
        if let Some(deed) = deed(&text) {
            calls.push(Call { begun, ended: number, deed });
        }
    }
    // What was under way when the process was killed may have been done, wholly or in part.
    for (begun, begin) in unfinished.into_values() {
        if let Some(deed) = deed(&format!("{begin}) = 0")) {
            calls.push(Call { begun, ended: usize::MAX, deed });
        }
    }
    calls.sort_by_key(|call| call.begun);
    calls
}

fn deed(text: &str) -> Option<Deed> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let arguments = arguments.trim_end().strip_suffix(')').unwrap_or(arguments);
    let arguments = split(arguments);
    let argument = |index: usize| arguments.get(index).map(String::as_str);
    let path = |index| argument(index).and_then(quoted).map(|bytes| String::from_utf8(bytes).unwrap());
    let file = |index| argument(index).and_then(descriptor);
    Some(match name {
        "open" | "openat" => {
            let flags = argument(if name == "open" { 1 } else { 2 })?;
            let is_emptied = flags.contains("O_TRUNC");
            if !flags.contains("O_CREAT") && !is_emptied {
                return None;
            }
            // One that did not come back has no descriptor.
            Deed::Create {
                path: descriptor(result).or_else(|| path(usize::from(name == "openat")))?,
                is_emptied,
            }
        }
        "mkdir" => Deed::MakeFolder { path: path(0)? },
        "mkdirat" => Deed::MakeFolder { path: path(1)? },
        "pwrite64" => {
            let at = argument(3)?.parse().ok()?;
            Deed::Write { path: file(0)?, at: Some(at), bytes: written(quoted(argument(1)?)?, result) }
        }
        "write" | "sendto" | "writev" | "sendmsg" => {
            let bytes = written(all_quoted(argument(1)?), result);
            let path = file(0)?;
            if path.starts_with("socket:") {
                Deed::Tell { bytes }
            } else {
                Deed::Write { path, at: None, bytes }
            }
        }
        "ftruncate" => Deed::Resize { path: file(0)?, bytes: argument(1)?.parse().ok()? },
        "fsync" | "fdatasync" => Deed::Sync { path: file(0)? },
        // It orders nothing and flushes no disk's cache: to whoever loses power it did nothing.
        "sync_file_range" => return None,
        "rename" => Deed::Rename { from: path(0)?, to: path(1)? },
        "renameat" | "renameat2" => Deed::Rename { from: path(1)?, to: path(3)? },
        "unlink" => Deed::Remove { path: path(0)? },
        "unlinkat" => Deed::Remove { path: path(1)? },
        other => panic!("what {other} does to a disk is not known here: {text}"),
    })
}

/// As many of the bytes as the call says it wrote; all where it did not come back.
fn written(mut bytes: Vec<u8>, result: &str) -> Vec<u8> {
    let count = result.split(' ').next().and_then(|count| count.parse().ok()).filter(|count| *count > 0);
    bytes.truncate(count.unwrap_or(bytes.len()));
    bytes
}

/// Splits arguments at commas that are in no quotes and no brackets.
fn split(arguments: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth, mut is_quoted) = (Vec::new(), String::new(), 0_u32, false);
    for character in arguments.chars() {
        match character {
            '"' => is_quoted = !is_quoted,
            '[' | '{' | '<' if !is_quoted => depth += 1,
            ']' | '}' | '>' if !is_quoted => depth = depth.saturating_sub(1),
            ',' if !is_quoted && depth == 0 => {
                parts.push(std::mem::take(&mut part).trim().to_owned());
                continue;
            }
            _ => {}
        }
        part.push(character);
    }
    parts.push(part.trim().to_owned());
    parts
}

/// The bytes of a string in quotes, `"\x41\x42"`.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let inner = text.strip_prefix('"')?;
    assert!(inner.ends_with('"'), "strace cut a string short: {} characters", inner.len());
    Some(hexadecimal(&inner[..inner.len() - 1]))
}

/// The bytes of all strings in quotes, one after the other.
fn all_quoted(text: &str) -> Vec<u8> {
    text.split('"').skip(1).step_by(2).flat_map(hexadecimal).collect()
}

fn hexadecimal(text: &str) -> Vec<u8> {
    text.split("\\x").skip(1).map(|digits| u8::from_str_radix(digits, 16).unwrap()).collect()
}

/// The file that a descriptor stands for, `5<\x2f\x61>`.
fn descriptor(text: &str) -> Option<String> {
    let (_, rest) = text.split_once('<')?;
    let (path, _) = rest.split_once('>')?;
    let path = String::from_utf8(hexadecimal(path)).unwrap();
    Some(path.trim_end_matches(" (deleted)").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_as_strace_writes_them() {
        let trace = "7 openat(AT_FDCWD</>, \"\\x2f\\x61\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<\\x2f\\x61>\n\
                     7 pwrite64(3<\\x2f\\x61>, \"\\x01\\x02\\x03\", 3, 4096) = 2\n\
                     8 writev(5<\\x73\\x6f\\x63\\x6b\\x65\\x74\\x3a\\x5b\\x31\\x5d>, [{iov_base=\"\\x31\\x32\", iov_len=2}, {iov_base=\"\\x33\", iov_len=1}], 2) = 3\n\
                     7 fdatasync(3<\\x2f\\x61> <unfinished ...>\n\
                     8 rename(\"\\x2f\\x61\", \"\\x2f\\x62\") = 0\n\
                     7 <... fdatasync resumed>) = 0\n\
                     7 unlink(\"\\x2f\\x63\") = -1 ENOENT (No such file or directory)\n\
                     7 fsync(3<\\x2f\\x62> <unfinished ...>\n\
                     7 +++ killed by SIGKILL +++\n";
        let calls = calls_in(trace, 10);
        let path = || "/a".to_owned();
        let expected = [
            (10, 10, Deed::Create { path: path(), is_emptied: false }),
            (11, 11, Deed::Write { path: path(), at: Some(4096), bytes: vec![1, 2] }),
            (12, 12, Deed::Tell { bytes: b"123".to_vec() }),
            (13, 15, Deed::Sync { path: path() }),
            (14, 14, Deed::Rename { from: path(), to: "/b".to_owned() }),
            (17, usize::MAX, Deed::Sync { path: "/b".to_owned() }),
        ];
        assert_eq!(calls.len(), expected.len());
        for (call, (begun, ended, deed)) in calls.iter().zip(expected) {
            assert_eq!((call.begun, call.ended, &call.deed), (begun, ended, &deed));
        }
    }
}
