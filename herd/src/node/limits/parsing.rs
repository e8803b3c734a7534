//! How the bounds are written in a herd file.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Parses a bound that can be switched off: `"off"`, or a duration like `"24h"`.
///
/// # Errors
/// Returns a message with the text and what was expected.
pub fn parse_duration_or_off(text: &str) -> Result<Option<Duration>, String> {
    if text == "off" { Ok(None) } else { parse_duration(text).map(Some) }
}

/// The longest duration: long enough to mean "never", short enough to be added to any clock.
pub(super) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// Parses a duration like `"30s"` or `"2s 500ms"`, of at most 100 years.
///
/// # Errors
/// Returns a message with the text and what was expected.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|error| format!("`{text}` is not a duration like \"30s\" or \"2s 500ms\": {error}"))?;
    if parsed > LONGEST {
        return Err(format!("`{text}` is too long: at most 100 years"));
    }
    Ok(parsed)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

pub(super) fn positive_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    above_zero(duration(from)?)
}

pub(super) fn positive<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default + PartialEq>(
    from: D,
) -> Result<T, D::Error> {
    above_zero(T::deserialize(from)?)
}

fn above_zero<T: Default + PartialEq, E: serde::de::Error>(value: T) -> Result<T, E> {
    if value == T::default() { Err(E::custom("this bound cannot be 0")) } else { Ok(value) }
}

pub(super) fn positive_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    above_zero(u64::deserialize(from)?).map(Some)
}

/// A number, or a word.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrWord<T> {
    Number(T),
    Word(String),
}

/// Parses a number above 0, or `"off"`.
pub(super) fn count_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    match NumberOrWord::deserialize(from) {
        Ok(NumberOrWord::Number(count)) => above_zero(count).map(Some),
        Ok(NumberOrWord::Word(word)) if word == "off" => Ok(None),
        _ => Err(serde::de::Error::custom("expected a number of at most 4294967295, or \"off\"")),
    }
}

/// Parses a number of bytes above 0, or `"off"`.
pub(super) fn bytes_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    match NumberOrWord::deserialize(from) {
        Ok(NumberOrWord::Number(bytes)) => above_zero(bytes).map(Some),
        Ok(NumberOrWord::Word(word)) if word == "off" => Ok(None),
        _ => Err(serde::de::Error::custom("expected a number of bytes, or \"off\"")),
    }
}

pub(super) fn percent<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let percent = u32::deserialize(from)?;
    if (1..=100).contains(&percent) {
        Ok(percent)
    } else {
        Err(serde::de::Error::custom("expected a percentage from 1 to 100"))
    }
}

pub(super) fn duration_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parse_duration_or_off(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}
