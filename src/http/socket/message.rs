//! The messages of `graphql-transport-ws`, word for word.
//!
//! <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>

use std::borrow::Cow;

use async_graphql::ServerError;
use axum::extract::ws::{CloseFrame, Message};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::super::{
    json::without_half_characters,
    limits::Limits,
    operation::{Answer, Incoming, has_too_many_values},
};

/// The one subprotocol that is spoken.
pub(super) const PROTOCOL: &str = "graphql-transport-ws";

/// Most bytes of an operation's id.
const LONGEST_ID: usize = 256;
/// Most bytes of a reason for closing (RFC 6455).
const LONGEST_REASON: usize = 123;

/// What a client says.
#[derive(Debug)]
pub(super) enum Said {
    Init(Map<String, Value>),
    Ping(Map<String, Value>),
    Pong,
    Subscribe {
        id: String,
        incoming: Incoming,
    },
    /// An operation whose request holds too many values to be read.
    TooMuch {
        id: String,
    },
    Complete {
        id: String,
    },
}

#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "type")]
    kind: String,
    id: Option<Value>,
    payload: Option<Value>,
}

/// A message without what it carries.
#[derive(Deserialize)]
struct Cover {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    #[serde(rename = "payload")]
    _payload: Option<IgnoredAny>,
}

impl Said {
    /// Understands a message.
    ///
    /// # Errors
    /// 4400, with what is wrong.
    pub(super) fn read(text: &str, limits: &Limits) -> Result<Self, Close> {
        if has_too_many_values(text.as_bytes(), limits) {
            return match serde_json::from_str(text) {
                Ok(Cover { kind, id: Some(id), .. }) if kind == "subscribe" => {
                    Ok(Self::TooMuch { id: operation(Some(id.into()))? })
                }
                _ => Err(Close::malformed("Invalid message: too many values (values)")),
            };
        }
        let text = without_half_characters(text.trim_start().as_bytes());
        let envelope = serde_json::from_slice(&text).ok().filter(|_| text.starts_with(b"{"));
        let Some(Envelope { kind, id, payload }) = envelope else {
            return Err(Close::malformed("Invalid message: not a JSON object with a type"));
        };
        match kind.as_str() {
            "connection_init" => Ok(Self::Init(object(payload)?)),
            "ping" => Ok(Self::Ping(object(payload)?)),
            "pong" => object(payload).map(|_| Self::Pong),
            "subscribe" => {
                let id = operation(id)?;
                let payload = payload.filter(Value::is_object).unwrap_or_default();
                let incoming = Incoming::deserialize(payload)
                    .map_err(|error| Close::malformed(format!("Invalid message: payload: {error}")))?;
                if !incoming.has_query() {
                    return Err(Close::malformed("Invalid message: subscribe needs a payload with a query"));
                }
                Ok(Self::Subscribe { id, incoming })
            }
            "complete" => Ok(Self::Complete { id: operation(id)? }),
            _ => Err(Close::malformed("Invalid message: unknown type")),
        }
    }
}

fn object(payload: Option<Value>) -> Result<Map<String, Value>, Close> {
    match payload {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(payload)) => Ok(payload),
        Some(_) => Err(Close::malformed("Invalid message: payload is not an object")),
    }
}

fn operation(id: Option<Value>) -> Result<String, Close> {
    match id {
        Some(Value::String(id)) if (1..=LONGEST_ID).contains(&id.len()) => Ok(id),
        _ => Err(Close::malformed(format!("Invalid message: id is a text of 1 to {LONGEST_ID} bytes"))),
    }
}

/// What a text in a payload says; names are compared as those of headers are.
pub(super) fn find<'p>(payload: &'p Map<String, Value>, names: &[&str]) -> Option<&'p str> {
    let found = |name: &&str| payload.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    names.iter().find_map(found).and_then(|(_, value)| value.as_str())
}

#[derive(Serialize)]
struct Told<'a, P> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
}

fn tell(kind: &'static str, id: Option<&str>, payload: Option<impl Serialize>) -> Message {
    Message::Text(serde_json::to_string(&Told { id, kind, payload }).unwrap_or_default().into())
}

pub(super) fn ack() -> Message {
    tell("connection_ack", None, None::<()>)
}

pub(super) fn pong(payload: Option<Value>) -> Message {
    tell("pong", None, payload)
}

pub(super) fn next(id: &str, answer: &Answer) -> Message {
    let (id, payload) = (serde_json::to_string(id).unwrap_or_default(), answer.to_json());
    Message::Text(format!(r#"{{"id":{id},"type":"next","payload":{payload}}}"#).into())
}

pub(super) fn error(id: &str, errors: &[ServerError]) -> Message {
    tell("error", Some(id), Some(errors))
}

pub(super) fn complete(id: &str) -> Message {
    tell("complete", Some(id), None::<()>)
}

/// Why a socket is closed from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl Close {
    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason: Cow::Borrowed(reason) }
    }

    pub(super) fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self { code: 4400, reason: reason.into() }
    }

    pub(super) const fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    pub(super) const fn forbidden(reason: &'static str) -> Self {
        Self::new(4403, reason)
    }

    pub(super) const fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    pub(super) fn exists(id: &str) -> Self {
        Self { code: 4409, reason: format!("Subscriber for {id} already exists").into() }
    }

    pub(super) const fn too_many_inits() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }

    pub(super) const fn going_away() -> Self {
        Self::new(1001, "The server is ending")
    }

    pub(super) const fn not_acceptable() -> Self {
        Self::new(4406, "Subprotocol not acceptable: graphql-transport-ws")
    }

    pub(super) const fn internal() -> Self {
        Self::new(4500, "Internal server error")
    }

    pub(super) const fn no_text() -> Self {
        Self::new(1007, "A text message that is not UTF-8")
    }

    pub(super) const fn protocol() -> Self {
        Self::new(1002, "Not a WebSocket message")
    }

    pub(super) const fn too_big() -> Self {
        Self::new(1009, "Message too big (message_bytes)")
    }

    pub(super) const fn try_again() -> Self {
        Self::new(1013, "The database does not answer, try again")
    }

    /// As a frame, its reason as long as a reason may be.
    pub(super) fn frame(&self) -> Message {
        let mut end = self.reason.len().min(LONGEST_REASON);
        while !self.reason.is_char_boundary(end) {
            end -= 1;
        }
        Message::Close(Some(CloseFrame { code: self.code, reason: self.reason[..end].into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<u16> {
        Said::read(text, &Limits::default()).err().map(|close| close.code)
    }

    #[test]
    fn what_the_protocol_knows_is_understood() {
        for good in [
            r#"{"type":"connection_init"}"#,
            r#"{"type":"connection_init","payload":null}"#,
            r#"{"type":"ping","payload":{"a":1},"more":true}"#,
            r#"{"type":"pong"}"#,
            r#"{"id":"1","type":"complete"}"#,
            r#"{"id":"1","type":"subscribe","payload":{"query":"{a}","operationName":null,"variables":{"a":1},"extensions":{}}}"#,
        ] {
            assert_eq!(code(good), None, "{good}");
        }
    }

    #[test]
    fn everything_else_is_4400() {
        for bad in [
            "",
            "{}",
            "[]",
            "\"ping\"",
            r#"{"type":"next","id":"1"}"#,
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"start","id":"1"}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"connection_init","payload":[]}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"complete","id":1}"#,
            r#"{"type":"complete","id":""}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","extensions":1}}"#,
        ] {
            assert_eq!(code(bad), Some(4400), "{bad}");
        }
    }

    #[test]
    fn what_holds_too_much_is_not_read() {
        let limits = Limits { values: 10, ..Limits::default() };
        let subscribe = |id: &str| {
            let values = "1,".repeat(100);
            format!(r#"{{"type":"subscribe","id":{id},"payload":{{"query":"{{a}}","variables":{{"a":[{values}1]}}}}}}"#)
        };
        assert!(matches!(Said::read(&subscribe("\"x\""), &limits), Ok(Said::TooMuch { id }) if id == "x"));
        for bad in [subscribe("1"), subscribe("\"\""), format!("[{}]", "1,".repeat(100))] {
            assert_eq!(Said::read(&bad, &limits).err().map(|close| close.code), Some(4400));
        }
    }

    #[test]
    fn a_reason_is_never_too_long() {
        let Message::Close(Some(frame)) = Close::exists(&"é".repeat(120)).frame() else { panic!("no frame") };
        assert!((100..=LONGEST_REASON).contains(&frame.reason.len()));
    }
}
