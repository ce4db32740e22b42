//! Query parameters.

use std::collections::BTreeSet;

use http::Uri;
use serde::de::DeserializeOwned;

use super::Fault;
use crate::problem::Problem;

/// Reads the query into `T`, whose parameters and no others may be there, each once.
pub(crate) fn read_query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    no_repetition(uri)?;
    let reader = serde_html_form::Deserializer::from_bytes(uri.query().unwrap_or_default().as_bytes());
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let path = error.path().to_string();
        let at = |name: String| if path == "." { name } else { path.clone() };
        match Fault::read(&error.inner().to_string()) {
            Fault::Missing(name) => Problem::field_missing(name),
            Fault::Unknown(name) => Problem::field_unknown(&name),
            Fault::Repeated(name) => Problem::field_repeated(&at(name)),
            Fault::Invalid(why) => Problem::field_invalid(at("query".to_owned()), &why),
        }
    })
}

/// A parameter that comes twice leaves open which is meant, and is a list to the reader.
fn no_repetition(uri: &Uri) -> Result<(), Problem> {
    let pairs: Vec<(String, String)> =
        serde_html_form::from_str(uri.query().unwrap_or_default()).map_err(|_| malformed())?;
    let mut names = BTreeSet::new();
    match pairs.into_iter().find(|(name, _)| !names.insert(name.clone())) {
        Some((name, _)) => Err(Problem::field_repeated(&name)),
        None => Ok(()),
    }
}

fn malformed() -> Problem {
    Problem::field_invalid(
        "query".to_owned(),
        "not a query: write it as name=value pairs with & between them",
    )
}

#[cfg(test)]
mod tests {
    use quittance_ledger::AccountId;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Query {
        limit: Option<u16>,
        account: Option<AccountId>,
    }

    fn read(query: &str) -> Result<Query, Problem> {
        read_query(&format!("/v1/wallets{query}").parse().unwrap())
    }

    #[test]
    fn a_query_is_read_strictly() {
        assert_eq!(read("").unwrap().limit, None);
        assert_eq!(read("?").unwrap().limit, None);
        let query = read("?limit=20&account=0193a2b4-0c5d-7e6f-8a9b-0c1d2e3f4a5b").unwrap();
        assert_eq!((query.limit, query.account.is_some()), (Some(20), true));
        for (text, slug, field) in [
            ("?limit=abc", "field-invalid", "limit"),
            ("?limit=-1", "field-invalid", "limit"),
            ("?limit=1&limit=2", "field-repeated", "limit"),
            ("?account=17", "field-invalid", "account"),
            ("?Limit=1", "field-unknown", "Limit"),
            ("?limit=1&x=%3Cscript%3E", "field-unknown", "x"),
        ] {
            let problem = read(text).unwrap_err();
            assert_eq!((problem.slug(), problem.field()), (slug, Some(field)), "{text}: {problem:?}");
        }
    }
}
