internal import ArgumentParser
internal import Latchkey

/// Reads the value of an option that is a duration.
@Sendable
func durationOption(_ text: String) throws -> Duration {
  guard let duration = DurationText.parse(text) else {
    let problem = Double(text) == nil ? "is not a duration" : "has no unit"
    throw ValidationError("\"\(text)\" \(problem); \(DurationText.hint)")
  }
  return duration
}

/// What shells offer for values that are not files.
enum Completions {
  /// The beginnings of URLs that this command knows.
  static let urls = CompletionKind.list(
    Backends.all.flatMap(\.schemes).map { $0.rawValue + ($0.isInProcess ? ":" : "://") }
  )

  /// The words of `--serve`: each kind alone, and as many servers as are usual.
  static let servers = CompletionKind.list(
    Backends.servers.flatMap { [$0.name, "\($0.name):\($0.name == "redis" ? 5 : 3)"] }
  )
}

extension ColorChoice: ExpressibleByArgument {}
