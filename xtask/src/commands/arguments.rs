//! Argument values whose names the library defines.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, StyledStr, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command, Error};
use herd::nearest::{MOST_LISTED, similar};
use strum::{EnumMessage, VariantArray};

/// Returns a parser for the variants of `T`. Its help shows their names and documentation.
pub(super) fn variant_of<T>() -> impl TypedValueParser<Value = T>
where
    T: Copy + EnumMessage + FromStr + Into<&'static str> + Send + Sync + VariantArray,
{
    let value = |variant: &T| {
        let value = PossibleValue::new((*variant).into());
        let docs = variant.get_documentation().map(|docs| docs.trim_end_matches('.'));
        docs.into_iter().fold(value, PossibleValue::help)
    };
    one_of(T::VARIANTS.iter().map(value)).map(|name| {
        T::from_str(&name).unwrap_or_else(|_| unreachable!("clap accepts only names of variants"))
    })
}

/// Returns a parser for one of some names. Its help shows them; its error does so if they are few,
/// and otherwise only those that the wrong name resembles.
pub(super) fn one_of(names: impl IntoIterator<Item = impl Into<PossibleValue>>) -> NameParser {
    let values: Vec<PossibleValue> = names.into_iter().map(Into::into).collect();
    let names = values.iter().map(|value| value.get_name().to_owned()).collect();
    NameParser { parser: PossibleValuesParser::new(values), names }
}

/// A parser for one of some names.
#[derive(Clone, Debug)]
pub(super) struct NameParser {
    parser: PossibleValuesParser,
    names: Vec<String>,
}

impl TypedValueParser for NameParser {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, Error> {
        self.parser.parse_ref(command, arg, value).map_err(|mut error| {
            if self.names.len() > MOST_LISTED {
                let wrong = value.to_string_lossy();
                let similar = similar(&wrong, self.names.iter().map(String::as_str));
                let similar: Vec<String> = similar.into_iter().map(str::to_owned).collect();
                error.remove(ContextKind::ValidValue);
                error.remove(ContextKind::SuggestedValue);
                if !similar.is_empty() {
                    error.insert(ContextKind::SuggestedValue, ContextValue::Strings(similar));
                }
                let list = StyledStr::from(format!("'--help' lists the {} values", self.names.len()));
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![list]));
            }
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        self.parser.possible_values()
    }
}
