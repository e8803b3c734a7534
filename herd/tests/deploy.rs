//! The unit in `herd/deploy`, as systemd sees it.

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use assert_cmd::Command;
use fixtures::checkout::{program, root, scratch};

/// Longer than the check takes.
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
#[expect(clippy::print_stderr, reason = "says that there was nothing to check with")]
fn the_unit_is_one_that_systemd_takes() {
    let deploy = root().join("herd/deploy");
    let folder = scratch("deploy");
    // It need not be installed where this runs.
    let program = program("herd").display().to_string();
    let unit = fs::read_to_string(deploy.join("herd@.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/herd %i"));
    let file = folder.join("herd@Alford.service");
    fs::write(&file, unit.replace("/usr/local/bin/herd", &program)).unwrap();
    match Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&file)
        .timeout(DEADLINE)
        .output()
    {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("not checked, systemd-analyze: {error}");
        }
        checked => {
            let output = checked.unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !told.contains("herd@"), "{told}");
        }
    }
}
