/// Everything that is known of a run, in an order that can be judged.
struct VerifyHistory: Sendable {
  /// How a client process ended.
  struct End: Hashable, Sendable {
    var client: Int
    var life: Int
    /// When it was seen to have ended; for one that was killed, just before that.
    var at: UInt64
    /// What was wrong with it; nil if it ended when and as it was meant to.
    var complaint: String?
    /// Whether it was killed as a fault.
    var wasKilled = false
  }

  /// A life of a process.
  struct Life: Hashable, Sendable {
    var client: Int
    var life: Int
  }

  var leases: [LeaseRecord] = []
  var requests: [RequestRecord] = []
  /// What was never answered.
  var pending: [PendingRecord] = []
  var writes: [WriteRecord] = []
  /// When a process did not run at all, by life.
  var stalls: [Life: [ClosedRange<UInt64>]] = [:]
  var ends: [End] = []
  /// How many client processes there are.
  var clients = 0
  /// Whether the backend serves its waiters in the order in which they came.
  var isFair = true
  /// Whether the backend promises a fencing token with every grant.
  var isFenced = true
  /// When the last fault was over and all servers were back; nil if it never came to that, or what followed was cut short.
  var faultsEnded: UInt64?
  /// When the clients were told to stop.
  var stopped: UInt64 = .max
  /// What was found on the servers when all clients had gone.
  var leftovers: [String] = []

  init() {}

  /// Puts events in order.
  ///
  /// - Parameter events: Of all processes, those of each in their order.
  init(_ events: [RecordedEvent]) {
    struct Place: Hashable {
      var life: Life
      var worker: Int
    }
    var open: [Place: Int] = [:]
    var counts: [Place: Int] = [:]
    var pending: [Place: (asked: UInt64, within: UInt64)] = [:]
    for recorded in events {
      let life = Life(client: recorded.client, life: recorded.life)
      func note(_ worker: Int, _ change: (inout LeaseRecord) -> Void) {
        guard let index = open[Place(life: life, worker: worker)] else { return }
        change(&self.leases[index])
      }
      func end(_ worker: Int, at: UInt64, _ failure: String?) {
        guard let request = pending.removeValue(forKey: Place(life: life, worker: worker)) else { return }
        self.requests.append(
          RequestRecord(
            client: life.client,
            life: life.life,
            worker: worker,
            asked: request.asked,
            within: request.within,
            ended: at,
            failure: failure
          )
        )
      }
      switch recorded.event {
      case .ready, .done, .wallClock, .lingering: break
      case .asked(let worker, let at, let within):
        pending[Place(life: life, worker: worker)] = (at, within)
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
    self.pending = pending.map { place, request in
      PendingRecord(
        client: place.life.client,
        life: place.life.life,
        worker: place.worker,
        asked: request.asked,
        within: request.within
      )
    }
  }

  /// For how long a process did not run between two instants.
  func stalled(_ life: Life, from: UInt64, until: UInt64) -> UInt64 {
    (self.stalls[life] ?? []).reduce(0) { sum, stall in
      let (low, high) = (max(stall.lowerBound, from), min(stall.upperBound, until))
      return high > low ? sum + (high - low) : sum
    }
  }
}
