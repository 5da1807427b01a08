import Foundation
import Latchkey
import LatchkeyPrimitives

/// Comes back with its session, at once and every time that its connection ends or is silent for long, until it is told that
/// the session is over.
final class StubbornHolder: Sendable {
  private let told = Locked(false)

  /// Takes a session over and holds on to it.
  init(_ ticket: RawZooKeeper.Ticket, port: Int) {
    Thread.detachNewThread { self.hold(ticket, port) }
  }

  /// Whether the server has said that the session is over.
  var knows: Bool { self.told.withLock { $0 } }

  private func hold(_ ticket: RawZooKeeper.Ticket, _ port: Int) {
    while !self.knows {
      do {
        let client = try RawZooKeeper(port: port, resuming: ticket, readLimit: .seconds(2))
        if client.timeout > 0 {
          _ = client.socket.readToEnd()
        } else {
          self.told.withLock { $0 = true }
        }
      } catch let error as RawSocket.Failure where error.call == "connect" {
        // The server is gone, and with it the test.
        return
      } catch {
        // Somebody else took the session before the server had answered.
      }
    }
  }
}
