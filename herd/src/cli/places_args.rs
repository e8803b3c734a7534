//! The arguments that say whom to ask for places.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use herd::config::Herd;
use herd::places::{Fields, Google, GoogleLegacy, Key, Layout, Offline, Provider, ProviderName};

use super::given::Given;
use super::usage::Usage;

/// The environment variable that may hold the API key. There is no flag: flags can be seen by everybody.
const KEY: &str = "HERD_PLACES_KEY";

/// The environment variable that may name the file that holds it. Not read by clap, which does not tell a flag
/// from a variable: the key itself stands between them.
const KEY_FILE: &str = "HERD_PLACES_KEY_FILE";

/// The variables that are not those of flags.
pub(super) const OWN_VARIABLES: [&str; 2] = [KEY, KEY_FILE];

#[derive(Debug, Args)]
pub(super) struct PlacesArgs {
    /// Whom to ask for places [default: google when there is a key, in HERD_PLACES_KEY or a file; else offline].
    #[arg(long, env = "HERD_PLACES", value_name = "PROVIDER")]
    places: Option<ProviderName>,

    /// The base URL of the Places service, instead of Google's.
    #[arg(long, env = "HERD_PLACES_URL", value_name = "URL")]
    places_url: Option<String>,

    /// The file that holds the API key; only its owner may read it. Overrides HERD_PLACES_KEY, which overrides
    /// HERD_PLACES_KEY_FILE.
    #[arg(long, value_name = "FILE")]
    places_key_file: Option<PathBuf>,

    /// How google's and offline's answers are laid out [default: current].
    #[arg(long, env = "HERD_PLACES_LAYOUT", value_name = "LAYOUT")]
    places_layout: Option<Layout>,

    /// Which fields google is asked for; it bills by the most expensive one [default: pro].
    #[arg(long, env = "HERD_PLACES_FIELDS", value_name = "FIELDS")]
    places_fields: Option<Fields>,
}

impl PlacesArgs {
    /// Whom a node of `herd` asks.
    ///
    /// # Errors
    /// The provider needs a key and there is none, or the key or the URL is none.
    pub(super) fn provider(&self, herd: &Herd, given: &Given) -> anyhow::Result<Provider> {
        let table = &herd.places;
        let url = self.places_url.as_deref().or(table.url.as_deref());
        let layout = self.places_layout.or(table.layout).unwrap_or_default();
        let fields = self.places_fields.or(table.fields).unwrap_or_default();
        let has_key = self.key_source(herd).is_some();
        let default = if has_key { ProviderName::Google } else { ProviderName::Offline };
        match self.places.or(table.provider).unwrap_or(default) {
            ProviderName::None => Ok(Provider::Nobody),
            ProviderName::Offline => Ok(Provider::Offline(Offline::new(layout))),
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

    /// Where the key is: by flag, by environment, or by herd file.
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
                "Google needs an API key: set {KEY}, name a file with --places-key-file, or use --places offline"
            ))),
        }
    }
}

/// Where a key is. Not to be printed: a variable holds the key itself.
enum KeySource {
    Variable(OsString),
    File(PathBuf),
    FileOfVariable(PathBuf),
}
