//! How a request is called: by its client's own id where that is well-formed, and within the trace of W3C's
//! `traceparent`.

/// How long an id of a client's own is.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// Whether what a client calls its request can be the request's id: short, and nothing in it that means
/// anything to a log, a header or a table.
#[must_use]
pub fn is_request_id(text: &str) -> bool {
    LENGTH.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

/// Which trace a request belongs to, and which span it was made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: u128,
    /// The span of whoever asks.
    pub span: u64,
    /// Whether whoever asks keeps the trace.
    pub is_sampled: bool,
}

impl TraceParent {
    /// Reads the header `traceparent`; nothing where it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace) = (hex(parts.next()?, 2)?, hex(parts.next()?, 32)?);
        let (span, flags) = (hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
        let is_whole = version != 0 || parts.next().is_none();
        let is_known = version != 0xff && trace != 0 && span != 0;
        let parent = Self { trace, span: u64::try_from(span).ok()?, is_sampled: flags & 1 == 1 };
        (is_whole && is_known).then_some(parent)
    }

    /// The trace's id.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// So many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    is_hex.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_id_is_taken_only_where_it_is_harmless() {
        for good in ["12345678", "0191e1a2-7c4e-7c3a-8f00-000000000000", "a_B.c-d.1", &"a".repeat(64)] {
            assert!(is_request_id(good), "{good}");
        }
        for bad in ["", "mine", "has a blank in it", "line\nbreak", "quote\"quote", "ééééééééé", &"a".repeat(65)]
        {
            assert!(!is_request_id(bad), "{bad}");
        }
    }

    #[test]
    fn a_trace_is_read_as_w3c_has_it() {
        let parse = TraceParent::parse;
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let parent = parse(text).unwrap();
        assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((parent.span, parent.is_sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert!(!parse(&text.replace("-01", "-00")).unwrap().is_sampled);
        assert!(parse(&format!("cc{}-more", &text[2..])).is_some(), "a later version may say more");
        for bad in [
            "",
            &format!("{text}-more"),
            &text.to_uppercase(),
            &format!("ff{}", &text[2..]),
            &text.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &text.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &text[..54],
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
