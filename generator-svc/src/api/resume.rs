//! Resume tokens: the state of a descent as bytes, with which any generator of the same models goes on.
//!
//! A token is no signature: every value in it is checked as those of a request are.

use deepface_files::sha256_of;
use deepface_proto::v1::GenerationSettings;
use deepface_serve::Violations;
use prost::Message;

use super::inversion::Inversion;
use super::status::Refusal;
use super::token::Resumption;
use crate::inversion::{Basis, Optimizer, State};

/// The digest of a request in force: its settings, its seed, and what it asks for.
pub(super) fn digest(kind: &str, settings: &GenerationSettings, seed: u64, goal: &[u8]) -> String {
    let settings = settings.encode_to_vec();
    // Lengths keep the parts apart.
    let size = (settings.len() as u64).to_le_bytes();
    let seed = seed.to_le_bytes();
    sha256_of([kind.as_bytes(), &size[..], &settings[..], &seed[..], goal])
}

/// The token of a descent that is in this state.
pub(super) fn token(inversion: &Inversion, state: State) -> Vec<u8> {
    let resumption = Resumption {
        request: inversion.request.clone(),
        statistics: inversion.statistics.digest.clone(),
        network: inversion.network.clone(),
        state,
    };
    resumption.to_bytes()
}

/// Checks the token in a field of a request; `None` if it is empty.
///
/// # Errors
/// The token is damaged, belongs to another request, or to other statistics.
pub(super) fn read(
    token: &[u8],
    inversion: &Inversion,
    field: &str,
) -> Result<Option<Resumption>, Refusal> {
    if token.is_empty() {
        return Ok(None);
    }
    let wrong = |problem: &str| Violations::one(field, problem);
    let resumption = Resumption::from_bytes(token).ok_or_else(|| {
        wrong("expected a token as an iterate carries it, got other or damaged bytes")
    })?;
    let statistics = &inversion.statistics;
    if resumption.statistics != statistics.digest {
        return Err(Refusal::OtherStatistics {
            expected: resumption.statistics,
            served: statistics.digest.clone(),
        });
    }
    if resumption.request != inversion.request {
        return Err(
            wrong("expected the token of the same request, got that of another one").into(),
        );
    }
    let descent = &inversion.descent;
    let size = match descent.basis {
        Basis::Prior | Basis::Decoder => inversion.prior().components(),
        Basis::Pixels => 3 * statistics.input_size * statistics.input_size,
    };
    let optimizer = Optimizer::new(descent.rule, descent.learning_rate, descent.steps, 0);
    if !resumption.state.fits(descent.steps, size, &optimizer) {
        return Err(wrong("expected a state of this descent, got an impossible one").into());
    }
    Ok(Some(resumption))
}
