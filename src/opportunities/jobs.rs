//! What the server notices by itself: that a deal on hold has come to its wake-up date (P-2).

use std::{sync::Arc, time::Duration};

use super::actions;
use crate::app::App;

/// How often the calendar is looked at: a date is noticed within a minute of its midnight.
const TICK: Duration = Duration::from_secs(if cfg!(debug_assertions) { 1 } else { 60 });

/// Puts deals on hold whose day has come on their owners' queues. Every process tries; each deal is woken once.
pub async fn wake_daily(app: Arc<App>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match actions::wake_up(&app).await {
            Ok(0) => {}
            Ok(woken) => tracing::info!(woken, "deals on hold have come to their wake-up date"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "deals on hold cannot be looked at now");
            }
        }
    }
}
