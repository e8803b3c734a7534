//! The two text formats of metrics, and which of them a request prefers.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use mime::Mime;

/// A text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Format {
    /// OpenMetrics, for requests that ask for it.
    OpenMetrics,
    /// The older format of Prometheus, version 0.0.4, for all other requests.
    Classic,
}

impl Format {
    pub(in crate::server) const ALL: [Format; 2] = [Format::OpenMetrics, Format::Classic];

    /// The format that a request prefers. OpenMetrics must be named: a wildcard is not enough.
    pub(in crate::server) fn preferred(headers: &HeaderMap) -> Format {
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
        let ranges: Vec<Mime> = accepted
            .flat_map(|accept| accept.split(','))
            .filter_map(|range| range.trim().parse().ok())
            .collect();
        let open = quality(&ranges, "application/openmetrics-text", &["1.0.0", "0.0.1"]).unwrap_or(0.0);
        let classic = quality(&ranges, "text/plain", &["0.0.4"])
            .or_else(|| quality(&ranges, "text/*", &[]))
            .or_else(|| quality(&ranges, "*/*", &[]))
            .unwrap_or(0.0);
        if open > 0.0 && open >= classic { Format::OpenMetrics } else { Format::Classic }
    }

    /// The answer to a request that prefers the format, for metrics in it.
    pub(in crate::server) fn response(self, text: String) -> Response {
        let content_type = match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Classic => "text/plain; version=0.0.4; charset=utf-8",
        };
        ([(CONTENT_TYPE, content_type), (VARY, ACCEPT.as_str())], text).into_response()
    }
}

/// The highest quality of the ranges that name a media type in any version, or in one of these;
/// `None` if there are none.
fn quality(ranges: &[Mime], wanted: &str, versions: &[&str]) -> Option<f32> {
    let named = ranges.iter().filter(|range| {
        let version = range.get_param("version");
        range.essence_str() == wanted && version.is_none_or(|version| versions.contains(&version.as_str()))
    });
    let qualities = named.map(|range| match range.get_param("q") {
        None => 1.0,
        Some(quality) => quality.as_str().parse().unwrap_or(0.0),
    });
    qualities.reduce(f32::max)
}

/// Converts OpenMetrics to the older format, in which a counter has the name of its series, and
/// nothing marks the end.
pub(super) fn classic(text: &str) -> String {
    let mut classic = String::with_capacity(text.len());
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        // A line of help is followed by one of the type.
        let kind = line.strip_prefix("# TYPE ").or_else(|| lines.peek()?.strip_prefix("# TYPE "));
        let is_counter = kind.is_some_and(|kind| kind.ends_with(" counter"));
        match line.match_indices(' ').nth(2) {
            Some((end, _)) if is_counter => classic += &format!("{}_total{}", &line[..end], &line[end..]),
            _ if line == "# EOF" => continue,
            _ => classic += line,
        }
        classic.push('\n');
    }
    classic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preferred(accept: &[&'static str]) -> Format {
        let mut headers = HeaderMap::new();
        for accept in accept {
            headers.append(ACCEPT, accept.parse().unwrap());
        }
        Format::preferred(&headers)
    }

    #[test]
    fn openmetrics_is_for_those_who_name_it_and_like_it_best() {
        for accept in [
            "application/openmetrics-text",
            "Application/OpenMetrics-Text; version=1.0.0",
            // Prometheus 2 and 3.
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            "text/plain;q=0.5, application/openmetrics-text;q=0.5",
            "*/*, text/plain;q=0.1, application/openmetrics-text;q=0.2",
            "nonsense, application/openmetrics-text",
        ] {
            assert_eq!(preferred(&[accept]), Format::OpenMetrics, "{accept}");
        }
        assert_eq!(preferred(&["text/plain;q=0.5", "application/openmetrics-text"]), Format::OpenMetrics);
    }

    #[test]
    fn all_others_get_the_older_format() {
        assert_eq!(preferred(&[]), Format::Classic);
        for accept in [
            "",
            "*/*",
            "text/html, application/json;q=0.9",
            "text/plain",
            "application/*",
            "application/openmetrics-text;q=0",
            "application/openmetrics-text;q=much",
            "application/openmetrics-text;version=2.0.0",
            "application/openmetrics-text;q=0.4, text/plain;q=0.5",
            "application/openmetrics-text;q=0.4, text/*;q=0.5",
            "application/openmetrics-text;q=0.4, */*",
        ] {
            assert_eq!(preferred(&[accept]), Format::Classic, "{accept}");
        }
    }

    #[test]
    fn in_the_older_format_a_counter_has_the_name_of_its_series() {
        let text = "# HELP a Help of a counter.\n# TYPE a counter\na_total{b=\"c\"} 1\n\
                    # HELP g Help.\n# TYPE g gauge\ng 1\n# EOF\n";
        let expected = "# HELP a_total Help of a counter.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n\
                        # HELP g Help.\n# TYPE g gauge\ng 1\n";
        assert_eq!(classic(text), expected);
    }
}
