internal import Latchkey

/// A report on a lock as `--json` prints it. Everything is written, also what is not known: a field that comes and goes is a trap
/// for scripts.
struct LockObject: Encodable, Sendable {
  struct Contender: Encodable, Sendable {
    let place: Int
    let identity: String
    let host: OrNull<String>
    let pid: OrNull<Int32>
    let label: OrNull<String>
    let session: OrNull<String>
    let ageSeconds: OrNull<Double>
    let remainingSeconds: OrNull<Double>
    /// Text: tokens do not fit into a number of JavaScript.
    let token: OrNull<String>
    let caveat: OrNull<String>

    init(_ contender: LockContender) {
      self.place = contender.place
      self.identity = contender.identity
      self.host = OrNull(contender.host)
      self.pid = OrNull(contender.pid)
      self.label = OrNull(contender.label)
      self.session = OrNull(contender.session)
      self.ageSeconds = OrNull(contender.age.map { $0 / .seconds(1) })
      self.remainingSeconds = OrNull(contender.remaining.map { $0 / .seconds(1) })
      self.token = OrNull(contender.token?.description)
      self.caveat = OrNull(contender.caveat)
    }
  }

  struct Vote: Encodable, Sendable {
    let server: String
    let contender: OrNull<Contender>
    let failure: OrNull<String>
  }

  let name: String
  let backend: String
  let servers: String
  let isHeld: Bool
  let holder: OrNull<Contender>
  let queue: [Contender]
  let waiting: OrNull<Int>
  let votes: [Vote]

  init(_ report: LockReport) {
    self.name = report.name.rawValue
    self.backend = report.backend.kind
    self.servers = report.backend.instance
    self.isHeld = !report.isFree
    self.holder = OrNull(report.holder.map(Contender.init))
    self.queue = report.queue.map(Contender.init)
    self.waiting = OrNull(report.waiting)
    self.votes = report.votes.map { vote in
      Vote(
        server: vote.server,
        contender: OrNull(vote.contender.map(Contender.init)),
        failure: OrNull(vote.failure)
      )
    }
  }
}

/// A value that is written as `null` where there is none.
struct OrNull<Value: Encodable & Sendable>: Encodable, Sendable {
  let value: Value?

  init(_ value: Value?) { self.value = value }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(self.value)
  }
}
