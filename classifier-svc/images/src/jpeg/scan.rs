//! The blocks of a scan: their coefficients from the entropy-coded data, as ITU-T T.81 has them.

use super::bits::{Bits, Codes, Fault};
use super::headers::{Frame, Process, bad};
use super::idct::Idct;
use super::planes::{DROPPED, Plane};
use super::tables::Tables;
use crate::ImageError;

/// A scan header.
pub(super) struct Scan {
    /// Number of the plane, of its DC and of its AC table.
    parts: Vec<(usize, usize, usize)>,
    /// First and last coefficient.
    band: (usize, usize),
    /// Bit positions, of the earlier scan of the same coefficients and of this one.
    high: u32,
    low: u32,
}

impl Scan {
    /// Reads the contents of a start-of-scan segment.
    pub(super) fn new(contents: &[u8], frame: &Frame) -> Result<Self, ImageError> {
        let impossible = || bad("a scan header is impossible");
        let (&count, rest) = contents.split_first().ok_or_else(impossible)?;
        let components = rest.chunks_exact(2).take(count.into());
        let number = |id: u8| frame.components.iter().position(|c| c.id == id);
        let parts = components.map(|c| {
            Some((
                number(c[0])?,
                usize::from(c[1] >> 4),
                usize::from(c[1] & 15),
            ))
        });
        let parts: Vec<_> = parts.collect::<Option<_>>().ok_or_else(impossible)?;
        let last = rest.get(2 * usize::from(count)..).unwrap_or_default();
        let &[first, last, bits, ..] = last else {
            return Err(impossible());
        };
        let mut scan = Self {
            parts,
            band: (first.into(), last.into()),
            high: (bits >> 4).into(),
            low: (bits & 15).into(),
        };
        if frame.process == Process::Sequential {
            // Some encoders write something else there.
            (scan.band, scan.high, scan.low) = ((0, 63), 0, 0);
        }
        scan.is_possible(frame)
            .then_some(scan)
            .ok_or_else(impossible)
    }

    fn is_possible(&self, frame: &Frame) -> bool {
        let (first, last) = self.band;
        let mut seen: Vec<usize> = self.parts.iter().map(|p| p.0).collect();
        seen.sort_unstable();
        seen.dedup();
        let band = match frame.process {
            Process::Sequential => true,
            Process::Progressive => {
                (first == 0) == (last == 0)
                    && last <= 63
                    && first <= last
                    && (first == 0 || seen.len() == 1)
            }
        };
        !seen.is_empty() && seen.len() == self.parts.len() && band && self.low <= 13
    }

    /// Reads the scan's blocks into the planes, and returns the position after them.
    ///
    /// # Errors
    /// The fault, and the share of the scan that was read before, 0 to 1.
    pub(super) fn read(
        &self,
        file: &[u8],
        at: usize,
        frame: &Frame,
        tables: &Tables,
        planes: &mut [Plane],
    ) -> Result<usize, (Fault, f32)> {
        let mut reader = Reader {
            bits: Bits::new(file, at),
            band: self.band,
            low: self.low,
            refines: self.high > 0,
            pending: 0,
            predictions: [0; 4],
            left: tables.restart,
        };
        let coders = self
            .parts
            .iter()
            .map(|part| Coder::new(self, *part, frame, tables, planes));
        let coders: Vec<Coder<'_>> = coders
            .collect::<Result<_, _>>()
            .map_err(|fault| (fault, 0.0))?;
        let [across, down] = self.units(frame, planes);
        for y in 0..down {
            for x in 0..across {
                let done = reader
                    .restart(tables.restart)
                    .and_then(|()| self.unit(&mut reader, &coders, planes, [x, y]));
                done.map_err(|fault| (fault, y as f32 / down as f32))?;
            }
        }
        let (first, last) = self.band;
        let band = (u64::MAX >> (63 - (last - first))) << first;
        for &(plane, ..) in &self.parts {
            planes[plane].begun |= band;
            if self.low == 0 {
                planes[plane].complete |= band;
            }
        }
        Ok(reader.bits.position())
    }

    /// Units of the scan, across and down: blocks of its only component, or groups of blocks of several.
    fn units(&self, frame: &Frame, planes: &[Plane]) -> [usize; 2] {
        if let [(plane, ..)] = self.parts[..] {
            return planes[plane].used;
        }
        let [across, down] = frame.sampling();
        [
            frame.width.div_ceil(8 * across),
            frame.height.div_ceil(8 * down),
        ]
    }

    fn unit(
        &self,
        reader: &mut Reader<'_>,
        coders: &[Coder<'_>],
        planes: &mut [Plane],
        [x, y]: [usize; 2],
    ) -> Result<(), Fault> {
        if let [coder] = coders {
            let block = planes[coder.plane].block(x, y);
            return coder.block(reader, 0, &mut planes[coder.plane], block);
        }
        for (number, coder) in coders.iter().enumerate() {
            let plane = &mut planes[coder.plane];
            let [across, down] = [plane.component.across, plane.component.down];
            for i in 0..across * down {
                let block = plane.block(x * across + i % across, y * down + i / across);
                coder.block(reader, number, plane, block)?;
            }
        }
        Ok(())
    }
}

/// The state of reading a scan.
struct Reader<'a> {
    bits: Bits<'a>,
    band: (usize, usize),
    low: u32,
    refines: bool,
    /// Blocks that end at once.
    pending: u32,
    /// DC of the component's last block.
    predictions: [i32; 4],
    /// Units up to the next restart.
    left: usize,
}

impl Reader<'_> {
    /// Goes over a restart marker where one is due, every `interval` units.
    fn restart(&mut self, interval: usize) -> Result<(), Fault> {
        if interval == 0 {
            return Ok(());
        }
        if self.left == 0 {
            self.bits.restart()?;
            (self.pending, self.predictions, self.left) = (0, [0; 4], interval);
        }
        self.left -= 1;
        Ok(())
    }

    fn bit(&mut self) -> Result<bool, Fault> {
        Ok(self.bits.bits(1)? == 1)
    }
}

/// How blocks of a component are read.
struct Coder<'a> {
    plane: usize,
    dc: Option<&'a Codes>,
    ac: Option<&'a Codes>,
    progressive: bool,
    idct: Option<Idct>,
}

impl<'a> Coder<'a> {
    fn new(
        scan: &Scan,
        (plane, dc, ac): (usize, usize, usize),
        frame: &Frame,
        tables: &'a Tables,
        planes: &[Plane],
    ) -> Result<Self, Fault> {
        let needs_dc = scan.band.0 == 0 && scan.high == 0;
        let needs_ac = scan.band.1 > 0;
        let dc = tables.dc.get(dc).and_then(Option::as_ref);
        let ac = tables.ac.get(ac).and_then(Option::as_ref);
        if needs_dc && dc.is_none() || needs_ac && ac.is_none() {
            return Err(Fault::NoTable);
        }
        let progressive = frame.process == Process::Progressive;
        let kept = planes[plane].kept;
        let idct = if progressive || kept == [0, 0] {
            None
        } else {
            Some(tables.idct(&planes[plane])?)
        };
        Ok(Self {
            plane,
            dc,
            ac,
            progressive,
            idct,
        })
    }

    /// Reads a block.
    fn block(
        &self,
        reader: &mut Reader<'_>,
        number: usize,
        plane: &mut Plane,
        block: usize,
    ) -> Result<(), Fault> {
        if !self.progressive {
            return self.sequential(reader, number, plane, block);
        }
        let size = plane.kept[0] * plane.kept[1];
        let kept = &mut plane.coefficients[block * size..(block + 1) * size];
        let mut kept = Kept {
            slots: &plane.slots,
            values: kept,
        };
        match (reader.band.0, reader.refines) {
            (0, false) => {
                let dc = self.difference(reader, number)?;
                kept.set(0, dc << reader.low);
            }
            (0, true) => {
                if reader.bit()? {
                    kept.add(0, 1 << reader.low);
                }
            }
            (_, false) => self.first(reader, &mut kept, &mut plane.nonzero[block])?,
            (_, true) => self.refined(reader, &mut kept, &mut plane.nonzero[block])?,
        }
        Ok(())
    }

    /// The DC value: the last one plus a difference.
    #[inline]
    fn difference(&self, reader: &mut Reader<'_>, number: usize) -> Result<i32, Fault> {
        let size = reader.bits.value(self.dc.ok_or(Fault::NoTable)?)?;
        if size > 16 {
            return Err(Fault::Nonsense);
        }
        let difference = reader.bits.signed(size.into())?;
        let last = &mut reader.predictions[number];
        *last = last.wrapping_add(difference);
        Ok(*last)
    }

    #[inline]
    fn sequential(
        &self,
        reader: &mut Reader<'_>,
        number: usize,
        plane: &mut Plane,
        block: usize,
    ) -> Result<(), Fault> {
        let mut values = [0; 64];
        let size = plane.kept[0] * plane.kept[1];
        let mut kept = Kept {
            slots: &plane.slots,
            values: &mut values[..size],
        };
        let dc = self.difference(reader, number)?;
        kept.set(0, dc);
        let codes = self.ac.ok_or(Fault::NoTable)?;
        let mut k = 1;
        while k < 64 {
            let code = reader.bits.value(codes)?;
            let (run, size) = (usize::from(code >> 4), u32::from(code & 15));
            if size == 0 {
                if run < 15 {
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            let value = reader.bits.signed(size)?;
            kept.set(k, value);
            k += 1;
        }
        if let Some(idct) = &self.idct {
            plane.draw(block, &values[..size], idct);
        }
        Ok(())
    }

    /// AC coefficients, for the first time.
    fn first(
        &self,
        reader: &mut Reader<'_>,
        kept: &mut Kept<'_>,
        nonzero: &mut u64,
    ) -> Result<(), Fault> {
        if reader.pending > 0 {
            reader.pending -= 1;
            return Ok(());
        }
        let codes = self.ac.ok_or(Fault::NoTable)?;
        let (mut k, last) = reader.band;
        while k <= last {
            let code = reader.bits.value(codes)?;
            let (run, size) = (usize::from(code >> 4), u32::from(code & 15));
            if size == 0 {
                if run < 15 {
                    reader.pending = (1 << run) - 1 + reader.bits.bits(run as u32)?;
                    break;
                }
                k += 16;
                continue;
            }
            k += run;
            let value = reader.bits.signed(size)? << reader.low;
            if k < 64 {
                *nonzero |= 1 << k;
            }
            kept.set(k, value);
            k += 1;
        }
        Ok(())
    }

    /// One more bit of AC coefficients.
    fn refined(
        &self,
        reader: &mut Reader<'_>,
        kept: &mut Kept<'_>,
        nonzero: &mut u64,
    ) -> Result<(), Fault> {
        let codes = self.ac.ok_or(Fault::NoTable)?;
        let (mut k, last) = reader.band;
        let one = 1 << reader.low;
        while reader.pending == 0 && k <= last {
            let code = reader.bits.value(codes)?;
            let (mut run, size) = (u32::from(code >> 4), code & 15);
            let mut new = 0;
            if size > 0 {
                new = if reader.bit()? { one } else { -one };
            } else if run < 15 {
                reader.pending = (1 << run) + reader.bits.bits(run)?;
                break;
            }
            while k <= last {
                if *nonzero >> k & 1 == 1 {
                    if reader.bit()? {
                        kept.add(k, one);
                    }
                } else if run == 0 {
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
            if new != 0 && k <= last {
                *nonzero |= 1 << k;
                kept.set(k, new);
            }
            k += 1;
        }
        if reader.pending > 0 {
            reader.pending -= 1;
            while k <= last {
                if *nonzero >> k & 1 == 1 && reader.bit()? {
                    kept.add(k, one);
                }
                k += 1;
            }
        }
        Ok(())
    }
}

/// The coefficients that are kept of a block.
struct Kept<'a> {
    slots: &'a [u8; 64],
    values: &'a mut [i16],
}

impl Kept<'_> {
    /// Coefficient `k` in coding order; one that is not kept, or beyond the block, is dropped.
    #[inline]
    fn slot(&mut self, k: usize) -> Option<&mut i16> {
        match self.slots.get(k) {
            Some(&slot) if slot != DROPPED => self.values.get_mut(usize::from(slot)),
            _ => None,
        }
    }

    #[inline]
    fn set(&mut self, k: usize, value: i32) {
        if let Some(slot) = self.slot(k) {
            *slot = value as i16;
        }
    }

    /// Sets the bit of a coefficient, away from zero.
    fn add(&mut self, k: usize, bit: i32) {
        if let Some(slot) = self.slot(k) {
            let bit = bit as i16;
            if k == 0 {
                *slot |= bit;
            } else if *slot & bit == 0 {
                *slot = if *slot >= 0 {
                    slot.wrapping_add(bit)
                } else {
                    slot.wrapping_sub(bit)
                };
            }
        }
    }
}
