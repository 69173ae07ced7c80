//! An event as a plugin sees it.

use crate::{Process, raw};

/// What the host sends in one call.
#[derive(Clone, Copy)]
pub struct Batch<'a>(pub(crate) &'a raw::Batch);

impl<'a> Batch<'a> {
    /// A view of a raw batch.
    pub fn new(raw: &'a raw::Batch) -> Self {
        Batch(raw)
    }

    /// Its events, in order.
    pub fn events(self) -> impl ExactSizeIterator<Item = Event<'a>> {
        self.0
            .events
            .iter()
            .map(move |raw| Event { batch: self, raw })
    }

    /// The bytes of a span; empty where it lies outside of the text.
    pub(crate) fn bytes(self, span: raw::Span) -> &'a [u8] {
        let start = span.start as usize;
        start
            .checked_add(span.len as usize)
            .and_then(|end| self.0.text.get(start..end))
            .unwrap_or_default()
    }

    /// The rows of a range; those that exist.
    pub(crate) fn rows<T>(self, table: &'a [T], range: raw::Range) -> &'a [T] {
        let first = (range.first as usize).min(table.len());
        let end = first.saturating_add(range.count as usize).min(table.len());
        &table[first..end]
    }

    pub(crate) fn attr(self, range: raw::Range, key: u32) -> Option<&'a raw::Attr> {
        self.rows(&self.0.attrs, range)
            .iter()
            .find(|a| a.key == key)
    }

    /// The process in this row.
    pub(crate) fn process(self, row: u32) -> Option<Process<'a>> {
        let raw = self.0.processes.get(row as usize)?;
        Some(Process { batch: self, raw })
    }
}

/// One event. What its slots mean for its kind is in the views: `event.as_connect()?.port()`.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    batch: Batch<'a>,
    raw: &'a raw::Event,
}

impl<'a> Event<'a> {
    /// Number of its kind: one of [`crate::kind`].
    pub fn kind(self) -> u32 {
        self.raw.kind
    }

    /// Unique for one run of the sensor. This is what evidence refers to.
    pub fn id(self) -> u64 {
        self.raw.id
    }

    /// When it happened, ns since boot.
    pub fn at(self) -> u64 {
        self.raw.at
    }

    /// What the system call returned: a value or a negative errno.
    pub fn ret(self) -> i32 {
        self.raw.ret
    }

    /// Whether the system call did what it was asked to.
    pub fn succeeded(self) -> bool {
        self.raw.ret >= 0
    }

    /// Thread that acted.
    pub fn tid(self) -> u32 {
        self.raw.tid
    }

    /// Bits of [`crate::values::event_mark`].
    pub fn marks(self) -> u32 {
        self.raw.marks
    }

    /// The process that acted, as it was at that moment. None for ticks and losses.
    pub fn process(self) -> Option<Process<'a>> {
        self.batch.process(self.raw.process)
    }

    /// The process that was acted upon.
    pub fn target(self) -> Option<Process<'a>> {
        self.batch.process(self.raw.target)
    }

    /// Slot `a`.
    pub fn a(self) -> u64 {
        self.raw.a
    }

    /// Slot `b`.
    pub fn b(self) -> u64 {
        self.raw.b
    }

    /// Slot `c`.
    pub fn c(self) -> u64 {
        self.raw.c
    }

    /// Slot `text`.
    pub fn text(self) -> &'a [u8] {
        self.batch.bytes(self.raw.text)
    }

    /// Slot `text2`.
    pub fn text2(self) -> &'a [u8] {
        self.batch.bytes(self.raw.text2)
    }

    /// Value of the attribute with this key.
    pub fn attr(self, key: u32) -> Option<u64> {
        self.batch.attr(self.raw.attrs, key).map(|a| a.value)
    }

    /// Text of the attribute with this key, empty where there is none.
    pub fn attr_text(self, key: u32) -> &'a [u8] {
        self.batch
            .attr(self.raw.attrs, key)
            .map_or(&[], |a| self.batch.bytes(a.text))
    }

    /// Texts of all attributes with this key.
    pub fn attr_texts(self, key: u32) -> impl Iterator<Item = &'a [u8]> {
        let batch = self.batch;
        let rows = batch.rows(&batch.0.attrs, self.raw.attrs).iter();
        rows.filter(move |a| a.key == key)
            .map(move |a| batch.bytes(a.text))
    }
}

impl std::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = u16::try_from(self.kind())
            .ok()
            .and_then(vedette_contract::Kind::by_number)
            .map_or("unknown", |k| k.name);
        write!(f, "{name} {} by {:?}", self.id(), self.process())
    }
}
