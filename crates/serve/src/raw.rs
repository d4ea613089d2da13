//! One patient's own files: unpacked, turned into features as the training cohort's were, and
//! scored.

mod unpack;

use std::path::Path;
use std::sync::Arc;

use axum::body::Body as HttpBody;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use oncoweave_core::{Cohort, Extraction, PatientId};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::App;
use crate::invoke::{Request, whole};
use crate::negotiate::Format;
use crate::redact::of_model;
use crate::refusal::Refusal;
use crate::render::{Layout, Writer};
use crate::served::{Answer, Served};
use unpack::Unpacked;

/// The part of a request that says what the others are.
pub(crate) const CASE: &str = "case.json";

/// Makes one aligned row of a patient's files, with the settings that a model was trained with. The
/// sentence of a failure may hold nothing of the patient.
pub type Extract = fn(&RawCase) -> Result<Cohort, String>;

/// A patient's files as they came.
pub struct RawCase<'a> {
    /// How the training cohort was extracted.
    pub extraction: &'a Extraction,
    /// The folder `extraction` of the model, where files may lie that are too large to be kept
    /// otherwise.
    pub stored: &'a Path,
    /// The folder with the files.
    pub folder: &'a Path,
    /// What they are.
    pub case: &'a Case,
}

/// What a request with raw files says about them: the content of `case.json`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Whose they are; comes back as the answer's `id`.
    #[serde(default)]
    pub patient_id: Option<String>,
    /// The patient's row of the clinical table, by the table's own column names.
    #[serde(default)]
    pub clinical: Map<String, Value>,
    /// The files.
    #[serde(default)]
    pub files: Vec<CaseFile>,
}

/// One row of a cohort's files list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseFile {
    /// The modality's name.
    pub modality: String,
    /// The file or folder among those sent.
    pub path: String,
    /// The label image of a NIfTI image.
    #[serde(default)]
    pub mask: Option<String>,
    /// The sample within the file.
    #[serde(default)]
    pub sample_id: Option<String>,
    /// The gene panel that was sequenced.
    #[serde(default)]
    pub panel: Option<String>,
    /// When it was taken, `YYYY-MM-DD`.
    #[serde(default)]
    pub date: Option<String>,
}

/// Answers a request whose body is a patient's files.
pub(crate) async fn answer(
    app: &Arc<App>,
    request: Request,
    headers: &HeaderMap,
    body: HttpBody,
) -> Result<Response, Refusal> {
    let Some(extract) = app.extract else {
        return Err(Refusal::bad("this program takes no raw files"));
    };
    if request.served.model.extraction().is_none() {
        let reason = "the model does not know how its features were extracted, so it takes no raw \
                      files; align the cohort again with this version and train again";
        return Err(Refusal::bad(reason));
    }
    let header =
        |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let limit = app.settings.unpacked_limit_bytes;
    let unpacked = match request.content {
        Format::Zip => {
            let announced = header(CONTENT_LENGTH).and_then(|length| length.parse().ok());
            let received = app.room.receive(announced, body).await?;
            blocking(move || unpack::archive(&received.body, limit)).await??
        }
        _ => unpack::parts(app, header(CONTENT_TYPE).unwrap_or_default(), body).await?,
    };
    let _turn = app.extracting.acquire().await.map_err(|_| Refusal::fault())?;
    if app.has_given_up() {
        return Err(Refusal::leaving());
    }
    let format = request.answer;
    let bytes = blocking(move || predict(&request, &unpacked, extract)).await??;
    tracing::info!(records = 1, "answered for raw files");
    Ok(whole(format, bytes))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Refusal::fault())
}

fn predict(request: &Request, unpacked: &Unpacked, extract: Extract) -> Result<Vec<u8>, Refusal> {
    let Request { served, asked, answer: format, .. } = request;
    let case = read_case(unpacked.folder())?;
    let patient_id = case.patient_id.as_deref().map(PatientId::new).transpose();
    let patient_id = patient_id.map_err(|error| Refusal::bad(format!("`{CASE}`: {error}")))?;
    let extraction = served.model.extraction().ok_or_else(Refusal::fault)?;
    let stored = served.folder.join("extraction");
    let raw = RawCase { extraction, stored: &stored, folder: unpacked.folder(), case: &case };
    let cohort = complete(extract(&raw).map_err(Refusal::bad)?, served);
    let answer = Answer { patient_id, ..score(served, &cohort, request)? };
    let mut writer = Writer::of_one(Layout::new(served, asked), *format);
    let mut bytes = writer.write(&[answer]);
    bytes.extend(writer.finish().map_err(|_| Refusal::fault())?);
    Ok(bytes)
}

fn read_case(folder: &Path) -> Result<Case, Refusal> {
    let text = fs_err::read(folder.join(CASE)).map_err(|_| {
        Refusal::bad(format!("the request has no `{CASE}`, which says what its files are"))
    })?;
    // A list would be read as the fields in their order.
    let case = serde_json::from_slice::<Map<String, Value>>(&text)
        .and_then(|_| serde_json::from_slice(&text));
    case.map_err(|error| {
        // The parser's own message may show a value.
        let (line, column) = (error.line(), error.column());
        Refusal::bad(format!(
            "`{CASE}` cannot be read at line {line}, column {column}; expected an object with \
             `patient_id`, `clinical` and `files`"
        ))
    })
}

/// Adds the columns that other patients' files have of the patient's modalities, as missing. Levels
/// of a category are left out: where one is known, the others are not the patient's.
fn complete(mut cohort: Cohort, served: &Served) -> Cohort {
    let known: std::collections::HashSet<String> =
        cohort.columns.iter().map(oncoweave_core::CohortColumn::name).collect();
    let modalities: Vec<String> = cohort.modalities().into_iter().map(str::to_owned).collect();
    for name in served.columns.used_names().filter(|name| !known.contains(*name)) {
        let Some((modality, feature)) = name.split_once('.') else { continue };
        if feature.contains('=') || !modalities.iter().any(|one| one == modality) {
            continue;
        }
        let (unit, meaning, standard) = (String::new(), String::new(), String::new());
        cohort.columns.push(oncoweave_core::CohortColumn {
            modality: modality.to_owned(),
            info: oncoweave_core::FeatureInfo { name: feature.to_owned(), unit, meaning, standard },
            values: [None].into_iter().collect(),
        });
    }
    cohort
}

/// Scores the one row of a cohort, through the same function as `predict`.
fn score(served: &Served, cohort: &Cohort, request: &Request) -> Result<Answer, Refusal> {
    let asked = &request.asked;
    let problem = |error: oncoweave_model::Error| {
        Refusal::new(
            StatusCode::BAD_REQUEST,
            format!("the patient cannot be scored: {}", of_model(&error)),
        )
    };
    let model = &served.model;
    let times = served.times(asked);
    let prediction = model.score_at(cohort, &[0], times).map_err(problem)?.remove(0);
    let explanation = if asked.explain {
        Some(model.explain(cohort, &[0]).map_err(problem)?.remove(0))
    } else {
        None
    };
    let features = asked.features.then(|| {
        cohort.columns.iter().map(|column| (column.name(), column.values.get(0))).collect()
    });
    Ok(Answer { number: 1, patient_id: None, result: Ok(prediction), explanation, features })
}
