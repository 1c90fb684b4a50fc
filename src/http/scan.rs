//! One pass over a document's text before the parser sees it.
//!
//! The parser recurses with every bracket and overflows the stack long before a body of the usual size
//! ends; it also takes its time over what is merely long. So brackets of every kind, tokens, names,
//! numbers and strings are counted here first, without recursion and without memory.

use async_graphql::Pos;

use super::limits::{Limit, Limits, Refused};
use crate::both;

/// Looks a text over, and counts its tokens.
///
/// # Errors
/// The first limit that it exceeds, or the first character that no database takes.
pub fn scan(text: &str, limits: &Limits) -> Result<usize, Refused> {
    if text.len() > limits.document_bytes {
        return Err(Refused::excess(Limit::DocumentBytes, limits));
    }
    let mut scan = Scan { text: text.as_bytes(), place: 0, depth: 0, tokens: 0, limits };
    while scan.place < scan.text.len() {
        scan.step()?;
    }
    Ok(scan.tokens)
}

struct Scan<'t> {
    text: &'t [u8],
    place: usize,
    depth: usize,
    tokens: usize,
    limits: &'t Limits,
}

impl Scan<'_> {
    fn step(&mut self) -> Result<(), Refused> {
        let start = self.place;
        match self.text[start] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' => {
                self.place += 1;
                return Ok(());
            }
            b'#' => {
                self.skip(|byte| byte != b'\n' && byte != b'\r');
                return Ok(());
            }
            0 => return Err(self.forbidden(start)),
            b'"' => self.string()?,
            b'{' | b'[' | b'(' => {
                self.place += 1;
                self.depth += 1;
                self.check(Limit::Nesting, self.depth, start)?;
            }
            b'}' | b']' | b')' => {
                self.place += 1;
                self.depth = self.depth.saturating_sub(1);
            }
            b'.' => self.skip(|byte| byte == b'.'),
            byte if is_word(byte) => {
                self.skip(is_word);
                self.check(Limit::NameLength, self.place - start, start)?;
            }
            _ => self.place += 1,
        }
        self.tokens += 1;
        self.check(Limit::Tokens, self.tokens, start)
    }

    fn skip(&mut self, belongs: impl Fn(u8) -> bool) {
        let rest = &self.text[self.place..];
        self.place += rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
    }

    fn string(&mut self) -> Result<(), Refused> {
        let start = self.place;
        let is_block = self.text[start..].starts_with(b"\"\"\"");
        self.place += if is_block { 3 } else { 1 };
        loop {
            let rest = &self.text[self.place..];
            match rest.first() {
                // The parser would take it for an empty string and read on behind it.
                None if is_block => return Err(endless().at(self.position(start))),
                Some(0) => return Err(self.forbidden(self.place)),
                Some(b'"') if !is_block => {
                    self.place += 1;
                    break;
                }
                Some(b'"') if rest.starts_with(b"\"\"\"") => {
                    self.place += 3;
                    break;
                }
                Some(b'\\') if is_block => self.place += if rest.starts_with(b"\\\"\"\"") { 4 } else { 1 },
                Some(b'\\') => self.escape(rest)?,
                // The parser says where a string that ends with its line is wrong.
                Some(b'\n' | b'\r') if !is_block => break,
                None => break,
                Some(_) => self.place += 1,
            }
        }
        self.check(Limit::StringBytes, self.place - start, start)
    }

    fn escape(&mut self, rest: &[u8]) -> Result<(), Refused> {
        if let Some(digits) = rest.strip_prefix(b"\\u") {
            let code =
                digits.get(..4).and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| u32::from_str_radix(d, 16).ok());
            if code == Some(0) {
                return Err(self.forbidden(self.place));
            }
            if code.is_some_and(|code| char::from_u32(code).is_none()) {
                return Err(Refused::malformed(
                    Vec::new(),
                    both!(
                        "La moitié d'un caractère (\\uD800 à \\uDFFF) n'en est pas un ; écrivez le caractère lui-même.",
                        "Half a character (\\uD800 to \\uDFFF) is none; write the character itself."
                    ),
                )
                .at(self.position(self.place)));
            }
        }
        self.place = (self.place + 2).min(self.text.len());
        Ok(())
    }

    fn check(&self, limit: Limit, count: usize, place: usize) -> Result<(), Refused> {
        if count <= limit.most(self.limits) {
            return Ok(());
        }
        Err(Refused::excess(limit, self.limits).at(self.position(place)))
    }

    fn forbidden(&self, place: usize) -> Refused {
        nul(Vec::new()).at(self.position(place))
    }

    fn position(&self, place: usize) -> Pos {
        let before = &self.text[..place.min(self.text.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        Pos { line, column: String::from_utf8_lossy(&before[start..]).chars().count() + 1 }
    }
}

/// Letters, digits and what a number is written with; whatever is not ASCII stands in strings alone.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte == b'+'
}

fn endless() -> Refused {
    Refused::malformed(
        Vec::new(),
        both!("Ce texte entre \"\"\" n'a pas de fin.", "This text between \"\"\" has no end."),
    )
}

/// A NUL character, which PostgreSQL keeps in no text.
pub(super) fn nul(path: Vec<String>) -> Refused {
    Refused::malformed(
        path,
        both!(
            "Un texte contient le caractère NUL (U+0000), que rien n'affiche ; ôtez-le.",
            "A text holds the character NUL (U+0000), which nothing shows; take it out."
        ),
    )
}

#[cfg(test)]
mod tests {
    use ::entity::vocabulary::Language;
    use proptest::prelude::*;

    use super::*;

    fn limit_of(text: &str, limits: &Limits) -> Option<Limit> {
        scan(text, limits).err().and_then(|refused| refused.limit())
    }

    fn place_of(text: &str) -> (usize, usize) {
        let error = scan(text, &Limits::default()).unwrap_err().into_error(Language::En);
        (error.locations[0].line, error.locations[0].column)
    }

    #[test]
    fn tokens_are_words_numbers_strings_and_signs() {
        let count = |text| scan(text, &Limits::default()).unwrap();
        assert_eq!(count("query Q($a: [Int!] = [-1, 2.5e+3]) { a(b: \"x # {\") @c ... on D { e } } # { f"), 34);
        assert_eq!(count("\"\"\" { \\\"\"\" \" \"\" { \"\"\" \"\" \"\\\" {\""), 3);
        assert_eq!(count(" ,\t\r\n#{{{"), 0);
    }

    #[test]
    fn every_kind_of_bracket_nests() {
        let limits = Limits { nesting: 3, ..Limits::default() };
        for (open, close) in [("{", "}"), ("[", "]"), ("(", ")"), ("{a:", "}")] {
            let nested = |levels| format!("{}{}", open.repeat(levels), close.repeat(levels));
            assert_eq!(limit_of(&nested(3), &limits), None);
            assert_eq!(limit_of(&nested(4), &limits), Some(Limit::Nesting));
        }
        assert_eq!(limit_of("}}}} {[(", &limits), None, "closing brackets give no credit");
        assert_eq!(limit_of("}}}} {[({", &limits), Some(Limit::Nesting));
        assert_eq!(limit_of("\"{{{{\" #{{{{\n", &limits), None);
    }

    #[test]
    fn what_is_long_is_refused() {
        let limits = Limits { tokens: 3, name_length: 5, string_bytes: 8, document_bytes: 40, ..Limits::default() };
        assert_eq!(limit_of("a b c", &limits), None);
        assert_eq!(limit_of("a b c d", &limits), Some(Limit::Tokens));
        assert_eq!(limit_of("abcdef", &limits), Some(Limit::NameLength));
        assert_eq!(limit_of("123456", &limits), Some(Limit::NameLength));
        assert_eq!(limit_of("\"123456\"", &limits), None);
        assert_eq!(limit_of("\"1234567\"", &limits), Some(Limit::StringBytes));
        assert_eq!(limit_of("\"\"\"123\"\"\"", &limits), Some(Limit::StringBytes));
        assert_eq!(limit_of(&" ".repeat(41), &limits), Some(Limit::DocumentBytes));
    }

    #[test]
    fn nothing_hides_behind_a_string_without_end() {
        assert_eq!(place_of("{ a(b: [\"\"\" x\" [[[["), (1, 9));
        assert!(scan("{ a(b: \" [[[[\n", &Limits { nesting: 3, ..Limits::default() }).is_ok());
    }

    #[test]
    fn characters_that_no_database_takes_are_pointed_at() {
        assert_eq!(place_of("{\n  é \0"), (2, 5));
        assert_eq!(place_of("{ a(b: \"x\\u0000\") }"), (1, 10));
        assert_eq!(place_of("{ a(b: \"\\ud83d\") }"), (1, 9));
        assert_eq!(place_of("{ a(b: \"\"\"\0\"\"\") }"), (1, 11));
        assert!(scan("{ a(b: \"\\\\u0000 \\u00e9\") }", &Limits::default()).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "[a{}\\[\\]()\"\\\\u0d8#\n\u{0}é ]{0,64}") {
            let _ = scan(&text, &Limits::default());
        }

        #[test]
        fn what_is_let_through_can_be_parsed_without_a_panic(text in "[a1{}\\[\\]()$:.\"\\\\u0dnbt#@!=\n é-]{0,64}") {
            if scan(&text, &Limits::default()).is_ok() {
                let _ = async_graphql::parser::parse_query(&text);
            }
        }
    }
}
