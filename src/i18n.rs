//! French and English, French first.

use ::entity::vocabulary::Language;

/// One text in both languages. Written with [`both!`](crate::both).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// French.
    pub fr: String,
    /// English.
    pub en: String,
}

impl Text {
    /// The text in one language.
    #[must_use]
    pub fn into_language(self, language: Language) -> String {
        match language {
            Language::Fr => self.fr,
            Language::En => self.en,
        }
    }
}

/// Formats one text in both languages: `both!("{n} lignes", "{n} lines")`.
#[macro_export]
macro_rules! both {
    ($fr:literal, $en:literal $(,)?) => {
        $crate::i18n::Text { fr: format!($fr), en: format!($en) }
    };
}

/// The language that an `Accept-Language` header prefers among ours; French where it names neither.
#[must_use]
pub fn preferred(header: &str) -> Option<Language> {
    let weight = |range: &str| {
        let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
        let q = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.trim().parse::<f32>().ok())?;
        let language = match tag.trim().split('-').next()?.to_ascii_lowercase().as_str() {
            "fr" => Language::Fr,
            "en" => Language::En,
            _ => return None,
        };
        (q > 0.0).then_some((language, q))
    };
    header
        .split(',')
        .take(32)
        .filter_map(weight)
        .fold(None, |best: Option<(Language, f32)>, (language, q)| match best {
            Some((_, highest)) if highest >= q => best,
            _ => Some((language, q)),
        })
        .map(|(language, _)| language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_language_is_the_heaviest_of_ours() {
        assert_eq!(preferred("de, en-GB;q=0.7, fr;q=0.8"), Some(Language::Fr));
        assert_eq!(preferred("en-US,en;q=0.9,fr;q=0.8"), Some(Language::En));
        assert_eq!(preferred("fr;q=0, de"), None);
        assert_eq!(preferred(""), None);
    }
}
