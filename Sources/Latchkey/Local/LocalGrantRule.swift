/// Who may hold an in-process lock together: the bookkeeping of what is held.
protocol LocalGrantRule: Sendable {
  /// What a caller asks for.
  associatedtype Request: Sendable

  /// What a request is for, as metrics call it.
  static func kind(of request: Request) -> GrantKind

  /// How many permits it is for; 0 for a lock.
  static func permits(of request: Request) -> Int

  /// Whether the request would be granted if nothing were held. One that would not blocks nobody behind it.
  func canServe(_ request: Request) -> Bool

  /// Whether the request can be granted beside what is held.
  func admits(_ request: Request) -> Bool

  mutating func begin(_ request: Request)
  mutating func end(_ request: Request)
}

/// Many readers, or one writer.
struct ReadWriteRule: LocalGrantRule {
  private(set) var readers = 0
  private var isWritten = false

  static func kind(of want: Want) -> GrantKind { want == .shared ? .read : .write }

  static func permits(of want: Want) -> Int { 0 }

  func canServe(_ want: Want) -> Bool { true }

  func admits(_ want: Want) -> Bool { !self.isWritten && (want == .shared || self.readers == 0) }

  mutating func begin(_ want: Want) {
    if want == .shared { self.readers += 1 } else { self.isWritten = true }
  }

  mutating func end(_ want: Want) {
    if want == .shared { self.readers -= 1 } else { self.isWritten = false }
  }
}

/// As many permits as the limit says.
struct PermitRule: LocalGrantRule {
  var limit: Int
  /// Whether the limit never changes.
  let isFixed: Bool
  private var inUse = 0

  init(limit: Int, isFixed: Bool) {
    self.limit = limit
    self.isFixed = isFixed
  }

  static func kind(of permits: Int) -> GrantKind { .permits }

  static func permits(of permits: Int) -> Int { permits }

  func canServe(_ permits: Int) -> Bool { permits <= self.limit }

  func admits(_ permits: Int) -> Bool { permits <= self.limit - self.inUse }

  mutating func begin(_ permits: Int) { self.inUse += permits }

  mutating func end(_ permits: Int) { self.inUse -= permits }
}
