//! The two shapes of questions, answers and errors, side by side.

use super::*;

#[test]
fn latitude_and_longitude_go_where_they_belong() {
    let query = PlacesQuery { location: "34.5,-118.25".to_owned(), metres: "1500.5".to_owned(), bound: 7 };
    let expected = json!({
        "locationRestriction": {
            "circle": { "center": { "latitude": 34.5, "longitude": -118.25 }, "radius": 1500.5 },
        },
        "maxResultCount": 7,
    });
    assert_eq!(question(&query), expected);
}

#[test]
fn no_field_is_asked_for_that_costs_more_than_was_chosen() {
    let [pro, enterprise] = [Fields::Pro, Fields::Enterprise].map(Fields::mask);
    assert!(pro.split(',').all(|field| field.starts_with("places.")), "{pro}");
    assert!(pro.contains("places.displayName") && !pro.contains("places.rating"), "{pro}");
    assert!(enterprise.starts_with(&pro) && enterprise.contains(",places.rating,"), "{enterprise}");
}

#[test]
fn every_field_finds_its_legacy_name() {
    let new = json!({
        "id": "EXid", "displayName": { "text": "Quill & Kettle", "languageCode": "en" }, "types": ["cafe"],
        "location": { "latitude": 34.5, "longitude": -118.25 },
        "viewport": { "low": { "latitude": 34, "longitude": -119 }, "high": { "latitude": 35, "longitude": -118 } },
        "shortFormattedAddress": "1 Example Avenue", "formattedAddress": "1 Example Avenue, CA 90024",
        "businessStatus": "OPERATIONAL", "plusCode": { "globalCode": "8563", "compoundCode": "3H LA" },
        "iconMaskBaseUri": "https://example.org/mask", "iconBackgroundColor": "#7B9EB0",
        "photos": [
            { "name": "places/EXid/photos/REF", "heightPx": 3, "widthPx": 4,
              "authorAttributions": [{ "displayName": "A & B", "uri": "https://example.org/a" }] },
            { "name": "places/EXid/photos/OTHER" },
        ],
        "rating": 4.0, "userRatingCount": 7, "priceLevel": "PRICE_LEVEL_MODERATE",
        "currentOpeningHours": { "openNow": true },
    });
    let expected = json!({
        "business_status": "OPERATIONAL",
        "geometry": {
            "location": { "lat": 34.5, "lng": -118.25 },
            "viewport": { "northeast": { "lat": 35, "lng": -118 }, "southwest": { "lat": 34, "lng": -119 } },
        },
        "icon_background_color": "#7B9EB0", "icon_mask_base_uri": "https://example.org/mask",
        "name": "Quill & Kettle", "opening_hours": { "open_now": true },
        "photos": [{ "height": 3, "html_attributions": ["<a href=\"https://example.org/a\">A &amp; B</a>"],
                     "photo_reference": "REF", "width": 4 }],
        "place_id": "EXid", "plus_code": { "compound_code": "3H LA", "global_code": "8563" }, "price_level": 2,
        "rating": 4.0, "reference": "EXid", "scope": "GOOGLE", "types": ["cafe"], "user_ratings_total": 7,
        "vicinity": "1 Example Avenue",
    });
    assert_eq!(legacy_place(&new), expected);
}

#[test]
fn what_is_not_told_is_left_out() {
    let place = legacy_place(
        &json!({ "id": "x", "location": { "latitude": 1 }, "formattedAddress": "there", "photos": [{}] }),
    );
    let expected = json!({
        "geometry": { "location": { "lat": 1 } }, "photos": [{ "html_attributions": [] }], "place_id": "x",
        "reference": "x", "scope": "GOOGLE", "vicinity": "there",
    });
    assert_eq!(place, expected);
    assert_eq!(legacy_place(&json!({})), json!({ "scope": "GOOGLE" }));
}

#[test]
fn no_places_are_zero_results_and_more_than_asked_for_are_cut() {
    assert_eq!(legacy_answer(&json!({}), 5).unwrap()["status"], "ZERO_RESULTS");
    let three = json!({ "places": [{ "id": "a" }, { "id": "b" }, { "id": "c" }] });
    assert_eq!(legacy_answer(&three, 2).unwrap()["results"].as_array().unwrap().len(), 2);
    for other in [json!({ "places": 1 }), json!({ "error": { "code": 500 } }), json!({ "status": "OK" })] {
        assert_eq!(legacy_answer(&other, 2), Err(Unusable::NoPlaces), "{other}");
    }
}

#[test]
fn errors_are_mapped_to_legacy_statuses() {
    let error = |reason: &str| json!({ "error": { "message": "why", "details": [{ "reason": reason }] } });
    for (status, reason, legacy) in [
        (400, "API_KEY_INVALID", "REQUEST_DENIED"),
        (400, "", "INVALID_REQUEST"),
        (403, "SERVICE_DISABLED", "REQUEST_DENIED"),
        (429, "RATE_LIMIT_EXCEEDED", "OVER_QUERY_LIMIT"),
    ] {
        let mapped = legacy_error(status, &error(reason)).unwrap();
        assert_eq!((&mapped["status"], &mapped["error_message"]), (&json!(legacy), &json!("why")));
    }
    assert_eq!(legacy_error(404, &error("")), None);
    assert_eq!(legacy_error(403, &json!({})), None);
}
