/// Everything that is known of a run, in an order that can be judged.
package struct ClientHistory: Sendable {
  /// How a client process ended.
  package struct End: Hashable, Sendable {
    package var client: Int
    package var life: Int
    /// When it was seen to have ended; for one that was killed, just before that.
    var at: UInt64
    /// What was wrong with it; nil if it ended when and as it was meant to.
    package var complaint: String?
    /// Whether it was killed as a fault.
    package var wasKilled = false

    package init(client: Int, life: Int, at: UInt64, complaint: String? = nil, wasKilled: Bool = false) {
      self.client = client
      self.life = life
      self.at = at
      self.complaint = complaint
      self.wasKilled = wasKilled
    }

    var place: Life { Life(client: self.client, life: self.life) }
  }

  /// A life of a process.
  package struct Life: Hashable, Sendable {
    var client: Int
    var life: Int

    package init(client: Int, life: Int) {
      self.client = client
      self.life = life
    }
  }

  package var leases: [LeaseRecord] = []
  package var requests: [RequestRecord] = []
  package var writes: [WriteRecord] = []
  /// When a process did not run at all, by life.
  var stalls: [Life: [ClosedRange<UInt64>]] = [:]
  package var ends: [End] = []
  /// How many client processes there are.
  package var clients = 0
  /// Whether the backend serves its waiters in the order in which they came.
  package var isFair = true
  /// Whether the backend promises a fencing token with every grant.
  package var isFenced = true
  /// When the last fault was over and all servers were back; nil if it never came to that, or what followed was cut short.
  package var faultsEnded: UInt64?
  /// When the clients were told to stop.
  package var stopped: UInt64 = .max
  /// What was found on the servers when all clients had gone.
  package var leftovers: [String] = []

  package init() {}

  /// Puts events in order.
  ///
  /// - Parameter events: Of all processes, those of each in their order.
  package init(_ events: [RecordedEvent]) {
    struct Place: Hashable {
      var life: Life
      var worker: Int
    }
    var open: [Place: Int] = [:]
    var counts: [Place: Int] = [:]
    var pending: [Place: RequestRecord] = [:]
    for recorded in events {
      let life = recorded.place
      func note(_ worker: Int, _ change: (inout LeaseRecord) -> Void) {
        guard let index = open[Place(life: life, worker: worker)] else { return }
        change(&self.leases[index])
      }
      func end(_ worker: Int, at: UInt64, _ failure: String?) {
        guard var request = pending.removeValue(forKey: Place(life: life, worker: worker)) else { return }
        request.ended = at
        request.failure = failure
        self.requests.append(request)
      }
      switch recorded.event {
      case .ready, .done, .wallClock, .lingering: break
      case .asked(let worker, let at, let within):
        pending[Place(life: life, worker: worker)] = RequestRecord(
          place: life,
          worker: worker,
          asked: at,
          within: within
        )
      case .granted(let worker, let token, let seen):
        let place = Place(life: life, worker: worker)
        var lease = LeaseRecord(
          client: life.client,
          life: life.life,
          worker: worker,
          number: counts[place, default: 0],
          token: token,
          asked: pending[place]?.asked ?? seen.before
        )
        end(worker, at: seen.before, nil)
        lease.note(seen)
        lease.lacksDeadline = seen.deadline == nil
        counts[place, default: 0] += 1
        open[place] = self.leases.count
        self.leases.append(lease)
      case .seen(let worker, let seen), .write(let worker, _, let seen):
        note(worker) { $0.note(seen) }
      case .unwatched(let worker):
        note(worker) { lease in
          lease.isUnwatched = true
          // It may be moved from now on, and nobody says so.
          lease.deadline = nil
        }
      case .lost(let worker, let at, let deadline, let reason):
        note(worker) { lease in
          lease.toldAt = lease.toldAt ?? at
          lease.reason = lease.reason ?? reason
          lease.deadline = [lease.deadline, deadline].compactMap { $0 }.max()
        }
      case .releasing(let worker, let at, let seen):
        note(worker) { lease in
          lease.note(seen)
          lease.releasing = at
        }
      case .released(let worker, let at):
        note(worker) { $0.released = at }
      case .failed(let worker, let at, let code, _):
        end(worker, at: at, code)
      case .stalled(let from, let until):
        self.stalls[life, default: []].append(from...max(from, until))
      }
    }
    self.requests += pending.values
  }

  /// For how long a process did not run between two instants.
  func stalled(_ life: Life, from: UInt64, until: UInt64) -> UInt64 {
    (self.stalls[life] ?? []).reduce(0) { sum, stall in
      let (low, high) = (max(stall.lowerBound, from), min(stall.upperBound, until))
      return high > low ? sum + (high - low) : sum
    }
  }
}
