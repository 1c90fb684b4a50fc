//! Documents that were read before: clients send the same few again and again.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use super::{
    document::Document,
    limits::{Limits, Refused},
};

/// Tokens of the documents remembered in one generation; a token takes about 150 bytes.
const MOST_TOKENS: usize = 40_000;

/// The documents remembered, in two generations: when the young one is full, it becomes the old one,
/// and what nobody asked for since the last time is forgotten.
#[derive(Debug, Default)]
pub struct Documents(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Arc<str>, Arc<Document>>,
    old: HashMap<Arc<str>, Arc<Document>>,
    tokens: usize,
}

impl Documents {
    /// Reads a document, and remembers it where `known` people send it: nobody else fills the memory.
    ///
    /// # Errors
    /// As [`Document::read`].
    pub fn read(&self, text: &str, limits: &Limits, known: bool) -> Result<Arc<Document>, Refused> {
        if let Some(document) = self.find(text) {
            return Ok(document);
        }
        let document = Arc::new(Document::read(text, limits)?);
        if known {
            self.0.lock().keep(text.into(), document.clone());
        }
        Ok(document)
    }

    fn find(&self, text: &str) -> Option<Arc<Document>> {
        let mut generations = self.0.lock();
        if let Some(found) = generations.young.get(text) {
            return Some(found.clone());
        }
        let (text, document) = generations.old.remove_entry(text)?;
        generations.keep(text, document.clone());
        Some(document)
    }
}

impl Generations {
    fn keep(&mut self, text: Arc<str>, document: Arc<Document>) {
        // Strings and comments count too.
        self.tokens += document.tokens + text.len() / 64;
        self.young.insert(text, document);
        if self.tokens > MOST_TOKENS {
            self.old = std::mem::take(&mut self.young);
            self.tokens = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_kept_and_the_rest_forgotten() {
        let (documents, limits) = (Documents::default(), Limits::default());
        let first = documents.read("{ favourite }", &limits, true).unwrap();
        let same = |other: &Arc<Document>| Arc::ptr_eq(&first, other);
        for number in 0..100 {
            let text = format!("{{ a{number} {{ {} }} }}", "b ".repeat(4000));
            documents.read(&text, &limits, true).unwrap();
            assert!(same(&documents.read("{ favourite }", &limits, true).unwrap()));
        }
        let generations = documents.0.lock();
        assert!(generations.young.len() + generations.old.len() < 30);
    }

    #[test]
    fn strangers_leave_nothing_behind() {
        let documents = Documents::default();
        documents.read("{ a }", &Limits::default(), false).unwrap();
        assert!(documents.0.lock().young.is_empty());
    }
}
