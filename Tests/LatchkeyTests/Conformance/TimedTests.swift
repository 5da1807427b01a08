import Testing

/// Tests that look at the clock: one after the other, so that they do not starve one another on a small machine.
@Suite(.serialized)
enum TimedTests {}
