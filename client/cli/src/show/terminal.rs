//! What the terminal can show, by what it says of itself in the environment. Asking it would need raw mode, and a
//! terminal that does not answer would hang the program.

use super::Protocol;
use crate::args::ShowAs;

/// Lines below a picture that stay free for the text.
const MARGIN: u32 = 4;
/// Size of a terminal that does not say it.
const USUAL: (u16, u16) = (80, 24);

/// The size and the colours of a terminal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terminal {
    pub(super) columns: u32,
    pub(super) rows: u32,
    /// Whether it shows 16 million colours, not 256.
    pub(super) true_colour: bool,
}

impl Terminal {
    /// The terminal on standard output.
    pub(super) fn on_stdout(variable: impl Fn(&str) -> String) -> Self {
        let size = terminal_size::terminal_size_of(std::io::stdout());
        let (columns, rows) = size.map_or(USUAL, |(width, height)| (width.0, height.0));
        Self {
            columns: columns.into(),
            rows: rows.into(),
            true_colour: ["truecolor", "24bit"].contains(&variable("COLORTERM").as_str()),
        }
    }

    /// Columns and rows that a picture may fill.
    pub(super) fn room(&self) -> (u32, u32) {
        let rows = self.rows.saturating_sub(MARGIN);
        (self.columns.max(1), rows.max(8))
    }
}

/// The protocol that was asked for, or the best that the terminal is known to support.
pub(super) fn protocol(show: ShowAs, variable: impl Fn(&str) -> String) -> Protocol {
    match show {
        ShowAs::Kitty => Protocol::Kitty,
        ShowAs::Iterm => Protocol::Iterm,
        ShowAs::Sixel => Protocol::Sixel,
        ShowAs::Blocks => Protocol::Blocks,
        ShowAs::Auto => known(variable),
    }
}

fn known(variable: impl Fn(&str) -> String) -> Protocol {
    let (term, program) = (variable("TERM"), variable("TERM_PROGRAM"));
    let set = |name: &str| !variable(name).is_empty();
    let is = |names: &[&str]| names.iter().any(|name| program.eq_ignore_ascii_case(name));
    let term_has = |names: &[&str]| names.iter().any(|name| term.contains(name));
    // A multiplexer keeps the pictures to itself, whatever terminal it runs in.
    if set("TMUX") || term.starts_with("tmux") || term.starts_with("screen") {
        Protocol::Blocks
    } else if set("KITTY_WINDOW_ID") || term_has(&["kitty", "ghostty"]) || is(&["ghostty"]) {
        Protocol::Kitty
    } else if is(&["iTerm.app", "WezTerm", "mintty", "rio"]) || variable("LC_TERMINAL") == "iTerm2"
    {
        Protocol::Iterm
    } else if term_has(&["sixel", "foot", "mlterm", "contour", "yaft"]) {
        Protocol::Sixel
    } else {
        Protocol::Blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_a(environment: &[(&str, &str)]) -> Protocol {
        let variable = |name: &str| {
            let found = environment.iter().find(|(n, _)| *n == name);
            found.map_or(String::new(), |(_, value)| (*value).to_owned())
        };
        protocol(ShowAs::Auto, variable)
    }

    #[test]
    fn terminals_are_known_by_their_environment() {
        assert_eq!(in_a(&[("TERM", "xterm-kitty")]), Protocol::Kitty);
        assert_eq!(in_a(&[("TERM_PROGRAM", "ghostty")]), Protocol::Kitty);
        assert_eq!(in_a(&[("TERM_PROGRAM", "iTerm.app")]), Protocol::Iterm);
        assert_eq!(in_a(&[("LC_TERMINAL", "iTerm2")]), Protocol::Iterm);
        assert_eq!(in_a(&[("TERM", "foot-extra")]), Protocol::Sixel);
        assert_eq!(in_a(&[("TERM", "xterm-256color")]), Protocol::Blocks);
        assert_eq!(in_a(&[]), Protocol::Blocks);
        let multiplexed = [("TERM", "tmux-256color"), ("KITTY_WINDOW_ID", "1")];
        assert_eq!(in_a(&multiplexed), Protocol::Blocks);
    }

    #[test]
    fn what_was_asked_for_is_not_guessed() {
        let nothing = |_: &str| String::new();
        assert_eq!(protocol(ShowAs::Sixel, nothing), Protocol::Sixel);
        assert_eq!(protocol(ShowAs::Kitty, nothing), Protocol::Kitty);
    }
}
