//! The context of a trace in a header, in the format of the W3C: `00-<trace>-<span>-<flags>`.

use std::fmt;
use std::str::FromStr;

use crate::message::Trace;

/// A trace, and a span of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: Trace,
    pub(super) span: u64,
}

/// The error of a header that has no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoContext;

impl fmt::Display for Context {
    /// Writes the header of a trace that is sampled.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace.id(), self.span)
    }
}

impl FromStr for Context {
    type Err = NoContext;

    fn from_str(text: &str) -> Result<Context, NoContext> {
        let parts: Vec<&str> = text.split('-').collect();
        let ["00", trace, span, flags] = parts[..] else { return Err(NoContext) };
        let digits = [(trace, 32), (span, 16), (flags, 2)];
        // The standard library also accepts a sign.
        let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !digits.iter().all(|(text, length)| text.len() == *length && is_hex(text)) {
            return Err(NoContext);
        }
        let trace = u128::from_str_radix(trace, 16).ok().and_then(Trace::from_id).ok_or(NoContext)?;
        let span = u64::from_str_radix(span, 16).ok().filter(|span| *span != 0).ok_or(NoContext)?;
        Ok(Context { trace, span })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_is_read_as_it_was_written() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-00f0670110690217-01";
        let context: Context = text.parse().unwrap();
        assert_eq!(context.span, 0x00f0_6701_1069_0217);
        assert_eq!(context.to_string(), text);
    }

    #[test]
    fn a_header_that_is_no_context_is_rejected() {
        let (trace, span) = ("0af7651916cd43dd8448eb211c80319c", "00f0670110690217");
        for text in [
            String::new(),
            format!("01-{trace}-{span}-01"),
            format!("00-{trace}-{span}"),
            format!("00-{trace}-{span}-01-x"),
            format!("00-{trace}0-{span}-01"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-+{}-01", &span[1..]),
            format!("00-{}-{span}-01", trace.to_uppercase()),
        ] {
            assert_eq!(text.parse::<Context>(), Err(NoContext), "{text}");
        }
    }
}
