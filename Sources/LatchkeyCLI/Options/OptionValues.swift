internal import ArgumentParser
internal import Latchkey

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
