//! The network on any device that candle supports: its forward operations with our own adjoints.
//!
//! Candle's autograd is not used: it gives a unique maximum of a 2x2 pool a quarter of its gradient, and computes the
//! gradient of every kernel besides. This is how a GPU is driven, and on the CPU it is a plain reference for the
//! kernels of [`super::cpu`].

use std::borrow::Borrow;

use candle_core::{D, DType, Device, Result, Tensor};

use crate::{
    arch::{Architecture, Op, Stage},
    parameters::Parameters,
};

/// Weights of a stage on the device.
struct Weights {
    weight: Tensor,
    bias: Tensor,
    /// Of the adjoint: a convolution's kernels rotated with channels exchanged, or a matrix transposed.
    adjoint: Tensor,
}

/// A network on a device. Its tensors belong to the thread that made it.
pub(crate) struct CandleNetwork {
    device: Device,
    /// What everything is computed in.
    dtype: DType,
    stages: Vec<Stage>,
    weights: Vec<Option<Weights>>,
    side: usize,
    /// The input and the activation of every stage of the last forward pass.
    trace: Vec<Tensor>,
}

impl CandleNetwork {
    /// Moves the weights to the device; `read` returns those of a stage, which are empty for a pooling.
    pub(crate) fn new<P: Borrow<Parameters>, E: From<candle_core::Error>>(
        architecture: &Architecture,
        mut read: impl FnMut(usize) -> std::result::Result<P, E>,
        device: Device,
        dtype: DType,
    ) -> std::result::Result<Self, E> {
        let stages = architecture.stages();
        let weights = stages
            .iter()
            .enumerate()
            .map(|(i, stage)| Ok(upload(stage, read(i)?.borrow(), &device, dtype)?))
            .collect::<std::result::Result<_, E>>()?;
        Ok(Self {
            device,
            dtype,
            stages,
            weights,
            side: architecture.input,
            trace: Vec::new(),
        })
    }

    /// The stages.
    pub(crate) fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Runs `n` images, `[n, 3, S, S]` as the network expects them, up to the last of the stages asked for; gives the
    /// activation of each, `[n, ...]`.
    pub(crate) fn forward(
        &mut self,
        inputs: &[f32],
        n: usize,
        wanted: &[usize],
    ) -> Result<Vec<Vec<f32>>> {
        let Some(&last) = wanted.iter().max() else {
            return Ok(Vec::new());
        };
        let x = Tensor::from_slice(inputs, (n, 3, self.side, self.side), &self.device)?;
        let x = x.to_dtype(self.dtype)?;
        self.trace = vec![x];
        for (stage, weights) in self.stages[..=last].iter().zip(&self.weights) {
            let x = &self.trace[self.trace.len() - 1];
            let y = forward(stage, weights.as_ref(), x)?;
            self.trace
                .push(if stage.rectified() { y.relu()? } else { y });
        }
        let plain = |&stage: &usize| values(&self.trace[stage + 1]);
        wanted.iter().map(plain).collect()
    }

    /// The gradient with respect to the inputs of the last forward pass, of a loss whose gradients with respect to some
    /// stages' activations are `cotangents`: stage and `[n, ...]`.
    pub(crate) fn backward(&self, cotangents: &[(usize, Vec<f32>)]) -> Result<Vec<f32>> {
        let top = cotangents.iter().map(|(stage, _)| *stage).max();
        let Some(top) = top else {
            return values(&self.trace[0].zeros_like()?);
        };
        let scale = scale(cotangents, self.dtype);
        let mut d = self.trace[top + 1].zeros_like()?;
        for i in (0..=top).rev() {
            let (x, y) = (&self.trace[i], &self.trace[i + 1]);
            for (_, cotangent) in cotangents.iter().filter(|(stage, _)| *stage == i) {
                let cotangent = Tensor::from_slice(cotangent, y.shape(), &self.device)?;
                d = (d + (cotangent * scale)?.to_dtype(self.dtype)?)?;
            }
            if self.stages[i].rectified() {
                d = (d * y.gt(0.0)?.to_dtype(self.dtype)?)?;
            }
            d = backward(&self.stages[i], self.weights[i].as_ref(), x, y, &d)?;
        }
        values(&(d.to_dtype(DType::F32)? * (1.0 / scale))?)
    }
}

/// One stage with weights, without the rectifier behind it, on the CPU.
pub(crate) struct One {
    stage: Stage,
    weights: Option<Weights>,
}

impl One {
    /// A stage with its weights.
    pub(crate) fn new(stage: &Stage, parameters: &Parameters) -> Result<Self> {
        Ok(Self {
            stage: stage.clone(),
            weights: upload(stage, parameters, &Device::Cpu, DType::F32)?,
        })
    }

    /// What it computes from `n` inputs, `[n, ...]`.
    pub(crate) fn forward(&self, inputs: &[f32], n: usize) -> Result<Vec<f32>> {
        let x = Tensor::from_slice(inputs, inputs.len(), &Device::Cpu)?;
        let x = match self.stage.op {
            Op::Conv { inputs, side, .. } => x.reshape((n, inputs, side, side))?,
            _ => x.reshape((n, inputs.len() / n.max(1)))?,
        };
        values(&forward(&self.stage, self.weights.as_ref(), &x)?)
    }
}

/// All values, in 32 bits.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// A power of two that brings cotangents to where 16 bits have all their digits: gradients of a loss are small, and an
/// f16 below 6e-5 loses some. A gradient is linear in them, so the factor is taken away again without a trace.
fn scale(cotangents: &[(usize, Vec<f32>)], dtype: DType) -> f64 {
    let all = cotangents.iter().flat_map(|(_, values)| values);
    let largest = all.fold(0.0_f32, |m, x| m.max(x.abs()));
    if dtype == DType::F32 || largest == 0.0 || !largest.is_finite() {
        return 1.0;
    }
    f64::from(-largest.log2()).floor().exp2()
}

fn upload(stage: &Stage, p: &Parameters, device: &Device, dtype: DType) -> Result<Option<Weights>> {
    let Some(shape) = stage.weight_shape() else {
        return Ok(None);
    };
    let weight = Tensor::from_slice(&p.weight, shape, device)?.to_dtype(dtype)?;
    let outputs = stage.outputs();
    let (adjoint, bias_shape) = match stage.op {
        Op::Conv { .. } => (
            weight
                .transpose(0, 1)?
                .contiguous()?
                .flip(&[2])?
                .flip(&[3])?
                .contiguous()?,
            vec![1, outputs, 1, 1],
        ),
        _ => (weight.t()?.contiguous()?, vec![1, outputs]),
    };
    Ok(Some(Weights {
        bias: Tensor::from_slice(&p.bias, bias_shape, device)?.to_dtype(dtype)?,
        weight,
        adjoint,
    }))
}

/// What a stage computes, before its rectifier.
fn forward(stage: &Stage, weights: Option<&Weights>, x: &Tensor) -> Result<Tensor> {
    match (&stage.op, weights) {
        (Op::Conv { .. }, Some(w)) => x.conv2d(&w.weight, 1, 1, 1, 1)?.broadcast_add(&w.bias),
        (Op::Linear { .. }, Some(w)) => x
            .flatten_from(1)?
            .matmul(&w.adjoint)?
            .broadcast_add(&w.bias),
        _ => x.max_pool2d(2),
    }
}

/// The cotangent of a stage's input `x`, from that of its output before the rectifier.
fn backward(
    stage: &Stage,
    weights: Option<&Weights>,
    x: &Tensor,
    y: &Tensor,
    dy: &Tensor,
) -> Result<Tensor> {
    match (&stage.op, weights) {
        (Op::Conv { .. }, Some(w)) => dy.conv2d(&w.adjoint, 1, 1, 1, 1),
        (Op::Linear { .. }, Some(w)) => dy.matmul(&w.weight)?.reshape(x.shape()),
        _ => unpool(x, y, dy),
    }
}

/// Routes the cotangent of a 2x2 max-pooling to the first maximum of each window.
fn unpool(x: &Tensor, y: &Tensor, dy: &Tensor) -> Result<Tensor> {
    let (n, c, h, w) = y.dims4()?;
    let (height, width) = (x.dim(2)?, x.dim(3)?);
    let windows = x.narrow(2, 0, 2 * h)?.narrow(3, 0, 2 * w)?.contiguous()?;
    let windows = windows.reshape((n * c, h, 2, w, 2))?;
    let (y, dy) = (y.reshape((n * c, h, w))?, dy.reshape((n * c, h, w))?);
    let mut left = dy.ones_like()?;
    let mut rows = Vec::new();
    for row in 0..2 {
        let mut columns = Vec::new();
        for column in 0..2 {
            let value = windows
                .narrow(2, row, 1)?
                .narrow(4, column, 1)?
                .reshape((n * c, h, w))?;
            let first = (value.eq(&y)?.to_dtype(x.dtype())? * &left)?;
            left = (left - &first)?;
            columns.push((first * &dy)?);
        }
        rows.push(Tensor::stack(&columns, D::Minus1)?);
    }
    let dx = Tensor::stack(&rows, 2)?.reshape((n, c, 2 * h, 2 * w))?;
    dx.pad_with_zeros(2, 0, height - 2 * h)?
        .pad_with_zeros(3, 0, width - 2 * w)
}
