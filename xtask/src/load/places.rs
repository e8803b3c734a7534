//! Questions to a places file, answered in this process: how long a search takes, and the answer.

use std::fs;
use std::io::Cursor;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use fixtures::extract::{Extract, Node};
use hdrhistogram::Histogram;
use herd::node::{Limits, PlacesQuery};
use herd::places::osm::{Osm, Table, build};
use herd::places::{Fields, Layout, Places, Provider};
use serde::{Deserialize, Serialize};

use super::{LONGEST, Latency};

/// The centre of the city: a latitude and a longitude in degrees.
pub const CITY: [f64; 2] = [35.68, 139.76];

/// The share of all places that are in the city.
const IN_CITY: f64 = 0.2;

/// How far places are from the centre of the city, in degrees: the standard deviation, about 5 km.
const SPREAD: f64 = 0.045;

/// The number of towns, in which the other places are.
const TOWNS: usize = 5_000;

/// The places of a blob of the extract.
const BLOB: u64 = 8_000;

/// The most memory for building the file.
const MEMORY: u64 = 2 << 30;

/// The most results of a question.
const MOST: usize = 20;

/// Questions to a places file of a generated country, which has a dense city.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlacesQuestions {
    /// The number of places.
    pub places: u64,
    /// The number of questions of each kind.
    pub questions: u32,
    /// Where to write the places file.
    pub file: PathBuf,
}

/// How long questions took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlacesTimes {
    /// The number of bytes of the file.
    pub bytes: u64,
    /// Searches within 5 km in the city.
    pub searches: Latency,
    /// Answers to the same questions, with their JSON.
    pub answers: Latency,
    /// Searches within 50 km, anywhere.
    pub widest: Latency,
}

impl PlacesQuestions {
    /// Writes the file, and asks.
    ///
    /// # Errors
    /// The file cannot be written or read.
    pub fn ask(&self) -> Result<PlacesTimes> {
        write_country(self.places, &self.file)?;
        let table = Table::read(&self.file)?;
        let bytes = fs::metadata(&self.file)?.len();
        let mut random = fastrand::Rng::with_seed(1);
        let searches = latency(self.questions, || {
            let point = in_city(&mut random);
            let began = Instant::now();
            std::hint::black_box(table.search(point, 5_000.0, MOST));
            Ok(began)
        })?;
        let widest = latency(self.questions, || {
            let point = if random.bool() { in_city(&mut random) } else { anywhere(&mut random) };
            let began = Instant::now();
            std::hint::black_box(table.search(point, 50_000.0, MOST));
            Ok(began)
        })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let osm = Osm::open(&self.file, Layout::Current, Fields::Pro)?;
        let places = Places::new(Provider::Osm(osm), &Limits::default());
        let answers = latency(self.questions, || {
            let [latitude, longitude] = in_city(&mut random);
            let location = format!("{latitude:.6},{longitude:.6}");
            let query = PlacesQuery { location, metres: "5000".to_owned(), bound: MOST };
            let began = Instant::now();
            runtime.block_on(places.ask(&query, Ipv4Addr::LOCALHOST.into()))?;
            Ok(began)
        })?;
        Ok(PlacesTimes { bytes, searches, answers, widest })
    }
}

/// The latencies of questions. `ask` returns when it began.
fn latency(questions: u32, mut ask: impl FnMut() -> Result<Instant>) -> Result<Latency> {
    let mut latencies = Histogram::new_with_bounds(1, LONGEST, 3)?;
    for _ in 0..questions {
        latencies.saturating_record(ask()?.elapsed().as_nanos() as u64);
    }
    Ok(Latency::of(&latencies))
}

/// Writes a places file of a generated country with this number of places.
///
/// # Errors
/// The file cannot be written.
pub fn write_country(places: u64, file: &Path) -> Result<()> {
    let extract = country(places);
    let built = build(Cursor::new(&extract), extract.len() as u64, MEMORY, |_| {})?;
    fs::write(file, built.file).with_context(|| format!("cannot write {}", file.display()))
}

/// An extract of a country: a city, and towns. It is the same in each run.
fn country(places: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(0);
    let towns: Vec<[f64; 2]> = (0..TOWNS).map(|_| anywhere(&mut random)).collect();
    let mut extract = Extract::ordinary();
    for first in (1..=places).step_by(BLOB as usize) {
        let places: Vec<Texts> =
            (first..=places.min(first + BLOB - 1)).map(|id| Texts::new(id, &mut random)).collect();
        let tags: Vec<Vec<(&str, &str)>> = places.iter().map(|texts| texts.tags(&mut random)).collect();
        let nodes = (first..).zip(&tags).map(|(id, tags)| {
            let point = match random.f64() < IN_CITY {
                true => in_city(&mut random),
                false => near(towns[random.usize(..TOWNS)], SPREAD / 4.0, &mut random),
            };
            Node { id: id as i64, position: point.map(|degrees| (degrees * 1e7) as i32), tags }
        });
        extract.nodes(&nodes.collect::<Vec<_>>());
    }
    extract.bytes
}

/// The texts of a generated place.
struct Texts {
    name: String,
    street: String,
    number: String,
}

/// Kinds of places, and how often each occurs in a hundred.
const KINDS: [(u32, (&str, &str)); 9] = [
    (20, ("highway", "bus_stop")),
    (17, ("amenity", "restaurant")),
    (10, ("amenity", "cafe")),
    (20, ("shop", "clothes")),
    (8, ("shop", "supermarket")),
    (10, ("office", "company")),
    (5, ("tourism", "hotel")),
    (8, ("amenity", "school")),
    (2, ("tourism", "museum")),
];

impl Texts {
    fn new(id: u64, random: &mut fastrand::Rng) -> Texts {
        Texts {
            name: format!("Place number {id}"),
            street: format!("Street of the {}", random.u32(..2_000)),
            number: random.u32(1..200).to_string(),
        }
    }

    /// The tags: a kind, and an address, opening hours, a site and an article of some.
    fn tags(&self, random: &mut fastrand::Rng) -> Vec<(&str, &str)> {
        let mut which = random.u32(..100);
        let (_, kind) = KINDS
            .into_iter()
            .find(|(share, _)| {
                let found = which < *share;
                which = which.saturating_sub(*share);
                found
            })
            .unwrap_or(KINDS[0]);
        let mut tags = vec![("name", self.name.as_str()), kind];
        if random.f32() < 0.4 {
            tags.extend([
                ("addr:street", &*self.street),
                ("addr:housenumber", &self.number),
                ("addr:city", "City"),
            ]);
        }
        if random.f32() < 0.2 {
            tags.push(("opening_hours", "Mo-Fr 09:00-18:00; Sa 10:00-16:00"));
        }
        if random.f32() < 0.25 {
            tags.push(("website", "https://example.org"));
        }
        if random.f32() < 0.01 {
            tags.push(("wikidata", "Q1"));
        }
        tags
    }
}

fn in_city(random: &mut fastrand::Rng) -> [f64; 2] {
    near(CITY, SPREAD, random)
}

fn anywhere(random: &mut fastrand::Rng) -> [f64; 2] {
    [140.0 * random.f64() - 70.0, 360.0 * random.f64() - 180.0]
}

/// A point near another, normally distributed.
fn near(centre: [f64; 2], spread: f64, random: &mut fastrand::Rng) -> [f64; 2] {
    let [latitude, longitude] = centre;
    let (angle, chance) = (std::f64::consts::TAU * random.f64(), 1.0 - random.f64());
    let distance = spread * (-2.0 * chance.ln()).sqrt();
    let east = distance * angle.cos() / latitude.to_radians().cos();
    [latitude + distance * angle.sin(), (longitude + east).clamp(-180.0, 180.0)]
}
