//! The tables that scans use: Huffman codes, quantisation steps and the restart interval.

use super::bits::{Codes, Fault};
use super::headers::{DHT, DQT, DRI, bad};
use super::idct::Idct;
use super::planes::{PLACES, Plane};
use crate::ImageError;

/// The tables as they stand before a scan.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) dc: [Option<Codes>; 4],
    pub(super) ac: [Option<Codes>; 4],
    /// Row by row.
    steps: [Option<[u16; 64]>; 4],
    /// Units between restart markers; 0 without them.
    pub(super) restart: usize,
}

impl Tables {
    /// Takes what a segment says; most say nothing about tables.
    pub(super) fn take(&mut self, marker: u8, contents: &[u8]) -> Result<(), ImageError> {
        let taken = match marker {
            DHT => self.codes(contents),
            DQT => self.steps(contents),
            DRI => contents.get(..2).map(|b| {
                self.restart = usize::from(b[0]) << 8 | usize::from(b[1]);
            }),
            _ => Some(()),
        };
        taken.ok_or_else(|| bad("one of its tables is damaged"))
    }

    fn codes(&mut self, mut rest: &[u8]) -> Option<()> {
        while let Some((&kind, after)) = rest.split_first() {
            let counts: &[u8; 16] = after.get(..16)?.try_into().ok()?;
            let values = counts.iter().map(|&c| usize::from(c)).sum::<usize>();
            let values = after.get(16..16 + values)?;
            let tables = if kind >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            *tables.get_mut(usize::from(kind & 15))? = Some(Codes::new(counts, values)?);
            rest = &after[16 + values.len()..];
        }
        Some(())
    }

    fn steps(&mut self, mut rest: &[u8]) -> Option<()> {
        while let Some((&kind, after)) = rest.split_first() {
            let wide = usize::from(kind >> 4 != 0);
            let bytes = after.get(..64 << wide)?;
            let mut table = [0; 64];
            for (place, step) in PLACES.iter().zip(bytes.chunks_exact(1 + wide)) {
                table[usize::from(*place)] = step.iter().fold(0, |all, &b| all << 8 | u16::from(b));
            }
            *self.steps.get_mut(usize::from(kind & 15))? = Some(table);
            rest = &after[bytes.len()..];
        }
        Some(())
    }

    /// The transformation of a plane's blocks.
    pub(super) fn idct(&self, plane: &Plane) -> Result<Idct, Fault> {
        let table = self.steps[plane.component.table].as_ref();
        Ok(Idct::new(plane.kept, table.ok_or(Fault::NoTable)?))
    }
}
