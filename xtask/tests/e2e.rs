//! The sessions of `fixtures/sessions`, each as its own test.

use std::process::ExitCode;

use libtest_mimic::Arguments;
use xtask::session::snapshots::JoinedBy;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match xtask::session::snapshots::trials("2015-winter", JoinedBy::Links, &|_| ()) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => panic!("{error:#}"),
    }
}
