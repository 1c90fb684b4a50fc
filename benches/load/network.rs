//! The demonstration network under load, and who signs in.

use std::{path::Path, sync::Arc};

use ::entity::vocabulary::{Language, PersonId, RegionId};
use sesame::{
    app::App,
    clock::Clock,
    config::{Partial, Settings},
    demo::{self, Contents, Size},
    identity,
    op::Op,
};

use crate::script::{Outcome, told};

/// The managers of the two regions.
const MANAGERS: [&str; 2] = ["rr@demo.example", "rr2@demo.example"];
/// Somebody of the sales-promotion department, whose queue is the whole network's.
const PROMOTION: &str = "pdv@demo.example";

/// Whose requests the server gets.
#[derive(Clone, Debug)]
pub struct People {
    /// The managers of the two regions.
    pub managers: [Person; 2],
    /// Somebody of the sales-promotion department.
    pub promotion: Person,
}

/// Somebody with a token.
#[derive(Clone, Debug)]
pub struct Person {
    /// Key.
    pub id: PersonId,
    /// The region that they manage, if they do.
    pub region: Option<RegionId>,
    /// Their token.
    pub token: String,
}

/// Makes the demonstration in an empty database, or takes the one that is there, and signs people in.
///
/// # Errors
/// When the database holds something else, or cannot be used.
pub async fn prepare(folder: &Path, database_url: &str, size: Size) -> Outcome<People> {
    let flags = Partial {
        data: Some(folder.to_owned()),
        database_url: Some(database_url.to_owned()),
        database_connections: Some(4),
        ..Partial::default()
    };
    let settings = Settings::resolve(&flags, &Partial::default(), &Partial::default());
    let app = App::open(settings, Clock::system()).await?;
    match demo::contents(app.database.reader()).await? {
        Contents::Nothing => {
            demo::load(&app, size, |done, all| told(&format!("demonstration: {done} of {all} orders"))).await?;
        }
        Contents::Demonstration => told("the demonstration that is there"),
        Contents::Unfinished | Contents::Other => {
            return Err("the database must be empty, or hold a whole demonstration".into());
        }
    }
    let [first, second] = MANAGERS;
    let managers = [sign_in(&app, first).await?, sign_in(&app, second).await?];
    let promotion = sign_in(&app, PROMOTION).await?;
    app.database.reader().clone().close().await?;
    Ok(People { managers, promotion })
}

/// Signs somebody in.
///
/// # Errors
/// When nobody has the address.
pub async fn sign_in(app: &Arc<App>, email: &str) -> Outcome<Person> {
    let op = Op::new(Arc::clone(app), None, Language::En, "load".to_owned());
    let token = identity::open_token(&op, email, 1).await?.token;
    let found = identity::store::person_by_email(&op.conn(), email).await?.ok_or("nobody has the address")?;
    Ok(Person { id: found.id, region: found.region_id, token })
}
