//! What was not attached in time goes, and with it whatever an interrupted attempt left.

use std::{sync::Arc, time::Duration};

use ::entity::orders::upload;
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path as Key};
use tokio::time::{MissedTickBehavior, interval};

use super::store;
use crate::{
    app::App,
    error::{Error, Result},
};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(3600);
/// How long after its end an upload may still be on its way in.
const GRACE: chrono::Duration = chrono::Duration::hours(1);
/// Most uploads that are read at a time.
const BATCH: u64 = 500;

/// Sweeps once an hour, for ever.
pub async fn sweep_hourly(app: Arc<App>) {
    let mut hours = interval(EVERY);
    hours.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        hours.tick().await;
        if let Err(error) = sweep(&app).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "expired uploads were not all swept");
        }
    }
}

/// Deletes uploads that expired an hour ago, with their content where it was not attached; how many.
///
/// # Errors
/// When the database or the object store cannot be used; what is left is found the next time.
pub async fn sweep(app: &App) -> Result<usize> {
    let before = app.clock.now() - GRACE;
    let mut swept = 0;
    loop {
        let expired = store::expired(app.database.reader(), before, BATCH).await?;
        if expired.is_empty() {
            return Ok(swept);
        }
        for upload in &expired {
            clear(app, upload).await.map_err(|e| Error::Internal(e.into()))?;
            store::delete(app.database.writer(), upload.id).await?;
        }
        swept += expired.len();
    }
}

/// Deletes what is in the folder of an upload, but for what was attached.
async fn clear(app: &App, upload: &upload::Model) -> object_store::Result<()> {
    let attached = upload.attached_at.map(|_| Key::from(upload.storage_key.as_str()));
    let folder = upload.storage_key.split('/').next().unwrap_or_default();
    let found: Vec<_> = app.files.list(Some(&Key::from(folder))).map_ok(|object| object.location).try_collect().await?;
    for key in found.into_iter().filter(|key| Some(key) != attached.as_ref()) {
        app.files.delete(&key).await?;
    }
    Ok(())
}
