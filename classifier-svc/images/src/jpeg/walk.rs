//! A walk over all scans of a file, which finds out whether anything is missing, and may keep the low frequencies.

use super::bits::Fault;
use super::headers::{EOI, Frame, Process, SOI, SOS, bad, cut, segment};
use super::planes::Plane;
use super::scan::Scan;
use super::tables::Tables;
use crate::ImageError;

/// Scans of a file at most: encoders write about ten, and each costs a walk over all blocks.
const MOST_SCANS: usize = 64;

/// Whether the file has all its rows. Files without Huffman tables, as video frames may be, are left to the decoder.
pub(super) fn check(file: &[u8], frame: &Frame) -> Result<(), ImageError> {
    match walk(file, frame, &mut Plane::walked(frame)) {
        Ok(_) | Err(Stop::NoTable) => Ok(()),
        Err(Stop::Wrong(error)) => Err(error),
    }
}

/// The planes of a file, reduced by `by` a side.
pub(super) fn reduced(file: &[u8], frame: &Frame, by: usize) -> Result<Vec<Plane>, ImageError> {
    let mut planes = Plane::reduced(frame, by);
    let no_table = || bad("a table is missing");
    let tables = walk(file, frame, &mut planes).map_err(|stop| match stop {
        Stop::NoTable => no_table(),
        Stop::Wrong(error) => error,
    })?;
    if frame.process == Process::Progressive {
        for plane in &mut planes {
            let idct = tables.idct(plane).map_err(|_| no_table())?;
            plane.draw_all(&idct);
        }
    }
    Ok(planes)
}

/// Why a walk ends early.
enum Stop {
    NoTable,
    Wrong(ImageError),
}

impl From<ImageError> for Stop {
    fn from(error: ImageError) -> Self {
        Self::Wrong(error)
    }
}

/// Reads all scans, and returns the tables at the end.
fn walk(file: &[u8], frame: &Frame, planes: &mut [Plane]) -> Result<Tables, Stop> {
    let mut tables = Tables::default();
    let (mut at, mut scans) = (2, 0);
    let ended = loop {
        // Bytes after the last scan do not matter.
        if planes.iter().all(|p| p.complete == u64::MAX) {
            break true;
        }
        let next = match segment(file, at) {
            Ok(next) => next,
            Err(_) if scans > 0 => break false,
            Err(error) => return Err(error.into()),
        };
        at = next.end;
        match next.marker {
            EOI | SOI => break true,
            SOS => {
                scans += 1;
                at = scan(file, next.contents, at, frame, &tables, planes)?;
                if scans > MOST_SCANS {
                    return Err(bad(format_args!("it has more than {MOST_SCANS} scans")).into());
                }
            }
            marker => tables.take(marker, next.contents)?,
        }
    };
    // An encoder may leave out frequencies, but then it says that it is done.
    let wanted = if ended { 1 } else { u64::MAX };
    if planes.iter().all(|p| p.begun & wanted == wanted) && (ended || all_complete(planes)) {
        return Ok(tables);
    }
    Err(cut("scans are missing").into())
}

fn all_complete(planes: &[Plane]) -> bool {
    planes.iter().all(|p| p.complete == u64::MAX)
}

fn scan(
    file: &[u8],
    header: &[u8],
    at: usize,
    frame: &Frame,
    tables: &Tables,
    planes: &mut [Plane],
) -> Result<usize, Stop> {
    let scan = Scan::new(header, frame)?;
    scan.read(file, at, frame, tables, planes)
        .map_err(|(fault, done)| match fault {
            Fault::NoTable => Stop::NoTable,
            Fault::Nonsense => bad("its entropy-coded data are damaged").into(),
            Fault::Short => {
                let missing = (100.0 * (1.0 - done)).round().max(1.0);
                let what = match frame.process {
                    Process::Sequential => "rows",
                    Process::Progressive => "rows of a scan",
                };
                cut(format_args!("{missing} % of the {what} are missing")).into()
            }
        })
}
