//! Bodies of requests: read whole, within a limit and in time.

use std::time::Duration;

use axum::body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes};

use crate::problem::Problem;

/// The longest JSON body.
pub(crate) const MAX_JSON_BYTES: usize = 16 * 1_024;
/// The longest JSON body of a batch: room for as many transfers as a batch may have, each with a reference.
pub(crate) const MAX_BATCH_BYTES: usize = 4 * 1_024 * 1_024;
/// The longest picture.
pub(crate) const MAX_PICTURE_BYTES: usize = 8 * 1_024 * 1_024;

/// Reads a body.
pub(crate) async fn read_body(body: Body, max_bytes: usize, limit: Duration) -> Result<Bytes, Problem> {
    // What says at once that it is too long need not be sent first.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(Problem::body_too_large(max_bytes));
    }
    match tokio::time::timeout(limit, Limited::new(body, max_bytes).collect()).await {
        Err(_) => Err(Problem::body_slow(limit)),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::body_too_large(max_bytes)),
        Ok(Err(_)) => Err(Problem::body_broken()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    fn slug(read: Result<Bytes, Problem>) -> &'static str {
        read.unwrap_err().slug()
    }

    #[tokio::test]
    async fn a_body_is_read_within_its_limits() {
        let chunks = |n: usize| stream::iter((0..n).map(|_| Ok::<_, std::io::Error>("12345678")));
        let read = |body| read_body(body, 16, SOON);
        assert_eq!(read(Body::from("1234567890123456")).await.unwrap().len(), 16);
        assert_eq!(slug(read(Body::from("12345678901234567")).await), "body-too-large");
        assert_eq!(read(Body::from_stream(chunks(2))).await.unwrap().len(), 16);
        assert_eq!(slug(read(Body::from_stream(chunks(3))).await), "body-too-large");
        let stalls = chunks(1).chain(stream::pending());
        assert_eq!(slug(read(Body::from_stream(stalls)).await), "body-slow");
        let breaks = stream::iter([Err::<&str, _>(std::io::Error::other("gone"))]);
        assert_eq!(slug(read(Body::from_stream(breaks)).await), "body-broken");
    }
}
