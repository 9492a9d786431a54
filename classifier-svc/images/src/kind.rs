//! What a file is, by its first bytes: a name or a media type does not matter.

use crate::ImageError;
use crate::format::Format;

/// The file without white space before it, as some servers put it there.
pub(crate) fn without_leading_space(file: &[u8]) -> &[u8] {
    let space = file.iter().take(16).take_while(|b| b.is_ascii_whitespace());
    &file[space.count()..]
}

/// What a file is.
///
/// # Errors
/// It is something that cannot be read: the error says what it is and what to do.
pub(crate) fn format_of(file: &[u8]) -> Result<Format, ImageError> {
    let begins = |with: &[u8]| file.starts_with(with);
    let format = if begins(b"\xff\xd8") {
        Format::Jpeg
    } else if begins(b"\x89PNG\r\n\x1a\n") {
        Format::Png
    } else if begins(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        Format::WebP
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Format::Gif
    } else if is_bmp(file) {
        Format::Bmp
    } else if begins(b"qoif") {
        Format::Qoi
    } else if begins(b"II*\0") || begins(b"MM\0*") {
        Format::Tiff
    } else {
        return Err(ImageError::NotReadable(foreign(file)));
    };
    Ok(format)
}

/// "BM" alone would take any text that begins so.
fn is_bmp(file: &[u8]) -> bool {
    let header = file.get(14..18).and_then(|b| b.try_into().ok());
    let header = header.map(u32::from_le_bytes);
    file.starts_with(b"BM") && matches!(header, Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

const CONVERT: &str = "save or export it as JPEG or PNG";
const RAW: &str = "a camera's raw file: export it as JPEG from the camera or a raw converter";

/// First bytes, where they are, what they mean and what to do.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"II\xbc", "a JPEG XR image"),
    (0, b"II+\0", "a BigTIFF image"),
    (0, b"MM\0+", "a BigTIFF image"),
    (0, b"\0\0\x01\0", "a Windows icon"),
    (0, b"\0\0\x02\0", "a TGA image or a Windows cursor"),
    (0, b"\0\0\x0a\0", "a TGA image"),
    (0, b"icns", "a macOS icon"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"#?R", "a Radiance HDR image"),
    (0, b"DDS ", "a DDS texture"),
    (0, b"farbfeld", "a farbfeld image"),
    (0, b"gimp xcf", "a GIMP file"),
    (0, b"FLIF", "a FLIF image"),
    (0, b"BPG\xfb", "a BPG image"),
    (0, b"SIMPLE  =", "a FITS image"),
    (128, b"DICM", "a DICOM image"),
    (0, b"\xd7\xcd\xc6\x9a", "a Windows metafile"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript document"),
];

/// As above, of what is no image.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (
        0,
        b"%PDF",
        "a PDF document: export the photograph in it as JPEG or PNG",
    ),
    (
        0,
        b"PK\x03\x04",
        "a ZIP archive or an office document: unpack the photograph first",
    ),
    (0, b"\x1f\x8b", "a gzip file: unpack it first"),
    (0, b"BZh", "a bzip2 file: unpack it first"),
    (0, b"\xfd7zXZ\0", "an xz file: unpack it first"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file: unpack it first"),
    (
        0,
        b"7z\xbc\xaf\x27\x1c",
        "a 7-Zip archive: unpack the photograph first",
    ),
    (
        0,
        b"Rar!\x1a\x07",
        "a RAR archive: unpack the photograph first",
    ),
    (257, b"ustar", "a tar archive: unpack the photograph first"),
    (
        0,
        b"\x1a\x45\xdf\xa3",
        "a video (Matroska or WebM): save a frame as JPEG or PNG",
    ),
    (
        0,
        b"\0\0\x01\xba",
        "a video (MPEG): save a frame as JPEG or PNG",
    ),
    (
        0,
        b"\0\0\x01\xb3",
        "a video (MPEG): save a frame as JPEG or PNG",
    ),
    (
        0,
        b"FLV\x01",
        "a video (Flash): save a frame as JPEG or PNG",
    ),
    (0, b"OggS", "an Ogg file, a video or sound"),
    (0, b"ID3", "a sound file (MP3)"),
    (0, b"FUJIFILMCCD-RAW", RAW),
    (0, b"FOVb", RAW),
    (0, b"IIU\0", RAW),
    (0, b"IIRO", RAW),
    (0, b"IIRS", RAW),
    (0, b"MMOR", RAW),
    (0, b"HEAPCCDR", RAW),
    (0, b"\0MRM", RAW),
    (
        0,
        b"\0\x05\x16\x07",
        "what macOS keeps beside a file (AppleDouble, `._NAME`): use the file NAME itself",
    ),
    (
        0,
        b"\0\x05\x16\0",
        "what macOS keeps beside a file (AppleSingle)",
    ),
    (
        0,
        b"L\0\0\0\x01\x14\x02\0",
        "a Windows shortcut: use the file that it points to",
    ),
    (
        0,
        b"bplist",
        "a macOS property list: use the photograph itself",
    ),
    (0, b"\x93NUMPY", "a NumPy array: save it as PNG"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"SQLite format 3", "an SQLite database"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
];

/// What a file is that cannot be read, and what to do.
fn foreign(file: &[u8]) -> String {
    let at = |(offset, bytes, _): &&(usize, &[u8], &str)| {
        file.get(*offset..)
            .is_some_and(|rest| rest.starts_with(bytes))
    };
    if file.is_empty() {
        return "an empty file: copy or download it again".into();
    }
    if let Some((_, _, what)) = SIGNATURES.iter().find(at) {
        return format!("{what}: {CONVERT}");
    }
    if let Some((_, _, what)) = OTHERS.iter().find(at) {
        return (*what).into();
    }
    if file.get(4..8) == Some(b"ftyp") {
        return media(file).into();
    }
    if file.starts_with(b"RIFF") {
        return riff(file).into();
    }
    if file.iter().all(|&b| b == file[0]) {
        return format!(
            "{} bytes that are all {}: copy or download it again",
            file.len(),
            file[0]
        );
    }
    text(file).unwrap_or_else(|| beginning(file))
}

/// A file of the ISO family: its brands say what it is.
fn media(file: &[u8]) -> &'static str {
    let size = file.get(..4).and_then(|b| b.try_into().ok());
    let size = size.map_or(0, u32::from_be_bytes).clamp(16, 256) as usize;
    let box_ = &file[8..size.min(file.len()).max(8)];
    let brands = || box_.chunks_exact(4);
    let any = |names: &[&[u8; 4]]| brands().any(|b| names.iter().any(|n| b == *n));
    let major = brands().next().unwrap_or_default();
    if any(&[b"avif", b"avis"]) {
        "an AVIF image: save or export it as JPEG or PNG"
    } else if any(&[
        b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1",
    ]) {
        "a HEIC photograph: save or export it as JPEG; an iPhone takes JPEG with Settings > Camera > Formats > Most \
         Compatible"
    } else if major == b"crx " {
        RAW
    } else if major == b"jp2 " || major == b"jpx " {
        "a JPEG 2000 image: save or export it as JPEG or PNG"
    } else if major.starts_with(b"M4A") || major.starts_with(b"M4B") {
        "a sound file (MPEG-4)"
    } else {
        "a video (MP4 or QuickTime): save a frame as JPEG or PNG; the photograph of a Live Photo is the file beside it"
    }
}

fn riff(file: &[u8]) -> &'static str {
    match file.get(8..12) {
        Some(b"AVI ") => "a video (AVI): save a frame as JPEG or PNG",
        Some(b"WAVE") => "a sound file (WAVE)",
        _ => "a RIFF file of another kind",
    }
}

/// What a text is.
fn text(file: &[u8]) -> Option<String> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let start = &file[..file.len().min(1024)];
    let start = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character may be cut.
        Err(e) if e.valid_up_to() + 4 > start.len() && e.valid_up_to() > 0 => {
            std::str::from_utf8(&start[..e.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let control = |c: char| c.is_control() && !c.is_ascii_whitespace();
    if start.chars().any(control) {
        return None;
    }
    let lower = start.trim_start().to_ascii_lowercase();
    let begins = |with: &str| lower.starts_with(with);
    let what = if begins("version https://git-lfs") {
        "a Git LFS pointer: fetch the file itself with `git lfs pull`"
    } else if begins("<svg") || ((begins("<?xml") || begins("<!--")) && lower.contains("<svg")) {
        "an SVG drawing: export it as PNG"
    } else if begins("<!doctype html") || begins("<html") || lower.contains("<html") {
        "an HTML page, often what a server sends instead of a file: open the address in a browser to see what it says"
    } else if begins("<?xml") {
        "an XML document, often what a server sends instead of a file"
    } else if begins("{") || begins("[") {
        "a JSON document, often what a server sends instead of a file"
    } else if begins("data:image/") || is_base64_image(start.trim_start()) {
        "an image in base64: decode it first, with `base64 -d`"
    } else if ["p1", "p2", "p3"].iter().any(|p| begins(p)) && start.len() > 2 {
        "a Netpbm image (PBM, PGM or PPM): save or export it as JPEG or PNG"
    } else {
        return Some(format!("a text that begins with {:?}", first_words(start)));
    };
    Some(what.into())
}

fn is_base64_image(text: &str) -> bool {
    ["/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR"]
        .iter()
        .any(|b| text.starts_with(b))
}

fn first_words(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    line.chars().take(40).collect()
}

/// The first bytes of what nothing is known about.
fn beginning(file: &[u8]) -> String {
    if matches!(file, [b'P', b'4'..=b'7', space, ..] if space.is_ascii_whitespace()) {
        return format!("a Netpbm image (PBM, PGM or PPM): {CONVERT}");
    }
    let bytes: Vec<String> = file.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("a file that begins with the bytes {}", bytes.join(" "))
}
