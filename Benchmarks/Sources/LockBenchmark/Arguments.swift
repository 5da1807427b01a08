/// `PEER WORKLOAD key=value…`, as every program of the comparison takes them. Keys may also come first, so that a command can
/// be given with some of them.
struct Arguments {
  let peer: String
  let workload: String
  private let values: [String: String]

  init?(_ arguments: [String]) {
    var words: [String] = []
    var values: [String: String] = [:]
    for argument in arguments.dropFirst() {
      let parts = argument.split(separator: "=", maxSplits: 1)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) } else { words.append(argument) }
    }
    guard words.count == 2, ["A", "B", "C", "D", "E", "G"].contains(words[1]) else { return nil }
    self.peer = words[0]
    self.workload = words[1]
    self.values = values
  }

  /// Whether the workers run on the client's own event loop (`tasks=loop`) and not on the pool that all tasks share.
  var runsOnLoop: Bool { self.text("tasks", "pool") == "loop" }

  func text(_ key: String, _ fallback: String) -> String { self.values[key] ?? fallback }

  func number(_ key: String, _ fallback: Int) -> Int { self.values[key].flatMap(Int.init) ?? fallback }
}
