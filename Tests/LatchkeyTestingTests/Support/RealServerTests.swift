import Testing

/// The tests that start servers, one after the other: several Java machines at once would starve each other.
@Suite(.serialized, .timeLimit(.minutes(10)))
enum RealServerTests {}
