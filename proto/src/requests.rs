//! Requests for faces, built in a line.

use std::fmt;

use crate::v1::{
    GenerateRequest, InversionSettings, RequestedAttribute, StreamSettings, TargetSettings,
};

impl RequestedAttribute {
    /// An attribute that the face should have.
    pub fn present(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            absent: false,
            strength: None,
        }
    }

    /// An attribute that the face should not have.
    pub fn absent(name: impl Into<String>) -> Self {
        Self {
            absent: true,
            ..Self::present(name)
        }
    }

    /// How strongly, above 0 to 4; 1 is as strong as in the training data.
    #[must_use]
    pub fn with_strength(mut self, strength: f64) -> Self {
        self.strength = Some(strength);
        self
    }
}

/// As it is typed: `Male`, `not Smiling=2`.
impl fmt::Display for RequestedAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.absent { "not " } else { "" };
        write!(f, "{not}{}", self.name)?;
        match self.strength {
            Some(strength) if strength != 1.0 => write!(f, "={strength}"),
            _ => Ok(()),
        }
    }
}

impl GenerateRequest {
    /// A request for a face that has these attributes. Everything else takes the service's default.
    ///
    /// ```
    /// use deepface_proto::v1::GenerateRequest;
    ///
    /// let request = GenerateRequest::of(["Smiling"]).without(["Eyeglasses"]).with_seed(7);
    /// assert!(!request.attributes[0].absent && request.attributes[1].absent);
    /// ```
    pub fn of<S: Into<String>>(present: impl IntoIterator<Item = S>) -> Self {
        Self {
            attributes: present
                .into_iter()
                .map(RequestedAttribute::present)
                .collect(),
            ..Self::default()
        }
    }

    /// Adds attributes that the face should not have.
    #[must_use]
    pub fn without<S: Into<String>>(mut self, absent: impl IntoIterator<Item = S>) -> Self {
        self.attributes
            .extend(absent.into_iter().map(RequestedAttribute::absent));
        self
    }

    /// Adds attributes that must stay as they are.
    #[must_use]
    pub fn keeping<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.keep.extend(names.into_iter().map(Into::into));
        self
    }

    /// Sets the seed: another seed, another face.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the number of faces; the seeds of the others follow.
    #[must_use]
    pub fn with_count(mut self, count: i32) -> Self {
        self.count = Some(count);
        self
    }

    /// Sets how the target activation is made.
    #[must_use]
    pub fn with_target(mut self, target: TargetSettings) -> Self {
        self.settings.get_or_insert_default().target = Some(target);
        self
    }

    /// Sets how the image is found.
    #[must_use]
    pub fn with_inversion(mut self, inversion: InversionSettings) -> Self {
        self.settings.get_or_insert_default().inversion = Some(inversion);
        self
    }

    /// Sets what the stream carries.
    #[must_use]
    pub fn with_stream(mut self, stream: StreamSettings) -> Self {
        self.stream = Some(stream);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::GenerationSettings;

    #[test]
    fn each_step_of_a_request_sets_its_field_and_leaves_the_others_alone() {
        let target = TargetSettings {
            layer: "conv4_3".to_owned(),
            ..Default::default()
        };
        let inversion = InversionSettings {
            steps: Some(3),
            ..Default::default()
        };
        let stream = StreamSettings {
            every: Some(2),
            ..Default::default()
        };
        let request = GenerateRequest::of(["Male"])
            .without(["Bald"])
            .keeping(["Smiling"])
            .with_seed(7)
            .with_target(target.clone())
            .with_inversion(inversion)
            .with_stream(stream);
        let expected = GenerateRequest {
            attributes: vec![
                RequestedAttribute::present("Male"),
                RequestedAttribute::absent("Bald"),
            ],
            settings: Some(GenerationSettings {
                target: Some(target),
                inversion: Some(inversion),
                preset: 0,
            }),
            keep: vec!["Smiling".to_owned()],
            seed: 7,
            stream: Some(stream),
            resume_tokens: Vec::new(),
            count: None,
            from: None,
        };
        assert_eq!(request, expected);
        assert_eq!(
            RequestedAttribute::absent("Bald")
                .with_strength(2.0)
                .strength,
            Some(2.0)
        );
    }
}
