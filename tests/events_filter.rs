//! `events(filter)` beside the bare filter: the same events pass, and the spans that it says besides.
#![cfg(test)]

#[path = "events_filter/named.rs"]
mod named;
#[path = "events_filter/program.rs"]
mod program;
#[path = "events_filter/spec.rs"]
mod spec;
#[path = "events_filter/witness.rs"]
mod witness;

use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use program::Program;
use program::Random;
use spec::Spec;
use witness::Seen;
use witness::Witness;

const LIMITS: [LevelFilter; 4] = [
    LevelFilter::OFF,
    LevelFilter::WARN,
    LevelFilter::INFO,
    LevelFilter::DEBUG,
];

/// What a layer behind the filter sees of a program, and what one behind the wrapped filter does: alone, or as
/// siblings in one registry.
fn run(program: &Program, spec: &Spec, limit: LevelFilter, are_siblings: bool) -> (Seen, Seen) {
    let (bare, wrapped) = (Witness::default(), Witness::default());
    let mut switches = Vec::new();
    let bare_layer = bare.clone().with_filter(spec.build(&mut switches));
    let filter = tracing_kafka::events(spec.build(&mut switches)).spans(limit);
    let wrapped_layer = wrapped.clone().with_filter(filter);
    let mut switch = || switches.iter().for_each(|switch| switch());
    if are_siblings {
        let layers = vec![bare_layer.boxed(), wrapped_layer.boxed()];
        tracing::subscriber::with_default(Registry::default().with(layers), || {
            program.run(&mut switch);
        });
    } else {
        // Beside a layer without a filter: else a span above the level that the filter hints at is not even
        // opened, although the filter asked about it would let it pass.
        for layer in [bare_layer.boxed(), wrapped_layer.boxed()] {
            switch_back(&mut switch, program, layer);
        }
    }
    (bare.take(), wrapped.take())
}

fn switch_back(
    switch: &mut dyn FnMut(),
    program: &Program,
    layer: Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>,
) {
    let layers = vec![layer, Witness::default().boxed()];
    tracing::subscriber::with_default(Registry::default().with(layers), || {
        program.run(switch);
        if program.has_switched() {
            // A second switch leads back.
            switch();
        }
    });
}

#[test]
fn the_same_events_pass_and_spans_pass_by_level_besides() {
    let mut random = Random(3);
    let (mut passed, mut refused, mut spans) = (0_usize, 0_usize, 0_usize);
    for round in 0..4_000 {
        let spec = Spec::random(&mut random, 0);
        let program = Program::random(&mut random);
        let limit = random.one_of(&LIMITS);
        let are_siblings = random.below(2) == 0;
        let (bare, wrapped) = run(&program, &spec, limit, are_siblings);
        let about = format!(
            "round {round}, siblings: {are_siblings}, spans {limit}\n{spec:#?}\n{program:#?}"
        );
        assert_eq!(wrapped.events(), bare.events(), "{about}");
        let expected: Vec<_> = program
            .spans()
            .filter(|(number, level)| limit >= *level || bare.has_span(*number))
            .map(|(number, _)| number)
            .collect();
        assert_eq!(wrapped.spans(), expected, "{about}");
        for (number, around) in wrapped.scopes() {
            let expected = program.scope_of(number, &expected);
            assert_eq!(around, expected, "event {number}, {about}");
        }
        passed += bare.events().len();
        refused += program.number_of_events() - bare.events().len();
        spans += expected.len();
    }
    assert!(
        passed > 5_000 && refused > 5_000 && spans > 5_000,
        "{passed} {refused} {spans}"
    );
}
