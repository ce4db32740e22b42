//! The real binary: started, killed, told to stop.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use quittance_gateway::client::Client;
use tempfile::TempDir;

/// How long a server may take to say where it listens. A store is replayed before.
const MAX_START: Duration = Duration::from_secs(60);

const LISTENING: &str = "listening ";

/// Below what Linux gives to outgoing connections, so that a port stays free while its server is down.
const LOW_PORTS: std::ops::Range<u16> = 20_000..32_000;

static LAST_PORT: Mutex<Option<u16>> = Mutex::new(None);

/// How long a server may take to end by itself.
const MAX_END: Duration = Duration::from_secs(60);

/// A folder with a server's store and keys, which outlives the server.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    binary: &'static str,
    listen: String,
    environment: Vec<(&'static str, &'static str)>,
    /// What runs the binary, if it is not run by itself.
    under: Vec<String>,
    /// Where store and keys are, if not in the folder itself.
    within: Option<PathBuf>,
}

/// A server that did not start.
#[derive(Debug)]
pub struct Failed {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said, on either output.
    pub said: String,
}

/// A server that runs. It is killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    origin: String,
    operator_key: String,
    said: Arc<Mutex<String>>,
    outputs: Vec<JoinHandle<()>>,
}

impl Home {
    /// A new home, whose servers take any free port. `binary` is `env!("CARGO_BIN_EXE_quittance")`.
    #[must_use]
    pub fn new(binary: &'static str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            binary,
            listen: "127.0.0.1:0".to_owned(),
            environment: Vec::new(),
            under: Vec::new(),
            within: None,
        }
    }

    /// The same home, whose servers and other commands are run by another command.
    #[must_use]
    pub fn under(mut self, command: Vec<String>) -> Self {
        self.under = command;
        self
    }

    /// The same home, whose store and keys are elsewhere, as the servers see it.
    #[must_use]
    pub fn within(mut self, folder: PathBuf) -> Self {
        self.within = Some(folder);
        self
    }

    fn command(&self) -> Command {
        let mut words = self.under.iter().map(String::as_str).chain([self.binary]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command
    }

    /// The same home, whose servers have one more variable in their environment.
    #[must_use]
    pub fn with_variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    /// A new home whose servers all take one port, so that they are one server to whoever has its barcodes.
    #[must_use]
    pub fn keeping_its_port(binary: &'static str) -> Self {
        let mut last = LAST_PORT.lock().unwrap();
        // Processes that run side by side begin in different places, and no process gives a port to two homes.
        let seed = || LOW_PORTS.start + u16::try_from(std::process::id() % 10_000).unwrap();
        let first = last.map_or_else(seed, |port| port + 1);
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        let port = (first..LOW_PORTS.end).chain(LOW_PORTS.start..first).find(is_free).unwrap();
        *last = Some(port);
        Self { listen: format!("127.0.0.1:{port}"), ..Self::new(binary) }
    }

    /// The folder of the store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.path("store")
    }

    /// Any other path in the home.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.within.as_deref().unwrap_or(self.folder.path()).join(name)
    }

    /// Starts a server.
    #[must_use]
    pub fn start(&self) -> Server {
        self.start_with(&[])
    }

    /// Starts a server with more arguments.
    #[must_use]
    pub fn start_with(&self, more: &[&str]) -> Server {
        match self.try_start(more) {
            Ok(server) => server,
            Err(Failed { status, said }) => panic!("the server did not start, {status}:\n{said}"),
        }
    }

    /// Starts a server that may fail to.
    ///
    /// # Errors
    /// How it ended, and what it said.
    pub fn try_start(&self, more: &[&str]) -> Result<Server, Failed> {
        let mut child = self.spawn_server(more);
        let said = Arc::new(Mutex::new(String::new()));
        let (origins, output) = listen_to(child.stdout.take().unwrap(), Arc::clone(&said));
        let (_, errors) = listen_to(child.stderr.take().unwrap(), Arc::clone(&said));
        match origins.recv_timeout(MAX_START) {
            Ok(origin) => {
                let operator_key = self.operator_key();
                Ok(Server { child, origin, operator_key, said, outputs: vec![output, errors] })
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = child.wait().unwrap();
                errors.join().unwrap();
                let said = said.lock().unwrap().clone();
                Err(Failed { status, said })
            }
            Err(RecvTimeoutError::Timeout) => {
                child.kill().unwrap();
                panic!("the server did not say {LISTENING:?} within {MAX_START:?}: {}", said.lock().unwrap())
            }
        }
    }

    /// Starts a server, and does not wait until it listens.
    #[must_use]
    pub fn spawn_server(&self, more: &[&str]) -> Child {
        self.command()
            .arg("serve")
            .arg("--store")
            .arg(self.store())
            .arg("--keys")
            .arg(self.path("keys"))
            .args(["--listen", &self.listen])
            .args(more)
            // Nothing that lies around elsewhere, such as a configuration file, is found from there.
            .current_dir(self.folder.path())
            // Transfers go from shard to shard, however few cores there are.
            .env("QUITTANCE_SHARDS", "2")
            .envs(self.environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn operator_key(&self) -> String {
        let file = self.path("keys").join("operator.key");
        if self.within.is_none() {
            return std::fs::read_to_string(file).unwrap();
        }
        // Only whoever runs there sees it.
        let mut words = self.under.iter().map(String::as_str).chain(["cat"]);
        let mut command = Command::new(words.next().unwrap());
        let output = command.args(words).arg(file).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs another command of the binary to its end, in the home.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs another command to its end, in the home, with something to read on stdin.
    #[must_use]
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.spawn(arguments, Stdio::piped());
        // A command that ends before it reads has an answer too.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Starts another command, in the home, whose outputs are kept to be read.
    #[must_use]
    pub fn spawn(&self, arguments: &[&str], stdin: Stdio) -> Child {
        Command::new(self.binary)
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Audits the store, whose server must be stopped.
    #[must_use]
    pub fn audit(&self) -> Output {
        self.run(&["audit", self.store().to_str().unwrap()])
    }

    /// Runs another command that must not fail. Returns what it printed.
    pub fn run_well(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.run(arguments);
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{arguments:?} ended with {status}: {stderr}");
        String::from_utf8(stdout).unwrap()
    }
}

fn is_origin(word: &str) -> bool {
    word.starts_with("http://")
}

/// Reads an output to its end in a thread of its own. What it says of where the server listens comes back at once.
fn listen_to(
    output: impl Read + Send + 'static,
    said: Arc<Mutex<String>>,
) -> (Receiver<String>, JoinHandle<()>) {
    let (sender, receiver) = channel();
    let thread = thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            {
                let mut said = said.lock().unwrap();
                said.push_str(&line);
                said.push('\n');
            }
            let origin =
                line.starts_with(LISTENING).then(|| line.split([' ', ',']).find(|word| is_origin(word)));
            if let Some(origin) = origin.flatten() {
                let _ = sender.send(origin.to_owned());
            }
        }
    });
    (receiver, thread)
}

impl Server {
    /// Where it listens, such as `http://127.0.0.1:7400`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Host and port, to open a plain socket to.
    #[must_use]
    pub fn address(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// What a request of the operator shows.
    #[must_use]
    pub fn operator_key(&self) -> &str {
        self.operator_key.trim()
    }

    /// A client that shows nothing of who it is.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(&self.origin)
    }

    /// A client that asks as the operator.
    #[must_use]
    pub fn operator(&self) -> Client {
        self.client().operator(&self.operator_key)
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Tells it to stop, and waits until it has.
    #[must_use]
    pub fn terminate(self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        let told = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &id]).status().unwrap();
        assert!(told.success(), "the server {id} could not be told to stop");
        self.ended()
    }

    /// Waits until it has ended by itself. Says how it ended, and what it said.
    #[must_use]
    pub fn ended(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + MAX_END;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "the server did not end within {MAX_END:?}: {}", self.said());
            thread::sleep(Duration::from_millis(5));
        };
        self.outputs.drain(..).for_each(|output| output.join().unwrap());
        (status, self.said())
    }

    /// The id of its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said until now, on either output.
    #[must_use]
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
