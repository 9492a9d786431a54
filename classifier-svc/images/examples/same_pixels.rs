//! Whether two pictures have the same pixels: exit code 0 if they do, whatever else the files say.

use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    let [first, second] = &files[..] else {
        return Err("expected two pictures".into());
    };
    let pixels = |file| Ok::<_, image::ImageError>(image::open(file)?.into_rgb8());
    Ok(match pixels(first)? == pixels(second)? {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
