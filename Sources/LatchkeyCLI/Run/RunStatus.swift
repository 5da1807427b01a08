/// The statuses of `latchkey run` besides the command's own, after env(1) and timeout(1).
enum RunStatus {
  static let lockLost: Int32 = 122
  static let waitRanOut: Int32 = 124
  static let ours: Int32 = 125
  static let notExecutable: Int32 = 126
  static let notFound: Int32 = 127
}
