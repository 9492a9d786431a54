//! What a picture says of itself, as an XMP packet, and back.

use std::fmt::Write as _;

/// Prefix of this program's names.
pub(crate) const PREFIX: &str = "deepface:";
/// What a picture says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The program and its version.
    pub software: String,
    /// A sentence for people.
    pub description: String,
    /// Whether a photograph of somebody is part of it.
    pub photographed: bool,
    /// Texts for this program, by names of lower-case letters and hyphens.
    pub texts: Vec<(String, String)>,
}

/// IPTC's name for pictures that a trained model made.
const SYNTHETIC: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";

/// IPTC's name for pictures that have parts that a trained model made.
const COMPOSITE: &str =
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";

/// Most bytes of the name of an entity, with its semicolon.
const LONGEST_ENTITY: usize = 10;

/// An XMP packet that says that a picture is synthetic, in whole or in part, and what made it.
pub(crate) fn packet(about: &About) -> String {
    let mut own = String::new();
    for (name, text) in &about.texts {
        // Writing to a string cannot fail.
        let _ = writeln!(own, "<{PREFIX}{name}>{}</{PREFIX}{name}>", escaped(text));
    }
    let source = match about.photographed {
        true => COMPOSITE,
        false => SYNTHETIC,
    };
    let (software, description) = (escaped(&about.software), escaped(&about.description));
    format!(
        r#"<?xpacket begin="{bom}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:deepface="urn:deepface:1:">
<Iptc4xmpExt:DigitalSourceType>{source}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{software}</xmp:CreatorTool>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{description}</rdf:li></rdf:Alt></dc:description>
{own}</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"#,
        bom = '\u{feff}',
    )
}

/// This program's texts in an XMP packet, without their prefix. Other programs write them as attributes.
pub(crate) fn texts(packet: &str) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    let mut rest = packet;
    while let Some(start) = rest.find(PREFIX) {
        let before = rest[..start].chars().next_back();
        let (name, after) = split_name(&rest[start + PREFIX.len()..]);
        rest = after;
        let value = match before {
            Some('<') => element(name, after),
            Some(c) if c.is_whitespace() => attribute(after),
            _ => continue,
        };
        // The rest of a damaged packet is not searched again and again.
        let Some(value) = value else {
            break;
        };
        rest = &after[value.end..];
        texts.push((name.to_owned(), unescaped(&after[value])));
    }
    texts
}

fn split_name(text: &str) -> (&str, &str) {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split_at(text.find(|c| !of_a_name(c)).unwrap_or(text.len()))
}

/// The range of the text in `>TEXT</deepface:NAME>`.
fn element(name: &str, after: &str) -> Option<std::ops::Range<usize>> {
    let start = after.starts_with('>').then_some(1)?;
    let end = after.find(&format!("</{PREFIX}{name}>"))?;
    Some(start..end)
}

/// The range of the text in `="TEXT"`.
fn attribute(after: &str) -> Option<std::ops::Range<usize>> {
    let quoted = after.strip_prefix('=')?;
    let quote = quoted.chars().next().filter(|c| "\"'".contains(*c))?;
    let end = quoted[1..].find(quote)?;
    Some(2..2 + end)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML has no other control characters.
            c if c.is_control() && !"\n\t".contains(c) => {}
            c => escaped.push(c),
        }
    }
    escaped
}

fn unescaped(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        all += &rest[..start];
        let after = &rest[start + 1..];
        let end = after
            .bytes()
            .take(LONGEST_ENTITY)
            .position(|byte| byte == b';');
        match end.and_then(|end| Some((end, entity_of(&after[..end])?))) {
            Some((end, c)) => {
                all.push(c);
                rest = &after[end + 1..];
            }
            None => {
                all.push('&');
                rest = &rest[start + 1..];
            }
        }
    }
    all + rest
}

fn entity_of(name: &str) -> Option<char> {
    let number = |digits: &str, base| char::from_u32(u32::from_str_radix(digits, base).ok()?);
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about() -> About {
        About {
            photographed: false,
            software: "deepface 1".to_owned(),
            description: "A face: <Male> & \"5 o' Clock\"".to_owned(),
            texts: vec![
                ("request".to_owned(), "{\"a\": \"<&>;'é\"}".to_owned()),
                ("seed".to_owned(), "7".to_owned()),
            ],
        }
    }

    #[test]
    fn texts_come_back_from_elements_and_attributes() {
        let packet = packet(&about());
        assert_eq!(texts(&packet), about().texts);
        assert!(packet.contains("trainedAlgorithmicMedia"));
        let other = "<rdf:Description deepface:seed='7' deepface:request=\"a&#61;&#x42;&quot;&apos;&;&x\"/>";
        let expected = [("seed", "7"), ("request", "a=B\"'&;&x")];
        let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(texts(other), expected);
    }

    #[test]
    fn a_damaged_packet_has_no_texts() {
        for damaged in [
            "",
            "deepface:",
            "<deepface:seed",
            "<deepface:seed>7",
            " deepface:seed=",
            " deepface:seed='7",
            " deepface:seed=é",
            "xmlns:deepface=\"urn:deepface:1:\"",
        ] {
            assert_eq!(texts(damaged), [], "{damaged}");
        }
    }
}
