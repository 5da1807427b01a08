/// The kinds of faults that `--faults` names.
enum FaultKind: String, CaseIterable, Codable, Sendable {
  case kill
  case pause
  case cut
  case expire
  case clock
  case partition

  /// What it does, for the help.
  var summary: String {
    switch self {
    case .kill: "servers (the leader too) and clients are killed and started again"
    case .pause: "servers and clients stop (SIGSTOP), clients past the timeout"
    case .cut: "connections of a client or server lose all, one way or both"
    case .expire: "the holder's session, lease or key is ended from outside"
    case .clock: "the wall clock of one client is set forth and back"
    case .partition: "one member is cut off from its leader, and answers its clients"
    }
  }
}
