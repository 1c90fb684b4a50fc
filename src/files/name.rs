//! Names of files, made harmless.

use super::kind::Kind;

/// Most characters of a name.
pub(super) const LONGEST: usize = 200;

/// A name without folders, without characters that cannot be seen or that turn text around, and
/// without blanks and full stops at its ends; empty where nothing is left.
pub(super) fn sanitised(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String =
        file.chars().filter(|c| !is_hidden(*c)).map(|c| if is_special(c) { '_' } else { c }).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    words.join(" ").trim_matches(|c: char| c == '.' || c == ' ').to_owned()
}

/// Control characters, joiners, marks of direction, and what belongs to nobody.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e0000}'..='\u{e0fff}')
}

/// What some system does not allow in a name.
fn is_special(c: char) -> bool {
    matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')
}

/// What a name ends in, in lower case, where it looks like an extension.
pub(super) fn extension(name: &str) -> Option<String> {
    let (stem, end) = name.rsplit_once('.')?;
    let looks_like_one = !stem.is_empty()
        && (1..=5).contains(&end.len())
        && end.bytes().all(|b| b.is_ascii_alphanumeric())
        && end.bytes().any(|b| b.is_ascii_alphabetic());
    looks_like_one.then(|| end.to_ascii_lowercase())
}

/// The name with an extension that tells what the content really is.
pub(super) fn fitting(name: &str, kind: Kind) -> String {
    let fits = extension(name).is_some_and(|e| kind.extensions().contains(&e.as_str()));
    if fits { name.to_owned() } else { format!("{name}.{}", kind.extensions()[0]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_folders_and_hides_nothing() {
        assert_eq!(sanitised("../../etc/passwd"), "passwd");
        assert_eq!(sanitised("C:\\temp\\Facture  n° 12.pdf "), "Facture n° 12.pdf");
        assert_eq!(sanitised("fac\u{202e}fdp.exe"), "facfdp.exe");
        assert_eq!(sanitised("a\r\nb\t\"c\".pdf"), "ab_c_.pdf");
        for nothing in ["", " ", "..", "/", "a/", "\u{200b}", "\u{7f}"] {
            assert_eq!(sanitised(nothing), "", "{nothing:?}");
        }
    }

    #[test]
    fn a_name_ends_in_what_the_content_is() {
        assert_eq!(fitting("scan.JPEG", Kind::Jpeg), "scan.JPEG");
        assert_eq!(fitting("scan.pdf", Kind::Png), "scan.pdf.png");
        assert_eq!(fitting("Facture n.12", Kind::Pdf), "Facture n.12.pdf");
        assert_eq!((extension("a.EXE").as_deref(), extension(".pdf"), extension("a.é")), (Some("exe"), None, None));
    }
}
