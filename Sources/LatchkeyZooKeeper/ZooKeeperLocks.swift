public import Latchkey
internal import LatchkeyPrimitives
public import ZooKeeper

/// The locks that one ZooKeeper client contends for.
///
/// ```swift
/// try await ZooKeeperClient.withClient(configuration) { client in
///   let locks = ZooKeeperLocks(client: client)
///   try await locks.lock("app/orders").withLock { held, token in
///     try await orders.save(order, fencedBy: token)
///   }
/// }
/// ```
///
/// All locks of a client share its session: when the session is lost, all leases are. Tasks of one client that want the same
/// lock stand in a line within the process, and only the first has a node at the server. The nodes are laid out as Apache
/// Curator's `InterProcessMutex` does, so Curator, go-zookeeper, and kazoo (told the pattern) exclude us and are excluded.
public final class ZooKeeperLocks: LockProvider {
  /// How locks are mapped to nodes.
  public struct Configuration: Sendable {
    /// The directory above all locks of these; `/` by default. The lock `orders` is then the directory `<root>/orders`. A path
    /// that is not valid, or that the servers keep for themselves (`/zookeeper`), is refused by every acquire.
    public var root = "/"

    /// Who may do what with the lock's nodes and directories; the client's default if nil. With `.creatorAll` and digest
    /// authentication, nobody else can contend, look, or delete a node by hand.
    public var acl: [ACL]?

    /// How long a try (`tryAcquire`, `withLockIfAvailable`, a budget of zero) waits for the servers' answer, and how long any
    /// wait waits for the servers' first answer, connecting included; two seconds by default. A wait that has been answered
    /// once rides out what comes later, as long as its budget lasts.
    public var answerTimeout = Duration.seconds(2)

    /// A word about this contender that is shown to people who look at the lock; cut after 256 bytes.
    public var label: String?

    /// What the locks tell of themselves.
    public var observability = LockObservability()

    /// The defaults.
    public init() {}
  }

  let client: ZooKeeperClient
  let configuration: Configuration
  let backend: LockBackend
  let observer: LockObserver
  let acl: [ACL]
  let data: [UInt8]
  /// How others see a contender of these as the holder.
  let ownDescription: String
  /// Why no locks can be here; nil if they can.
  let placeProblem: String?
  let contentions: ContentionTable<NodeQueueBackend>
  /// Those of the read-write locks.
  let readWriteContentions: ContentionTable<NodeQueueBackend>
  let readWriteRecipe = QueueRecipe.readWriteLock()
  /// Those of the semaphores, by their limits.
  private let semaphores = Locked<[ZooKeeperSemaphore.Limit: SemaphoreSet]>([:])
  private let registration = Locked<UInt64?>(nil)

  /// Makes the locks of a client.
  ///
  /// - Parameters:
  ///   - client: The client; it must outlive every lease.
  ///   - configuration: How locks are mapped to nodes.
  public convenience init(client: ZooKeeperClient, configuration: Configuration = Configuration()) {
    let text = ContenderDescription.text(label: configuration.label)
    self.init(client: client, configuration: configuration, data: Array(text.utf8), recipe: .lock())
  }

  /// - Parameters:
  ///   - data: What our nodes say.
  ///   - recipe: What the queues of ``contentions`` are for.
  init(client: ZooKeeperClient, configuration: Configuration, data: [UInt8], recipe: QueueRecipe) {
    self.client = client
    self.configuration = configuration
    self.backend = configuration.backend(of: client)
    self.observer = LockObserver(configuration.observability, kind: self.backend.kind)
    self.acl = configuration.acl ?? client.configuration.defaultACL
    self.data = data
    let note = String(decoding: data, as: UTF8.self)
    self.ownDescription = ContenderDescription.name(note: note, identity: ContenderDescription.thisProcess(label: nil))
    self.placeProblem = Self.placeProblem(configuration.root, chroot: client.configuration.chroot)
    self.contentions = ContentionTable(shared: .init(recipe: recipe))
    self.readWriteContentions = ContentionTable(shared: .init(recipe: self.readWriteRecipe))
    let observer = client.addSessionObserver { [weak self] event in self?.observe(event) }
    self.registration.withLock { $0 = observer }
    for table in [self.contentions, self.readWriteContentions] {
      table.update { shared in
        if shared.session == nil, let current = client.currentSession, current.isConnected { shared.session = current }
      }
    }
  }

  deinit {
    if let observer = self.registration.withLock({ $0 }) { self.client.removeSessionObserver(observer) }
  }

  /// The lock of a name; its directory is `<root>/<name>`.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The lock.
  public func lock(_ name: LockName) -> ZooKeeperLock { ZooKeeperLock(name: name, locks: self) }

  /// The read-write lock of a name; its directory is `<root>/<name>`.
  ///
  /// It is another lock than that of ``lock(_:)``, and the two cannot have the same name: see ``ZooKeeperReadWriteLock``.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The lock.
  public func readWriteLock(_ name: LockName) -> ZooKeeperReadWriteLock {
    ZooKeeperReadWriteLock(name: name, locks: self)
  }

  /// The semaphore of a name; its directories are `<root>/<name>/leases` and `<root>/<name>/locks`.
  ///
  /// It has nothing to do with the lock of that name. A lock must not have the name of one of the two directories, such as
  /// `pool/locks` beside the semaphore `pool`: it would stand in the semaphore's queue.
  ///
  /// - Parameters:
  ///   - name: The name that contenders agree on.
  ///   - limit: How many permits there are; the same for all who use the semaphore.
  /// - Returns: The semaphore.
  public func semaphore(_ name: LockName, limit: ZooKeeperSemaphore.Limit) -> ZooKeeperSemaphore {
    ZooKeeperSemaphore(name: name, locks: self, limit: limit)
  }

  /// The contenders for the permits of all semaphores with a limit.
  func semaphores(limit: ZooKeeperSemaphore.Limit) -> SemaphoreSet {
    let (set, isNew) = self.semaphores.withLock { sets -> (SemaphoreSet, Bool) in
      if let set = sets[limit] { return (set, false) }
      let set = SemaphoreSet(limit, of: self)
      sets[limit] = set
      return (set, true)
    }
    if isNew { set.begin(with: self.client) }
    return set
  }

  private static func placeProblem(_ root: String, chroot: String) -> String? {
    if let invalid = NodePath.problem(with: root) {
      return "the root \"\(root)\" is not valid: \(invalid); write it as /app/locks"
    }
    let path = chroot + (root == "/" ? "" : root)
    guard "\(path)/".utf8.starts(with: "/zookeeper/".utf8) else { return nil }
    return "the locks would be in \(path), but ZooKeeper keeps /zookeeper for itself; choose another root or chroot"
  }

  private func observe(_ event: ZKSessionEvent) {
    for table in [self.contentions, self.readWriteContentions] {
      let contentions = table.update { shared in
        if case .connected(let new) = event { shared.session = new } else { shared.session = nil }
      }
      for contention in contentions { contention.observe(event) }
    }
    for set in self.semaphores.withLock({ Array($0.values) }) { set.observe(event) }
  }
}

extension ZooKeeperLocks.Configuration {
  /// Where the locks of a client live. Below different roots, one name is different locks.
  func backend(of client: ZooKeeperClient) -> LockBackend {
    LockBackend(kind: "zookeeper", instance: client.connectString + (self.root == "/" ? "" : self.root))
  }
}
