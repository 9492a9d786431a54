//! The simulation beside what queueing theory knows.

use super::setup::{Cluster, Costs, Demand, Report, Setup};
use super::simulation::simulate;

/// Faces of one step that cost nothing, on one core for each replica, and no limits.
fn setup(demand: Demand) -> Setup {
    Setup {
        costs: Costs {
            steps: 1,
            batch: 0.0,
            image: 0.0,
            classifier: 0.0,
            generator: 0.0,
            delay: 0.0,
        },
        cluster: Cluster {
            classifiers: 1,
            generators: 1,
            cores: 1.0,
            shared: false,
            threads: 1.0,
            max_batch: 1,
            longest: [f64::INFINITY; 2],
            sessions: usize::MAX,
            waiting: 0,
        },
        demand,
        warm_up: 1000.0,
        seconds: 200_000.0,
        seed: 1,
    }
}

fn open(rate: f64, change: impl Fn(&mut Setup)) -> Report {
    let mut setup = setup(Demand::Open { rate });
    change(&mut setup);
    simulate(&setup)
}

fn closed(users: usize, think: f64, change: impl Fn(&mut Setup)) -> Report {
    let mut setup = setup(Demand::Closed { users, think });
    setup.seconds = 10_000.0;
    change(&mut setup);
    simulate(&setup)
}

fn near(actual: f64, expected: f64, tolerance: f64) {
    assert!(
        (actual / expected - 1.0).abs() <= tolerance,
        "{actual} instead of {expected}"
    );
}

#[test]
fn a_network_without_batches_waits_as_m_d_1() {
    for load in [0.3, 0.6, 0.8] {
        let report = open(load, |setup| setup.costs.image = 1.0);
        // Pollaczek and Khinchine: a constant time of service waits load / (2 (1 - load)).
        near(report.mean, 1.0 + load / (2.0 * (1.0 - load)), 0.03);
        near(report.utilisation, load / 2.0, 0.01);
        near(report.network, load, 0.01);
        near(report.faces_per_second, load, 0.01);
    }
}

#[test]
fn a_shared_core_responds_as_m_m_1() {
    for load in [0.3, 0.6, 0.8] {
        let report = open(load, |setup| setup.costs.generator = 1.0);
        // The mean response of processor sharing is that of M/M/1, whatever the times of service.
        near(report.mean, 1.0 / (1.0 - load), 0.03);
    }
}

#[test]
fn a_full_generator_refuses_by_the_formula_of_erlang() {
    let (load, places) = (3.0, 4);
    let refused = (1..=places).fold(1.0, |b, n| load * b / (f64::from(n) + load * b));
    let report = open(load, |setup| {
        setup.costs.generator = 1.0;
        setup.cluster.cores = 100.0;
        setup.cluster.sessions = 4;
    });
    near(report.refused, refused, 0.02);
    near(report.mean, 1.0, 1e-9);
}

#[test]
fn a_closed_loop_stays_below_both_bounds_and_reaches_them() {
    let (response, think) = (0.5, 2.0);
    let costs = |setup: &mut Setup| {
        setup.costs.steps = 10;
        setup.costs.generator = 0.01;
        setup.costs.image = 0.02;
        setup.costs.delay = 0.01;
    };
    // Nobody waits for anybody: N / (R + Z).
    near(closed(1, 0.0, costs).faces_per_second, 1.0 / response, 0.01);
    near(closed(1, 0.0, costs).mean, response, 1e-6);
    // The slowest part is the network: ten steps of 0.02 s.
    let capacity = 5.0;
    for users in [1, 2, 5, 12, 13, 20, 50] {
        let got = closed(users, think, costs).faces_per_second;
        let bound = (users as f64 / (response + think)).min(capacity);
        assert!(got <= 1.03 * bound, "{users} users: {got} above {bound}");
        assert!(got >= 0.6 * bound, "{users} users: {got} far below {bound}");
    }
    near(closed(50, think, costs).faces_per_second, capacity, 0.01);
}

#[test]
fn full_batches_share_the_cost_of_a_call() {
    let costs = |setup: &mut Setup| {
        setup.costs.steps = 10;
        (setup.costs.batch, setup.costs.image) = (0.03, 0.01);
        setup.cluster.max_batch = 8;
    };
    let report = closed(32, 0.0, costs);
    near(report.images, 8.0, 0.01);
    near(report.steps_per_second, 8.0 / (0.03 + 8.0 * 0.01), 0.01);
    // Calls of at most 0.04 s take one image, since one alone takes as long.
    let short = |setup: &mut Setup| {
        costs(setup);
        setup.cluster.longest = [0.04; 2];
    };
    near(closed(32, 0.0, short).images, 1.0, 0.01);
}

#[test]
fn replicas_multiply_what_one_does_only_where_there_are_cores() {
    let costs = |setup: &mut Setup| {
        setup.costs.steps = 10;
        setup.costs.image = 0.02;
    };
    let with = |classifiers, shared| {
        closed(40, 0.0, |setup| {
            costs(setup);
            (setup.cluster.classifiers, setup.cluster.shared) = (classifiers, shared);
        })
    };
    near(with(1, false).steps_per_second, 50.0, 0.01);
    near(with(4, false).steps_per_second, 200.0, 0.01);
    near(with(4, true).steps_per_second, 50.0, 0.01);
    near(with(4, true).utilisation, 1.0, 0.01);
}

#[test]
fn the_seed_decides_everything() {
    let run = |seed| {
        open(0.8, |setup| {
            setup.costs.image = 1.0;
            (setup.seed, setup.seconds) = (seed, 1000.0);
        })
    };
    assert_eq!(run(3), run(3));
    assert_ne!(run(3), run(4));
}
