//! `quittance restore`: makes a store of a backup, to its end or to a point before.

use std::io::Write as _;
use std::path::PathBuf;

use quittance_engine::{RestorePoint, RestoreReport, restore};
use quittance_journal::Position;
use quittance_ledger::Timestamp;

use super::CliError;
use super::audit;
use crate::client::rfc3339;

/// What to restore, where to, and up to where.
#[derive(clap::Args)]
#[command(
    after_help = "The new store is audited before it gets its name; until then it has one that ends in .unfinished. With --at or \
                  --before, what was acknowledged after that point is gone from it, and receipts of that are good no more: read \
                  \"Going back\" in the README first. Exits with 0 if the store is there, and with 1 and the reason on stderr, \
                  without a store, if not."
)]
pub(super) struct RestoreArgs {
    /// The folder of the backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The folder of the new store, which must not be there
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Restore up to this position, and nothing after it
    #[arg(long, value_name = "POSITION", conflicts_with = "before")]
    at: Option<u64>,
    /// Restore what was recorded before this instant, such as 2026-11-24T11:30:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    before: Option<Timestamp>,
    /// Say on stderr how far the audit has come
    #[arg(long)]
    progress: bool,
}

/// An instant with its offset from UTC, so that nobody restores to an hour beside the one that was meant.
fn instant(text: &str) -> Result<Timestamp, String> {
    let instant: Option<jiff::Timestamp> = text.parse().ok();
    let millis = instant.and_then(|instant| u64::try_from(instant.as_millisecond()).ok());
    millis
        .map(Timestamp::from_millis)
        .ok_or_else(|| "write it as RFC 3339 does, with Z or an offset: 2026-11-24T11:30:00Z".to_owned())
}

pub(super) async fn run(args: RestoreArgs) -> Result<(), CliError> {
    let RestoreArgs { from, to, at, before, progress } = args;
    let point = match (at, before) {
        (Some(position), _) => RestorePoint::At(Position::new(position)),
        (None, Some(instant)) => RestorePoint::Before(instant),
        (None, None) => RestorePoint::End,
    };
    let target = to.clone();
    let restored = tokio::task::spawn_blocking(move || {
        restore(&from, &target, point, &mut |at| {
            if progress {
                eprintln!("position {} of {}", at.position, at.tip);
            }
        })
    });
    let report = restored.await??;
    let text = format!("store      {}\n{}", to.display(), text(&report));
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

fn text(report: &RestoreReport) -> String {
    let RestoreReport { audit, at, left_out, cut_block } = report;
    let position = audit.position;
    let mut text = format!("up to      position {position}, of {}\n", rfc3339(*at));
    if *left_out > 0 {
        text.push_str(&format!("left out   {left_out} records that the backup has after it\n"));
    }
    if let Some(first) = cut_block {
        text.push_str(&format!(
            "cut        the block from position {first} on: receipts of {first} to {position} from before name one that is gone\n"
        ));
    }
    text.push_str(&audit::text(audit));
    text
}

#[cfg(test)]
mod tests {
    use quittance_engine::AuditReport;
    use quittance_journal::BlockHash;

    use super::*;

    #[test]
    fn an_instant_must_say_of_what_zone_it_is() {
        let read = |text| instant(text).map(Timestamp::as_millis);
        assert_eq!(read("2026-11-24T11:30:00Z"), Ok(1_795_519_800_000));
        assert_eq!(read("2026-11-24T12:30:00.007+01:00"), Ok(1_795_519_800_007));
        for bad in ["2026-11-24", "2026-11-24T11:30:00", "11:30", "yesterday", "", "1960-01-01T00:00:00Z"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_there_any_more_is_said() {
        let audit = AuditReport {
            records: 90,
            blocks: 20,
            settled: 3,
            refused: 1,
            accounts: 2,
            wallets: 3,
            totals: Vec::new(),
            position: Position::new(90),
            hash: BlockHash::GENESIS,
        };
        let at = Timestamp::from_millis(1_795_519_800_007);
        let whole = RestoreReport { audit, at, left_out: 0, cut_block: None };
        let said = text(&whole);
        assert!(
            said.starts_with("up to      position 90, of 2026-11-24T11:30:00.007Z\neverything holds\n"),
            "{said}"
        );
        let said = text(&RestoreReport { left_out: 30, cut_block: Some(Position::new(85)), ..whole });
        assert!(said.contains("left out   30 records") && said.contains("receipts of 85 to 90 "), "{said}");
    }
}
