//! The door of the fuzz targets (K-17): whatever reads bytes from outside before anybody is asked who they are, one
//! function each. None may panic, whatever it is given; what each promises beside that it returns as an error when
//! it does not hold. `fuzz/` drives them with made-up bytes, the ordinary tests with the corpus kept there.

use std::io::Cursor as Bytes;

use ::entity::vocabulary::{Day, Money, Quarter};
use async_graphql::{InputType, ScalarType, Value};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, PostgresQueryBuilder, Query, SqliteQueryBuilder};

use crate::{
    audit::AuditFilter,
    authz::policy::Line,
    calendar, files,
    graphql::{
        connection,
        filter::{self, Filter},
        id,
        scalars::{Email, Percent, PhoneNumber, Siren, Siret, VatNumber},
    },
    http, i18n,
    orders::OrderFilter,
    outbox, record,
};

/// What a target says of some bytes: what it promised and did not keep.
pub type Verdict = Result<(), String>;

/// What looks at some bytes.
pub type Target = fn(&[u8]) -> Verdict;

/// Every target by its name, which is that of its file and of its folder of the corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("request", request),
    ("document", document),
    ("parameters", parameters),
    ("scalars", scalars),
    ("ids", ids),
    ("policy", policy),
    ("filters", filters),
    ("upload", upload),
    ("words", words),
];

/// A request's body, as far as it is looked at without its caller: read, scanned, parsed, measured, weighed.
///
/// # Errors
/// Nothing: whatever is wrong with it is an answer.
pub fn request(bytes: &[u8]) -> Verdict {
    let _refused = http::consider(bytes);
    Ok(())
}

/// The same for a bare document.
///
/// # Errors
/// As [`request`].
pub fn document(bytes: &[u8]) -> Verdict {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _refused = http::consider(serde_json::json!({ "query": text }).to_string().as_bytes());
    }
    Ok(())
}

/// What stands behind the `?` of a GET.
///
/// # Errors
/// As [`request`].
pub fn parameters(bytes: &[u8]) -> Verdict {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _refused = http::consider_parameters(text);
    }
    Ok(())
}

/// Each scalar, given a text and whatever the bytes are as JSON.
///
/// # Errors
/// Where a scalar takes a value, shows it, and does not take it back as the same.
pub fn scalars(bytes: &[u8]) -> Verdict {
    let text = Value::String(String::from_utf8_lossy(bytes).into_owned());
    for value in [Some(text), value(bytes)].into_iter().flatten() {
        comes_back::<Money>(&value)?;
        comes_back::<Percent>(&value)?;
        comes_back::<Day>(&value)?;
        comes_back::<Quarter>(&value)?;
        comes_back::<DateTime<Utc>>(&value)?;
        comes_back::<Email>(&value)?;
        comes_back::<Siren>(&value)?;
        comes_back::<Siret>(&value)?;
        comes_back::<VatNumber>(&value)?;
        comes_back::<PhoneNumber>(&value)?;
        settles::<rust_decimal::Decimal>(&value)?;
    }
    Ok(())
}

fn comes_back<T: ScalarType + InputType>(value: &Value) -> Verdict {
    let Ok(taken) = <T as ScalarType>::parse(value.clone()) else { return Ok(()) };
    let shown = ScalarType::to_value(&taken);
    let again = <T as ScalarType>::parse(shown.clone()).map(|again| ScalarType::to_value(&again));
    match again {
        Ok(again) if again == shown => Ok(()),
        _ => {
            Err(format!("{}: {value} is shown as {shown}, which it does not take back", <T as InputType>::type_name()))
        }
    }
}

/// The same for a scalar of the library's: its negative zero is shown once and is none from then on.
fn settles<T: ScalarType + InputType>(value: &Value) -> Verdict {
    match <T as ScalarType>::parse(value.clone()).map(|taken| <T as ScalarType>::parse(ScalarType::to_value(&taken))) {
        Ok(Ok(again)) => comes_back::<T>(&ScalarType::to_value(&again)),
        Ok(Err(_)) => Err(format!("{}: {value} is shown as what it does not take", <T as InputType>::type_name())),
        Err(_) => Ok(()),
    }
}

/// Global ids, and the cursors of lists and feeds.
///
/// # Errors
/// Where two texts stand for the same object or place.
pub fn ids(bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    if let Some((name, key)) = id::parse(text)
        && id::named(&name, key).0 != text
    {
        return Err(format!("{text} is another text for {name}:{key}"));
    }
    if let Some(cursor) = outbox::Cursor::parse(text)
        && cursor.to_string() != text
    {
        return Err(format!("{text} is another text for {cursor:?}"));
    }
    // A cursor of a list or none: whichever, it is told without a panic.
    let _is_one = connection::look_at_cursor(text);
    Ok(())
}

/// A line of the policy.
///
/// # Errors
/// Where a line is written so that it is read as another one.
pub fn policy(bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let Ok(line) = Line::parse(text) else { return Ok(()) };
    match Line::parse(&line.to_string()) {
        Ok(again) if again == line => Ok(()),
        again => Err(format!("«{line}» is read as {again:?}")),
    }
}

/// Filters of lists, from JSON to the condition of SQL on both databases.
///
/// # Errors
/// Where a filter that is taken has a NUL character in its statement, which PostgreSQL refuses.
pub fn filters(bytes: &[u8]) -> Verdict {
    let Some(value) = value(bytes) else { return Ok(()) };
    condition::<OrderFilter>(&value)?;
    condition::<AuditFilter>(&value)
}

fn condition<F: Filter + InputType>(value: &Value) -> Verdict {
    let Ok(filter) = F::parse(Some(value.clone())) else { return Ok(()) };
    let Ok(condition) = filter::condition(Some(&filter)) else { return Ok(()) };
    let mut statement = Query::select();
    statement.expr(Expr::val(1)).cond_where(condition);
    let texts = [statement.to_string(SqliteQueryBuilder), statement.to_string(PostgresQueryBuilder)];
    match texts.iter().find(|text| text.contains('\0')) {
        Some(text) => Err(format!("a NUL character comes through: {text:?}")),
        None => Ok(()),
    }
}

/// A file that is sent: what kind it is.
///
/// # Errors
/// Nothing: what cannot be told is no kind.
pub fn upload(bytes: &[u8]) -> Verdict {
    let _kind = files::Kind::of(&mut Bytes::new(bytes));
    Ok(())
}

/// Words of headers and of the first events.
///
/// # Errors
/// Nothing: what is not understood is left aside.
pub fn words(bytes: &[u8]) -> Verdict {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    let _language = i18n::preferred(text);
    let _media = http::consider_media(text);
    let _day = record::moment(text).map(calendar::paris_day);
    Ok(())
}

/// JSON as GraphQL has it.
fn value(bytes: &[u8]) -> Option<Value> {
    Value::from_json(serde_json::from_slice(bytes).ok()?).ok()
}
