//! K-17 without a fuzzer: the corpus of the fuzz targets, and some thousand mutations of it, through the same
//! functions. `SESAME_FUZZ_SECONDS` goes on for longer.

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use sesame::fuzzing::{TARGETS, Verdict};

use crate::harness::{Trial, trials};

pub fn trials() -> Vec<Trial> {
    trials![
        once k17_every_target_has_a_file_and_a_corpus,
        once k17_the_corpus_is_replayed,
        once(seconds = 86_400) k17_mutations_of_the_corpus_break_nothing,
    ]
}

/// Mutations of each target in an ordinary run.
const MUTATIONS: usize = 2_000;
/// What no input of a target may take, on a machine that does other things beside.
const LONGEST: Duration = Duration::from_secs(5);
/// Bytes to which a mutation is cut.
const MOST: usize = 8_192;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// Names of what is in a folder, without their endings.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path().file_stem().expect("a name").display().to_string()).collect()
}

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = folder("corpus").join(target);
    let read = |name: String| (fs::read(folder.join(&name)).expect("a file"), name);
    names(&folder).into_iter().map(read).map(|(bytes, name)| (name, bytes)).collect()
}

/// Runs a target; what it says, or how it broke.
fn run(target: fn(&[u8]) -> Verdict, bytes: &[u8]) -> Verdict {
    let begun = Instant::now();
    let verdict = catch_unwind(AssertUnwindSafe(|| target(bytes)));
    match verdict {
        Ok(Ok(())) if begun.elapsed() > LONGEST => Err(format!("took {:?}", begun.elapsed())),
        Ok(verdict) => verdict,
        Err(_panic) => Err("panicked".to_owned()),
    }
}

async fn k17_every_target_has_a_file_and_a_corpus() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&folder("fuzz_targets")), known);
    assert_eq!(names(&folder("corpus")), known);
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("a manifest");
    for name in &known {
        let file = fs::read_to_string(folder("fuzz_targets").join(format!("{name}.rs"))).expect("a target");
        assert!(file.contains(&format!("sesame::fuzzing::{name}(")), "{name}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(corpus(name).len() >= 7, "{name} has a small corpus");
    }
}

async fn k17_the_corpus_is_replayed() {
    let mut replayed = 0;
    for (target, function) in TARGETS {
        for (name, bytes) in corpus(target) {
            let verdict = run(*function, &bytes);
            assert_eq!(verdict, Ok(()), "{target}: {name}: {:?}", String::from_utf8_lossy(&bytes));
            replayed += 1;
        }
    }
    assert!(replayed > 150, "{replayed}");
}

async fn k17_mutations_of_the_corpus_break_nothing() {
    let seconds = std::env::var("SESAME_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let seed = if seconds == 0 { 17 } else { rand::random() };
    let mut dice = StdRng::seed_from_u64(seed);
    let per_target = Duration::from_secs(seconds) / u32::try_from(TARGETS.len()).expect("few");
    for (target, function) in TARGETS {
        let corpus: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
        let (begun, mut done) = (Instant::now(), 0_usize);
        while done < MUTATIONS || begun.elapsed() < per_target {
            let bytes = mutated(&corpus, &mut dice);
            let verdict = run(*function, &bytes);
            assert_eq!(verdict, Ok(()), "{target}, seed {seed}: {bytes:?}: {:?}", String::from_utf8_lossy(&bytes));
            done += 1;
        }
        if seconds > 0 {
            eprintln!("{target}: {done} inputs");
        }
    }
}

/// What breaks readers of texts.
const NASTY: &[&[u8]] = &[
    b"\0",
    b"\\u0000",
    b"\\ud800",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b"\"\"\"",
    b"...",
    b"$",
    b"@",
    b"#",
    b":",
    b",",
    b"-",
    b"+",
    b".",
    b"e",
    b"0",
    b"9223372036854775808",
    b"-1",
    b"1e999",
    b"null",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xe2\x80\xae",
    b"\xef\xbb\xbf",
    b"%",
    b"%00",
    b"&",
    b"=",
    b"'",
    b"\n",
    b"\r",
    b"_",
    b"!",
    b" ",
];

/// An input of the corpus with a few things done to it.
fn mutated(corpus: &[Vec<u8>], dice: &mut StdRng) -> Vec<u8> {
    let pick = |dice: &mut StdRng| corpus[dice.random_range(0..corpus.len())].clone();
    let mut bytes = pick(dice);
    for _ in 0..dice.random_range(1..6) {
        let place = dice.random_range(0..=bytes.len());
        let end = dice.random_range(place..=bytes.len());
        match dice.random_range(0..7) {
            0 => bytes.truncate(place),
            1 => drop(bytes.drain(place..end)),
            2 => {
                let again: Vec<u8> = bytes[place..end].repeat(dice.random_range(1..4));
                drop(bytes.splice(place..place, again));
            }
            3 => {
                let other = pick(dice);
                let from = dice.random_range(0..=other.len());
                drop(bytes.splice(place..end, other[from..].to_vec()));
            }
            4 => {
                let nasty = NASTY[dice.random_range(0..NASTY.len())].repeat(dice.random_range(1..3));
                drop(bytes.splice(place..place, nasty));
            }
            5 => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1 << dice.random_range(0..8);
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = dice.random();
                }
            }
        }
        bytes.truncate(MOST);
    }
    bytes
}
