//! Which file of a crate uses which: paths that start with `crate`, `super`, `self` or an imported name, followed
//! through re-exports to the file that has the item.
//!
//! Two kinds of import do not count. A file and the modules below it are one idea (`api/mod.rs` and `api/classify.rs`), so
//! neither direction between them is followed. Tests may use anything: items under `cfg(test)`, `tests.rs` and `tests/`
//! are left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{
    tokens::{tokens, without_tests},
    workspace::files,
};

/// The path of a module in its crate; the root has none.
pub(crate) type Name = Vec<String>;

/// What one file says.
#[derive(Default)]
pub(crate) struct Module {
    /// Imported names, and the path that each stands for.
    names: BTreeMap<String, Name>,
    /// Paths whose items are all imported.
    globs: Vec<Name>,
    /// Items that the file defines.
    items: BTreeSet<String>,
    /// Every path in the file, those of imports included.
    paths: Vec<Name>,
}

/// The modules of a crate that are not tests, by name; `src` is where its `lib.rs` or `main.rs` is.
pub(crate) fn modules(src: &Path) -> BTreeMap<Name, Module> {
    let texts = files(src).into_iter().filter_map(|path| {
        let inner = path.strip_prefix(src).unwrap().with_extension("");
        let mut name: Name = inner.iter().map(|p| p.to_string_lossy().into()).collect();
        let root = name == ["lib"] || (name == ["main"] && !src.join("lib.rs").exists());
        if root || name.last().is_some_and(|last| last == "mod") {
            name.pop();
        }
        let rust = path.extension().is_some_and(|e| e == "rs");
        let other_target = name == ["main"] || name.first().is_some_and(|n| n == "bin");
        (rust && !other_target).then(|| (name, fs::read_to_string(&path).unwrap()))
    });
    parse(texts.collect())
}

/// The modules of a crate from their texts.
pub(crate) fn parse(texts: BTreeMap<Name, String>) -> BTreeMap<Name, Module> {
    let mut tests: Vec<Name> = Vec::new();
    let mut modules = BTreeMap::new();
    for (name, text) in texts {
        let (tokens, only_tests) = without_tests(&tokens(&text));
        tests.extend(only_tests.into_iter().map(|t| [&name[..], &[t]].concat()));
        modules.insert(name, module(&tokens));
    }
    modules.retain(|name: &Name, _| {
        !tests.iter().any(|test| name.starts_with(test)) && !name.iter().any(|n| n == "tests")
    });
    modules
}

fn module(tokens: &[String]) -> Module {
    let mut module = Module::default();
    let mut at = 0;
    while at < tokens.len() {
        let next = tokens.get(at + 1);
        match tokens[at].as_str() {
            "use" => {
                at += 1;
                tree(tokens, &mut at, &[], &mut module);
            }
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "union" => {
                module.items.extend(next.cloned());
            }
            "macro_rules" => module.items.extend(tokens.get(at + 2).cloned()),
            _ => {
                let path = path(&tokens[at..]);
                if path.len() > 1 {
                    at += 2 * path.len() - 2;
                    module.paths.push(path);
                }
            }
        }
        at += 1;
    }
    module
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words joined by `::`, as far as they go.
fn path(tokens: &[String]) -> Name {
    let mut path = Vec::new();
    for pair in tokens.chunks(2) {
        if !is_word(&pair[0]) {
            break;
        }
        path.push(pair[0].clone());
        if pair.get(1).is_none_or(|t| t != "::") {
            break;
        }
    }
    path
}

/// Reads a tree of imports; `at` ends on the sign after it.
fn tree(tokens: &[String], at: &mut usize, prefix: &[String], module: &mut Module) {
    let mut path = prefix.to_vec();
    while let Some(token) = tokens.get(*at) {
        match token.as_str() {
            "::" => {}
            "{" => {
                while !matches!(tokens.get(*at).map(String::as_str), Some("}") | None) {
                    *at += 1;
                    tree(tokens, at, &path, module);
                }
                *at += 1;
                return;
            }
            "*" => {
                *at += 1;
                module.paths.push(path.clone());
                module.globs.push(path);
                return;
            }
            "as" => {
                import(module, path, tokens.get(*at + 1).cloned());
                *at += 2;
                return;
            }
            "self" if !path.is_empty() => {}
            word if is_word(word) => path.push(word.into()),
            _ => break,
        }
        *at += 1;
    }
    if path.len() > prefix.len() || tokens.get(*at - 1).is_some_and(|t| t == "self") {
        import(module, path, None);
    }
}

fn import(module: &mut Module, path: Name, alias: Option<String>) {
    if let Some(name) = alias.or_else(|| path.last().cloned()) {
        module.names.insert(name, path.clone());
    }
    module.paths.push(path);
}

/// Which module uses which, a module and those below it apart.
pub(crate) fn edges(modules: &BTreeMap<Name, Module>) -> BTreeSet<(Name, Name)> {
    let mut edges = BTreeSet::new();
    for (name, module) in modules {
        for path in &module.paths {
            if let Some(used) = resolve(modules, name, path, 0)
                && !used.starts_with(name)
                && !name.starts_with(&used)
            {
                edges.insert((name.clone(), used));
            }
        }
    }
    edges
}

/// The module that has what a path names; `None` for other crates.
fn resolve(
    modules: &BTreeMap<Name, Module>,
    from: &Name,
    path: &[String],
    depth: usize,
) -> Option<Name> {
    let mut here = from.clone();
    for (i, part) in path.iter().enumerate() {
        let child = [&here[..], std::slice::from_ref(part)].concat();
        let module = modules.get(&here)?;
        match part.as_str() {
            "crate" => here.clear(),
            "self" | "Self" => {}
            "super" => {
                here.pop()?;
            }
            _ if modules.contains_key(&child) => here = child,
            _ if module.items.contains(part) => return Some(here),
            _ => {
                let import = module.names.get(part).filter(|p| *p != path || i > 0);
                if let Some(import) = import.filter(|_| depth < 16) {
                    let rest = &path[i + 1..];
                    let target = resolve(modules, &here, import, depth + 1)?;
                    let deeper = resolve_in(modules, &target, rest, depth + 1);
                    return deeper.or(Some(target));
                }
                let globs = module.globs.iter().filter(|_| depth < 16);
                let mut sources = globs.filter_map(|g| resolve(modules, &here, g, depth + 1));
                let source =
                    sources.find(|s| modules.get(s).is_some_and(|m| m.items.contains(part)));
                return source.or((i > 0).then_some(here));
            }
        }
    }
    Some(here)
}

/// As `resolve`, for what remains of a path: nothing is no path.
fn resolve_in(
    modules: &BTreeMap<Name, Module>,
    from: &Name,
    rest: &[String],
    depth: usize,
) -> Option<Name> {
    match rest.is_empty() {
        true => None,
        false => resolve(modules, from, rest, depth),
    }
}
