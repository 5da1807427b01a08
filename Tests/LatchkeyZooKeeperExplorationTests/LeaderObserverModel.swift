import LatchkeyExplorer

@testable import LatchkeyZooKeeper

/// One observer and the servers: a directory of candidates as it was after each transaction, of which the observer's server may be a
/// few behind, and never goes back within a session.
struct LeaderObserverModel: ExplorationModel {
  typealias Machine = LeaderObserver

  /// What surrounds the machine; a mutant is a changed line.
  struct Shell: Sendable {
    /// A leader's node is read and watched in one request.
    var watchesWhatItReads = true
    /// A directory that does not exist is awaited with a watch.
    var watchesForDirectory = true
  }

  /// How often what may happen.
  struct Budget: Hashable, Sendable {
    var arrivals = 2
    var departures = 2
    var proclamations = 1
    var reaps = 0
    var expiries = 0
    var cuts = 0
  }

  enum Step: Hashable {
    case arrive, depart(Int), proclaim, reap
    case catchUp
    case serve, deliver
    case expire(behind: Int), cut
  }

  struct Node: Hashable {
    let czxid: Int64
    var mzxid: Int64
  }

  /// The directory after a transaction; no nodes at all if it does not exist.
  struct Snapshot: Hashable {
    let zxid: Int64
    var nodes: [Node]?
  }

  enum Watch: Hashable {
    case data(Int64), directory, creation
  }

  /// Something that the client library has for the observer, as of a snapshot.
  struct Message: Hashable {
    let event: Machine.Event
    let zxid: Int64
  }

  struct State: Hashable {
    var machine: Machine
    var budget: Budget
    /// The last is the present.
    var history = [Snapshot(zxid: 0, nodes: nil)]
    /// How many transactions the observer's server is behind.
    var lag = 0
    var session: UInt64 = 1
    /// What the observer is doing.
    var next = Machine.Step.connect
    var isServed = false
    var watch: Watch?
    var inbox: [Message] = []
    var reported: Machine.Report?

    var present: Snapshot { self.history[self.history.count - 1] }
    var view: Snapshot { self.history[self.history.count - 1 - self.lag] }
  }

  static let longestLag = 2

  var rules = Machine.Rules()
  var shell = Shell()
  let budget: Budget

  init(_ budget: Budget) {
    self.budget = budget
  }

  var start: State { State(machine: Machine(rules: self.rules), budget: self.budget) }

  func steps(from state: State) -> [Step] {
    var steps: [Step] = []
    let (budget, nodes) = (state.budget, state.present.nodes)
    if state.lag < Self.longestLag {
      if budget.arrivals > 0 { steps.append(.arrive) }
      if budget.departures > 0 { steps += (nodes ?? []).indices.map { .depart($0) } }
      if budget.proclamations > 0, nodes?.isEmpty == false { steps.append(.proclaim) }
      if budget.reaps > 0, nodes?.isEmpty == true { steps.append(.reap) }
    }
    if state.lag > 0 { steps.append(.catchUp) }
    if !state.isServed, state.next != .rest { steps.append(.serve) }
    if !state.inbox.isEmpty { steps.append(.deliver) }
    if budget.expiries > 0, state.next != .connect {
      steps += (0..<min(state.history.count, Self.longestLag + 1)).map { .expire(behind: $0) }
    }
    if budget.cuts > 0, state.next != .connect, state.next != .rest { steps.append(.cut) }
    return steps
  }

  func isFault(_ step: Step, in state: State) -> Bool {
    switch step {
    case .arrive, .depart, .proclaim, .reap, .expire, .cut: true
    case .catchUp, .serve, .deliver: false
    }
  }

  func take(_ step: Step, in state: inout State) throws(BrokenPromise) {
    switch step {
    case .arrive:
      state.budget.arrivals -= 1
      self.commit(&state) { snapshot in
        snapshot.nodes = (snapshot.nodes ?? []) + [Node(czxid: snapshot.zxid, mzxid: snapshot.zxid)]
      }
    case .depart(let index):
      state.budget.departures -= 1
      self.commit(&state) { snapshot in _ = snapshot.nodes?.remove(at: index) }
    case .proclaim:
      state.budget.proclamations -= 1
      self.commit(&state) { snapshot in snapshot.nodes?[0].mzxid = snapshot.zxid }
    case .reap:
      state.budget.reaps -= 1
      self.commit(&state) { snapshot in snapshot.nodes = nil }
    case .catchUp:
      let before = state.view
      state.lag -= 1
      self.fire(from: before, to: state.view, &state)
    case .serve:
      self.serve(&state)
    case .deliver:
      let message = state.inbox.removeFirst()
      // A watch that was removed fires no more; whatever else is on its way is about what the observer does now.
      let (report, next) = state.machine.handle(message.event)
      if let report { try self.report(report, asOf: message.zxid, &state) }
      state.next = next
      state.isServed = false
      if next != .rest {
        state.watch = nil
        state.inbox = []
      }
    case .expire(let behind):
      state.budget.expiries -= 1
      state.session += 1
      state.watch = nil
      state.lag = behind
      state.inbox = [Message(event: .interrupted, zxid: 0)]
      state.isServed = true
    case .cut:
      state.budget.cuts -= 1
      state.watch = nil
      state.inbox = [Message(event: .interrupted, zxid: 0)]
      state.isServed = true
    }
  }

  /// Carries out a transaction. The observer's server hears of it when it catches up.
  private func commit(_ state: inout State, _ change: (inout Snapshot) -> Void) {
    var snapshot = Snapshot(zxid: state.present.zxid + 1, nodes: state.present.nodes)
    change(&snapshot)
    state.history.append(snapshot)
    state.lag += 1
    // What was forgotten by then is asked for by nobody: a new session may begin so far behind.
    state.history = Array(state.history.suffix(Self.longestLag + 1))
  }

  private func serve(_ state: inout State) {
    state.isServed = true
    let view = state.view
    func answer(_ event: Machine.Event) { state.inbox.append(Message(event: event, zxid: state.view.zxid)) }
    switch state.next {
    case .rest:
      break
    case .connect:
      answer(.connected(session: state.session))
    case .list(let sync):
      if sync { state.lag = 0 }
      answer(.listed(Self.listing(state.view)))
    case .read(let name):
      guard let node = view.nodes?.first(where: { Self.name($0) == name }) else { return answer(.read(nil)) }
      if self.shell.watchesWhatItReads { state.watch = .data(node.czxid) }
      let sighting = Machine.Sighting(name: name, czxid: node.czxid, mzxid: node.mzxid, value: "the same")
      answer(.read(sighting))
    case .watchDirectory:
      if view.nodes != nil { state.watch = .directory }
      answer(.directoryWatched(Self.listing(view)))
    case .awaitDirectory:
      if self.shell.watchesForDirectory { state.watch = .creation }
      answer(.directoryAwaited(exists: view.nodes != nil))
    }
  }

  private static func name(_ node: Node) -> String { "\(node.czxid)" }

  private static func listing(_ snapshot: Snapshot) -> Machine.Listing {
    guard let nodes = snapshot.nodes else { return .noDirectory }
    return nodes.first.map { .first(Self.name($0)) } ?? .empty
  }

  private func fire(from before: Snapshot, to after: Snapshot, _ state: inout State) {
    let event: Machine.Event?
    switch state.watch {
    case nil: event = nil
    case .data(let czxid):
      let (old, new) = (before.node(czxid), after.node(czxid))
      event = old == new ? nil : new == nil ? .changed : .dataChanged
    case .directory:
      event = before.nodes?.map(\.czxid) == after.nodes?.map(\.czxid) ? nil : .changed
    case .creation:
      event = before.nodes == nil && after.nodes != nil ? .changed : nil
    }
    guard let event else { return }
    state.watch = nil
    state.inbox.append(Message(event: event, zxid: after.zxid))
  }

  private func report(_ report: Machine.Report, asOf zxid: Int64, _ state: inout State) throws(BrokenPromise) {
    if case .leader(let old) = state.reported {
      switch report {
      case .leader(let new):
        guard (new.czxid, new.mzxid) < (old.czxid, old.mzxid) else { break }
        throw BrokenPromise("the observer goes back to leader \(new.name)")
      case .nobody:
        if zxid < old.czxid { throw BrokenPromise("the observer goes back to nobody") }
      }
    }
    state.reported = report
  }

  /// Whether the observer has nothing to do, and its server nothing to catch up with.
  private func isQuiet(_ state: State) -> Bool { state.next == .rest && state.inbox.isEmpty && state.lag == 0 }

  func check(_ state: State) throws(BrokenPromise) {
    guard self.isQuiet(state) else { return }
    let truth = state.present.nodes?.first
    switch state.reported {
    case .leader(let seen) where seen.czxid == truth?.czxid && seen.mzxid == truth?.mzxid: return
    case .nobody where truth == nil: return
    default:
      let seen = state.reported.map { "\($0)" } ?? "nothing"
      throw BrokenPromise("the observer has reported \(seen), the truth is \(truth.map { "\($0)" } ?? "nobody")")
    }
  }

  func isAtRest(_ state: State) -> Bool { self.isQuiet(state) }
}

extension LeaderObserverModel.Snapshot {
  func node(_ czxid: Int64) -> LeaderObserverModel.Node? { self.nodes?.first { $0.czxid == czxid } }
}
