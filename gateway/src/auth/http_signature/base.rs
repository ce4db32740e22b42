//! The signature base: the bytes that are signed (RFC 9421, section 2.5).

use super::component::{Component, Target};

/// The signature base of a request.
pub(super) fn signature_base(
    components: &[Component],
    target: &Target<'_>,
    signature_params: &str,
) -> Vec<u8> {
    let mut base = String::new();
    for component in components {
        push_line(&mut base, component.name(), &component.value(target));
        base.push('\n');
    }
    push_line(&mut base, "@signature-params", signature_params);
    base.into_bytes()
}

/// A line of the base. Nothing in it needs escaping: a name holds neither quotes nor breaks, and no value that was
/// read holds a break, so that no value can pass for two lines.
pub(super) fn push_line(base: &mut String, name: &str, value: &str) {
    base.push('"');
    base.push_str(name);
    base.push_str("\": ");
    base.push_str(value);
}
