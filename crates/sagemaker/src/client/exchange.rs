use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

/// Gives a call of the SDK its body, and keeps the answer's.
///
/// The body is laid in before the request is signed, so that what was checked and printed is to the
/// byte what is sent.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    body: Arc<[u8]>,
    answer: Arc<Mutex<Vec<u8>>>,
}

impl Exchange {
    pub(super) fn new(body: &Value) -> Self {
        Self { body: body.to_string().into_bytes().into(), answer: Arc::default() }
    }

    /// What the service said; null where it said nothing.
    pub(super) fn answer(&self) -> Value {
        let bytes = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    }
}

impl Intercept for Exchange {
    fn name(&self) -> &'static str {
        "Exchange"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        request.headers_mut().insert("content-length", self.body.len().to_string());
        *request.body_mut() = SdkBody::from(self.body.to_vec());
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(bytes) = context.response().body().bytes() {
            let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            *answer = bytes.to_vec();
        }
        Ok(())
    }
}
