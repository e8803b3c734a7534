//! Argument values whose names the library defines.

use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
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
    PossibleValuesParser::new(T::VARIANTS.iter().map(value)).map(|name| {
        T::from_str(&name).unwrap_or_else(|_| unreachable!("clap accepts only names of variants"))
    })
}
