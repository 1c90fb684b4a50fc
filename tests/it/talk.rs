//! The client's end of a socket that speaks `graphql-transport-ws`.

use std::{fmt::Display, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

pub const PROTOCOL: &str = "graphql-transport-ws";
/// Longer than anything here should take, shorter than a test may.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The client's end of a socket.
pub struct Talk(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Talk {
    pub async fn open(address: &impl Display) -> Self {
        connect(address, &[("sec-websocket-protocol", PROTOCOL)]).await.expect("a socket")
    }

    /// Open, and acknowledged.
    pub async fn begin(address: &impl Display, token: &str) -> Self {
        Self::begin_in("en", address, token).await
    }

    /// The same, in a language.
    pub async fn begin_in(language: &str, address: &impl Display, token: &str) -> Self {
        let mut talk = Self::open(address).await;
        talk.say(init(token, language)).await;
        assert_eq!(talk.hear().await, json!({ "type": "connection_ack" }));
        talk
    }

    pub async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("a message sent");
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({ "type": "subscribe", "id": id, "payload": { "query": query } })).await;
    }

    pub async fn frame(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.0.next()).await.expect("something within the time")
    }

    /// The next message.
    pub async fn hear(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message but {other:?}"),
            }
        }
    }

    /// The next message is one of an operation.
    pub async fn hear_of(&mut self, kind: &str, id: &str) -> Value {
        let message = self.hear().await;
        assert_eq!((&message["type"], &message["id"]), (&json!(kind), &json!(id)), "{message}");
        message["payload"].clone()
    }

    /// The code of the error that ends an operation.
    pub async fn refused(&mut self, id: &str) -> String {
        let errors = self.hear_of("error", id).await;
        errors[0]["extensions"]["code"].as_str().unwrap_or_else(|| panic!("no code: {errors}")).to_owned()
    }

    /// The code with which the socket is closed, whatever is said before.
    pub async fn closed(mut self) -> u16 {
        loop {
            match self.frame().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Text(_) | Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("not closed but {other:?}"),
            }
        }
    }

    /// Nothing is said for a while, and the socket is open.
    pub async fn is_quiet(&mut self) {
        self.say(json!({ "type": "ping" })).await;
        assert_eq!(self.hear().await, json!({ "type": "pong" }));
    }
}

pub async fn connect(address: &impl Display, headers: &[(&'static str, &str)]) -> Result<Talk, u16> {
    let mut request = format!("ws://{address}/graphql/ws").into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().expect("a header"));
    }
    match connect_async(request).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["sec-websocket-protocol"], PROTOCOL);
            Ok(Talk(socket))
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("no answer: {error}"),
    }
}

pub fn init(token: &str, language: &str) -> Value {
    let authorization = format!("Bearer {token}");
    json!({ "type": "connection_init", "payload": { "Authorization": authorization, "language": language } })
}
