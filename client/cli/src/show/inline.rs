//! PNG files inside the text that a terminal shows: the protocols of kitty and of iTerm2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Most characters of base64 in one command of kitty.
const CHUNK: usize = 4096;

/// A PNG in kitty's graphics protocol (`f=100`: PNG, `a=T`: show, `q=2`: no answers, which would land in the shell).
pub(super) fn kitty(png: &[u8]) -> String {
    let text = STANDARD.encode(png);
    let chunks: Vec<_> = text.as_bytes().chunks(CHUNK).collect();
    let mut drawn = String::with_capacity(text.len() + 16 * chunks.len());
    for (i, chunk) in chunks.iter().enumerate() {
        let first = if i == 0 { "f=100,a=T,q=2," } else { "" };
        let more = u8::from(i + 1 < chunks.len());
        drawn += &format!(
            "\x1b_G{first}m={more};{}\x1b\\",
            String::from_utf8_lossy(chunk)
        );
    }
    drawn + "\n"
}

/// A PNG in iTerm2's protocol.
pub(super) fn iterm(png: &[u8]) -> String {
    let (size, text) = (png.len(), STANDARD.encode(png));
    format!("\x1b]1337;File=inline=1;size={size};preserveAspectRatio=1:{text}\x07\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The base64 of all commands, decoded.
    fn carried(drawn: &str) -> Vec<u8> {
        let commands = drawn.trim_end().split_terminator("\x1b\\");
        let text: String = commands
            .map(|command| command.split_once(';').unwrap().1)
            .collect();
        STANDARD.decode(text).unwrap()
    }

    #[test]
    fn kitty_gets_the_file_in_chunks_of_which_the_last_says_so() {
        let file: Vec<u8> = (0..10_000u32).map(|i| i as u8).collect();
        let drawn = kitty(&file);
        assert_eq!(carried(&drawn), file);
        let commands: Vec<_> = drawn.matches("\x1b_G").collect();
        assert_eq!(commands.len(), 4);
        assert!(drawn.starts_with("\x1b_Gf=100,a=T,q=2,m=1;"));
        assert_eq!(drawn.matches("m=0;").count(), 1);
    }

    #[test]
    fn iterm_gets_the_file_and_its_size() {
        let drawn = iterm(b"abc");
        assert_eq!(
            drawn,
            "\x1b]1337;File=inline=1;size=3;preserveAspectRatio=1:YWJj\x07\n"
        );
    }
}
