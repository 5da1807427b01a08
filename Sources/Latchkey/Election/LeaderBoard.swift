internal import LatchkeyPrimitives

/// Who leads among the candidates of this process, for all elections over one lock: what a lock itself cannot say.
final class LeaderBoard: Sendable {
  /// Tells the terms of leaders apart.
  typealias Term = UInt64

  private struct Entry {
    let term: Term
    let held: HeldLock
    var value: String
  }

  private struct State {
    var current: Entry?
    var lastTerm: Term = 0
    var observers = HandlerTable<@Sendable () -> Void>()
  }

  private struct Key: Hashable {
    let name: LockName
    let backend: LockBackend
  }

  /// A board lives as long as an election, a leadership or an observer uses it.
  private struct Used: Sweepable {
    weak var board: LeaderBoard?

    func retireIfIdle() -> Bool { self.board == nil }
  }

  private static let boards = Locked(SweptTable<Key, Used>(minimumSize: 16))

  /// The board of a lock; equal locks have one board.
  static func of(_ lock: any DistributedLock) -> LeaderBoard {
    let key = Key(name: lock.name, backend: lock.backend)
    return self.boards.withLock { boards in
      if let board = boards[key]?.board { return board }
      let board = LeaderBoard()
      boards.insert(Used(board: board), for: key)
      return board
    }
  }

  private let state = Locked(State())

  /// Who leads; nil if that is no candidate of this process.
  var leader: Leader? {
    guard let entry = self.state.withLock({ $0.current }), entry.held.isHeld else { return nil }
    return Leader(value: entry.value, token: entry.held.token)
  }

  /// Shows a candidate that was elected, until its leadership ends.
  func show(_ held: HeldLock, _ value: String) -> Term {
    let term = self.change { state in
      state.lastTerm += 1
      state.current = Entry(term: state.lastTerm, held: held, value: value)
      return state.lastTerm
    }
    _ = held.onEnding { _ in self.remove(term) }
    return term
  }

  /// Shows another value of the leader.
  ///
  /// - Returns: Whether that term still was the current one.
  func show(_ value: String, of term: Term) -> Bool {
    self.change { state in
      guard state.current?.term == term else { return false }
      state.current?.value = value
      return true
    }
  }

  private func remove(_ term: Term) {
    // The next leader of this process may be shown before the loss of the last one is noticed.
    self.change { state in if state.current?.term == term { state.current = nil } }
  }

  /// Calls the observer after every change.
  func observe(_ observer: @escaping @Sendable () -> Void) -> UInt64 {
    self.state.withLock { $0.observers.add(observer) }
  }

  func removeObserver(_ id: UInt64) {
    self.state.withLock { state in _ = state.observers.remove(id) }
  }

  private func change<R: Sendable>(_ body: (inout State) -> R) -> R {
    let (result, observers) = self.state.withLock { state in
      let result = body(&state)
      return (result, state.observers.all)
    }
    for observer in observers { observer() }
    return result
  }
}
