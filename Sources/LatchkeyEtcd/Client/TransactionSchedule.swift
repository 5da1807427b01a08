#if Etcd
/// What a transaction does to the keys of a lock.
package enum TransactionKind: Sendable {
  /// It creates a key, and reads who stands before it.
  case creates
  case deletes
  case reads
}

/// A transaction as the schedule sees it.
package protocol ScheduledTransaction: Sendable {
  /// What all keys begin with that it reads or writes.
  var prefix: [UInt8] { get }
  var kind: TransactionKind { get }
  /// Whether it must not share a flight.
  var isAlone: Bool { get }
}

/// Which of a client's transactions go together, in which order, and which of them wait for others.
///
/// Pure. A flight is one request to the servers: a transaction, or one whose operations are transactions. The transactions
/// of one flight share a revision, and each reads what those before it have written.
package struct TransactionSchedule<Transaction: ScheduledTransaction>: Sendable {
  /// The rules for what shares a flight, each for itself: tests break one at a time and see that it is missed.
  package struct Rules: Sendable {
    /// Keys are ordered by their create revisions, so two of one queue are never created at the same revision.
    package var separatesKeysOfOnePrefix = true
    /// The keys of nested names lie below one prefix as well: a read of the newest would find another lock's.
    package var separatesNestedNames = true
    /// Deletes are carried out before everything else. A read in the middle reports the revision of the whole flight: what is
    /// deleted behind it, at the same revision, would count as known.
    package var deletesFirst = true

    package init() {}
  }

  /// Transactions that are sent as one, in the order in which they are carried out.
  package struct Flight: Sendable {
    fileprivate let number: UInt64
    package let transactions: [Transaction]

    /// Whether the flight deletes keys that a read below the prefix may have seen.
    package func deletes(below prefix: [UInt8]) -> Bool {
      self.transactions.contains { $0.kind == .deletes && $0.prefix == prefix }
    }
  }

  private let largestFlight: Int
  private let mostFlights: Int
  private let rules: Rules
  /// In the order in which they were added.
  package private(set) var waiting: [Transaction] = []
  /// Flights that have not landed, by their numbers.
  private var flying: [UInt64: [[UInt8]]] = [:]
  private var flyingPrefixes = PrefixSet()
  private var nextNumber: UInt64 = 1

  /// - Parameters:
  ///   - largestFlight: How many transactions one flight may carry.
  ///   - mostFlights: How many flights may be on their way at a time.
  ///   - rules: The rules for what shares a flight.
  package init(largestFlight: Int, mostFlights: Int, rules: Rules = Rules()) {
    self.largestFlight = largestFlight
    self.mostFlights = mostFlights
    self.rules = rules
  }

  package mutating func add(_ transaction: Transaction) { self.waiting.append(transaction) }

  /// Puts transactions back to the front of the line.
  package mutating func putBack(_ transactions: [Transaction]) { self.waiting.insert(contentsOf: transactions, at: 0) }

  /// Removes transactions that wait.
  ///
  /// - Returns: What was removed.
  package mutating func removeWaiting(where isMeant: (Transaction) -> Bool) -> [Transaction] {
    let removed = self.waiting.filter(isMeant)
    if !removed.isEmpty { self.waiting.removeAll(where: isMeant) }
    return removed
  }

  /// The next flight; nil if nothing waits that may be sent now.
  ///
  /// Flights on their way at the same time never concern related prefixes, which keeps the order among the transactions of
  /// one lock.
  package mutating func takeOff() -> Flight? {
    guard self.flying.count < self.mostFlights, !self.waiting.isEmpty else { return nil }
    var taken: [Transaction] = []
    var skipped: [Transaction] = []
    var created = PrefixSet()
    // Those that wait for a flight on its way; what comes later must not pass them again and again.
    var held = PrefixSet()
    var end = 0
    for transaction in self.waiting {
      if taken.count == self.largestFlight || taken.first?.isAlone == true { break }
      end += 1
      let prefix = transaction.prefix
      if self.flyingPrefixes.isRelated(to: prefix) || held.isRelated(to: prefix) {
        held.insert(prefix)
        skipped.append(transaction)
      } else if !taken.isEmpty, transaction.isAlone || self.clashes(transaction, with: created) {
        skipped.append(transaction)
      } else {
        if transaction.kind == .creates, self.waiting.count > 1 { created.insert(prefix) }
        taken.append(transaction)
      }
    }
    guard !taken.isEmpty else { return nil }
    self.waiting.replaceSubrange(0..<end, with: skipped)
    let number = self.nextNumber
    self.nextNumber += 1
    if self.mostFlights > 1 {
      for transaction in taken { self.flyingPrefixes.insert(transaction.prefix) }
    }
    self.flying[number] = taken.map(\.prefix)
    if self.rules.deletesFirst, taken.count > 1 {
      taken = taken.filter { $0.kind == .deletes } + taken.filter { $0.kind != .deletes }
    }
    return Flight(number: number, transactions: taken)
  }

  /// A flight is over, whatever came of it.
  package mutating func land(_ flight: Flight) {
    guard let prefixes = self.flying.removeValue(forKey: flight.number), self.mostFlights > 1 else { return }
    for prefix in prefixes { self.flyingPrefixes.remove(prefix) }
  }

  private func clashes(_ transaction: Transaction, with created: PrefixSet) -> Bool {
    guard transaction.kind == .creates, self.rules.separatesKeysOfOnePrefix else { return false }
    return self.rules.separatesNestedNames
      ? created.isRelated(to: transaction.prefix) : created.contains(transaction.prefix)
  }
}
#endif
