//! Writes docs/contract.md to standard output: `make docs`. The contract in the words of
//! `detect.wit`, set out to be looked things up in.

use std::fmt::Write as _;
use wit_parser::{
    Docs, Function, Interface, InterfaceId, Resolve, Type, TypeDefKind, TypeId, TypeOwner,
    WorldItem,
};

#[allow(
    dead_code,
    reason = "the test that the page is up to date calls `markdown` alone"
)]
fn main() {
    print!("{}", markdown());
}

/// docs/contract.md, whole.
pub fn markdown() -> String {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str("detect.wit", include_str!("../detect.wit"))
        .expect("the contract is WIT");
    let package = &resolve.packages[package];
    let mut out = format!(
        "# The contract\n\n\
         <!-- Written from wit/detect.wit by `make docs`: change it there. -->\n\n\
         {}\n\n\
         The package is `{}`. Authors meet it through the SDK ([plugins.md](plugins.md)),\n\
         which has a view for each record and a module for each service; this page is for those who\n\
         write bindings of their own, or want to know what lies below. Kinds of event, their fields\n\
         and all sets of values: [events.md](events.md). What may change:\n\
         [versioning.md](versioning.md).\n\n\
         Times are ns, of events since boot; sizes are bytes. Text that comes from the kernel is\n\
         bytes and need not be UTF-8; a `string` is UTF-8.\n",
        text(&package.docs),
        package.name
    );
    out.push_str("\n## Worlds\n\n| world | a plugin may import | it exports |\n|---|---|---|\n");
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        let _ = writeln!(
            out,
            "| `{name}` | {} | {} |",
            called(&resolve, world.imports.values()),
            called(&resolve, world.exports.values())
        );
    }
    out.push_str(
        "\nWhat is imported must be declared under `services` in the manifest; `types` is no service.\n",
    );
    let (types, others): (Vec<_>, Vec<_>) =
        (package.interfaces.iter()).partition(|(name, _)| *name == "types");
    out.push_str("\n## Exports\n");
    for (name, id) in others.iter().filter(|(name, _)| is_export(name)) {
        interface(&mut out, &resolve, name, **id);
    }
    out.push_str("\n## Services\n\nEach is a capability: declared in the manifest, granted by the operator.\n");
    for (name, id) in others.iter().filter(|(name, _)| !is_export(name)) {
        interface(&mut out, &resolve, name, **id);
    }
    out.push_str("\n## Types\n");
    for (_, id) in types {
        for (name, id) in &resolve.interfaces[*id].types {
            definition(&mut out, &resolve, name, *id);
        }
    }
    failures(&mut out);
    out.push_str(include_str!("../quotas.md"));
    out
}

/// What `detect.wit` leaves to the name, which is frozen as it is.
fn said(what: &str) -> &'static str {
    let said = [
        ("detector", "What every plugin exports."),
        (
            "detector.detect",
            "Called with each batch of events, in order; returns what it finds in it.",
        ),
        (
            "snapshot.save",
            "Everything that the next generation should know.",
        ),
        (
            "log.write",
            "Writes a line, which is told when the call returns.",
        ),
        ("metrics.add", "Adds to the counter of this name."),
        ("metrics.set", "Sets the gauge of this name."),
        (
            "state.get",
            "The value of a key, unless it has none or its time is over.",
        ),
        ("state.delete", "Forgets a key."),
        ("file.stat", "What the file's inode says."),
        (
            "file.elf",
            "What the header and the tables of an ELF file say.",
        ),
        ("timer.clear", "Takes back what was set with this token."),
    ];
    let found = said.iter().find(|(name, _)| *name == what);
    found
        .unwrap_or_else(|| panic!("say what {what} is, in detect.wit or here"))
        .1
}

/// What a plugin exports, rather than calls.
fn is_export(name: &str) -> bool {
    ["detector", "snapshot"].contains(&name)
}

/// The names of a world's interfaces, but for the types that they all use.
fn called<'a>(resolve: &Resolve, items: impl Iterator<Item = &'a WorldItem>) -> String {
    let names = items.filter_map(|item| match item {
        WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.as_deref(),
        _ => None,
    });
    let links = names.filter(|name| *name != "types");
    let links: Vec<String> = links.map(|name| format!("[`{name}`](#{name})")).collect();
    links.join(", ")
}

fn interface(out: &mut String, resolve: &Resolve, name: &str, id: InterfaceId) {
    let Interface {
        docs,
        types,
        functions,
        ..
    } = &resolve.interfaces[id];
    let docs = match text(docs) {
        said if said.is_empty() => self::said(name).to_owned(),
        docs => docs,
    };
    let _ = write!(out, "\n### {name}\n\n{docs}\n");
    out.push_str("\n| function | |\n|---|---|\n");
    for function in functions.values() {
        let docs = match line(&function.docs) {
            docs if docs.is_empty() => said(&format!("{name}.{}", function.name)).to_owned(),
            docs => docs,
        };
        let _ = writeln!(out, "| `{}` | {docs} |", signature(resolve, function));
    }
    for (name, id) in types {
        // What it only uses stands with the types.
        if !matches!(resolve.types[*id].kind, TypeDefKind::Type(_)) {
            definition(out, resolve, name, *id);
        }
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params = function.params.iter();
    let params: Vec<String> = params
        .map(|p| format!("{}: {}", p.name, named(resolve, &p.ty)))
        .collect();
    let result = function.result.as_ref();
    let result = result.map(|ty| format!(" -> {}", named(resolve, ty)));
    format!(
        "{}({}){}",
        function.name,
        params.join(", "),
        result.unwrap_or_default()
    )
}

fn definition(out: &mut String, resolve: &Resolve, name: &str, id: TypeId) {
    let def = &resolve.types[id];
    let docs = text(&def.docs);
    let paragraph = if docs.is_empty() {
        String::new()
    } else {
        format!("{docs}\n\n")
    };
    match &def.kind {
        TypeDefKind::Record(record) => {
            let _ = write!(
                out,
                "\n### record {name}\n\n{paragraph}| field | type | meaning |\n|---|---|---|\n"
            );
            for field in &record.fields {
                let _ = writeln!(
                    out,
                    "| `{}` | `{}` | {} |",
                    field.name,
                    named(resolve, &field.ty),
                    line(&field.docs)
                );
            }
        }
        TypeDefKind::Enum(cases) => {
            let cases: Vec<String> = cases
                .cases
                .iter()
                .map(|c| format!("`{}`", c.name))
                .collect();
            let _ = write!(
                out,
                "\n### enum {name}\n\n{paragraph}{}, in this order from 0.\n",
                cases.join(", ")
            );
        }
        TypeDefKind::Type(ty) => {
            let _ = write!(
                out,
                "\n### type {name}\n\n`{}`. {docs}\n",
                named(resolve, ty)
            );
        }
        other => panic!("teach this page to tell of {other:?}"),
    }
}

/// A type as the contract writes it.
fn named(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return format!("{ty:?}").to_lowercase();
    };
    let def = &resolve.types[*id];
    if let (Some(name), TypeOwner::Interface(_)) = (&def.name, def.owner) {
        return name.clone();
    }
    let of = |ty: &Type| named(resolve, ty);
    let option = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), of);
    match &def.kind {
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::Result(r) => format!("result<{}, {}>", option(&r.ok), option(&r.err)),
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(of).collect();
            format!("tuple<{}>", types.join(", "))
        }
        other => panic!("teach this page to name {other:?}"),
    }
}

/// The values of `failure`, which every service answers with.
fn failures(out: &mut String) {
    out.push_str("\n## Failures\n\n| value | name | meaning |\n|---|---|---|\n");
    let sets = vedette_contract::sets::ALL;
    for set in sets.iter().filter(|set| set.name == "failure") {
        for v in set.values {
            let _ = writeln!(out, "| {} | `{}` | {} |", v.value, v.name, v.doc);
        }
    }
}

/// Documentation as paragraphs.
fn text(docs: &Docs) -> String {
    docs.contents
        .as_deref()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// Documentation as the cell of a table.
fn line(docs: &Docs) -> String {
    text(docs).replace('\n', " ").replace('|', "\\|")
}
