//! `quittance audit`: reads a stopped store and says whether everything in it holds.

use std::io::Write as _;
use std::path::PathBuf;

use quittance_engine::AuditReport;

use super::CliError;

/// What to audit.
#[derive(clap::Args)]
#[command(
    after_help = "The store is copied to the folder for temporary files and read there: set TMPDIR to where there is room \
                  for it. Exits with 0 if everything holds, and with 1 and the breach on stderr if it does not."
)]
pub(super) struct AuditArgs {
    /// The folder of the store; its server must be stopped
    #[arg(value_name = "DIR")]
    store: PathBuf,
}

pub(super) fn run(args: &AuditArgs) -> Result<(), CliError> {
    let report = quittance_engine::audit(&args.store)?;
    std::io::stdout().lock().write_all(text(&report).as_bytes())?;
    Ok(())
}

fn text(report: &AuditReport) -> String {
    let AuditReport { records, blocks, settled, refused, accounts, wallets, totals, position, hash } = report;
    let hash = data_encoding::HEXLOWER.encode(hash.as_bytes());
    let mut text = format!(
        "everything holds\n\
         records    {records} in {blocks} blocks\n\
         transfers  {settled} settled, {refused} refused\n\
         accounts   {accounts}\n\
         wallets    {wallets}\n"
    );
    for total in totals {
        let sum = total.currency.format(total.in_circulation);
        text.push_str(&format!("currency   {sum} in circulation, in {} wallets\n", total.wallets));
    }
    text.push_str(&format!("tip        {position} {hash}\n"));
    text
}

#[cfg(test)]
mod tests {
    use quittance_engine::CurrencyTotal;
    use quittance_journal::{BlockHash, Position};
    use quittance_ledger::Currency;

    use super::*;

    #[test]
    fn a_report_is_for_people() {
        let currency = Currency::new("EUR".parse().unwrap(), None).unwrap();
        let report = AuditReport {
            records: 9,
            blocks: 2,
            settled: 3,
            refused: 1,
            accounts: 2,
            wallets: 3,
            totals: vec![CurrencyTotal { currency, in_circulation: 1_250, wallets: 2 }],
            position: Position::new(9),
            hash: BlockHash::GENESIS,
        };
        let text = text(&report);
        assert!(text.starts_with("everything holds\nrecords    9 in 2 blocks\n"), "{text}");
        assert!(text.contains("currency   12.50 EUR in circulation, in 2 wallets\n"), "{text}");
    }
}
