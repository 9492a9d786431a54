//! What a file says about its colours, and the way from there to sRGB.

use std::sync::Arc;

use moxcms::{
    CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout, ToneReprCurve,
    TransformExecutor, TransformOptions, XyY,
};

/// How far a colour may move, of 255, for a profile to be taken for sRGB: most photographs carry one of the many
/// variants of the sRGB profile, and rounding would change their pixels for nothing.
const SAME: i32 = 2;

/// The channels of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
    /// Amounts of light, not of ink: 255 is none. Adobe's JPEG files store them so.
    Cmyk,
}

impl Model {
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    pub(crate) fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// Colours of a file: sRGB, unless a profile says otherwise.
#[derive(Default)]
pub(crate) struct Colours(Option<Box<ColorProfile>>);

impl Colours {
    /// Colours of an ICC profile. One that is broken is ignored, as viewers do.
    pub(crate) fn icc(profile: &[u8]) -> Self {
        Self(ColorProfile::new_from_slice(profile).ok().map(Box::new))
    }

    /// Colours by code points of ITU-T H.273, as PNG's cICP chunk has them.
    pub(crate) fn cicp(primaries: u8, transfer: u8) -> Self {
        let code_points = || {
            Some(CicpProfile {
                color_primaries: primaries.try_into().ok()?,
                transfer_characteristics: transfer.try_into().ok()?,
                matrix_coefficients: moxcms::MatrixCoefficients::Identity,
                full_range: true,
            })
        };
        let mut profile = ColorProfile::new_srgb();
        let known = code_points().map(|cicp| {
            profile.update_rgb_colorimetry_from_cicp(cicp);
            Box::new(profile)
        });
        Self(known)
    }

    /// Colours by PNG's gAMA and cHRM chunks: the exponent that encoded the samples, and white, red, green and blue
    /// as x, y.
    pub(crate) fn gamma(encoding: f32, chromaticities: Option<[(f32, f32); 4]>) -> Self {
        if !(0.01..=10.0).contains(&encoding) {
            return Self::default();
        }
        let mut profile = ColorProfile::new_srgb();
        profile.cicp = None;
        if let Some([white, red, green, blue]) = chromaticities.filter(are_possible) {
            let point = |(x, y)| moxcms::Chromaticity { x, y };
            let (x, y) = (white.0.into(), white.1.into());
            let primaries = ColorPrimaries {
                red: point(red),
                green: point(green),
                blue: point(blue),
            };
            profile.update_rgb_colorimetry(XyY { x, y, yb: 1.0 }, primaries);
        }
        // 1/2.2 stands for sRGB's own curve: the chunk cannot say that.
        if (encoding - 1.0 / 2.2).abs() > 0.01 {
            let curve = ToneReprCurve::Parametric(vec![1.0 / encoding]);
            profile.red_trc = Some(curve.clone());
            profile.green_trc = Some(curve.clone());
            profile.blue_trc = Some(curve);
        }
        Self(Some(Box::new(profile)))
    }

    /// Whether nothing needs to be done.
    pub(crate) fn are_srgb(&self) -> bool {
        self.0.is_none()
    }

    /// The transformation of pixels of a model, if there is one to do: grey becomes RGB, alpha stays.
    ///
    /// With `Some`, the model tells what the transformation takes: an RGB profile of a grey file takes grey as RGB.
    pub(crate) fn transform<T: Sample>(&self, model: Model) -> Option<(Model, Transform<T>)> {
        let profile = self.0.as_deref()?;
        let taken = match (profile.color_space, model) {
            (DataColorSpace::Gray, Model::Grey | Model::GreyAlpha)
            | (DataColorSpace::Rgb, Model::Rgb | Model::Rgba)
            | (DataColorSpace::Cmyk, Model::Cmyk) => model,
            (DataColorSpace::Rgb, Model::Grey) => Model::Rgb,
            (DataColorSpace::Rgb, Model::GreyAlpha) => Model::Rgba,
            // The profile of another kind of file.
            _ => return None,
        };
        if profile.color_space == DataColorSpace::Rgb && is_srgb(profile) {
            return None;
        }
        let (from, to) = match taken {
            Model::Grey => (Layout::Gray, Layout::Rgb),
            Model::GreyAlpha => (Layout::GrayAlpha, Layout::Rgba),
            Model::Rgb => (Layout::Rgb, Layout::Rgb),
            Model::Rgba => (Layout::Rgba, Layout::Rgba),
            Model::Cmyk => (Layout::Rgba, Layout::Rgb),
        };
        Some((taken, T::transform(profile, from, to)?))
    }
}

/// A transformation of many pixels.
pub(crate) type Transform<T> = Arc<dyn TransformExecutor<T> + Send + Sync>;

/// A sample of 8 or 16 bits.
pub(crate) trait Sample: Copy + Default {
    /// Rounded to 8 bits.
    fn eight(self) -> u8;
    /// The other way round, between black and white.
    fn inverted(self) -> Self;
    /// A transformation to sRGB.
    fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Option<Transform<Self>>;
}

impl Sample for u8 {
    fn eight(self) -> u8 {
        self
    }

    fn inverted(self) -> Self {
        Self::MAX - self
    }

    fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Option<Transform<Self>> {
        let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        profile.create_transform_8bit(from, &srgb, to, options).ok()
    }
}

impl Sample for u16 {
    fn eight(self) -> u8 {
        ((u32::from(self) + 128) / 257) as u8
    }

    fn inverted(self) -> Self {
        Self::MAX - self
    }

    fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Option<Transform<Self>> {
        let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        profile
            .create_transform_16bit(from, &srgb, to, options)
            .ok()
    }
}

/// Whether a profile moves no colour of a grid by more than [`SAME`].
fn is_srgb(profile: &ColorProfile) -> bool {
    let Some(transform) = <u8 as Sample>::transform(profile, Layout::Rgb, Layout::Rgb) else {
        return false;
    };
    let level = |i: usize| (i * 51) as u8;
    let colours: Vec<u8> = (0..216)
        .flat_map(|i| [level(i / 36), level(i / 6 % 6), level(i % 6)])
        .collect();
    let mut moved = vec![0; colours.len()];
    let done = transform.transform(&colours, &mut moved);
    let near = |(a, b): (&u8, &u8)| (i32::from(*a) - i32::from(*b)).abs() <= SAME;
    done.is_ok() && colours.iter().zip(&moved).all(near)
}

fn are_possible(points: &[(f32, f32); 4]) -> bool {
    let [_, r, g, b] = *points;
    let area = (g.0 - r.0) * (b.1 - r.1) - (b.0 - r.0) * (g.1 - r.1);
    let inside = |(x, y): &(f32, f32)| *x > 0.0 && *y > 0.0 && x + y <= 1.0;
    // ProPhoto's blue has y = 0.0001.
    points.iter().all(inside) && area.abs() > 1e-3
}
