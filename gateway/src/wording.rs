//! What a problem is in one sentence. Its title says of which kind it is, its detail what it was this time; read together
//! they may say the same twice.

/// Whether the detail says more than the title. Only the title begins with a capital.
pub(crate) fn says_more(title: &str, detail: &str) -> bool {
    uncapitalised(title) != detail
}

/// The two as one, without what would be said twice.
pub(crate) fn amiss(title: &str, detail: &str) -> String {
    let kind = uncapitalised(title);
    if detail.starts_with(&kind) { detail.to_owned() } else { format!("{kind}: {detail}") }
}

/// A title as it is within a sentence. A word in capitals stays one.
pub(crate) fn uncapitalised(title: &str) -> String {
    let mut letters = title.chars();
    match (letters.next(), letters.next()) {
        (Some(first), second) if !second.is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(title.chars().skip(1)).collect()
        }
        _ => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_twice() {
        for (title, detail, both) in [
            ("The PIN is wrong", "the PIN is wrong", "the PIN is wrong"),
            ("The PIN is locked", "the PIN is locked after 5", "the PIN is locked after 5"),
            ("The server is busy", "too much is under way", "the server is busy: too much is under way"),
            ("PIN", "it is", "PIN: it is"),
        ] {
            assert_eq!(amiss(title, detail), both);
        }
        assert!(!says_more("The PIN is wrong", "the PIN is wrong"));
        assert!(says_more("The PIN is locked", "the PIN is locked after 5"));
    }
}
