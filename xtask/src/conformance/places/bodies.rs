//! The bytes of answers. The places in them are made up.

use herd::places::Layout;
use hyper::StatusCode;
use serde_json::{Value, json};

use super::asked::Api;

/// Twenty places as the legacy service describes them.
const PLACES: &str = include_str!("../../../../fixtures/places/nearby-20.json");

const JSON: &str = "application/json; charset=UTF-8";

/// A status, a content type and a body.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// Returns a successful answer with JSON.
    pub(super) fn json(body: Vec<u8>) -> Reply {
        Reply { status: StatusCode::OK, content_type: JSON, body }
    }

    /// Returns a page of HTML, as Google's servers send it in front of a service that fails.
    pub(super) fn page(status: u16) -> Reply {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reason = status.canonical_reason().unwrap_or("Error");
        let body = format!(
            "<!DOCTYPE html>\n<html lang=en>\n<meta charset=utf-8>\n<title>{code} ({reason})</title>\n\
             <p><b>{code}.</b> {reason}.\n<p>This page is not JSON.\n",
            code = status.as_u16(),
        );
        Reply { status, content_type: "text/html; charset=UTF-8", body: body.into_bytes() }
    }
}

/// Returns the body of an answer with `results` results, at most 20. With `blank_lines` it has runs
/// of newlines inside and at its end.
///
/// # Panics
/// Never: the places are part of the program.
pub fn body(api: Api, results: usize, blank_lines: bool) -> Vec<u8> {
    let mut answer: Value = serde_json::from_str(PLACES).expect("the places are JSON");
    let places = answer["results"].as_array_mut().expect("the places are a list");
    let all = places.len();
    places.truncate(results);
    // Keys are sorted, and programs look for the one that begins each result.
    for place in places.iter_mut().filter_map(Value::as_object_mut) {
        place.remove("business_status");
    }
    let text = match api {
        Api::Legacy | Api::Other => {
            if results < all {
                answer.as_object_mut().expect("an answer is an object").remove("next_page_token");
            }
            if results == 0 {
                answer["status"] = "ZERO_RESULTS".into();
            }
            legacy_text(&answer)
        }
        Api::New => {
            let places: Vec<Value> = places.iter().map(new_place).collect();
            new_text(&if places.is_empty() { json!({}) } else { json!({ "places": places }) })
        }
    };
    if blank_lines { with_blank_lines(&text) } else { text }.into_bytes()
}

/// Returns a refusal of a request without a key.
pub(super) fn no_key(api: Api) -> Reply {
    match api {
        Api::New => new_error(403, "PERMISSION_DENIED", "The request is missing a valid API key."),
        Api::Legacy | Api::Other => legacy_error(
            "REQUEST_DENIED",
            "You must use an API key to authenticate each request to Google Maps Platform APIs. For \
             additional information, please refer to http://g.co/dev/maps-no-account",
        ),
    }
}

/// Returns a refusal of a key that does not exist.
pub(super) fn wrong_key(api: Api) -> Reply {
    match api {
        Api::New => new_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
        Api::Legacy | Api::Other => legacy_error("REQUEST_DENIED", "The provided API key is invalid."),
    }
}

/// Returns a refusal of a key that exists and may not use the service.
pub(super) fn denied(api: Api) -> Reply {
    let why = "This API project is not authorized to use this API.";
    match api {
        Api::New => new_error(403, "PERMISSION_DENIED", why),
        Api::Legacy | Api::Other => legacy_error("REQUEST_DENIED", why),
    }
}

/// Returns a refusal of a request's parameters. The legacy service does not say why.
pub(super) fn invalid(api: Api, why: &str) -> Reply {
    match api {
        Api::New => new_error(400, "INVALID_ARGUMENT", why),
        Api::Legacy | Api::Other => legacy_error("INVALID_REQUEST", ""),
    }
}

fn legacy_error(status: &str, message: &str) -> Reply {
    let mut answer = json!({ "html_attributions": [], "results": [], "status": status });
    if !message.is_empty() {
        answer["error_message"] = message.into();
    }
    Reply::json(legacy_text(&answer).into_bytes())
}

fn new_error(code: u16, status: &str, message: &str) -> Reply {
    let error = json!({ "error": { "code": code, "message": message, "status": status } });
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_REQUEST);
    Reply { status, content_type: JSON, body: new_text(&error).into_bytes() }
}

fn legacy_text(answer: &Value) -> String {
    String::from_utf8_lossy(&Layout::Current.write(answer)).into_owned() + "\n"
}

fn new_text(answer: &Value) -> String {
    format!("{answer:#}\n").replace('<', "\\u003c").replace('>', "\\u003e")
}

/// Returns a place as the New API describes it.
fn new_place(place: &Value) -> Value {
    let corner = |name: &str| {
        let corner = &place["geometry"]["viewport"][name];
        json!({ "latitude": corner["lat"], "longitude": corner["lng"] })
    };
    let location = &place["geometry"]["location"];
    let id = place["place_id"].as_str().unwrap_or_default();
    json!({
        "name": format!("places/{id}"),
        "id": id,
        "types": place["types"],
        "formattedAddress": place["vicinity"],
        "location": { "latitude": location["lat"], "longitude": location["lng"] },
        "viewport": { "low": corner("southwest"), "high": corner("northeast") },
        "iconMaskBaseUri": place["icon_mask_base_uri"],
        "iconBackgroundColor": place["icon_background_color"],
        "displayName": { "text": place["name"], "languageCode": "en" },
        "shortFormattedAddress": place["vicinity"],
    })
}

/// Returns JSON with more newlines after each comma that ends a line, and at its end. Newlines
/// never occur within strings of JSON.
fn with_blank_lines(text: &str) -> String {
    text.replace(",\n", ",\n\n\n") + "\n\n\n"
}
