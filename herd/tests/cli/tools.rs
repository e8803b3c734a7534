//! `herd journal` and `herd certs`.

use super::*;

#[test]
fn a_journal_is_looked_at_without_being_changed() {
    let folder = file("journal");
    std::fs::create_dir_all(&folder).unwrap();
    let file = format!("{folder}/journal");
    let journal = "be94ece8 JOURNAL 1 Alford\nabe91472 EPOCH 0361a8027139f407\n\
        c2b1da46 2 AT Alford +1795486665.004884257 plum +1+1 1\nf43f8a62 CLOSED\n";
    std::fs::write(&file, journal).unwrap();
    let told = |command: &str| {
        let output =
            herd().args(["journal", command, &folder]).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    };
    assert_eq!(
        told("verify"),
        format!("{file}: 1 updates, {} bytes, closed cleanly: valid\n", journal.len())
    );
    assert_eq!(told("dump"), "AT Alford +1795486665.004884257 plum +1+1 1\n");
    let stat: serde_json::Value = serde_json::from_str(&told("stat")).unwrap();
    assert_eq!(
        (&stat["node"], &stat["clients"], &stat["last_sequence"]),
        (&"Alford".into(), &1.into(), &2.into())
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), journal);

    std::fs::write(&file, journal.replace("plum", "plug")).unwrap();
    let output = herd().args(["journal", "verify", &file]).assert().code(1).get_output().clone();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{file}: line 3 is damaged, at byte 58\n"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("fetches all records from its neighbours"));
    std::fs::write(&file, &journal[..journal.len() - 1]).unwrap();
    let output = herd().args(["journal", "verify", &file]).assert().code(1).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("torn"));
}

#[test]
fn a_reader_that_has_read_enough_of_a_journal_is_no_error_and_a_full_disk_is_one() {
    let file = folder().join("journal");
    let journal = "be94ece8 JOURNAL 1 Alford\nabe91472 EPOCH 0361a8027139f407\n";
    std::fs::write(&file, journal).unwrap();
    let verify_to = |output: Stdio| {
        let mut command = std::process::Command::new(program("herd"));
        command.args(["journal", "verify"]).arg(&file).stdout(output).output().unwrap()
    };
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let told = verify_to(writer.into());
    assert!(told.status.success() && told.stderr.is_empty(), "{told:?}");
    let told = verify_to(File::options().write(true).open("/dev/full").unwrap().into());
    assert!(!told.status.success() && !told.stderr.is_empty(), "{told:?}");
}

#[test]
fn certificates_are_made_shown_and_not_made_twice() {
    let folder = file("certs");
    let refused = |args: &[&str], code| stderr_of_failure(herd().arg("certs").args(args), code);
    let made = |args: &[&str]| {
        let output = herd().arg("certs").args(args).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap()
    };
    assert!(refused(&["add", "Alford", &folder], 1).contains("create them with `herd certs init`"));
    assert_eq!(made(&["init", &folder]), format!("made an authority in {folder}\n"));
    assert!(refused(&["init", &folder], 1).contains("already has an authority"));
    let said = made(&["add", "Alford", &folder]);
    assert_eq!(said, format!("made {folder}/Alford.pem and {folder}/Alford.key\n"));
    assert!(refused(&["add", "Alford", &folder], 1).contains("--replace"));
    made(&["add", "Alford", &folder, "--replace", "--days", "20"]);
    for name in ["ca", "../Alford", "", "a b", ".", ".."] {
        assert!(refused(&["add", name, &folder], 1).contains("is not a valid name"), "{name}");
    }
    for days in ["0", "3651", "x"] {
        refused(&["add", "Bolden", &folder, "--days", days], 2);
    }
    let shown = made(&["show", &folder]);
    let shown: Vec<&str> = shown.lines().collect();
    assert!(
        shown[0].starts_with(&format!("{folder}/Alford.pem: Alford: expires soon, in 19 days")),
        "{shown:?}"
    );
    assert!(
        shown[1].starts_with(&format!("{folder}/ca.pem: the authority: valid for 3649 days")),
        "{shown:?}"
    );
    assert_eq!(shown.len(), 2);
    assert!(refused(&["show", "/dev/null"], 1).contains("/dev/null holds no certificate"));
    let mode =
        |file: &str| std::fs::metadata(format!("{folder}/{file}")).unwrap().permissions().mode() & 0o777;
    assert_eq!([".", "ca.key", "Alford.key"].map(mode), [0o700, 0o600, 0o600]);
}
