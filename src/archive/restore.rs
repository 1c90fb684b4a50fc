//! A backup takes the place of what there is.

use std::{
    fs,
    io::{Read, Write},
    path::Path,
};

use futures_util::TryStreamExt;
use object_store::ObjectStoreExt;

use super::{
    Problem, Result, Summary, Told,
    import::{Came, Onto, Taking, take},
    key_file, target,
};
use crate::{app, config::Settings, db};

/// Takes a backup in: where `replace` is said, in place of what there is. An embedded database is made beside
/// the one that is there and takes its place when it is whole; PostgreSQL does both in one transaction.
///
/// # Errors
/// When something is there that must not be replaced, somebody works with it, or as [`super::import`].
pub async fn restore(
    settings: &Settings,
    from: impl Read,
    replace: bool,
    told: impl FnMut(Told<'_>),
) -> Result<Summary> {
    let onto = if replace { Onto::Anything } else { Onto::Nothing };
    let came = match db::embedded_file(&settings.database_url) {
        Some(file) => {
            let file = Path::new(file);
            if file.exists() && !replace {
                return Err(Problem::Exists(file.to_owned()));
            }
            // Nothing is beside it yet.
            let taking = Taking { rows: Onto::Nothing, key: Some(onto) };
            beside(settings, file, from, taking, told).await?
        }
        None => take(settings, from, Taking { rows: onto, key: Some(onto) }, told).await?,
    };
    if let Some(content) = &came.key {
        put_key(&key_file(settings), content)?;
    }
    if replace {
        drop_others(settings, &came).await?;
    }
    Ok(came.summary)
}

/// Makes the database in a folder beside its file, and puts it there.
async fn beside(
    settings: &Settings,
    file: &Path,
    from: impl Read,
    taking: Taking,
    told: impl FnMut(Told<'_>),
) -> Result<Came> {
    target::is_alone(&settings.database_url).await?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let aside = tempfile::Builder::new().prefix(".restoring-").tempdir_in(folder)?;
    let made = aside.path().join("sesame.db");
    let url = format!("sqlite://{}?mode=rwc", made.display());
    let mut there = settings.clone();
    there.database_url.clone_from(&url);
    let came = take(&there, from, taking, told).await?;
    db::fold(&url).await?;
    // Nobody began to work with it meanwhile, and its log is in its file: what is replaced is all there is.
    target::is_alone(&settings.database_url).await?;
    fs::File::open(&made)?.sync_all()?;
    fs::rename(&made, file)?;
    fs::File::open(folder)?.sync_all()?;
    Ok(came)
}

/// Puts the key there, readable by its owner alone.
fn put_key(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    // Files of this kind are their owner's alone from the beginning.
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(content)?;
    aside.as_file().sync_all()?;
    aside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Files of what was replaced go.
async fn drop_others(settings: &Settings, came: &Came) -> Result<()> {
    let Some(files) = &came.files else { return Ok(()) };
    let store = app::files(settings)?;
    let found: Vec<_> = store.list(None).map_ok(|object| object.location).try_collect().await?;
    for key in found.into_iter().filter(|key| !files.contains(key.as_ref())) {
        store.delete(&key).await?;
    }
    Ok(())
}
