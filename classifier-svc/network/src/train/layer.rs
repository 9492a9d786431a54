//! One stage in training: what it computes and learns, and its buffers for one batch.

use super::{
    batch_norm::Norm, below::Below, convolution::Branched, dense::Dense, optimizer::Parameter,
    random::Random,
};
use crate::{
    arch::Stage,
    cpu::{Aligned, Layout, MaxPool, Plan},
    parameters::Parameters,
};

/// What a stage computes and learns.
pub(super) enum Kind {
    /// A convolution, with or without branches.
    Convolution(Box<Branched>),
    /// A pooling, which learns nothing.
    Pool(MaxPool),
    /// A fully connected layer.
    Dense(Box<Dense>),
}

/// A stage, and its buffers for one batch.
pub(super) struct Layer {
    pub(super) kind: Kind,
    pub(super) layout: Layout,
    /// The activation.
    pub(super) y: Aligned,
    /// Cotangent of the activation.
    pub(super) d: Aligned,
    /// Where the rectifier, or of a pooling the maxima, passed; see [`crate::cpu::Bits`].
    pub(super) bits: Vec<u16>,
}

impl Kind {
    /// A stage with random weights.
    pub(super) fn random(
        stage: &Stage,
        plan: Plan,
        batch: usize,
        branches: bool,
        random: Random,
    ) -> Self {
        match plan {
            Plan::Conv(conv) => {
                Self::Convolution(Branched::new(*conv, batch, branches, random).into())
            }
            Plan::Pool(pool) => Self::Pool(pool),
            Plan::Linear(linear) => {
                Self::Dense(Dense::new(linear, batch, stage.rectified(), random).into())
            }
        }
    }

    /// A stage that begins with these weights.
    pub(super) fn with(stage: &Stage, plan: Plan, parameters: Parameters) -> Self {
        match plan {
            Plan::Conv(conv) => Self::Convolution(Branched::with(*conv, parameters).into()),
            Plan::Pool(pool) => Self::Pool(pool),
            Plan::Linear(linear) => {
                Self::Dense(Dense::with(linear, stage.rectified(), parameters).into())
            }
        }
    }
}

impl Layer {
    /// A stage with buffers for a batch; `kind` makes what it learns.
    pub(super) fn new(batch: usize, plan: Plan, kind: impl FnOnce(Plan) -> Kind) -> Self {
        let (layout, bits) = (plan.layout(), plan.bits());
        Self {
            kind: kind(plan),
            layout,
            y: Aligned::zeros(batch * layout.len()),
            d: Aligned::zeros(batch * layout.len()),
            bits: vec![0; batch * bits],
        }
    }

    pub(super) fn below(&mut self) -> Below<'_> {
        let rectified = !matches!(self.kind, Kind::Pool(_));
        Below {
            mask: rectified.then_some(&self.bits),
            d: &mut self.d,
        }
    }

    pub(super) fn norms_mut(&mut self) -> &mut [Norm] {
        match &mut self.kind {
            Kind::Convolution(branched) => &mut branched.norms,
            Kind::Pool(_) => &mut [],
            Kind::Dense(dense) => dense.norm.as_mut_slice(),
        }
    }

    pub(super) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        match &mut self.kind {
            Kind::Convolution(branched) => branched.parameters_mut(),
            Kind::Pool(_) => Vec::new(),
            Kind::Dense(dense) => dense.parameters_mut(),
        }
    }

    pub(super) fn fold(&self) -> Parameters {
        match &self.kind {
            Kind::Convolution(branched) => branched.fold(),
            Kind::Pool(_) => Parameters::default(),
            Kind::Dense(dense) => dense.fold(),
        }
    }
}
