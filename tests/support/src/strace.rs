//! Faults in the system calls of the real binary, and a record of its calls: by strace, from outside.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::binary::Server;

const INSTALL: &str = "strace can't be run: install it, on Debian with apt install strace";

/// System calls of a running server that fail, for as long as this lives.
#[derive(Debug)]
pub struct Faults(Child);

impl Faults {
    /// Begins: every call to one of these fails from now on, on these files alone where any are named. A fault is a call and
    /// what comes of it, such as `pwrite64:error=EIO`.
    ///
    /// # Panics
    /// There is no strace, or it may not trace.
    #[must_use]
    pub fn begin(server: &Server, files: &[&Path], faults: &[&str]) -> Self {
        let calls: Vec<_> = faults.iter().map(|fault| fault.split(':').next().unwrap()).collect();
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &server.id().to_string()]);
        command.args(["-e", &format!("trace={}", calls.join(",")), "-o", "/dev/null"]);
        for file in files {
            command.arg("-P").arg(file);
        }
        for fault in faults {
            command.args(["-e", &format!("inject={fault}")]);
        }
        let mut strace = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect(INSTALL);
        let mut said = BufReader::new(strace.stderr.take().unwrap());
        let mut line = String::new();
        // It is attached to all threads when it says so.
        while !line.contains("attached") {
            line.clear();
            if said.read_line(&mut line).unwrap() == 0 {
                panic!("strace could not attach: {}", strace.wait().unwrap());
            }
        }
        // Or it would stop where nobody reads what it says.
        std::thread::spawn(move || drop(said.read_to_end(&mut Vec::new())));
        Self(strace)
    }

    /// Ends: calls succeed again.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        // Told to stop, it lets go of what it traces first.
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

/// What to run a server under, so that its calls are written to a file, or some of them fail from the start on: for
/// [`Home::under`](crate::Home::under). The server is the child all the same, and strace its own.
#[must_use]
pub fn traced(options: &[&str]) -> Vec<String> {
    ["strace", "-D", "-f"].iter().chain(options).map(|word| (*word).to_owned()).collect()
}
