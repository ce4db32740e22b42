//! The stream of an account's transfers: server-sent events, read as they come.
//!
//! Nothing here reconnects: whoever follows keeps the position of the last event it dealt with, and asks from there.

use std::collections::VecDeque;
use std::time::Duration;

use http::{HeaderValue, Method};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use quittance_ledger::{AccountId, WalletId};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::Client;
use super::error::ClientError;
use super::identity::Stamp;
use super::objects::{Direction, Notification, PaymentRequest};
use super::request::query;
use super::transport::{Body, Response, chain};

/// How long nothing may come. The server sends a comment every 15 s, so this is three of them missed.
const MAX_SILENCE: Duration = Duration::from_secs(50);

/// The most bytes of one event.
const MAX_EVENT_BYTES: usize = 64 * 1_024;

/// What the names of the events begin with that tell of a transfer.
const TRANSFER_EVENTS: &str = "transfer.";

/// An event of a stream, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// The last id that was sent, if any was.
    pub id: Option<String>,
    /// What kind of event.
    pub name: String,
    /// What it tells.
    pub data: String,
}

impl StreamEvent {
    /// The event's position, and what it tells.
    fn read<T: DeserializeOwned>(&self) -> Result<(u64, T), ClientError> {
        let unexpected = |reason| ClientError::Unexpected { status: http::StatusCode::OK, reason };
        let id = self.id.as_deref().and_then(|id| id.parse().ok());
        let position = id.ok_or_else(|| unexpected(format!("an event has the id {:?}", self.id)))?;
        let about = serde_json::from_str(&self.data).map_err(|error| unexpected(error.to_string()))?;
        Ok((position, about))
    }

    fn told(self) -> Result<Told, ClientError> {
        let (kind, _) = self.name.split_once('.').unwrap_or((&self.name, ""));
        let (position, about) = match kind {
            "transfer" | "hold" => {
                let (position, notification) = self.read()?;
                (position, ToldOf::Transfer(Box::new(notification)))
            }
            "request" => {
                let (position, RequestNotice { direction, request }) = self.read()?;
                (position, ToldOf::Request { direction, request })
            }
            "wallet" => {
                let (position, WalletNotice { wallet }) = self.read()?;
                (position, ToldOf::Wallet { wallet })
            }
            _ => (self.read::<IgnoredAny>()?.0, ToldOf::Other),
        };
        Ok(Told { position, name: self.name, about })
    }
}

/// A transfer that became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The position, from which the stream is resumed and by which repeats are told.
    pub position: u64,
    /// `transfer.settled` or `transfer.refused`.
    pub name: String,
    /// What it tells.
    pub notification: Notification,
}

/// Anything that an account is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The position, from which the stream is resumed and by which repeats are told.
    pub position: u64,
    /// What happened, as the API calls it.
    pub name: String,
    /// To what.
    pub about: ToldOf,
}

/// What an account is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToldOf {
    /// A transfer, or the one that placed a hold.
    Transfer(Box<Notification>),
    /// A payment request.
    Request {
        /// Which way the units are to go.
        direction: Direction,
        /// The request as it is now.
        request: Box<PaymentRequest>,
    },
    /// A wallet.
    Wallet {
        /// Which.
        wallet: WalletId,
    },
    /// What this client does not know.
    Other,
}

#[derive(Deserialize)]
struct RequestNotice {
    direction: Direction,
    request: Box<PaymentRequest>,
}

#[derive(Deserialize)]
struct WalletNotice {
    wallet: WalletId,
}

/// The events of an account, as they come.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    parser: Parser,
    ready: VecDeque<StreamEvent>,
}

impl Client {
    /// Follows the events of this device's account: those after the position `last_event_id`, or from now on.
    ///
    /// # Errors
    /// The server refuses, or is not reached.
    pub async fn events(&self, last_event_id: Option<u64>) -> Result<EventStream, ClientError> {
        self.events_of(None, last_event_id).await
    }

    /// Follows the events of an account, as the operator.
    ///
    /// # Errors
    /// The server refuses, or is not reached.
    pub async fn events_of(
        &self,
        account: Option<AccountId>,
        last_event_id: Option<u64>,
    ) -> Result<EventStream, ClientError> {
        let path = format!("/v1/events{}", query([account.map(|account| format!("account={account}"))]));
        let mut request = self.prepare(Method::GET, &path, Body::empty(), &Stamp::now()?)?;
        request.headers_mut().insert("accept", HeaderValue::from_static("text/event-stream"));
        if let Some(position) = last_event_id {
            request.headers_mut().insert("last-event-id", HeaderValue::from(position));
        }
        let (parts, body) = self.send_streaming(request).await?.into_parts();
        let is_stream = parts
            .headers
            .get("content-type")
            .is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
        if parts.status.is_success() && is_stream {
            return Ok(EventStream { body, parser: Parser::default(), ready: VecDeque::new() });
        }
        let broken = |error: hyper::Error| ClientError::Transport(chain(&error));
        let body = body.collect().await.map_err(broken)?.to_bytes();
        let (status, headers) = (parts.status, parts.headers);
        let refused =
            Response { status, headers, body }.success().map(|answer| answer.content_type().to_owned());
        Err(refused.map_or_else(
            |error| error,
            |content_type| ClientError::Unexpected {
                status,
                reason: format!("the content type is {content_type:?}"),
            },
        ))
    }
}

impl EventStream {
    /// The next transfer, or none once the server has ended the stream. What else the account is told of is passed over.
    ///
    /// # Errors
    /// The connection broke, nothing came for too long, or what came is not what API.md says.
    pub async fn next(&mut self) -> Result<Option<Notice>, ClientError> {
        let event = loop {
            match self.next_event().await? {
                Some(event) if event.name.starts_with(TRANSFER_EVENTS) => break event,
                Some(_) => {}
                None => return Ok(None),
            }
        };
        let (position, notification) = event.read()?;
        Ok(Some(Notice { position, name: event.name, notification }))
    }

    /// The next thing that the account is told of, or none once the server has ended the stream.
    ///
    /// # Errors
    /// The connection broke, nothing came for too long, or what came is not what API.md says.
    pub async fn next_told(&mut self) -> Result<Option<Told>, ClientError> {
        let Some(event) = self.next_event().await? else { return Ok(None) };
        event.told().map(Some)
    }

    /// The next event, whatever it tells.
    ///
    /// # Errors
    /// The connection broke, nothing came for too long, or an event is too long.
    pub async fn next_event(&mut self) -> Result<Option<StreamEvent>, ClientError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            let frame = tokio::time::timeout(MAX_SILENCE, self.body.frame());
            let Some(frame) = frame.await.map_err(|_| ClientError::Timeout(MAX_SILENCE))? else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| ClientError::Transport(chain(&error)))?;
            let Ok(chunk) = frame.into_data() else { continue };
            self.parser.push(&chunk, &mut self.ready)?;
        }
    }
}

/// Takes a stream apart (HTML Standard, section 9.2.6), wherever its chunks are cut.
#[derive(Debug, Default)]
struct Parser {
    line: Vec<u8>,
    ended_by_return: bool,
    id: Option<String>,
    name: String,
    data: Option<String>,
}

impl Parser {
    fn push(&mut self, chunk: &[u8], ready: &mut VecDeque<StreamEvent>) -> Result<(), ClientError> {
        for byte in chunk {
            let is_second_half = *byte == b'\n' && self.ended_by_return;
            self.ended_by_return = *byte == b'\r';
            match byte {
                b'\n' if is_second_half => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    ready.extend(self.end_line(&String::from_utf8_lossy(&line)));
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > MAX_EVENT_BYTES {
                return Err(ClientError::Unexpected {
                    status: http::StatusCode::OK,
                    reason: format!("an event has more than {MAX_EVENT_BYTES} bytes"),
                });
            }
        }
        Ok(())
    }

    /// Takes in a line. An empty one ends an event; without data there is none.
    fn end_line(&mut self, line: &str) -> Option<StreamEvent> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = self.data.take()?;
            let name = if name.is_empty() { "message".to_owned() } else { name };
            return Some(StreamEvent { id: self.id.clone(), name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // A comment, whose field is empty, and fields that only a browser has a use for.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": welcome\n\nid: 7\nevent: transfer.settled\ndata: {\"a\":\ndata: \"é\"}\n\n\
        :\n\ndata:second\r\n\r\nevent: none\n\nid\ndata\n\nid: 9\nretry: 5\ndata: cut off";

    fn expected() -> Vec<StreamEvent> {
        let event = |id: Option<&str>, name: &str, data: &str| StreamEvent {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            data: data.to_owned(),
        };
        vec![
            event(Some("7"), "transfer.settled", "{\"a\":\n\"é\"}"),
            event(Some("7"), "message", "second"),
            event(Some(""), "message", ""),
        ]
    }

    #[test]
    fn events_are_the_same_wherever_the_stream_is_cut() {
        for size in 1..=STREAM.len() {
            let (mut parser, mut ready) = (Parser::default(), VecDeque::new());
            for chunk in STREAM.as_bytes().chunks(size) {
                parser.push(chunk, &mut ready).unwrap();
            }
            assert_eq!(Vec::from(ready), expected(), "chunks of {size}");
        }
    }

    #[test]
    fn what_an_account_is_told_of_is_read_and_what_is_new_passed_over() {
        let event = |name: &str, data: &str| StreamEvent {
            id: Some("7".to_owned()),
            name: name.to_owned(),
            data: data.to_owned(),
        };
        let wallet = WalletId::from_bytes([1; 16]).unwrap();
        let frozen = event("wallet.frozen", &format!("{{\"wallet\":\"{wallet}\"}}"));
        let told = Told { position: 7, name: frozen.name.clone(), about: ToldOf::Wallet { wallet } };
        assert_eq!(frozen.told().unwrap(), told);
        assert_eq!(event("weather.fine", "[1]").told().unwrap().about, ToldOf::Other);
        assert!(event("wallet.frozen", "{}").told().is_err());
        assert!(event("request.opened", "{").told().is_err());
        assert!(StreamEvent { id: None, ..event("weather.fine", "{}") }.told().is_err());
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let (mut parser, mut ready) = (Parser::default(), VecDeque::new());
        let endless = vec![b'x'; MAX_EVENT_BYTES + 1];
        assert!(parser.push(&endless, &mut ready).is_err());
        let mut parser = Parser::default();
        let pushed = (0..10_000).try_for_each(|_| parser.push(b"data: 0123456789\n", &mut ready));
        assert!(pushed.is_err() && ready.is_empty());
    }
}
