//! Data flows one way: no module of the generator imports one that imports it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// What each module at the top of `codegen/src` imports of the others, without its tests.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut imports = BTreeMap::new();
    for entry in fs::read_dir(source).expect("readable") {
        let path = entry.expect("readable").path();
        let module = path.file_stem().expect("a name").to_string_lossy();
        if module == "lib" {
            continue;
        }
        let mut named = BTreeSet::new();
        collect(&path, &mut named);
        named.remove(&*module);
        imports.insert(module.into_owned(), named);
    }
    imports
}

fn collect(path: &Path, named: &mut BTreeSet<String>) {
    if path.file_stem().is_some_and(|stem| stem == "tests") {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("readable") {
            collect(&entry.expect("readable").path(), named);
        }
        return;
    }
    if path.extension().is_none_or(|e| e != "rs") {
        return;
    }
    let file = syn::parse_file(&fs::read_to_string(path).expect("text")).expect("Rust");
    let items = file.items.into_iter().map(ToTokens::into_token_stream);
    items
        .filter(|item| !item.to_string().starts_with("# [cfg (test)]"))
        .for_each(|item| paths(item, named));
}

/// The modules that paths from `crate::` on begin with.
fn paths(tokens: TokenStream, named: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            paths(group.stream(), named);
        }
        let after = match &tokens[at..] {
            [
                TokenTree::Ident(root),
                TokenTree::Punct(_),
                TokenTree::Punct(_),
                after,
                ..,
            ] if root == "crate" => after,
            _ => continue,
        };
        match after {
            TokenTree::Ident(module) => {
                named.insert(module.to_string());
            }
            // `use crate::{a, b::c};`
            TokenTree::Group(group) => {
                let mut begins = true;
                for token in group.stream() {
                    match token {
                        TokenTree::Ident(module) if begins => {
                            named.insert(module.to_string());
                            begins = false;
                        }
                        TokenTree::Punct(comma) if comma.as_char() == ',' => begins = true,
                        _ => begins = false,
                    }
                }
            }
            _ => {}
        }
    }
}

#[test]
fn no_two_modules_import_each_other() {
    let mut left = imports();
    assert!(
        left["compile"].contains("ops"),
        "what is read is not what is there"
    );
    // What imports nothing that is left is below all the rest, and falls away.
    while let Some(lowest) = left
        .iter()
        .find(|(_, named)| !named.iter().any(|name| left.contains_key(name)))
        .map(|(module, _)| module.clone())
    {
        left.remove(&lowest);
    }
    assert!(left.is_empty(), "these import each other: {left:#?}");
}
