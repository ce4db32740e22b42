//! The stream of what an account is told of, as server-sent events.
//!
//! Each stream reads the journal's index by itself, from where its client is: nobody is waited for, and nothing is kept
//! for a client that is slow or gone. What it is told twice it knows by the position.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::{HeaderMap, StatusCode};
use quittance_engine::{Engine, EngineError, Happening, Party, PaymentRequestState, TransferRecord};
use quittance_journal::Position;
use quittance_ledger::{AccountId, DeviceId, Leg, PaymentRequest, Refusal, RequestStatus, WalletId};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::Answer;
use crate::app::App;
use crate::auth::{Asked, Caller};
use crate::problem::Problem;
use crate::streams::StreamSlot;
use crate::view::{RequestView, TransferView};

const MAX_PAGE_EVENTS: usize = 100;
const COMMENT_EVERY: Duration = Duration::from_secs(15);
const LAST_EVENT_ID: &str = "last-event-id";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhoseEvents {
    account: Option<AccountId>,
}

/// What an event says beside its name.
#[derive(Serialize)]
#[serde(untagged)]
enum Notice {
    Transfer {
        direction: Direction,
        transfer: Box<TransferView>,
    },
    Request {
        direction: Direction,
        request: Box<RequestView>,
    },
    /// What became of a wallet, which is read anew.
    Wallet {
        wallet: WalletId,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Incoming,
    Outgoing,
}

pub(super) async fn follow(State(app): State<Arc<App>>, asked: Asked) -> Answer<Response> {
    let whose: WhoseEvents = asked.query()?;
    let account = asked.caller.account(whose.account, "account")?;
    app.engine.account(account).await?;
    let slot = app.streams.open(account).ok_or_else(too_many)?;
    let changes = app.engine.watch_account(account);
    let cursor = cursor(&asked.parts.headers, app.engine.tip())?;
    let (viewer, device) = match &asked.caller {
        Caller::Device(device) => (Party::Account(account), Some(device.device)),
        Caller::Operator => (Party::Operator, None),
    };
    let (revocations, stopping) = (app.revocations.subscribe(), app.stopping.clone());
    let page = Vec::new().into_iter();
    let feed = Feed {
        app,
        account,
        viewer,
        device,
        cursor,
        page,
        has_more: true,
        changes,
        revocations,
        stopping,
        _slot: slot,
    };
    let events = stream::unfold(feed, |mut feed| async {
        feed.next().await.map(|event| (Ok::<_, Infallible>(event), feed))
    });
    Ok(Sse::new(events).into_response())
}

/// Where a client goes on.
fn cursor(headers: &HeaderMap, tip: Position) -> Result<Position, Problem> {
    let invalid = |why| Problem::field_invalid(LAST_EVENT_ID.to_owned(), why);
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(tip) };
    let number = value.to_str().ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|text| text.parse().ok()).ok_or_else(|| {
        invalid("not an event's id: send the id of the last event that came, or leave it out")
    })?;
    let cursor = Position::new(number);
    // Such a client would wait for ever and miss what happens meanwhile.
    if cursor > tip {
        return Err(invalid("ahead of all events: leave it out, and read the transfers of the wallets anew"));
    }
    Ok(cursor)
}

fn too_many() -> Problem {
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too-many-streams",
        "Too many streams",
        "the account has as many event streams open as it may have",
        "close one that is no longer read, and then open this one",
    )
    .retry_after_secs(15)
}

struct Feed {
    app: Arc<App>,
    account: AccountId,
    /// Whose eyes the events are for.
    viewer: Party,
    device: Option<DeviceId>,
    /// The last event that was sent.
    cursor: Position,
    page: std::vec::IntoIter<(Position, Happening)>,
    /// Whether there may be more in the index than was read. Most streams are idle, and cost no reading then.
    has_more: bool,
    changes: watch::Receiver<Position>,
    revocations: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    _slot: StreamSlot,
}

impl Feed {
    /// The next event; none at the end of the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            self.revocations.borrow_and_update();
            if self.is_over() {
                return None;
            }
            if let Some((position, happening)) = self.page.next() {
                self.cursor = position;
                return self.event(position, &happening).await;
            }
            if self.has_more {
                self.read().await?;
                continue;
            }
            tokio::select! {
                changed = self.changes.changed() => {
                    changed.ok()?;
                    self.has_more = true;
                }
                revoked = self.revocations.changed() => revoked.ok()?,
                _ = self.stopping.wait_for(|stopping| *stopping) => return None,
                () = tokio::time::sleep(COMMENT_EVERY) => return Some(Event::default().comment("")),
            }
        }
    }

    /// Reads the next page. None: it can't be read.
    async fn read(&mut self) -> Option<()> {
        // Before the read, so that what becomes durable during it is seen as a change.
        self.changes.borrow_and_update();
        let (account, cursor) = (self.account, self.cursor);
        let page = self
            .app
            .read_in_turn(move |engine| engine.account_events(account, cursor, MAX_PAGE_EVENTS))
            .await;
        match page {
            Ok(Ok(page)) => {
                let page = page.into_iter().map(|(position, _, happening)| (position, happening));
                self.page = page.collect::<Vec<_>>().into_iter();
                self.has_more = self.page.len() > 0;
                Some(())
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "an event stream ends: the journal can't be read");
                None
            }
            Err(_) => None,
        }
    }

    /// Whether the server stops, or the device is trusted no longer.
    fn is_over(&self) -> bool {
        let is_revoked = self.device.is_some_and(|device| self.app.engine.paired_device(device).is_err());
        is_revoked || *self.stopping.borrow()
    }

    async fn event(&self, position: Position, happening: &Happening) -> Option<Event> {
        let notice = notice(&self.app.engine, self.viewer, self.account, happening).await.ok()?;
        let event = Event::default().id(position.to_string()).event(name(happening));
        event.json_data(notice).ok()
    }
}

const fn name(happening: &Happening) -> &'static str {
    match happening {
        Happening::Transfer(record) if record.refusal.is_some() => "transfer.refused",
        Happening::Transfer(_) => "transfer.settled",
        Happening::RequestOpened(_) => "request.opened",
        Happening::RequestCancelled(_) => "request.cancelled",
        Happening::HoldReleased(_) => "hold.released",
        Happening::HoldExpired(_) => "hold.expired",
        Happening::WalletFrozen { .. } => "wallet.frozen",
        Happening::WalletUnfrozen { .. } => "wallet.unfrozen",
        Happening::WalletConfigured { .. } => "wallet.configured",
    }
}

async fn notice(
    engine: &Engine,
    viewer: Party,
    account: AccountId,
    happening: &Happening,
) -> Result<Notice, Problem> {
    let direction = |payer: Option<AccountId>| {
        if payer == Some(account) { Direction::Outgoing } else { Direction::Incoming }
    };
    Ok(match happening {
        Happening::Transfer(record) | Happening::HoldReleased(record) | Happening::HoldExpired(record) => {
            Notice::Transfer {
                direction: direction(engine.owner(first_leg_of(engine, account, record).payer)),
                transfer: Box::new(TransferView::new(engine, viewer, record)?),
            }
        }
        Happening::RequestOpened(request) => Notice::Request {
            direction: direction(request.payer),
            request: Box::new(as_it_is(engine, viewer, request, RequestStatus::Open).await?),
        },
        Happening::RequestCancelled(request) => Notice::Request {
            direction: direction(request.payer),
            request: Box::new(as_it_is(engine, viewer, request, RequestStatus::Cancelled).await?),
        },
        Happening::WalletFrozen { wallet, .. }
        | Happening::WalletUnfrozen { wallet }
        | Happening::WalletConfigured { wallet, .. } => Notice::Wallet { wallet: *wallet },
    })
}

/// The first leg that a wallet of the account pays or is paid by.
fn first_leg_of(engine: &Engine, account: AccountId, record: &TransferRecord) -> Leg {
    let transfer = &record.transfer;
    let is_own = |wallet| engine.owner(wallet) == Some(account);
    let mut legs = transfer.legs();
    legs.find(|leg| is_own(leg.payer) || is_own(leg.payee)).copied().unwrap_or(transfer.first)
}

/// A request as it is now; where its wallet has forgotten it, as it was when the event happened.
async fn as_it_is(
    engine: &Engine,
    viewer: Party,
    request: &PaymentRequest,
    status: RequestStatus,
) -> Result<RequestView, Problem> {
    match engine.request(Party::Operator, request.payee, request.terms.request).await {
        Ok(state) => RequestView::new(engine, viewer, &state),
        Err(EngineError::Refused(Refusal::RequestUnknown)) => {
            let state = PaymentRequestState { request: request.clone(), status, paid: 0 };
            RequestView::new(engine, viewer, &state)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_stream_goes_on_where_its_client_is() {
        let tip = Position::new(20);
        let read = |value: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(LAST_EVENT_ID, HeaderValue::from_static(value));
            }
            cursor(&headers, tip)
        };
        assert_eq!(read(None).unwrap(), tip);
        assert_eq!(read(Some("0")).unwrap(), Position::START);
        assert_eq!(read(Some("20")).unwrap(), tip);
        for bad in ["21", "", "-1", "+1", "1.0", "abc", "99999999999999999999999"] {
            let problem = read(Some(bad)).unwrap_err();
            assert_eq!(problem.field(), Some(LAST_EVENT_ID), "{bad}");
        }
    }
}
