//! Responses as Google sends them: its headers, and the body in chunks.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::Response;
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{self, HeaderName, HeaderValue};

use super::asked::Api;
use super::bodies::Reply;

/// The headers of every response.
const COMMON: [(HeaderName, &str); 4] = [
    (header::SERVER, "scaffolding on HTTPServer2"),
    (header::X_XSS_PROTECTION, "0"),
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (header::ALT_SVC, "h3=\":443\"; ma=2592000,h3-29=\":443\"; ma=2592000"),
];

/// Returns a response whose body goes out in chunks.
pub(super) fn response(api: Api, reply: Reply) -> Response<Pieces> {
    let (caching, vary) = match api {
        Api::Legacy | Api::Other => ("public, max-age=300", "Accept-Language"),
        Api::New => ("private", "Origin, X-Origin, Referer"),
    };
    let own =
        [(header::CONTENT_TYPE, reply.content_type), (header::CACHE_CONTROL, caching), (header::VARY, vary)];
    let mut response = Response::new(Pieces(Bytes::from(reply.body)));
    *response.status_mut() = reply.status;
    for (name, value) in own.into_iter().chain(COMMON) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The size of a chunk.
const CHUNK: usize = 4096;

/// A body whose length is not announced, so that HTTP/1.1 sends each piece as a chunk and HTTP/1.0
/// ends with the connection.
pub(super) struct Pieces(Bytes);

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let length = CHUNK.min(self.0.len());
        let piece = self.0.split_to(length);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
