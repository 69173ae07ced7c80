//! The attribute `#[plugin]` of `vedette-sdk`, which documents it.

use proc_macro::{Literal, TokenStream, TokenTree};
use std::fmt::Write as _;

/// Exports the type that follows as the plugin of this component.
#[proc_macro_attribute]
pub fn plugin(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let expansion = match (name_of(&item), snapshot_of(attribute)) {
        (Err(message), _) | (_, Err(message)) => format!("::core::compile_error!({message:?});"),
        (Ok(name), Ok(Snapshot::None)) => format!("::vedette_sdk::plugin!({name});"),
        (Ok(name), Ok(Snapshot::Own)) => format!("::vedette_sdk::plugin!({name}, snapshot);"),
        (Ok(name), Ok(Snapshot::Serde(schema))) => {
            let mut out = format!("::vedette_sdk::plugin!({name}, snapshot);");
            // Writing to a String cannot fail.
            let _ = write!(out, "::vedette_sdk::__serde_snapshot!({name}, {schema});");
            out
        }
    };
    let mut out = item;
    // What is written above is Rust.
    out.extend(expansion.parse::<TokenStream>().unwrap_or_default());
    out
}

enum Snapshot {
    None,
    Own,
    Serde(Literal),
}

/// `#[plugin]`, `#[plugin(snapshot)]` or `#[plugin(snapshot = 1)]`.
fn snapshot_of(attribute: TokenStream) -> Result<Snapshot, &'static str> {
    let tokens: Vec<TokenTree> = attribute.into_iter().collect();
    let is_snapshot =
        |t: &TokenTree| matches!(t, TokenTree::Ident(i) if i.to_string() == "snapshot");
    match tokens.as_slice() {
        [] => Ok(Snapshot::None),
        [name] if is_snapshot(name) => Ok(Snapshot::Own),
        [name, TokenTree::Punct(is), TokenTree::Literal(schema)]
            if is_snapshot(name) && is.as_char() == '=' =>
        {
            Ok(Snapshot::Serde(schema.clone()))
        }
        _ => Err(
            "write #[plugin], #[plugin(snapshot)] for a type that implements Snapshot, or #[plugin(snapshot = 1)] for one that serde can write, with the number of its form",
        ),
    }
}

/// The name of a type without parameters.
fn name_of(item: &TokenStream) -> Result<String, &'static str> {
    let mut tokens = item.clone().into_iter();
    while let Some(token) = tokens.next() {
        let TokenTree::Ident(word) = token else {
            continue;
        };
        if !["struct", "enum"].contains(&word.to_string().as_str()) {
            continue;
        }
        let Some(TokenTree::Ident(name)) = tokens.next() else {
            break;
        };
        return match tokens.next() {
            Some(TokenTree::Punct(next)) if next.as_char() == '<' => {
                Err("the plugin of a component has no parameters: name the type that it is")
            }
            _ => Ok(name.to_string()),
        };
    }
    Err("put #[plugin] before the struct or enum that implements Plugin")
}
