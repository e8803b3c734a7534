//! The unit in `herd/deploy`, as systemd sees it.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
#[expect(clippy::print_stderr, reason = "says that there was nothing to check with")]
fn the_unit_is_one_that_systemd_takes() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deploy");
    fs::create_dir_all(&folder).unwrap();
    // It need not be installed where this runs.
    let program = assert_cmd::cargo::cargo_bin!("herd").display().to_string();
    let unit = fs::read_to_string(deploy.join("herd@.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/herd %i"));
    let file = folder.join("herd@Alford.service");
    fs::write(&file, unit.replace("/usr/local/bin/herd", &program)).unwrap();
    match Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&file)
        .output()
    {
        Err(error) => eprintln!("not checked, systemd-analyze: {error}"),
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && !told.contains("herd@"), "{told}");
        }
    }
}
