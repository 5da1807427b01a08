import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import ZooKeeper

@Suite("Which session a client has")
struct SessionMachineTests {
  private typealias Action = SessionMachine.Action

  private func started() -> SessionMachine {
    var machine = SessionMachine()
    _ = machine.start()
    _ = machine.opening(1)
    return machine
  }

  @Test("a start opens the first session")
  func start() {
    var machine = SessionMachine()
    expectEqual(machine.start(), [.open(1)])
    #expect(machine.state == .connecting)
    expectEqual(machine.opening(1), true)
    expectEqual(machine.connected(1), [.sessionConnected(1), .publish(.connected)])
  }

  @Test("a lost connection suspends the session, and it goes on when it is found again")
  func suspend() {
    var machine = self.started()
    _ = machine.connected(1)
    expectEqual(machine.disconnected(1), [.sessionSuspended(1), .publish(.suspended)])
    expectEqual(machine.disconnected(1), [])
    expectEqual(machine.connected(1), [.sessionConnected(1), .publish(.connected)])
  }

  @Test("connected without news of a loss is a loss and a new connection")
  func silentReconnect() {
    var machine = self.started()
    _ = machine.connected(1)
    expectEqual(
      machine.connected(1),
      [
        .sessionSuspended(1), .publish(.suspended), .sessionConnected(1), .publish(.connected),
      ]
    )
  }

  @Test("an expired session is closed and a new one opened")
  func expiry() {
    var machine = self.started()
    _ = machine.connected(1)
    _ = machine.disconnected(1)
    expectEqual(
      machine.expired(1),
      [
        .close(1), .sessionEnded(1, .sessionExpired), .publish(.expired), .publish(.connecting), .open(2),
      ]
    )
    expectEqual(machine.connected(1), [])
    expectEqual(machine.opening(2), true)
    expectEqual(machine.connected(2), [.sessionConnected(2), .publish(.connected)])
    expectEqual(machine.sessionClosed(1), [])
  }

  @Test("refused credentials close the client")
  func authentication() {
    var machine = self.started()
    expectEqual(
      machine.authenticationFailed(1),
      [
        .publish(.authenticationFailed), .close(1), .sessionEnded(1, .authFailed), .stop(.authFailed),
      ]
    )
    expectEqual(machine.sessionClosed(1), [.publish(.closed), .finished])
  }

  @Test("servers that are not what they should be close the client")
  func refused() {
    var machine = self.started()
    _ = machine.connected(1)
    expectEqual(machine.refused(2), [])
    expectEqual(
      machine.refused(1),
      [.close(1), .sessionEnded(1, .invalidConfiguration), .stop(.invalidConfiguration)]
    )
    expectEqual(machine.refused(1), [])
    expectEqual(machine.sessionClosed(1), [.publish(.closed), .finished])
  }

  @Test("closing waits for every session that was opened")
  func closing() {
    var machine = self.started()
    _ = machine.connected(1)
    _ = machine.expired(1)
    _ = machine.opening(2)
    expectEqual(machine.close(), [.close(2), .sessionEnded(2, .closed), .stop(.closed)])
    expectEqual(machine.sessionClosed(2), [])
    expectEqual(machine.sessionClosed(1), [.publish(.closed), .finished])
    expectEqual(machine.close(), [])
  }

  @Test("a client that was never started is closed at once, and stays so")
  func closedBeforeStart() {
    var machine = SessionMachine()
    expectEqual(machine.close(), [.stop(.closed), .publish(.closed), .finished])
    expectEqual(machine.start(), [])
  }

  @Test("a session that is not wanted any more is not opened")
  func closedBeforeOpening() {
    var machine = SessionMachine()
    _ = machine.start()
    expectEqual(machine.close(), [.stop(.closed), .publish(.closed), .finished])
    expectEqual(machine.opening(1), false)
  }

  @Test("a session that could not be opened is tried again under the same number")
  func openFailed() {
    var machine = self.started()
    expectEqual(machine.openFailed(1), [.open(1)])
    expectEqual(machine.opening(1), true)
    expectEqual(machine.opening(1), false)
  }

  @Test("whatever is heard in whatever order, the states keep their legal order", arguments: 0..<300)
  func legalOrder(seed: Int) {
    var random = SplitMix(seed: UInt64(seed))
    var machine = SessionMachine()
    var shown = machine.state
    var opened: [UInt64] = []
    var open: Set<UInt64> = []
    var closed: [UInt64] = []
    var ended: [UInt64] = []
    var isFinished = false

    func legal(_ from: SessionState, _ to: SessionState) -> Bool {
      switch (from, to) {
      case (.connecting, .connected), (.connected, .suspended), (.suspended, .connected), (.suspended, .expired),
        (.expired, .connecting), (.authenticationFailed, .closed):
        true
      case (.closed, _), (.authenticationFailed, _): false
      case (_, .authenticationFailed), (_, .closed): true
      default: false
      }
    }

    func take(_ actions: [SessionMachine.Action]) {
      #expect(!isFinished || actions.isEmpty)
      for action in actions {
        switch action {
        case .publish(let state):
          #expect(legal(shown, state), "\(shown) to \(state)")
          shown = state
        case .open(let generation):
          #expect(!open.contains(generation))
          opened.append(generation)
        case .close(let generation):
          #expect(open.contains(generation) && !closed.contains(generation))
          closed.append(generation)
        case .sessionEnded(let generation, _):
          #expect(!ended.contains(generation))
          ended.append(generation)
        case .sessionConnected(let generation):
          #expect(open.contains(generation) && !ended.contains(generation))
        case .finished:
          #expect(open.isEmpty && !isFinished)
          isFinished = true
        case .sessionSuspended, .stop: break
        }
      }
    }

    take(machine.start())
    for _ in 0..<200 {
      let generation = UInt64.random(in: max(1, machine.generation &- 1)...machine.generation, using: &random)
      // Only what is open can be heard of.
      let isOpen = open.contains(generation)
      switch Int.random(in: 0..<40, using: &random) {
      case 0: take(machine.close())
      case 1 where isOpen: take(machine.authenticationFailed(generation))
      case 2 where isOpen: take(machine.refused(generation))
      case 3..<10 where isOpen: take(machine.expired(generation))
      case 10..<20 where isOpen: take(machine.connected(generation))
      case 20..<30 where isOpen: take(machine.disconnected(generation))
      case 30..<32 where isOpen && generation == machine.generation && machine.phase == .connecting:
        open.remove(generation)
        take(machine.openFailed(generation))
      case 32..<36:
        if let next = closed.first(where: { open.contains($0) }) {
          open.remove(next)
          take(machine.sessionClosed(next))
        }
      default:
        if machine.opening(machine.generation) { open.insert(machine.generation) }
      }
      #expect(shown == machine.state)
    }
    take(machine.close())
    for generation in open.sorted() {
      open.remove(generation)
      take(machine.sessionClosed(generation))
    }
    #expect(isFinished && shown == .closed)
  }
}
