//! The way from one request to another: the request of each frame.

use deepface_client::v1::RequestedAttribute;

/// An attribute below this strength is not requested.
const NEGLIGIBLE: f64 = 0.05;
/// Least strength where every attribute is below [`NEGLIGIBLE`]: a request cannot be empty, and strengths are above 0.
const FAINTEST: f64 = 0.01;

/// The way from one request to another.
///
/// A request is a list of signed strengths: above 0 present, below 0 absent, 0 not requested. They change linearly:
/// `(1 - t) from + t to`.
#[derive(Clone, Debug)]
pub(crate) struct Journey {
    from: Vec<RequestedAttribute>,
    to: Vec<RequestedAttribute>,
    /// Every attribute of both, those of `from` first.
    strands: Vec<Strand>,
    /// Pairs of strands of which a face shows only one.
    rivals: Vec<(usize, usize)>,
}

/// One attribute, and its signed strength in both requests.
#[derive(Clone, Debug, PartialEq)]
struct Strand {
    name: String,
    from: f64,
    to: f64,
}

impl Journey {
    /// Joins two requests that spell names alike.
    pub(crate) fn new(from: Vec<RequestedAttribute>, to: Vec<RequestedAttribute>) -> Self {
        let strength = |wishes: &[RequestedAttribute], name: &str| {
            let wish = wishes.iter().find(|wish| wish.name == name);
            wish.map_or(0.0, signed)
        };
        let mut strands: Vec<Strand> = Vec::new();
        for wish in from.iter().chain(&to) {
            if strands.iter().all(|strand| strand.name != wish.name) {
                strands.push(Strand {
                    name: wish.name.clone(),
                    from: strength(&from, &wish.name),
                    to: strength(&to, &wish.name),
                });
            }
        }
        Self {
            from,
            to,
            strands,
            rivals: Vec::new(),
        }
    }

    /// The attributes of either request.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.strands.iter().map(|strand| strand.name.as_str())
    }

    /// A request for every attribute that is present at either end. If a service accepts it, there are no rivals.
    pub(crate) fn everything(&self) -> Vec<RequestedAttribute> {
        let present = self.strands.iter().filter(|s| s.from > 0.0 || s.to > 0.0);
        present.map(|strand| wish(&strand.name, 1.0)).collect()
    }

    /// Pairs of an attribute that disappears and one that appears: they may be rivals.
    pub(crate) fn candidates(&self) -> Vec<(usize, usize)> {
        let all = 0..self.strands.len();
        let goes = |&i: &usize| self.strands[i].from > 0.0 && self.strands[i].to <= 0.0;
        let comes = |&i: &usize| self.strands[i].to > 0.0 && self.strands[i].from <= 0.0;
        let pairs = |i| all.clone().filter(comes).map(move |j| (i, j));
        all.clone().filter(goes).flat_map(pairs).collect()
    }

    /// A request for both of a pair.
    pub(crate) fn both(&self, (i, j): (usize, usize)) -> Vec<RequestedAttribute> {
        [i, j].map(|i| wish(&self.strands[i].name, 1.0)).into()
    }

    /// Makes a pair rivals: each frame requests only the stronger of the two, by the difference of their strengths.
    pub(crate) fn separate(&mut self, pair: (usize, usize)) {
        self.rivals.push(pair);
    }

    /// The request of frame `i` of `frames`. The first and the last are the two requests unchanged.
    pub(crate) fn frame(&self, i: usize, frames: usize) -> Vec<RequestedAttribute> {
        let last = frames.saturating_sub(1);
        match i {
            0 => self.from.clone(),
            i if i >= last => self.to.clone(),
            i => self.at(i as f64 / last as f64),
        }
    }

    fn at(&self, t: f64) -> Vec<RequestedAttribute> {
        let blend = |strand: &Strand| (1.0 - t) * strand.from + t * strand.to;
        let mut strengths: Vec<f64> = self.strands.iter().map(blend).collect();
        for &(i, j) in &self.rivals {
            let common = strengths[i].min(strengths[j]).max(0.0);
            strengths[i] -= common;
            strengths[j] -= common;
        }
        let named = || self.names().zip(strengths.iter().copied());
        let wishes: Vec<_> = named()
            .filter(|(_, strength)| strength.abs() >= NEGLIGIBLE)
            .map(|(name, strength)| wish(name, strength))
            .collect();
        if !wishes.is_empty() {
            return wishes;
        }
        let strongest = named().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        let faint = |s: f64| s.abs().max(FAINTEST).copysign(s);
        strongest
            .map(|(name, strength)| wish(name, faint(strength)))
            .into_iter()
            .collect()
    }
}

/// The strength of a wish: below 0 where it should be absent.
pub(crate) fn signed(wish: &RequestedAttribute) -> f64 {
    let strength = wish.strength.unwrap_or(1.0);
    if wish.absent { -strength } else { strength }
}

fn wish(name: &str, signed: f64) -> RequestedAttribute {
    RequestedAttribute {
        name: name.to_owned(),
        absent: signed < 0.0,
        strength: Some(signed.abs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wishes::{say_all, tests::wishes};

    fn journey(from: &str, to: &str) -> Journey {
        Journey::new(wishes(from), wishes(to))
    }

    fn frames(journey: &Journey, n: usize) -> Vec<String> {
        (0..n).map(|i| say_all(&journey.frame(i, n))).collect()
    }

    #[test]
    fn strengths_change_linearly_through_absence() {
        let journey = journey("Male, Smiling", "Bald=2, not Smiling");
        let expected = [
            "Male, Smiling",
            "Male=0.75, Smiling=0.5, Bald=0.5",
            "Male=0.5, Bald",
            "Male=0.25, not Smiling=0.5, Bald=1.5",
            "Bald=2, not Smiling",
        ];
        assert_eq!(frames(&journey, 5), expected);
        assert_eq!(
            journey.names().collect::<Vec<_>>(),
            ["Male", "Smiling", "Bald"]
        );
    }

    #[test]
    fn the_ends_are_the_requests_unchanged() {
        let (from, to) = (wishes("Bald, Male=1"), wishes("Male, not Bald"));
        let journey = Journey::new(from.clone(), to.clone());
        for frames in [2, 3, 24] {
            assert_eq!(journey.frame(0, frames), from);
            assert_eq!(journey.frame(frames - 1, frames), to);
        }
    }

    #[test]
    fn negligible_attributes_are_left_out_but_never_all() {
        let steps = frames(&journey("Male", "Bald"), 101);
        assert_eq!(steps[4], "Male=0.96");
        assert_eq!(steps[5], "Male=0.95, Bald=0.05");
        let steps = frames(&journey("Smiling", "not Smiling"), 101);
        assert_eq!(steps[49], "Smiling=0.020000000000000018");
        assert_eq!(steps[50], "Smiling=0.01");
        assert!(steps[51].starts_with("not Smiling=0.02"));
    }

    #[test]
    fn one_rival_disappears_before_the_other_appears() {
        let mut journey = journey("Black Hair, Male", "Blond Hair, Male");
        assert_eq!(
            say_all(&journey.everything()),
            "Black Hair, Male, Blond Hair"
        );
        assert_eq!(journey.candidates(), [(0, 2)]);
        assert_eq!(say_all(&journey.both((0, 2))), "Black Hair, Blond Hair");
        journey.separate((0, 2));
        let expected = [
            "Black Hair, Male",
            "Black Hair=0.5, Male",
            "Male",
            "Male, Blond Hair=0.5",
            "Blond Hair, Male",
        ];
        assert_eq!(frames(&journey, 5), expected);
    }

    #[test]
    fn rivals_are_never_requested_together() {
        let mut journey = journey("Baby, Child", "Senior, Middle Aged=3");
        let pairs = journey.candidates();
        assert_eq!(pairs.len(), 4);
        pairs.into_iter().for_each(|pair| journey.separate(pair));
        for i in 0..100 {
            let names: Vec<_> = journey.frame(i, 100).into_iter().map(|w| w.name).collect();
            let young = names.iter().any(|name| name == "Baby" || name == "Child");
            let old = names
                .iter()
                .any(|name| name == "Senior" || name == "Middle Aged");
            assert!(young != old, "{i}: {names:?}");
        }
    }
}
