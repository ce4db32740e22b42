//! A signature as RFC 9421 lets it be: one label, well formed, every component with its value, and the parameters
//! known. What this server asks of it beyond that is `presented`'s to say.

use http::HeaderMap;
use sfv::BareItemFromInput;

use super::component::Component;
use super::error::SignatureError;
use super::parameters::Parameters;
use super::structured::{Item, Member, dictionary, signature_params, single_line};
use super::{MAX_COMPONENTS, MAX_SIGNATURE_BYTES, MAX_SIGNATURE_INPUT_BYTES, SIGNATURE, SIGNATURE_INPUT};

/// A signature that was read and not yet held to the profile.
pub(super) struct UncheckedSignature {
    pub(super) components: Vec<Component>,
    pub(super) parameters: Parameters,
    /// The value of `@signature-params`, with the parameters in the signer's order.
    pub(super) signature_params: String,
    pub(super) signature: [u8; 64],
}

impl UncheckedSignature {
    /// Reads the one signature of a request.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, SignatureError> {
        let input_text = single_line(headers, &SIGNATURE_INPUT, MAX_SIGNATURE_INPUT_BYTES)?;
        let signature_text = single_line(headers, &SIGNATURE, MAX_SIGNATURE_BYTES)?;
        let input = only_member(&SIGNATURE_INPUT, input_text)?;
        let signature = only_member(&SIGNATURE, signature_text)?;
        if input.key != signature.key {
            return Err(SignatureError::LabelsDiffer);
        }
        if !input.is_list {
            return Err(malformed(&SIGNATURE_INPUT, "the covered components are not a list in parentheses"));
        }
        let components = read_components(&input.items, headers)?;
        let parameters = Parameters::read(&input.list_parameters)?;
        let names = input.items.iter().filter_map(|item| item.value.as_string());
        let given = input.list_parameters.iter().map(|(key, value)| (*key, value.into()));
        let signature_params = signature_params(names, given);
        let signature = signature_bytes(signature)?;
        Ok(Self { components, parameters, signature_params, signature })
    }
}

/// The components, each once.
fn read_components(items: &[Item<'_>], headers: &HeaderMap) -> Result<Vec<Component>, SignatureError> {
    if items.len() > MAX_COMPONENTS {
        return Err(SignatureError::TooManyComponents { max: MAX_COMPONENTS });
    }
    let mut components: Vec<Component> = Vec::with_capacity(items.len());
    for item in items {
        let Some(name) = item.value.as_string() else {
            return Err(malformed(&SIGNATURE_INPUT, "a covered component is not a string in double quotes"));
        };
        let name = name.as_str();
        if let Some((flag, _)) = item.parameters.first() {
            return Err(SignatureError::ComponentFlag {
                component: name.to_owned(),
                flag: flag.as_str().to_owned(),
            });
        }
        if components.iter().any(|component| component.name() == name) {
            return Err(SignatureError::ComponentRepeated { component: name.to_owned() });
        }
        components.push(Component::read(name, headers)?);
    }
    Ok(components)
}

/// The only member of a dictionary; a label that comes twice counts twice.
fn only_member<'h>(header: &http::HeaderName, text: &'h str) -> Result<Member<'h>, SignatureError> {
    let mut members = dictionary(header, text)?.into_iter();
    let member = members.next().ok_or_else(|| SignatureError::HeaderMissing { header: header.clone() })?;
    if members.next().is_some() {
        return Err(SignatureError::SeveralSignatures { header: header.clone() });
    }
    Ok(member)
}

/// Both algorithms make signatures of 64 bytes (RFC 9421, sections 3.3.4 and 3.3.6).
fn signature_bytes(member: Member<'_>) -> Result<[u8; 64], SignatureError> {
    let reason = "the signature is not 64 bytes in base64 between colons, with nothing after it";
    let mut items = member.items.into_iter();
    match items.next() {
        Some(Item { value: BareItemFromInput::ByteSequence(bytes), parameters })
            if !member.is_list && parameters.is_empty() =>
        {
            bytes.try_into().map_err(|_| malformed(&SIGNATURE, reason))
        }
        _ => Err(malformed(&SIGNATURE, reason)),
    }
}

fn malformed(header: &http::HeaderName, reason: &str) -> SignatureError {
    SignatureError::HeaderMalformed { header: header.clone(), reason: reason.to_owned() }
}
