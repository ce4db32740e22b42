//! The sealed payload in merchant account templates, a part in each.

use super::error::{EmvError, EmvField};
use super::tlv::{Fields, push};

/// The globally unique identifier of our templates.
pub(super) const IDENTIFIER: &str = "FADDAFC189";

/// The templates that QRCPS leaves to further payment systems.
const TEMPLATES: std::ops::RangeInclusive<u8> = 26..=51;

/// What fits a template of 99 characters beside the identifier and the two heads of four.
const PIECE_BYTES: usize = 81;

/// The most parts that an id of two digits can count.
const MAX_PARTS: usize = 9;

/// Writes the templates of a payload's text, which is ASCII.
pub(super) fn push_all(text: &mut String, payload: &str) {
    let pieces = pieces(payload);
    for (template, (id, piece)) in TEMPLATES.zip(ids(pieces.len()).zip(pieces)) {
        let mut part = String::new();
        push(&mut part, 0, IDENTIFIER);
        push(&mut part, id, piece);
        push(text, template, &part);
    }
}

/// Takes the templates off the fields, and gives the payload's text.
pub(super) fn take_all(fields: &mut Fields<'_>) -> Result<String, EmvError> {
    let mut parts = Vec::new();
    while let Some(template) = fields.peek().filter(|id| *id <= *TEMPLATES.end()) {
        // Below are the accounts of the card schemes, which are no templates.
        if template < *TEMPLATES.start() {
            return Err(EmvError::OtherScheme);
        }
        let mut part = Fields::read(fields.need(template)?, Some(template))?;
        if part.need(0)? != IDENTIFIER {
            return Err(EmvError::OtherScheme);
        }
        let missing = EmvError::Missing(EmvField { template: Some(template), id: 1 });
        let (id, piece) = part.any().ok_or(missing)?;
        part.end()?;
        parts.push((template, id, piece));
    }
    if parts.is_empty() {
        return Err(EmvError::OtherScheme);
    }
    let payload: String = parts.iter().map(|(_, _, piece)| *piece).collect();
    let pieces = pieces(&payload);
    let expected = TEMPLATES.zip(ids(parts.len())).zip(pieces.iter().copied());
    let is_whole = parts.len() <= MAX_PARTS
        && pieces.len() == parts.len()
        && parts.iter().copied().eq(expected.map(|((template, id), piece)| (template, id, piece)));
    if is_whole { Ok(payload) } else { Err(EmvError::Parts) }
}

/// Cuts a text into the pieces of the parts. What is no ASCII, and so none of ours, comes back as one piece.
fn pieces(payload: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = payload;
    while let Some((piece, after)) = rest.split_at_checked(PIECE_BYTES) {
        if after.is_empty() {
            break;
        }
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

/// The ids of the parts: the part's number, and then how many there are.
fn ids(count: usize) -> impl Iterator<Item = u8> {
    let count = u8::try_from(count).unwrap_or(u8::MAX);
    (1..=count).map(move |part| part.saturating_mul(10).saturating_add(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(id: u8, part: u8, piece: &str) -> String {
        let (mut value, mut text) = (String::new(), String::new());
        push(&mut value, 0, IDENTIFIER);
        push(&mut value, part, piece);
        push(&mut text, id, &value);
        text
    }

    fn read(text: &str) -> Result<String, EmvError> {
        take_all(&mut Fields::read(text, None).unwrap())
    }

    #[test]
    fn pieces_fill_their_templates_and_come_back() {
        for length in [1, 80, 81, 82, 162, 163, 9 * 81] {
            let payload: String = ('a'..='z').cycle().take(length).collect();
            let mut text = String::new();
            push_all(&mut text, &payload);
            assert_eq!(read(&text), Ok(payload), "{length}");
        }
        let mut text = String::new();
        push_all(&mut text, &"x".repeat(82));
        assert!(text.starts_with(&format!("26990010{IDENTIFIER}1281xxx")), "{text}");
        assert!(text.ends_with(&format!("27190010{IDENTIFIER}2201x")), "{text}");
    }

    #[test]
    fn parts_are_all_there_once_in_order_or_refused() {
        let (full, end) = ("a".repeat(81), "b".repeat(9));
        let (one, two) = (template(26, 12, &full), template(27, 22, &end));
        assert_eq!(read(&format!("{one}{two}")), Ok(format!("{full}{end}")));
        let field = |template, id| EmvField { template: Some(template), id };
        let cases = [
            ("first missing", two.clone(), EmvError::Parts),
            ("last missing", one.clone(), EmvError::Parts),
            ("swapped", format!("{two}{one}"), EmvError::Parts),
            ("numbers swapped", template(26, 22, &full) + &template(27, 12, &end), EmvError::Parts),
            ("twice", one.clone() + &template(27, 12, &full), EmvError::Parts),
            ("a gap", one.clone() + &template(28, 22, &end), EmvError::Parts),
            ("of three", template(26, 13, &full) + &template(27, 23, &end), EmvError::Parts),
            ("cut elsewhere", template(26, 12, &end) + &template(27, 22, &full), EmvError::Parts),
            ("one too many", format!("{one}{two}{}", template(28, 32, &end)), EmvError::Parts),
            ("no account", "5303978".to_owned(), EmvError::OtherScheme),
            ("a card's", format!("0404abcd{one}{two}"), EmvError::OtherScheme),
            ("another's", format!("{one}{two}28150011com.paymaya"), EmvError::OtherScheme),
            ("no part", format!("26140010{IDENTIFIER}"), EmvError::Missing(field(26, 1))),
            ("no identifier", "26060102xx".to_owned(), EmvError::Missing(field(26, 0))),
            (
                "two parts in one",
                format!("26240010{IDENTIFIER}1201a2201b"),
                EmvError::Unexpected(field(26, 22)),
            ),
        ];
        for (case, text, expected) in cases {
            assert_eq!(read(&text), Err(expected), "{case}: {text}");
        }
    }
}
