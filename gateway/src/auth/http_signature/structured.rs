//! Structured fields (RFC 9651) as flat lists, in the order they were written and with every repetition kept.
//!
//! A dictionary as the RFC defines it lets a later key overwrite an earlier one. Two parties that take different
//! ones of a pair see two different requests, so what was written is kept whole for the callers to refuse.
//! It must not know what any of the fields means.

use std::convert::Infallible;

use http::{HeaderMap, HeaderName};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, ListSerializer, Parser, RefBareItem, StringRef};

use super::error::SignatureError;

/// A parameter, as written.
pub(super) type Parameter<'de> = (&'de KeyRef, BareItemFromInput<'de>);

/// An item with its parameters.
pub(super) struct Item<'de> {
    pub(super) value: BareItemFromInput<'de>,
    pub(super) parameters: Vec<Parameter<'de>>,
}

/// A member of a dictionary: one item, or an inner list of them that has parameters of its own.
pub(super) struct Member<'de> {
    pub(super) key: &'de KeyRef,
    pub(super) is_list: bool,
    pub(super) items: Vec<Item<'de>>,
    /// The inner list's parameters; a single item's are with the item.
    pub(super) list_parameters: Vec<Parameter<'de>>,
}

/// Reads a dictionary. The caller has bounded the text, and with it what is kept.
pub(super) fn dictionary<'de>(
    header: &HeaderName,
    text: &'de str,
) -> Result<Vec<Member<'de>>, SignatureError> {
    Parser::new(text).parse_dictionary_with_visitor(Members(Vec::new())).map_err(|error| {
        SignatureError::HeaderMalformed { header: header.clone(), reason: error.to_string() }
    })
}

/// Writes the value of `@signature-params` (RFC 9421, section 2.3): an inner list of names, with parameters.
pub(super) fn signature_params<'a>(
    names: impl IntoIterator<Item = &'a StringRef>,
    parameters: impl IntoIterator<Item = (&'a KeyRef, RefBareItem<'a>)>,
) -> String {
    let mut text = String::new();
    let mut list = ListSerializer::with_buffer(&mut text);
    let mut covered = list.inner_list();
    for name in names {
        let _ = covered.bare_item(name).finish();
    }
    let mut after = covered.finish();
    for (key, value) in parameters {
        after = after.parameter(key, value);
    }
    let _ = after.finish();
    text
}

/// The one line of a header that must not come in several.
pub(super) fn single_line<'h>(
    headers: &'h HeaderMap,
    header: &HeaderName,
    max_bytes: usize,
) -> Result<&'h str, SignatureError> {
    let mut lines = headers.get_all(header).iter();
    let line = lines.next().ok_or_else(|| SignatureError::HeaderMissing { header: header.clone() })?;
    if lines.next().is_some() {
        return Err(SignatureError::HeaderRepeated { header: header.clone() });
    }
    if line.len() > max_bytes {
        return Err(SignatureError::HeaderTooLong { header: header.clone(), max_bytes });
    }
    line.to_str().map_err(|_| SignatureError::HeaderNotAscii { header: header.clone() })
}

/// A header's lines as one value, each trimmed and joined by a comma and a space (RFC 9421, section 2.1).
pub(super) fn joined_lines(
    headers: &HeaderMap,
    header: &HeaderName,
    max_bytes: usize,
) -> Result<String, SignatureError> {
    let mut joined = String::new();
    let mut is_present = false;
    for line in headers.get_all(header) {
        let text = line.to_str().map_err(|_| SignatureError::HeaderNotAscii { header: header.clone() })?;
        if is_present {
            joined.push_str(", ");
        }
        joined.push_str(text.trim_matches([' ', '\t']));
        is_present = true;
        if joined.len() > max_bytes {
            return Err(SignatureError::HeaderTooLong { header: header.clone(), max_bytes });
        }
    }
    if !is_present {
        return Err(SignatureError::HeaderMissing { header: header.clone() });
    }
    Ok(joined)
}

struct Members<'de>(Vec<Member<'de>>);

impl<'de> DictionaryVisitor<'de> for Members<'de> {
    type Out = Vec<Member<'de>>;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        let member = Member { key, is_list: false, items: Vec::new(), list_parameters: Vec::new() };
        Ok(MemberVisitor(self.0.push_mut(member)))
    }

    fn finish(self) -> Result<Self::Out, Infallible> {
        Ok(self.0)
    }
}

struct MemberVisitor<'a, 'de>(&'a mut Member<'de>);

impl<'de> EntryVisitor<'de> for MemberVisitor<'_, 'de> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(ItemsVisitor(&mut self.0.items))
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        self.0.is_list = true;
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for MemberVisitor<'_, 'de> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(ItemsVisitor(&mut self.0.items))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Infallible> {
        Ok(ParametersVisitor(&mut self.0.list_parameters))
    }
}

struct ItemsVisitor<'a, 'de>(&'a mut Vec<Item<'de>>);

impl<'de> ItemVisitor<'de> for ItemsVisitor<'_, 'de> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        value: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = Self::Out>, Infallible> {
        let item = self.0.push_mut(Item { value, parameters: Vec::new() });
        Ok(ParametersVisitor(&mut item.parameters))
    }
}

struct ParametersVisitor<'a, 'de>(&'a mut Vec<Parameter<'de>>);

impl<'de> ParameterVisitor<'de> for ParametersVisitor<'_, 'de> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, key: &'de KeyRef, value: BareItemFromInput<'de>) -> Result<(), Infallible> {
        self.0.push((key, value));
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}
