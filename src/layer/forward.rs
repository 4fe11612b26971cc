//! How a public layer hands its callbacks to its `Appender`.

/// Implements `Layer` for a public newtype by handing each callback to the `Appender` in its field
/// `appender`.
macro_rules! forward_layer {
    ($type:ty) => {
        impl<S> tracing_subscriber::Layer<S> for $type
        where
            S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
        {
            fn register_callsite(
                &self,
                _metadata: &'static tracing::Metadata<'static>,
            ) -> tracing::subscriber::Interest {
                self.appender.register_callsite()
            }

            #[inline]
            fn event_enabled(
                &self,
                event: &tracing::Event<'_>,
                _ctx: tracing_subscriber::layer::Context<'_, S>,
            ) -> bool {
                self.appender.event_enabled(event)
            }

            fn on_event(
                &self,
                event: &tracing::Event<'_>,
                ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_event(event, &ctx);
            }

            fn on_new_span(
                &self,
                attributes: &tracing::span::Attributes<'_>,
                id: &tracing::span::Id,
                ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_new_span(attributes, id, &ctx);
            }

            fn on_record(
                &self,
                id: &tracing::span::Id,
                values: &tracing::span::Record<'_>,
                ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_record(id, values, &ctx);
            }
        }
    };
}
pub(crate) use forward_layer;
