//! Pages and what stands in front of them.

mod accounts;
mod api;
mod app;
mod audit;
mod cds_hooks;
mod cohort;
mod compare;
mod cookies;
mod exports;
mod figures;
mod frame;
mod guard;
mod headers;
mod imaging;
mod model_card;
mod oidc;
mod patient;
mod printed;
mod refusal;
mod score;
mod sign_in;
mod statics;
#[cfg(test)]
mod testing;
mod validation;
mod what_if;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Router, middleware};

pub(crate) use app::App;
pub(crate) use cookies::Cookie;
pub(crate) use frame::Frame;
pub(crate) use guard::User;
pub(crate) use headers::LONGEST_REQUEST;
pub(crate) use refusal::Refusal;

/// The largest body of a form that anybody may send, of any form, and of an uploaded table.
const SIGN_IN_BYTES: usize = 16 << 10;
const FORM_BYTES: usize = 256 << 10;
const TABLE_BYTES: usize = 64 << 20;

/// Every route behind the guards that all have in common.
pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(cohort::home))
        .route(
            "/login",
            get(sign_in::form).post(sign_in::sign_in).layer(DefaultBodyLimit::max(SIGN_IN_BYTES)),
        )
        .route("/login/oidc", get(oidc::begin))
        .route(crate::access::CALLBACK, get(oidc::finish))
        .route("/logout", post(sign_in::sign_out))
        .route("/password", get(sign_in::password_form).post(sign_in::set_password))
        .route("/accounts", get(accounts::list).post(accounts::add))
        .route("/accounts/{name}", post(accounts::change))
        .route("/audit", get(audit::list))
        .route("/compare", get(compare::page))
        .route(
            "/score",
            get(score::form).post(score::upload).layer(DefaultBodyLimit::max(TABLE_BYTES)),
        )
        .route("/score/{batch}", get(score::progress))
        .route("/score/{batch}/predictions.csv", get(score::download))
        .nest("/studies/{study}", study_routes())
        .nest("/api/v1", api::routes())
        .merge(cds_hooks::routes())
        .merge(statics::routes())
        .fallback(|| async { Refusal::NotFound })
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), headers::guard))
        .with_state(app)
}

fn study_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(cohort::page))
        .route("/validation", get(validation::page))
        .route("/validation.pdf", get(printed::validation))
        .route("/model", get(model_card::page))
        .route("/predictions.csv", get(exports::predictions_csv_file))
        .route("/curves.csv", get(exports::curves_csv_file))
        .route("/figures/{file}", get(exports::figure))
        .route("/patients/{patient}", get(patient::page))
        .route("/patients/{patient}/figures/{file}", get(exports::patient_figure))
        .route("/patients/{patient}/report.pdf", get(printed::patient))
        .route("/patients/{patient}/fhir/{release}", get(exports::fhir))
        .route("/patients/{patient}/what-if", get(what_if::form).post(what_if::try_values))
        .route("/patients/{patient}/images", get(imaging::viewer))
        .route("/patients/{patient}/slice.png", get(imaging::slice))
}

/// A text as a part of an address.
pub(crate) fn encoded(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
