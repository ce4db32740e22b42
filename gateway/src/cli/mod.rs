//! The command line.

mod audit;
mod backup;
mod config;
pub mod demo;
mod device;
mod drawing;
mod key_file;
mod minor;
mod open_files;
mod repair;
mod restore;
pub mod serve;
pub mod till;
mod told;
mod verify;

use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Why a command did not do what it was told. One line, in lower case, with what to do about it.
pub type CliError = Box<dyn Error + Send + Sync>;

/// A settlement engine for mobile barcode payments.
///
/// Payees show a barcode, payers scan and confirm it, and the server settles the payment and tells both.
#[derive(Parser)]
#[command(name = "quittance", version, propagate_version = true, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until it is told to stop (SIGTERM or Ctrl-C)
    Serve(serve::ServeArgs),
    /// Show a payment from end to end on this machine
    Demo(demo::DemoArgs),
    /// Check a stopped store against every invariant, without changing it
    Audit(audit::AuditArgs),
    /// Back up what is new of a store, also while its server runs; or verify a backup
    Backup(backup::BackupArgs),
    /// Make a store of a backup, to its end or to a point before
    Restore(restore::RestoreArgs),
    /// Salvage what is whole of a damaged store into a new one
    Repair(repair::RepairArgs),
    /// Check a receipt offline, with the server's public keys alone
    Verify(verify::VerifyArgs),
    /// Check offline that two signed heads are of one history, of which nothing was rewritten
    CompareHeads(verify::CompareHeadsArgs),
    /// Be a phone or a till: pair, ask for payments, pay, follow events
    Device(device::DeviceArgs),
    /// Make a payment barcode offline, with a till's own key
    Till(till::TillArgs),
    /// Print a new id for a transfer, such as an issue by hand: a time-ordered UUID (version 7)
    NewId,
}

/// Runs the program: reads the arguments, does what they say, and tells on stderr why if it can't.
///
/// Exits with 0, with 1 when the command failed, or with 2 when the arguments make no sense; `repair` has a code more.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_asked_for = !error.use_stderr();
            // Nobody is left to tell if this fails.
            let _ = error.print();
            return if is_asked_for { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    };
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quittance: {}", one_line(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime could not be started: {error}"))?;
    let outcome = runtime.block_on(async {
        let done = match command {
            Command::Serve(args) => serve::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Device(args) => device::run(args).await,
            Command::Till(args) => till::run(args).await,
            Command::Audit(args) => audit::run(&args).await,
            Command::Backup(args) => backup::run(args).await,
            Command::Restore(args) => restore::run(args).await,
            Command::Repair(args) => return repair::run(args).await,
            Command::Verify(args) => verify::run(&args),
            Command::CompareHeads(args) => verify::compare_heads(&args),
            Command::NewId => {
                writeln!(std::io::stdout(), "{}", crate::client::new_transfer_id()?)?;
                Ok(())
            }
        };
        done.map(|()| ExitCode::SUCCESS)
    });
    // A server that was stopped during its start may be reading the store still: that is not waited for.
    runtime.shutdown_background();
    outcome
}

fn one_line(error: &dyn Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_make_sense_and_every_command_has_help() {
        fn check(command: &clap::Command) {
            for command in command.get_subcommands() {
                assert!(command.get_about().is_some(), "{}", command.get_name());
                for argument in command.get_arguments() {
                    assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
                }
                check(command);
            }
        }
        let command = Arguments::command();
        command.clone().debug_assert();
        check(&command);
    }
}
