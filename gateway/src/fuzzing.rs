//! What fuzz targets reach of what is otherwise nobody's to use.

use crate::route::read_as;

/// How many kinds of bodies [`read_body`] knows.
pub const BODIES: u8 = 3;

/// Reads a JSON body as one of the routes that move units reads it.
///
/// # Errors
/// What the client is told: the status, what is amiss, and what would put it right.
pub fn read_body(which: u8, body: &[u8]) -> Result<(), (u16, String, String)> {
    read_as(which, body).map_err(|problem| {
        (problem.status().as_u16(), problem.detail().to_owned(), problem.mend().to_owned())
    })
}
