//! The 3x3 convolution in every way it can be computed, on the shapes that the two networks have: what
//! `Method::choose` was decided by.
//!
//! `cargo bench -p deepface-network --bench kernels [-- FILTER]`. Names are `conv/pass/INPUTSxOUTPUTS@SIDE/batch/way`;
//! throughput counts the operations of the plain sum, so tiles can exceed the processor's peak.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use deepface_network::kernels::{Kernel, Method, TileSize};

/// Inputs, outputs, side.
const SHAPES: [[usize; 3]; 17] = [
    [3, 16, 64],
    [16, 16, 64],
    [16, 32, 32],
    [32, 32, 32],
    [32, 64, 16],
    [64, 64, 16],
    [64, 128, 8],
    [128, 128, 8],
    [128, 128, 4],
    [3, 64, 224],
    [64, 64, 224],
    [64, 128, 112],
    [128, 128, 112],
    [256, 256, 56],
    [256, 512, 28],
    [512, 512, 28],
    [512, 512, 14],
];

const WAYS: [(&str, Option<Method>); 6] = [
    ("chosen", None),
    ("direct", Some(Method::Direct)),
    ("F2", Some(Method::Tiles(TileSize::Two))),
    ("F4", Some(Method::Tiles(TileSize::Four))),
    ("F2-fresh", Some(Method::Fresh(TileSize::Two))),
    ("F4-fresh", Some(Method::Fresh(TileSize::Four))),
];

fn kernels(criterion: &mut Criterion) {
    let threads = rayon::current_num_threads();
    for shape @ [inputs, outputs, side] in SHAPES {
        let batches: &[usize] = if side > 100 { &[1] } else { &[1, 32] };
        for (&n, (way, method)) in batches.iter().flat_map(|n| WAYS.map(|w| (n, w))) {
            let mut kernel =
                Kernel::new(shape, n, method, threads).expect("the system can start threads");
            let name = format!("{inputs}x{outputs}@{side}/{n}");
            let mut group = criterion.benchmark_group("conv");
            group.throughput(Throughput::Elements(kernel.flops() as u64));
            group.bench_function(BenchmarkId::new(format!("forward/{name}"), way), |b| {
                b.iter(|| kernel.forward());
            });
            group.bench_function(
                BenchmarkId::new(format!("input-gradient/{name}"), way),
                |b| {
                    b.iter(|| kernel.input_gradient());
                },
            );
            if method.is_none() {
                group.bench_function(format!("weight-gradient/{name}"), |b| {
                    b.iter(|| kernel.weight_gradient());
                });
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500));
    targets = kernels
}
criterion_main!(benches);
