//! Whose photographs are whose, by number.

use std::collections::HashMap;

use crate::photograph::Photograph;

/// The number of each photograph's person: from 0, in the order in which people first appear.
pub fn person_numbers(photographs: &[&Photograph]) -> Vec<usize> {
    let mut numbers = HashMap::new();
    let people = photographs.iter().map(|p| {
        let next = numbers.len();
        *numbers.entry(p.person.as_str()).or_insert(next)
    });
    people.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_numbered_as_they_appear() {
        let of = |person| Photograph::new("a.jpg".into(), person, Vec::new());
        let all = ["Cid", "Ada", "Cid", "Ben", "Ada"].map(of);
        let numbers = person_numbers(&all.iter().collect::<Vec<_>>());
        assert_eq!(numbers, [0, 1, 0, 2, 1]);
    }
}
