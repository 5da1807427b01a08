#if Etcd
public import Latchkey
internal import LatchkeyPrimitives

/// The locks that one etcd client contends for.
///
/// ```swift
/// try await EtcdClient.withClient(EtcdClient.Configuration(endpoints: ["etcd1:2379", "etcd2:2379"])) { client in
///   let locks = EtcdLocks(client: client)
///   try await locks.lock("orders").withLock { held, token in
///     try await orders.save(order, fencedBy: token)
///   }
/// }
/// ```
///
/// All locks of a client share its lease: when that is over, all grants are lost. Tasks of one client that want the same lock
/// stand in a line within the process, and only the first has a key at the servers. The keys are laid out as etcd's own
/// `clientv3/concurrency` has them, so `etcdctl lock orders` and Go programs exclude us and are excluded.
public final class EtcdLocks: LockProvider {
  /// How locks are mapped to keys.
  public struct Configuration: Sendable {
    /// What all keys begin with; nothing by default. The keys of the lock `orders` are `<prefix>orders/…`.
    public var prefix = ""

    /// How long a try (`tryAcquire`, `withLockIfAvailable`, a budget of zero) waits for the servers' answer, and how long any
    /// wait waits for the servers' first answer, connecting included; two seconds by default. A wait that has been answered
    /// once rides out what comes later, as long as its budget lasts.
    public var answerTimeout = Duration.seconds(2)

    /// A word about this contender that is shown to people who look at the lock.
    public var label: String?

    /// What the locks tell of themselves.
    public var observability = LockObservability()

    /// The defaults.
    public init() {}
  }

  let client: EtcdClient
  let configuration: Configuration
  let backend: LockBackend
  let observer: LockObserver
  let value: [UInt8]
  let number: UInt64
  /// After how many sweeps that find nothing a request without an answer counts as lost: five minutes, and three sweeps at least.
  let sweeps: Int
  /// How this process is shown to others as the holder.
  let ownDescription: String
  let contentions: ContentionTable<KeyQueueBackend>
  private let registrations = Locked<(observer: UInt64?, ticker: EtcdClient.Ticker?)>((nil, nil))

  /// Makes the locks of a client.
  ///
  /// - Parameters:
  ///   - client: The client; it must outlive every lease.
  ///   - configuration: How locks are mapped to keys.
  public convenience init(client: EtcdClient, configuration: Configuration = Configuration()) {
    let text = ContenderDescription.text(label: configuration.label)
    self.init(client: client, configuration: configuration, value: Array(text.utf8))
  }

  /// - Parameter value: What our keys say.
  init(client: EtcdClient, configuration: Configuration, value: [UInt8]) {
    self.client = client
    self.number = client.nextNumber()
    self.configuration = configuration
    self.backend = configuration.backend(of: client)
    self.observer = LockObserver(configuration.observability, kind: self.backend.kind)
    self.value = value
    self.sweeps = max(3, Int((Duration.seconds(300) / client.configuration.recheckInterval).rounded(.up)))
    let note = String(decoding: value, as: UTF8.self)
    self.ownDescription = ContenderDescription.name(note: note, identity: ContenderDescription.thisProcess(label: nil))
    self.contentions = ContentionTable(shared: nil)
    let observer = client.keeper.addObserver { [weak self] event in self?.observe(event) }
    let ticker = client.every(client.configuration.recheckInterval) { [weak self] in
      for contention in self?.contentions.all ?? [] { contention.handle(.recheck) }
    }
    self.registrations.withLock { $0 = (observer, ticker) }
    self.contentions.update { session in if session == nil { session = client.keeper.session } }
  }

  deinit {
    let (observer, ticker) = self.registrations.withLock { $0 }
    if let observer { self.client.keeper.removeObserver(observer) }
    ticker?.cancel()
  }

  /// The lock of a name; its keys are `<prefix><name>/…`.
  ///
  /// - Parameter name: The name that contenders agree on.
  /// - Returns: The lock.
  public func lock(_ name: LockName) -> EtcdLock { EtcdLock(name: name, locks: self) }

  private func observe(_ event: EtcdSessionEvent) {
    let contentions = self.contentions.update { session in
      switch event {
      case .began(let new): session = new
      case .ended(let old): if session === old { session = nil }
      case .closed: session = nil
      }
    }
    for contention in contentions { contention.observe(event) }
  }
}

extension EtcdLocks.Configuration {
  /// Where the locks of a client live. Below different prefixes, one name is different locks.
  func backend(of client: EtcdClient) -> LockBackend {
    let instance = client.configuration.endpoints.joined(separator: ",")
    return LockBackend(kind: "etcd", instance: self.prefix.isEmpty ? instance : "\(instance)/\(self.prefix)")
  }
}
#endif
