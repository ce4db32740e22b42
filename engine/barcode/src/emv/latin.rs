//! Names in the printable ASCII that EMV's `ans` fields have. What is here is part of the format and never changes.

/// A text in printable ASCII.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Latin {
    pub(super) text: String,
    /// Whether every character had a spelling.
    pub(super) is_whole: bool,
}

/// The text as it is shown: each character by its spelling, or `?` where it has none; at most so many characters.
pub(super) fn shown(text: &str, max_chars: usize) -> Latin {
    let mut shown = String::new();
    let mut is_whole = true;
    for c in text.chars() {
        if c == ' ' || c.is_ascii_graphic() {
            shown.push(c);
        } else if let Some(spelling) = spelling(c) {
            shown.push_str(spelling);
        } else {
            shown.push('?');
            is_whole = false;
        }
    }
    shown.truncate(max_chars);
    let text = shown.trim();
    // Accents without a letter leave nothing behind.
    if text.is_empty() {
        return Latin { text: "?".to_owned(), is_whole: false };
    }
    Latin { text: text.to_owned(), is_whole }
}

/// Latin letters without their accents, and the marks that stand in names.
fn spelling(c: char) -> Option<&'static str> {
    Some(match c {
        // Accents that stand by themselves, after their letter.
        '\u{0300}'..='\u{036F}' => "",
        'À'..='Å' | 'Ā' | 'Ă' | 'Ą' => "A",
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ª' => "a",
        'Æ' => "AE",
        'æ' => "ae",
        'Ç' | 'Ć' | 'Ĉ' | 'Ċ' | 'Č' => "C",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'Ð' | 'Ď' | 'Đ' => "D",
        'ð' | 'ď' | 'đ' => "d",
        'È'..='Ë' | 'Ē' | 'Ĕ' | 'Ė' | 'Ę' | 'Ě' => "E",
        'è'..='ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'Ĝ' | 'Ğ' | 'Ġ' | 'Ģ' => "G",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'Ĥ' | 'Ħ' => "H",
        'ĥ' | 'ħ' => "h",
        'Ì'..='Ï' | 'Ĩ' | 'Ī' | 'Ĭ' | 'Į' | 'İ' => "I",
        'ì'..='ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'Ĵ' => "J",
        'ĵ' => "j",
        'Ķ' => "K",
        'ķ' => "k",
        'Ĺ' | 'Ļ' | 'Ľ' | 'Ŀ' | 'Ł' => "L",
        'ĺ' | 'ļ' | 'ľ' | 'ŀ' | 'ł' => "l",
        'Ñ' | 'Ń' | 'Ņ' | 'Ň' | 'Ŋ' => "N",
        'ñ' | 'ń' | 'ņ' | 'ň' | 'ŋ' => "n",
        'Ò'..='Ö' | 'Ø' | 'Ō' | 'Ŏ' | 'Ő' => "O",
        'ò'..='ö' | 'ø' | 'ō' | 'ŏ' | 'ő' | 'º' => "o",
        'Œ' => "OE",
        'œ' => "oe",
        'Ŕ' | 'Ŗ' | 'Ř' => "R",
        'ŕ' | 'ŗ' | 'ř' => "r",
        'Ś' | 'Ŝ' | 'Ş' | 'Š' | 'Ș' => "S",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ẞ' => "SS",
        'Ţ' | 'Ť' | 'Ŧ' | 'Ț' => "T",
        'ţ' | 'ť' | 'ŧ' | 'ț' => "t",
        'Þ' => "TH",
        'þ' => "th",
        'Ù'..='Ü' | 'Ũ' | 'Ū' | 'Ŭ' | 'Ů' | 'Ű' | 'Ų' => "U",
        'ù'..='ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'Ŵ' => "W",
        'ŵ' => "w",
        'Ý' | 'Ŷ' | 'Ÿ' => "Y",
        'ý' | 'ÿ' | 'ŷ' => "y",
        'Ź' | 'Ż' | 'Ž' => "Z",
        'ź' | 'ż' | 'ž' => "z",
        '‘' | '’' | '´' => "'",
        '“' | '”' | '„' | '«' | '»' => "\"",
        '‐'..='—' => "-",
        '·' | '•' => ".",
        '…' => "...",
        '№' => "No",
        '€' => "EUR",
        '\u{00A0}' => " ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_accents_and_are_cut() {
        let cases = [
            ("Café Zentral", "Cafe Zentral", true),
            ("Cafe\u{301} Zentral", "Cafe Zentral", true),
            ("Bäckerei № 7", "Backerei No 7", true),
            ("Łódź & Æther – Straße", "Lodz & AEther - Strasse", true),
            ("喫茶店", "???", false),
            ("Кафе 24", "???? 24", false),
            ("\u{301}", "?", false),
            // The 25th character is a space.
            ("Bakery at the Great Cross roads", "Bakery at the Great Cross", true),
            ("Bakery at the Great Inns on the hill", "Bakery at the Great Inns", true),
            ("ßßßßßßßßßßßßß", "sssssssssssssssssssssssss", true),
        ];
        for (name, expected, is_whole) in cases {
            assert_eq!(shown(name, 25), Latin { text: expected.to_owned(), is_whole }, "{name}");
        }
    }
}
