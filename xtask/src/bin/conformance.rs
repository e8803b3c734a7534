//! The conformance suite as a program by itself, which needs no checkout: autograders run it.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use herd::printable::lines;
use xtask::commands::test::conformance::{ConformanceArgs, judge_herds, nothing_judged};
use xtask::conformance::hidden::run_hidden_role;

/// Judge a herd in any language by the rules of the protocol
#[derive(Debug, Parser)]
#[command(name = "conformance", version)]
struct Cli {
    #[command(flatten)]
    args: ConformanceArgs,
}

fn main() -> ExitCode {
    if let Some(code) = run_hidden_role(&mut std::io::stdout(), &mut std::io::stderr()) {
        return code;
    }
    judge_herds(&Cli::parse().args).unwrap_or_else(|error| {
        // `eprintln!` would panic if standard error is closed.
        let _ = writeln!(std::io::stderr(), "error: {}", lines(format!("{error:#}").as_bytes()));
        nothing_judged()
    })
}
