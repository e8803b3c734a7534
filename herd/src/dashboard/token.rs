//! Who may act. Anyone who can reach the dashboard may look.

use std::fmt;

use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use subtle::ConstantTimeEq;

/// The secret that the printed address carries. The browser keeps it in a cookie.
#[derive(Clone)]
pub(super) struct Token(String);

impl Token {
    /// A new secret of 128 bits.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(super) fn random() -> Result<Token, getrandom::Error> {
        Ok(Token(format!("{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?)))
    }

    /// The secret itself, for the address.
    pub(super) fn secret(&self) -> &str {
        &self.0
    }

    /// The value of a header that makes the browser keep the token, for the dashboard at `port`.
    pub(super) fn cookie(&self, port: u16) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", cookie_name(port), self.0)
    }

    /// Whether this is the token. The comparison takes constant time.
    pub(super) fn is(&self, given: &str) -> bool {
        self.0.as_bytes().ct_eq(given.as_bytes()).into()
    }

    /// Whether a request carries the token in its cookies.
    pub(super) fn is_in(&self, headers: &HeaderMap, port: u16) -> bool {
        let name = cookie_name(port);
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(key, value)| key == name && self.is(value))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Browsers share cookies between the ports of a host, so dashboards on several ports need several
/// names.
fn cookie_name(port: u16) -> String {
    format!("herd-dashboard-{port}")
}

/// Whether a page of the dashboard itself can have sent this request.
///
/// `SameSite=Strict` keeps the cookie from other sites, but pages from other ports of this machine
/// are the same site. Such a page cannot send JSON without asking first, and its requests name
/// another origin.
pub(super) fn is_from_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    let is_json = text(CONTENT_TYPE).is_some_and(|kind| kind.split(';').next() == Some("application/json"));
    let origin = text(ORIGIN).map(|origin| origin.strip_prefix("http://").unwrap_or_default());
    is_json && origin.is_none_or(|origin| text(HOST) == Some(origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<const N: usize>(pairs: [(axum::http::HeaderName, &str); N]) -> HeaderMap {
        pairs.into_iter().map(|(name, value)| (name, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_token_is_found_among_other_cookies_and_only_under_the_name_of_its_port() {
        let token = Token::random().unwrap();
        let cookie = format!("a=b; herd-dashboard-80={}; c", token.secret());
        let request = headers([(COOKIE, &cookie)]);
        assert!(token.is_in(&request, 80));
        assert!(!token.is_in(&request, 81));
        assert!(!Token::random().unwrap().is_in(&request, 80));
        assert!(!format!("{token:?}").contains(token.secret()));
    }

    #[test]
    fn only_json_from_the_same_origin_is_from_the_own_page() {
        let json = (CONTENT_TYPE, "application/json; charset=utf-8");
        let host = (HOST, "localhost:12690");
        assert!(is_from_own_page(&headers([json.clone(), host.clone()])));
        assert!(is_from_own_page(&headers([json.clone(), host.clone(), (ORIGIN, "http://localhost:12690")])));
        for origin in ["http://localhost:3000", "https://localhost:12690", "null", "http://evil.example"] {
            assert!(!is_from_own_page(&headers([json.clone(), host.clone(), (ORIGIN, origin)])), "{origin}");
        }
        assert!(!is_from_own_page(&headers([(CONTENT_TYPE, "text/plain"), host])));
    }
}
