//! Google's legacy Nearby Search: sends a GET with the key in its query. The answer already has the
//! format of an answer to WHATSAT.

use reqwest::Url;

use super::http::{Connection, Http, service_url};
use super::{Found, Key, PlacesError, cut, status_of};
use crate::node::{Limits, PlacesQuery};

/// Google's base URL.
const GOOGLE: &str = "https://maps.googleapis.com";

/// The path below the base URL.
const PATH: &str = "/maps/api/place/nearbysearch/json";

/// The legacy service at a base URL, with its API key.
#[derive(Debug)]
pub struct GoogleLegacy {
    url: Url,
    key: Key,
    http: Http,
    depth: usize,
}

impl GoogleLegacy {
    /// A service at `base` (Google itself if `None`), which is asked with `key` within `limits`.
    ///
    /// # Errors
    /// `base` is not an http or https URL.
    pub fn new(base: Option<&str>, key: Key, limits: &Limits) -> Result<GoogleLegacy, String> {
        let url = service_url(base.unwrap_or(GOOGLE), PATH, GOOGLE)?;
        let http = Http::new(&url, limits);
        Ok(GoogleLegacy { url, key, http, depth: limits.places_depth })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Sends one request, and cuts the answer to the query's bound.
    ///
    /// # Errors
    /// The request failed. The error does not contain the URL, which contains the key.
    pub(super) async fn ask(
        &self,
        query: &PlacesQuery,
        connection: Connection,
    ) -> Result<Found, PlacesError> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("location", &query.location)
            .append_pair("radius", &query.metres)
            .append_pair("key", self.key.reveal());
        let response = self.http.send(connection, |client| client.get(url)).await?;
        match response.status().as_u16() {
            200 => {
                let json = cut(&self.http.body(response).await?, query.bound, self.depth)?;
                Ok(Found { status: status_of(&json), json })
            }
            status => Err(PlacesError::Status(status)),
        }
    }
}
