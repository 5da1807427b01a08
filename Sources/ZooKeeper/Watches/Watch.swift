internal import LatchkeyPrimitives

/// A watch that was set with a read: it tells once that what was read is no longer so.
///
/// Dropping it forgets it on this side; the server keeps its part until the node changes.
public struct Watch: Sendable {
  /// Forgets the registry's entry with the last copy.
  private final class Entry: Sendable {
    let session: ZKSession
    let id: UInt64

    init(session: ZKSession, id: UInt64) {
      self.session = session
      self.id = id
    }

    deinit {
      self.session.removeWatch(self.id)
    }
  }

  private let answer: OneShot<WatchEvent?>
  private let path: String
  private let entry: Entry

  init(_ answer: OneShot<WatchEvent?>, path: String, session: ZKSession, id: UInt64) {
    self.answer = answer
    self.path = path
    self.entry = Entry(session: session, id: id)
  }

  /// Waits for the event. Any number of tasks may wait.
  ///
  /// - Returns: What happened; ``WatchEvent/sessionEnded`` if the session ended first.
  /// - Throws: ``ZooKeeperError`` with code ``ZooKeeperCode/cancelled`` if the task is cancelled.
  public func event() async throws(ZooKeeperError) -> WatchEvent {
    guard let event = await self.answer.wait(cancelled: nil) else {
      throw ZooKeeperError(.cancelled, operation: "watch", path: self.path)
    }
    return event
  }
}
