//! From pixels to what the network reads, and back for gradients: the only place where either is computed.

/// What VGG-Face takes from pixels of 0 to 255, red first: the means of the faces that it was trained with.
pub const VGG_FACE_MEAN: [f32; 3] = [129.1863, 104.7624, 93.5940];

/// Pixel values of a file for one of a [`Preprocessing::apply`], whose pixels are 0 to 1.
const LEVELS: f32 = 255.0;

/// The order of the colour planes that a network reads.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
pub enum ChannelOrder {
    /// Red first.
    #[serde(rename = "RGB")]
    Rgb,
    /// Blue first, as in Caffe and OpenCV.
    #[serde(rename = "BGR")]
    Bgr,
}

impl std::fmt::Display for ChannelOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rgb => "RGB",
            Self::Bgr => "BGR",
        })
    }
}

/// How pixels become the network's input: `(255 pixel - mean) * scale` per channel.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Preprocessing {
    /// The order that the weights expect.
    #[serde(rename = "channel_order")]
    pub order: ChannelOrder,
    /// Mean of each channel, 0 to 255, in RGB order.
    pub mean: [f32; 3],
    /// Factor applied after the mean is subtracted.
    pub scale: f32,
}

impl std::fmt::Display for Preprocessing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { order, mean, scale } = self;
        write!(f, "{order}, mean {mean:?} (red first), scale {scale}")
    }
}

impl Preprocessing {
    /// Turns one image, `[3, S, S]`, RGB, 0 to 1, into the network's input.
    pub fn apply(&self, image: &mut [f32]) {
        let area = image.len() / 3;
        for (plane, mean) in image.chunks_exact_mut(area).zip(self.mean) {
            let value = |x: f32| (LEVELS * x - mean) * self.scale;
            plane.iter_mut().for_each(|x| *x = value(*x));
        }
        self.reorder(image);
    }

    /// Turns the gradient with respect to the network's input, `[3, S, S]`, into that with respect to the image: the
    /// adjoint of [`Preprocessing::apply`].
    pub fn adjoint(&self, gradient: &mut [f32]) {
        let unit = self.unit();
        gradient.iter_mut().for_each(|g| *g *= unit);
        self.reorder(gradient);
    }

    /// By how much the network's input changes where a pixel changes by 1, from black to white.
    pub fn unit(&self) -> f32 {
        LEVELS * self.scale
    }

    /// Exchanges red and blue where the network reads blue first. That is its own inverse.
    fn reorder(&self, image: &mut [f32]) {
        if self.order == ChannelOrder::Bgr {
            let area = image.len() / 3;
            let (red, rest) = image.split_at_mut(area);
            red.swap_with_slice(&mut rest[area..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(order: ChannelOrder) -> Preprocessing {
        Preprocessing {
            order,
            mean: [129.0, 105.0, 94.0],
            scale: 1.0 / 64.0,
        }
    }

    #[test]
    fn pixels_go_in_the_order_that_the_network_expects() {
        let image = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];
        let value = |x: f32, mean: f32| (255.0 * x - mean) / 64.0;
        let red = [value(0.1, 129.0), value(0.2, 129.0)];
        let green = [value(0.3, 105.0), value(0.4, 105.0)];
        let blue = [value(0.5, 94.0), value(0.6, 94.0)];
        for (order, expected) in [
            (ChannelOrder::Rgb, [red, green, blue]),
            (ChannelOrder::Bgr, [blue, green, red]),
        ] {
            let mut prepared = image;
            of(order).apply(&mut prepared);
            let both = prepared.iter().zip(expected.as_flattened());
            both.for_each(|(x, e)| assert!((x - e).abs() < 1e-6, "{order}"));
        }
    }

    /// `<A x - A 0, y> = <x, A^T y>` for every image x and gradient y.
    #[test]
    fn the_adjoint_is_that_of_the_linear_part() {
        let (x, y) = (crate::noise::noise(1, 12), crate::noise::noise(2, 12));
        for order in [ChannelOrder::Rgb, ChannelOrder::Bgr] {
            let (mut applied, mut zero, mut adjoint) = (x.clone(), vec![0.0; 12], y.clone());
            of(order).apply(&mut applied);
            of(order).apply(&mut zero);
            of(order).adjoint(&mut adjoint);
            let linear = applied.iter().zip(&zero).map(|(a, z)| a - z);
            let left: f32 = linear.zip(&y).map(|(a, y)| a * y).sum();
            let right: f32 = adjoint.iter().zip(&x).map(|(a, x)| a * x).sum();
            assert!((left - right).abs() < 1e-4, "{order}: {left} {right}");
        }
    }

    #[test]
    fn the_order_is_written_as_its_name() {
        let text = serde_json::to_string(&of(ChannelOrder::Bgr)).unwrap();
        let expected = r#"{"channel_order":"BGR","mean":[129.0,105.0,94.0],"scale":0.015625}"#;
        assert_eq!(text, expected);
        assert_eq!(
            serde_json::from_str::<Preprocessing>(&text).unwrap(),
            of(ChannelOrder::Bgr)
        );
        let other = text.replace("BGR", "bgr");
        let refused = serde_json::from_str::<Preprocessing>(&other).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("unknown variant `bgr`, expected `RGB` or `BGR`")
        );
    }
}
