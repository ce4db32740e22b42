//! `quittance repair`: salvages what is whole of a damaged store into a new one, and says what is beyond.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quittance_engine::{Damage, FirstDamage, IntactBlocks, Keys, RepairReport, repair};
use quittance_journal::{Position, Record};
use quittance_ledger::{Event, Refusal, Transfer};

use super::verify::leg_text;
use super::{CliError, audit};
use crate::client::rfc3339;

/// How the command exits where something could not be salvaged.
const SOMETHING_IS_LOST: u8 = 3;

/// What to repair, and where to.
#[derive(clap::Args)]
#[command(
    after_help = "The damaged store is only read. The new one has the longest beginning of its journal that is whole, and is audited \
                  before it gets its name. What looks intact beyond the damage is listed in a file beside the new store, whose name \
                  ends in .beyond.txt: nothing of it is in the new store. A backup may have more: try that first. Exits with 0 if \
                  nothing is lost, with 3 if something is, and with 1 and the reason on stderr, without a store, if there is \
                  nothing to salvage or it can't be."
)]
pub(super) struct RepairArgs {
    /// The folder of the damaged store, whose server must be stopped
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The folder of the new store, which must not be there
    #[arg(long, value_name = "NEW")]
    to: PathBuf,
    /// The folder of the server's keys, where the store's own list of them is lost
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Say on stderr how far the audit has come
    #[arg(long)]
    progress: bool,
}

pub(super) async fn run(args: RepairArgs) -> Result<ExitCode, CliError> {
    let to = args.to.clone();
    let repaired = tokio::task::spawn_blocking(move || {
        let keys = args.keys.as_deref().map(Keys::load).transpose()?;
        let mut list = List::beside(&args.to);
        let report = repair(
            &args.store,
            &args.to,
            keys.as_ref(),
            &mut |position, record| list.add(position, record),
            &mut |at| {
                if args.progress {
                    eprintln!("position {} of {}", at.position, at.tip);
                }
            },
        )?;
        let listed = list
            .finish()
            .map_err(|error| format!("the list beside the new store can't be written: {error}"))?;
        Ok::<_, CliError>((report, listed))
    });
    let (report, listed) = repaired.await??;
    std::io::stdout().lock().write_all(text(&report, &to, listed.as_deref()).as_bytes())?;
    match (&report.salvaged, &report.damage) {
        (None, _) => Err("not even the first block is whole: there is nothing to salvage, and no store was made; restore a backup".into()),
        (Some(_), Some(_)) => Ok(ExitCode::from(SOMETHING_IS_LOST)),
        (Some(_), None) => Ok(ExitCode::SUCCESS),
    }
}

/// The file with what is beyond the damage, which is made with its first line.
struct List {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl List {
    fn beside(store: &Path) -> Self {
        let mut path = store.as_os_str().to_owned();
        path.push(".beyond.txt");
        Self { path: path.into(), file: None }
    }

    fn add(&mut self, position: Position, record: &Record) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.path);
                let named = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
                };
                let file = made.map_err(named)?;
                self.file.insert(BufWriter::new(file))
            }
        };
        writeln!(file, "{position} {} {}", rfc3339(record.at), what(&record.event))
    }

    /// The file, if there is one. All of it is on the disk.
    fn finish(self) -> io::Result<Option<PathBuf>> {
        let Some(file) = self.file else { return Ok(None) };
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(Some(self.path))
    }
}

/// What a record says. Of transfers all that moved; of others what they are about, as much of them is for nobody to read.
fn what(event: &Event) -> String {
    match event {
        Event::TransferSettled(transfer) => transfer_text(transfer, None),
        Event::TransferRefused(transfer, refusal) => transfer_text(transfer, Some(*refusal)),
        _ => {
            let mut text = kind(event);
            if let Some(account) = event.account() {
                text.push_str(&format!(" account {account}"));
            }
            for wallet in event.wallets() {
                text.push_str(&format!(" wallet {wallet}"));
            }
            text
        }
    }
}

fn transfer_text(transfer: &Transfer, refusal: Option<Refusal>) -> String {
    let legs: Vec<String> = transfer.legs().map(leg_text).collect();
    let outcome =
        refusal.map_or_else(|| "settled".to_owned(), |refusal| format!("refused, nothing moved ({refusal})"));
    format!("transfer {} {outcome}: {}", transfer.id, legs.join("; "))
}

/// The name of an event's kind.
fn kind(event: &Event) -> String {
    match serde_json::to_value(event) {
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => "record".to_owned(),
    }
}

fn text(report: &RepairReport, to: &Path, listed: Option<&Path>) -> String {
    let RepairReport { salvaged, end, at, damage, reached, beyond, other_bytes, unreadable_bytes } = report;
    let mut text = damage.as_ref().map_or_else(
        || "no damage  the journal is whole as far as it is known to have reached\n".to_owned(),
        damage_text,
    );
    let mut line = |name: &str, what: &str| text.push_str(&format!("{name:<10} {what}\n"));
    match reached {
        Some(reached) if *reached > end.position => {
            line(
                "lost",
                &format!(
                    "what came after position {}: the journal had reached position {reached}, or more",
                    end.position
                ),
            );
        }
        Some(_) => {}
        None => line(
            "unsure",
            "the store's file END is lost, so nobody can tell whether more is gone from the journal's end",
        ),
    }
    for blocks in beyond {
        line("beyond", &beyond_text(blocks));
    }
    if let Some(listed) = listed {
        line(
            "listed",
            &format!("what looks intact beyond the damage, a record a line, in {}", listed.display()),
        );
    }
    if *other_bytes > 0 {
        line("rest", &format!("{other_bytes} bytes beyond that are of no whole block"));
    }
    if *unreadable_bytes > 0 {
        line("unread", &format!("{unreadable_bytes} bytes that the disk did not give"));
    }
    if let Some(salvaged) = salvaged {
        let at = at.map_or_else(String::new, |at| format!(", of {}", rfc3339(at)));
        line("store", &to.display().to_string());
        line("up to", &format!("position {}{at}", end.position));
        text.push_str(&audit::text(salvaged));
    }
    text
}

fn damage_text(damage: &FirstDamage) -> String {
    let FirstDamage { position, file, offset, kind } = damage;
    let file = file.display();
    let at = match kind {
        Damage::FileMissing => format!("before {file}: {kind}"),
        _ => format!("{file} at byte {offset}: {kind}"),
    };
    format!("damage     at position {position}, in {at}\n")
}

fn beyond_text(blocks: &IntactBlocks) -> String {
    let IntactBlocks { file, offset, bytes, blocks, first, last, transfers, .. } = blocks;
    let file = file.display();
    format!(
        "positions {first} to {last} look intact: {transfers} transfers in {blocks} blocks, {bytes} bytes of {file} from byte {offset} on"
    )
}
