//! What a request for clients asks for.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::place::Place;
use crate::message::LONGEST_CLIENT_ID;

/// The largest number of clients in a page.
const MOST: usize = 10_000;

/// The number of clients in a page if the request names none.
const USUAL: usize = 100;

/// The length up to which a message repeats what a request said, in bytes.
const SHOWN: usize = 80;

/// A request for a page of clients.
#[derive(Debug, PartialEq)]
pub(super) struct Query {
    pub(super) search: Search,
    /// The largest number of clients in the page.
    pub(super) limit: usize,
}

/// The clients to find, and the end of the page before.
#[derive(Debug, PartialEq)]
pub(super) enum Search {
    /// Those whose ids begin with some bytes, from a record on.
    Prefix { prefix: Vec<u8>, from: u32 },
    /// Those within some kilometres of a place, after a distance in kilometres and a record.
    Near { place: Place, km: f64, after: Option<(f64, u32)> },
}

impl Query {
    /// Parses the query of a URL. `life` is the incarnation of the node: a cursor of another one
    /// means nothing.
    ///
    /// # Errors
    /// Returns what was expected.
    pub(super) fn parse(query: &str, life: u64) -> Result<Query, String> {
        let [prefix, near, km, after, limit] = parameters(query)?;
        let limit = limit.map_or(Ok(USUAL), |text| parse_limit(&text))?;
        let Some(near) = near else {
            if km.is_some() {
                return Err("km: expected only beside `near`".to_owned());
            }
            let prefix = prefix.unwrap_or_default().into_owned();
            if prefix.len() > LONGEST_CLIENT_ID {
                return Err(format!("prefix: expected at most {LONGEST_CLIENT_ID} bytes"));
            }
            let from = after.map_or(Ok(0), |text| Cursor::parse(&text, life, Cursor::record))?;
            return Ok(Query { search: Search::Prefix { prefix, from }, limit });
        };
        if prefix.is_some() {
            return Err("expected either `prefix` or `near`, not both".to_owned());
        }
        let place = parse_place(&near)?;
        let km = km.map_or(Ok(f64::INFINITY), |text| parse_km(&text))?;
        let after = after.map(|text| Cursor::parse(&text, life, Cursor::distance)).transpose()?;
        Ok(Query { search: Search::Near { place, km, after }, limit })
    }
}

/// The values of the parameters, decoded.
fn parameters(query: &str) -> Result<[Option<Cow<'_, [u8]>>; 5], String> {
    const NAMES: [&[u8]; 5] = [b"prefix", b"near", b"km", b"after", b"limit"];
    let mut values = [const { None }; 5];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name);
        let Some(place) = NAMES.iter().position(|known| **known == *name) else {
            return Err(format!("expected only prefix, near, km, after and limit, got `{}`", shown(&name)));
        };
        if values[place].replace(decode(value)).is_some() {
            return Err(format!("{}: expected once", shown(&name)));
        }
    }
    Ok(values)
}

/// Decodes a part of a query, in which `+` is a space.
fn decode(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode(spaced.as_bytes()).collect());
    }
    percent_decode(text.as_bytes()).into()
}

fn parse_limit(text: &[u8]) -> Result<usize, String> {
    let limit = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    limit
        .filter(|limit| (1..=MOST).contains(limit))
        .ok_or_else(|| format!("limit: expected a whole number from 1 to {MOST}, got `{}`", shown(text)))
}

fn parse_place(text: &[u8]) -> Result<Place, String> {
    let place = str::from_utf8(text).ok().and_then(|text| {
        let (latitude, longitude) = text.split_once(',')?;
        // The space is a `+` that was not encoded.
        let degrees = |text: &str| text.trim_ascii().parse().ok();
        Place::new(degrees(latitude)?, degrees(longitude)?)
    });
    let expected = "near: expected LATITUDE,LONGITUDE in degrees, from -90 to 90 and from -180 to 180";
    place.ok_or_else(|| format!("{expected}, got `{}`", shown(text)))
}

fn parse_km(text: &[u8]) -> Result<f64, String> {
    let km = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    km.filter(|km: &f64| km.is_finite() && *km >= 0.0)
        .ok_or_else(|| format!("km: expected a number of kilometres, 0 or more, got `{}`", shown(text)))
}

/// The start of a text from outside, as a message shows it.
fn shown(text: &[u8]) -> String {
    text[..text.len().min(SHOWN)].escape_ascii().to_string()
}

/// The end of a page: the record after which the next page begins, with its distance in a page of
/// the nearest clients.
///
/// Records are never removed or moved, so clients that report meanwhile do not change the pages of
/// ids, and new clients come last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    pub(super) record: u32,
    pub(super) km: Option<f64>,
}

impl Cursor {
    pub(super) fn print(self, life: u64) -> String {
        let Cursor { record, km } = self;
        match km {
            Some(km) => format!("{life:x}-{record:x}-{:x}", km.to_bits()),
            None => format!("{life:x}-{record:x}"),
        }
    }

    /// Parses a cursor, and takes the part that a search needs.
    fn parse<T>(text: &[u8], life: u64, take: impl Fn(Cursor) -> Option<T>) -> Result<T, String> {
        let cursor = str::from_utf8(text).ok().and_then(|text| {
            let mut fields = text.split('-');
            let mut next = || u64::from_str_radix(fields.next()?, 16).ok();
            let (of, record, km) = (next()?, next()?, next());
            let cursor = Cursor { record: u32::try_from(record).ok()?, km: km.map(f64::from_bits) };
            (of == life && cursor.print(life).as_bytes() == text.as_bytes()).then_some(cursor)
        });
        let expected =
            "after: expected `next` of an earlier page of the same search, from this node since its start";
        cursor.and_then(take).ok_or_else(|| format!("{expected}, got `{}`", shown(text)))
    }

    fn record(self) -> Option<u32> {
        self.km.is_none().then_some(self.record)
    }

    fn distance(self) -> Option<(f64, u32)> {
        self.km.filter(|km| km.is_finite() && *km >= 0.0).map(|km| (km, self.record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Query, String> {
        Query::parse(query, 10)
    }

    #[test]
    fn prefixes_are_bytes_and_without_one_all_clients_are_found() {
        let prefix = |prefix: &[u8]| Search::Prefix { prefix: prefix.to_vec(), from: 0 };
        for (query, search) in [
            ("", prefix(b"")),
            ("prefix=", prefix(b"")),
            ("&prefix=ki&", prefix(b"ki")),
            ("prefix=%c3%26", prefix(b"\xc3&")),
            ("prefix=a%2Bb", prefix(b"a+b")),
            ("pre%66ix=a+b", prefix(b"a b")),
        ] {
            assert_eq!(parse(query), Ok(Query { search, limit: USUAL }), "{query}");
        }
    }

    #[test]
    fn places_may_be_poles_and_are_never_off_the_globe() {
        for good in ["90,0", "-90,-180", "+34.5,-118", "%2B34.5,180", "1e1,0"] {
            assert!(parse(&format!("near={good}&km=0&limit=1")).is_ok(), "{good}");
        }
        for bad in ["", "1", "1,2,3", "NaN,0", "0,nan", "inf,0", "90.1,0", "0,180.5", "%ff,0", "a,b"] {
            let said = parse(&format!("near={bad}")).unwrap_err();
            assert!(said.starts_with("near: expected LATITUDE,LONGITUDE in degrees"), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_was_expected() {
        for (query, said) in [
            ("limit=0", "limit: expected a whole number from 1 to 10000, got `0`"),
            ("limit=1000000000", "limit: expected a whole number from 1 to 10000, got `1000000000`"),
            ("limit=", "limit: expected a whole number from 1 to 10000, got ``"),
            ("limit=1&limit=2", "limit: expected once"),
            ("near=1,1&km=-1", "km: expected a number of kilometres, 0 or more, got `-1`"),
            ("near=1,1&km=NaN", "km: expected a number of kilometres, 0 or more, got `NaN`"),
            ("km=1", "km: expected only beside `near`"),
            ("near=1,1&prefix=a", "expected either `prefix` or `near`, not both"),
            ("x%0a=1", "expected only prefix, near, km, after and limit, got `x\\n`"),
        ] {
            assert_eq!(parse(query).unwrap_err(), said, "{query}");
        }
        assert!(parse(&format!("prefix={}", "x".repeat(255))).is_ok());
        assert!(parse(&format!("prefix={}", "x".repeat(256))).is_err());
    }

    #[test]
    fn a_cursor_counts_for_the_search_and_the_life_that_it_is_of() {
        let of_ids = Cursor { record: 7, km: None }.print(10);
        let of_distances = Cursor { record: 7, km: Some(1.5) }.print(10);
        let from = Search::Prefix { prefix: Vec::new(), from: 7 };
        assert_eq!(parse(&format!("after={of_ids}")).unwrap().search, from);
        let Search::Near { after, .. } = parse(&format!("near=1,1&after={of_distances}")).unwrap().search
        else {
            panic!("expected a search of the nearest clients")
        };
        assert_eq!(after, Some((1.5, 7)));
        let of_nothing = Cursor { record: 7, km: Some(f64::NAN) }.print(10);
        for bad in [
            format!("after={of_distances}"),
            format!("near=1,1&after={of_ids}"),
            format!("near=1,1&after={of_nothing}"),
            format!("after={}", Cursor { record: 7, km: None }.print(11)),
            "after=".to_owned(),
            "after=a-7-".to_owned(),
            "after=a-07".to_owned(),
            "after=a-100000000".to_owned(),
            "after=%ff".to_owned(),
        ] {
            assert!(parse(&bad).unwrap_err().starts_with("after: expected `next` of"), "{bad}");
        }
    }
}
