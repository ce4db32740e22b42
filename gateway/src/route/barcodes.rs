//! Barcodes: drawn for a payee, and read for a payer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use quittance_barcode::{ErrorCorrection, Rendering, SealedBarcode, decode_image};
use quittance_engine::EngineError;
use serde::Deserialize;

use super::Answer;
use crate::app::App;
use crate::auth::Asked;
use crate::body::{MAX_JSON_BYTES, MAX_PICTURE_BYTES};
use crate::problem::Problem;
use crate::strict::{PathIds, is_media_type};
use crate::view::DecodedView;

const MAX_MODULE_PIXELS: u8 = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    #[serde(default)]
    scheme: Scheme,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    error_correction: Level,
    module_pixels: Option<u8>,
}

/// Whose readers can show it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scheme {
    #[default]
    Quittance,
    Emv,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Png,
    Svg,
    Text,
    Terminal,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum Level {
    L,
    #[default]
    M,
    Q,
    H,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    text: String,
}

pub(super) async fn draw(
    State(app): State<Arc<App>>,
    ids: PathIds,
    asked: Asked,
) -> Answer<impl IntoResponse> {
    let look: Look = asked.query()?;
    let rendering = rendering(&look)?;
    let (wallet, request) = (ids.get("wallet")?, ids.get("request")?);
    let state = app.engine.request(asked.caller.party(), wallet, request).await?;
    let text = app.engine.barcode_of(&state.request)?;
    let text = match look.scheme {
        Scheme::Quittance => text,
        Scheme::Emv => {
            let barcode = SealedBarcode::parse(&text, app.engine.origin())?;
            barcode.to_emv(&app.settings.emv).map_err(|error| Problem::from(error).at("scheme"))?
        }
    };
    let (content_type, picture) = match look.format {
        Format::Png => ("image/png", rendering.png(&text)?),
        Format::Svg => ("image/svg+xml", rendering.svg(&text)?.into_bytes()),
        Format::Text => ("text/plain; charset=utf-8", text.into_bytes()),
        Format::Terminal => ("text/plain; charset=utf-8", rendering.terminal_blocks(&text)?.into_bytes()),
    };
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(content_type)), no_page()], picture))
}

/// An SVG that is opened by itself is a page, which shall load and run nothing.
fn no_page() -> (HeaderName, HeaderValue) {
    (http::header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"))
}

fn rendering(look: &Look) -> Result<Rendering, Problem> {
    let module_pixels = look.module_pixels.unwrap_or(Rendering::default().module_pixels);
    if !(1..=MAX_MODULE_PIXELS).contains(&module_pixels) {
        return Err(Problem::field_invalid("module_pixels".to_owned(), "out of range: send 1 to 32"));
    }
    let error_correction = match look.error_correction {
        Level::L => ErrorCorrection::L,
        Level::M => ErrorCorrection::M,
        Level::Q => ErrorCorrection::Q,
        Level::H => ErrorCorrection::H,
    };
    Ok(Rendering { error_correction, module_pixels })
}

pub(super) async fn decode(State(app): State<Arc<App>>, request: Request) -> Answer<Json<DecodedView>> {
    let is_picture = is_picture(request.headers())?;
    let max_bytes = if is_picture { MAX_PICTURE_BYTES } else { MAX_JSON_BYTES };
    let asked = Asked::read(&app, request, max_bytes).await?;
    let (text, field) = if is_picture {
        asked.no_query()?;
        (text_in_picture(&app, asked).await?, "body")
    } else {
        (asked.json::<Text>()?.text, "/text")
    };
    let barcode = app.engine.open_barcode(&text).map_err(|error| match error {
        EngineError::Barcode(_) | EngineError::TillNotTrusted => Problem::from(error).at(field),
        other => other.into(),
    })?;
    let more = app.engine.more_of(&barcode).await?;
    Ok(Json(DecodedView::new(&barcode, more.as_ref(), text, app.engine.now())))
}

/// Whether the body is a picture, or else JSON.
fn is_picture(headers: &HeaderMap) -> Result<bool, Problem> {
    let is = |media_type| is_media_type(headers, &CONTENT_TYPE, media_type);
    if is("image/png") || is("image/jpeg") {
        return Ok(true);
    }
    if is("application/json") {
        return Ok(false);
    }
    Err(Problem::content_type("application/json, image/png or image/jpeg"))
}

async fn text_in_picture(app: &App, mut asked: Asked) -> Result<String, Problem> {
    asked.end_turn();
    let turn = app.pictures.take(asked.party()).await;
    let turn = turn.map_err(|_| Problem::overloaded("too many pictures are being looked at"))?;
    let look = tokio::task::spawn_blocking(move || {
        // Kept for as long as the core is busy, also when whoever asked has gone.
        let _turn = turn;
        decode_image(&asked.body)
    });
    let look = look.await;
    let text = look.map_err(|error| Problem::internal(&error))?;
    text.map_err(|error| Problem::from(error).at("body"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strict::read_query;

    #[test]
    fn a_look_is_read_strictly() {
        let look = |query: &str| {
            read_query(&format!("/barcode{query}").parse().unwrap()).and_then(|look| rendering(&look))
        };
        assert_eq!(look("").unwrap(), Rendering::default());
        let given = look("?format=svg&error_correction=H&module_pixels=32").unwrap();
        assert_eq!(given, Rendering { error_correction: ErrorCorrection::H, module_pixels: 32 });
        for (query, field) in [
            ("?module_pixels=0", "module_pixels"),
            ("?module_pixels=33", "module_pixels"),
            ("?module_pixels=x", "module_pixels"),
            ("?format=gif", "format"),
            ("?scheme=pix", "scheme"),
            ("?error_correction=m", "error_correction"),
        ] {
            assert_eq!(look(query).unwrap_err().field(), Some(field), "{query}");
        }
    }
}
