//! `herd`: runs one node of a server herd.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
