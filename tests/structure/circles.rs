//! Circles in a graph of modules.

use std::collections::{BTreeMap, BTreeSet};

use crate::imports::Name;

/// The circles of a graph, a line each: the modules that reach each other, and who uses whom among them.
pub(crate) fn circles(edges: &BTreeSet<(Name, Name)>) -> Vec<String> {
    let mut next: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(from).or_default().push(to);
    }
    let reach: BTreeMap<&Name, BTreeSet<&Name>> = next
        .keys()
        .map(|&from| (from, reachable(&next, from)))
        .collect();
    let mut circles = Vec::new();
    let mut seen: BTreeSet<&Name> = BTreeSet::new();
    for (&name, reached) in &reach {
        if !reached.contains(name) || seen.contains(name) {
            continue;
        }
        let back = |n: &&&Name| reach.get(**n).is_some_and(|r| r.contains(name));
        let members: BTreeSet<&Name> = reached.iter().filter(back).copied().collect();
        let among = edges
            .iter()
            .filter(|(a, b)| members.contains(a) && members.contains(b));
        let uses: Vec<String> = among
            .map(|(a, b)| format!("{} -> {}", a.join("/"), b.join("/")))
            .collect();
        circles.push(uses.join(", "));
        seen.extend(members);
    }
    circles
}

fn reachable<'a>(next: &BTreeMap<&'a Name, Vec<&'a Name>>, from: &Name) -> BTreeSet<&'a Name> {
    let mut found = BTreeSet::new();
    let mut todo: Vec<&Name> = next.get(from).cloned().unwrap_or_default();
    while let Some(name) = todo.pop() {
        if found.insert(name) {
            todo.extend(next.get(name).into_iter().flatten());
        }
    }
    found
}

#[test]
fn a_circle_is_found_through_a_re_export() {
    let text = |name: &[&str], text: &str| {
        let name: Name = name.iter().map(|&n| n.to_owned()).collect();
        (name, text.to_owned())
    };
    let texts = [
        text(&[], "mod a; mod b; mod c; pub use b::{B, self as other};"),
        text(&["a"], "use crate::B; pub struct A; fn f(_: B) {}"),
        text(
            &["b"],
            "pub struct B; fn g() { crate::a::f() } use super::c::C;",
        ),
        text(
            &["c"],
            "pub struct C; #[cfg(test)] mod tests { use crate::a::A; }",
        ),
    ];
    let modules = crate::imports::parse(texts.into_iter().collect());
    assert_eq!(
        circles(&crate::imports::edges(&modules)),
        ["a -> b, b -> a"]
    );
}
