//! One seed on a simulated network: `cargo xtask chaos --turmoil` builds this program, and runs it once a seed.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use xtask::turmoil::OneSeed;

fn main() -> ExitCode {
    match OneSeed::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody need be reading.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
