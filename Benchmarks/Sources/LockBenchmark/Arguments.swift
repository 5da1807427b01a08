/// `PEER WORKLOAD key=value…`, as every program of the comparison takes them.
struct Arguments {
  let peer: String
  let workload: String
  private let values: [String: String]

  init?(_ arguments: [String]) {
    guard arguments.count >= 3 else { return nil }
    self.peer = arguments[1]
    self.workload = arguments[2]
    var values: [String: String] = [:]
    for argument in arguments.dropFirst(3) {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { return nil }
      values[String(parts[0])] = String(parts[1])
    }
    self.values = values
  }

  func text(_ key: String, _ fallback: String) -> String { self.values[key] ?? fallback }

  func number(_ key: String, _ fallback: Int) -> Int { self.values[key].flatMap(Int.init) ?? fallback }
}
