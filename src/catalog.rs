//! The catalogue of articles that standard orders are made of (C-1), and their stock (C-3).
//!
//! The door of the context. Stock is held back in the transaction of the order that asks for it
//! ([`reserve`]) and given back in the one that takes the order back ([`give_back`]).

use ::entity::{catalog::article, vocabulary::ArticleId};
use chrono::NaiveDate;

use crate::{authz::Permission, error::Result, loaders::Loaders, op::Op};

mod filter;
mod query;
pub mod store;
pub mod types;

pub use query::CatalogQuery;
pub use store::{articles, give_back, reserve};

/// An article by key, where the caller may read the catalogue.
///
/// # Errors
/// When the database cannot be read.
pub async fn readable(op: &Op, loaders: &Loaders, id: ArticleId) -> Result<Option<article::Model>> {
    if op.sees(Permission::ReadCatalog).is_empty() { Ok(None) } else { loaders.find(id).await }
}

/// Whether an article can be ordered on a day, as far as its dates say.
#[must_use]
pub fn is_available(article: &article::Model, day: NaiveDate) -> bool {
    article.valid_from <= day && article.valid_to.is_none_or(|last| day <= last)
}
