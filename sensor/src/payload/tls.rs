//! The first message of a TLS client (RFC 8446, 4.1.2): what it says before anything is encrypted.

use super::Cursor;

/// Longest list of protocols that is kept: a client offers a handful.
const PROTOCOLS_MOST: usize = 256;
/// Longest name that is kept: host names have 255 bytes at most.
const NAME_MOST: usize = 255;

const RECORD_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const PROTOCOL_NEGOTIATION: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// What the client says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The server's name, in lower case, empty if it gives none.
    pub server_name: Box<[u8]>,
    /// Highest version that it offers.
    pub version: u16,
    /// Protocols that it offers, a comma between.
    pub protocols: Box<[u8]>,
}

/// What the bytes of a connection's beginning hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beginning {
    /// A whole first message.
    Hello(Hello),
    /// The beginning of one; more bytes are needed.
    Part,
    /// Something else.
    Other,
}

/// Reads the first bytes that a client sent.
pub fn read(bytes: &[u8]) -> Beginning {
    let Some(handshake) = handshake(bytes) else {
        return Beginning::Other;
    };
    let mut at = Cursor(&handshake);
    let (Some(kind), Some(high), Some(low)) = (at.u8(), at.u8(), at.u16()) else {
        return Beginning::Part;
    };
    if kind != CLIENT_HELLO {
        return Beginning::Other;
    }
    let len = usize::from(high) << 16 | usize::from(low);
    match at.take(len) {
        None => Beginning::Part,
        Some(body) => hello(Cursor(body)).map_or(Beginning::Other, Beginning::Hello),
    }
}

/// The handshake's bytes out of the records that carry them: a message may take several. None
/// where the bytes are not such records.
fn handshake(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut at = Cursor(bytes);
    while let Some(kind) = at.u8() {
        if kind != RECORD_HANDSHAKE {
            // After a whole message other records may follow.
            return (!out.is_empty()).then_some(out);
        }
        let (Some(version), Some(len)) = (at.u16(), at.u16()) else {
            break;
        };
        if version >> 8 != 3 {
            return (!out.is_empty()).then_some(out);
        }
        let len = usize::from(len).min(at.0.len());
        out.extend(at.take(len)?);
    }
    Some(out)
}

fn hello(mut at: Cursor<'_>) -> Option<Hello> {
    let mut hello = Hello {
        version: at.u16()?,
        ..Hello::default()
    };
    at.take(32)?;
    at.after_u8()?; // session
    at.after_u16()?; // ciphers
    at.after_u8()?; // compression
    // Old clients end here.
    let Some(mut extensions) = at.after_u16() else {
        return Some(hello);
    };
    while let Some(kind) = extensions.u16() {
        let Some(body) = extensions.after_u16() else {
            break;
        };
        match kind {
            SERVER_NAME => hello.server_name = server_name(body).unwrap_or_default(),
            PROTOCOL_NEGOTIATION => hello.protocols = protocols(body).unwrap_or_default(),
            SUPPORTED_VERSIONS => {
                if let Some(version) = highest(body) {
                    hello.version = version;
                }
            }
            _ => {}
        }
    }
    Some(hello)
}

fn server_name(mut at: Cursor<'_>) -> Option<Box<[u8]>> {
    let mut names = at.after_u16()?;
    loop {
        let kind = names.u8()?;
        let name = names.after_u16()?.0;
        if kind == 0 {
            let name = &name[..name.len().min(NAME_MOST)];
            return Some(name.to_ascii_lowercase().into());
        }
    }
}

fn protocols(mut at: Cursor<'_>) -> Option<Box<[u8]>> {
    let mut list = at.after_u16()?;
    let mut out = Vec::new();
    while let Some(name) = list.after_u8() {
        if out.len() + 1 + name.0.len() > PROTOCOLS_MOST {
            break;
        }
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend(name.0);
    }
    Some(out.into())
}

/// The highest version of the list, made-up ones (RFC 8701) left out.
fn highest(mut at: Cursor<'_>) -> Option<u16> {
    let mut list = at.after_u8()?;
    let mut best = None;
    while let Some(version) = list.u16() {
        if version & 0x0f0f != 0x0a0a {
            best = best.max(Some(version));
        }
    }
    best
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut out = kind.to_be_bytes().to_vec();
        out.extend((body.len() as u16).to_be_bytes());
        out.extend(body);
        out
    }

    /// A hello as a browser of today sends it, with a share of a post-quantum key first.
    fn modern() -> Vec<u8> {
        let mut extensions = extension(0x0a0a, &[]);
        extensions.extend(extension(51, &[7; 1220]));
        extensions.extend(extension(16, b"\0\x0c\x02h2\x08http/1.1"));
        extensions.extend(extension(0, b"\0\x10\0\0\x0dPool.Example."));
        extensions.extend(extension(43, b"\x06\x1a\x1a\x03\x04\x03\x03"));
        let mut body = b"\x03\x03".to_vec();
        body.extend([9; 32]);
        body.push(32);
        body.extend([8; 32]);
        body.extend(b"\0\x02\x13\x01\x01\0");
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0];
        message.extend((body.len() as u16).to_be_bytes());
        message.extend(body);
        message
    }

    fn records(message: &[u8], each: usize) -> Vec<u8> {
        message
            .chunks(each)
            .flat_map(|part| {
                let mut record = vec![22, 3, 1];
                record.extend((part.len() as u16).to_be_bytes());
                record.extend(part);
                record
            })
            .collect()
    }

    #[test]
    fn a_hello_of_today_is_read_in_one_record_or_in_many() {
        for each in [16_384, 100, 3] {
            let bytes = records(&modern(), each);
            let Beginning::Hello(hello) = read(&bytes) else {
                panic!("in records of {each}")
            };
            assert_eq!(&*hello.server_name, b"pool.example.");
            assert_eq!(&*hello.protocols, b"h2,http/1.1");
            assert_eq!(hello.version, 0x304);
            for len in 0..bytes.len() {
                assert_eq!(read(&bytes[..len]), Beginning::Part, "{len} in {each}");
            }
        }
    }

    #[test]
    fn an_old_hello_has_no_extensions() {
        let mut body = b"\x03\x01".to_vec();
        body.extend([0; 32]);
        body.extend(b"\0\0\x02\0\x2f\x01\0");
        let mut message = vec![1, 0, 0, body.len() as u8];
        message.extend(body);
        let Beginning::Hello(hello) = read(&records(&message, 16_384)) else {
            panic!()
        };
        assert_eq!((hello.version, hello.server_name.len()), (0x301, 0));
    }

    #[test]
    fn other_protocols_are_none() {
        assert_eq!(read(b"GET / HTTP/1.1\r\n"), Beginning::Other);
        assert_eq!(read(b"\x16\x03\x01\0\x04\x02\0\0\0"), Beginning::Other);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_damage_makes_it_panic(at in 0usize..1500, byte: u8, each in 1usize..2000) {
            let mut message = modern();
            let at = at % message.len();
            message[at] = byte;
            if let Beginning::Hello(hello) = read(&records(&message, each)) {
                prop_assert!(hello.server_name.len() <= NAME_MOST);
                prop_assert!(hello.protocols.len() <= PROTOCOLS_MOST);
            }
        }
    }
}
