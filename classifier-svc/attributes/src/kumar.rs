//! Kumar's 73 facial attributes (ICCV 2009) in 42 groups (paper, section 3.2): the schema of every file that states
//! none. The paper names only the group of hair colours; the others are this project's.

/// A group's name, in snake case, and its attributes, as the label files spell them.
type Named = (&'static str, &'static [&'static str]);

const fn group(name: &'static str, attributes: &'static [&'static str]) -> Named {
    (name, attributes)
}

/// The groups, in the order of the heads.
pub(crate) const KUMAR: [Named; 42] = [
    group("gender", &["Male"]),
    group("ethnicity", &["Asian", "White", "Black", "Indian"]),
    group("age", &["Baby", "Child", "Youth", "Middle Aged", "Senior"]),
    group(
        "hair_color",
        &["Black Hair", "Blond Hair", "Brown Hair", "Gray Hair"],
    ),
    group("hair_cover", &["Bald", "Bangs"]),
    group("eyewear", &["No Eyewear", "Eyeglasses", "Sunglasses"]),
    group("expression", &["Smiling", "Frowning"]),
    group("lighting", &["Harsh Lighting", "Soft Lighting"]),
    group(
        "hair_texture",
        &["Curly Hair", "Wavy Hair", "Straight Hair"],
    ),
    group(
        "forehead",
        &[
            "Fully Visible Forehead",
            "Partially Visible Forehead",
            "Obstructed Forehead",
        ],
    ),
    group("eyebrows", &["Bushy Eyebrows", "Arched Eyebrows"]),
    group(
        "mouth",
        &["Mouth Closed", "Mouth Slightly Open", "Mouth Wide Open"],
    ),
    group("beard", &["No Beard", "Mustache", "Goatee"]),
    group("face_shape", &["Oval Face", "Square Face", "Round Face"]),
    group("setting", &["Outdoor", "Flash"]),
    group("neckwear", &["Wearing Necktie", "Wearing Necklace"]),
    group("nose", &["Big Nose", "Pointy Nose"]),
    group("complexion", &["Pale Skin", "Flushed Face"]),
    group("attractiveness", &["Attractive Man", "Attractive Woman"]),
    group("chubby", &["Chubby"]),
    group("blurry", &["Blurry"]),
    group("receding_hairline", &["Receding Hairline"]),
    group("sideburns", &["Sideburns"]),
    group("narrow_eyes", &["Narrow Eyes"]),
    group("eyes_open", &["Eyes Open"]),
    group("big_lips", &["Big Lips"]),
    group("teeth_not_visible", &["Teeth Not Visible"]),
    group("round_jaw", &["Round Jaw"]),
    group("double_chin", &["Double Chin"]),
    group("wearing_hat", &["Wearing Hat"]),
    group("color_photo", &["Color Photo"]),
    group("posed_photo", &["Posed Photo"]),
    group("bags_under_eyes", &["Bags Under Eyes"]),
    group("heavy_makeup", &["Heavy Makeup"]),
    group("rosy_cheeks", &["Rosy Cheeks"]),
    group("shiny_skin", &["Shiny Skin"]),
    group("five_o_clock_shadow", &["5 o' Clock Shadow"]),
    group("strong_nose_mouth_lines", &["Strong Nose-Mouth Lines"]),
    group("wearing_lipstick", &["Wearing Lipstick"]),
    group("high_cheekbones", &["High Cheekbones"]),
    group("brown_eyes", &["Brown Eyes"]),
    group("wearing_earrings", &["Wearing Earrings"]),
];
