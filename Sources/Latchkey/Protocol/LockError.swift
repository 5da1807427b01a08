/// What went wrong with a lock: a code for programs, a message for people that says what to do next.
public struct LockError: Error, Sendable {
  /// The kind of failure. New kinds may be added, so a `switch` needs a `default`.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    fileprivate enum Value: String, Sendable {
      case timedOut, cancelled, lockLost, wouldDeadlock, unreachable, invalidName, invalidURL, invalidConfiguration
      case notAuthorized, notSupported, closed, backendFailure
    }

    fileprivate let value: Value

    /// The wait ran out of its budget while somebody else held the lock.
    public static let timedOut = Code(value: .timedOut)
    /// The waiting task was cancelled. `withLock` turns this into `CancellationError`.
    public static let cancelled = Code(value: .cancelled)
    /// The lease ended before it was released: its deadline passed, or the backend dropped the lock.
    public static let lockLost = Code(value: .lockLost)
    /// The calling task already runs the body of `withLock` on this very lock.
    public static let wouldDeadlock = Code(value: .wouldDeadlock)
    /// The backend could not be reached, so nobody knows who holds the lock.
    public static let unreachable = Code(value: .unreachable)
    /// The name breaks a rule of ``LockName``.
    public static let invalidName = Code(value: .invalidName)
    /// The URL of a lock could not be understood.
    public static let invalidURL = Code(value: .invalidURL)
    /// The configuration cannot keep the promises of a lock, or contradicts itself.
    public static let invalidConfiguration = Code(value: .invalidConfiguration)
    /// The backend refuses this client: wrong credentials, or no permission on the lock's nodes or keys.
    public static let notAuthorized = Code(value: .notAuthorized)
    /// This backend cannot do what was asked.
    public static let notSupported = Code(value: .notSupported)
    /// The client was closed.
    public static let closed = Code(value: .closed)
    /// The backend answered with an error that has no code of its own here; see the underlying error.
    public static let backendFailure = Code(value: .backendFailure)

    /// The code's name, as in the source.
    public var description: String { self.value.rawValue }
  }

  /// What is known about the wait that ended without a grant.
  public struct Wait: Hashable, Sendable {
    /// Who holds the lock, written alike by all backends: `host, process 7, label` for a client of Latchkey, this process included,
    /// and what the backend knows it by for any other.
    public var holder: String?
    /// How many contenders stood before this one, the holder included; nil where that is not known. Redis keeps no queue: there a
    /// client knows the place only while the lock is held by the client itself.
    public var place: Int?
    /// How long the call waited.
    public var waited: Duration?
    /// What each node of a quorum answered, by its address.
    public var votes: [String: String]

    /// Describes a wait; whatever is unknown is left out.
    ///
    /// - Parameters:
    ///   - holder: Who holds the lock.
    ///   - place: How many contenders stood before this one.
    ///   - waited: How long the call waited.
    ///   - votes: What each node of a quorum answered.
    public init(holder: String? = nil, place: Int? = nil, waited: Duration? = nil, votes: [String: String] = [:]) {
      self.holder = holder
      self.place = place
      self.waited = waited
      self.votes = votes
    }
  }

  /// What an error says. Behind one reference: an error that is thrown by its type takes room in the frame of every call that
  /// may throw it, and a task that waits for a lock keeps a dozen of those.
  /// The code stands beside it: an optimizing build of Swift 6.3 fails with typed errors of a single word.
  private struct Content: Sendable {
    var name: LockName?
    var message: String
    var wait: Wait?
    var underlying: (any Error)?
    var lossReason: String?
  }

  private final class Box: Sendable {
    let content: Content

    init(_ content: Content) {
      self.content = content
    }
  }

  private var box: Box

  private var content: Content {
    get { self.box.content }
    set { self.box = Box(newValue) }
  }

  /// The kind of failure.
  public var code: Code

  /// The lock, where one was meant.
  public var name: LockName? {
    get { self.content.name }
    set { self.content.name = newValue }
  }

  /// One sentence: what happened and what to do next. Holds no password.
  public var message: String {
    get { self.content.message }
    set { self.content.message = newValue }
  }

  /// What is known about a wait that ended without a grant.
  public var wait: Wait? {
    get { self.content.wait }
    set { self.content.wait = newValue }
  }

  /// The backend's own error, where there is one.
  public var underlying: (any Error)? {
    get { self.content.underlying }
    set { self.content.underlying = newValue }
  }

  /// Why the lock was lost, for programs with words of their own around it; nil if it was not.
  package var lossReason: String? {
    get { self.content.lossReason }
    set { self.content.lossReason = newValue }
  }

  /// Makes an error.
  ///
  /// - Parameters:
  ///   - code: The kind of failure.
  ///   - name: The lock, where one was meant.
  ///   - message: What happened and what to do next.
  ///   - wait: What is known about the wait.
  ///   - underlying: The backend's own error.
  public init(
    _ code: Code,
    name: LockName? = nil,
    message: String,
    wait: Wait? = nil,
    underlying: (any Error)? = nil
  ) {
    self.code = code
    self.box = Box(Content(name: name, message: message, wait: wait, underlying: underlying))
  }
}

extension LockError.Code {
  /// Lets a `catch` name the code: `catch LockError.Code.timedOut { … }`.
  ///
  /// - Parameters:
  ///   - code: The code to look for.
  ///   - error: Any error.
  /// - Returns: Whether the error is a ``LockError`` with that code, or, for ``lockLost``, a ``BodyFailedAfterLoss``.
  public static func ~= (code: LockError.Code, error: any Error) -> Bool {
    let lockError = error as? LockError ?? (error as? BodyFailedAfterLoss)?.loss
    return lockError?.code == code
  }
}

extension LockError {
  /// Whether a call that failed like this may succeed later without anybody's help.
  package var mayPass: Bool {
    switch self.code {
    case .unreachable, .backendFailure, .timedOut, .lockLost: true
    default: false
    }
  }
}

extension LockError: CustomStringConvertible {
  /// One line: the lock, the message, what is known of the wait, the underlying error.
  public var description: String {
    var text = self.name.map { "lock \"\($0)\": " } ?? ""
    text += self.message
    if let wait = self.wait, !wait.description.isEmpty { text += " (\(wait))" }
    if let underlying = self.underlying { text += ": \(underlying)" }
    return text
  }
}

extension LockError.Wait: CustomStringConvertible {
  /// The known facts, separated by commas; times with the digits that mean something.
  public var description: String {
    var facts: [String] = []
    if let holder = self.holder { facts.append("held by \(holder)") }
    if let place = self.place { facts.append(place == 1 ? "1 contender ahead" : "\(place) contenders ahead") }
    if let waited = self.waited { facts.append("waited \(Self.rounded(waited))") }
    facts += self.votes.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    return facts.joined(separator: ", ")
  }

  /// To the millisecond, or the tenth of a second from ten seconds on; as it is where that could not be counted.
  private static func rounded(_ time: Duration) -> Duration {
    guard time < .seconds(1_000_000_000) else { return time }
    let unit = Duration.milliseconds(time < .seconds(10) ? 1 : 100)
    return unit * Int((time / unit).rounded())
  }
}

/// What `withLock` throws when its body failed for a reason of its own after the lock had been lost.
///
/// The body's error is kept whole; the loss tells that the work may have run without protection. It is caught by
/// `catch LockError.Code.lockLost` as the loss alone is.
public struct BodyFailedAfterLoss: Error, Sendable, CustomStringConvertible {
  /// The error that the body threw.
  public let bodyError: any Error
  /// Why and when the lock was lost.
  public let loss: LockError

  /// Pairs a body's error with the loss that came before it.
  ///
  /// - Parameters:
  ///   - bodyError: The error that the body threw.
  ///   - loss: The loss.
  public init(bodyError: any Error, loss: LockError) {
    self.bodyError = bodyError
    self.loss = loss
  }

  /// Both, in one line.
  public var description: String { "\(self.bodyError) (after \(self.loss))" }
}
