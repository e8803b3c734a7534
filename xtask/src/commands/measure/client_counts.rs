//! Numbers of clients on the command line.

/// The largest number of clients.
const MOST: f64 = 1e12;

/// Some numbers of clients: a number, or a range of powers of ten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClientCounts(pub(super) Vec<u64>);

/// Parses a number, such as `1e6` or `250000`, or a range, such as `1e6..1e9`.
///
/// # Errors
/// The text is neither. The message says what is expected.
pub(super) fn parse_client_counts(text: &str) -> Result<ClientCounts, String> {
    let Some((first, last)) = text.split_once("..") else { return Ok(ClientCounts(vec![number(text)?])) };
    let (first, last) = (number(first)?, number(last)?);
    let is_power = |number: u64| 10_u64.pow(number.ilog10()) == number;
    if !is_power(first) || !is_power(last) || first > last {
        return Err("expected two powers of ten, the smaller one first, such as 1e6..1e9".to_owned());
    }
    Ok(ClientCounts((first.ilog10()..=last.ilog10()).map(|power| 10_u64.pow(power)).collect()))
}

fn number(text: &str) -> Result<u64, String> {
    let is_plain =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"e.".contains(&byte));
    let number = text
        .parse()
        .ok()
        .filter(|number: &f64| is_plain && number.fract() == 0.0 && (1.0..=MOST).contains(number));
    let expected = || {
        format!(
            "`{text}` is not a number of clients: expected a whole number from 1 to 1e12, such as 1e6 or 250000"
        )
    };
    number.map(|number| number as u64).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_of_powers_of_ten_are_understood() {
        let parsed = |text| parse_client_counts(text).unwrap().0;
        assert_eq!(parsed("250000"), [250_000]);
        assert_eq!(parsed("2.5e6"), [2_500_000]);
        assert_eq!(parsed("1e12"), [1_000_000_000_000]);
        assert_eq!(parsed("1e6..1e9"), [1_000_000, 10_000_000, 100_000_000, 1_000_000_000]);
        assert_eq!(parsed("1..100"), [1, 10, 100]);
        assert_eq!(parsed("1e7..1e7"), [10_000_000]);
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_expected() {
        for text in ["", "0", "many", "-5", "+5", "1.5", "1e13", "nan", "inf", "1e6..", "..1e6", "1e6..x"] {
            let error = parse_client_counts(text).unwrap_err();
            assert!(
                error.ends_with("expected a whole number from 1 to 1e12, such as 1e6 or 250000"),
                "{error}"
            );
        }
        for text in ["2e6..1e9", "1e6..5e6", "1e9..1e6"] {
            assert!(
                parse_client_counts(text).unwrap_err().starts_with("expected two powers of ten"),
                "{text}"
            );
        }
    }
}
