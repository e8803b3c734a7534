//! Google's legacy Nearby Search: a GET with the key in its query, answered in the very format that a WHATSAT
//! is answered in.

use reqwest::Url;

use super::http::{Connection, Http, service_url};
use super::{Found, Key, PlacesError, cut, status_of};
use crate::node::{Limits, PlacesQuery};

/// Where Google answers.
const GOOGLE: &str = "https://maps.googleapis.com";

/// Below the base URL.
const PATH: &str = "/maps/api/place/nearbysearch/json";

/// The legacy service at some base URL, with the key to ask it with.
#[derive(Debug)]
pub struct GoogleLegacy {
    url: Url,
    key: Key,
    http: Http,
    depth: usize,
}

impl GoogleLegacy {
    /// Asks at `base` (Google itself when `None`) with `key`, within `limits`.
    ///
    /// # Errors
    /// `base` is no http or https URL.
    pub fn new(base: Option<&str>, key: Key, limits: &Limits) -> Result<GoogleLegacy, String> {
        let url = service_url(base.unwrap_or(GOOGLE), PATH, GOOGLE)?;
        let http = Http::new(&url, limits);
        Ok(GoogleLegacy { url, key, http, depth: limits.places_depth })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Asks once, and cuts the answer to the query's bound.
    ///
    /// # Errors
    /// Says what failed, without the URL, which holds the key.
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
