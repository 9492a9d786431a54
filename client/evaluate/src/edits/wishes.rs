//! Which changes are asked for of which photograph.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::labels::Labels;

/// Changes of each photograph.
const EACH: usize = 2;

/// A change of a photograph: an attribute that it lacks, or one that it has and should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) attribute: &'static str,
    /// Whether it should be there.
    pub(crate) present: bool,
    /// Other attributes that the photograph must have, or must lack, for the change to make sense.
    given: &'static [(&'static str, bool)],
}

/// Everything that is asked for. The attributes are those that the judges tell well in photographs, and differ in how much
/// of a face they take: from a mouth to everything.
pub(crate) const WISHES: [Wish; 9] = [
    wish("Smiling", true, &[]),
    wish("Smiling", false, &[]),
    wish("Eyeglasses", true, &[("Sunglasses", false)]),
    wish("Eyeglasses", false, &[]),
    wish("Mustache", true, &[("Male", true), ("Child", false)]),
    wish("Blond Hair", true, HAIR),
    wish("Gray Hair", true, HAIR),
    wish("Bald", true, &[("Male", true), ("Wearing Hat", false)]),
    wish("Youth", true, &[("Child", false), ("Baby", false)]),
];
/// There is hair to be seen.
const HAIR: &[(&str, bool)] = &[("Bald", false), ("Wearing Hat", false)];

const fn wish(
    attribute: &'static str,
    present: bool,
    given: &'static [(&'static str, bool)],
) -> Wish {
    Wish {
        attribute,
        present,
        given,
    }
}

impl Wish {
    /// What it is called: "Smiling", "not Smiling".
    pub(crate) fn name(&self) -> String {
        let not = if self.present { "" } else { "not " };
        format!("{not}{}", self.attribute)
    }

    /// Whether a photograph with these labels shows what is asked for. `None` where they do not say.
    pub(crate) fn is_in(&self, labels: &Labels) -> Option<bool> {
        let attribute = labels.schema().find(self.attribute)?;
        Some(labels.has(attribute) == self.present)
    }

    /// Whether it makes sense to ask this of a photograph.
    fn suits(&self, labels: &Labels) -> bool {
        let holds = |&(name, present): &(&str, bool)| {
            let attribute = labels.schema().find(name);
            attribute.is_some_and(|attribute| labels.has(attribute) == present)
        };
        self.is_in(labels) == Some(false) && self.given.iter().all(holds)
    }
}

/// Up to two changes for each photograph, in order: of those that suit it, the ones that were asked for least so far. Ties
/// are drawn by `seed`, with the same result for the first photographs however many follow.
pub(crate) fn choose<'a>(
    photographs: impl IntoIterator<Item = &'a Labels>,
    seed: u64,
) -> Vec<Vec<Wish>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut asked = [0_usize; WISHES.len()];
    let one = |labels: &Labels| {
        let mut numbers: Vec<usize> = (0..WISHES.len()).collect();
        numbers.shuffle(&mut rng);
        numbers.retain(|&number| WISHES[number].suits(labels));
        numbers.sort_by_key(|&number| asked[number]);
        numbers.truncate(EACH);
        numbers.iter().for_each(|&number| asked[number] += 1);
        numbers.into_iter().map(|number| WISHES[number]).collect()
    };
    photographs.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::tests::labels;

    #[test]
    fn every_attribute_has_a_name_in_the_default_schema() {
        let everything = labels(&[]);
        let known = |name: &str| everything.schema().find(name).is_some();
        for wish in WISHES {
            assert!(known(wish.attribute), "{wish:?}");
            assert!(wish.given.iter().all(|(name, _)| known(name)), "{wish:?}");
        }
    }

    #[test]
    fn what_is_asked_for_is_not_there_and_makes_sense() {
        let woman = labels(&["Smiling", "Blond Hair", "Youth"]);
        for wish in choose([&woman; 20], 1).concat() {
            let sensible = ["not Smiling", "Eyeglasses", "Gray Hair"];
            assert!(sensible.contains(&&*wish.name()), "{wish:?}");
        }
        let hidden = labels(&["Male", "Smiling", "Bald", "Sunglasses", "Youth", "Mustache"]);
        let asked = choose([&hidden], 1).concat();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert_eq!(asked[0].name(), "not Smiling");
    }

    #[test]
    fn changes_are_balanced_and_do_not_depend_on_later_photographs() {
        let men = [labels(&["Male"]), labels(&["Male", "Eyeglasses"])];
        let men: Vec<&Labels> = men.iter().cycle().take(64).collect();
        let all = choose(men.iter().copied(), 5);
        assert!(all.iter().all(|wishes| wishes.len() == EACH));
        let count = |wish: Wish| all.iter().flatten().filter(|w| **w == wish).count();
        // Nobody smiles. The rest shares 128 changes.
        let counts = WISHES.map(count);
        assert_eq!(counts[1], 0);
        let rest = counts.iter().enumerate().filter(|(i, _)| *i != 1);
        assert!(rest.clone().all(|(_, n)| *n == 16), "{counts:?}");
        assert_eq!(choose(men[..10].iter().copied(), 5), all[..10]);
        assert_ne!(choose(men.iter().copied(), 6), all);
    }
}
