//! Figures as text: rounded, with a unit that suits their size.

/// Formats a value with about three digits and its unit. A time or a size gets the unit that suits
/// it: 1,830 `us` are 1.83 ms, and 31,200,000 `bytes` are 31.2 MB. A count may have no unit.
pub(super) fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "us" => time(value / 1e6),
        "ms" => time(value / 1e3),
        "s" => time(value),
        "bytes" => size(value),
        "" => number_text(value),
        "percent" => format!("{} %", number_text(value)),
        _ if unit.ends_with("/s") => format!("{}/s", number_text(value)),
        _ => format!("{} {unit}", number_text(value)),
    }
}

/// Formats a round value of an axis like [`quantity`], without zeros at its end.
pub(super) fn tick_text(value: f64, unit: &str) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = quantity(value, unit);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number =
        if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number}{unit}")
}

fn time(seconds: f64) -> String {
    match seconds.abs() {
        length if length >= 0.9995 => format!("{} s", number_text(seconds)),
        length if length >= 0.000_999_5 => format!("{} ms", number_text(seconds * 1e3)),
        _ => format!("{} µs", number_text(seconds * 1e6)),
    }
}

fn size(bytes: f64) -> String {
    match bytes.abs() {
        size if size >= 999.5e6 => format!("{} GB", number_text(bytes / 1e9)),
        size if size >= 999.5e3 => format!("{} MB", number_text(bytes / 1e6)),
        size if size >= 9_999.5 => format!("{} kB", number_text(bytes / 1e3)),
        _ => format!("{} bytes", number_text(bytes)),
    }
}

/// Formats a number with about three digits.
pub(super) fn number_text(number: f64) -> String {
    match number.abs() {
        size if size >= 999.5e3 => format!("{} M", digits(number / 1e6)),
        size if size >= 9_999.5 => format!("{} k", digits(number / 1e3)),
        _ => digits(number),
    }
}

/// Formats a number with three digits, or with all digits before its decimal point.
fn digits(number: f64) -> String {
    let decimals = match number.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{number:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [1_234_567.0, 999_700.0, 460_321.0, 54_321.0, 9_999.7, 4321.0, 321.0, 99.97, 21.04, 0.5]
            .map(number_text);
        assert_eq!(
            texts,
            ["1.23 M", "1.00 M", "460 k", "54.3 k", "10.0 k", "4321", "321", "100", "21.0", "0.50"]
        );
    }

    #[test]
    fn values_of_axes_have_no_zeros_at_their_end() {
        let texts = [0.0, 2_000.0, 2_500.0, 100.0].map(|value| tick_text(value, "us"));
        assert_eq!(texts, ["0", "2 ms", "2.5 ms", "100 µs"]);
    }

    #[test]
    fn a_quantity_has_the_unit_that_suits_it() {
        for (value, unit, expected) in [
            (12_400.0, "reports/s", "12.4 k/s"),
            (228.4, "us", "228 µs"),
            (999.7, "us", "1.00 ms"),
            (1_825.0, "us", "1.82 ms"),
            (0.012, "s", "12.0 ms"),
            (17.18, "s", "17.2 s"),
            (15.6, "ms", "15.6 ms"),
            (99.6, "bytes", "99.6 bytes"),
            (31_200_000.0, "bytes", "31.2 MB"),
            (0.66, "%", "0.66 %"),
            (0.66, "percent", "0.66 %"),
            (4.0, "lines", "4.00 lines"),
            (23_412.0, "", "23.4 k"),
        ] {
            assert_eq!(quantity(value, unit), expected);
        }
    }
}
