#if Etcd
@testable import LatchkeyEtcd

/// A request of one of the model's clients, for the real schedule to decide what goes with it.
struct ModelTransaction: ScheduledTransaction {
  /// Whose it is, and the how manieth of its requests; nil for one about a nested name.
  let origin: (client: Int, position: Int)?
  let prefix: [UInt8]
  let kind: TransactionKind
  var isAlone: Bool { false }

  static let prefix = Array("orders/".utf8)

  init(_ request: ModelClient.Request, of client: Int, at position: Int) {
    self.origin = (client, position)
    self.prefix = Self.prefix
    switch request.action {
    case .enter: self.kind = .creates
    case .delete: self.kind = .deletes
    default: self.kind = .reads
    }
  }

  /// Another's entry into the queue of a nested name.
  init(nested name: String) {
    self.origin = nil
    self.prefix = Self.prefix + Array("\(name)/".utf8)
    self.kind = .creates
  }
}

/// Requests that share a transaction, where the clients are sets of locks of one process.
extension QueueModel {
  /// What goes out together if all that these clients have asked for waits, in this order.
  private func flight(of clients: [Int], _ state: State) -> [ModelTransaction] {
    var schedule = self.emptySchedule
    for client in clients {
      for (position, request) in state.clients[client].requests.enumerated() {
        schedule.add(ModelTransaction(request, of: client, at: position))
      }
    }
    return schedule.takeOff()?.transactions ?? []
  }

  private var emptySchedule: TransactionSchedule<ModelTransaction> {
    TransactionSchedule(largestFlight: 64, mostFlights: 1, rules: self.scheduling)
  }

  /// Whether a client's entry goes out together with two into the queues of nested names that were asked for before.
  func goesAmongNested(_ request: ModelClient.Request, of client: Int) -> Bool {
    guard case .enter = request.action else { return false }
    var schedule = self.emptySchedule
    schedule.add(ModelTransaction(nested: "1"))
    schedule.add(ModelTransaction(nested: "2"))
    schedule.add(ModelTransaction(request, of: client, at: 0))
    return schedule.takeOff()?.transactions.contains { $0.origin != nil } ?? false
  }

  func addSharedFlights(of index: Int, _ state: State, _ steps: inout [Step]) {
    let client = state.clients[index]
    guard let first = client.requests.first else { return }
    if self.hasNestedNeighbours, self.goesAmongNested(first, of: index) { steps.append(.serveAmongNested(index)) }
    guard self.sharesFlights else { return }
    for other in state.clients.indices where !state.clients[other].requests.isEmpty {
      if other != index || client.requests.count > 1 { steps.append(.serveTogether(index, other)) }
    }
  }

  func serveTogether(_ clients: [Int], _ state: inout State) {
    let flight = self.flight(of: clients, state)
    let requests = state.clients.map(\.requests)
    for origin in flight.compactMap(\.origin).sorted(by: { $0.position > $1.position }) {
      state.clients[origin.client].requests.remove(at: origin.position)
    }
    let deletes = flight.contains { $0.kind == .deletes }
    state.server.beginTogether()
    defer { state.server.endTogether() }
    for transaction in flight {
      guard let origin = transaction.origin else { continue }
      let request = requests[origin.client][origin.position]
      guard var answer = self.carryOut(request.action, origin.client, copies: request.copies, &state) else { continue }
      if deletes, transaction.kind != .deletes, self.shell.datesSharedReads { answer = answer.datedEarlier }
      state.clients[origin.client].answers.append(answer)
    }
  }
}

extension KeyQueueEvent {
  /// The same, of a read that counts as one of the revision before.
  fileprivate var datedEarlier: KeyQueueEvent {
    switch self {
    case .entered(let attempt, .success(.entered(let entered, var view)), let node, let copies):
      view.revision -= 1
      return .entered(attempt: attempt, .success(.entered(entered, view)), node: node, copies: copies)
    case .checked(let attempt, .success(.standing(var view))):
      view.revision -= 1
      return .checked(attempt: attempt, .success(.standing(view)))
    default: return self
    }
  }
}
#endif
