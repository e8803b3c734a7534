//! The arguments that say whom to ask for places.

use std::env;
use std::path::PathBuf;

use clap::Args;

use herd::config::Herd;
use herd::places::{Fields, Google, GoogleLegacy, Key, Layout, Offline, Provider, ProviderName};

use crate::cli::Usage;

/// The environment variable that may hold the API key. There is no flag: flags can be seen by everybody.
const KEY: &str = "HERD_PLACES_KEY";

#[derive(Debug, Args)]
pub(crate) struct PlacesArgs {
    /// Whom to ask for places [default: google when there is a key, in HERD_PLACES_KEY or a file; else offline].
    #[arg(long, env = "HERD_PLACES", value_name = "PROVIDER")]
    places: Option<ProviderName>,

    /// The base URL of the Places service, instead of Google's.
    #[arg(long, env = "HERD_PLACES_URL", value_name = "URL")]
    places_url: Option<String>,

    /// The file that holds the API key; only its owner may read it.
    #[arg(long, env = "HERD_PLACES_KEY_FILE", value_name = "FILE")]
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
    pub(crate) fn provider(&self, herd: &Herd) -> Result<Provider, Usage> {
        let table = &herd.places;
        let url = self.places_url.as_deref().or(table.url.as_deref());
        let layout = self.places_layout.or(table.layout).unwrap_or_default();
        let fields = self.places_fields.or(table.fields).unwrap_or_default();
        let has_key = env::var_os(KEY).is_some() || self.key_file(herd).is_some();
        let default = if has_key { ProviderName::Google } else { ProviderName::Offline };
        match self.places.or(table.provider).unwrap_or(default) {
            ProviderName::None => Ok(Provider::Nobody),
            ProviderName::Offline => Ok(Provider::Offline(Offline::new(layout))),
            ProviderName::Google => {
                let google = Google::new(url, self.key(herd)?, fields, layout, &herd.limits);
                google.map(Provider::Google).map_err(Usage)
            }
            ProviderName::GoogleLegacy => {
                let google = GoogleLegacy::new(url, self.key(herd)?, &herd.limits);
                google.map(Provider::GoogleLegacy).map_err(Usage)
            }
        }
    }

    fn key_file<'a>(&'a self, herd: &'a Herd) -> Option<&'a PathBuf> {
        self.places_key_file.as_ref().or(herd.places.key_file.as_ref())
    }

    fn key(&self, herd: &Herd) -> Result<Key, Usage> {
        if let Ok(text) = env::var(KEY) {
            return Key::new(&text).map_err(|reason| Usage(format!("{KEY}: {reason}")));
        }
        let file = self.key_file(herd).ok_or_else(|| {
            Usage(format!("Google needs an API key: set {KEY}, name a file with --places-key-file, or use --places offline"))
        })?;
        Key::read(file).map_err(Usage)
    }
}
