//! What the commands around archives share: where one lies, and what is said of it.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use chrono::{DateTime, Utc};
use tempfile::NamedTempFile;

use crate::archive::{Problem, Summary, Told};

/// Bytes that are read and written at a time.
const BUFFER: usize = 1 << 20;

/// An archive that is written: beside its place until it is whole, readable by its owner alone.
pub(super) enum Outgoing {
    Stdout(BufWriter<io::Stdout>),
    File { to: PathBuf, file: BufWriter<NamedTempFile>, replace: bool },
}

impl Outgoing {
    /// Opens it: `-` is standard output; in a folder it is named after its moment.
    pub(super) fn open(to: &Path, at: DateTime<Utc>, replace: bool) -> Result<Self, Problem> {
        if to == Path::new("-") {
            return Ok(Self::Stdout(BufWriter::with_capacity(BUFFER, io::stdout())));
        }
        let to = match to.is_dir() {
            true => to.join(at.format("sesame-%Y%m%dT%H%M%SZ.tar").to_string()),
            false => to.to_owned(),
        };
        if to.exists() && !replace {
            return Err(Problem::Exists(to));
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let file = BufWriter::with_capacity(BUFFER, NamedTempFile::new_in(folder)?);
        Ok(Self::File { to, file, replace })
    }

    /// Puts it in its place; the name of it.
    pub(super) fn finish(self) -> io::Result<String> {
        match self {
            Self::Stdout(mut stdout) => stdout.flush().map(|()| "-".to_owned()),
            Self::File { to, file, replace } => {
                let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                let placed = if replace { file.persist(&to) } else { file.persist_noclobber(&to) };
                placed.map_err(|error| error.error)?;
                Ok(to.display().to_string())
            }
        }
    }
}

impl Write for Outgoing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(stdout) => stdout.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}

/// An archive that is read; `-` is standard input.
pub(super) fn incoming(from: &Path) -> io::Result<Box<dyn Read>> {
    if from == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", from.display()));
    Ok(Box::new(BufReader::with_capacity(BUFFER, File::open(from).map_err(named)?)))
}

/// Says on standard error what is done.
pub(super) fn progress(told: Told<'_>) {
    match told {
        Told::Table { rows: 0, .. } => {}
        Told::Table { name, rows } => eprintln!("  {name}: {rows}"),
        Told::Files { count, bytes } => eprintln!("  files: {count}, {bytes} bytes"),
    }
}

/// What it comes to. An archive on standard output must be alone there.
pub(super) fn conclude(what: &str, place: &str, summary: Summary, begun: Instant) {
    let Summary { tables, rows, files, .. } = summary;
    let seconds = begun.elapsed().as_secs_f64();
    let text = format!("{what} {place}: {rows} rows of {tables} tables, {files} files, in {seconds:.1} s");
    if place == "-" { eprintln!("{text}") } else { println!("{text}") }
}
