//! The tools: `herd journal`, `certs`, `config`, `doctor`, `completions` and `man`.

use super::*;

#[test]
fn a_new_herd_file_is_valid_and_never_written_over_another_one() {
    let path = file("new.toml");
    herd().args(["config", "init", "127.0.0.1", "Bob=127.0.0.1", "--output", &path]).assert().success();
    herd().args(["check-config", &path]).assert().success();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("name = \"Bob\"\nclient = \"127.0.0.1:12481\""), "{text}");
    let refused = stderr_of_failure(herd().args(["config", "init", "::1", "-o", &path]), 1);
    assert!(refused.contains("exists: choose another name"), "{refused}");
    let twice = stderr_of_failure(herd().args(["config", "init", "a=::1", "a=::1"]), 2);
    assert!(twice.contains("two nodes would be called a"), "{twice}");
}

#[test]
fn the_doctor_tells_problems_from_what_is_well() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = listener.local_addr().unwrap().to_string();
    let config = herd_file("taken", &client, "127.0.0.1:0");
    let data = folder().join("data");
    std::fs::create_dir_all(&data).unwrap();
    let journal = data.join("journal");
    std::fs::write(&journal, "no journal\n").unwrap();
    let look = |code| {
        let mut command = herd();
        command.args(["doctor", "Alford", "--config", &config, "--data-dir"]).arg(&data);
        String::from_utf8(command.assert().code(code).get_output().stdout.clone()).unwrap()
    };
    let found = look(1);
    for text in [
        &format!("ok       herd file {config}: 1 nodes, valid\n"),
        &format!("PROBLEM  port {client} (`client`): in use\n"),
        "ok       port 127.0.0.1:0 (`link`): free\n",
        &format!("PROBLEM  journal {}: line 1 is not the header", journal.display()),
        "ok       disk: a sync takes ",
    ] {
        assert!(found.contains(text), "{text}: {found}");
    }
    // The disk was tried, and nothing is left of that.
    assert_eq!(std::fs::read_dir(&data).unwrap().count(), 1);
    let other = stderr_of_failure(herd().args(["doctor", "Alfords", "--config", &config]), 2);
    assert!(other.contains("did you mean `Alford`?"), "{other}");
}

#[test]
fn every_command_has_a_manual_page_and_shells_know_it() {
    let pages = folder().join("man1");
    herd().arg("man").arg(&pages).assert().success();
    let page = std::fs::read_to_string(pages.join("herd-config-init.1")).unwrap();
    assert!(page.contains("commented herd file"), "{page}");
    let own = herd().arg("man").assert().success().get_output().stdout.clone();
    assert_eq!(std::fs::read(pages.join("herd.1")).unwrap(), own);
    let script = herd().args(["completions", "bash"]).assert().success().get_output().stdout.clone();
    let script = String::from_utf8(script).unwrap();
    assert!(script.contains("doctor") && script.contains("--admin-address"));
}

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
