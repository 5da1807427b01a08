internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

/// What the libraries log, as sentences of this command: no time, no level, no names of modules.
struct CommandLog: LogHandler {
  /// Where the sentences go. Several locks and connections may have the same to say, again and again: it is said once.
  final class Sink: Sendable {
    private struct LeftOut {
      var messages: Set<String> = []
      var locks = false
    }

    static let console = Sink { Console.note($0) }

    private let repetitions = Locked(Repetitions())
    private let leftOut = Locked(LeftOut())
    private let say: @Sendable (String) -> Void

    init(_ say: @escaping @Sendable (String) -> Void) {
      self.say = say
    }

    func note(_ sentence: String, about subject: String?, at now: ContinuousClock.Instant = .now) {
      guard self.repetitions.withLock({ $0.isNew(sentence, at: now) }) else { return }
      self.say(subject.map { "\($0): \(sentence)" } ?? sentence)
    }

    /// Leaves out a message of the libraries from now on: the command reports that itself.
    func leaveOut(_ message: Logger.Message) {
      self.leftOut.withLock { leftOut in _ = leftOut.messages.insert("\(message)") }
    }

    /// Leaves out whatever the libraries say about a lock from now on.
    func leaveOutLocks() { self.leftOut.withLock { $0.locks = true } }

    fileprivate func leavesOut(_ message: Logger.Message, isAboutLock: Bool) -> Bool {
      self.leftOut.withLock { $0.locks && isAboutLock || $0.messages.contains("\(message)") }
    }
  }

  let sink: Sink
  var logLevel = Logger.Level.warning
  var metadata: Logger.Metadata = [:]
  var metadataProvider: Logger.MetadataProvider?

  init(sink: Sink) {
    self.sink = sink
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { self.metadata[key] }
    set { self.metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var metadata = self.metadata
    if let provided = self.metadataProvider?.get() { metadata.merge(provided) { $1 } }
    if let own = event.metadata { metadata.merge(own) { $1 } }
    if let error = event.error, metadata["error"] == nil { metadata["error"] = "\(error)" }
    let subject = metadata["lock.name"].map { "lock \"\($0)\"" }
    if self.sink.leavesOut(event.message, isAboutLock: subject != nil) { return }
    self.sink.note(Self.sentence("\(event.message)", metadata), about: subject)
  }

  /// The message, then the reason, then the other metadata, but for the backend and the token, which people have not asked for.
  static func sentence(_ message: String, _ metadata: Logger.Metadata) -> String {
    var metadata = metadata
    for key in ["lock.name", "lock.backend", "lock.token"] { metadata[key] = nil }
    let reasons = ["error", "reason"].compactMap { metadata.removeValue(forKey: $0) }.map { ": \($0)" }.joined()
    let rest = metadata.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    return message + reasons + (rest.isEmpty ? "" : " (\(rest.joined(separator: ", ")))")
  }
}

/// Remembers what was said lately.
struct Repetitions: Sendable {
  /// A sentence that has not come for this long is said again.
  private static let memory = Duration.seconds(60)

  private var said: [String: ContinuousClock.Instant] = [:]

  /// Whether a sentence is to be said: it has not come lately. Sentences that differ in numbers alone are one.
  mutating func isNew(_ sentence: String, at now: ContinuousClock.Instant) -> Bool {
    self.said = self.said.filter { $0.value.duration(to: now) < Self.memory }
    return self.said.updateValue(now, forKey: Self.withoutNumbers(sentence)) == nil
  }

  private static func withoutNumbers(_ sentence: String) -> String {
    sentence.split(omittingEmptySubsequences: false) { $0.isNumber }.filter { !$0.isEmpty }.joined(separator: "#")
  }
}
