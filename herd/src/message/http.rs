//! Recognizes clients that speak HTTP.

use super::fields;

/// Returns whether a line is the first line of an HTTP request (`POST / HTTP/1.1`: a method in
/// capitals, a target and a version), or its `Host:` header.
///
/// A web page can make a browser send a request to any port of the reader's machine, with a body
/// that the page chooses. Its lines must not be obeyed.
pub fn begins_http(line: &[u8]) -> bool {
    has_prefix(line, b"host:") || is_request_line(line)
}

fn is_request_line(line: &[u8]) -> bool {
    let mut fields = fields(line);
    let [Some(method), Some(_target), Some(version), None] = [(); 4].map(|()| fields.next()) else {
        return false;
    };
    let is_method = method.iter().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_'));
    let is_version =
        version.strip_prefix(b"HTTP/").is_some_and(|number| number.first().is_some_and(u8::is_ascii_digit));
    is_method && is_version
}

/// Returns whether a line starts with `prefix`. Names of headers are case-insensitive.
fn has_prefix(line: &[u8], prefix: &[u8]) -> bool {
    line.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_hosts_are_distinguished_from_commands() {
        for http in [
            "POST / HTTP/1.1",
            "GET /x?y HTTP/1.0",
            "OPTIONS * HTTP/2",
            "M-SEARCH * HTTP/1.1",
            "PRI * HTTP/2.0",
            "  GET\t/  HTTP/1.1 ",
            "Host: 127.0.0.1:12480",
            "host:x",
        ] {
            assert!(begins_http(http.as_bytes()), "{http}");
        }
        for other in [
            "",
            "GET /",
            "GET / HTTP",
            "GET / HTTP/x",
            "get / HTTP/1.1",
            "IAMAT kiwi +1+1 1",
            "WHATSAT kiwi 1 0",
            "GET / HTTP/1.1 more",
            "Hos: x",
            "host",
        ] {
            assert!(!begins_http(other.as_bytes()), "{other}");
        }
    }
}
