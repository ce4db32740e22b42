//! `quittance demo`: one payment from barcode to notification, played on this machine.
//!
//! It starts a server of its own on loopback and is then its operator, a café with a till and a person with a phone:
//! three HTTP clients that share nothing with the server or with each other but what a barcode, a pairing code or an
//! answer tells them.

mod cast;
mod folder;
mod scenes;
mod screen;

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use quittance_engine::AuditReport;

use super::serve::{self, Running, ServeSettings};
use folder::DemoFolder;
use scenes::Scenes;
use screen::Screen;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What the demo is told.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Where the demo's store, keys and pictures go: a new or empty folder, or a former demo's, which is replaced
    #[arg(long, value_name = "DIR", default_value = "./quittance-demo")]
    pub folder: PathBuf,
    /// The port on 127.0.0.1 that the demo's server listens on; 0 takes any that is free
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

/// Plays the demo and tells what happens, step by step.
///
/// # Errors
/// The folder holds something else, the server does not start, or a step does not come out as it must.
pub async fn run(args: DemoArgs) -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = DemoFolder::prepare(&args.folder)?;
    let mut screen = Screen::default();
    screen.line(format_args!("Quittance demo in {}", args.folder.display()));

    let server = start_server(&folder, args.port).await?;
    screen.step("A server starts on this machine");
    screen.fact("listens on", &server.origin);
    screen.fact("store", folder.store().display());

    let played = Scenes::new(&server.origin, &server.operator_key, &folder, &mut screen).play().await;
    // Whatever came of it, the server stops in order, so that the store can be looked at.
    server.shutdown().await;
    played?;

    screen.step("The server has stopped; an audit reads its store");
    let report = audit(folder.store()).await?;
    tell_audit(&mut screen, &report);
    screen.line(format_args!("\nDone. The barcode is in {}", folder.barcode().display()));
    Ok(())
}

/// The one place that knows how a server is started inside this process.
async fn start_server(folder: &DemoFolder, port: u16) -> Outcome<Running> {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    serve::start(ServeSettings { store: folder.store(), keys: folder.keys(), listen }).await
}

/// The one place that knows how a barcode is read off a picture.
fn read_off_pixels(picture: &[u8]) -> Outcome<String> {
    Ok(quittance_barcode::decode_image(picture)?)
}

async fn audit(store: PathBuf) -> Outcome<AuditReport> {
    let audited = tokio::task::spawn_blocking(move || quittance_engine::audit(Path::new(&store)));
    Ok(audited.await??)
}

fn tell_audit(screen: &mut Screen, report: &AuditReport) {
    screen.fact("records", report.records);
    screen.fact("blocks", report.blocks);
    screen.fact("transfers", format_args!("{} settled, {} refused", report.settled, report.refused));
    screen.fact("accounts", report.accounts);
    screen.fact("wallets", report.wallets);
    for total in &report.totals {
        let circulating = total.currency.format(total.in_circulation);
        screen.fact("in circulation", format_args!("{circulating} in {} wallets", total.wallets));
    }
    screen.fact("verdict", "every rule holds");
}
