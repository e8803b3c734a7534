//! Places from OpenStreetMap, from a file that `herd places build` makes of an extract.
//!
//! | module | what it does |
//! |---|---|
//! | `extract` | reads an extract, blob by blob |
//! | `kinds` | knows which elements are places, and what they are to Google |
//! | `build` | makes a places file of an extract |
//! | `file`, `pack` | are the format of the file, and the order of the places in it |
//! | `table`, `index` | are the file in memory, and how it is searched |
//! | `provider` | answers questions |

mod build;
mod extract;
mod file;
mod index;
mod kinds;
mod pack;
mod provider;
mod table;
#[cfg(test)]
mod tests;

pub use build::{BuildError, Built, Progress, build};
pub use extract::ExtractError;
pub use file::FileError;
pub use kinds::Category;
pub use provider::{Osm, OsmFileError};
pub use table::{NearbyPlace, Summary, Table};
