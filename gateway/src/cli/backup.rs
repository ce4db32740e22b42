//! `quittance backup`: copies what is new of a store's journal to a folder, beside the server that runs on it; and verifies
//! such a folder.

use std::io::Write as _;
use std::path::PathBuf;

use quittance_engine::{BackupContent, BackupReport, Keys, back_up, verify_backup};

use super::CliError;
use crate::client::rfc3339;

/// What to back up, and where to.
#[derive(clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "The server may run meanwhile: it is not asked, and takes no notice. The backup has all that was durable when it \
                  began, and is added to by each run. Whatever cuts a run off, the backup is then the one before. The server's \
                  keys are not in it: keep them apart. Exits with 0 if the backup is whole, also where nothing was new, and \
                  with 1 and the reason on stderr if not."
)]
pub(super) struct BackupArgs {
    #[command(subcommand)]
    command: Option<BackupCommand>,
    /// The folder of the store
    #[arg(long, value_name = "DIR", required = true)]
    store: Option<PathBuf>,
    /// The folder of the backup, made where it is missing
    #[arg(long, value_name = "DIR", required = true)]
    to: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum BackupCommand {
    /// Check every byte of a backup: the files' hashes, the chain of blocks, and that every record reads
    Verify(VerifyBackupArgs),
}

#[derive(clap::Args)]
#[command(
    after_help = "Nothing in it changes. Exits with 0 if the backup is whole, and with 1 and what is damaged on stderr if not."
)]
struct VerifyBackupArgs {
    /// The folder of the backup
    #[arg(value_name = "DIR")]
    backup: PathBuf,
    /// The folder of the server's keys as you keep them, to check that they are those of the store
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

pub(super) async fn run(args: BackupArgs) -> Result<(), CliError> {
    let text = tokio::task::spawn_blocking(move || match args {
        BackupArgs { command: Some(BackupCommand::Verify(args)), .. } => verified(&args),
        BackupArgs { store: Some(store), to: Some(to), .. } => {
            let report = back_up(&store, &to)?;
            Ok(format!("backup     {}\n{}", to.display(), backed_up(&report)))
        }
        BackupArgs { .. } => {
            Err("give the folder of a store with --store, and that of the backup with --to".into())
        }
    });
    std::io::stdout().lock().write_all(text.await??.as_bytes())?;
    Ok(())
}

fn verified(args: &VerifyBackupArgs) -> Result<String, CliError> {
    let keys = args.keys.as_deref().map(Keys::load).transpose()?;
    let content = verify_backup(&args.backup, keys.as_ref())?;
    let keys = if keys.is_some() { "keys       those of the store\n" } else { "" };
    Ok(format!("every byte is as it was written\n{}{keys}", holds(&content)))
}

fn backed_up(report: &BackupReport) -> String {
    let BackupReport { content, before, new_bytes } = report;
    let records = content.position.get().saturating_sub(before.get());
    let new = match records {
        0 => format!("nothing since position {before}"),
        _ => format!("{records} records, {new_bytes} bytes, since position {before}"),
    };
    format!("new        {new}\n{}", holds(content))
}

fn holds(content: &BackupContent) -> String {
    let BackupContent { position, at, hash, blocks, pieces, bytes } = content;
    let at = at.map_or_else(String::new, |at| format!(", of {}", rfc3339(at)));
    let hash = data_encoding::HEXLOWER.encode(hash.as_bytes());
    format!(
        "up to      position {position}{at}\nholds      {blocks} blocks, {bytes} bytes, in {pieces} files\ntip        {position} {hash}\n"
    )
}

#[cfg(test)]
mod tests {
    use quittance_journal::{BlockHash, Position};
    use quittance_ledger::Timestamp;

    use super::*;

    #[test]
    fn a_report_says_what_is_new_and_what_there_is() {
        let content = BackupContent {
            position: Position::new(120),
            at: Some(Timestamp::from_millis(1_795_519_800_007)),
            hash: BlockHash::GENESIS,
            blocks: 34,
            pieces: 2,
            bytes: 21_874,
        };
        let report = |before| BackupReport { content, before: Position::new(before), new_bytes: 900 };
        let text = backed_up(&report(100));
        assert!(text.starts_with("new        20 records, 900 bytes, since position 100\n"), "{text}");
        assert!(text.contains("up to      position 120, of 2026-11-24T11:30:00.007Z\n"), "{text}");
        assert!(text.contains("holds      34 blocks, 21874 bytes, in 2 files\n"), "{text}");
        assert!(backed_up(&report(120)).starts_with("new        nothing since position 120\n"));
        let empty = BackupContent { position: Position::START, at: None, ..content };
        assert!(holds(&empty).starts_with("up to      position 0\n"));
    }
}
