//! Explanations, as they are asked for and given.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::decision::Explanation;

/// Which answer is to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplainQuery {
    /// QNAME.
    #[param(example = "www.example.com")]
    pub name: String,
    /// QTYPE by its name, or as `TYPE123`.
    #[serde(rename = "type")]
    #[param(example = "A")]
    pub qtype: String,
    /// Who asks: the address of the sender, or the client subnet of a query with ECS.
    #[param(example = "192.0.2.0/24")]
    pub from: String,
}

/// What a client is answered, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// What was decided, step by step; as `gtm explain --json` prints it.
    #[schema(value_type = Object)]
    pub explanation: Value,
    /// The same for people, in lines.
    pub text: String,
}

impl Explained {
    /// Both forms of an explanation.
    pub fn new(explanation: &Explanation) -> Result<Self, serde_json::Error> {
        Ok(Self { explanation: serde_json::to_value(explanation)?, text: explanation.to_string() })
    }
}
