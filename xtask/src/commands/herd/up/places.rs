//! Where the nodes of `herd-up` get places from.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use strum::{EnumMessage, EnumString, IntoStaticStr, VariantArray};

use crate::cluster::demo_places;
use crate::cluster::processes::Setup;
use crate::commands::arguments::variant_of;

/// The provider of places of all nodes.
#[derive(Clone, Debug, Args)]
pub(super) struct PlacesArgs {
    /// The provider of places [default: osm if there is a places file, else google if
    /// HERD_PLACES_KEY or HERD_PLACES_KEY_FILE is set, else offline]
    #[arg(long, value_name = "PROVIDER", value_parser = variant_of::<PlacesChoice>())]
    places: Option<PlacesChoice>,

    /// Read the places of osm from this file, which `herd places build` makes
    #[arg(long, value_name = "FILE")]
    places_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
enum PlacesChoice {
    /// Real cities from an embedded table, without a key and without a network.
    Offline,
    /// Places from OpenStreetMap, in a file that `herd places build` makes.
    Osm,
    /// A stub in the harness, which answers every request with the same invented places.
    Stub,
    /// Google's Places API (New), which needs a key.
    Google,
    /// Google's legacy Nearby Search, which needs a key.
    GoogleLegacy,
    /// No provider.
    None,
}

impl PlacesArgs {
    /// Adds the chosen provider to the nodes' settings, and starts the stub if it is chosen. The
    /// stub never gets a real key. If no provider is chosen, the nodes choose by their environment.
    pub(super) async fn add_to(&self, setup: &mut Setup) -> Result<()> {
        if let Some(file) = &self.places_file {
            setup.args.extend(["--places-file".into(), std::path::absolute(file)?.into()]);
        }
        let Some(choice) = self.places else { return Ok(()) };
        let provider = match choice {
            PlacesChoice::Offline => "offline",
            PlacesChoice::Osm => "osm",
            PlacesChoice::Google => "google",
            PlacesChoice::None => "none",
            PlacesChoice::Stub | PlacesChoice::GoogleLegacy => "google-legacy",
        };
        setup.args.extend(["--places", provider].map(Into::into));
        if choice == PlacesChoice::Stub {
            let address = demo_places::serve_places("nearby-20.json").await?;
            setup.args.extend(["--places-url".into(), format!("http://{address}").into()]);
            setup.variables.push(("HERD_PLACES_KEY", Some("key-of-a-stub".into())));
            setup.variables.push(("HERD_PLACES_KEY_FILE", None));
            setup.file = setup.file.with_free_places()?;
        }
        Ok(())
    }
}
