//! Keys of places services, and `herd places-check`.

use super::*;

#[test]
fn google_legacy_without_a_key_says_how_to_give_one() {
    let stderr = stderr_of_failure(herd().args(["Alford", "--places", "google-legacy"]), 2);
    assert!(stderr.contains("HERD_PLACES_KEY") && stderr.contains("--places-key-file"), "{stderr}");
}

#[test]
fn a_wrong_key_is_not_repeated() {
    let stderr = stderr_of_failure(
        herd().args(["Alford", "--places", "google-legacy"]).env("HERD_PLACES_KEY", "se cret"),
        2,
    );
    assert!(stderr.contains("HERD_PLACES_KEY") && !stderr.contains("cret"), "{stderr}");
}

#[test]
fn a_key_file_named_by_a_flag_overrides_a_key_in_the_environment() {
    let mut command = herd();
    command.args(["Alford", "--places-key-file", "/no/such/file"]).env("HERD_PLACES_KEY", "key");
    assert!(stderr_of_failure(&mut command, 2).contains("/no/such/file"));
    // A key in the environment overrides the name of a file there.
    let mut check = herd();
    check.args(["places-check", "--places", "google", "--places-url", "http://127.0.0.1:1"]);
    check.env("HERD_PLACES_KEY", "key").env("HERD_PLACES_KEY_FILE", "/no/such/file");
    assert!(stderr_of_failure(&mut check, 1).contains("unreachable"));
}

#[test]
fn an_empty_key_is_no_key() {
    let mut check = herd();
    check.arg("places-check").env("HERD_PLACES_KEY", " ").assert().success();
    let stderr =
        stderr_of_failure(herd().args(["Alford", "--places", "google"]).env("HERD_PLACES_KEY", ""), 2);
    assert!(stderr.contains("needs an API key"), "{stderr}");
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let path = file("open-key");
    std::fs::write(&path, "secret\n").unwrap();
    for mode in [0o644, 0o604, 0o620, 0o602, 0o610, 0o601] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        // Not a node, which would keep running if it accepted the key.
        let mut check = herd();
        check.args(["places-check", "--places", "google", "--places-url", "http://127.0.0.1:1"]);
        let stderr = stderr_of_failure(check.args(["--places-key-file", &path]), 2);
        let told = format!("others can read it (mode {mode:o}): chmod 600 it");
        assert!(stderr.contains(&path) && stderr.contains(&told) && !stderr.contains("secret"), "{stderr}");
    }
    for mode in [0o600, 0o400] {
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let mut check = herd();
        check.args(["places-check", "--places", "google", "--places-url", "http://127.0.0.1:1"]);
        assert!(stderr_of_failure(check.args(["--places-key-file", &path]), 1).contains("unreachable"));
    }
}

#[test]
fn places_check_works_offline_without_a_key() {
    let output = herd().arg("places-check").assert().success().get_output().stdout.clone();
    let verdict = String::from_utf8(output).unwrap();
    assert!(verdict.starts_with("works: ") && verdict.contains("Santa Monica"), "{verdict}");
}

#[test]
fn places_check_tells_an_unreachable_service_and_no_key() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for provider in ["google", "google-legacy"] {
        let mut check = herd();
        check.args(["places-check", "34", "-118", "--places", provider, "--places-url", &url]);
        let stderr = stderr_of_failure(check.env("HERD_PLACES_KEY", "secret"), 1);
        assert!(
            stderr.contains("unreachable") && !stderr.contains("secret") && !stderr.contains(&url),
            "{stderr}"
        );
    }
}

#[test]
fn places_are_looked_for_on_earth_only() {
    for (coordinates, expected) in [
        (["91", "0"], "invalid value '91' for '[LAT]': expected a number of degrees from -90 to 90"),
        (["-90.001", "0"], "invalid value '-90.001' for '[LAT]': expected a number of degrees"),
        (["NaN", "0"], "invalid value 'NaN' for '[LAT]': expected a number of degrees"),
        (["inf", "0"], "invalid value 'inf' for '[LAT]': expected a number of degrees"),
        (["north", "0"], "invalid value 'north' for '[LAT]': expected a number of degrees"),
        (["0", "181"], "invalid value '181' for '[LON]': expected a number of degrees from -180 to 180"),
        (["0", "-180.5"], "invalid value '-180.5' for '[LON]': expected a number of degrees"),
        (["0", "nan"], "invalid value 'nan' for '[LON]': expected a number of degrees"),
    ] {
        let stderr = stderr_of_failure(herd().arg("places-check").args(coordinates), 2);
        assert!(stderr.contains(expected), "{stderr}");
    }
    for coordinates in [["90", "180"], ["-90", "-180"], ["48.2", "16.4"]] {
        herd().arg("places-check").args(coordinates).assert().success();
    }
}
