/// A fault as it was done.
struct InjectedFault: Codable, Hashable, Sendable {
  var planned: PlannedFault
  /// The place of the server or client that it fell on; nil if there was none to be found.
  var place: Int?
  /// When it began, and when it was over: a killed server answers again, a paused process runs.
  var from: UInt64
  var until: UInt64
  /// Whether it was seen to do something: a process stopped or gone, bytes lost, a session ended, a clock set.
  var hasBitten = false
  /// Why it did nothing, or what it did.
  var note = ""

  var action: FaultAction { self.planned.action }

  /// For people.
  var text: String {
    "\(self.action.name)\(self.place.map { " \($0 + 1)" } ?? "")\(self.note.isEmpty ? "" : ": \(self.note)")"
  }

  var isOnServer: Bool { self.action.isOnServer }
}
