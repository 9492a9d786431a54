//! Pictures in the terminal: by the protocol that it supports, or as half blocks.

mod blocks;
mod inline;
mod sixel;
mod terminal;

use std::io::IsTerminal;

use image::{RgbImage, imageops};

use crate::args::ShowAs;
use crate::printer;
use crate::usage::Usage;

use terminal::{Terminal, protocol};

/// How pictures are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// Kitty's graphics: PNG.
    Kitty,
    /// iTerm2's inline images: PNG.
    Iterm,
    /// DEC's sixels: a palette.
    Sixel,
    /// Two pixels in every cell.
    Blocks,
}

/// A terminal that pictures can be shown in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    protocol: Protocol,
    terminal: Terminal,
}

impl Screen {
    /// The terminal on standard output, if pictures are wanted. Call it before the work, whose result cannot be shown
    /// elsewhere.
    ///
    /// # Errors
    /// Standard output is not a terminal, or one without cursor control.
    pub(crate) fn wanted(show: Option<ShowAs>) -> Result<Option<Self>, Usage> {
        let Some(show) = show else {
            return Ok(None);
        };
        if !std::io::stdout().is_terminal() {
            let problem = "--show: expected a terminal on standard output, got a file or a pipe; --output writes the picture";
            return Err(Usage(problem.to_owned()));
        }
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        if variable("TERM") == "dumb" {
            let problem = "--show: the terminal cannot show pictures (TERM=dumb); --output writes the picture";
            return Err(Usage(problem.to_owned()));
        }
        Ok(Some(Self {
            protocol: protocol(show, variable),
            terminal: Terminal::on_stdout(variable),
        }))
    }

    /// Shows a picture.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub(crate) fn show(&self, picture: &RgbImage) -> anyhow::Result<()> {
        printer::print(&self.drawn(picture)?)
    }

    /// What makes the terminal show a picture.
    fn drawn(&self, picture: &RgbImage) -> anyhow::Result<String> {
        Ok(match self.protocol {
            Protocol::Kitty => inline::kitty(&deepface_images::png(picture)?),
            Protocol::Iterm => inline::iterm(&deepface_images::png(picture)?),
            Protocol::Sixel => sixel::sixel(picture)?,
            Protocol::Blocks => {
                let (columns, rows) = self.terminal.room();
                let small = fitting(picture, columns, 2 * rows);
                blocks::blocks(&small, self.terminal.true_colour)
            }
        })
    }
}

/// A picture that is no larger than this, in the same proportions.
fn fitting(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let (w, h) = picture.dimensions();
    let scale = f64::min(
        f64::from(width) / f64::from(w.max(1)),
        f64::from(height) / f64::from(h.max(1)),
    );
    if scale >= 1.0 {
        return picture.clone();
    }
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).max(1);
    imageops::resize(picture, side(w), side(h), imageops::FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_keeps_its_proportions() {
        let picture = RgbImage::new(288, 144);
        assert_eq!(fitting(&picture, 72, 100).dimensions(), (72, 36));
        assert_eq!(fitting(&picture, 400, 18).dimensions(), (36, 18));
        assert_eq!(fitting(&picture, 400, 400).dimensions(), (288, 144));
        assert_eq!(fitting(&picture, 1, 1).dimensions(), (1, 1));
    }

    #[test]
    fn every_protocol_draws_something_that_ends_its_line() {
        let picture = RgbImage::from_fn(30, 20, |x, y| image::Rgb([x as u8, y as u8, 90]));
        for protocol in [
            Protocol::Kitty,
            Protocol::Iterm,
            Protocol::Sixel,
            Protocol::Blocks,
        ] {
            let screen = Screen {
                protocol,
                terminal: Terminal {
                    columns: 80,
                    rows: 24,
                    true_colour: true,
                },
            };
            let drawn = screen.drawn(&picture).unwrap();
            assert!(
                drawn.contains('\x1b') && drawn.ends_with('\n'),
                "{protocol:?}"
            );
        }
    }
}
