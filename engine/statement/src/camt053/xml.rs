//! Elements, one after the other or one in the other, straight into bytes. What is escaped, `quick-xml` escapes.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use quittance_ledger::Currency;

/// Writes elements at the end of some bytes.
pub(super) struct Xml<'a>(Writer<&'a mut Vec<u8>>);

impl<'a> Xml<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self(Writer::new(out))
    }

    pub(super) fn declaration(&mut self) -> io::Result<()> {
        self.0.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        self.line_end()
    }

    /// An end of line, where the schema takes white space: it makes long files bearable to tools that go by lines.
    pub(super) fn line_end(&mut self) -> io::Result<()> {
        self.0.write_event(Event::Text(BytesText::from_escaped("\n")))
    }

    pub(super) fn open(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new(name)))
    }

    pub(super) fn open_with(&mut self, name: &str, attribute: (&str, &str)) -> io::Result<()> {
        self.0.write_event(Event::Start(BytesStart::new(name).with_attributes([attribute])))
    }

    pub(super) fn close(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    /// An element that holds others.
    pub(super) fn element(
        &mut self,
        name: &str,
        inner: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.open(name)?;
        inner(self)?;
        self.close(name)
    }

    /// An element that holds a text.
    pub(super) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.element(name, |xml| xml.0.write_event(Event::Text(BytesText::new(text))))
    }

    /// An `Amt` with its currency.
    pub(super) fn amount(&mut self, decimal: &str, currency: Currency) -> io::Result<()> {
        self.open_with("Amt", ("Ccy", currency.code().as_str()))?;
        self.0.write_event(Event::Text(BytesText::new(decimal)))?;
        self.close("Amt")
    }
}
