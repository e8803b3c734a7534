//! The arguments that choose and configure the places provider.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use herd::config::Herd;
use herd::places::osm::Osm;
use herd::places::{Fields, Google, GoogleLegacy, Key, Layout, Offline, Provider, ProviderName};

use super::given::Given;
use super::usage::Usage;

/// The environment variable that may hold the API key. There is no flag for it, since every user of
/// the machine can see the flags of a process.
const KEY: &str = "HERD_PLACES_KEY";

/// The environment variable that may name the file of the API key. It is not read by clap, since
/// [`KEY`] overrides it and the flag overrides [`KEY`].
const KEY_FILE: &str = "HERD_PLACES_KEY_FILE";

/// What to do if the provider osm has no file.
const NO_FILE: &str = "the provider osm needs a places file: make one with `herd places build EXTRACT.osm.pbf`, and name it with --places-file, or use --places offline";

/// The variables that clap does not know.
pub(super) const OWN_VARIABLES: [&str; 2] = [KEY, KEY_FILE];

#[derive(Debug, Args)]
#[command(next_help_heading = "Places")]
pub(super) struct PlacesArgs {
    /// Answer WHATSAT from this provider [default: osm if there is a places file, else google if
    /// there is an API key, else offline]
    #[arg(long, env = "HERD_PLACES", value_name = "PROVIDER")]
    places: Option<ProviderName>,

    /// Read the places of osm from this file, which `herd places build` makes
    #[arg(long, env = "HERD_PLACES_FILE", value_name = "FILE")]
    places_file: Option<PathBuf>,

    /// Send requests to this base URL instead of Google's
    #[arg(long, env = "HERD_PLACES_URL", value_name = "URL")]
    places_url: Option<String>,

    /// Read the API key from this file, which must be readable by its owner only
    ///
    /// The flag overrides HERD_PLACES_KEY (the key itself), which overrides HERD_PLACES_KEY_FILE
    /// (the name of a file).
    #[arg(long, value_name = "FILE")]
    places_key_file: Option<PathBuf>,

    /// Layout of the JSON of all answers but google-legacy's [default: current]
    #[arg(long, env = "HERD_PLACES_LAYOUT", value_name = "LAYOUT")]
    places_layout: Option<Layout>,

    /// Fields to request from google, which bills by the most expensive one; from osm, enterprise
    /// asks for opening hours [default: pro]
    #[arg(long, env = "HERD_PLACES_FIELDS", value_name = "FIELDS")]
    places_fields: Option<Fields>,
}

impl PlacesArgs {
    /// The provider for a node of `herd`.
    ///
    /// # Errors
    /// The provider needs a key or a file and there is none, or the key, the URL or the file is
    /// invalid.
    pub(super) fn provider(&self, herd: &Herd, given: &Given) -> anyhow::Result<Provider> {
        let table = &herd.places;
        let url = self.places_url.as_deref().or(table.url.as_deref());
        let layout = self.places_layout.or(table.layout).unwrap_or_default();
        let fields = self.places_fields.or(table.fields).unwrap_or_default();
        let file = self.places_file.as_deref().or(table.file.as_deref());
        let default = match (file, self.key_source(herd)) {
            (Some(_), _) => ProviderName::Osm,
            (None, Some(_)) => ProviderName::Google,
            (None, None) => ProviderName::Offline,
        };
        match self.places.or(table.provider).unwrap_or(default) {
            ProviderName::None => Ok(Provider::Nobody),
            ProviderName::Offline => Ok(Provider::Offline(Offline::new(layout))),
            ProviderName::Osm => {
                let file = file.ok_or_else(|| Usage(NO_FILE.to_owned()))?;
                let osm = Osm::open(file, layout, fields).map_err(|error| Usage(error.to_string()));
                given.blame(&["places_file"], osm).map(Provider::Osm)
            }
            ProviderName::Google => {
                let google = Google::new(url, self.key(herd)?, fields, layout, &herd.limits);
                given.blame(&["places_url"], google.map(Provider::Google).map_err(Usage))
            }
            ProviderName::GoogleLegacy => {
                let google = GoogleLegacy::new(url, self.key(herd)?, &herd.limits);
                given.blame(&["places_url"], google.map(Provider::GoogleLegacy).map_err(Usage))
            }
        }
    }

    /// The source of the API key: the flag, the environment or the herd file, in this order.
    fn key_source(&self, herd: &Herd) -> Option<KeySource> {
        let variable = |name| env::var_os(name).filter(|value| !value.to_string_lossy().trim().is_empty());
        let flag = self.places_key_file.clone().map(KeySource::File);
        flag.or_else(|| variable(KEY).map(KeySource::Variable))
            .or_else(|| variable(KEY_FILE).map(|file| KeySource::FileOfVariable(file.into())))
            .or_else(|| herd.places.key_file.clone().map(KeySource::File))
    }

    fn key(&self, herd: &Herd) -> Result<Key, Usage> {
        match self.key_source(herd) {
            Some(KeySource::Variable(text)) => {
                Key::new(&text.to_string_lossy()).map_err(|reason| Usage(format!("{KEY}: {reason}")))
            }
            Some(KeySource::File(file)) => Key::read(&file).map_err(Usage),
            Some(KeySource::FileOfVariable(file)) => {
                Key::read(&file).map_err(|reason| Usage(format!("{KEY_FILE}: {reason}")))
            }
            None => Err(Usage(format!(
                "the provider google needs an API key: set {KEY}, name its file with --places-key-file, or use --places offline"
            ))),
        }
    }
}

/// The source of an API key. It does not implement `Debug`, since a variable holds the key itself.
enum KeySource {
    Variable(OsString),
    File(PathBuf),
    FileOfVariable(PathBuf),
}
