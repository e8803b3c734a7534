//! Finds cities in an embedded table, for a node without a key or a network.
//!
//! The table, `herd/data/cities.bin`, is made by `cargo xtask places-data` from GeoNames' cities of
//! more than 15,000 people. All numbers in it are little-endian:
//!
//! | part | layout |
//! |---|---|
//! | countries | their number, u16; each a code of two bytes, a length byte, and the name |
//! | cities, by latitude | each latitude and longitude in 1/100,000 degree, i32; GeoNames id, u32; population, u32; country code, two bytes; a length byte, and the name |
//!
//! The most populous cities within the radius come first, like the most prominent results of a
//! search on a map.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::earth::{self, RADIUS};
use super::layout::Layout;
use crate::node::PlacesQuery;

const CITIES: &[u8] = include_bytes!("../../data/cities.bin");

/// GeoNames' licence requires this attribution.
const ATTRIBUTION: &str = "<a href=\"https://www.geonames.org/\">GeoNames</a>, CC BY 4.0";

/// The embedded cities.
#[derive(Debug)]
pub struct Offline {
    layout: Layout,
    /// The parsed table, read on first use.
    table: OnceLock<CityTable>,
}

#[derive(Debug)]
struct CityTable {
    countries: HashMap<[u8; 2], &'static str>,
    cities: Vec<City>,
}

#[derive(Debug)]
struct City {
    latitude: f64,
    longitude: f64,
    id: u32,
    population: u32,
    country: [u8; 2],
    name: &'static str,
}

impl Offline {
    /// A provider whose answers have the layout `layout`.
    pub fn new(layout: Layout) -> Offline {
        Offline { layout, table: OnceLock::new() }
    }

    /// The cities around a location, the most populous first.
    pub(super) fn answer(&self, query: &PlacesQuery) -> Vec<u8> {
        let table = self.table.get_or_init(CityTable::embedded);
        let number = |text: &str| text.parse::<f64>().unwrap_or_default();
        let (latitude, longitude) = query.location.split_once(',').unwrap_or_default();
        let mut found = table.within(number(latitude), number(longitude), number(&query.metres));
        found.sort_by_key(|city| (std::cmp::Reverse(city.population), city.id));
        let results: Vec<Value> = found.iter().take(query.bound).map(|city| table.place(city)).collect();
        let status = if results.is_empty() { "ZERO_RESULTS" } else { "OK" };
        let attributions = if results.is_empty() { json!([]) } else { json!([ATTRIBUTION]) };
        self.layout.write(&json!({ "html_attributions": attributions, "results": results, "status": status }))
    }
}

impl CityTable {
    /// A test parses the whole embedded table. A part that could not be parsed would be missing.
    fn embedded() -> CityTable {
        let mut reader = CityReader(CITIES);
        let mut table = CityTable { countries: HashMap::new(), cities: Vec::new() };
        for _ in 0..reader.number::<2>().map_or(0, u16::from_le_bytes) {
            let Some((code, name)) = reader.number::<2>().zip(reader.text()) else { break };
            table.countries.insert(code, name);
        }
        while let Some(city) = reader.city() {
            table.cities.push(city);
        }
        table
    }

    fn within(&self, latitude: f64, longitude: f64, metres: f64) -> Vec<&City> {
        // A band of latitudes narrows the search enough, and is correct at the poles and across the
        // date line.
        let band = (metres / RADIUS).to_degrees();
        let start = self.cities.partition_point(|city| city.latitude < latitude - band);
        let candidates = self.cities[start..].iter().take_while(|city| city.latitude <= latitude + band);
        candidates.filter(|city| city.distance(latitude, longitude) <= metres).collect()
    }

    /// A place in the legacy shape, with only the fields that are known.
    fn place(&self, city: &City) -> Value {
        json!({
            "geometry": { "location": { "lat": city.latitude, "lng": city.longitude } },
            "name": city.name,
            "place_id": format!("geonames:{}", city.id),
            "scope": "APP",
            "types": ["locality", "political"],
            "vicinity": self.countries.get(&city.country).copied().unwrap_or_default(),
        })
    }
}

impl City {
    /// The distance to a point over the surface, in metres.
    fn distance(&self, latitude: f64, longitude: f64) -> f64 {
        earth::distance([self.latitude, self.longitude], [latitude, longitude])
    }
}

/// The bytes of the table that have not been parsed.
struct CityReader(&'static [u8]);

impl CityReader {
    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*number)
    }

    fn text(&mut self) -> Option<&'static str> {
        let [length] = self.number::<1>()?;
        let (text, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn city(&mut self) -> Option<City> {
        let mut degrees = || Some(f64::from(i32::from_le_bytes(self.number()?)) / 100_000.0);
        Some(City {
            latitude: degrees()?,
            longitude: degrees()?,
            id: u32::from_le_bytes(self.number()?),
            population: u32::from_le_bytes(self.number()?),
            country: self.number()?,
            name: self.text()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(location: &str, metres: &str, bound: usize) -> Value {
        let query = PlacesQuery { location: location.to_owned(), metres: metres.to_owned(), bound };
        serde_json::from_slice(&Offline::new(Layout::Current).answer(&query)).unwrap()
    }

    fn names(answer: &Value) -> Vec<String> {
        let results = answer["results"].as_array().unwrap().iter();
        results.map(|place| place["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_whole_table_is_read_in_order() {
        let table = CityTable::embedded();
        assert!(table.cities.len() > 30_000 && table.countries.len() > 200, "{}", table.cities.len());
        assert!(table.cities.is_sorted_by(|a, b| a.latitude <= b.latitude));
        assert!(table.cities.iter().all(|city| table.countries.contains_key(&city.country)));
        assert!(CITIES.len() <= 1_000_000);
    }

    #[test]
    fn ucla_is_near_santa_monica_and_says_whose_data_that_is() {
        let answer = ask("34.068930,-118.445127", "10000", 5);
        assert_eq!(names(&answer).len(), 5);
        assert!(names(&answer).contains(&"Santa Monica".to_owned()), "{answer}");
        assert_eq!(answer["html_attributions"][0], ATTRIBUTION);
        assert!(answer["results"][0]["place_id"].as_str().unwrap().starts_with("geonames:"));
    }

    #[test]
    fn the_most_populous_come_first() {
        let far = names(&ask("34.068930,-118.445127", "50000", 20));
        assert_eq!((far.len(), far[0].as_str()), (20, "Los Angeles"));
    }

    #[test]
    fn the_middle_of_the_pacific_has_zero_results() {
        let answer = ask("0,-150", "50000", 20);
        assert_eq!((answer["status"].as_str(), names(&answer).len()), (Some("ZERO_RESULTS"), 0));
    }

    #[test]
    fn the_other_side_of_the_date_line_and_of_the_pole_is_near() {
        let city = |latitude, longitude| City {
            latitude,
            longitude,
            id: 0,
            population: 0,
            country: *b"XX",
            name: "",
        };
        let table = CityTable { countries: HashMap::new(), cities: vec![city(-16.4, 179.9)] };
        assert_eq!(table.within(-16.4, -179.9, 50_000.0).len(), 1);
        let table = CityTable { countries: HashMap::new(), cities: vec![city(89.9, 10.0)] };
        assert_eq!(table.within(89.9, -170.0, 50_000.0).len(), 1);
    }
}
