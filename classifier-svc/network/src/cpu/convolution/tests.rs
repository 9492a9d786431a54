//! Every way of computing a convolution against the plain sum, in double precision.

use super::*;
use crate::cpu::{Bits, MaxPool};
use crate::noise::noise;

const WAYS: [Method; 5] = [
    Method::Direct,
    Method::Tiles(TileSize::Two),
    Method::Tiles(TileSize::Four),
    Method::Fresh(TileSize::Two),
    Method::Fresh(TileSize::Four),
];

/// Channels in, channels out, height, width: full and partial tiles, blocks that are not full.
const SHAPES: [[usize; 4]; 5] = [
    [16, 16, 8, 8],
    [18, 40, 14, 14],
    [32, 16, 5, 9],
    [48, 64, 2, 3],
    [3, 16, 12, 6],
];

fn plane(channels: usize, [height, width]: [usize; 2]) -> Layout {
    Layout::bordered(channels, height, width)
}

/// `[o, h, w]` and the sum of the absolute values of what was added, which bounds rounding.
fn plain(x: &[f32], w: &[f32], [i, o, height, width]: [usize; 4]) -> (Vec<f64>, Vec<f64>) {
    let mut sums = (Vec::new(), Vec::new());
    for at in 0..o * height * width {
        let (o, y, column) = (at / (height * width), at / width % height, at % width);
        let (mut sum, mut size) = (0.0, 0.0);
        for tap in 0..9 * i {
            let (c, dy, dx) = (tap / 9, tap / 3 % 3, tap % 3);
            let inside = (1..=height).contains(&(y + dy)) && (1..=width).contains(&(column + dx));
            if inside {
                let x = x[(c * height + y + dy - 1) * width + column + dx - 1];
                let product = f64::from(x) * f64::from(w[o * i * 9 + tap]);
                sum += product;
                size += product.abs();
            }
        }
        sums.0.push(sum);
        sums.1.push(size);
    }
    sums
}

fn blocked(layout: &Layout, plain: &[f32]) -> Vec<f32> {
    let mut blocked = vec![0.0; layout.len()];
    layout.pack(plain, &mut blocked);
    blocked
}

fn unblocked(layout: &Layout, blocked: &[f32]) -> Vec<f32> {
    let mut plain = vec![0.0; layout.channels * layout.height * layout.width];
    layout.unpack(blocked, &mut plain);
    plain
}

/// The largest error of a way, relative to the sum of absolute values.
fn error(isa: Isa, method: Method, shape: [usize; 4], x: &[f32], w: &[f32]) -> f64 {
    let [i, o, height, width] = shape;
    let (input, output) = (plane(i, [height, width]), plane(o, [height, width]));
    let conv = Convolution::with_methods(input, output, method, method);
    let mut y = vec![f32::NAN; output.len()];
    let packed = conv.pack(w);
    conv.forward(isa, 1, &blocked(&input, x), &packed, &mut y, Epilogue::None);
    let (expected, size) = plain(x, w, shape);
    let all = unblocked(&output, &y).into_iter().zip(expected).zip(size);
    all.map(|((y, e), s)| (f64::from(y) - e).abs() / s.max(1e-30))
        .fold(0.0, f64::max)
}

#[test]
fn every_way_is_the_plain_sum() {
    for shape in SHAPES {
        let [i, o, height, width] = shape;
        let (x, w) = (noise(1, i * height * width), noise(2, o * i * 9));
        for isa in Isa::available() {
            for method in WAYS {
                let e = error(isa, method, shape, &x, &w);
                assert!(e < 2e-6, "{isa:?} {method:?} {shape:?}: {e:e}");
            }
        }
    }
}

/// What tiles suffer from: values that nearly cancel each other in the transforms, large means, one huge pixel.
#[test]
fn tiles_bear_adversarial_input() {
    let shape = [32, 32, 12, 12];
    let (n, area) = (32 * 144, 144);
    let w = noise(2, 32 * 32 * 9);
    let value = |name: &str, at: usize, x: f32| match name {
        "mean" => 1000.0 + x,
        "checkerboard" if (at + at / 12).is_multiple_of(2) => 100.0 + x,
        "checkerboard" => x - 100.0,
        _ if at % area == 70 => 1e4,
        _ => x,
    };
    for name in ["mean", "checkerboard", "spike"] {
        let x = noise(3, n).into_iter().enumerate();
        let x: Vec<f32> = x.map(|(at, x)| value(name, at, x)).collect();
        for (method, bound) in WAYS.into_iter().zip([1e-6, 2e-5, 2e-5, 2e-5, 2e-5]) {
            // A pixel beside a spike has its rounding, so errors are taken relative to the largest sum there is.
            let e = error_of_largest(method, shape, &x, &w);
            println!("{name} {method:?}: {e:.1e}");
            assert!(e < bound, "{name} {method:?}: {e:e}");
        }
    }
}

fn error_of_largest(method: Method, shape: [usize; 4], x: &[f32], w: &[f32]) -> f64 {
    let [i, o, height, width] = shape;
    let (input, output) = (plane(i, [height, width]), plane(o, [height, width]));
    let conv = Convolution::with_methods(input, output, method, method);
    let mut y = vec![0.0; output.len()];
    let packed = conv.pack(w);
    conv.forward(
        Isa::detect(),
        1,
        &blocked(&input, x),
        &packed,
        &mut y,
        Epilogue::None,
    );
    let (expected, size) = plain(x, w, shape);
    let top = size.into_iter().fold(0.0, f64::max);
    let all = unblocked(&output, &y).into_iter().zip(expected);
    all.map(|(y, e)| (f64::from(y) - e).abs() / top)
        .fold(0.0, f64::max)
}

/// `<A x, y>` is `<x, A' y>`, whichever way either is computed.
#[test]
fn the_adjoint_is_the_adjoint() {
    for shape @ [i, o, height, width] in SHAPES {
        let (input, output) = (plane(i, [height, width]), plane(o, [height, width]));
        let (x, dy) = (noise(1, i * height * width), noise(3, o * height * width));
        let w = noise(2, o * i * 9);
        for (down, up) in WAYS.into_iter().flat_map(|d| WAYS.map(|u| (d, u))) {
            let conv = Convolution::with_methods(input, output, down, up);
            let packed = conv.pack(&w);
            let adjoint = conv.pack_adjoint(&w, &packed);
            let (mut y, mut dx) = (vec![0.0; output.len()], vec![0.0; input.len()]);
            let isa = Isa::detect();
            conv.forward(
                isa,
                1,
                &blocked(&input, &x),
                &packed,
                &mut y,
                Epilogue::None,
            );
            let blocked_dy = blocked(&output, &dy);
            let source = Source::Planes(&blocked_dy);
            conv.input_gradient(isa, 1, source, [&packed, &adjoint], &mut dx, Epilogue::None);
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter()
                    .zip(b)
                    .map(|(a, b)| f64::from(*a) * f64::from(*b))
                    .sum()
            };
            let (left, right) = (
                dot(&unblocked(&output, &y), &dy),
                dot(&x, &unblocked(&input, &dx)),
            );
            let size = dot(&y, &y).sqrt() * dot(&dy, &dy).sqrt();
            assert!(
                (left - right).abs() < 1e-6 * size,
                "{down:?} {up:?} {shape:?}: {left} {right}"
            );
        }
    }
}

/// Rectifying, pooling and their gradients as part of a convolution, against one after the other.
#[test]
fn what_is_fused_is_what_is_done_in_turn() {
    const N: usize = 3;
    let isa = Isa::detect();
    for ([i, o, height, width], method) in SHAPES[..4]
        .iter()
        .flat_map(|shape| WAYS[1..].iter().map(|way| (*shape, *way)))
    {
        let (input, output) = (plane(i, [height, width]), plane(o, [height, width]));
        let conv = Convolution::with_methods(input, output, method, method);
        let pool = MaxPool::new(output, 1);
        let packed = conv.pack(&noise(2, o * i * 9));
        let x: Vec<f32> = (0..N as u64)
            .flat_map(|image| blocked(&input, &noise(10 + image, i * height * width)))
            .collect();
        let bias = noise(4, output.blocks() * LANES);
        let bits = |n: usize| vec![0xaaaa; N * n];

        let (mut y, mut relu) = (vec![0.0; N * output.len()], bits(output.bits()));
        let epilogue = Epilogue::BiasRelu(&bias, Bits::new(&mut relu));
        conv.forward(isa, N, &x, &packed, &mut y, epilogue);
        let (mut pooled, mut routes) = (vec![0.0; N * pool.output.len()], bits(output.bits()));
        pool.forward(isa, N, &y, &mut pooled, &mut routes);

        let (mut fused, mut fused_bits) = (vec![0.0; N * pool.output.len()], bits(output.bits()));
        let epilogue = Epilogue::BiasReluPool(&bias, Bits::new(&mut fused_bits), pool.output);
        conv.forward(isa, N, &x, &packed, &mut fused, epilogue);
        assert_eq!(fused, pooled);
        assert_eq!(fused_bits, routes);
        assert!(routes.iter().zip(&relu).all(|(r, b)| r & !b == 0));

        let dy: Vec<f32> = (0..N as u64)
            .flat_map(|image| {
                let size = o * pool.output.height * pool.output.width;
                blocked(&pool.output, &noise(20 + image, size))
            })
            .collect();
        let mut unpooled = vec![0.0; N * output.len()];
        pool.input_gradient_of_rectified(N, &routes, &dy, &mut unpooled);
        let adjoint = conv.pack_adjoint(&noise(2, o * i * 9), &packed);
        let gradient = |source| {
            let mut dx = vec![0.0; N * input.len()];
            conv.input_gradient(isa, N, source, [&packed, &adjoint], &mut dx, Epilogue::None);
            dx
        };
        let source = Source::Unpooled {
            layout: pool.output,
            values: &dy,
            bits: &routes,
        };
        assert_eq!(gradient(source), gradient(Source::Planes(&unpooled)));
    }
}

/// Infinite values in, no number out, is never taken for 0: neither by the rectifier nor by the pooling.
#[test]
fn what_is_not_a_number_stays_so() {
    for isa in Isa::available() {
        for method in WAYS {
            let layout = plane(16, [4, 4]);
            let conv = Convolution::with_methods(layout, layout, method, method);
            let mut x = vec![0.0; layout.len()];
            x[layout.pixel(1, 1)] = f32::NAN;
            let (mut y, mut bits) = (vec![0.0; layout.len()], vec![0; layout.bits()]);
            let packed = conv.pack(&noise(1, 16 * 16 * 9));
            let epilogue = Epilogue::BiasRelu(&[0.0; 16], Bits::new(&mut bits));
            conv.forward(isa, 1, &x, &packed, &mut y, epilogue);
            assert!(y[layout.pixel(1, 1)].is_nan(), "{isa:?} {method:?}");
            let pool = MaxPool::new(layout, 0);
            for at in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let mut one = vec![1.0; layout.len()];
                one[layout.pixel(at.0, at.1)] = f32::NAN;
                let mut pooled = vec![0.0; pool.output.len()];
                pool.forward(isa, 1, &one, &mut pooled, &mut bits);
                assert!(pooled[0].is_nan() && pooled[1] == 1.0, "{isa:?} {at:?}");
            }
        }
    }
}
