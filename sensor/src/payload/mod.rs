//! What the first bytes of a flow say in the clear: names that are asked for.
//!
//! The bytes are an attacker's: readers stop at what is not there, and what they cannot read they
//! leave out. General parsers were tried and not taken: they refuse a whole message for one odd
//! record that name servers and TLS servers let pass, which would be a way to hide.

pub mod dns;
pub mod tls;

/// What is left of some bytes; numbers are in the order of the network.
#[derive(Debug, Clone, Copy)]
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    fn u16(&mut self) -> Option<u16> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*head))
    }

    /// What a length of one byte announces.
    fn after_u8(&mut self) -> Option<Cursor<'a>> {
        let len = self.u8()?;
        self.take(len.into()).map(Cursor)
    }

    /// What a length of two bytes announces.
    fn after_u16(&mut self) -> Option<Cursor<'a>> {
        let len = self.u16()?;
        self.take(len.into()).map(Cursor)
    }
}
