//! `herd places-check`: makes one real request, and reports whether it works.

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::bail;
use serde_json::Value;

use herd::node::PlacesQuery;
use herd::places::{Found, Places, PlacesError, shorten};

use super::given::Given;
use super::herd_file::read_herd;
use super::places_args::PlacesArgs;
use super::resources::forbid_core_dumps;

/// The radius of the search, in metres.
const METRES: &str = "10000";

/// The most places to request.
const BOUND: usize = 5;

/// Requests the places around a point as a node would, and prints their names.
///
/// # Errors
/// The request fails; the message gives the reason and, if known, what to do.
pub(super) async fn run(
    given: &Given,
    config: Option<&Path>,
    args: &PlacesArgs,
    latitude: f64,
    longitude: f64,
) -> anyhow::Result<()> {
    let herd = given.blame(&["config"], read_herd(config))?;
    let provider = args.provider(&herd, given)?;
    if provider.holds_key() {
        forbid_core_dumps()?;
    }
    let limits = &herd.limits;
    let query =
        PlacesQuery { location: format!("{latitude},{longitude}"), metres: METRES.to_owned(), bound: BOUND };
    let outcome = Places::new(provider, limits).ask(&query, Ipv4Addr::LOCALHOST.into()).await;
    match verdict(outcome, limits.places_message_chars) {
        Ok(works) => {
            // Failure is ignored, since the exit code gives the result too.
            let _ = writeln!(std::io::stdout(), "works: {works}");
            Ok(())
        }
        Err(reason) => bail!("{reason}"),
    }
}

/// The outcome in words for an operator. It quotes at most `longest` characters of the service.
fn verdict(outcome: Result<Found, PlacesError>, longest: usize) -> Result<String, String> {
    let found = outcome.map_err(|error| match error {
        PlacesError::Nobody => error.to_string(),
        PlacesError::Untrusted(reason) => format!("certificate not trusted: {reason}"),
        error => format!("unreachable: {error}"),
    })?;
    let answer: Value = serde_json::from_slice(&found.json).unwrap_or_default();
    let reason = answer["error_message"].as_str().unwrap_or("no reason given");
    let says = |words: &[&str]| words.iter().any(|word| reason.to_lowercase().contains(word));
    let message = shorten(reason, longest);
    match found.status.as_str() {
        "OK" => {
            let names =
                answer["results"].as_array().into_iter().flatten().filter_map(|place| place["name"].as_str());
            Ok(names.collect::<Vec<_>>().join(", "))
        }
        "ZERO_RESULTS" => Ok("no places there".to_owned()),
        "REQUEST_DENIED" if says(&["legacy api"]) => {
            Err(format!("legacy API not enabled for this project: use `--places google` ({message})"))
        }
        "REQUEST_DENIED" | "OVER_QUERY_LIMIT" if says(&["billing"]) => {
            Err(format!("billing not enabled: {message}"))
        }
        "REQUEST_DENIED" => Err(format!("key rejected: {message}")),
        "OVER_QUERY_LIMIT" => Err(format!("quota exhausted: {message}")),
        status => Err(format!("{}: {message}", shorten(status, longest))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: &str, message: &str) -> Result<String, String> {
        let json = serde_json::json!({ "error_message": message, "results": [{ "name": "A" }, { "name": "B" }], "status": status });
        verdict(Ok(Found { json: json.to_string().into_bytes(), status: status.to_owned() }), 20)
    }

    #[test]
    fn each_outcome_has_a_plain_verdict() {
        assert_eq!(of("OK", "").unwrap(), "A, B");
        assert_eq!(of("ZERO_RESULTS", "").unwrap(), "no places there");
        for (status, message, verdict) in [
            ("REQUEST_DENIED", "The provided API key is invalid.", "key rejected: "),
            (
                "REQUEST_DENIED",
                "You\u{2019}re calling a legacy API, which is not enabled",
                "legacy API not enabled for this project: use `--places google`",
            ),
            ("REQUEST_DENIED", "This API method requires billing to be enabled.", "billing not enabled: "),
            (
                "OVER_QUERY_LIMIT",
                "verify your project has an active billing account",
                "billing not enabled: ",
            ),
            ("OVER_QUERY_LIMIT", "Quota exceeded", "quota exhausted: "),
            ("INVALID_REQUEST", "bad", "INVALID_REQUEST: bad"),
        ] {
            assert!(of(status, message).unwrap_err().starts_with(verdict), "{status} {message}");
        }
        let failed = |error| verdict(Err(error), 20).unwrap_err();
        assert!(failed(PlacesError::Connect("no connection")).starts_with("unreachable: "));
        assert_eq!(failed(PlacesError::Untrusted("why")), "certificate not trusted: why");
        let long = of("REQUEST_DENIED", &"x".repeat(1000)).unwrap_err();
        assert_eq!(long, format!("key rejected: {}…", "x".repeat(19)));
    }
}
