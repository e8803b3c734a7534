//! Answers questions from a places file, which can be read again while the node serves.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value, json};

use super::file::FileError;
use super::table::{NearbyPlace, Summary, Table};
use crate::node::PlacesQuery;
use crate::places::{self, Fields, Layout};

/// The licence of OpenStreetMap, ODbL 1.0, requires this credit.
const ATTRIBUTION: &str =
    "\u{a9} <a href=\"https://www.openstreetmap.org/copyright\">OpenStreetMap contributors</a>, ODbL 1.0";

/// Places from a file. Clones share the file.
#[derive(Clone, Debug)]
pub struct Osm(Arc<Source>);

#[derive(Debug)]
struct Source {
    file: PathBuf,
    layout: Layout,
    fields: Fields,
    /// A search takes well under a millisecond, and so is this lock held. The former table is freed
    /// after the lock.
    table: RwLock<Table>,
}

/// A places file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the places file {}: {reason}", file.display())]
pub struct OsmFileError {
    file: PathBuf,
    reason: FileError,
}

impl Osm {
    /// Reads a places file. Answers have the layout `layout`, and opening hours if `fields` asks
    /// for them.
    ///
    /// # Errors
    /// The file cannot be read, is no places file, has another format, or was damaged.
    pub fn open(file: &Path, layout: Layout, fields: Fields) -> Result<Osm, OsmFileError> {
        let table = RwLock::new(read(file)?);
        Ok(Osm(Arc::new(Source { file: file.to_owned(), layout, fields, table })))
    }

    /// Reads the file again. Takes as long as reading and checking it does, and delays no question
    /// by more than the exchange of two pointers.
    ///
    /// # Errors
    /// As for [`open`](Self::open). The former places stay in use.
    pub fn reload(&self) -> Result<(), OsmFileError> {
        let mut table = read(&self.0.file)?;
        std::mem::swap(&mut *self.0.table.write().unwrap_or_else(PoisonError::into_inner), &mut table);
        Ok(())
    }

    /// What is in the file.
    pub fn summary(&self) -> Summary {
        self.0.table.read().unwrap_or_else(PoisonError::into_inner).summary()
    }

    /// The places around a location.
    pub(in crate::places) fn answer(&self, query: &PlacesQuery) -> places::Found {
        let number = |text: &str| text.parse::<f64>().unwrap_or_default();
        let (latitude, longitude) = query.location.split_once(',').unwrap_or_default();
        let point = [number(latitude), number(longitude)];
        let Source { layout, fields, table, .. } = &*self.0;
        let table = table.read().unwrap_or_else(PoisonError::into_inner);
        let found = table.search(point, number(&query.metres), query.bound);
        let results: Vec<Value> = found.iter().map(|found| place(found, *fields)).collect();
        let status = if results.is_empty() { "ZERO_RESULTS" } else { "OK" };
        let attributions = if results.is_empty() { json!([]) } else { json!([ATTRIBUTION]) };
        let answer = json!({ "html_attributions": attributions, "results": results, "status": status });
        places::Found { json: layout.write(&answer), status: status.to_owned() }
    }
}

fn read(file: &Path) -> Result<Table, OsmFileError> {
    Table::read(file).map_err(|reason| OsmFileError { file: file.to_owned(), reason })
}

/// A place in the legacy shape, with only the fields that are known.
fn place(found: &NearbyPlace<'_>, fields: Fields) -> Value {
    let [latitude, longitude] = found.position();
    let mut place = Map::new();
    let mut add = |key: &str, value: Value| place.insert(key.to_owned(), value);
    add("geometry", json!({ "location": { "lat": latitude, "lng": longitude } }));
    add("name", found.name.into());
    if fields == Fields::Enterprise && !found.opening_hours.is_empty() {
        let rules: Vec<&str> = found.opening_hours.split(';').map(str::trim).collect();
        add("opening_hours", json!({ "weekday_text": rules }));
    }
    add("place_id", found.id().into());
    add("scope", "APP".into());
    add("types", json!(found.types()));
    if !found.address.is_empty() {
        add("vicinity", found.address.into());
    }
    Value::Object(place)
}
