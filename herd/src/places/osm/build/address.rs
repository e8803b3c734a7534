//! The address of a place, from its tags.

use crate::places::osm::extract::Tags;

/// The street and house number, and the city, such as `Unioninkatu 29, Helsinki`. Parts that are
/// not known are left out; an address without any is empty.
pub(super) fn address(tags: &Tags<'_>, out: &mut String) {
    out.clear();
    if let Some(full) = tags.get("addr:full") {
        out.push_str(full.trim());
        return;
    }
    let street = tags.get("addr:street").or_else(|| tags.get("addr:place"));
    if let Some(street) = street {
        out.push_str(street.trim());
        if let Some(number) = tags.get("addr:housenumber") {
            out.push(' ');
            out.push_str(number.trim());
        }
    }
    if let Some(city) = tags.get("addr:city") {
        if !out.is_empty() {
            out.push_str(", ");
        }
        out.push_str(city.trim());
    }
}
