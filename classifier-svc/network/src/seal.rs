//! Sealing: a weights file gets what its network computes, which it must compute again whenever it is loaded.

use crate::{DeviceChoice, Model, ModelError, golden::LAYERS, weights::Weights};

/// The model of some weights, as the service computes it.
///
/// # Errors
/// It cannot be made.
pub(crate) fn served(weights: &Weights) -> Result<Model, ModelError> {
    let threads = rayon::current_num_threads();
    Model::from_weights(weights, String::new(), DeviceChoice::Cpu, threads)
}

/// Puts the golden output of the weights, as they are now, into their description.
///
/// # Errors
/// The network computes values that are not finite.
pub(crate) fn seal(weights: &mut Weights) -> Result<(), ModelError> {
    let mut model = served(weights)?;
    let golden = model.golden(LAYERS.map(String::from).to_vec())?;
    golden.check_finite()?;
    weights.description.golden = Some(golden);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Architecture, ChannelOrder, Precision, random::weights};

    #[test]
    fn a_network_reproduces_its_own_output_and_no_other() {
        let mut sealed = weights(Architecture::tiny());
        seal(&mut sealed).unwrap();
        let golden = sealed.description.golden.clone().unwrap();
        let tolerance = Precision::F32.tolerance();
        let load =
            |w: Weights| Model::from_weights(&w, String::new(), DeviceChoice::Cpu, 1).unwrap();
        let same = weights(Architecture::tiny());
        assert!(load(same).check(&golden, tolerance).is_ok());
        // Half of the weights of one stage are 5 % too large.
        for stage in 0..sealed.parameters.len() {
            let mut damaged = weights(Architecture::tiny());
            let weight = &mut damaged.parameters[stage].weight;
            if weight.is_empty() {
                continue;
            }
            let half = weight.len() / 2;
            weight[..half].iter_mut().for_each(|w| *w *= 1.05);
            let problem = load(damaged).check(&golden, tolerance).unwrap_err();
            let problem = problem.to_string();
            assert!(
                problem.contains("golden output: layer"),
                "stage {stage}: {problem}"
            );
        }
        let mut exchanged = weights(Architecture::tiny());
        exchanged.description.preprocessing.order = ChannelOrder::Bgr;
        assert!(load(exchanged).check(&golden, tolerance).is_err());
    }
}
