//! What a refusal must look like.

use http::header::CONTENT_TYPE;
use quittance_gateway::client::{ProblemDetails, Response};

/// For a problem whose field is not of interest.
pub const ANY_FIELD: Option<&str> = Some("*");

/// A refusal that is due.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The status.
    pub status: u16,
    /// The last part of the problem's type: any of these.
    pub slugs: &'a [&'a str],
    /// The field.
    pub field: Option<&'a str>,
}

/// Checks that an answer is the problem that is due, told as every problem must be.
#[track_caller]
pub fn assert_problem(case: &str, answer: &Response, expected: &Expected<'_>) -> ProblemDetails {
    let body = String::from_utf8_lossy(&answer.body);
    let content_type = answer.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap());
    assert_eq!(content_type, Some("application/problem+json"), "{case}: {} {body}", answer.status);
    let problem = answer.problem().unwrap();
    assert_eq!(answer.status.as_u16(), expected.status, "{case}: {body}");
    assert_eq!(problem.status, expected.status, "{case}: {body}");
    assert!(expected.slugs.contains(&problem.slug()), "{case}: not any of {:?}: {body}", expected.slugs);
    assert!(problem.problem_type.starts_with("urn:quittance:problem:"), "{case}: {body}");
    if expected.field != ANY_FIELD {
        assert_eq!(problem.field.as_deref(), expected.field, "{case}: {body}");
    }
    for (name, text) in [("title", &problem.title), ("detail", &problem.detail), ("mend", &problem.mend)] {
        assert!(!text.trim().is_empty(), "{case}: {name} is empty: {body}");
    }
    problem
}
