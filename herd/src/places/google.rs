//! Google's Places API (New): sends a POST with the key in a header, and converts the answer to the
//! legacy shape.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::ValueEnum;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::http::{Connection, Http, service_url};
use super::layout::Layout;
use super::{Found, Key, PlacesError, Unusable, error_answer, is_deeper_than};
use crate::node::{Limits, PlacesQuery};

/// Google's base URL.
const GOOGLE: &str = "https://places.googleapis.com";

/// The path below the base URL.
const PATH: &str = "/v1/places:searchNearby";

/// The fields to request. Google bills by the most expensive one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fields {
    /// Fields at the "Pro" price
    #[default]
    Pro,
    /// Also ratings, prices and opening hours, at the "Enterprise" price
    Enterprise,
}

const PRO: &str = "places.id,places.displayName,places.shortFormattedAddress,places.formattedAddress,places.location,\
    places.viewport,places.types,places.businessStatus,places.plusCode,places.iconMaskBaseUri,\
    places.iconBackgroundColor,places.photos,places.attributions";

const ENTERPRISE: &str =
    "places.rating,places.userRatingCount,places.priceLevel,places.currentOpeningHours.openNow";

impl Fields {
    fn mask(self) -> String {
        match self {
            Fields::Pro => PRO.to_owned(),
            Fields::Enterprise => format!("{PRO},{ENTERPRISE}"),
        }
    }
}

/// The New service at a base URL, with its API key.
#[derive(Debug)]
pub struct Google {
    url: Url,
    key: Key,
    fields: Fields,
    layout: Layout,
    http: Http,
    depth: usize,
    /// The timeout for the explanation of an error.
    explanation: Duration,
}

impl Google {
    /// A service at `base` (Google itself if `None`), from which `fields` are requested with `key`
    /// within `limits`. Answers have the layout `layout`.
    ///
    /// # Errors
    /// `base` is not an http or https URL.
    pub fn new(
        base: Option<&str>,
        key: Key,
        fields: Fields,
        layout: Layout,
        limits: &Limits,
    ) -> Result<Google, String> {
        let url = service_url(base.unwrap_or(GOOGLE), PATH, GOOGLE)?;
        let http = Http::new(&url, limits);
        let depth = limits.places_depth;
        let explanation = limits.places_retry;
        Ok(Google { url, key, fields, layout, http, depth, explanation })
    }

    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// The answer to a radius of 0, which this API would reject; `None` for other questions.
    pub(super) fn refusal(&self, query: &PlacesQuery) -> Option<Found> {
        if number(&query.metres) != 0.0 {
            return None;
        }
        Some(self.answer(&error_answer("INVALID_REQUEST", "the radius must not be 0")))
    }

    /// Sends one request.
    ///
    /// # Errors
    /// The request failed. The error does not contain the request.
    pub(super) async fn ask(
        &self,
        query: &PlacesQuery,
        connection: Connection,
    ) -> Result<Found, PlacesError> {
        let body = question(query);
        let request = |client: &reqwest::Client| {
            client
                .post(self.url.clone())
                .header("Content-Type", "application/json")
                .header("X-Goog-Api-Key", self.key.header())
                .header("X-Goog-FieldMask", self.fields.mask())
                .body(body.to_string())
        };
        let response = self.http.send(connection, request).await?;
        match response.status().as_u16() {
            200 => Ok(self.answer(&legacy_answer(&self.read(response).await?, query.bound)?)),
            status @ 400..=499 => {
                let error = legacy_error(status, &self.read(response).await.unwrap_or_default());
                error.map(|error| self.answer(&error)).ok_or(PlacesError::Status(status))
            }
            status @ 500..=599 => {
                // The explanation is useful, but not worth the time of a retry.
                let body = timeout(self.explanation, self.read(response)).await.ok().and_then(Result::ok);
                let explanation = body.as_ref().and_then(|body| body["error"]["message"].as_str());
                Err(explanation.map_or(PlacesError::Status(status), |explanation| {
                    PlacesError::Explained(status, explanation.to_owned())
                }))
            }
            status => Err(PlacesError::Status(status)),
        }
    }

    async fn read(&self, response: reqwest::Response) -> Result<Value, PlacesError> {
        Ok(self.parse(&self.http.body(response).await?)?)
    }

    fn parse(&self, body: &[u8]) -> Result<Value, Unusable> {
        if is_deeper_than(body, self.depth) {
            return Err(Unusable::TooDeep(self.depth));
        }
        serde_json::from_slice(body).ok().filter(Value::is_object).ok_or(Unusable::NotAnAnswer)
    }

    fn answer(&self, value: &Value) -> Found {
        Found {
            status: value["status"].as_str().unwrap_or_default().to_owned(),
            json: self.layout.write(value),
        }
    }
}

/// Returns the body of a request.
fn question(query: &PlacesQuery) -> Value {
    let (latitude, longitude) = query.location.split_once(',').unwrap_or_default();
    let center = json!({ "latitude": number(latitude), "longitude": number(longitude) });
    json!({
        "locationRestriction": { "circle": { "center": center, "radius": number(&query.metres) } },
        "maxResultCount": query.bound,
    })
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_default()
}

/// Converts a New answer to a legacy one. An empty object means no places; any other object needs
/// `places`.
fn legacy_answer(new: &Value, bound: usize) -> Result<Value, Unusable> {
    let places = match (new.get("places"), new.as_object()) {
        (Some(Value::Array(places)), _) => places,
        (None, Some(members)) if members.is_empty() => &Vec::new(),
        _ => return Err(Unusable::NoPlaces),
    };
    let places = &places[..places.len().min(bound)];
    let sources = places.iter().filter_map(|place| place["attributions"].as_array()).flatten();
    let attributions: BTreeSet<String> =
        sources.map(|source| anchor(&source["providerUri"], &source["provider"])).collect();
    let results: Vec<Value> = places.iter().map(legacy_place).collect();
    let status = if results.is_empty() { "ZERO_RESULTS" } else { "OK" };
    Ok(json!({ "html_attributions": attributions, "results": results, "status": status }))
}

/// Converts an error of the New API to a legacy one, if it is Google's.
fn legacy_error(status: u16, new: &Value) -> Option<Value> {
    let error = new.get("error")?;
    let reason = |wanted: &str| {
        let details = error["details"].as_array().into_iter().flatten();
        details.into_iter().any(|detail| detail["reason"] == wanted)
    };
    let legacy = match status {
        400 if reason("API_KEY_INVALID") => "REQUEST_DENIED",
        400 => "INVALID_REQUEST",
        401 | 403 => "REQUEST_DENIED",
        429 => "OVER_QUERY_LIMIT",
        _ => return None,
    };
    Some(error_answer(legacy, error["message"].as_str().unwrap_or_default()))
}

/// Converts a place field by field. Fields that the New API does not provide are left out.
fn legacy_place(new: &Value) -> Value {
    let mut place = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            place.insert(name.to_owned(), value);
        }
    };
    put("geometry", legacy_geometry(new));
    put("name", new["displayName"]["text"].clone());
    put("place_id", new["id"].clone());
    put("reference", new["id"].clone());
    put("scope", Value::from("GOOGLE"));
    put("types", new["types"].clone());
    let short = &new["shortFormattedAddress"];
    put("vicinity", if short.is_null() { new["formattedAddress"].clone() } else { short.clone() });
    put("business_status", new["businessStatus"].clone());
    put("icon_mask_base_uri", new["iconMaskBaseUri"].clone());
    put("icon_background_color", new["iconBackgroundColor"].clone());
    put("rating", new["rating"].clone());
    put("user_ratings_total", new["userRatingCount"].clone());
    put("price_level", price_level(&new["priceLevel"]));
    put(
        "plus_code",
        renamed(&new["plusCode"], &[("global_code", "globalCode"), ("compound_code", "compoundCode")]),
    );
    put("opening_hours", renamed(&new["currentOpeningHours"], &[("open_now", "openNow")]));
    if let Some(photo) = new["photos"].as_array().and_then(|photos| photos.first()) {
        put("photos", json!([legacy_photo(photo)]));
    }
    Value::Object(place)
}

/// The location and viewport of a place, if they are provided.
fn legacy_geometry(new: &Value) -> Value {
    let point = |new: &Value| renamed(new, &[("lat", "latitude"), ("lng", "longitude")]);
    let viewport = &new["viewport"];
    let viewport = present([("northeast", point(&viewport["high"])), ("southwest", point(&viewport["low"]))]);
    present([("location", point(&new["location"])), ("viewport", viewport)])
}

fn legacy_photo(new: &Value) -> Value {
    let authors = new["authorAttributions"].as_array().into_iter().flatten();
    let anchors: Vec<String> = authors.map(|author| anchor(&author["uri"], &author["displayName"])).collect();
    // "places/ID/photos/REFERENCE"
    let reference = new["name"].as_str().and_then(|name| name.rsplit('/').next());
    present([
        ("height", new["heightPx"].clone()),
        ("html_attributions", Value::from(anchors)),
        ("photo_reference", Value::from(reference)),
        ("width", new["widthPx"].clone()),
    ])
}

/// Returns some members under other names; null if none exists.
fn renamed<const N: usize>(new: &Value, names: &[(&'static str, &str); N]) -> Value {
    present(names.map(|(legacy, name)| (legacy, new[name].clone())))
}

/// Returns an object of the members that are not null; null if all are.
fn present<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    let told = members.into_iter().filter(|(_, value)| !value.is_null());
    let members: Map<String, Value> = told.map(|(name, value)| (name.to_owned(), value)).collect();
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}

fn price_level(new: &Value) -> Value {
    let levels = ["FREE", "INEXPENSIVE", "MODERATE", "EXPENSIVE", "VERY_EXPENSIVE"];
    let name = new.as_str().and_then(|level| level.strip_prefix("PRICE_LEVEL_"));
    levels.iter().position(|level| Some(*level) == name).map_or(Value::Null, Value::from)
}

fn anchor(uri: &Value, name: &Value) -> String {
    let escaped = |value: &Value| {
        let text = value.as_str().unwrap_or_default();
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    format!("<a href=\"{}\">{}</a>", escaped(uri), escaped(name))
}

#[cfg(test)]
mod tests;
