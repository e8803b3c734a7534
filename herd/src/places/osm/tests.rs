//! Tests of building and searching places.

mod malformed;

use std::io::Cursor;

use fixtures::extract::{Extract, Node, Packing, Relation, Way, bytes_field, number_field};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::*;
use crate::places::earth::distance;

/// Enough memory for what these tests build.
const MEMORY: u64 = 64 << 20;

/// Places in this test: a cafe with every tag that counts, a park, and a bus stop.
const CAFE: &[(&str, &str)] = &[
    ("name", "<Kiwi> \u{e9}"),
    ("amenity", "cafe"),
    ("addr:street", "Unioninkatu"),
    ("addr:housenumber", "29"),
    ("addr:city", "Helsinki"),
    ("opening_hours", "Mo-Fr 08:00-17:00; Sa 10:00-15:00"),
    ("website", "https://example.org"),
];
const PARK: &[(&str, &str)] = &[("name", "Park"), ("leisure", "park"), ("wikidata", "Q1")];
const STOP: &[(&str, &str)] = &[("name", "Stop"), ("highway", "bus_stop"), ("public_transport", "platform")];
const LAKE: &[(&str, &str)] = &[("name", "Lake"), ("natural", "water"), ("type", "multipolygon")];

fn try_build(bytes: &[u8]) -> Result<Built, BuildError> {
    build(Cursor::new(bytes), bytes.len() as u64, MEMORY, |_| {})
}

fn table(extract: &Extract) -> Table {
    Table::new(try_build(&extract.bytes).unwrap().file).unwrap()
}

fn node<'a>(id: i64, latitude: f64, longitude: f64, tags: &'a [(&'a str, &'a str)]) -> Node<'a> {
    Node { id, position: [latitude, longitude].map(|degrees| (degrees * 1e7).round() as i32), tags }
}

fn way<'a>(id: i64, nodes: &'a [i64], tags: &'a [(&'a str, &'a str)]) -> Way<'a> {
    Way { id, nodes, positions: &[], tags }
}

/// A message of the format with one field that holds bytes.
fn message(field: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    bytes_field(&mut out, field, content);
    out
}

/// The ids and positions in degrees of all places of a table, by score.
fn everything(table: &Table) -> Vec<(String, [f64; 2])> {
    let found = table.search([0.0, 0.0], f64::MAX, usize::MAX);
    found.iter().map(|found| (found.id(), found.position())).collect()
}

#[test]
fn nodes_ways_and_multipolygons_become_places_at_their_centres() {
    for packing in [Packing::Raw, Packing::Zlib] {
        let mut extract = Extract::new(packing, &["OsmSchema-V0.6", "DenseNodes"], Some(1_788_220_800));
        extract.nodes(&[node(1, 60.0, 24.0, CAFE), node(2, 60.0, 24.2, &[]), node(3, 60.1, 24.0, &[])]);
        extract.single_nodes(&[node(4, -8.0, -9.0, STOP), node(5, 61.0, 25.0, &[("amenity", "bar")])]);
        // A way before its nodes, and elements without a name or a category.
        extract.ways(&[way(7, &[2, 3, 6, 2], PARK), way(8, &[6, 9], &[]), way(9, &[1], &[("name", "Road")])]);
        extract.relations(&[Relation { id: 7, ways: &[8, 99], tags: LAKE }]);
        extract.relations(&[Relation { id: 8, ways: &[8], tags: &[("name", "Line"), ("route", "bus")] }]);
        extract.nodes(&[node(6, 60.3, 24.4, &[]), node(9, 60.5, 24.8, &[])]);
        let table = table(&extract);
        let expected = [
            ("osm:way/7", [60.15, 24.2]),
            ("osm:node/1", [60.0, 24.0]),
            ("osm:relation/7", [60.4, 24.6]),
            ("osm:node/4", [-8.0, -9.0]),
        ];
        assert_eq!(everything(&table), expected.map(|(id, position)| (id.to_owned(), position)));
        let summary = table.summary();
        assert_eq!((summary.places, summary.date, summary.format), (4, Some(1_788_220_800), 1));
        let counts = summary.categories.map(|(category, places)| (category.name(), places));
        let some = ["amenity", "leisure", "public transport", "natural"];
        assert_eq!(counts, counts.map(|(name, _)| (name, usize::from(some.contains(&name)))));
    }
}

#[test]
fn the_newest_change_dates_an_extract_whose_header_has_no_date() {
    let dated = |header_date| {
        let mut extract = Extract::new(Packing::Zlib, &[], header_date);
        // Two dense nodes, and a way, with times of two units of 5 seconds and more.
        let times = message(2, b"\x04\x03");
        let dense = [message(1, b"\x02\x02"), message(5, &times), message(8, b"\0\0"), message(9, b"\0\0")];
        let mut info = Vec::new();
        number_field(&mut info, 2, 7);
        let way = [&b"\x08\x01"[..], &message(4, &info)].concat();
        let group = |field, element: &[u8]| message(2, &message(field, element));
        let mut granularity = Vec::new();
        number_field(&mut granularity, 18, 5_000);
        let strings = message(1, &message(1, b""));
        extract.blob("OSMData", &[strings, group(2, &dense.concat()), group(3, &way), granularity].concat());
        table(&extract).summary().date
    };
    assert_eq!(dated(None), Some(35));
    assert_eq!(dated(Some(12)), Some(12));
}

#[test]
fn positions_on_ways_count_and_places_without_any_are_left_out() {
    let mut extract = Extract::ordinary();
    let positions = [[600_000_000, 1_799_000_000], [602_000_000, -1_799_000_000]];
    extract.ways(&[Way { id: 1, nodes: &[1, 2], positions: &positions, tags: PARK }, way(2, &[3, 4], STOP)]);
    let built = try_build(&extract.bytes).unwrap();
    assert_eq!((built.places, built.without_position), (1, 1));
    let table = Table::new(built.file).unwrap();
    assert_eq!(everything(&table), [("osm:way/1".to_owned(), [60.1, -180.0])]);
}

/// Random numbers from 0 to 1, equal in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 += 1;
        xxh3_64_with_seed(b"", self.0) as f64 / u64::MAX as f64
    }

    /// A point anywhere, or often at a pole, on the date line, or in a city.
    fn point(&mut self) -> [f64; 2] {
        let [which, north, east] = [self.next(), self.next() - 0.5, self.next() - 0.5];
        match (8.0 * which) as u8 {
            0 => [90.0 - (2.0 * north).abs(), 360.0 * east],
            1 => [-90.0 + (2.0 * north).abs(), 360.0 * east],
            2 | 3 => [2.0 * north - 17.0, if east < 0.0 { -180.0 - east } else { 180.0 - east }],
            4 => [180.0 * north, 360.0 * east],
            _ => [60.17 + 0.2 * north, 24.94 + 0.4 * east],
        }
    }
}

#[test]
fn a_search_agrees_with_looking_at_every_place() {
    let mut random = Random(7);
    let names: Vec<String> = (0..4_000).map(|number| number.to_string()).collect();
    let kinds =
        [("amenity", "cafe"), ("amenity", "bench"), ("tourism", "museum"), ("shop", "x"), ("wikidata", "Q")];
    let tags: Vec<Vec<(&str, &str)>> = names
        .iter()
        .map(|name| {
            let kind = (random.next() * 4.0) as usize;
            let famous = if random.next() < 0.1 { 4 } else { kind };
            vec![("name", name.as_str()), kinds[kind], kinds[famous]]
        })
        .collect();
    let nodes: Vec<Node<'_>> = (1..)
        .zip(&tags)
        .map(|(id, tags)| {
            let [latitude, longitude] = random.point();
            node(id, latitude, longitude, tags)
        })
        .collect();
    let mut extract = Extract::ordinary();
    nodes.chunks(1_000).for_each(|nodes| extract.nodes(nodes));
    let table = table(&extract);
    assert_eq!(table.len(), 4_000);
    let mut found_some = 0;
    for _ in 0..1_000 {
        let (point, metres) = (random.point(), 50_000.0 * random.next().powi(2));
        let most = 1 + (20.0 * random.next()) as usize;
        let score = |tags: &[(&str, &str)]| {
            let of_kind = |tag| [3, 0, 5, 1, 0][kinds.iter().position(|kind| *kind == tag).unwrap()];
            of_kind(tags[1]) + if tags[2] == kinds[4] { 4 } else { 0 }
        };
        let mut expected: Vec<(i32, f64, &str)> = nodes
            .iter()
            .map(|node| {
                let position = node.position.map(|degrees| f64::from(degrees) / 1e7);
                (-score(node.tags), distance(point, position), node.tags[0].1)
            })
            .filter(|(_, distance, _)| *distance <= metres)
            .collect();
        expected.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let expected: Vec<&str> = expected.iter().take(most).map(|(_, _, name)| *name).collect();
        let found: Vec<&str> = table.search(point, metres, most).iter().map(|found| found.name).collect();
        assert_eq!(found, expected, "{point:?} {metres}");
        found_some += usize::from(!found.is_empty());
    }
    assert!(found_some > 500, "{found_some} of 1000 questions have an answer");
}

#[test]
fn as_many_places_as_there_are_at_one_point_are_found() {
    let nodes: Vec<Node<'_>> = (1..=100).map(|id| node(id, 10.0, 20.0, STOP)).collect();
    let mut extract = Extract::ordinary();
    extract.nodes(&nodes);
    let table = table(&extract);
    for (most, found) in [(0, 0), (20, 20), (100, 100), (1_000, 100)] {
        assert_eq!(table.search([10.0, 20.0], 0.0, most).len(), found);
    }
    assert_eq!(table.search([10.0, 20.000_1], 0.0, 20).len(), 0);
}

#[test]
fn an_extract_without_places_makes_a_file_without_places() {
    let built = try_build(&Extract::ordinary().bytes).unwrap();
    let table = Table::new(built.file).unwrap();
    assert!(table.is_empty() && table.search([0.0, 0.0], 50_000.0, 20).is_empty());
}

#[test]
fn a_wrong_or_damaged_places_file_is_refused_with_the_reason() {
    let mut extract = Extract::ordinary();
    extract.nodes(&[node(1, 60.0, 24.0, CAFE)]);
    let right = try_build(&extract.bytes).unwrap().file;
    let reason = |bytes: &[u8]| Table::new(bytes.to_vec()).unwrap_err().to_string();
    assert!(reason(b"").starts_with("it is no places file"));
    assert!(reason(&extract.bytes).starts_with("it is no places file"));
    assert!(reason(&right[..20]).starts_with("it is no places file"));
    let mut other = right.clone();
    other[8] = 2;
    assert!(
        reason(&other).starts_with("it has format 2, and this herd reads format 1"),
        "{}",
        reason(&other)
    );
    let cut = &right[..right.len() - 1];
    let told = format!("it has {} bytes and should have {}", cut.len(), right.len());
    assert!(reason(cut).starts_with(&told), "{}", reason(cut));
    for index in 20..right.len() {
        let mut flipped = right.clone();
        flipped[index] ^= 4;
        assert!(reason(&flipped).starts_with("its checksum is wrong"), "byte {index}");
    }
}

#[test]
fn a_places_file_with_a_right_checksum_and_wrong_content_is_refused() {
    let mut extract = Extract::ordinary();
    extract.nodes(&[node(1, 60.0, 24.0, CAFE)]);
    let right = try_build(&extract.bytes).unwrap().file;
    let mut refused = 0;
    for index in 28..right.len() {
        for bit in [1, 0x80] {
            let mut wrong = right.clone();
            wrong[index] ^= bit;
            let checksum = xxhash_rust::xxh3::xxh3_64(&wrong[28..]);
            wrong[20..28].copy_from_slice(&checksum.to_le_bytes());
            // What is not refused can be searched, and has at most one place.
            match Table::new(wrong) {
                Ok(table) => assert!(everything(&table).len() <= 1),
                Err(FileError::Malformed { offset, .. }) => refused += usize::from(offset <= right.len()),
                Err(error) => panic!("byte {index}: {error}"),
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn an_extract_with_more_places_than_memory_is_refused() {
    let ids: Vec<i64> = (1..=70_000).collect();
    let mut extract = Extract::ordinary();
    extract.ways(&[way(1, &ids, PARK)]);
    let length = extract.bytes.len() as u64;
    let built = |memory| build(Cursor::new(&extract.bytes), length, memory, |_| {});
    assert_eq!(built(2 << 20).unwrap().without_position, 1);
    let told = built(1 << 20).unwrap_err().to_string();
    assert!(told.starts_with("its places need more than 1 MiB of memory"), "{told}");
}

#[test]
fn progress_grows_from_the_first_pass_to_the_end_of_the_last() {
    let mut extract = Extract::ordinary();
    extract.nodes(&[node(1, 60.0, 24.0, CAFE)]);
    extract.ways(&[way(1, &[1], PARK)]);
    let length = extract.bytes.len() as u64;
    let mut steps = Vec::new();
    build(Cursor::new(&extract.bytes), length, MEMORY, |progress| steps.push(progress)).unwrap();
    assert!(steps.is_sorted_by_key(|step| (step.pass, step.read, step.places)), "{steps:?}");
    assert_eq!(steps.last(), Some(&Progress { pass: 3, read: length, length, places: 2 }));
}
