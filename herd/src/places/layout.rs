//! Writes JSON in the format of Google's legacy services, for answers of other providers.
//!
//! Keys are sorted. Each level is indented by three spaces. Colons have a space on either side.
//! Numbers have at most 16 significant digits, and whole numbers no fraction. `<` and `>` are
//! written as `\u003c` and `\u003e`.

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::{Number, Value};

/// One of the two layouts that Google has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Google's current layout: values start on their own line, one array element per line
    #[default]
    Current,
    /// Layout of the classroom's example: values follow their key, short arrays are on one line
    Classic,
}

/// The length in characters from which the classic layout breaks up an array.
const LONGEST_LINE: usize = 74;

impl Layout {
    /// Writes `value` without a final line end.
    pub fn write(self, value: &Value) -> Vec<u8> {
        let mut out = String::new();
        self.append(value, 0, &mut out);
        out.into_bytes()
    }

    fn append(self, value: &Value, level: usize, out: &mut String) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let mut members: Vec<(&String, &Value)> = members.iter().collect();
                members.sort_by_key(|(key, _)| key.as_bytes());
                self.enclose('{', '}', level, members, out, |(key, value), out| {
                    append_string(key, out);
                    out.push_str(" : ");
                    if self == Layout::Current && is_long(value) {
                        new_line(level + 1, out);
                    }
                    self.append(value, level + 1, out);
                });
            }
            Value::Array(items) if !items.is_empty() => {
                if let Some(line) = self.one_line(items) {
                    out.push_str(&line);
                } else {
                    self.enclose('[', ']', level, items, out, |item, out| self.append(item, level + 1, out));
                }
            }
            Value::Object(_) => out.push_str("{}"),
            Value::Array(_) => out.push_str("[]"),
            Value::String(text) => append_string(text, out),
            Value::Number(number) => out.push_str(&number_text(number)),
            Value::Bool(_) | Value::Null => out.push_str(&value.to_string()),
        }
    }

    fn enclose<T>(
        self,
        open: char,
        close: char,
        level: usize,
        items: impl IntoIterator<Item = T>,
        out: &mut String,
        append: impl Fn(T, &mut String),
    ) {
        out.push(open);
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            new_line(level + 1, out);
            append(item, out);
        }
        new_line(level, out);
        out.push(close);
    }

    /// An array on one line, if the layout keeps it there.
    fn one_line(self, items: &[Value]) -> Option<String> {
        if self == Layout::Current || items.iter().any(|item| item.is_array() || item.is_object()) {
            return None;
        }
        let texts: Vec<String> = items
            .iter()
            .map(|item| {
                let mut text = String::new();
                self.append(item, 0, &mut text);
                text
            })
            .collect();
        let line = format!("[ {} ]", texts.join(", "));
        (line.len() < LONGEST_LINE).then_some(line)
    }
}

fn is_long(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    }
}

fn new_line(level: usize, out: &mut String) {
    out.push('\n');
    (0..level).for_each(|_| out.push_str("   "));
}

fn append_string(text: &str, out: &mut String) {
    // Most texts need no escape.
    if !text.bytes().any(|byte| matches!(byte, ..b' ' | b'"' | b'\\' | b'<' | b'>' | 0x7f)) {
        out.push('"');
        out.push_str(text);
        out.push('"');
        return;
    }
    out.push_str(&Value::from(text).to_string().replace('<', "\\u003c").replace('>', "\\u003e"));
}

/// Formats a number like C's `%.16g`, and whole numbers without a fraction.
fn number_text(number: &Number) -> String {
    let Some(value) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let scientific = format!("{value:.15e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let rest = rest.trim_end_matches('0');
    let joined = |whole: &str, fraction: &str| match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    };
    // The digits are right. Only the point is somewhere else.
    match exponent {
        0..16 => {
            let whole = exponent as usize;
            let (whole, fraction) = match rest.split_at_checked(whole) {
                Some((whole, fraction)) => (format!("{first}{whole}"), fraction),
                None => (format!("{first}{rest:0<whole$}"), ""),
            };
            joined(&whole, fraction)
        }
        -4..0 => joined("0", &format!("{}{first}{rest}", "0".repeat((-exponent - 1) as usize))),
        _ => {
            let sign_of_exponent = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign_of_exponent}{:02}", joined(first, rest), exponent.abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body of the fixtures without its line end, and its parsed value.
    fn fixture(name: &str) -> (Vec<u8>, Value) {
        let body = std::fs::read(fixtures::places().join(name)).unwrap();
        let value = serde_json::from_slice(&body).unwrap();
        (body.trim_ascii_end().to_vec(), value)
    }

    #[test]
    fn both_layouts_are_written_as_the_fixtures_are() {
        for (name, layout) in [
            ("nearby-20.json", Layout::Current),
            ("nearby-20-classic.json", Layout::Classic),
            ("zero-results.json", Layout::Current),
            ("denied-legacy.json", Layout::Classic),
        ] {
            let (body, value) = fixture(name);
            assert_eq!(String::from_utf8(layout.write(&value)).unwrap(), String::from_utf8(body).unwrap());
        }
    }

    #[test]
    fn numbers_have_sixteen_digits_and_no_needless_fraction() {
        for (number, text) in [
            (4.0, "4"),
            (4.6, "4.6"),
            (-118.445_127, "-118.445127"),
            (0.1 + 0.2, "0.3"),
            (1.0 / 3.0, "0.3333333333333333"),
            (0.0, "0"),
            (-0.000_05, "-5e-05"),
            (0.0001, "0.0001"),
            (1e16, "1e+16"),
            (1.25e20, "1.25e+20"),
            (-120.0, "-120"),
            (1e15, "1000000000000000"),
            (-0.012_5, "-0.0125"),
            (9.95, "9.949999999999999"),
            (123_456_789.125, "123456789.125"),
        ] {
            assert_eq!(number_text(&Number::from_f64(number).unwrap()), text);
        }
        assert_eq!(number_text(&Number::from(812)), "812");
    }

    #[test]
    fn an_array_that_holds_others_is_broken_up_however_short_it_is() {
        for short in [serde_json::json!([[1]]), serde_json::json!([{ "a": 1 }]), serde_json::json!([[], {}])]
        {
            assert!(Layout::Classic.write(&short).contains(&b'\n'), "{short}");
        }
    }

    #[test]
    fn an_array_of_74_characters_is_broken_up() {
        let of = |length: usize| serde_json::json!(["x".repeat(length - 6)]);
        assert!(!Layout::Classic.write(&of(73)).contains(&b'\n'));
        assert!(Layout::Classic.write(&of(74)).contains(&b'\n'));
    }

    proptest::proptest! {
        #[test]
        fn a_number_has_the_digits_that_the_standard_library_rounds_it_to(
            mantissa in -1e16..1e16, scale in 0..20
        ) {
            let value: f64 = mantissa / 10f64.powi(scale);
            let scientific = format!("{value:.15e}");
            let exponent: i32 = scientific.split_once('e').unwrap().1.parse().unwrap();
            proptest::prop_assume!((-4..16).contains(&exponent));
            let fixed = format!("{value:.*}", (15 - exponent) as usize);
            let trimmed = if fixed.contains('.') { fixed.trim_end_matches('0').trim_end_matches('.') } else { &fixed };
            proptest::prop_assert_eq!(number_text(&Number::from_f64(value).unwrap()), trimmed);
        }
    }
}
