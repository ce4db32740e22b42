//! The program `quittance`. All of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    quittance_gateway::cli::main()
}
