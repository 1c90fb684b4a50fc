//! Texts from outside: trimmed, bounded, without characters that cannot be shown or kept.

use crate::error::{Error, Result};

/// A text of one line. It may be empty: whether it has to be there is a rule, and not a matter of form.
///
/// # Errors
/// [`Error::BadInput`] at `path` where it is longer than `most` characters or holds control characters.
pub fn line<const N: usize>(path: [&str; N], text: &str, most: usize) -> Result<String> {
    bounded(path, text, most, char::is_control)
}

/// A text that may have several lines.
///
/// # Errors
/// As for [`line`]; line breaks and tabulators are no control characters here.
pub fn paragraph<const N: usize>(path: [&str; N], text: &str, most: usize) -> Result<String> {
    bounded(path, text, most, |c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

fn bounded<const N: usize>(path: [&str; N], text: &str, most: usize, refused: fn(char) -> bool) -> Result<String> {
    let text = text.trim();
    if text.chars().any(refused) {
        return Err(Error::bad_input(path, "control characters are not allowed"));
    }
    if text.chars().count() > most {
        return Err(Error::bad_input(path, format!("at most {most} characters")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_trimmed_and_bounded_and_has_no_control_characters() {
        assert_eq!(line(["name"], "  Élodie ", 6).ok().as_deref(), Some("Élodie"));
        assert!(line(["name"], "Élodie!", 6).is_err());
        for bad in ["a\0b", "a\nb", "a\u{85}b"] {
            assert!(line(["name"], bad, 10).is_err(), "{bad:?}");
        }
        assert_eq!(paragraph(["why"], "a\nb", 3).ok().as_deref(), Some("a\nb"));
        assert!(paragraph(["why"], "a\0b", 3).is_err());
    }
}
