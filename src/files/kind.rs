//! What a file is, found from its content and never from its name (D-2).

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that are looked at from the beginning.
const HEAD: u64 = 8192;
/// Most bytes of a ZIP archive's directory that are read; an office document's has a few thousand.
const MOST_DIRECTORY: u64 = 4 * 1024 * 1024;
/// Length of the record that ends a ZIP archive, without its comment.
const END: usize = 22;
/// Length of an entry of a ZIP archive's directory, without its name.
const ENTRY: usize = 46;

/// What is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Portable document.
    Pdf,
    /// PNG picture.
    Png,
    /// JPEG picture.
    Jpeg,
    /// Word document.
    Docx,
    /// Excel workbook.
    Xlsx,
    /// PowerPoint presentation.
    Pptx,
    /// OpenDocument text.
    Odt,
    /// OpenDocument spreadsheet.
    Ods,
    /// OpenDocument presentation.
    Odp,
    /// Word document of before 2007.
    Doc,
    /// Excel workbook of before 2007.
    Xls,
    /// PowerPoint presentation of before 2007.
    Ppt,
}

impl Kind {
    /// Everything that is taken.
    const ALL: [Self; 12] = [
        Self::Pdf,
        Self::Png,
        Self::Jpeg,
        Self::Docx,
        Self::Xlsx,
        Self::Pptx,
        Self::Odt,
        Self::Ods,
        Self::Odp,
        Self::Doc,
        Self::Xls,
        Self::Ppt,
    ];

    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pptx => "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            Self::Odt => "application/vnd.oasis.opendocument.text",
            Self::Ods => "application/vnd.oasis.opendocument.spreadsheet",
            Self::Odp => "application/vnd.oasis.opendocument.presentation",
            Self::Doc => "application/msword",
            Self::Xls => "application/vnd.ms-excel",
            Self::Ppt => "application/vnd.ms-powerpoint",
        }
    }

    /// What its names end in, the usual one first.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Png => &["png"],
            Self::Jpeg => &["jpg", "jpeg"],
            Self::Docx => &["docx"],
            Self::Xlsx => &["xlsx"],
            Self::Pptx => &["pptx"],
            Self::Odt => &["odt"],
            Self::Ods => &["ods"],
            Self::Odp => &["odp"],
            Self::Doc => &["doc"],
            Self::Xls => &["xls"],
            Self::Ppt => &["ppt"],
        }
    }

    /// Whether some kind's names end in this.
    #[must_use]
    pub fn is_extension(extension: &str) -> bool {
        Self::ALL.iter().any(|kind| kind.extensions().contains(&extension))
    }

    /// What is taken, for people.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.iter().flat_map(|kind| kind.extensions()).copied().collect::<Vec<_>>().join(", ")
    }

    fn of_media_type(media_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.media_type() == media_type)
    }

    /// What a file is; nothing where it is none of what is taken.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of(file: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        file.seek(SeekFrom::Start(0))?;
        let mut head = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut head)?;
        match head.as_slice() {
            [b'P', b'K', 3, 4, ..] => match opendocument(&head) {
                Some(kind) => Ok(Some(kind)),
                None => office_open_xml(file),
            },
            [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => Ok(compound(file)),
            _ => Ok(infer::get(&head).and_then(|found| Self::of_media_type(found.mime_type()))),
        }
    }
}

/// An OpenDocument file begins with an entry `mimetype`, not compressed, that holds its media type.
fn opendocument(head: &[u8]) -> Option<Kind> {
    let name_and_rest = head.get(30..).filter(|rest| rest.starts_with(b"mimetype"))?;
    let after_extra = name_and_rest.get(8 + usize::from(u16_at(head, 28)?)..)?;
    [Kind::Odt, Kind::Ods, Kind::Odp].into_iter().find(|kind| {
        // Whatever follows a document's type at once makes it a template's or a master's.
        after_extra.strip_prefix(kind.media_type().as_bytes()).is_some_and(|rest| rest.starts_with(b"PK"))
    })
}

/// An Office Open XML file is a ZIP archive with a table of content types and one main part; one with
/// macros is none of those that are taken.
fn office_open_xml(file: &mut (impl Read + Seek)) -> io::Result<Option<Kind>> {
    let Some(directory) = zip_directory(file)? else { return Ok(None) };
    let (mut has_types, mut main) = (false, None);
    for name in zip_names(&directory) {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        match name.as_str() {
            "[content_types].xml" => has_types = true,
            "xl/workbook.xml" => main = Some(Kind::Xlsx),
            "ppt/presentation.xml" => main = Some(Kind::Pptx),
            // Some writers call it `document2.xml`.
            part if part.starts_with("word/document") && part.ends_with(".xml") => main = Some(Kind::Docx),
            part if part.ends_with("vbaproject.bin") => return Ok(None),
            _ => {}
        }
    }
    Ok(main.filter(|_| has_types))
}

/// The directory at the end of a ZIP archive.
fn zip_directory(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let length = file.seek(SeekFrom::End(0))?;
    // The end record is followed by a comment of up to 65 535 bytes.
    let tail_length = length.min(65_535 + END as u64);
    let tail = read_at(file, length - tail_length, tail_length)?;
    let end = (0..tail.len().saturating_sub(END - 1)).rev().find(|&at| tail[at..].starts_with(b"PK\x05\x06"));
    let Some(end) = end.map(|at| &tail[at..]) else { return Ok(None) };
    let (Some(size), Some(start)) = (u32_at(end, 12), u32_at(end, 16)) else { return Ok(None) };
    let (size, start) = (u64::from(size), u64::from(start));
    if size > MOST_DIRECTORY || start + size > length {
        return Ok(None);
    }
    read_at(file, start, size).map(Some)
}

/// The names in a ZIP archive's directory, up to the first entry that is none.
fn zip_names(directory: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = directory;
    std::iter::from_fn(move || {
        let entry = rest.strip_prefix(b"PK\x01\x02").map(|_| rest)?;
        let [name, extra, comment] = [28, 30, 32].map(|at| u16_at(entry, at).map(usize::from));
        let found = entry.get(ENTRY..ENTRY + name?)?;
        rest = entry.get(ENTRY + name? + extra? + comment?..)?;
        Some(found)
    })
}

/// The office documents of before 2007 are file systems in a file, told apart by their main stream.
fn compound(file: &mut (impl Read + Seek)) -> Option<Kind> {
    let streams = cfb::CompoundFile::open(file).ok()?;
    let kinds = [
        ("/WordDocument", Kind::Doc),
        ("/Workbook", Kind::Xls),
        ("/Book", Kind::Xls),
        ("/PowerPoint Document", Kind::Ppt),
    ];
    kinds.into_iter().find(|(stream, _)| streams.is_stream(stream)).map(|(_, kind)| kind)
}

fn read_at(file: &mut (impl Read + Seek), start: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn kind(bytes: &[u8]) -> Option<Kind> {
        Kind::of(&mut Cursor::new(bytes)).expect("memory can be read")
    }

    /// A ZIP archive of entries that are not compressed.
    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut archive, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in entries {
            let offset = u32::try_from(archive.len()).expect("small").to_le_bytes();
            let length = u32::try_from(content.len()).expect("small").to_le_bytes();
            let name_length = u16::try_from(name.len()).expect("small").to_le_bytes();
            let common = [&[0; 12][..], &length, &length, &name_length, &[0; 2]].concat();
            archive.extend([&b"PK\x03\x04\x14\x00"[..], &common, name.as_bytes(), content].concat());
            directory
                .extend([&b"PK\x01\x02\x14\x00\x14\x00"[..], &common, &[0; 10], &offset, name.as_bytes()].concat());
        }
        let [size, start] = [directory.len(), archive.len()].map(|n| u32::try_from(n).expect("small").to_le_bytes());
        [&archive[..], &directory, b"PK\x05\x06", &[0; 8], &size, &start, &[0; 2]].concat()
    }

    fn compound_with(stream: &str) -> Vec<u8> {
        let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("a compound file");
        io::Write::write_all(&mut file.create_stream(stream).expect("a stream"), &[1; 9000]).expect("a stream");
        file.flush().expect("a compound file");
        file.into_inner().into_inner()
    }

    #[test]
    fn pictures_and_pdf_are_known_by_their_first_bytes() {
        assert_eq!(kind(b"%PDF-1.7\n"), Some(Kind::Pdf));
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Some(Kind::Png));
        assert_eq!(kind(b"\xff\xd8\xff\xe0\0\x10JFIF\0"), Some(Kind::Jpeg));
        for other in [&b""[..], b"%PD", b"MZ\x90\0\x03\0\0\0", b"GIF89a", b"<html>", b"#!/bin/sh", b"hello"] {
            assert_eq!(kind(other), None, "{other:?}");
        }
    }

    #[test]
    fn office_documents_are_known_by_their_parts() {
        let types: (&str, &[u8]) = ("[Content_Types].xml", b"<Types/>");
        assert_eq!(kind(&zip(&[types, ("word/document.xml", b"<w/>")])), Some(Kind::Docx));
        assert_eq!(kind(&zip(&[("docProps/app.xml", &[7; 9000]), ("xl/workbook.xml", b""), types])), Some(Kind::Xlsx));
        assert_eq!(kind(&zip(&[types, ("ppt/presentation.xml", b"")])), Some(Kind::Pptx));
        assert_eq!(kind(&zip(&[types, ("word/document.xml", b""), ("word/vbaProject.bin", b"")])), None);
        assert_eq!(kind(&zip(&[("word/document.xml", b"<w/>")])), None);
        assert_eq!(kind(&zip(&[("a.exe", b"MZ")])), None);
    }

    #[test]
    fn opendocument_is_known_by_its_first_entry_and_templates_are_not_taken() {
        let with = |kind: &[u8]| zip(&[("mimetype", kind), ("content.xml", b"")]);
        assert_eq!(kind(&with(b"application/vnd.oasis.opendocument.text")), Some(Kind::Odt));
        assert_eq!(kind(&with(b"application/vnd.oasis.opendocument.spreadsheet")), Some(Kind::Ods));
        assert_eq!(kind(&with(b"application/vnd.oasis.opendocument.presentation")), Some(Kind::Odp));
        assert_eq!(kind(&with(b"application/vnd.oasis.opendocument.text-template")), None);
        assert_eq!(kind(&with(b"application/epub+zip")), None);
    }

    #[test]
    fn older_office_documents_are_known_by_their_streams() {
        assert_eq!(kind(&compound_with("/WordDocument")), Some(Kind::Doc));
        assert_eq!(kind(&compound_with("/Workbook")), Some(Kind::Xls));
        assert_eq!(kind(&compound_with("/PowerPoint Document")), Some(Kind::Ppt));
        assert_eq!(kind(&compound_with("/Installer")), None);
    }

    #[test]
    fn a_file_cut_anywhere_is_no_reason_to_stop() {
        for whole in [zip(&[("[Content_Types].xml", b""), ("xl/workbook.xml", b"")]), compound_with("/Book")] {
            for end in (0..whole.len()).step_by(7) {
                kind(&whole[..end]);
                let mut broken = whole.clone();
                broken[end] = 0xff;
                kind(&broken);
            }
        }
    }
}
