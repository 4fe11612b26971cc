//! What a layer takes where it needs a layout: one that is made, one that is being built, a pattern.

use super::JsonLayout;
use super::JsonLayoutBuilder;
use super::Layout;
use super::PatternLayout;
use super::PatternLayoutBuilder;
use crate::error::BuildError;

/// What builders take where they need a [`Layout`]: any layout, a builder of one, a pattern as text.
///
/// What is wrong with it is an error of the layer's `build`. Text is a pattern everywhere: without `%` it
/// is a constant, and `%%` is a percent sign.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{JsonLayout, KafkaLayer, PatternLayout};
///
/// let builder = KafkaLayer::builder("localhost:9092", "log-message")
///     .layout(JsonLayout::ecs().field("service.name", "orders"))
///     .key("%X{tenant}")
///     .header("service", "orders")
///     .header("at", PatternLayout::builder("%d").zone("UTC"));
/// let (_layer, _guard) = builder.build()?;
///
/// let builder = KafkaLayer::builder("localhost:9092", "log-message").layout("%q");
/// let error = builder.build().unwrap_err();
/// assert_eq!(error.to_string(), "unknown conversion word `%q` at byte 0");
/// # Ok::<(), tracing_kafka::BuildError>(())
/// ```
pub trait IntoLayout {
    /// The layout.
    ///
    /// # Errors
    ///
    /// Those of the builder, or of the pattern.
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError>;
}

impl<L: Layout> IntoLayout for L {
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError> {
        Ok(Box::new(self))
    }
}

impl IntoLayout for JsonLayoutBuilder {
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError> {
        let layout: JsonLayout = self.build()?;
        Ok(Box::new(layout))
    }
}

impl IntoLayout for PatternLayoutBuilder {
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError> {
        Ok(Box::new(self.build()?))
    }
}

impl IntoLayout for &str {
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError> {
        Ok(Box::new(PatternLayout::new(self)?))
    }
}

impl IntoLayout for &String {
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError> {
        self.as_str().into_layout()
    }
}

impl IntoLayout for String {
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError> {
        self.as_str().into_layout()
    }
}

/// What `PatternLayout::new` or a builder's `build` gave, without `?`.
impl<L: Layout, E: Into<BuildError>> IntoLayout for Result<L, E> {
    fn into_layout(self) -> Result<Box<dyn Layout>, BuildError> {
        Ok(Box::new(self.map_err(Into::into)?))
    }
}
