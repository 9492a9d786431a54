//! What people type instead of the name of an attribute: one table for every message that suggests names.
//!
//! A word may mean attributes of several schemas; whoever suggests leaves out those that the model at hand lacks.

/// An attribute that somebody may have meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// What was typed, in lower case.
    pub word: &'static str,
    /// The attribute's name.
    pub name: &'static str,
    /// Whether the word means that the attribute is absent: "female" is the absence of "Male".
    pub absent: bool,
}

/// Every word and every attribute that it may mean, the likeliest of a word first.
pub fn synonyms() -> impl Iterator<Item = Synonym> {
    TABLE.iter().flat_map(|(words, meanings)| {
        let words = words.split(',').map(str::trim);
        words.flat_map(move |word| {
            meanings
                .split(',')
                .map(move |meaning| synonym(word, meaning))
        })
    })
}

fn synonym(word: &'static str, meaning: &'static str) -> Synonym {
    let meaning = meaning.trim();
    let absence = meaning.strip_prefix("not ");
    Synonym {
        word,
        name: absence.unwrap_or(meaning),
        absent: absence.is_some(),
    }
}

/// Words, and what they mean, both separated by commas; `not` before an attribute that is absent.
const TABLE: &[(&str, &str)] = &[
    (
        "female, woman, women, girl, lady, feminine, she, her, mother, sister, wife",
        "not Male",
    ),
    (
        "man, men, boy, guy, gentleman, masculine, he, him, father, brother, husband",
        "Male",
    ),
    ("gender, sex", "Male, not Male"),
    (
        "caucasian, european, white person, white man, white woman, white skin",
        "White",
    ),
    (
        "african, african american, black person, black man, black woman, black skin, dark skin",
        "Black",
    ),
    (
        "east asian, oriental, chinese, japanese, korean, vietnamese",
        "Asian",
    ),
    ("south asian, pakistani, hindu", "Indian"),
    ("ethnicity, race", "Asian, White, Black, Indian"),
    ("infant, newborn, toddler", "Baby, Young"),
    ("kid, kids, children, little, minor", "Child, Young"),
    (
        "young, teen, teenager, adolescent, young adult, young person, youthful",
        "Youth, Young",
    ),
    (
        "adult, grown up, forties, middle age, mature",
        "Middle Aged",
    ),
    (
        "old, older, elderly, aged, elder, old man, old woman, grandpa, grandma, grandfather, grandmother, \
         pensioner, wrinkles, wrinkled",
        "Senior, not Young",
    ),
    ("age", "Baby, Child, Youth, Middle Aged, Senior, Young"),
    (
        "blonde, blond, blonde hair, fair hair, yellow hair, golden hair, light hair",
        "Blond Hair",
    ),
    ("brunette, brunet, dark brown hair, auburn", "Brown Hair"),
    ("dark hair, raven", "Black Hair, Brown Hair"),
    (
        "grey, gray, grey hair, white hair, silver hair, silver haired",
        "Gray Hair",
    ),
    ("red hair, redhead, ginger", "Brown Hair"),
    (
        "hair colour, hair color",
        "Black Hair, Blond Hair, Brown Hair, Gray Hair",
    ),
    (
        "baldness, bald head, hairless, no hair, shaved head",
        "Bald",
    ),
    ("fringe", "Bangs"),
    (
        "thinning hair, hair loss, high forehead",
        "Receding Hairline",
    ),
    ("curls, curly, curled, afro", "Curly Hair"),
    ("waves, wavy", "Wavy Hair"),
    ("straight", "Straight Hair"),
    (
        "glasses, spectacles, specs, eye glasses, eyewear, wearing glasses, wears glasses, reading glasses",
        "Eyeglasses, Sunglasses",
    ),
    (
        "shades, dark glasses, sun glasses, wearing sunglasses",
        "Sunglasses",
    ),
    ("no glasses, without glasses", "No Eyewear, not Eyeglasses"),
    (
        "smile, smiles, happy, happiness, laugh, laughing, laughter, grin, grinning, joy, joyful, cheerful, glad",
        "Smiling",
    ),
    (
        "frown, sad, sadness, unhappy, angry, anger, grumpy, mad, upset, scowl, scowling",
        "Frowning, not Smiling",
    ),
    ("serious, neutral, stern", "not Smiling"),
    ("expression, emotion, mood", "Smiling, Frowning"),
    (
        "beard, bearded, facial hair, full beard",
        "not No Beard, Goatee, Mustache",
    ),
    (
        "shaved, clean shaven, shaven, beardless, clean shave",
        "No Beard",
    ),
    ("moustache, mustaches, moustaches", "Mustache"),
    ("goatee beard, chin beard", "Goatee"),
    (
        "stubble, unshaven, five o clock shadow, designer stubble",
        "5 o' Clock Shadow",
    ),
    ("side burns, whiskers, sideboards", "Sideburns"),
    (
        "hat, cap, wearing cap, headwear, beanie, helmet",
        "Wearing Hat",
    ),
    (
        "tie, necktie, wearing tie, suit, suit and tie",
        "Wearing Necktie",
    ),
    (
        "necklace, jewelry, jewellery",
        "Wearing Necklace, Wearing Earrings",
    ),
    ("earring, earrings, ear rings", "Wearing Earrings"),
    ("lipstick, red lips, painted lips", "Wearing Lipstick"),
    (
        "makeup, make up, cosmetics, wearing makeup, mascara, eyeliner",
        "Heavy Makeup",
    ),
    ("full lips, thick lips, lips", "Big Lips"),
    (
        "open mouth, mouth open, mouth",
        "Mouth Slightly Open, Mouth Wide Open",
    ),
    (
        "closed mouth, shut mouth, mouth shut",
        "Mouth Closed, not Mouth Slightly Open",
    ),
    (
        "scream, screaming, shouting, yelling, surprised",
        "Mouth Wide Open",
    ),
    (
        "teeth, teeth visible, showing teeth, toothy",
        "not Teeth Not Visible, Smiling",
    ),
    ("large nose, broad nose, wide nose", "Big Nose"),
    ("nose", "Big Nose, Pointy Nose"),
    (
        "sharp nose, thin nose, pointed nose, small nose",
        "Pointy Nose",
    ),
    (
        "thick eyebrows, bushy brows, thick brows, monobrow, unibrow",
        "Bushy Eyebrows",
    ),
    (
        "eyebrows, brows, arched brows",
        "Arched Eyebrows, Bushy Eyebrows",
    ),
    (
        "closed eyes, eyes closed, eyes shut, asleep, blinking",
        "not Eyes Open",
    ),
    ("open eyes", "Eyes Open"),
    ("small eyes, squinting, squint, slanted eyes", "Narrow Eyes"),
    ("dark eyes", "Brown Eyes"),
    ("blue eyes, green eyes, light eyes", "not Brown Eyes"),
    ("eye bags, bags, tired, dark circles", "Bags Under Eyes"),
    (
        "fat, overweight, obese, plump, chubby cheeks, heavy, round",
        "Chubby, Double Chin",
    ),
    ("thin, slim, skinny, slender", "not Chubby"),
    ("cheekbones", "High Cheekbones"),
    (
        "blush, blushing, pink cheeks, red cheeks",
        "Rosy Cheeks, Flushed Face",
    ),
    ("pale, pallid, fair skin, light skin", "Pale Skin"),
    ("red face, flushed, sunburn", "Flushed Face"),
    ("oily skin, sweaty, glossy skin, greasy", "Shiny Skin"),
    ("jaw", "Round Jaw"),
    ("face shape", "Oval Face, Square Face, Round Face"),
    (
        "nasolabial folds, smile lines, laugh lines",
        "Strong Nose-Mouth Lines",
    ),
    (
        "attractive, beautiful, pretty, handsome, good looking, sexy, hot",
        "Attractive, Attractive Woman, Attractive Man",
    ),
    ("handsome man, attractive male", "Attractive Man"),
    (
        "beautiful woman, attractive female, pretty woman",
        "Attractive Woman",
    ),
    (
        "ugly",
        "not Attractive, not Attractive Man, not Attractive Woman",
    ),
    ("outside, outdoors, open air", "Outdoor"),
    ("inside, indoor, indoors, studio", "not Outdoor"),
    ("blurred, out of focus, unsharp", "Blurry"),
    ("sharp, in focus", "not Blurry"),
    ("colour photo, colour, color", "Color Photo"),
    (
        "black and white, grayscale, greyscale, monochrome, black and white photo",
        "not Color Photo",
    ),
    ("posed, portrait", "Posed Photo"),
    ("candid, snapshot", "not Posed Photo"),
    ("hard light, harsh light", "Harsh Lighting"),
    ("soft light", "Soft Lighting"),
    ("lighting", "Harsh Lighting, Soft Lighting, Flash"),
    (
        "forehead",
        "Fully Visible Forehead, Partially Visible Forehead, Obstructed Forehead",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_attributes_or_their_absence() {
        let meant = |word: &str| -> Vec<_> {
            let all = synonyms().filter(|synonym| synonym.word == word);
            all.map(|synonym| (synonym.name, synonym.absent)).collect()
        };
        assert_eq!(meant("woman"), [("Male", true)]);
        assert_eq!(meant("happy"), [("Smiling", false)]);
        assert_eq!(
            meant("glasses"),
            [("Eyeglasses", false), ("Sunglasses", false)]
        );
        assert_eq!(meant("old"), [("Senior", false), ("Young", true)]);
        assert_eq!(meant("beard")[0], ("No Beard", true));
    }

    #[test]
    fn every_word_stands_in_one_row_and_is_in_lower_case() {
        let mut words: Vec<_> = TABLE
            .iter()
            .flat_map(|(words, _)| words.split(',').map(str::trim))
            .collect();
        assert!(
            words
                .iter()
                .all(|w| !w.is_empty() && *w == w.to_lowercase())
        );
        let all = words.len();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), all);
    }

    #[test]
    fn every_meaning_is_an_attribute_of_a_known_schema() {
        let of_celeba = ["Young", "Attractive"];
        for synonym in synonyms() {
            let known = of_celeba.contains(&synonym.name)
                || crate::Schema::default().find(synonym.name).is_some();
            assert!(known, "{synonym:?}");
        }
    }
}
