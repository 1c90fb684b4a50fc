//! What JSON allows and no text may hold.

use std::borrow::Cow;

/// Counts the values in JSON text, those in lists and objects included, without reading any: what it says
/// of malformed text is worth nothing, and does no harm.
pub(super) fn values(json: &[u8]) -> usize {
    let (mut values, mut place) = (0_usize, 0);
    while let Some(byte) = json.get(place) {
        place += 1;
        match byte {
            b'"' => {
                values += 1;
                place = end_of_string(json, place);
            }
            b'[' | b'{' => values += 1,
            // What stood before it was a name.
            b':' => values = values.saturating_sub(1),
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b']' | b'}' => {}
            _ => {
                values += 1;
                let rest = &json[place..];
                place += rest.iter().position(|byte| b",]}: \t\n\r\"[{".contains(byte)).unwrap_or(rest.len());
            }
        }
    }
    values
}

/// Behind the end of a string that began before a place.
fn end_of_string(json: &[u8], mut place: usize) -> usize {
    while let Some(byte) = json.get(place) {
        place += 1;
        match byte {
            b'"' => break,
            b'\\' => place += 1,
            _ => {}
        }
    }
    place
}

/// Escapes of half a character (`\uD800` to `\uDFFF` without their other half) are turned into NUL,
/// which is refused later with the path to it; JSON's reader knows only the line and the column.
pub(super) fn without_half_characters(json: &[u8]) -> Cow<'_, [u8]> {
    let mut clean = Cow::Borrowed(json);
    let mut place = 0;
    while let Some(found) = json[place..].iter().position(|byte| *byte == b'\\') {
        let escape = place + found;
        place = (escape + 2).min(json.len());
        let Some(first) = unit(json, escape) else { continue };
        // Six bytes of an escape were there to be read.
        place = escape + 6;
        match first {
            0xD800..0xDC00 if matches!(unit(json, place), Some(0xDC00..0xE000)) => place += 6,
            0xD800..0xE000 => clean.to_mut()[escape + 2..escape + 6].copy_from_slice(b"0000"),
            _ => {}
        }
    }
    clean
}

/// The code of the escape `\uXXXX` at a place.
fn unit(json: &[u8], place: usize) -> Option<u16> {
    let digits = json.get(place..)?.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cleaned(json: &str) -> String {
        String::from_utf8(without_half_characters(json.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn values_are_counted_and_names_are_not() {
        for (json, count) in [
            ("1", 1),
            (r#""a""#, 1),
            ("[]", 1),
            ("[1, -2.5e3,true ,null]", 5),
            (r#"{"a":1,"b" : [{}, "x,y:[{\"]" ]}"#, 5),
            ("[[],[[]]]", 4),
        ] {
            assert_eq!(values(json.as_bytes()), count, "{json}");
        }
        for bad in ["\"", "\"\\", "{:", "]]]", "[[[", ""] {
            assert!(values(bad.as_bytes()) <= bad.len());
        }
    }

    #[test]
    fn only_half_characters_are_replaced() {
        assert_eq!(cleaned(r#""\ud83d\ude00 \u00e9 \\ud83d \n""#), r#""\ud83d\ude00 \u00e9 \\ud83d \n""#);
        assert_eq!(cleaned(r#""\ud83d""#), r#""\u0000""#);
        assert_eq!(cleaned(r#""\uDE00x""#), r#""\u0000x""#);
        assert_eq!(cleaned(r#""\ud83d\ud83d\ude00""#), r#""\u0000\ud83d\ude00""#);
        assert_eq!(cleaned(r#""\ud83"#), r#""\ud83"#);
        assert_eq!(cleaned("\\"), "\\");
    }

    proptest! {
        #[test]
        fn what_is_left_holds_no_half_character(text in r#"[\\udDcCfF08e9" ]{0,40}"#) {
            let json = format!("\"{text}\"");
            let clean = without_half_characters(json.as_bytes());
            prop_assert_eq!(clean.len(), json.len());
            if let Err(error) = serde_json::from_slice::<serde_json::Value>(&clean) {
                prop_assert!(!error.to_string().contains("surrogate"), "{} {}", json, error);
            }
        }
    }
}
