//! What can be asked about the catalogue.

use ::entity::{catalog::article, vocabulary::ArticleId};
use async_graphql::{Context, Object, Result};
use sea_orm::IntoSimpleExpr;

use super::{
    filter::{ArticleFilter, ArticleOrder},
    store,
    types::Article,
};
use crate::{
    graphql::{
        connection::{Connection, Paging, page},
        filter,
        guard::requires,
        id::IdOf,
        payload::{Told, op},
        sorting::Sorting,
    },
    loaders::Loaders,
    op::Op,
};

/// Questions about the catalogue.
#[derive(Debug, Default)]
pub struct CatalogQuery;

#[Object]
impl CatalogQuery {
    /// The articles of the catalogue.
    #[graphql(directive = requires::apply("readCatalog".into()))]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a connection")]
    async fn articles(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "So many from the beginning, at most 100.")] first: Option<i32>,
        #[graphql(desc = "Those after this cursor.")] after: Option<String>,
        #[graphql(desc = "So many from the end, at most 100.")] last: Option<i32>,
        #[graphql(desc = "Those before this cursor.")] before: Option<String>,
        #[graphql(desc = "Which ones; all by default.")] filter: Option<ArticleFilter>,
        #[graphql(desc = "In which order; by name by default.")] order_by: Option<Vec<ArticleOrder>>,
    ) -> Result<Connection<Article>> {
        let op = op(ctx);
        let paging = Paging::new(ctx, first, after, last, before).told(op)?;
        let filter = filter.map(|filter| filter.on(op.today()));
        list(op, filter.as_ref(), &Sorting::new(order_by), &paging).await.told(op)
    }

    /// An article by its global id; none where there is none.
    #[graphql(directive = requires::apply("readCatalog".into()))]
    async fn article(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the article.")] id: IdOf<ArticleId>,
    ) -> Result<Option<Article>> {
        Ok(super::readable(op(ctx), Loaders::of(ctx), id.0).await.told(op(ctx))?.map(Article))
    }
}

async fn list(
    op: &Op,
    filter: Option<&ArticleFilter>,
    sorting: &Sorting<ArticleOrder>,
    paging: &Paging,
) -> crate::error::Result<Connection<Article>> {
    let articles = store::wanted(filter::condition(filter)?);
    let keys = sorting.keys(article::Column::Id.into_simple_expr());
    Ok(page(&op.conn(), articles, &keys, |row| sorting.values(row, row.id.0), paging).await?.into())
}
