//! What can be asked about the forecast.

use ::entity::vocabulary::{Day, ForecastLevel, Quarter};
use async_graphql::{Context, Object, Result};

use super::{
    analysis::Period,
    board::{self, Wanted, as_of},
    lookups,
    quotas::Scope,
    store, subscription,
    types::{ForecastBoard, ForecastScope, ForecastWaterfall, Quota, SalesAnalytics},
};
use crate::{
    authz::Permission,
    calendar,
    error::Error,
    graphql::{
        guard::requires,
        payload::{Told, op},
    },
    op::Op,
};

/// Questions about the forecast.
#[derive(Debug, Default)]
pub struct ForecastQuery;

#[Object]
impl ForecastQuery {
    /// The forecast of a quarter, now or as it stood on a past day (P-21).
    #[graphql(directive = requires::apply("readForecast".into()))]
    async fn forecast_board(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Quarter; the present one where nothing is said.")] quarter: Option<Quarter>,
        #[graphql(desc = "As it stood at the end of this day in Europe/Paris; as it stands where nothing is said.")]
        as_of: Option<Day>,
        #[graphql(desc = "By whom its rows are.", default_with = "ForecastLevel::Owner")] by: ForecastLevel,
        #[graphql(desc = "Which part of the company; all that the caller may see where nothing is said.")]
        scope: Option<ForecastScope>,
    ) -> Result<ForecastBoard> {
        let op = op(ctx);
        // The place in the feed first: nothing falls between it and the board.
        let live_cursor = match ctx.look_ahead().field("liveCursor").exists() {
            true => Some(subscription::now(op).await.told(op)?),
            false => None,
        };
        let quarter = quarter.unwrap_or(Quarter::of(op.today()));
        // Today has not ended: it is now.
        let day = as_of.map(|day| day.0).filter(|day| *day != op.today());
        let wanted = Wanted { quarter, day, level: by, scope: Scope::from(scope) };
        let board = board::board(op, &op.sees(Permission::ReadForecast), wanted).await.told(op)?;
        Ok(ForecastBoard { board, live_cursor })
    }

    /// What changed of a quarter's open deals between the ends of two days, deal by deal (P-22).
    #[graphql(directive = requires::apply("readForecast".into()))]
    async fn forecast_waterfall(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Quarter; the present one where nothing is said.")] quarter: Option<Quarter>,
        #[graphql(desc = "From the end of this day on.")] from: Day,
        #[graphql(desc = "Until the end of this day; until now where nothing is said.")] to: Option<Day>,
        #[graphql(desc = "Which part of the company; all that the caller may see where nothing is said.")]
        scope: Option<ForecastScope>,
    ) -> Result<ForecastWaterfall> {
        let op = op(ctx);
        let quarter = quarter.unwrap_or(Quarter::of(op.today()));
        let days = [from.0, to.map_or(op.today(), |day| day.0)];
        Ok(ForecastWaterfall(board::waterfall(op, quarter, days, &scope.into()).await.told(op)?))
    }

    /// What the history of the deals teaches about a period (P-23).
    #[graphql(directive = requires::apply("readForecast".into()))]
    async fn sales_analytics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "First day.")] from: Day,
        #[graphql(desc = "Last day; it may not lie in the future.")] to: Day,
        #[graphql(desc = "Which part of the company; all that the caller may see where nothing is said.")]
        scope: Option<ForecastScope>,
    ) -> Result<SalesAnalytics> {
        let op = op(ctx);
        Ok(SalesAnalytics(period(op, from, to, &scope.into()).told(op)?))
    }

    /// The quotas of a quarter that the caller may see, in the order in which they were first set (P-20).
    #[graphql(directive = requires::apply("readForecast".into()), complexity = "20 * child_complexity")]
    async fn quotas(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Quarter; the present one where nothing is said.")] quarter: Option<Quarter>,
    ) -> Result<Vec<Quota>> {
        let op = op(ctx);
        let quotas = lookups::of_quarter(op, quarter.unwrap_or(Quarter::of(op.today()))).await.told(op)?;
        Ok(quotas.into_iter().map(Quota).collect())
    }
}

fn period(op: &Op, from: Day, to: Day, scope: &Scope) -> crate::error::Result<Period> {
    if from > to {
        return Err(Error::bad_input(["from"], "not later than «to»"));
    }
    Ok(Period {
        from: calendar::start_of_paris_day(from.0),
        until: calendar::end_of_paris_day(to.0),
        as_of: as_of(op, "to", Some(to.0))?,
        belonging: store::belonging(&op.sees(Permission::ReadForecast), scope),
    })
}
