//! The program `quittance`. All of it is in the library.

use std::process::ExitCode;

/// Units of memory are made on one thread and given back on another all the time, which this is quick at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    quittance_gateway::cli::main()
}
