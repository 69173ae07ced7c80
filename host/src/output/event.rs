//! The fields of an event by the names of the catalogue.

use serde_json::{Map, Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};
use vedette_contract::{Field, Kind, Type, kind};
use vedette_sensor::event::Event;

use crate::record::Record;

/// Payload bytes that are shown; the rest stands in captures.
const PAYLOAD_SHOWN: usize = 512;

/// The name of a kind, or its number where the catalogue does not know it.
pub fn kind_name(number: u16) -> String {
    Kind::by_number(number).map_or_else(|| number.to_string(), |k| k.name.to_owned())
}

/// The fields of an event that say something, as JSON.
pub fn fields(event: &Event) -> Map<String, Value> {
    let mut map = Map::new();
    let Some(kind) = Kind::by_number(event.kind) else {
        return map;
    };
    for field in kind.fields {
        if let Some(value) = value(event, field) {
            map.insert(field.name.to_owned(), value);
        }
    }
    if event.kind == kind::EXEC
        && let Some(image) = &event.image
    {
        let args: Vec<Value> = super::arguments(&image.args).map(text).collect();
        map.insert("args".to_owned(), Value::Array(args));
        map.insert("cwd".to_owned(), text(&image.cwd));
    }
    if event.ret != 0 {
        map.insert("ret".to_owned(), json!(event.ret));
    }
    map
}

/// One event with who did it, as JSON.
pub fn record(record: &Record, note: Option<&str>) -> Value {
    let event = &record.event;
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(format!("{:x}", event.id)));
    out.insert("pid".to_owned(), json!(event.task.process.pid));
    out.insert("kind".to_owned(), json!(kind_name(event.kind)));
    out.insert("at".to_owned(), json!(event.at));
    if let Some(process) = &record.process {
        out.insert("exe".to_owned(), text(&process.exe));
    }
    out.insert("fields".to_owned(), Value::Object(fields(event)));
    if let Some(note) = note {
        out.insert("note".to_owned(), json!(note));
    }
    Value::Object(out)
}

fn value(event: &Event, field: &Field) -> Option<Value> {
    if let Some(bytes) = event.bytes(field.slot) {
        if bytes.is_empty() {
            return None;
        }
        return Some(match field.ty {
            Type::Address if event.has_text_address() => text(bytes),
            Type::Address => json!(address(bytes)),
            // The end of a path says which file it is.
            Type::Path => text(bytes),
            _ => text(&bytes[..bytes.len().min(PAYLOAD_SHOWN)]),
        });
    }
    let Some(number) = event.number(field.slot) else {
        return event.target.map(|t| json!(t.pid));
    };
    Some(match field.ty {
        Type::Hex => json!(format!("{number:#x}")),
        Type::S32 => json!(number as u32 as i32),
        Type::Set(set) => set
            .name_of(number as u32)
            .map_or_else(|| json!(number), |name| json!(name)),
        Type::Bits(set) => json!(set.names_of(number as u32).collect::<Vec<_>>()),
        _ => json!(number),
    })
}

/// An internet address in the form that people write.
fn address(bytes: &[u8]) -> String {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Ipv4Addr::from(v4).to_string();
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(v6) => {
            let v6 = Ipv6Addr::from(v6);
            v6.to_ipv4_mapped()
                .map_or_else(|| v6.to_string(), |v4| v4.to_string())
        }
        Err(_) => super::printable(bytes),
    }
}

fn text(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_people_do() {
        assert_eq!(address(&[127, 0, 0, 1]), "127.0.0.1");
        let mut mapped = [0; 16];
        mapped[10..12].fill(0xff);
        mapped[12..].copy_from_slice(&[10, 0, 0, 1]);
        assert_eq!(address(&mapped), "10.0.0.1");
        let unix = Event {
            kind: kind::CONNECT,
            a: 1 << 32,
            text: b"/run"[..].into(),
            ..Event::default()
        };
        assert_eq!(fields(&unix)["address"], "/run");
    }

    #[test]
    fn numbers_get_the_names_of_the_catalogue() {
        let event = Event {
            kind: kind::CONNECT,
            a: 4444 | (2 << 32),
            b: 77,
            text: [127, 0, 0, 1][..].into(),
            ret: -111,
            ..Event::default()
        };
        let fields = fields(&event);
        assert_eq!(fields["port"], 4444);
        assert_eq!(fields["address"], "127.0.0.1");
        assert_eq!(fields["socket"], 77);
        assert_eq!(fields["ret"], -111);
    }
}
