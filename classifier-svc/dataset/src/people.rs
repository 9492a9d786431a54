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

/// How much each photograph counts where each person counts once: one over the number of the person's photographs. `people`
/// are the numbers of the persons, from 0.
pub fn person_weights(people: &[usize]) -> Vec<f64> {
    let mut counts = vec![0.0; people.iter().max().map_or(0, |last| last + 1)];
    people.iter().for_each(|&p| counts[p] += 1.0);
    people.iter().map(|&p| 1.0 / counts[p]).collect()
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
        assert_eq!(person_weights(&numbers), [0.5, 0.5, 0.5, 1.0, 0.5]);
    }
}
