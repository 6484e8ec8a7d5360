//! Errors: one shape for all of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config;
use crate::decision::pattern::PatternError;

/// Every response that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// What is wrong.
    pub error: ApiError,
}

/// What is wrong with a request, or why it cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{message}{}", .suggestion.as_ref().map(|text| format!("; {text}")).unwrap_or_default())]
pub struct ApiError {
    /// For programs.
    pub code: ErrorCode,
    /// For people: the offending value and what is allowed.
    pub message: String,
    /// For people: what could be written instead.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suggestion: Option<String>,
    /// Everything that is wrong with the files, with `configuration_refused`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<Problem>,
}

/// One thing wrong, or doubtful, in a configuration, zone or geo file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The file it is in.
    pub file: String,
    /// The line, counted from 1; none when it concerns the file as a whole.
    pub line: Option<usize>,
    /// The key it is about; in a zone file the owner name. May be empty.
    pub key: String,
    /// What is wrong with which value, and what would be right.
    pub message: String,
}

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the request is not as described: its JSON, a parameter or a header.
    BadRequest,
    /// 404: there is no such path in this version of the API.
    NoSuchRoute,
    /// 405: the path has no such method; `Allow` names those it has.
    MethodNotAllowed,
    /// 408: the request did not arrive in time.
    RequestTimeout,
    /// 413: the body is too large.
    BodyTooLarge,
    /// 415: a body that is not `application/json`.
    UnsupportedMediaType,
    /// 404: no object matches the pattern.
    NoSuchObject,
    /// 404: no override has this id.
    NoSuchOverride,
    /// 409: the pattern matches objects of several kinds.
    AmbiguousPattern,
    /// 422: the action cannot be said of the object, or nothing would notice.
    NotApplicable,
    /// 422: a value is not allowed.
    InvalidValue,
    /// 422: the `Idempotency-Key` was used for another request.
    IdempotencyKeyReused,
    /// 422: the configuration, zones or geo data cannot be used; what ran goes on.
    ConfigurationRefused,
    /// 503: the daemon is starting, ending or too busy.
    Unavailable,
    /// 500: the daemon could not do it; its log says more. Also every code that this version does not know.
    #[serde(other)]
    Internal,
}

impl ErrorCode {
    /// The HTTP status that goes with it.
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::NoSuchRoute | Self::NoSuchObject | Self::NoSuchOverride => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::AmbiguousPattern => 409,
            Self::BodyTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::NotApplicable
            | Self::InvalidValue
            | Self::IdempotencyKeyReused
            | Self::ConfigurationRefused => 422,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

impl ApiError {
    /// An error without a suggestion.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), suggestion: None, problems: Vec::new() }
    }

    /// The same with what could be written instead.
    #[must_use]
    pub fn suggest(self, suggestion: impl Into<String>) -> Self {
        Self { suggestion: Some(suggestion.into()), ..self }
    }

    /// The files cannot be used.
    pub fn refused(problems: &[config::Problem]) -> Self {
        let count = problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        let message = format!("the configuration cannot be used ({count} {noun}); the running one goes on");
        let problems = problems.iter().map(Problem::from).collect();
        Self { problems, ..Self::new(ErrorCode::ConfigurationRefused, message) }
    }
}

impl From<PatternError> for ApiError {
    fn from(error: PatternError) -> Self {
        let code = match error {
            PatternError::NoMatch { .. } | PatternError::NoSuchPool { .. } => ErrorCode::NoSuchObject,
            PatternError::SeveralKinds { .. } => ErrorCode::AmbiguousPattern,
            PatternError::WrongKind { .. }
            | PatternError::Unnoticed { .. }
            | PatternError::NotItsPool { .. }
            | PatternError::Preemptive { .. } => ErrorCode::NotApplicable,
        };
        Self { suggestion: error.suggestion(), ..Self::new(code, error.to_string()) }
    }
}

impl From<&config::Problem> for Problem {
    fn from(problem: &config::Problem) -> Self {
        Self {
            file: problem.file.display().to_string(),
            line: problem.line,
            key: problem.key.clone(),
            message: problem.message.clone(),
        }
    }
}

impl From<Problem> for config::Problem {
    fn from(problem: Problem) -> Self {
        let Problem { file, line, key, message } = problem;
        Self { file: file.into(), line, key, message }
    }
}
