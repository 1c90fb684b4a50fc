//! What the schema shows of the catalogue.

use ::entity::{
    catalog::article,
    vocabulary::{ArticleCategory, Day, Money},
};
use async_graphql::{Context, ID, Object};

use crate::graphql::{guard::requires, id::global, payload::op};

/// An article of the catalogue.
#[derive(Clone, Debug)]
pub struct Article(pub article::Model);

impl From<article::Model> for Article {
    fn from(row: article::Model) -> Self {
        Self(row)
    }
}

/// An article of the catalogue, of which standard orders are made.
#[Object(directive = requires::apply("readCatalog".into()))]
impl Article {
    /// Global id.
    pub async fn id(&self) -> ID {
        global(self.0.id)
    }

    /// Code.
    async fn code(&self) -> &str {
        &self.0.code
    }

    /// Name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What kind of article it is.
    async fn category(&self) -> ArticleCategory {
        self.0.category
    }

    /// A sentence about it.
    async fn description(&self) -> &str {
        &self.0.description
    }

    /// Price of one piece today; an order keeps the one of its submission.
    async fn unit_price(&self) -> Money {
        self.0.unit_price
    }

    /// Pieces to a pack.
    async fn pack_size(&self) -> i32 {
        self.0.pack_size
    }

    /// Pieces left that no order holds; none: unlimited.
    async fn stock(&self) -> Option<i64> {
        self.0.stock
    }

    /// First day on which it can be ordered.
    async fn valid_from(&self) -> Day {
        Day(self.0.valid_from)
    }

    /// Last day on which it can be ordered; none: no end.
    async fn valid_to(&self) -> Option<Day> {
        self.0.valid_to.map(Day)
    }

    /// Whether today is one of the days on which it can be ordered, whatever is in stock.
    async fn available(&self, ctx: &Context<'_>) -> bool {
        super::is_available(&self.0, op(ctx).today())
    }

    /// Number of changes: the `expectedVersion` of the next one.
    async fn version(&self) -> i64 {
        self.0.version
    }
}
