//! What a caller should know about an answer that is given all the same.

use std::fmt::Display;

use deepface_proto::v1::{Warning, WarningKind};

/// Pixels a side of the faces that the models were trained on: fewer hold less than the network can use.
const TRAINED_ON: u32 = 160;
/// From this tilt on, in degrees, decisions change noticeably unless the face is turned upright.
const TILTED: f32 = 15.0;
/// From this roll on, in degrees, a photograph lies on its side rather than the head being tilted.
const TURNED: f32 = 60.0;

fn warning(kind: WarningKind, message: impl Display) -> Warning {
    Warning {
        kind: kind.into(),
        message: message.to_string(),
    }
}

/// No face where the framing expects one.
pub(super) fn no_face() -> Warning {
    warning(
        WarningKind::NoFace,
        "no face was found where the framing expects one: the answer may mean nothing; FRAMING_DETECT searches the image",
    )
}

/// A face that is not upright: `corrected` where it was turned before the network saw it.
pub(super) fn roll(degrees: f32, corrected: bool) -> Option<Warning> {
    let kind = match degrees.abs() {
        TURNED.. => WarningKind::Turned,
        TILTED.. => WarningKind::Tilted,
        _ => return None,
    };
    let what = match kind {
        WarningKind::Turned => "the face is turned",
        _ => "the face is tilted",
    };
    let done = match corrected {
        true => "it was rotated upright",
        false => "it was used as it is; FRAMING_DETECT rotates it upright",
    };
    Some(warning(
        kind,
        format_args!("{what} by {degrees:.0} degrees: {done}"),
    ))
}

/// A face of `side` pixels for a network of `size`.
pub(super) fn small(side: u32, size: usize) -> Option<Warning> {
    let enough = TRAINED_ON.min(u32::try_from(size).unwrap_or(TRAINED_ON));
    (side < enough).then(|| {
        warning(
            WarningKind::Small,
            format_args!(
                "the face has {side} pixels a side, fewer than the {enough} that the network can use"
            ),
        )
    })
}

/// An image of which the share `transparent`, 0 to 1, shows what lies behind.
pub(super) fn transparent(transparent: f32) -> Option<Warning> {
    (transparent > 0.0).then(|| {
        warning(
            WarningKind::Transparent,
            format_args!(
                "{:.0} % of the image is transparent and was shown over white",
                (100.0 * transparent).max(1.0)
            ),
        )
    })
}

/// Heads that nobody trained.
pub(super) fn heads_untrained() -> Warning {
    warning(
        WarningKind::HeadsUntrained,
        "the network's attribute heads were never trained: probabilities and decisions mean nothing",
    )
}

/// An image that a framing squeezes into a square.
pub(super) fn not_square([width, height]: [u32; 2]) -> Option<Warning> {
    (width != height).then(|| {
        warning(
            WarningKind::NotSquare,
            format_args!(
                "the image is {width}x{height} pixels and was stretched to a square, as an aligned photograph is square"
            ),
        )
    })
}

/// More faces than are answered for.
pub(super) fn omitted(found: usize, answered: usize) -> Option<Warning> {
    (found > answered).then(|| {
        warning(
            WarningKind::FacesOmitted,
            format_args!("{found} faces were found: the answer covers the {answered} largest"),
        )
    })
}
