//! The `OpenAPI` description of the control API.

use utoipa::OpenApi;
use utoipa::openapi;

use super::routes;

/// What stands above the routes.
#[derive(OpenApi)]
#[openapi(info(
    title = "gtm control API",
    version = "1",
    description = "State, explanations, events and overrides of a running gtm. Times are milliseconds since 1970 (UTC). \
                   Every response that is not a success is an ErrorBody. A write with an Idempotency-Key that was used \
                   before for the same request gives the first answer again, with the header Idempotency-Replayed; \
                   keys are kept for 24 hours.",
    contact(),
    license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
))]
pub(super) struct Document;

/// The description, generated from the routes and their types.
pub fn document() -> openapi::OpenApi {
    routes::described().1
}
