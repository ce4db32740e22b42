//! The real binary on a disk that fails: full, failing to write, to read or to sync, or not to be written to. It stops or
//! refuses, and says what to do; what was acknowledged is there when the disk is well again.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed, as it should")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Method;
use http::header::RETRY_AFTER;
use quittance_gateway::client::Body;
use quittance_test_support::{
    Bank, Clerk, Failed, Faults, Home, Journal, Sent, Server, SmallDisk, Work, check_nothing_else,
    eventually, traced,
};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_quittance");
const CLERKS: u64 = 3;
const SEGMENT: &str = "journal/000000-00000000000000000001.blocks";
const ARGUMENTS: [&str; 4] = ["--checkpoint-seconds", "1", "--log", "warn"];

/// Words of which one is in every message, because each says what to do.
const TO_DO: [&str; 7] = [
    "make room",
    "is sound",
    "see that",
    "let the user",
    "`quittance restore`",
    "take the folder `sled`",
    "mount its disk",
];

fn says_what_to_do(said: &str) -> bool {
    TO_DO.iter().any(|words| said.contains(words)) && !said.contains("panicked")
}

/// A bank on a home, whose server is stopped between two troubles.
struct World {
    home: Home,
    bank: Arc<Bank>,
    clerks: Vec<Clerk>,
}

impl World {
    async fn open(home: Home) -> Self {
        let server = home.start_with(&["--min-free-mib", "1"]);
        let bank = Bank::open(&server.operator(), 3).await;
        server.kill();
        let clerks = bank.clerks(CLERKS, 1);
        Self { home, bank, clerks }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.store().join(name)
    }

    /// Starts the server on a disk that is well, and sees that all is there and goes on.
    async fn check(&mut self, case: &str) {
        let server = self.home.start();
        let operator = server.operator();
        for clerk in &mut self.clerks {
            while clerk.is_waiting() {
                assert_eq!(clerk.send(&operator).await, Sent::Done, "{case}: a disk that is well");
            }
            assert_eq!(clerk.send(&operator).await, Sent::Done, "{case}: it goes on");
        }
        let (status, said) = server.terminate();
        assert_eq!(status.code(), Some(0), "{case}: {said}");
        let journal = Journal::read(&self.home.store());
        self.clerks.iter().for_each(|clerk| clerk.check(&journal, 0));
        check_nothing_else(&journal, &self.bank, &self.clerks);
        let audit = self.home.audit();
        assert_eq!(audit.status.code(), Some(0), "{case}: {}", String::from_utf8_lossy(&audit.stderr));
    }

    /// Lets the server work, and calls fail all at once: it must stop by itself.
    async fn fail_at_work(&mut self, files: &[&str], faults: &[&str]) {
        let case = format!("{faults:?} of {files:?}");
        let server = self.home.start_with(&ARGUMENTS);
        let mut work = Work::begin(&server, std::mem::take(&mut self.clerks));
        work.answered(5).await;
        let files: Vec<_> = files.iter().map(|file| self.file(file)).collect();
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let faults = Faults::begin(&server, &files, faults);
        self.clerks = work.end().await;
        let (status, said) = tokio::task::spawn_blocking(|| server.ended()).await.unwrap();
        faults.end();
        assert!(!status.success(), "{case}: {said}");
        assert!(says_what_to_do(&said), "{case}: {said}");
        println!("{case}: {}", said.lines().last().unwrap_or_default());
        self.check(&case).await;
    }

    /// Starts the server while calls fail: it must refuse, or do without them.
    async fn fail_at_start(&mut self, file: &str, fault: &str) {
        let case = format!("{fault} of {file} at the start");
        let path = self.file(file);
        let call = fault.split(':').next().unwrap();
        let (trace, inject) = (format!("trace={call}"), format!("inject={fault}"));
        let options = ["-o", "/dev/null", "-P", path.to_str().unwrap(), "-e", &trace, "-e", &inject];
        self.run_under(traced(&options));
        let started = self.home.try_start(&ARGUMENTS);
        self.run_under(Vec::new());
        match started {
            Err(Failed { status, said }) => {
                assert!(!status.success() && says_what_to_do(&said), "{case}: {status}: {said}");
                println!("{case}: {}", said.lines().last().unwrap_or_default());
            }
            // Not every call is made at every start.
            Ok(server) => server.kill(),
        }
        self.check(&case).await;
    }

    fn run_under(&mut self, command: Vec<String>) {
        let home = std::mem::replace(&mut self.home, Home::new(BINARY));
        self.home = home.under(command);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_at_work_stops_the_server() {
    let mut world = World::open(Home::keeping_its_port(BINARY)).await;
    for fault in ["pwrite64:error=ENOSPC", "pwrite64:error=EIO", "fdatasync:error=EIO"] {
        world.fail_at_work(&[SEGMENT], &[fault]).await;
    }
    for fault in ["pwrite64:error=ENOSPC", "pwrite64:error=EROFS"] {
        world.fail_at_work(&["END"], &[fault]).await;
    }
    for fault in
        ["pwrite64:error=ENOSPC", "pwrite64:error=EIO", "sync_file_range:error=EIO", "fdatasync:error=EIO"]
    {
        world.fail_at_work(&["sled/db"], &[fault]).await;
    }
    for fault in ["pwrite64:error=ENOSPC", "fsync:error=EIO"] {
        world.fail_at_work(&["SYNCED"], &[fault]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_at_the_start_is_told_of() {
    let mut world = World::open(Home::keeping_its_port(BINARY)).await;
    for (file, faults) in [
        ("FORMAT", &["openat:error=EIO", "read:error=EIO"][..]),
        ("KEYS", &["read:error=EIO"]),
        ("END", &["openat:error=EROFS", "pread64:error=EIO"]),
        ("SYNCED", &["openat:error=EACCES", "pread64:error=EIO", "pwrite64:error=ENOSPC", "fsync:error=EIO"]),
        (SEGMENT, &["openat:error=EIO", "pread64:error=EIO", "fsync:error=EIO"]),
        ("journal", &["getdents64:error=EIO", "fsync:error=EIO"]),
        (
            "sled/db",
            &["openat:error=EROFS", "pread64:error=EIO", "pwrite64:error=ENOSPC", "fdatasync:error=EIO"],
        ),
        ("nonces.new", &["openat:error=ENOSPC"]),
    ] {
        for fault in faults {
            world.fail_at_start(file, fault).await;
        }
    }
}

/// Reads that fail are told of, nothing else is served instead, and what does not need them goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_can_not_be_read_is_an_error_and_never_another_answer() {
    let mut world = World::open(Home::keeping_its_port(BINARY)).await;
    let server = world.home.start_with(&ARGUMENTS);
    let mut work = Work::begin(&server, std::mem::take(&mut world.clerks));
    work.answered(60).await;
    server.kill();
    world.clerks = work.end().await;
    // What was read last is in memory, so a server that is new is asked.
    let server = world.home.start_with(&ARGUMENTS);
    let (operator, wallet) = (server.operator(), world.bank.wallets()[0]);
    let segment = world.file(SEGMENT);
    let faults = Faults::begin(&server, &[&segment], &["pread64:error=EIO"]);
    let error = operator.all_transfers(wallet, 200).await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!((problem.status, problem.slug()), (500, "internal"), "{error}");
    for clerk in &mut world.clerks {
        assert_eq!(clerk.send(&operator).await, Sent::Done, "what is not read for goes on");
    }
    faults.end();
    let shown = operator.all_transfers(wallet, 200).await.unwrap();
    let journal = Journal::read(&world.home.store());
    assert!(shown.iter().rev().map(|transfer| transfer.position).eq(journal.positions(wallet)));
    assert!(server.said().contains("a request failed"), "{}", server.said());
    server.kill();
    world.check("reads that failed").await;
}

/// A file system of its own, mounted so that nothing can be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_system_that_may_only_be_read_is_refused_and_audited() {
    let mut world = World::open(Home::keeping_its_port(BINARY)).await;
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let store = world.home.store();
    let words = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, store.to_str().unwrap()];
    world.run_under(words.map(str::to_owned).into());
    let Err(Failed { status, said }) = world.home.try_start(&[]) else { panic!("it started") };
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("mount its disk so that it can be written to"), "{said}");
    let audit = world.home.audit();
    assert_eq!(audit.status.code(), Some(0), "{}", String::from_utf8_lossy(&audit.stderr));
    world.run_under(Vec::new());
    world.check("a file system that could only be read").await;
}

/// A server on a small disk, and that disk.
async fn on_a_small_disk(mib: u32) -> (World, SmallDisk, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::new(mib, folder.path());
    let home = Home::keeping_its_port(BINARY).under(disk.under()).within(folder.path().to_owned());
    let world = World::open(home).await;
    (world, disk, folder)
}

async fn send(clerk: &mut Clerk, server: &Server) -> Sent {
    clerk.send(&server.operator()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_stops_a_server_that_does_not_watch_it() {
    let (mut world, disk, _folder) = on_a_small_disk(64).await;
    let server = world.home.start_with(&["--checkpoint-seconds", "1", "--min-free-mib", "0"]);
    let mut work = Work::begin(&server, std::mem::take(&mut world.clerks));
    work.answered(20).await;
    disk.fill_but(0);
    world.clerks = work.end().await;
    // Devices are turned away first, as what they ask for needs a file of its own; the journal goes on in what room it has.
    let operator = server.operator();
    let new = || Body::json(&json!({ "name": "nobody", "kind": "person" })).unwrap();
    while operator.request(Method::POST, "/v1/accounts", new()).await.is_ok() {}
    let (status, said) = tokio::task::spawn_blocking(|| server.ended()).await.unwrap();
    assert!(!status.success() && said.contains("has room"), "{said}");
    let Err(Failed { status, said }) = world.home.try_start(&["--min-free-mib", "0"]) else {
        panic!("it started without room")
    };
    assert!(status.code().is_some_and(|code| code != 0) && said.contains("make room"), "{status}: {said}");
    disk.make_room();
    let server = match world.home.try_start(&["--min-free-mib", "1"]) {
        Ok(server) => server,
        // Where the database could not be written whole, it says so.
        Err(Failed { said, .. }) => {
            assert!(said.contains("take the folder `sled` in the store away"), "{said}");
            fs::remove_dir_all(disk.path().join("store/sled")).unwrap();
            world.home.start_with(&["--min-free-mib", "1"])
        }
    };
    for clerk in &mut world.clerks {
        while clerk.is_waiting() {
            assert_eq!(send(clerk, &server).await, Sent::Done);
        }
    }
    drop(server.terminate());
    let journal = Journal::read(&disk.path().join("store"));
    world.clerks.iter().for_each(|clerk| clerk.check(&journal, 0));
    check_nothing_else(&journal, &world.bank, &world.clerks);
    let audit = world.home.audit();
    assert_eq!(audit.status.code(), Some(0), "{}", String::from_utf8_lossy(&audit.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_with_little_room_is_only_read_until_there_is_more() {
    let (mut world, disk, _folder) = on_a_small_disk(64).await;
    let server = world.home.start_with(&["--min-free-mib", "8"]);
    let operator = server.operator();
    let wallet = world.bank.wallets()[0];
    let clerk = &mut world.clerks[0];
    assert_eq!(send(clerk, &server).await, Sent::Done);
    let told = operator.all_transfers(wallet, 200).await.unwrap();
    for _ in 0..2 {
        assert_eq!(operator.health().await.unwrap().status, "ok");
        disk.fill_but(4 * 1_024);
        eventually("the health says so", async || operator.health().await.unwrap().status == "space-low")
            .await;
        assert_eq!(send(clerk, &server).await, Sent::Later("space-low"));
        let new = Body::json(&json!({ "name": "nobody", "kind": "person" })).unwrap();
        let refused = operator.request(Method::POST, "/v1/accounts", new).await.unwrap();
        assert_eq!((refused.status.as_u16(), refused.problem().unwrap().slug()), (503, "space-low"));
        assert!(refused.headers.contains_key(RETRY_AFTER));
        let snapshot = operator.make_snapshot().await.unwrap_err();
        assert_eq!(snapshot.problem().unwrap().slug(), "space-low");
        assert!(operator.all_transfers(wallet, 200).await.unwrap().ends_with(&told), "reads go on");
        assert_eq!(world.bank.parties()[0].client.apart().wallet(wallet).await.unwrap().id, wallet);
        disk.make_room();
        eventually("it recovers", async || send(clerk, &server).await == Sent::Done).await;
    }
    let (status, said) = tokio::task::spawn_blocking(|| server.terminate()).await.unwrap();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(said.matches("the store's disk is nearly full").count(), 2, "{said}");
    assert_eq!(said.matches("the store's disk has room again").count(), 2, "{said}");
}
