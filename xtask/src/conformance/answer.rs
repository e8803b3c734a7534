//! Where an answer ends, and what it holds.

use serde_json::{Deserializer, Value};

use super::client::End;

/// What came for a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The bytes that came.
    pub bytes: Vec<u8>,
    /// Whether they end as an answer ends.
    pub complete: bool,
    /// Why nothing more came, if the connection ended.
    pub ended: Option<End>,
}

/// The places in an answer to WHATSAT.
#[derive(Clone, Debug, PartialEq)]
pub struct PlacesPart {
    /// What stands between the AT line and the JSON: a newline, if all is right.
    pub before: Vec<u8>,
    /// The bytes of the JSON.
    pub json: Vec<u8>,
    /// The JSON's content.
    pub value: Value,
    /// What follows the JSON: two newlines, if all is right.
    pub behind: Vec<u8>,
}

impl Answer {
    /// Returns whether nothing came.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Returns the first line, without its end.
    pub fn first_line(&self) -> &[u8] {
        let line = self.bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Returns whether the command was refused as invalid.
    pub fn is_refusal(&self) -> bool {
        self.bytes.first() == Some(&b'?')
    }

    /// Returns whether the answer begins with an AT line.
    pub fn is_at(&self) -> bool {
        self.bytes.starts_with(b"AT ")
    }

    /// Returns the places that follow the AT line.
    pub fn places(&self) -> Option<PlacesPart> {
        places(&self.bytes)
    }
}

/// Returns the length of the answer of one line that `bytes` begin with, if it is whole.
pub fn line_length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n').map(|end| end + 1)
}

/// Returns the length of the answer to WHATSAT that `bytes` begin with, if it is whole: a refusal,
/// or an AT line, JSON and two newlines. If fewer follow the JSON, the next answer ends it.
pub fn places_length(bytes: &[u8]) -> Option<usize> {
    if bytes.first().is_some_and(|&byte| byte == b'?') {
        return line_length(bytes);
    }
    let behind = places(bytes)?.behind;
    let newlines = behind.iter().take(2).take_while(|&&byte| byte == b'\n').count();
    (newlines == 2 || behind.len() > newlines).then(|| bytes.len() - behind.len() + newlines)
}

fn places(bytes: &[u8]) -> Option<PlacesPart> {
    let line = bytes.iter().position(|&byte| byte == b'\n')?;
    let json = line + bytes[line..].iter().position(|&byte| byte == b'{')?;
    let mut values = Deserializer::from_slice(&bytes[json..]).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let end = json + values.byte_offset();
    Some(PlacesPart {
        before: bytes[line..json].to_vec(),
        json: bytes[json..end].to_vec(),
        value,
        behind: bytes[end..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_whatsat_ends_behind_its_json() {
        let whole = b"AT Hands +1 k +1-1 5\n{\n  \"results\" : [ {\"a\": \"}\\n\\n\"} ]\n}\n\n";
        for length in 0..whole.len() {
            assert_eq!(places_length(&whole[..length]), None, "{length}");
        }
        assert_eq!(places_length(&[&whole[..], b"AT"].concat()), Some(whole.len()));
        let one_newline = &whole[..whole.len() - 1];
        assert_eq!(places_length(&[one_newline, b"AT"].concat()), Some(one_newline.len()));
        assert_eq!(places_length(b"? WHATSAT nobody 10 5\nAT"), Some(22));
        let part = places(whole).unwrap();
        assert_eq!((&part.before[..], &part.behind[..]), (&b"\n"[..], &b"\n\n"[..]));
        assert_eq!(part.value["results"][0]["a"], "}\n\n");
    }
}
