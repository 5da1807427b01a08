internal import NIOCore

/// Who listens to which channel, and what the server has been asked and not answered yet: no I/O.
///
/// Answers come in the order of the questions. A channel counts as confirmed with the answer to the last question about it, so
/// that a subscription which was given up and taken again is not confirmed by the answer to the first.
struct SubscriptionTable {
  /// Names a reader.
  typealias ID = Int

  /// What to ask the server.
  enum Question: Hashable, Sendable {
    case subscribe(ChannelName)
    case unsubscribe(ChannelName)
    case ping
  }

  /// What an answer means.
  enum Outcome: Hashable {
    /// Nothing to anybody.
    case nothing
    /// These readers' subscription is confirmed.
    case confirmed([ID])
    /// These readers' subscription was refused; they are gone from the table.
    case refused([ID], String)
    /// A message for these readers.
    case message([ID], String)
    /// The server does not speak the protocol.
    case violation
  }

  /// What a new reader needs.
  struct Addition: Hashable {
    /// What to ask; nil if nothing.
    var question: Question?
    /// Whether the reader's subscription is confirmed already.
    var isConfirmed: Bool
  }

  private struct Channel {
    var readers: [ID] = []
    var isConfirmed = false
  }

  private var channels: [ChannelName: Channel] = [:]
  private var names: [ID: ChannelName] = [:]
  private var asked = CircularBuffer<Question>()
  /// How often each channel was asked for without an answer.
  private var unanswered: [ChannelName: Int] = [:]

  /// Whether nobody listens.
  var isEmpty: Bool { self.channels.isEmpty }

  /// Whether the server owes an answer.
  var isWaiting: Bool { !self.asked.isEmpty }

  /// What to ask on a new connection.
  var questions: [Question] { self.channels.keys.sorted().map { .subscribe($0) } }

  /// Notes that a question was sent.
  mutating func ask(_ question: Question) {
    self.asked.append(question)
    if case .subscribe(let name) = question { self.unanswered[name, default: 0] += 1 }
  }

  /// Adds a reader.
  mutating func add(_ id: ID, to name: ChannelName) -> Addition {
    let isNew = self.channels[name] == nil
    self.channels[name, default: Channel()].readers.append(id)
    self.names[id] = name
    return Addition(question: isNew ? .subscribe(name) : nil, isConfirmed: self.channels[name]?.isConfirmed ?? false)
  }

  /// Removes a reader.
  ///
  /// - Returns: What to ask; nil if others listen to the channel, or there was no such reader.
  mutating func remove(_ id: ID) -> Question? {
    guard let name = self.names.removeValue(forKey: id), var channel = self.channels[name] else { return nil }
    channel.readers.removeAll { $0 == id }
    self.channels[name] = channel.readers.isEmpty ? nil : channel
    return channel.readers.isEmpty ? .unsubscribe(name) : nil
  }

  /// Empties the table.
  ///
  /// - Returns: All readers, and whether their subscription was confirmed.
  mutating func removeAll() -> [(id: ID, isConfirmed: Bool)] {
    defer { self = SubscriptionTable() }
    return self.channels.values.flatMap { channel in channel.readers.map { ($0, channel.isConfirmed) } }
  }

  /// What a message of the server means, with RESP3 and RESP2 alike.
  mutating func received(_ frame: RESPFrame) -> Outcome {
    switch frame {
    case .reply(.error(let text)): return self.refused(text)
    case .reply(.array(let values)), .push(let values): return self.received(values)
    case .reply: return self.answered(.ping) ? .nothing : .violation
    }
  }

  private mutating func received(_ values: [RedisValue]) -> Outcome {
    guard case .string(let kind) = values.first else { return .violation }
    switch String(decoding: kind, as: UTF8.self) {
    case "message":
      guard values.count == 3, case .string(let name) = values[1], case .string(let text) = values[2] else {
        return .violation
      }
      guard let channel = self.channels[ChannelName(bytes: name)], channel.isConfirmed else { return .nothing }
      return .message(channel.readers, String(decoding: text, as: UTF8.self))
    case "subscribe":
      guard values.count == 3, case .string(let bytes) = values[1] else { return .violation }
      let name = ChannelName(bytes: bytes)
      guard self.answered(.subscribe(name)) else { return .violation }
      guard self.unanswered[name] == nil, self.channels[name] != nil else { return .nothing }
      self.channels[name]?.isConfirmed = true
      return .confirmed(self.channels[name]?.readers ?? [])
    case "unsubscribe":
      guard values.count == 3, case .string(let name) = values[1] else { return .violation }
      return self.answered(.unsubscribe(ChannelName(bytes: name))) ? .nothing : .violation
    case "pong":
      return self.answered(.ping) ? .nothing : .violation
    // Other pushes are none of ours.
    default: return .nothing
    }
  }

  private mutating func refused(_ text: String) -> Outcome {
    guard let question = self.asked.first else { return .violation }
    _ = self.answered(question)
    guard case .subscribe(let name) = question else { return .nothing }
    let readers = self.channels.removeValue(forKey: name)?.readers ?? []
    for id in readers { self.names[id] = nil }
    return .refused(readers, text)
  }

  private mutating func answered(_ question: Question) -> Bool {
    guard self.asked.first == question else { return false }
    self.asked.removeFirst()
    if case .subscribe(let name) = question, let count = self.unanswered[name] {
      self.unanswered[name] = count > 1 ? count - 1 : nil
    }
    return true
  }
}
