internal import LatchkeyPrimitives

/// A channel with one slot: what was sent stays in the slot until somebody receives it. Receivers that find it empty wait, first
/// come, first served.
///
/// A value that is sent goes straight to the first receiver in line, so the slot is empty while anybody waits, and a receive that
/// does not wait cannot overtake.
final class SlotChannel<Element: Sendable>: WaitRoom {
  typealias Answer = Reception

  /// How a receive ended.
  enum Reception: Sendable {
    case received(Element)
    /// The time is up; with the number of receivers that stood before this one.
    case timedOut(ahead: Int)
    /// The receiver's task was cancelled.
    case cancelled
  }

  /// How a receive began.
  private enum Entry {
    case ended(Reception)
    case joined(WaitLine<Reception>.ID)
  }

  private struct State {
    var slot: Element?
    var receivers = WaitLine<Reception>()
  }

  private let state: Locked<State>

  /// Makes a channel.
  ///
  /// - Parameter element: What its slot holds at first.
  init(_ element: Element) {
    self.state = Locked(State(slot: element))
  }

  /// Puts a value into the slot, or hands it to the first receiver in line. Never waits: the slot must be empty.
  func send(_ element: Element) {
    let departure = self.state.withLock { state -> WaitLine<Reception>.Departure? in
      if let head = state.receivers.head { return state.receivers.leave(head, with: .received(element)) }
      precondition(state.slot == nil, "sent into a full slot")
      state.slot = element
      return nil
    }
    departure?.resume(with: .received(element))
  }

  /// Takes the value out of the slot, without waiting.
  ///
  /// - Returns: The value, or nil if the slot is empty.
  func tryReceive() -> Element? { self.state.withLock { $0.slot.take() } }

  /// Takes the value out of the slot, and waits for one if it is empty.
  ///
  /// A value that is sent in the moment in which the receiver's task is cancelled is received.
  ///
  /// - Parameter deadline: When to give up; nil waits for ever.
  func receive(until deadline: ContinuousClock.Instant?) async -> Reception {
    let entry = self.state.withLock { state -> Entry in
      if let element = state.slot.take() { return .ended(.received(element)) }
      if let deadline, deadline <= .now { return .ended(.timedOut(ahead: state.receivers.count)) }
      return .joined(state.receivers.join())
    }
    let id: WaitLine<Reception>.ID
    switch entry {
    case .ended(let reception): return reception
    case .joined(let joined): id = joined
    }
    return await self.wait(at: id, until: deadline, late: Reception.timedOut(ahead:), cancelled: .cancelled)
  }

  func withLine<R: Sendable>(_ body: (inout WaitLine<Reception>) -> R) -> R {
    self.state.withLock { body(&$0.receivers) }
  }
}
