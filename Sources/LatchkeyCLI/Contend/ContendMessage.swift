/// What the processes of a contention tell each other, one line of JSON each.
///
/// The parent writes to a child's standard input: the plan, then `go`, and `stop` if it is interrupted. The end of that file
/// means that the parent is dead. The child answers on its standard output: `ready`, then the tally, or why there is none.
enum ContendMessage {
  static let go = "go"
  static let stop = "stop"

  enum Answer: Codable, Sendable {
    case ready
    case tally(Tally)
    case failed(message: String, code: Int32)
  }
}
