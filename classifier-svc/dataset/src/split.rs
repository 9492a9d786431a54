//! Person-disjoint splits that need no list: the person's name decides, unless a data set comes with its own.

use std::fmt;

/// The part of the data that a person belongs to, with all their photographs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// 80 in 100: weights, means and regressions are fitted to these.
    Train,
    /// 8 in 100: thresholds and settings are chosen on these.
    Validation,
    /// 12 in 100: figures are reported on these.
    Test,
}

impl Split {
    /// Reads a split as CelebA numbers them (0, 1, 2) or by its name.
    ///
    /// # Errors
    /// It is another word; says what was expected.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        match word.to_ascii_lowercase().as_str() {
            "0" | "train" | "training" => Ok(Self::Train),
            "1" | "val" | "valid" | "validation" => Ok(Self::Validation),
            "2" | "test" | "testing" => Ok(Self::Test),
            _ => Err(format!(
                "expected a split, 0 (training), 1 (validation) or 2 (test); got {word:?}"
            )),
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// The split of a person, from the 64-bit FNV-1a hash of the name in folder spelling (`Aaron_Peirsol`).
pub fn split_of(person: &str) -> Split {
    let hash = person.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    match hash % 100 {
        0..12 => Split::Test,
        12..20 => Split::Validation,
        _ => Split::Train,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_as_promised() {
        let mut counts = [0; 3];
        for i in 0..10_000 {
            counts[split_of(&format!("Person_{i}")) as usize] += 1;
        }
        assert!((7_700..8_300).contains(&counts[0]), "{counts:?}");
        assert!((650..950).contains(&counts[1]), "{counts:?}");
        assert!((1_000..1_400).contains(&counts[2]), "{counts:?}");
    }
}
