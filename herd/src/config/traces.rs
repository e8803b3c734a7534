//! Checks the `[traces]` table of a herd file.

use reqwest::Url;

use super::backbone::is_loopback;
use super::problems::Problems;
use super::{Herd, TracesTable};

/// The table's name in problems.
const TABLE: &str = "traces";

impl Problems<'_> {
    /// Checks the table, if there is one.
    pub(super) fn check_traces(&mut self, herd: &Herd) {
        let Some(TracesTable { endpoint, sample }) = &herd.traces else { return };
        if !cfg!(feature = "otel") {
            let message = "this program cannot send traces: build it with `--features otel`, or remove the [traces] table";
            self.at_key(TABLE, "endpoint", message.to_owned());
        }
        if let Err(problem) = check_endpoint(endpoint) {
            self.at_key(TABLE, "endpoint", problem);
        }
        if !(*sample > 0.0 && *sample <= 1.0) {
            let message =
                format!("`sample` is a share of all reports, above 0 and at most 1, and not {sample}");
            self.at_key(TABLE, "sample", message);
        }
    }
}

/// Checks the URL of a collector. Messages do not show it, in case it holds a password.
fn check_endpoint(text: &str) -> Result<(), String> {
    let expected = "`endpoint` must be the URL of an OpenTelemetry collector, such as http://127.0.0.1:4318";
    let url = Url::parse(text).map_err(|error| format!("{expected}: {error}"))?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(expected)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL in `endpoint` holds a user name or a password: put credentials into the environment variable OTEL_EXPORTER_OTLP_HEADERS".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{expected}, without a query"));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(host) => Ok(()),
        "http" => Err(format!(
            "the collector {host} is not on loopback: use https:// instead of http://, since spans have the ids of clients"
        )),
        scheme => Err(format!("{expected}, and not {scheme}://")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;
    use crate::config::tests::PAIR;

    /// The problems of a herd with this table, without the program's own.
    fn problems(keys: &str) -> Vec<String> {
        let herd = Herd::parse(&format!("{PAIR}[traces]\n{keys}\n"), "h");
        let problems = herd.err().map_or(Vec::new(), |ConfigError(problems)| problems);
        let messages = problems.into_iter().map(|problem| problem.message);
        messages.filter(|message| !message.starts_with("this program")).collect()
    }

    #[test]
    fn a_program_without_the_feature_refuses_the_table() {
        let text = format!("{PAIR}[traces]\nendpoint = \"http://127.0.0.1:4318\"\n");
        let read = Herd::parse(&text, "h");
        let sample = read.map(|herd| herd.traces.unwrap().sample).map_err(|error| error.to_string());
        let refused = "h:14: this program cannot send traces: build it with `--features otel`, or remove the [traces] table";
        let expected = if cfg!(feature = "otel") { Ok(0.01) } else { Err(refused.to_owned()) };
        assert_eq!(sample, expected);
    }

    #[test]
    fn a_table_needs_an_endpoint_and_a_share() {
        let endpoint = "endpoint = \"http://127.0.0.1:4318\"";
        assert_eq!(problems(&format!("{endpoint}\nsample = 1")), [""; 0]);
        assert!(problems("")[0].contains("must be the URL"));
        for sample in ["0", "-0.5", "1.5", "nan"] {
            let found = problems(&format!("{endpoint}\nsample = {sample}"));
            assert!(found[0].starts_with("`sample` is a share"), "{found:?}");
        }
    }

    #[test]
    fn collectors_are_at_urls_and_beyond_loopback_need_tls() {
        for url in
            ["http://127.0.0.1:4318", "http://localhost", "http://[::1]:4318/", "https://otel.example/x"]
        {
            assert_eq!(check_endpoint(url), Ok(()), "{url}");
        }
        for (url, expected) in [
            ("", "must be the URL"),
            ("127.0.0.1:4318", "must be the URL"),
            ("grpc://127.0.0.1:4317", "and not grpc://"),
            ("http://otel.example:4318", "use https://"),
            ("https://user:secret@otel.example", "OTEL_EXPORTER_OTLP_HEADERS"),
            ("http://127.0.0.1:4318/?key=secret", "without a query"),
        ] {
            let problem = check_endpoint(url).unwrap_err();
            assert!(problem.contains(expected) && !problem.contains("secret"), "{url}: {problem}");
        }
    }
}
