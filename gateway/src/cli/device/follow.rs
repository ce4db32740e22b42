//! The account's events, a line each, for as long as somebody listens.

use std::time::Duration;

use super::Outcome;
use super::tell::{line, told, told_line};
use crate::client::{Client, ClientError, EventStream};

const FIRST_DELAY: Duration = Duration::from_millis(250);
const MAX_DELAY: Duration = Duration::from_secs(10);

/// A server that has just started refuses what was signed before it did; a device that is revoked is refused for good.
const MAX_REFUSALS: u32 = 3;

/// What to follow.
#[derive(clap::Args)]
pub(super) struct EventsArgs {
    /// Begin after this position, and not from now
    #[arg(long, value_name = "POSITION")]
    since: Option<u64>,
    /// End after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

pub(super) async fn run(args: &EventsArgs, client: &Client) -> Outcome<()> {
    // Without a position to go on from, what happens while a connection is lost would be missed.
    let mut last = match args.since {
        Some(position) => position,
        None => client.health().await.map_err(|error| told(&error))?.position,
    };
    let mut stream = client.events(Some(last)).await.map_err(|error| told(&error))?;
    eprintln!("following events after position {last}");
    let mut left = args.count;
    while left != Some(0) {
        match stream.next_told().await {
            Ok(Some(event)) if event.position <= last => {}
            Ok(Some(event)) => {
                last = event.position;
                // What this device does not know it passes over, as API.md says.
                if let Some(told) = told_line(&event) {
                    line(told)?;
                    left = left.map(|left| left.saturating_sub(1));
                }
            }
            Ok(None) => stream = reconnect(client, last).await?,
            Err(error) if error.is_open() => stream = reconnect(client, last).await?,
            Err(error) => return Err(told(&error)),
        }
    }
    Ok(())
}

async fn reconnect(client: &Client, last: u64) -> Outcome<EventStream> {
    eprintln!("the stream ended: connecting again, after position {last}");
    let (mut delay, mut refusals) = (FIRST_DELAY, 0_u32);
    loop {
        tokio::time::sleep(delay).await;
        delay = delay.saturating_mul(2).min(MAX_DELAY);
        let error = match client.events(Some(last)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        match &error {
            ClientError::Problem(problem) if matches!(problem.status, 429 | 500..) => {}
            ClientError::Problem(problem) if problem.status == 401 && refusals < MAX_REFUSALS => {
                refusals = refusals.saturating_add(1);
            }
            other if other.is_open() => {}
            _ => return Err(told(&error)),
        }
    }
}
